"""`group.differences()`: what a report-only policy would have decided differently, counted (L4)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Sanic

from corsbp import CorsGroup, CorsPolicy, Difference, cors_group
from corsbp.decision.differences import DifferenceCounter
from corsbp.log import cors_logger
from corsbp.report.report_only import MAX_LOGGED
from corsbp.spec.origins import MAX_LENGTH

from ..app.test_websockets import handshake, opened
from ..cases import EVIL, ONE, TWO
from ..support import HttpRequest, new_app, preflight, request, run_server, send_async, serve
from .test_refused import routes_of, twice

ANY = CorsPolicy()
ONLY = CorsPolicy(allow_origins=[ONE])
BOTH = CorsPolicy(allow_origins=[ONE, TWO])


def app_of(now: CorsPolicy, report_only: CorsPolicy | None) -> tuple[Sanic, CorsGroup]:
    group = cors_group(routes_of(Blueprint("api", url_prefix="/api")), policy=now, report_only=report_only)
    return new_app(group), group


def visit(app: Sanic, *messages: HttpRequest | bytes | Callable[[], object]) -> None:
    """Send requests, handshakes among them, one after the other; call what is a function."""

    async def talk(port: int) -> None:
        for message in messages:
            if callable(message):
                message()
            elif isinstance(message, bytes) and b"upgrade" in message:
                await opened(port, message)
            else:
                await send_async(port, message)
        for _ in range(5):
            await asyncio.sleep(0)

    run_server(serve(app, talk))


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "corsbp"]


def page(number: int) -> HttpRequest:
    return request("GET", "/api/item", f"https://{number}.example")


KINDS: list[tuple[CorsPolicy, CorsPolicy, HttpRequest | bytes, tuple[str, str, str]]] = [
    (ANY, ONLY, request("GET", "/api/item", TWO), ("refuse-read", TWO, "origin-not-allowed")),
    (ANY, ONLY, request("GET", "/api/item", "null"), ("refuse-read", "null", "origin-null")),
    (ANY, ONLY, twice("/api/item"), ("refuse-read", ONE, "origin-repeated")),
    (ONLY, BOTH, request("GET", "/api/item", TWO), ("allow-read", TWO, "origin-not-allowed")),
    (BOTH, ONLY, preflight("/api/item", "PUT", origin=TWO), ("refuse-send", TWO, "origin-not-allowed")),
    (
        ANY,
        CorsPolicy(allow_methods=["GET"]),
        preflight("/api/item", "PUT", origin=TWO),
        ("refuse-send", TWO, "method-not-allowed"),
    ),
    (
        CorsPolicy(allow_headers=["x-a"]),
        ANY,
        preflight("/api/item", "GET", "x-b", origin=TWO),
        ("allow-send", TWO, "header-not-allowed"),
    ),
    (BOTH, ONLY, handshake(TWO, path="/api/ws"), ("refuse-open", TWO, "origin-not-allowed")),
    (ONLY, BOTH, handshake(TWO, path="/api/ws"), ("allow-open", TWO, "origin-not-allowed")),
]


@pytest.mark.parametrize(("now", "report_only", "message", "expected"), KINDS)
def test_kinds(
    now: CorsPolicy, report_only: CorsPolicy, message: Any, expected: tuple[str, str, str]
) -> None:
    app, group = app_of(now, report_only)
    visit(app, message, message)
    assert group.differences() == (Difference(*expected, 2),)
    assert json.loads(json.dumps([each._asdict() for each in group.differences()])) == [
        {"kind": expected[0], "origin": expected[1], "id": expected[2], "count": 2}
    ]


@pytest.mark.parametrize("report_only", [None, BOTH])
def test_without_a_difference(report_only: CorsPolicy | None) -> None:
    app, group = app_of(BOTH, report_only)
    visit(
        app,
        request("GET", "/api/item", TWO),
        request("GET", "/api/item", EVIL),
        request("GET", "/api/item", None),
    )
    assert (group.differences(), group.differences().rest) == ((), 0)


def test_a_flood_hides_no_front_end(caplog: pytest.LogCaptureFixture) -> None:
    """60 pages that nobody knows come first, and fill the log; then a front end with many requests."""
    app, group = app_of(ANY, ONLY)
    caplog.set_level(logging.INFO)
    visit(app, *map(page, range(60)), *[request("GET", "/api/item", TWO)] * 200)
    first, second, *others = group.differences()
    assert first == Difference("refuse-read", TWO, "origin-not-allowed", 200)
    assert (second.count, len(others), group.differences().rest) == (1, 59, 0)
    lines = lines_of(caplog)
    assert len(lines) == MAX_LOGGED + 1
    assert lines[-1].endswith("group.differences() counts all of them")


def test_more_differences_than_the_list_has(caplog: pytest.LogCaptureFixture) -> None:
    """The rest is counted, and the log says once that the list is cut, also past the rate limit."""
    app, group = app_of(ANY, ONLY)
    caplog.set_level(logging.INFO)
    report_only = group.section.active_policy.compiled.report_only
    assert report_only is not None
    report_only.differences = DifferenceCounter(places=10, chance=lambda: 0.99)
    cors_logger.lines = 5
    visit(app, *map(page, range(15)), page(0))
    found = group.differences()
    assert (len(found), found.rest, found[0].origin, found[0].count) == (10, 5, "https://0.example", 2)
    words = "more than 10 differences: group.differences() has the most frequent of them"
    assert lines_of(caplog).count(f"cors_group(api) report-only: {words}") == 1


@pytest.mark.parametrize("limit", [1, 28])
def test_a_line_that_the_rate_limit_left_out_is_logged_later(
    limit: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of 30 pages are named, however few lines a second has; each of them once."""
    app, group = app_of(ANY, ONLY)
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr(cors_logger, "clock", lambda: now[0])
    monkeypatch.setattr(cors_logger, "counts", {})
    cors_logger.lines = limit

    def next_second() -> None:
        now[0] += 1

    rounds = 30 // limit + 1
    one_round: list[HttpRequest | Callable[[], object]] = [*map(page, range(30)), next_second]
    visit(app, *one_round * rounds)
    lines = [line for line in lines_of(caplog) if "a page of" in line]
    assert sorted(line.split("'")[1] for line in lines) == sorted(
        f"https://{number}.example" for number in range(30)
    )
    assert [each.count for each in group.differences()] == [rounds] * 30


