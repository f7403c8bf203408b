"""Origin functions: their arguments, the number of calls, and their failures, which only refuse (R6)."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
from collections.abc import Callable, Generator
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, cors_group

from ..cases import EVIL, ONE
from ..support import HttpRequest, new_app, preflight, request, run_server, send, send_async, serve

GRANTED = {
    "access-control-allow-origin": ONE,
    "access-control-allow-credentials": "true",
    "vary": "origin",
}
REFUSED = {"vary": "origin"}
UPGRADE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec_websocket_version": "13",
    "sec_websocket_key": "x3JJHMbDL1EzLkh9GBhXDw==",
}


class CountingFunction:
    """An origin function that allows `ONE` and keeps its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Request]] = []

    def __call__(self, origin: str, request: Request) -> bool:
        self.calls.append((origin, request))
        return origin == ONE


def app_of(function: Any, origin_timeout: float = 5, **config: Any) -> Sanic:
    """Return an app whose section has an origin function, and all kinds of responses."""
    bp = Blueprint("bp", url_prefix="/bp")

    @bp.get("/item")
    @bp.put("/item", name="put")
    def item(_: Request) -> HTTPResponse:
        return text("item")

    @bp.get("/boom")
    def boom(_: Request) -> HTTPResponse:
        raise ValueError("boom")

    @bp.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond()
        await response.send("a")
        await response.eof()

    @bp.get("/broken-stream")
    async def broken_stream(request: Request) -> None:
        await request.respond()
        raise ValueError("boom")

    @bp.websocket("/ws")
    async def ws(_: Request, ws: Any) -> None:
        await ws.send("hello")

    policy = CorsPolicy(
        allow_origins=function,
        allow_credentials=True,
        check_websockets=True,
        origin_timeout=origin_timeout,
    )
    return new_app(cors_group(bp, policy=policy), **config)


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return the lines that corsbp has logged."""
    caplog.set_level(logging.INFO)
    return lambda: [each.getMessage() for each in caplog.records if "corsbp" in each.name]


# --- arguments ---


def is_one(origin: str, request: Request) -> bool:
    return origin == ONE and request.path == "/bp/item" and request.app.ctx.answer


async def is_one_later(origin: str, request: Request) -> bool:
    await asyncio.sleep(0)
    return is_one(origin, request)


class Object:
    def sync(self, origin: str, request: Request) -> bool:
        return is_one(origin, request)

    async def __call__(self, origin: str, request: Request) -> bool:
        return await is_one_later(origin, request)


class Awaitable:
    def __await__(self) -> Generator[Any, None, bool]:
        yield
        return True


FUNCTIONS = {
    "sync": is_one,
    "async": is_one_later,
    "a method": Object().sync,
    "an object with an async __call__": Object(),
    "partial": functools.partial(lambda more, origin, request: is_one(origin, request), 1),
    "sync or async": lambda origin, request: is_one_later(origin, request) if origin == ONE else False,
    "a future": lambda origin, request: asyncio.ensure_future(is_one_later(origin, request)),
    "some awaitable": lambda origin, request: Awaitable() if is_one(origin, request) else False,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gets_the_origin_and_the_request(name: str) -> None:
    app = app_of(FUNCTIONS[name])
    app.ctx.answer = True
    one, evil, lists = send(
        app, request("GET", "/bp/item", ONE), request("GET", "/bp/item", EVIL), preflight("/bp/item")
    )
    assert (one.cors, evil.cors) == (GRANTED, REFUSED)
    assert lists.cors == GRANTED | {
        "access-control-allow-methods": "GET,PUT,OPTIONS",
        "access-control-max-age": "600",
        "vary": "origin, access-control-request-headers",
    }
    app.ctx.answer = False
    assert send(app, request("GET", "/bp/item", ONE))[0].cors == REFUSED


INVALID = [
    (),
    ("null",),
    ("",),
    (ONE, ONE),
    (ONE, EVIL),
    ("https://",),
    ("app.example",),
    (f"{ONE}/",),
    (f"{ONE}:443",),
    (f"{ONE},{EVIL}",),
    ("https://a b.example",),
    ("https://a\x1b[31m.example",),
    ("https://*.example",),
    (ONE.upper(),),
    ("https://" + "a." * 130 + "example",),
]


@pytest.mark.parametrize("origins", INVALID)
def test_functions_are_called_for_valid_origins_only(origins: tuple[str, ...]) -> None:
    function = CountingFunction()
    lines = tuple(("origin", origin) for origin in origins)
    wants = (("access-control-request-method", "PUT"),)
    requests = [
        HttpRequest("GET", "/bp/item", lines),
        HttpRequest("GET", "/bp/boom", lines),
        HttpRequest("GET", "/bp/nothing", lines),
        HttpRequest("OPTIONS", "/bp/item", lines),
        HttpRequest("OPTIONS", "/bp/item", lines + wants),
    ]
    responses = send(app_of(function), *requests)
    assert [response.status for response in responses] == [200, 500, 404, 204, 204]
    assert not function.calls
    assert not [response.cors for response in responses if "access-control-allow-origin" in response.cors]


# --- number of calls ---

ONCE = {
    "a request": (request("GET", "/bp/item"), 200),
    "a preflight": (preflight("/bp/item", "PUT"), 204),
    "a preflight of an unknown path": (preflight("/bp/nothing", "PUT"), 204),
    "an OPTIONS that is none": (request("OPTIONS", "/bp/item"), 204),
    "an error after the handler": (request("GET", "/bp/boom"), 500),
    "a 404": (request("GET", "/bp/nothing"), 404),
    "a 405": (request("DELETE", "/bp/item"), 405),
    "a stream": (request("GET", "/bp/stream"), 200),
    "an error after respond()": (request("GET", "/bp/broken-stream"), 500),
    "a handshake that is refused": (request("GET", "/bp/ws", EVIL, **UPGRADE), 403),
    "a handshake that is none": (request("GET", "/bp/ws"), 426),
}


def middlewares() -> dict[str, Callable[[Sanic], object]]:
    """Return middleware that an app may have, by name."""

    async def same(request: Request, response: HTTPResponse) -> None:
        await asyncio.sleep(0)

    def another(request: Request, response: HTTPResponse) -> HTTPResponse:
        return HTTPResponse(response.body, response.status)

    def broken(request: Request, response: HTTPResponse) -> None:
        raise ValueError("boom")

    def before(request: Request) -> None:
        raise ValueError("boom")

    return {
        "nothing": lambda app: None,
        "a middleware": lambda app: app.on_response(same),
        "a new response": lambda app: app.on_response(another),
        "a middleware that fails": lambda app: app.on_response(broken),
        "a failing request": lambda app: app.on_request(before),
    }


@pytest.mark.parametrize("more", middlewares())
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_a_function_is_called_once_for_a_request(more: str, debug: bool, later: bool) -> None:
    function = CountingFunction()

    async def call_later(origin: str, request: Request) -> bool:
        return function(origin, request)

    app = app_of(call_later if later else function)
    middlewares()[more](app)
    counts = {}

    async def talk(port: int) -> None:
        for name, (one, status) in ONCE.items():
            function.calls.clear()
            response = await send_async(port, one)
            if more == "nothing":
                assert response.status == status, name
            counts[name] = len(function.calls)

    run_server(serve(app, talk, debug))
    assert counts == dict.fromkeys(ONCE, 1)


# --- failures ---


def raises(origin: str, request: Request) -> bool:
    raise LookupError("no database")


async def raises_later(origin: str, request: Request) -> bool:
    raise LookupError("no database")


async def is_cancelled(origin: str, request: Request) -> bool:
    raise asyncio.CancelledError


async def awaits_what_is_cancelled(origin: str, request: Request) -> bool:
    task = asyncio.ensure_future(asyncio.sleep(3600))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task
    return True


def takes_a_cancelled_result(origin: str, request: Request) -> bool:
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    future.cancel()
    return future.result()


async def times_out(origin: str, request: Request) -> bool:
    await asyncio.wait_for(asyncio.Event().wait(), 0)
    return True


def returning(value: object) -> Callable[[str, Request], Any]:
    return lambda origin, request: value


def returning_later(value: object) -> Callable[[str, Request], Any]:
    async def later(origin: str, request: Request) -> object:
        return value

    return later


class Shy:
    def __repr__(self) -> str:
        raise LookupError("no connection")


async def returns_a_function(origin: str, request: Request) -> Any:
    return is_one


FAILURES = {
    "raises": raises,
    "raises later": raises_later,
    "is cancelled": is_cancelled,
    "awaits what is cancelled": awaits_what_is_cancelled,
    "takes a cancelled result": takes_a_cancelled_result,
    "times out": times_out,
    "returns a function": returns_a_function,
    "returns what cannot be shown": returning(Shy()),
    **{f"returns {value!r}": returning(value) for value in (None, 0, 1, "yes", "", [True], ONE)},
    **{f"returns {value!r} later": returning_later(value) for value in (None, 0, 1, "yes", ONE)},
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_function_that_fails_refuses_and_is_logged_once(name: str, errors: Callable[[], list[str]]) -> None:
    async def talk(port: int) -> None:
        for one, status, body in [
            (request("GET", "/bp/item"), 200, b"item"),
            (request("GET", "/bp/boom"), 500, None),
            (request("GET", "/bp/nothing"), 404, None),
            (preflight("/bp/item", "PUT"), 204, b""),
            (request("GET", "/bp/ws", **UPGRADE), 403, None),
        ]:
            before = len(errors())
            response = await send_async(port, one)
            assert response.status == status
            assert body is None or response.body == body
            assert not [header for header in response.cors if header != "vary"]
            assert response.cors["vary"].startswith("origin")
            (line,) = errors()[before:]
            assert repr(ONE) in line and "refused" in line

    run_server(serve(app_of(FAILURES[name]), talk))


def test_a_function_that_hangs_ends_when_the_client_goes_away(errors: Callable[[], list[str]]) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def hangs(origin: str, request: Request) -> bool:
        if origin != ONE:
            return True
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return True

    async def talk(port: int) -> None:
        for one in [request("GET", "/bp/item"), preflight("/bp/item"), request("GET", "/bp/ws", **UPGRADE)]:
            entered.clear()
            left.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(one.raw())
            await asyncio.wait_for(entered.wait(), 60)
            writer.close()
            await asyncio.wait_for(left.wait(), 60)
        response = await send_async(port, request("GET", "/bp/item", EVIL))
        assert (response.status, response.cors) == (200, GRANTED | {"access-control-allow-origin": EVIL})

    run_server(serve(app_of(hangs), talk))
    assert not errors()


def test_a_function_that_hangs_until_sanic_times_out() -> None:
    calls = []

    async def hangs(origin: str, request: Request) -> bool:
        calls.append(origin)
        await asyncio.Event().wait()
        return True

    (response,) = send(app_of(hangs, RESPONSE_TIMEOUT=0.1), request("GET", "/bp/item"))
    assert (response.status, response.cors, calls) == (503, REFUSED, [ONE])


def test_a_function_that_hangs_is_cancelled_and_the_request_served(errors: Callable[[], list[str]]) -> None:
    """After `origin_timeout`. No task is left, whatever the function does when it is cancelled."""
    ended = []

    def hangs_and(end: Callable[[], object]) -> Any:
        async def hangs(origin: str, request: Request) -> bool:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(origin)
                end()
            return True

        return hangs

    def raises() -> None:
        raise LookupError("while it is cancelled")

    async def talk(port: int) -> None:
        before = asyncio.all_tasks()
        response = await send_async(port, request("GET", "/bp/item"))
        assert (response.status, response.cors) == (200, REFUSED)
        await send_async(port, request("GET", "/bp/item", None))
        assert asyncio.all_tasks() <= before

    for end in (list, raises):
        run_server(serve(app_of(hangs_and(end), origin_timeout=0.05), talk))
        gc.collect()  # asyncio would log an exception that nobody has read now
    assert ended == [ONE, ONE]
    hangs = f"{hangs_and(list).__qualname__}"
    assert errors() == [f"The origin function {hangs}() failed for {ONE!r}: refused"] * 2
