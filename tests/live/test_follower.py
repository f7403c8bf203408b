"""Live origins (D1, D2): a source is followed in each worker, checked, and kept when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import ServerError

from corsbp import CorsGroup, CorsPolicy, cors_group
from corsbp.live import follower, retry, values

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    REFUSED,
    TWO,
    new_app,
    preflight,
    preflight_headers,
    request,
    run_server,
    send_async,
    send_through_asgi,
    serve,
    text_handler,
)

BY_TWO = GRANTED | {"access-control-allow-origin": TWO}
Cors = Callable[..., Awaitable[list[dict[str, str]]]]


class Store:
    """What a source follows: `put()` gives it the next value; an exception is raised, None ends it."""

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
            self.values = asyncio.Queue()  # of this loop
            self.put(*self.first)
        try:
            while (value := await self.values.get()) is not None:
                if isinstance(value, BaseException):
                    raise value
                yield value
        finally:
            self.closed += 1


def group_of(**policy: Any) -> CorsGroup:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("here"), "/item", name="item", methods=["GET", "PUT"])
    return cors_group(bp, **policy)


def followed(*first: Any, **policy: Any) -> tuple[CorsGroup, Store]:
    group, store = group_of(**(policy or {"allow_origins": [EVIL]})), Store(*first)
    group.follow(store)
    return group, store


def follower_of(group: CorsGroup) -> follower.OriginFollower:
    found = group.section.follower
    assert found is not None
    return found


def no_wait(group: CorsGroup) -> None:
    """Let the next start wait for nothing."""
    found = follower_of(group)
    found.options = found.options._replace(wait=0)


async def until(there: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.002)


def asking(port: int) -> Cors:
    async def cors(*origins: str | None) -> list[dict[str, str]]:
        answers = [await send_async(port, request("GET", "/api/item", one)) for one in origins]
        assert {answer.status for answer in answers} == {200}
        return [answer.cors for answer in answers]

    return cors


def run(group: CorsGroup, talk: Callable[[Cors], Awaitable[Any]]) -> None:
    """Serve a group while `talk(cors)` runs: `await cors(origin)` are the CORS headers that it gets."""
    run_server(serve(new_app(group, TOUCHUP=False), lambda port: talk(asking(port))))


def said(caplog: pytest.LogCaptureFixture, part: str = "") -> list[str]:
    """What was logged and has this in it, without whose it is."""
    messages = [record.getMessage() for record in caplog.records if record.name == "corsbp"]
    return [message.removeprefix("cors_group(api): ") for message in messages if part in message]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.005)


# --- values ---


def test_a_change_is_obeyed() -> None:
    group, store = group_of(allow_origins=[EVIL], max_age=7), Store([ORIGIN])
    assert group.live is None
    group.follow(store)
    assert group.live == (None, 1, "following has not begun")

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, EVIL, None) == [GRANTED, REFUSED, REFUSED]
        store.put({ORIGIN, TWO})
        await until(lambda: group.live and group.live.origins == 2)
        assert await cors(ORIGIN, TWO, EVIL) == [GRANTED, BY_TWO, REFUSED]
        store.put(("https://*.app.example", "https://*.app.example"))
        await until(lambda: group.live and group.live.origins == 1)
        below = "https://a.app.example"
        assert await cors(below, ORIGIN) == [GRANTED | {"access-control-allow-origin": below}, REFUSED]
        assert group.live and group.live.error is None and group.live.age is not None and group.live.age < 20
        assert group.policy.max_age == 7

    run(group, talk)
    assert (store.opened, store.closed) == (1, 1)


ODD_VALUES: dict[str, tuple[Any, dict[str, str], dict[str, str], dict[str, Any]]] = {
    "star in a list": (["*"], REFUSED, REFUSED, {}),
    "star beside others": (["*", ORIGIN], GRANTED, REFUSED, {}),
    "star itself": ("*", {"access-control-allow-origin": "*", "vary": "origin"}, {}, {}),
    "a function": (lambda origin, _: origin == TWO, REFUSED, BY_TWO, {}),
    "a function beside others": ([ORIGIN, lambda origin, _: origin == TWO], GRANTED, BY_TWO, {}),
    "a policy": (CorsPolicy(allow_origins=[TWO]), REFUSED, BY_TWO, {}),
    "a policy of other fields": (
        CorsPolicy(**LISTED, expose_headers=["x-a"]),
        GRANTED | {"access-control-expose-headers": "x-a"},
        BY_TWO | {"access-control-expose-headers": "x-a"},
        {},
    ),
    "one twice": ([ORIGIN, ORIGIN], GRANTED, REFUSED, {}),
    "the declared function is gone": ([ORIGIN], GRANTED, REFUSED, {"allow_origins": lambda *_: True}),
}


@pytest.mark.parametrize("case", ODD_VALUES)
def test_values(case: str) -> None:
    """What a collection yields takes the place of `allow_origins` whole; answers vary."""
    value, first, second, policy = ODD_VALUES[case]
    group, _ = followed(value, **policy)

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, TWO) == [first, second or first]
        assert group.live and group.live.origins == (
            2 if case in ("a function beside others",) else group.live.origins
        )

    run(group, talk)


@pytest.mark.parametrize("cookies", [True, False])
def test_star_in_a_collection_is_a_bad_entry(cookies: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The last customer is deleted: its origin is not allowed any more, and neither is every other."""
    group, store = followed(["*", TWO], allow_origins=[EVIL], allow_credentials=cookies)
    credentials = {"access-control-allow-credentials": "true"} if cookies else {}

    async def talk(cors: Cors) -> None:
        assert await cors(TWO, ORIGIN) == [BY_TWO | credentials, REFUSED]
        store.put(["*"])
        await until(lambda: group.live and group.live.origins == 0)
        assert await cors(TWO, ORIGIN, EVIL) == [REFUSED, REFUSED, REFUSED]
        assert group.live and group.live.error is None
        store.put({"*"}, ("*", "*"))
        await until(store.values.empty)
        assert await cors(TWO) == [REFUSED]

    run(group, talk)
    (line,) = said(caplog, "left out of the live origins: ")
    assert "'*' is not an origin" in line and "[star-not-alone]" in line