def test_counting_goes_on_until_there_is_another_report_only_policy() -> None:
    app, group = app_of(ANY, ONLY)
    counts: list[list[int]] = []
    one = request("GET", "/api/item", EVIL)
    steps = [
        lambda: group.reconfigure(CorsPolicy(max_age=5)),
        lambda: group.reconfigure(ANY, report_only=CorsPolicy(allow_origins=[ONE])),
        lambda: group.reconfigure(ANY, report_only=BOTH),
        lambda: group.reconfigure(ANY, report_only=None),
    ]
    for step in steps:
        visit(app, one, step, one)
        counts.append([each.count for each in group.differences()])
    assert counts == [[2], [4], [1], []]


def test_differences_of_functions_are_counted() -> None:
    """Those that only the report-only policy has are called after the response."""

    async def is_one(origin: str, request: object) -> bool:
        await asyncio.sleep(0)
        return origin == ONE

    app, group = app_of(BOTH, CorsPolicy(allow_origins=is_one))
    visit(app, *[request("GET", "/api/item", TWO)] * 3, request("GET", "/api/item", ONE))
    assert group.differences() == (Difference("refuse-read", TWO, "origin-function-refused", 3),)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"https://" + b"a" * 4000, f"https://{'a' * (MAX_LENGTH - 8)}… (4008 characters)"),
        (b"a\x1b[31m", r"a\x1b[31m"),
        (b"a\xc2\x85b", r"a\x85b"),
    ],
)
def test_origins_are_escaped_and_cut(sent: bytes, shown: str) -> None:
    app, group = app_of(ANY, ONLY)
    visit(app, b"GET /api/item HTTP/1.1\r\nhost: a\r\nconnection: close\r\norigin: " + sent + b"\r\n\r\n")
    assert group.differences() == (Difference("refuse-read", shown, "origin-malformed", 1),)
