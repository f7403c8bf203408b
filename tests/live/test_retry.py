"""A source that fails is run again (D1, D5), and the last valid origins stay in force."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from corsbp.live import retry

from ..support import EVIL, GRANTED, ORIGIN, REFUSED, TWO, new_app, run_server, serve
from .followed import (
    BY_TWO,
    Cors,
    Store,
    do_not_wait,
    followed,
    follower_of,
    group_of,
    logged,
    put,
    run,
    sender,
    until,
)


class ShyError(Exception):
    def __repr__(self) -> str:
        raise LookupError("no connection")


FAILURES: dict[str, tuple[Any, str]] = {
    "raises": (OSError("a socket\nwas lost"), r"failed: OSError\('a socket\\nwas lost'\)"),
    "ends": (None, "ended"),
    "is cancelled": (asyncio.CancelledError(), r"failed: CancelledError\(\)"),
    "raises what cannot be shown": (ShyError(), "failed: <a ShyError that cannot be shown>"),
    "raises a kind of its own": (type("Own", (BaseException,), {})("x"), r"failed: Own\('x'\)"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_the_last_valid_origins_stay_in_force(case: str, caplog: pytest.LogCaptureFixture) -> None:
    failure, words = FAILURES[case]
    group, store = followed([ORIGIN])

    async def talk(cors: Cors) -> None:
        store.put(failure)
        await until(lambda: store.opened == 2)
        assert group.live and re.fullmatch(words, str(group.live.error))
        assert await cors(ORIGIN, EVIL) == [GRANTED, REFUSED]
        await put(group, store, [TWO])
        assert (group.live.error, group.live.failures) == (None, 1)
        assert await cors(ORIGIN, TWO) == [REFUSED, BY_TWO]

    run(group, talk)
    (line,) = logged(caplog, "next try")
    expected = rf"the source of live origins {words}; the last valid ones stay in force, next try in 0\.0 s"
    assert re.fullmatch(expected, line)
    assert (store.opened, store.closed) == (2, 2)


@pytest.mark.parametrize("longest", [10, timedelta(seconds=3)])
def test_the_delay_grows_and_a_valid_value_resets_it(longest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        delays.append((low, high))
        return 0

    monkeypatch.setattr(retry, "FIRST_DELAY", 1.0)
    monkeypatch.setattr(retry, "uniform", uniform)
    group, store = group_of(allow_origins=[EVIL], allow_credentials=True), Store([ORIGIN])
    group.follow(store, retry=longest)

    async def talk(_: Cors) -> None:
        store.put(*[None] * 6)
        await until(lambda: len(delays) == 6)
        store.put("*", None)  # a value that is not valid resets nothing
        await until(lambda: len(delays) == 7)
        store.put([ORIGIN], None)
        await until(lambda: len(delays) == 8)

    run(group, talk)
    limit = 10 if longest == 10 else 3
    growing = [min(2**failures, limit) for failures in range(1, 8)]
    assert delays == [(each / 2, each) for each in [*growing, 2]]


def test_the_longest_delay_is_ten_seconds_unless_retry_says_so() -> None:
    delays = [
        retry.retry_delay(failures, follower_of(followed()[0]).options.retry) for failures in range(1, 90)
    ]
    assert max(delays) <= 10


def test_the_traceback_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    group, store = followed([ORIGIN])

    async def talk(_: Cors) -> None:
        store.put(OSError("gone"), OSError("gone"), OSError("gone"))
        await until(lambda: store.opened == 4)

    run(group, talk)
    assert len(logged(caplog, "next try")) == 3
    assert [bool(record.exc_info) for record in caplog.records if "failed" in record.message].count(True) == 1


def test_a_source_that_gives_no_first_value_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_VALUE_TIMEOUT", 0.3)
    group, store = followed()
    do_not_wait(group)

    async def talk(_: Cors) -> None:
        await until(lambda: store.opened == 2)
        assert group.live and group.live.error == "gave nothing for 0.3 s"
        await put(group, store, [ORIGIN])
        assert group.live.error is None
        await asyncio.sleep(0.6)  # after its first value, it may wait for as long as it likes

    run(group, talk)
    assert (store.opened, store.closed) == (2, 2)


def test_a_source_that_ignores_its_cancellation(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retry, "CLOSE_TIMEOUT", 0.05)
    group, waits, over = group_of(allow_origins=[EVIL]), False, False

    async def stubborn(app: Sanic) -> AsyncIterator[list[str]]:
        nonlocal waits
        yield [ORIGIN]
        waits = True
        while not over:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        raise OSError("at last")

    group.follow(stubborn)

    async def talk(port: int) -> None:
        assert await sender(port)(ORIGIN) == [GRANTED]
        await until(lambda: waits)

    async def whole_life() -> None:
        nonlocal over
        await serve(new_app(group, TOUCHUP=False), talk)
        over = True
        await asyncio.sleep(0.05)

    run_server(whole_life())
    assert logged(caplog) == ["the source of live origins does not end when it is cancelled"]


def test_the_values_of_a_cancelled_source_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ignored its cancellation, and its origins replaced those of the next run."""
    monkeypatch.setattr(retry, "CLOSE_TIMEOUT", 0.05)
    monkeypatch.setattr(retry, "FIRST_VALUE_TIMEOUT", 0.5)
    group, starts, lets_go, closed = group_of(allow_origins=[EVIL]), 0, asyncio.Event(), False

    async def stubborn(app: Sanic) -> AsyncIterator[list[str]]:
        nonlocal starts, closed
        starts += 1
        if starts > 1:
            yield [ORIGIN]
            await asyncio.Event().wait()
        while not lets_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await lets_go.wait()
        try:
            yield [TWO]
        finally:
            closed = True

    group.follow(stubborn, wait=0)

    async def talk(cors: Cors) -> None:
        await until(lambda: starts > 1 and group.live and group.live.age is not None)
        assert await cors(ORIGIN, TWO) == [GRANTED, REFUSED]
        lets_go.set()
        await until(lambda: closed)
        assert await cors(ORIGIN, TWO) == [GRANTED, REFUSED]

    run(group, talk)


def test_a_source_that_never_awaits_leaves_the_loop_to_others() -> None:
    group, count = group_of(allow_origins=[EVIL]), 0

    async def eager(app: Sanic) -> AsyncIterator[list[str]]:
        nonlocal count
        while True:
            count += 1
            yield [ORIGIN] if count % 2 else [ORIGIN, TWO]

    group.follow(eager)

    async def talk(cors: Cors) -> None:
        for _ in range(20):
            assert await cors(ORIGIN) == [GRANTED]
        before = count
        await until(lambda: count > before + 3)

    run(group, talk)


def test_an_iterator_without_aclose_and_what_is_not_an_iterator(caplog: pytest.LogCaptureFixture) -> None:
    class Values:
        def __init__(self) -> None:
            self.left = [[ORIGIN]]

        def __aiter__(self) -> Values:
            return self

        async def __anext__(self) -> list[str]:
            if self.left:
                return self.left.pop()
            raise StopAsyncIteration

    results: list[Any] = [Values(), 7]
    group = group_of(allow_origins=[EVIL])
    group.follow(lambda app: results.pop(0) if results else Values())

    async def talk(cors: Cors) -> None:
        await until(lambda: logged(caplog, "it returned 7, which is not an async generator"))
        assert await cors(ORIGIN) == [GRANTED]

    run(group, talk)
