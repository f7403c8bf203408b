"""What the workers of an example respond, and their stores."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from ..support import ORIGIN, request, require_package, send
from .stores import Server

NEW, EVIL = "https://new.example", "https://evil.example"
REFUSED = {"vary": "origin"}


def granted(origin: str) -> dict[str, str]:
    return {"access-control-allow-origin": origin, "access-control-allow-credentials": "true", **REFUSED}


def until_all(
    port: int, origin: str, expected: dict[str, str], path: str = "/api/hello", **headers: str
) -> None:
    """Wait until twenty responses in a row are as expected. All others are denied, or as before."""
    deadline, in_a_row = time.monotonic() + 60, 0
    while in_a_row < 20:
        (response,) = send(port, request("GET", path, origin, **headers))
        assert response.status == 200 and response.cors in (REFUSED, granted(origin), expected)
        in_a_row = in_a_row + 1 if response.cors == expected else 0
        assert time.monotonic() < deadline, f"not everywhere {expected}"


def until_health(port: int, part: bytes) -> None:
    """Wait until twenty health checks in a row, of whichever worker, have this part."""
    deadline, in_a_row = time.monotonic() + 60, 0
    while in_a_row < 20:
        (health,) = send(port, request("GET", "/health", None))
        assert health.status == 200
        in_a_row = in_a_row + 1 if part in health.body else 0
        assert time.monotonic() < deadline, health


WELL = b'"origins":1,"error":null'
"""The health of a worker that follows an empty store: the declared origin is allowed."""

DECLARED = granted(ORIGIN)
"""The headers for the front end that the examples declare."""


@contextmanager
def store(
    make: Callable[[], Any], package: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    require_package(package)
    with make() as server:
        monkeypatch.setenv(variable, server.url)
        yield server


def when_ready(act: Callable[[], None]) -> None:
    """Do it as soon as a server that was started again is ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            return act()
        time.sleep(0.05)
    return act()


@asynccontextmanager
async def following(source: Any) -> AsyncIterator[Callable[[], Any]]:
    """The values of a source, without an app: a function that returns the next one."""
    values = source(None)

    async def next_value() -> Any:
        return await asyncio.wait_for(values.__anext__(), 60)

    try:
        yield next_value
    finally:
        await values.aclose()
