"""Build an app with PyInstaller, and run it: `python -m tests.project.frozen`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from ..support import ROOT

APP = """
import sys
from sanic import Blueprint, Sanic
from corsbp import CorsPolicy, CorsPolicyError, cors_group
from corsbp.command import main

Sanic("shop").blueprint(cors_group(Blueprint("api")))
try:
    CorsPolicy(allow_origins=["https://*.github.io"], allow_credentials=True)
except CorsPolicyError as error:
    print(error.problems[0].id)
sys.exit(main(sys.argv[1:]))
"""
EXPECTED = {
    ("why", "origin-path"): "An origin has no path.",
    ("why", "preflight-status"): "The preflight response does not have an OK status (200 to 299).",
    ("--version",): "public suffix list of 2",
}


def main() -> None:
    """Build the app in one folder, and check what it prints."""
    if find_spec("PyInstaller") is None:
        sys.exit('This needs the extra "dev" of corsbp: no PyInstaller')
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shop.py").write_text(APP)
        hooks = ROOT / "corsbp" / "_pyinstaller"
        # Sanic needs the data of tracerite, which has no hook
        options = ["--collect-data", "tracerite", "--additional-hooks-dir", f"{hooks}", "--paths", f"{ROOT}"]
        build = [
            sys.executable,
            "-m",
            "PyInstaller",
            "--noconfirm",
            "--log-level",
            "WARN",
            *options,
            "shop.py",
        ]
        subprocess.run(build, cwd=folder, check=True)
        for arguments, expected in EXPECTED.items():
            command = [f"{folder}/dist/shop/shop", *arguments]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert output.startswith("credentials-public-suffix\n") and expected in output, output
            print(*command[1:], "works in a frozen app")


if __name__ == "__main__":
    main()
