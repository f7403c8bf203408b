"""`module:app` as typed: the app, or a word on what was found instead."""

from __future__ import annotations

import gc
import importlib
import inspect
import logging
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from sanic import Sanic

from corsbp.app.section import Section, existing_sections
from corsbp.policy.problems import CorsPolicyError
from corsbp.text import safe_repr

from .errors import CommandError


@contextmanager
def aside(err: Console, doing: str) -> Iterator[None]:
    """While the app's own code runs: what it prints is not what the command prints. A spinner, for people."""
    spinner = err.status(doing) if err.is_terminal and sys.stderr.isatty() else nullcontext()
    with spinner, redirect_stdout(sys.stderr):
        yield


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep what is logged from what the command says; yields the errors among it, a line each."""
    lines: list[str] = []
    collect = logging.Handler(logging.ERROR)
    collect.emit = lambda record: lines.append(_logged(record))  # type: ignore[method-assign]  # a handler of one line
    names = (None, "sanic.root", "sanic.error", "corsbp", "httpx", "httpcore")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, each.level, each.propagate, each.handlers[:]) for each in loggers]
    for each in loggers:
        each.propagate, each.handlers[:] = False, [collect]
        each.setLevel(logging.ERROR)
    try:
        yield lines
    finally:
        for each, level, propagate, handlers in before:
            each.propagate, each.handlers[:] = propagate, handlers
            each.setLevel(level)


def _logged(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return f"{record.getMessage().splitlines()[0]}: {_last_line(error)}" if error else record.getMessage()


@contextmanager
def groups() -> Iterator[list[Section]]:
    """Find the sections that are made meanwhile; the list that is yielded has them at the end.

    Nothing is collected meanwhile: else it would be chance whether one is found that nobody keeps.
    """
    before, resume = set(existing_sections()), gc.enable if gc.isenabled() else gc.disable
    found: list[Section] = []
    gc.disable()
    try:
        yield found
        found += (each for each in existing_sections() if each not in before)
    finally:
        resume()


def load(target: str) -> Sanic[Any, Any]:
    """The app that `module:app` names: an app, or a function without arguments that makes one.

    The module is looked for in the current directory first, as by `sanic` itself. Without `:app`, the name is
    `app`.

    Raises:
        CommandError: there is no such module, or no app in it; or importing it failed.
    """
    name, _, attribute = target.partition(":")
    attribute = attribute.removesuffix("()") or "app"
    if name.endswith(".py") or os.sep in name:
        meant = ".".join(Path(name).with_suffix("").parts).lstrip(".")
        raise CommandError(f"{safe_repr(name)} is a file; meant: {meant}:{attribute}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module = _module(name)
    found = getattr(module, attribute, None)
    if found is None:
        apps = [key for key, value in vars(module).items() if isinstance(value, Sanic)]
        makers = [key for key, value in vars(module).items() if _may_make(value, name)]
        makers.sort(key=lambda key: "app" not in key)
        there = f"apps there: {', '.join(apps)}" if apps else "there is no app in it"
        meant = f"; meant: {name}:{(apps or makers)[0]}" if apps or makers else ""
        raise CommandError(f"{name} has no {safe_repr(attribute)}; {there}{meant}")
    if callable(found) and not isinstance(found, Sanic):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise CommandError(f"{name}:{attribute}() failed: {_last_line(error)}") from error
        if inspect.iscoroutine(found):
            found.close()
            raise CommandError(
                f"{name}:{attribute} is a coroutine: a function that makes an app is no async one"
            )
    if not isinstance(found, Sanic):
        raise CommandError(f"{target} is {safe_repr(found)}, which is no Sanic app")
    return found


def _may_make(value: object, module: str) -> bool:
    """Whether something in a module is a function without arguments, declared there."""
    if not inspect.isfunction(value) or value.__module__ != module:
        return False
    return not inspect.iscoroutinefunction(value) and not inspect.signature(value).parameters


def _module(name: str) -> Any:
    if not name:
        raise CommandError("MODULE:APP has no module: as in shop:app")
    if name in ("http", "https"):
        raise CommandError("a URL is for explain: corsbp explain URL --origin …")
    try:
        return importlib.import_module(name)
    except CorsPolicyError as error:
        raise CommandError(f"{name} could not be imported. {error}") from error
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise CommandError(f"{name} could not be imported: {_last_line(error)}") from error
        here = sorted(path.stem for path in Path.cwd().glob("*.py")) + sorted(
            path.parent.name for path in Path.cwd().glob("*/__init__.py")
        )
        near = get_close_matches(name.partition(".")[0], here)
        parent, _, last = name.rpartition(".")
        meant = f"; meant: {near[0]}" if near else ""
        if error.name == name and parent and hasattr(sys.modules.get(parent), last):
            meant = f"; meant: {parent}:{last}"
        tried = f"no module {safe_repr(error.name)}, from {os.getcwd()}"
        raise CommandError(f"{safe_repr(name)} could not be imported: {tried}{meant}") from error
    except (Exception, SystemExit) as error:
        raise CommandError(f"{name} could not be imported: {_last_line(error)}") from error


def _last_line(error: BaseException) -> str:
    """An error in a line, with the last line of the app's own code that led to it."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_code(each.filename)]
    theirs = [each for each in frames if not any(map(Path(each.filename).is_relative_to, INSTALLED))]
    last = (theirs or frames)[-1:]
    where = f" ({os.path.relpath(last[0].filename)}, line {last[0].lineno})" if last else ""
    return f"{type(error).__name__}: {error}{where}"


INSTALLED: Final = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
"""Where the code of nobody's app is: Python's own, and what pip installs."""


def _is_code(file: str) -> bool:
    return not file.startswith("<") and not Path(file).is_relative_to(Path(__file__).parent)
