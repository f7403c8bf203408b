"""Import an app that is named as `module:app`, and keep what it prints and logs apart."""

from __future__ import annotations

import gc
import importlib
import inspect
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from rich.console import Console
from sanic import Sanic

from corsbp.app.section import Section, existing_sections
from corsbp.policy.problems import CorsPolicyError, CorsPolicyWarning
from corsbp.text import safe_repr

from .errors import CommandError
from .source_lines import is_own, locate_error

_python_format: Final = warnings.formatwarning

LOGGERS: Final = (None, "sanic.root", "sanic.error", "corsbp", "httpx", "httpcore")


@contextmanager
def redirect_app_output(err: Console, task: str) -> Iterator[None]:
    """Send what the app prints to stderr, while its code runs; on a terminal, show a spinner."""
    spinner = err.status(task) if err.is_terminal and sys.stderr.isatty() else nullcontext()
    format_before, warnings.formatwarning = warnings.formatwarning, _format_warning
    try:
        with spinner, redirect_stdout(sys.stderr):
            yield
    finally:
        warnings.formatwarning = format_before


def _format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Format a warning of corsbp as one line; Python would add the line of Sanic that runs a listener."""
    if not issubclass(category, CorsPolicyWarning):
        return _python_format(message, category, filename, lineno, line)
    where = f" ({os.path.relpath(filename)}, line {lineno})" if is_own(filename) else ""
    return f"warning: {message}{where}\n"


@contextmanager
def collect_errors() -> Iterator[list[str]]:
    """Keep log records out of the output; collect the errors among them, one line each."""
    lines: list[str] = []
    collector = logging.Handler(logging.ERROR)
    collector.emit = lambda record: lines.append(_format_record(record))  # type: ignore[method-assign]  # a handler of one line
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(each, each.level, each.propagate, each.handlers[:]) for each in loggers]
    for logger in loggers:
        logger.propagate, logger.handlers[:] = False, [collector]
        logger.setLevel(logging.ERROR)
    try:
        yield lines
    finally:
        for logger, level, propagate, handlers in before:
            logger.propagate, logger.handlers[:] = propagate, handlers
            logger.setLevel(level)


def _format_record(record: logging.LogRecord) -> str:
    """Format a log record as one line, with the exception if it has one."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return record.getMessage()
    return f"{record.getMessage().splitlines()[0]}: {format_error(error)}"


@contextmanager
def collect_sections() -> Iterator[list[Section]]:
    """Collect the sections that are made meanwhile; the list is filled on leaving.

    Python's garbage collector is off meanwhile: otherwise chance would decide whether it removes a section
    that the app dropped before this function lists it.
    """
    before = set(existing_sections())
    was_enabled = gc.isenabled()
    made: list[Section] = []
    gc.disable()
    try:
        yield made
        made += (each for each in existing_sections() if each not in before)
    finally:
        if was_enabled:
            gc.enable()


# --- the app ---


def load_app(target: str) -> Sanic[Any, Any]:
    """Return the app that `module:app` names: an app, or a function without arguments that returns one.

    The current directory comes first in the search path, as with the command `sanic`. Without `:app`, the
    name is `app`.

    Raises:
        CommandError: the module cannot be imported, or it has no such app.
    """
    name, _, attribute = target.partition(":")
    attribute = attribute.removesuffix("()") or "app"
    # Shells complete file names: `shop` becomes `shop.py`.
    if name.endswith(".py") or os.sep in name:
        module_name = ".".join(Path(name).with_suffix("").parts).lstrip(".")
        raise CommandError(f"{safe_repr(name)} is a file; meant: {module_name}:{attribute}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module = _import_module(name)
    found = getattr(module, attribute, None)
    if found is None:
        raise CommandError(f"{name} has no {safe_repr(attribute)}; {_list_apps(module, name)}")
    if callable(found) and not isinstance(found, Sanic):
        found = _call_factory(found, f"{name}:{attribute}")
    if not isinstance(found, Sanic):
        raise CommandError(f"{target} is {safe_repr(found)}, not a Sanic app")
    return found


def _call_factory(factory: Any, name: str) -> object:
    """Call a function that makes an app."""
    if required := _required_parameters(factory):
        wrapper = (
            f"def make_app(): return {name.partition(':')[2]}({', '.join(f'{each}=…' for each in required)})"
        )
        raise CommandError(f"{name} takes arguments; name a function without any, as in {wrapper}")
    try:
        made = factory()
    except (Exception, SystemExit) as error:
        raise CommandError(f"{name}() failed: {format_error(error)}") from error
    if inspect.iscoroutine(made):
        made.close()
        raise CommandError(f"{name} is a coroutine function: the function that makes the app cannot be async")
    return made


def _required_parameters(factory: Any) -> list[str]:
    """Return the names of the parameters without a default."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except ValueError:  # of some classes of Python's own
        return []
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in starred]


def _list_apps(module: ModuleType, name: str) -> str:
    """List the apps of a module, and suggest an app or a function that may make one."""
    apps = [key for key, value in vars(module).items() if isinstance(value, Sanic)]
    factories = [key for key, value in vars(module).items() if _is_factory(value, name)]
    factories.sort(key=lambda key: "app" not in key)
    text = f"apps there: {', '.join(apps)}" if apps else "there is no app in it"
    if apps or factories:
        text += f"; meant: {name}:{(apps or factories)[0]}"
    return text


def _is_factory(value: object, module_name: str) -> bool:
    """Return whether a value is a function without arguments that this module defines."""
    if not inspect.isfunction(value) or value.__module__ != module_name:
        return False
    return not inspect.iscoroutinefunction(value) and not inspect.signature(value).parameters


# --- its module ---


def _import_module(name: str) -> ModuleType:
    if not name:
        raise CommandError("MODULE:APP has no module: write shop:app")
    if name in ("http", "https"):
        raise CommandError("a URL is for explain: corsbp explain URL --origin …")
    try:
        return importlib.import_module(name)
    except CorsPolicyError as error:
        where = locate_error(error)
        raise CommandError(f"{name} could not be imported ({where}). {error}") from error
    except ModuleNotFoundError as error:
        raise CommandError(_describe_missing_module(name, error)) from error
    except (Exception, SystemExit) as error:
        raise CommandError(f"{name} could not be imported: {format_error(error)}") from error


def _describe_missing_module(name: str, error: ModuleNotFoundError) -> str:
    """Describe a missing module: the target itself, or another module that it imports."""
    if error.name is None or not f"{name}.".startswith(f"{error.name}."):
        return f"{name} could not be imported: {format_error(error)}"
    text = f"{safe_repr(name)} could not be imported: no module {safe_repr(error.name)}, from {os.getcwd()}"
    parent, _, last = name.rpartition(".")
    if error.name == name and parent and hasattr(sys.modules.get(parent), last):
        return f"{text}; meant: {parent}:{last}"
    modules = sorted(path.stem for path in Path.cwd().glob("*.py"))
    packages = sorted(path.parent.name for path in Path.cwd().glob("*/__init__.py"))
    similar = get_close_matches(name.partition(".")[0], modules + packages)
    return f"{text}; meant: {similar[0]}" if similar else text


# --- errors ---


def format_error(error: BaseException) -> str:
    """Format an error as one line, with the last line of the app's own code that led to it."""
    where = locate_error(error)
    return f"{type(error).__name__}: {error} ({where})" if where else f"{type(error).__name__}: {error}"
