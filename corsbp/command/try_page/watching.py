"""The requests and responses of an app while it is served."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from sanic import Sanic

from corsbp.command.refused_requests import IDS
from corsbp.decision.refusal import Refusal
from corsbp.report.signals import SIGNAL
from corsbp.spec.fetch import ORIGIN, PREFIX, REQUEST_METHOD, VARY

Headers = list[tuple[str, str]]

MAX_EXCHANGES: Final = 200
"""Exchanges that are kept: the page requests those of a call as soon as the call is over."""

REQUEST_HEADERS: Final[set[str]] = {"authorization", "content-type", "cookie", ORIGIN}
RESPONSE_HEADERS: Final[set[str]] = {"location", "set-cookie", VARY}
"""Headers that the page shows, beside those of CORS and those that the user typed."""

SECRET: Final = {"authorization", "cookie", "set-cookie"}
"""Headers whose values the page hides: it may end up in a screenshot."""


@dataclass(slots=True)
class Exchange:
    """A request, and its response as soon as there is one."""

    number: int
    method: str
    target: str
    request_headers: Headers
    status: int | None = None
    response_headers: Headers | None = None
    refusal: str | None = None
    """The reason why the app refused the request, with its id; None if it did not."""

    @property
    def is_preflight(self) -> bool:
        """The request asks for a permission. https://fetch.spec.whatwg.org/#cors-preflight-request"""
        return self.method == "OPTIONS" and self.request_header(REQUEST_METHOD) is not None

    def request_header(self, name: str) -> str | None:
        """Return the value of a request header."""
        return next((value for key, value in self.request_headers if key == name), None)

    def to_dict(self, typed: set[str]) -> dict[str, Any]:
        """Return what the page shows; `typed` has the names of the headers that the user typed."""
        return {
            "method": self.method,
            "target": self.target,
            "preflight": self.is_preflight,
            "requestHeaders": _select(self.request_headers, REQUEST_HEADERS | typed),
            "status": self.status,
            "responseHeaders": _select(self.response_headers or [], RESPONSE_HEADERS),
        }


def _select(headers: Headers, names: set[str]) -> Headers:
    """Select headers by name, and all headers of CORS; hide the values of secret ones."""
    return [
        (name, "(sent, not shown here)" if name in SECRET else value)
        for name, value in headers
        if name in names or name.startswith(PREFIX)
    ]


class Watch:
    """The last requests and responses of an app, errors included, read from the bytes on the wire.

    Sanic sends the signals for both in the task of their connection. So a context variable leads from a
    response to its request.
    """

    def __init__(self) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=MAX_EXCHANGES)
        self.count: int = 0
        self._current: ContextVar[Exchange | None] = ContextVar("current", default=None)

    def attach(self, app: Sanic[Any, Any]) -> None:
        """Watch an app that is not started yet."""
        # Signals, not middleware: middleware sees neither preflights of a section nor errors of the router.
        app.add_signal(self.on_request_head, "http.lifecycle.read_head")
        app.add_signal(self.on_send, "http.lifecycle.send")
        app.add_signal(self.on_refusal, SIGNAL)

    async def on_request_head(self, head: bytes, **_: Any) -> None:
        """Note a request."""
        line, headers = parse_head(head)
        method, target, *_rest = line.split(" ")
        self.count += 1
        exchange = Exchange(self.count, method, target, headers)
        self._current.set(exchange)
        self.exchanges.append(exchange)

    async def on_send(self, data: bytes, **_: Any) -> None:
        """Note a response: the first part that Sanic sends is its head."""
        exchange = self._current.get()
        # It comes before the response, and would be taken for it.
        data = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        if exchange is not None and exchange.status is None and data:
            line, exchange.response_headers = parse_head(data.partition(b"\r\n\r\n")[0])
            exchange.status = int(line.split(" ")[1])

    async def on_refusal(self, refusal: Refusal, report_only: bool, **_: Any) -> None:
        """Note that the app refused a request; Sanic calls this with the context of that request."""
        exchange = self._current.get()
        if exchange is not None and refusal.id in IDS and not report_only:
            exchange.refusal = f"{refusal.id}: {refusal.words}"

    def exchanges_after(self, number: int, origin: str) -> list[Exchange]:
        """Return the exchanges of a page of this origin after the request with this number."""
        origins = {origin, "null"}  # A redirect to another origin makes it null.
        return [
            each
            for each in self.exchanges.copy()
            if each.number > number and each.request_header(ORIGIN) in origins
        ]


def parse_head(head: bytes) -> tuple[str, Headers]:
    """Return the first line of a request or response, and its headers with names in lower case."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, [(name.lower(), value.strip()) for name, _, value in pairs]
