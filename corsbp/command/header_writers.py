"""Who writes an app's headers of CORS: noted in Sanic's and our own classes, while an app is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from multidict import CIMultiDict
from sanic.compat import Header
from sanic.response import BaseHTTPResponse

from corsbp.app.other_cors import package_of
from corsbp.app.send import SendWrapper
from corsbp.spec.fetch import ALLOW_ORIGIN, PREFIX

OURS: Final = "corsbp"
OWN: Final = "its own code"
"""Whoever is no package for CORS: handlers and middleware of the app, and what they raise."""

_NOTES: Final = "corsbp_written_by"
"""In the instance of a response's headers: by name, who was the last to write it."""
_KEEPS: Final = MappingProxyType(
    {
        "__init__": False,
        "__setitem__": False,
        "add": False,
        "extend": False,
        "update": False,
        "setdefault": True,
        "merge": True,  # which multidict has since 6.6
    }
)
"""How headers are written, and whether what is there stays."""


class Writers:
    """To be entered before an app is asked, and left after: all is as it was then.

    A package for CORS writes its headers with a line of its own: the one that calls Sanic's `Header`. What
    Sanic writes there, it was given by the app: `headers=` of a response, or of an exception.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        """Whose headers of CORS the answer has that left last; None if it has none."""
        self._stack = ExitStack()

    def __enter__(self) -> Writers:
        for name in filter(partial(hasattr, Header), _KEEPS):
            self._put(Header, name, _noting(getattr(Header, name), _KEEPS[name]))
        for cls, whose in ((BaseHTTPResponse, _whose), (SendWrapper, lambda _: OURS)):
            self._put(
                cls, "processed_headers", property(self._seeing(vars(cls)["processed_headers"].fget, whose))
            )
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _put(self, cls: type, name: str, value: object) -> None:
        """Set an attribute of a class, until the end."""
        if name in vars(cls):
            self._stack.callback(setattr, cls, name, vars(cls)[name])
        else:
            self._stack.callback(delattr, cls, name)
        setattr(cls, name, value)

    def _seeing(self, read: Callable[[Any], Any], whose: Callable[[Any], str | None]) -> Callable[[Any], Any]:
        """What reads the headers of an answer as it leaves. A section's are read after those of others."""

        def processed_headers(answer: Any) -> Any:
            headers = read(answer)
            self.last = whose(answer)
            return headers

        return processed_headers


def _noting(write: Callable[..., Any], keeps: bool) -> Callable[..., Any]:
    def noting(self: Any, *args: Any, **named: Any) -> Any:
        args = tuple(list(each) if isinstance(each, Iterator) else each for each in args)
        there = {name.lower() for name in self} if keeps else ()
        done = write(self, *args, **named)
        alone = CIMultiDict[Any]()
        write(alone, *args, **named)  # once more, to see what it was
        by = package_of(sys._getframe(1).f_globals.get("__name__", "")) or OWN
        copied = vars(args[0]).get(_NOTES, {}) if args and isinstance(args[0], Header) else {}
        notes = vars(self).setdefault(_NOTES, {})
        for name in map(str.lower, alone):
            if name.startswith(PREFIX) and name not in there:
                notes[name] = copied.get(name, by)
        return done

    return noting


def _whose(response: BaseHTTPResponse) -> str | None:
    names = {name.lower() for name in response.headers if name.lower().startswith(PREFIX)}
    if not names:
        return None
    notes: dict[str, str] = getattr(response.headers, "__dict__", {}).get(_NOTES, {})
    return notes.get(ALLOW_ORIGIN if ALLOW_ORIGIN in names else min(names), OWN)  # which wrote before we came