def test_preflights_vary_too() -> None:
    group, _ = followed([ORIGIN])

    async def talk(port: int) -> None:
        answers = [await send_async(port, preflight("/api/item", origin=one)) for one in (ORIGIN, EVIL)]
        assert [answer.cors for answer in answers] == [
            GRANTED | preflight_headers("GET,PUT,OPTIONS"),
            REFUSED,
        ]

    run_server(serve(new_app(group, TOUCHUP=False), talk))


def test_declared_origins_vary_until_the_first_value() -> None:
    group, store = followed(allow_origins=[ORIGIN], allow_headers=["x-a"])
    no_wait(group)

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, TWO) == [GRANTED, REFUSED]
        group.reconfigure(CorsPolicy(allow_origins=[TWO]), report_only=CorsPolicy())
        assert await cors(ORIGIN, TWO) == [REFUSED, BY_TWO]
        store.put([ORIGIN])
        await until(lambda: group.live and group.live.age is not None)
        assert await cors(ORIGIN, TWO) == [GRANTED, REFUSED]

    run(group, talk)


def test_a_bad_entry_is_left_out_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    bad = ["https://a.example/", "b.example", 7, lambda: True, "http://c.example", "https://ä\n.example"]
    bad.append("https://a/" * 100_000)
    group, store = followed([ORIGIN, *bad], allow_origins=[EVIL], allow_credentials=True)
    granted = GRANTED | {"access-control-allow-credentials": "true"}

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, EVIL, "https://a.example", "http://c.example") == [granted, *[REFUSED] * 3]
        assert group.live and (group.live.origins, group.live.error) == (1, None)
        named = said(caplog, "left out of the live origins: ")
        assert len(named) == len(bad)
        assert "'https://a.example/' ends in a slash" in named[0] and "meant: https://a.example [" in named[0]
        assert "meant: https://b.example [" in named[1]
        assert "https://ä\\n.example" in named[5] and "\n" not in "".join(named)
        assert re.fullmatch(r"left out .*…  ?\(1000000 characters\) is too long", named[6])
        store.put([ORIGIN, TWO, *bad], [ORIGIN, TWO, *bad, "d.example"], [ORIGIN])
        await until(
            lambda: len(said(caplog, "left out")) > len(bad) and group.live and group.live.origins == 1
        )
        assert ["d.example" in line for line in said(caplog, "left out")] == [False] * len(bad) + [True]
        store.put([ORIGIN, "d.example"])  # it had been gone
        await until(lambda: len(said(caplog, "left out")) == len(bad) + 2)

    run(group, talk)


