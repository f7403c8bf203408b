"""Programs: find them, start them, wait until they are ready, and end all of them."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ..support import skip_or_fail

GUARD = Path(__file__).with_name("guard.py")
T = TypeVar("T")


class ProgramError(Exception):
    """An installed program ends, or is not ready in time."""


def installed(program: str, package: str) -> str:
    """Return the path of a program. Without it, skip the test, or fail with `CORSBP_SKIP_NOTHING`."""
    if program.startswith("/"):
        path = max(glob.glob(program), default=None)
    else:
        path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if path is None:
        skip_or_fail(f"{program} is not installed: apt-get install --no-install-recommends {package}")
    return path


class Program:
    """A running program and its output."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def until(self, ready: Callable[[], T | None], what: str, seconds: float = 60) -> T:
        """Wait until `ready()` returns something true; fail when the program ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not (result := ready()):
            if not self.alive():
                raise ProgramError(f"ended before {what}: {self.read_output()}")
            if time.monotonic() > deadline:
                raise ProgramError(f"not {what} within {seconds} s: {self.read_output()}")
            time.sleep(0.01)
        return result

    def alive(self) -> bool:
        return self.process.poll() is None

    def read_output(self) -> str:
        return self.output.read_text(errors="replace")[-4000:]


@contextmanager
def running(
    command: Sequence[str | os.PathLike[str]],
    output: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Iterator[Program]:
    """Run `command` in its own process group for as long as the block and the tests last."""
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", GUARD, *command],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    try:
        yield Program(process, output)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
