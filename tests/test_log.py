"""The number of lines in the log is limited, however many pages are refused."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterator

import pytest
from sanic import Blueprint

from corsbp import cors_group
from corsbp.log import LINES_PER_SECOND, RateLimitedLogger, cors_logger

from .support import EVIL, new_app, request, run_server, send_async, serve, text_handler


def test_lines_per_second_are_limited(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.9]
    bounded = RateLimitedLogger(logging.getLogger("bounded"), lines=3, clock=lambda: now[0])
    caplog.set_level(logging.INFO)
    for second in (100.9, 101.0, 103.5, 104.2):
        now[0] = second
        for number in range(5 if second < 103 else 2):
            bounded.write(logging.INFO, "%s", number)
        bounded.write(logging.DEBUG, "not even counted")
    left_out = "2 more lines like the last were left out"
    assert caplog.messages == [*"012", left_out, *"012", left_out, *"01", *"01"]


@pytest.fixture
def usual_limit() -> Iterator[None]:
    cors_logger.lines, cors_logger.counts = LINES_PER_SECOND, {}
    yield
    cors_logger.counts = {}


@pytest.mark.usefixtures("usual_limit")
@pytest.mark.parametrize("kind", ["refused", "broken"])
def test_many_refusals_are_few_lines(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many pages are refused in one second."""

    def broken(origin: str, request: object) -> bool:
        raise LookupError("no database")

    api = Blueprint("api")
    api.add_route(text_handler("here"), "/item", name="item")
    origins = broken if kind == "broken" else ["https://app.example", "https://two.example"]
    app = new_app(cors_group(api, allow_origins=origins))
    now = [7.0]
    monkeypatch.setattr(cors_logger, "clock", lambda: now[0])
    caplog.set_level(logging.DEBUG if kind == "refused" else logging.ERROR)

    async def talk(port: int) -> None:
        for second, times in ((7.0, 120), (8.0, 1)):
            now[0] = second
            for _ in range(times):
                await send_async(port, request("GET", "/item", EVIL, x_long="x" * 5000))

    run_server(serve(app, talk, debug=kind == "refused"))
    lines = [record.getMessage() for record in caplog.records if record.name == "corsbp"]
    refusals = [line for line in lines if repr(EVIL) in line]
    assert len(refusals) == LINES_PER_SECOND + 1
    assert left_out(lines) == 120 - LINES_PER_SECOND
    assert all(len(line) < 1000 for line in lines)


def left_out(lines: list[str]) -> int:
    """Return the number of lines that were left out, by the lines that say so."""
    found = [re.fullmatch(r"(\d+) more lines like the last were left out", line) for line in lines]
    return sum(int(each[1]) for each in found if each)


def test_left_out_lines_are_counted_when_the_flood_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Within a second, without a next line; and no line is counted twice."""
    api = Blueprint("api")
    api.add_route(text_handler("here"), "/item", name="item")
    app = new_app(cors_group(api, allow_origins=["https://app.example", "https://two.example"]))
    caplog.set_level(logging.DEBUG, "corsbp")

    def lines() -> list[str]:
        return [each.getMessage() for each in caplog.records if each.name == "corsbp"]

    async def talk(port: int) -> float:
        cors_logger.lines = 3
        for _ in range(9):
            await send_async(port, request("GET", "/item", EVIL))
        began = time.monotonic()
        while left_out(lines()) + sum(repr(EVIL) in line for line in lines()) < 9:
            await asyncio.sleep(0.01)
            assert time.monotonic() < began + 60, lines()
        return time.monotonic() - began

    assert run_server(serve(app, talk)) < 1.5
    assert left_out(lines()) >= 3
    asyncio.run(asyncio.sleep(0))
    cors_logger.write(logging.DEBUG, "the next line")
    assert lines()[-1] == "the next line" and left_out(lines()) + sum(repr(EVIL) in x for x in lines()) == 9