def test_of_many_bad_entries_a_few_are_named(caplog: pytest.LogCaptureFixture) -> None:
    group, _ = followed([ORIGIN, *(f"{number}.example/" for number in range(5000))])

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, "https://7.example") == [GRANTED, REFUSED]

    run(group, talk)
    named = said(caplog, "left out")
    assert len(named) == follower.MAX_NAMED + 1 and named[-1] == "left out of the live origins: 5000 in all"


def test_nobody_is_allowed_where_the_store_is_empty(caplog: pytest.LogCaptureFixture) -> None:
    group, store = followed([ORIGIN])
    caplog.set_level(logging.DEBUG, "corsbp")

    async def talk(cors: Cors) -> None:
        for empty in ([], ["nothing good/"]):
            store.put([ORIGIN])
            await until(lambda: group.live and group.live.origins == 1)
            assert await cors(ORIGIN) == [GRANTED]
            store.put(empty)
            await until(lambda: group.live and group.live.origins == 0)
            assert await cors(ORIGIN, EVIL) == [REFUSED, REFUSED]
            assert group.live and group.live.error is None
        with pytest.raises(ValueError, match="origins-empty"):
            group.policy.replace(max_age=5)

    run(group, talk)
    assert len(said(caplog, "no live origin is left: pages of no other origin are allowed")) == 2
    assert len(said(caplog, "origin-not-allowed: allow_origins is empty: it allows nobody")) == 4


def no_origin_function() -> bool:
    return True


REFUSED_VALUES = {
    "*": "credentials-any-origin",
    "https://app.example": "bare-string",
    7: "not-a-collection",
    no_origin_function: "origin-function-arguments",
}


