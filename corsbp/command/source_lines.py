"""Files and lines of the user's code: of a `cors_group(...)`, of a route's handler, of an error."""

from __future__ import annotations

import inspect
import os
import sysconfig
import traceback
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Final

import corsbp

STANDARD_LIBRARY: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
PACKAGES: Final = frozenset({"site-packages", "dist-packages"})
"""Folders into which pip and Linux distributions install packages."""

CORSBP: Final = Path(corsbp.__file__).parent


def format_line(line: str | None) -> str:
    """Return ` at shop.py:12`, with a path from the current directory; "" if the line is not known."""
    if line is None:
        return ""
    file, _, number = line.rpartition(":")
    return f" at {os.path.relpath(file)}:{number}"


def locate_handler(handler: object) -> str | None:
    """Return file and line where a route is declared; None for handlers that are not the app's own.

    For a decorated function, it is the line of the first decorator: the route's.
    """
    while isinstance(handler, partial):  # as Sanic wraps the handler of a WebSocket
        handler = next(filter(callable, handler.args), handler.func)
    view = getattr(handler, "view_class", None)  # of a class-based view
    if view is not None:
        handler = next((value for value in vars(view).values() if inspect.isfunction(value)), None)
    code = getattr(inspect.unwrap(handler) if callable(handler) else handler, "__code__", None)
    if not isinstance(code, CodeType) or not is_own(code.co_filename):
        return None
    return f"{code.co_filename}:{code.co_firstlineno}"


def locate_error(error: BaseException) -> str:
    """Return `shop.py, line 12`: the last line of the app's own code, else of any code; "" if unknown."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_source(each.filename)]
    own = [each for each in frames if is_own(each.filename)]
    last = (own or frames)[-1:]
    return f"{os.path.relpath(last[0].filename)}, line {last[0].lineno}" if last else ""


def is_own(file: str) -> bool:
    """Return whether a file is of the app: not of Python, nor of an installed package."""
    path = Path(file)
    if file.startswith("<") or PACKAGES.intersection(path.parts):
        return False
    return not any(map(path.is_relative_to, STANDARD_LIBRARY))


def _is_source(file: str) -> bool:
    """Return whether a file exists and is not of this package: `<frozen importlib>` is not a file."""
    return not file.startswith("<") and not Path(file).is_relative_to(CORSBP)
