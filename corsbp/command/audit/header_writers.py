"""Find the code that wrote the CORS headers of a response, while an app runs in memory."""

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

CORSBP: Final = "corsbp"
APP_CODE: Final = "the app's code"
"""Handlers, middleware and exceptions of the app: everything but a CORS package."""

_WRITERS: Final = "corsbp_writers"
"""An attribute of a response's headers: by header name, the last writer."""

_KEEPS_VALUES: Final = MappingProxyType(
    {
        "__init__": False,
        "__setitem__": False,
        "add": False,
        "extend": False,
        "update": False,
        "setdefault": True,
        "merge": True,  # multidict 6.6 and later
    }
)
"""The methods that write headers, and whether they keep the values that are there."""


class HeaderWriters:
    """A context manager that records the writer of each CORS header; on leaving it undoes its patches.

    A CORS package writes its headers in a line of its own, which calls Sanic's `Header`: the module of that
    line tells which package it is. What Sanic itself writes there comes from the app: `headers=` of a
    response or of an exception.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        """The writer of the CORS headers of the last response; None if it had none."""
        self._undo = ExitStack()

    def __enter__(self) -> HeaderWriters:
        for name in filter(partial(hasattr, Header), _KEEPS_VALUES):
            self._patch(Header, name, _recording(getattr(Header, name), _KEEPS_VALUES[name]))
        self._observe(BaseHTTPResponse, _writer_of)
        # A section's headers come last: its wrapper is read after the response that it wraps.
        self._observe(SendWrapper, lambda _: CORSBP)
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    def _patch(self, cls: type, name: str, value: object) -> None:
        """Set an attribute of a class, until the end."""
        if name in vars(cls):
            self._undo.callback(setattr, cls, name, vars(cls)[name])
        else:
            self._undo.callback(delattr, cls, name)
        setattr(cls, name, value)

    def _observe(self, cls: type, writer_of: Callable[[Any], str | None]) -> None:
        """Record the writer each time that a server reads the headers of a response, as it sends them."""
        read = vars(cls)["processed_headers"].fget

        def processed_headers(response: Any) -> Any:
            headers = read(response)
            self.last = writer_of(response)
            return headers

        # Servers read this property once for each response, as its head leaves.
        self._patch(cls, "processed_headers", property(processed_headers))


def _recording(write: Callable[..., Any], keeps_values: bool) -> Callable[..., Any]:
    """Wrap a method of `Header`: it also notes which module called it, for each CORS header."""

    def recording(self: Any, *args: Any, **named: Any) -> Any:
        args = tuple(list(each) if isinstance(each, Iterator) else each for each in args)
        kept = {name.lower() for name in self} if keeps_values else ()
        result = write(self, *args, **named)
        # The same call on an empty dictionary shows the names that it writes, whatever its arguments are.
        written = CIMultiDict[Any]()
        write(written, *args, **named)
        caller = package_of(sys._getframe(1).f_globals.get("__name__", "")) or APP_CODE
        copied = vars(args[0]).get(_WRITERS, {}) if args and isinstance(args[0], Header) else {}
        writers = vars(self).setdefault(_WRITERS, {})
        for name in map(str.lower, written):
            if name.startswith(PREFIX) and name not in kept:
                writers[name] = copied.get(name, caller)
        return result

    return recording


def _writer_of(response: BaseHTTPResponse) -> str | None:
    """Return the writer of a response's CORS headers: of the allowed origin, if it is there."""
    names = {name.lower() for name in response.headers if name.lower().startswith(PREFIX)}
    if not names:
        return None
    writers: dict[str, str] = getattr(response.headers, "__dict__", {}).get(_WRITERS, {})
    # Headers without a writer are older than the patches: the app made the response before it started.
    return writers.get(ALLOW_ORIGIN if ALLOW_ORIGIN in names else min(names), APP_CODE)