@pytest.mark.parametrize("value", REFUSED_VALUES)
def test_what_cannot_be_is_refused_and_the_last_good_ones_stay(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    group, store = followed([ORIGIN], allow_origins=[EVIL], allow_credentials=True)
    granted = GRANTED | {"access-control-allow-credentials": "true"}

    async def talk(cors: Cors) -> None:
        store.put(value, value)
        await until(lambda: group.live and group.live.error)
        await until(store.values.empty)
        assert group.live and REFUSED_VALUES[value] in str(group.live.error)
        assert await cors(ORIGIN, EVIL) == [granted, REFUSED]
        store.put([ORIGIN])  # as before
        await until(lambda: group.live and group.live.error is None)

    run(group, talk)
    assert len(said(caplog, "gave what cannot be: ")) == 1
    assert (store.opened, store.closed) == (1, 1)


def test_an_equal_value_changes_nothing() -> None:
    policy = CorsPolicy(allow_origins=[TWO])
    group, store = followed([ORIGIN, TWO])

    async def taken(value: Any) -> None:
        came = follower_of(group).received_at
        store.put(value)
        await until(lambda: follower_of(group).received_at != came)

    async def talk(_: Cors) -> None:
        for value, equal in (([ORIGIN, TWO], (ORIGIN, TWO)), (policy, policy.replace())):
            await taken(value)
            rules = group.section.active_policy.compiled
            await taken(equal)
            assert group.section.active_policy.compiled is rules

    run(group, talk)


def test_reconfigured_while_a_value_is_checked() -> None:
    """What was checked for a policy without credentials is checked again for one with them."""
    many = [f"http://{number}.example" for number in range(20_000)]
    group, store = followed([ORIGIN], allow_origins=[EVIL])

    async def talk(cors: Cors) -> None:
        store.put([ORIGIN, *many])
        await until(store.values.empty)
        group.reconfigure(CorsPolicy(allow_origins=[TWO], allow_credentials=True))
        await until(lambda: group.policy.allow_origins == (ORIGIN,))
        assert await cors(many[0]) == [REFUSED]

    run(group, talk)


MANY = [f"https://{number}.example" for number in range(100_000)]


async def turns(work: Awaitable[Any]) -> int:
    """How often others have a turn while something is at work."""
    count = 0

    async def others() -> None:
        nonlocal count
        while True:
            await asyncio.sleep(0)
            count += 1

    task = asyncio.create_task(others())
    await asyncio.sleep(0)
    await work
    task.cancel()
    return count


@pytest.mark.parametrize(
    "value", [MANY, {*MANY[1:], ORIGIN}, [f"{one}/" for one in MANY]], ids=["good", "a set", "bad"]
)
def test_many_origins_are_checked_in_steps(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have a turn after each step, and here every look at the clock says that one is over."""
    monkeypatch.setattr(values, "STEP", -1)

    async def talk() -> None:
        assert await turns(values.apply_value(value, CorsPolicy())) == math.ceil(len(value) / 64)
        assert await turns(values.clear_in_steps([*value])) == 10

    asyncio.run(talk())


def test_a_step_is_short() -> None:
    """No machine checks so many within a few steps: a slow one takes more of them."""
    assert asyncio.run(turns(values.apply_value(MANY, CorsPolicy()))) >= 5


def test_many_origins_hold_one_value_after_the_other() -> None:
    values = [MANY, [*MANY, ORIGIN], {*MANY[1:], ORIGIN}, [f"{one}/" for one in MANY], [ORIGIN]]
    group, store = followed([TWO])

    async def put(value: Any) -> None:
        before = follower_of(group).received_at
        store.put(value)
        await until(lambda: follower_of(group).received_at != before)

    async def talk(cors: Cors) -> None:
        for value in values:
            await put(value)
        assert await cors(ORIGIN, MANY[0], TWO) == [GRANTED, REFUSED, REFUSED]

    run(group, talk)


# --- the source fails ---


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
def test_the_last_good_origins_hold(case: str, caplog: pytest.LogCaptureFixture) -> None:
    failure, words = FAILURES[case]
    group, store = followed([ORIGIN])

    async def talk(cors: Cors) -> None:
        store.put(failure)
        await until(lambda: store.opened == 2)
        assert group.live and re.fullmatch(words, str(group.live.error))
        assert await cors(ORIGIN, EVIL) == [GRANTED, REFUSED]
        store.put([TWO])
        await until(lambda: group.live and group.live.error is None)
        assert await cors(ORIGIN, TWO) == [REFUSED, BY_TWO]

    run(group, talk)
    (line,) = said(caplog, "tried again in")
    assert re.fullmatch(
        rf"the source of live origins {words}: those that it has hold, and it is tried again in 0\.0 s", line
    )
    assert (store.opened, store.closed) == (2, 2)


def test_it_is_tried_again_after_growing_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has lived for a while begins anew, if it gave something."""
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return 0

    monkeypatch.setattr(follower, "SHORTEST_DELAY", 1.0)
    monkeypatch.setattr(follower, "LONGEST_DELAY", 60.0)
    monkeypatch.setattr(follower, "PROVEN", 0.05)
    monkeypatch.setattr(follower, "uniform", uniform)
    group, store = followed([ORIGIN])

    async def talk(_: Cors) -> None:
        store.put(*[None] * 8)
        await until(lambda: len(asked) == 8)
        await asyncio.sleep(0.1)
        store.put(None)
        await until(lambda: len(asked) == 9)
        store.put([ORIGIN])
        await until(lambda: group.live and group.live.error is None)
        await asyncio.sleep(0.1)
        store.put(None)
        await until(lambda: len(asked) == 10)

    run(group, talk)
    growing = [(1, 2), (2, 4), (4, 8), (8, 16), (16, 32), *[(30, 60)] * 4]
    assert asked == [*growing, (1, 2)]


def test_the_traceback_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    group, store = followed([ORIGIN])

    async def talk(_: Cors) -> None:
        store.put(OSError("gone"), OSError("gone"), OSError("gone"))
        await until(lambda: store.opened == 4)

    run(group, talk)
    assert len(said(caplog, "tried again")) == 3
    assert [bool(record.exc_info) for record in caplog.records if "failed" in record.message].count(True) == 1


def test_a_source_that_gives_nothing_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_VALUE_TIMEOUT", 0.3)
    group, store = followed()
    no_wait(group)

    async def talk(_: Cors) -> None:
        await until(lambda: store.opened == 2)
        assert group.live and group.live.error == "gave nothing for 0.3 s"
        store.put([ORIGIN])
        await until(lambda: group.live and group.live.error is None)
        await asyncio.sleep(0.6)  # after that, it may take its time

    run(group, talk)
    assert (store.opened, store.closed) == (2, 2)


def test_a_source_that_does_not_let_itself_be_cancelled(
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
        assert await asking(port)(ORIGIN) == [GRANTED]
        await until(lambda: waits)

    async def all_of_it() -> None:
        nonlocal over
        await serve(new_app(group, TOUCHUP=False), talk)
        over = True
        await asyncio.sleep(0.05)

    run_server(all_of_it())
    assert said(caplog) == ["the source of live origins does not end when it is cancelled"]


def test_a_source_that_was_given_up_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ignored that it was cancelled, and its origins took the place of its successor's."""
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
        seen = count
        await until(lambda: count > seen + 3)

    run(group, talk)


def test_an_iterator_that_cannot_be_closed_and_what_is_none(caplog: pytest.LogCaptureFixture) -> None:
    class Values:
        def __init__(self) -> None:
            self.left = [[ORIGIN]]

        def __aiter__(self) -> Values:
            return self

        async def __anext__(self) -> list[str]:
            if self.left:
                return self.left.pop()
            raise StopAsyncIteration

    made: list[Any] = [Values(), 7]
    group = group_of(allow_origins=[EVIL])
    group.follow(lambda app: made.pop(0) if made else Values())

    async def talk(cors: Cors) -> None:
        await until(lambda: said(caplog, "it gave 7, which is no async generator"))
        assert await cors(ORIGIN) == [GRANTED]

    run(group, talk)


# --- when it begins, and when it ends ---


def test_it_begins_after_the_apps_listeners_and_ends_before_them() -> None:
    story: list[str] = []
    group = group_of(allow_origins=[EVIL])

    async def source(app: Sanic) -> AsyncIterator[list[str]]:
        story.append("begins")
        try:
            yield app.ctx.origins
            await asyncio.sleep(60)
        finally:
            story.append("ends")

    app = new_app(group, TOUCHUP=False)
    group.follow(source)  # after registration

    @app.before_server_start
    async def prepare(app: Sanic) -> None:
        await asyncio.sleep(0.01)
        app.ctx.origins = [ORIGIN]
        story.append("before start")

    @app.before_server_stop
    async def clean_up(app: Sanic) -> None:
        story.append("before stop")

    async def talk(port: int) -> None:
        assert await asking(port)(ORIGIN) == [GRANTED]

    run_server(serve(app, talk))
    assert story == ["before start", "begins", "ends", "before stop"]


@pytest.mark.parametrize("reason", ["", "OSError"])
def test_it_starts_as_declared_when_nothing_comes(reason: str, caplog: pytest.LogCaptureFixture) -> None:
    group, store = group_of(allow_origins=[EVIL]), Store(*([OSError()] if reason else []))
    group.follow(store, wait=timedelta(seconds=0.1))

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, EVIL) == [REFUSED, GRANTED | {"access-control-allow-origin": EVIL}]

    run(group, talk)
    (line,) = said(caplog, "it starts as declared")
    assert line.startswith("no live origins came within 0.1 s") and reason in line


@pytest.mark.parametrize("value", [None, "*"])
def test_it_does_not_start_where_they_are_required(value: Any) -> None:
    group, store = group_of(**LISTED, allow_credentials=True), Store(*([value] if value else []))
    group.follow(store, wait=0.1, required=True)
    with pytest.raises(RuntimeError, match=r"cors_group\(api\): no live origins came within 0\.1 s"):
        run(group, lambda _: asyncio.sleep(0))
    assert (store.opened, store.closed) == (1, 1)


def test_it_is_as_declared_at_each_start() -> None:
    group, store = followed([ORIGIN])
    app = new_app(group, TOUCHUP=False)

    async def first(port: int) -> None:
        assert await asking(port)(ORIGIN, EVIL) == [GRANTED, REFUSED]

    run_server(serve(app, first))
    no_wait(group)
    store.values = asyncio.Queue()

    async def second(port: int) -> None:
        assert await asking(port)(ORIGIN, EVIL) == [REFUSED, GRANTED | {"access-control-allow-origin": EVIL}]

    run_server(serve(app, second))
    assert (store.opened, store.closed) == (2, 2)


def test_through_asgi() -> None:
    group = group_of(allow_origins=[EVIL])

    async def source(app: Sanic) -> AsyncIterator[list[str]]:
        yield [ORIGIN]
        await asyncio.sleep(60)

    group.follow(source)
    answers = send_through_asgi(
        new_app(group, TOUCHUP=False), request("GET", "/api/item"), request("GET", "/api/item", EVIL)
    )
    assert [answer.cors for answer in answers] == [GRANTED, REFUSED]


def test_two_apps_of_one_loop_share_what_is_followed() -> None:
    group, store = followed([ORIGIN])

    async def talk(_: int) -> None:
        async def inner(port: int) -> None:
            assert await asking(port)(ORIGIN) == [GRANTED]

        await serve(new_app(group, TOUCHUP=False), inner)
        assert (store.opened, store.closed) == (1, 0)

    run_server(serve(new_app(group, TOUCHUP=False), talk))
    assert (store.opened, store.closed) == (1, 1)


def test_a_group_that_is_registered_twice_follows_once() -> None:
    group, store = followed([ORIGIN])
    app = new_app(group, TOUCHUP=False)
    app.blueprint(group, name_prefix="again", url_prefix="/again")

    async def talk(port: int) -> None:
        assert await asking(port)(ORIGIN) == [GRANTED]
        assert store.opened == 1

    run_server(serve(app, talk))
    assert (store.opened, store.closed) == (1, 1)


def test_two_loops_follow_each_by_itself() -> None:
    group, store = followed([ORIGIN], [ORIGIN, TWO])
    app = new_app(group, TOUCHUP=False)

    async def other() -> None:
        async def inner(port: int) -> None:
            assert await asking(port)(ORIGIN) == [GRANTED]

        await serve(app, inner)

    held: list[object] = []

    async def source(app: Sanic) -> AsyncIterator[list[str]]:
        held.append(group.policy.allow_origins)  # which the other loop goes on with
        yield [ORIGIN]
        await asyncio.sleep(60)

    async def talk(port: int) -> None:
        await until(lambda: group.live and group.live.origins == 2)
        follower_of(group).source = source  # a queue has one loop
        await asyncio.to_thread(lambda: asyncio.run(other()))
        assert held == [(ORIGIN, TWO)]
        assert group.live and group.live.origins == 1
        assert await asking(port)(ORIGIN) == [GRANTED]
        assert (store.opened, store.closed) == (1, 0)

    run_server(serve(new_app(group, TOUCHUP=False), talk))
    assert (store.opened, store.closed) == (1, 1)


@pytest.mark.parametrize("required", [False, True])
def test_without_listeners_it_begins_with_the_first_request(
    required: bool, caplog: pytest.LogCaptureFixture
) -> None:
    group, store = group_of(allow_origins=[EVIL]), Store([ORIGIN])
    kept: list[Any] = []

    def source(app: Sanic) -> AsyncIterator[Any]:
        with contextlib.suppress(ServerError):  # there is none, as there should be
            kept.append(Request.get_current())
        return store(app)

    group.follow(source, required=required)

    async def main() -> None:
        app = new_app(group, TOUCHUP=False)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            server: Any = await app.create_server(sock=sock, return_asyncio_server=True, access_log=False)
            assert server is not None
            await server.startup()
            await server.start_serving()
            cors = asking(sock.getsockname()[1])
            assert store.opened == 0
            await cors(ORIGIN)
            await until(lambda: group.live and group.live.origins == 1 and group.live.age is not None)
            assert await cors(ORIGIN, EVIL) == [GRANTED, REFUSED]
            await send_async(sock.getsockname()[1], request("GET", "/none"))
            assert store.opened == 1
            server.close()
            await server.wait_closed()

    run_server(main())
    late = "started without its listeners: live origins are followed from the first request on"
    assert kept == []
    assert said(caplog) == [late + ", although they are required: await server.before_start()" * required]
    assert store.closed == 1


def test_where_nothing_is_served_nothing_begins() -> None:
    group, store = followed([ORIGIN])
    app = new_app(group, TOUCHUP=False)
    app.router.finalize()
    route, *_ = app.router.get("/api/item", "GET", "api.example")
    assert route.path == "api/item"
    assert store.opened == 0
    asyncio.run(follower_of(group).stop(app))


async def coroutine(app: Sanic) -> list[str]:
    return []


def generator(app: Sanic) -> Any:
    yield []


@pytest.mark.parametrize("source", [coroutine, generator, ["https://app.example"]])
def test_what_is_no_source(source: Any) -> None:
    with pytest.raises(TypeError, match=r"async generator function, not .*\. Meant: async def source\(app\)"):
        group_of().follow(source)


@pytest.mark.parametrize(
    "wait", [-1, "1", None, True, float("inf"), float("nan"), pytest.param(10**400, id="huge")]
)
def test_what_is_no_time(wait: Any) -> None:
    with pytest.raises(TypeError, match="wait= takes a number of seconds or a timedelta, not "):
        group_of().follow(Store(), wait=wait)


def test_a_group_follows_one_source() -> None:
    group, _ = followed()
    with pytest.raises(ValueError, match=r"cors_group\(api\) follows .* already"):
        group.follow(Store())
