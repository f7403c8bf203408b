"""D1: origins that come from a store while the app runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsGroup, CorsPolicy, cors_group, live

from .support import (
    EVIL,
    GRANTED,
    ORIGIN,
    REFUSED,
    TWO,
    Ask,
    ask,
    exchange,
    new_app,
    parse,
    preflight,
    run_anew,
    serve,
)


class Store:
    """What a source follows: `put()` gives it the next value, an exception raises, None ends it."""

    def __init__(self, *first: Any) -> None:
        self.values: asyncio.Queue[Any] = asyncio.Queue()
        self.opened = self.closed = 0
        for value in first:
            self.put(value)

    def put(self, value: Any) -> None:
        self.values.put_nowait(value)

    async def __call__(self, app: Sanic) -> AsyncIterator[Any]:
        self.opened += 1
        try:
            while (value := await self.values.get()) is not None:
                if isinstance(value, BaseException):
                    raise value
                yield value
        finally:
            self.closed += 1


def handler(_: Request) -> HTTPResponse:
    return text("here")


def group_of(**policy: Any) -> CorsGroup:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", name="item", methods=["GET", "PUT"])
    return cors_group(bp, **policy)


async def until(there: Callable[[], Any]) -> None:
    """Until something is so: at the latest in ten seconds."""
    deadline = time.monotonic() + 10
    while not there():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.005)


def run(group: CorsGroup, talk: Callable[[Callable[..., Awaitable[Any]]], Awaitable[Any]]) -> None:
    """Serve a group while `talk(cors)` runs: `await cors(origin)` are the CORS headers that it gets."""

    async def with_port(port: int) -> None:
        async def cors(*origins: str | None) -> Any:
            answers = [parse(await exchange(port, ask("GET", "/api/item", one).raw())) for one in origins]
            assert {answer.status for answer in answers} <= {200}
            return [answer.cors for answer in answers]

        await talk(cors)

    run_anew(serve(new_app(group, TOUCHUP=False), with_port))


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "corsbp" and record.levelno >= level
    ]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SHORTEST_DELAY", 0.01)
    monkeypatch.setattr(live, "LONGEST_DELAY", 0.05)


def test_a_change_is_obeyed() -> None:
    group, store = group_of(allow_origins=[EVIL]), Store([ORIGIN])
    assert group.live is None
    group.follow(store)
    assert group.live == (None, 1, "following has not begun")

    async def talk(cors: Any) -> None:
        assert await cors(ORIGIN, EVIL, None) == [GRANTED, REFUSED, REFUSED]
        store.put({ORIGIN, TWO})
        await until(lambda: group.live.origins == 2)
        assert await cors(ORIGIN, TWO, EVIL) == [
            GRANTED,
            GRANTED | {"access-control-allow-origin": TWO},
            REFUSED,
        ]
        store.put(["https://*.app.example"])
        await until(lambda: group.live.origins == 1)
        assert await cors("https://a.app.example", ORIGIN) == [
            GRANTED | {"access-control-allow-origin": "https://a.app.example"},
            REFUSED,
        ]
        assert group.live.error is None and 0 <= group.live.age < 5

    run(group, talk)
    assert (store.opened, store.closed) == (1, 1)
