"""What an app saw: requests as they came, answers as they went."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from sanic import Sanic

from corsbp.spec.fetch import ORIGIN, PREFIX, REQUEST_METHOD, VARY

SEEN_AT_MOST: Final = 200
"""Exchanges that are remembered: a call of the page is asked about as soon as it is over."""
ASKED: Final = {"authorization", "content-type", "cookie", ORIGIN}
ANSWERED: Final = {"location", "set-cookie", VARY}
"""Headers that are shown with an exchange, beside those of CORS and those that were typed in."""
SECRET: Final = {"authorization", "cookie", "set-cookie"}
"""Headers of which it only matters that they came: the page may end up in a screenshot."""


@dataclass(slots=True)
class Exchange:
    """A request as it came, and its answer as it went."""

    number: int
    method: str
    target: str
    asked: list[tuple[str, str]]
    status: int | None = None
    answered: list[tuple[str, str]] | None = None

    @property
    def preflight(self) -> bool:
        return self.method == "OPTIONS" and self.asks(REQUEST_METHOD) is not None

    def asks(self, name: str) -> str | None:
        """The value of a request header."""
        return next((value for key, value in self.asked if key == name), None)

    def in_short(self, more: set[str]) -> dict[str, Any]:
        """What of it matters for CORS, for the page; `more`: headers that it set."""
        return {
            "method": self.method,
            "target": self.target,
            "preflight": self.preflight,
            "asked": _telling(self.asked, ASKED | more),
            "status": self.status,
            "answered": _telling(self.answered or [], ANSWERED),
        }


def _telling(headers: list[tuple[str, str]], names: set[str]) -> list[tuple[str, str]]:
    return [
        (name, "(sent, not shown here)" if name in SECRET else value)
        for name, value in headers
        if name in names or name.startswith(PREFIX)
    ]


class Watch:
    """The last requests and answers of an app, byte for byte as they came and went, errors included.

    Sanic tells of both in the task of their connection, so that an answer finds its request by the context.
    """

    def __init__(self) -> None:
        self.seen: deque[Exchange] = deque(maxlen=SEEN_AT_MOST)
        self.count = 0
        self._now: ContextVar[Exchange | None] = ContextVar("now", default=None)

    def over(self, app: Sanic[Any, Any]) -> None:
        """Watch an app that does not run yet."""
        app.add_signal(self.came, "http.lifecycle.read_head")
        app.add_signal(self.went, "http.lifecycle.send")

    async def came(self, head: bytes, **_: Any) -> None:
        """The head of a request."""
        line, headers = parsed(head)
        method, target, *_rest = line.split(" ")
        self.count += 1
        exchange = Exchange(self.count, method, target, headers)
        self._now.set(exchange)
        self.seen.append(exchange)

    async def went(self, data: bytes, **_: Any) -> None:
        """A part of an answer, the first of which is its head."""
        exchange = self._now.get()
        data = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        if exchange is not None and exchange.status is None and data:
            line, exchange.answered = parsed(data.partition(b"\r\n\r\n")[0])
            exchange.status = int(line.split(" ")[1])

    def since(self, number: int, origin: str) -> list[Exchange]:
        """What a page of this origin asked for after the request with this number."""
        known = {origin, "null"}  # which it becomes by a redirect
        return [each for each in self.seen.copy() if each.number > number and each.asks(ORIGIN) in known]


def parsed(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """The first line of a request or an answer, and its headers, their names in lower case."""
    line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in lines)
    return line, [(name.lower(), value.strip()) for name, _, value in pairs]
