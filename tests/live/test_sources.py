"""When the sources of an app begin and end, and which groups share one (D4)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from sanic import Request, Sanic
from sanic.exceptions import ServerError

from corsbp import CorsGroup

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    REFUSED,
    TWO,
    new_app,
    request,
    run_server,
    send_async,
    send_through_asgi,
    serve,
)
from .followed import (
    BY_EVIL,
    BY_TWO,
    CREDENTIALS,
    Cors,
    Store,
    followed,
    follower_of,
    group_of,
    logged,
    run,
    sender,
    until,
)

# --- the first value ---


def test_a_source_begins_after_the_apps_listeners_and_ends_before_them() -> None:
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
        assert await sender(port)(ORIGIN) == [GRANTED]

    run_server(serve(app, talk))
    assert story == ["before start", "begins", "ends", "before stop"]


@pytest.mark.parametrize("reason", ["", "OSError"])
def test_an_app_starts_as_declared_when_nothing_comes(reason: str, caplog: pytest.LogCaptureFixture) -> None:
    group, store = group_of(allow_origins=[EVIL]), Store(*([OSError()] if reason else []))
    group.follow(store, wait=timedelta(seconds=0.1))

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, EVIL) == [REFUSED, BY_EVIL]

    run(group, talk)
    (line,) = logged(caplog, "it starts with the declared ones")
    assert line.startswith("no live origins came within 0.1 s") and reason in line


@pytest.mark.parametrize("value", [None, "*"])
def test_an_app_does_not_start_where_they_are_required(value: Any) -> None:
    group, store = group_of(**LISTED, allow_credentials=True), Store(*([value] if value else []))
    group.follow(store, wait=0.1, required=True)
    with pytest.raises(RuntimeError, match=r"cors_group\(api\): no live origins came within 0\.1 s"):
        run(group, lambda _: asyncio.sleep(0))
    assert (store.opened, store.closed) == (1, 1)


def test_sections_wait_at_the_same_time() -> None:
    """Sanic gives a worker 30 seconds: three stores that are away take ten, not thirty."""
    groups = [group_of(name) for name in ("api", "b", "c")]
    for group in groups:
        group.follow(Store(), wait=0.5)
    loop_times: list[float] = []

    async def talk(port: int) -> None:
        loop_times.append(asyncio.get_running_loop().time())

    app = new_app(*groups, TOUCHUP=False)

    @app.before_server_start
    async def begin(_: Sanic) -> None:
        loop_times.append(asyncio.get_running_loop().time())

    run_server(serve(app, talk))
    began, ready = loop_times
    assert 0.4 < ready - began < 1.0


# --- apps, event loops, ways to start ---


def test_through_asgi() -> None:
    group = group_of(allow_origins=[EVIL])

    async def source(app: Sanic) -> AsyncIterator[list[str]]:
        yield [ORIGIN]
        await asyncio.sleep(60)

    group.follow(source, keep=())
    app = new_app(group, TOUCHUP=False)
    responses = send_through_asgi(app, request("GET", "/api/item"), request("GET", "/api/item", EVIL))
    assert [response.cors for response in responses] == [GRANTED, REFUSED]


def test_two_apps_of_one_event_loop_share_the_run_of_a_group() -> None:
    group, store = followed([ORIGIN])

    async def talk(_: int) -> None:
        async def inner(port: int) -> None:
            assert await sender(port)(ORIGIN) == [GRANTED]

        await serve(new_app(group, TOUCHUP=False), inner)
        assert (store.opened, store.closed) == (1, 0)

    run_server(serve(new_app(group, TOUCHUP=False), talk))
    assert (store.opened, store.closed) == (1, 1)


def test_a_group_that_is_registered_twice_follows_once() -> None:
    group, store = followed([ORIGIN])
    app = new_app(group, TOUCHUP=False)
    app.blueprint(group, name_prefix="again", url_prefix="/again")

    async def talk(port: int) -> None:
        assert await sender(port)(ORIGIN) == [GRANTED]
        assert store.opened == 1

    run_server(serve(app, talk))
    assert (store.opened, store.closed) == (1, 1)


def test_two_event_loops_have_a_run_each() -> None:
    group, store = followed([ORIGIN], [ORIGIN, TWO])
    app = new_app(group, TOUCHUP=False)

    async def other() -> None:
        async def inner(port: int) -> None:
            assert await sender(port)(ORIGIN) == [GRANTED]

        await serve(app, inner)

    in_force: list[object] = []

    async def source(app: Sanic) -> AsyncIterator[list[str]]:
        in_force.append(group.policy.allow_origins)  # what the first loop has: it is not reset
        yield [ORIGIN]
        await asyncio.sleep(60)

    async def talk(port: int) -> None:
        await until(lambda: group.live and group.live.origins == 2)
        follower_of(group).source = source  # a queue belongs to one loop
        await asyncio.to_thread(lambda: asyncio.run(other()))
        assert in_force == [(ORIGIN, TWO)]
        assert group.live and group.live.origins == 1
        assert await sender(port)(ORIGIN) == [GRANTED]
        assert (store.opened, store.closed) == (1, 0)

    run_server(serve(new_app(group, TOUCHUP=False), talk))
    assert (store.opened, store.closed) == (1, 1)


@pytest.mark.parametrize("required", [False, True])
def test_without_listeners_it_begins_with_the_first_request(
    required: bool, caplog: pytest.LogCaptureFixture
) -> None:
    group, store = group_of(allow_origins=[EVIL]), Store([ORIGIN])
    requests: list[Any] = []

    def source(app: Sanic) -> AsyncIterator[Any]:
        with contextlib.suppress(ServerError):  # there is no current request, as there should be none
            requests.append(Request.get_current())
        return store(app)

    group.follow(source, required=required, keep=())

    async def main() -> None:
        app = new_app(group, TOUCHUP=False)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            server: Any = await app.create_server(sock=sock, return_asyncio_server=True, access_log=False)
            assert server is not None
            await server.startup()
            await server.start_serving()
            port = sock.getsockname()[1]
            cors = sender(port)
            assert store.opened == 0
            await cors(ORIGIN)
            await until(lambda: group.live and group.live.origins == 1 and group.live.age is not None)
            assert await cors(ORIGIN, EVIL) == [GRANTED, REFUSED]
            assert (await send_async(port, request("GET", "/none"))).status == 404
            assert store.opened == 1
            server.close()
            await server.wait_closed()

    run_server(main())
    late = "started without its listeners: live origins are followed from the first request on"
    assert requests == []
    assert logged(caplog) == [late + ", although required: await server.before_start()" * required]
    assert store.closed == 1


def test_where_nothing_is_served_nothing_begins() -> None:
    group, store = followed([ORIGIN])
    app = new_app(group, TOUCHUP=False)
    app.router.finalize()
    route, *_ = app.router.get("/api/item", "GET", "api.example")
    assert route.path == "api/item"
    assert store.opened == 0


# --- one source, several groups ---


class EqualStore(Store):
    """Equal to others of its kind, as bound methods of one object are; and without a hash."""

    __hash__ = None  # type: ignore[assignment]  # which a source need not have

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EqualStore)


def test_groups_that_follow_one_function_share_its_run(caplog: pytest.LogCaptureFixture) -> None:
    """One connection; each group has its own policy, what it keeps, and its own state."""
    caplog.set_level(logging.DEBUG, "corsbp")
    first = group_of(allow_origins=[EVIL])
    second = group_of("b", allow_origins=[TWO], allow_credentials=True)
    store = EqualStore([ORIGIN, "http://insecure.example"])
    first.follow(store)
    second.follow(EqualStore(), keep=())

    async def talk(port: int) -> None:
        cors, cors_b = sender(port), sender(port, "/b/item")
        assert await cors(ORIGIN, EVIL, TWO) == [GRANTED, BY_EVIL, REFUSED]
        assert await cors_b(ORIGIN, EVIL, TWO) == [GRANTED | CREDENTIALS, REFUSED, REFUSED]
        assert first.live and first.live.origins == 3 and second.live and second.live.origins == 1
        store.put("*")
        await until(lambda: second.live and second.live.error)
        assert first.live.error is None and "credentials-any-origin" in str(second.live.error)
        assert await cors_b(ORIGIN) == [GRANTED | CREDENTIALS]
        store.put(OSError("gone"))
        await until(lambda: first.live and first.live.error)
        assert first.live.error == second.live.error == "failed: OSError('gone')"
        store.put([TWO])
        await until(lambda: second.live and second.live.error is None)
        assert await cors(TWO, ORIGIN) == [BY_TWO, REFUSED]
        assert await cors_b(TWO, ORIGIN) == [BY_TWO | CREDENTIALS, REFUSED]
        assert (store.opened, store.closed) == (2, 1)

    run_server(serve(new_app(first, second, TOUCHUP=False), talk))
    assert (store.opened, store.closed) == (2, 2)
    lines = logged(caplog, "cors_group(api) and cors_group(b): the source of live origins failed")
    assert len(lines) == 2  # one for both groups: the traceback, and the next try


def test_groups_that_follow_two_functions_have_a_run_each() -> None:
    stores = [Store([ORIGIN]), Store([TWO])]
    groups = [group_of("api", allow_origins=[EVIL]), group_of("b", allow_origins=[EVIL])]
    for group, store in zip(groups, stores, strict=True):
        group.follow(store)

    async def talk(port: int) -> None:
        assert await sender(port)(ORIGIN, TWO) == [GRANTED, REFUSED]
        assert await sender(port, "/b/item")(ORIGIN, TWO) == [REFUSED, BY_TWO]

    run_server(serve(new_app(*groups, TOUCHUP=False), talk))
    assert [store.opened for store in stores] == [1, 1]


def test_apps_do_not_share_a_source() -> None:
    """It takes the app: another app may have another store."""

    async def origins(app: Sanic) -> AsyncIterator[list[str]]:
        yield app.ctx.origins
        await asyncio.sleep(60)

    apps = []
    for name, origin in (("api", ORIGIN), ("b", TWO)):
        group = group_of(name, allow_origins=[EVIL])
        group.follow(origins)
        app = new_app(group, TOUCHUP=False)
        app.ctx.origins = [origin]
        apps.append(app)

    async def talk(first: int) -> None:
        async def inner(second: int) -> None:
            assert await sender(first)(ORIGIN, TWO) == [GRANTED, REFUSED]
            assert await sender(second, "/b/item")(ORIGIN, TWO) == [REFUSED, BY_TWO]

        await serve(apps[1], inner)

    run_server(serve(apps[0], talk))


def test_a_group_that_is_in_two_apps_has_the_run_of_the_first() -> None:
    store = Store([ORIGIN])
    both, only_second = group_of(allow_origins=[EVIL]), group_of("b", allow_origins=[EVIL])
    both.follow(store, wait=0.1)
    only_second.follow(store, wait=0.1)

    async def talk(_: int) -> None:
        async def inner(port: int) -> None:
            assert await sender(port)(ORIGIN) == [GRANTED]
            assert store.opened == 2  # the source takes the app, and the second app has a group more

        await serve(new_app(both, only_second, TOUCHUP=False), inner)
        assert store.closed == 1

    run_server(serve(new_app(both, TOUCHUP=False), talk))
    assert store.closed == 2


async def origins_of_all(app: Sanic) -> AsyncIterator[list[str]]:
    yield [ORIGIN]


DIFFERENT = [
    ({"wait": 1}, "wait: 1.0 and 10.0"),
    ({"required": True}, "required: True and False"),
    ({"retry": 1, "stale_after": 5}, "retry: 1.0 and 10.0; stale_after: 5 and None"),
]


@pytest.mark.parametrize(("options", "words"), DIFFERENT)
def test_groups_that_follow_one_function_with_other_options(options: dict[str, Any], words: str) -> None:
    """An error that names both groups: as they follow, or as an app has both."""

    def pair() -> tuple[CorsGroup, CorsGroup, Callable[[], None]]:
        gc.collect()  # the groups of an earlier pair, or of other tests
        first, second = group_of("one"), group_of("two")
        first.follow(origins_of_all)
        return first, second, lambda: second.follow(origins_of_all, **options)

    expected = re.escape(
        f"cors_group(two) and cors_group(one) follow {origins_of_all!r} with different options ({words})"
    )
    first, second, follow = pair()
    with pytest.raises(ValueError, match=expected):
        follow()
    assert second.live is None

    first, second, follow = pair()
    app = new_app(first, second)
    with pytest.raises(ValueError, match=expected):
        follow()

    first, second, follow = pair()
    app = new_app(first)
    follow()  # no app has both, yet
    with pytest.raises(ValueError, match=expected):
        app.blueprint(second)
    new_app(second)
