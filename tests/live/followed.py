"""A group that follows a store of the test, and a server for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from sanic import Blueprint, Sanic

from corsbp import CorsGroup, cors_group
from corsbp.live.follower import OriginFollower

from ..support import EVIL, GRANTED, TWO, new_app, request, run_server, send_async, serve, text_handler

BY_TWO = GRANTED | {"access-control-allow-origin": TWO}
BY_EVIL = GRANTED | {"access-control-allow-origin": EVIL}
CREDENTIALS = {"access-control-allow-credentials": "true"}

Cors: TypeAlias = Callable[..., Awaitable[list[dict[str, str]]]]
"""Sends a request of each origin (None: without) and returns the CORS headers of the responses."""


class Store:
    """A source: `put()` gives it the next value; an exception is raised, None ends it."""

    def __init__(self, *first: Any) -> None:
        self.first = first
        self.opened = self.closed = 0
        self.values: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, *values: Any) -> None:
        for value in values:
            self.values.put_nowait(value)

    async def __call__(self, app: Sanic) -> AsyncIterator[Any]:
        self.opened += 1
        if self.opened == 1:
            self.values = asyncio.Queue()  # a queue belongs to one event loop
            self.put(*self.first)
        try:
            while (value := await self.values.get()) is not None:
                if isinstance(value, BaseException):
                    raise value
                yield value
        finally:
            self.closed += 1


def group_of(name: str = "api", **policy: Any) -> CorsGroup:
    """A group with the routes /api/item; of another name /NAME/item."""
    blueprint = Blueprint(name, url_prefix=f"/{name}")
    blueprint.add_route(text_handler("here"), "/item", name="item", methods=["GET", "PUT"])
    return cors_group(blueprint, **policy)


def followed(*first: Any, keep: Any = (), **policy: Any) -> tuple[CorsGroup, Store]:
    """A group that follows a store with these first values, and keeps nothing else."""
    group, store = group_of(**(policy or {"allow_origins": [EVIL]})), Store(*first)
    group.follow(store, keep=keep)
    return group, store


def follower_of(group: CorsGroup) -> OriginFollower:
    found = group.section.follower
    assert found is not None
    return found


def do_not_wait(group: CorsGroup) -> None:
    """Let the next start wait for no value."""
    follower = follower_of(group)
    follower.options = replace(follower.options, wait=0)


async def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        await asyncio.sleep(0.002)


async def put(group: CorsGroup, store: Store, value: Any) -> None:
    """Put a value, and wait until it is in force."""
    before = follower_of(group).received_at
    store.put(value)
    await until(lambda: follower_of(group).received_at != before)


def sender(port: int, path: str = "/api/item") -> Cors:
    async def cors(*origins: str | None) -> list[dict[str, str]]:
        responses = [await send_async(port, request("GET", path, origin)) for origin in origins]
        assert {response.status for response in responses} == {200}
        return [response.cors for response in responses]

    return cors


def run(group: CorsGroup, talk: Callable[[Cors], Awaitable[Any]]) -> None:
    """Serve a group while `talk(cors)` runs."""
    run_server(serve(new_app(group, TOUCHUP=False), lambda port: talk(sender(port))))


def logged(caplog: pytest.LogCaptureFixture, part: str = "") -> list[str]:
    """The messages that have this part, without the group's name."""
    messages = [record.getMessage() for record in caplog.records if record.name == "corsbp"]
    return [message.removeprefix("cors_group(api): ") for message in messages if part in message]
