"""`module:app` as typed: the app, or a word on what was found instead."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sanic import Sanic
from sanic.log import logger

from corsbp.errors import CorsPolicyError
from corsbp.journal import shown


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what Sanic says of its starting, on the standard output, from what the command says there."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class CommandError(Exception):
    """What is said instead of a traceback, with the exit status 2."""


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
        raise CommandError(f"{shown(name)} is a file; meant: {meant}:{attribute}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module = _module(name)
    found = getattr(module, attribute, None)
    if found is None:
        apps = [key for key, value in vars(module).items() if isinstance(value, Sanic)]
        near = get_close_matches(attribute, [key for key in vars(module) if not key.startswith("_")])
        there = f"apps there: {', '.join(apps)}" if apps else "there is no app in it"
        meant = f"; meant: {name}:{(apps or near)[0]}" if apps or near else ""
        raise CommandError(f"{name} has no {shown(attribute)}; {there}{meant}")
    if callable(found) and not isinstance(found, Sanic):
        try:
            found = found()
        except Exception as error:
            raise CommandError(f"{target}() failed: {_last_line(error)}") from error
    if not isinstance(found, Sanic):
        raise CommandError(f"{target} is {shown(found)}, which is no Sanic app")
    return found


def _module(name: str) -> Any:
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
        meant = f"; meant: {near[0]}" if near else ""
        tried = f"no module {shown(error.name)}, from {os.getcwd()}"
        raise CommandError(f"{shown(name)} could not be imported: {tried}{meant}") from error
    except (ImportError, ValueError, TypeError) as error:
        raise CommandError(f"{shown(name)} could not be imported: {_last_line(error)}") from error
    except Exception as error:
        raise CommandError(f"{name} could not be imported: {_last_line(error)}") from error


def _last_line(error: BaseException) -> str:
    """An error in a line, with where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
