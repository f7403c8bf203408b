"""The Pythons in which the layers run, and the child processes.

sanic-cors does nothing where sanic-ext is installed: it gets an
environment of its own, with the versions of this one, in the user's cache directory.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
PEERS = {"sanic-cors": "sanic-cors==2.2.0"}
# The packages that a bare Sanic spends its time in must be the same on both sides.
SAME_HERE_AND_THERE = ("sanic", "sanic-routing", "multidict", "httptools", "uvloop")


class NotInstalledError(Exception):
    """An error: a layer cannot run here; its row shows the message."""


def interpreter(peer: str, *, given: Path | None = None, install: bool = True) -> str:
    """Return the Python for a layer: this one, or one where ``peer`` is installed and sanic-ext is not."""
    if not peer:
        return sys.executable
    if given is not None:
        if not given.exists():
            raise NotInstalledError(f"there is no {given}")
        return str(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "corsbp-benchmarks"
    versions = [
        f"{name}=={importlib.metadata.version(name)}" for name in SAME_HERE_AND_THERE if _installed(name)
    ]
    home = cache / "-".join(
        [PEERS[peer], versions[0], f"python{sys.version_info.major}.{sys.version_info.minor}"]
    )
    python = home / "bin" / "python"
    ready = home / "ready"  # written last, so that an incomplete environment is made again
    if not ready.exists():
        if not install:
            raise NotInstalledError("its environment is not made yet, and may not be with --no-install")
        try:
            _run([sys.executable, "-m", "venv", "--clear", str(home)])
            _run([str(python), "-m", "pip", "install", "--quiet", PEERS[peer], *versions])
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotInstalledError(f"its environment could not be made: {error}") from error
        ready.touch()
    return str(python)


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


def run_module(python: str, module: str, *arguments: str) -> dict[str, Any]:
    """Run a module of this package to its end; its output is one line of JSON."""
    command = [python, "-m", f"tests.benchmarks.{module}", *arguments]
    # As where a package is installed: its bytecode is there, and to compile it is no part of a start.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    response: dict[str, Any] = json.loads(done.stdout)
    return response


class Worker:
    """The child process of one layer, driven over its pipes; driver.py has its commands."""

    def __init__(self, python: str, layer: str, *, hash_seed: int) -> None:
        self.layer = layer
        self.process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.driver", layer],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, traceback: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()  # ends the loop of the child over its input
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def reply(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.layer!r} ended; its standard error says why")
        response: dict[str, Any] = json.loads(line)
        if "failed" in response:
            raise RuntimeError(f"the app of {self.layer!r} does not start: {response['failed']}")
        if "missing" in response:
            raise NotInstalledError(response["missing"])
        return response

    def ask(self, **command: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.reply()
