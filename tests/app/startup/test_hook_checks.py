"""A hook that no longer holds stops the start (S12): Sanic is patched as a later version might be."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import sanic
from sanic import Blueprint, Request, Sanic, text
from sanic.asgi import ASGIApp
from sanic.compat import Header
from sanic.exceptions import Forbidden, ServerError
from sanic.http import Http, Stage
from sanic.http import http1 as http1_module
from sanic.response import BaseHTTPResponse, HTTPResponse
from sanic.router import Router

import corsbp
from corsbp import CorsPolicy, cors_group
from corsbp.app import send as send_module
from corsbp.app.middleware import RouteExtra
from corsbp.app.preflights import OptionsHandler
from corsbp.app.resolver import Resolver
from corsbp.app.send import send_wrapper_for
from corsbp.app.websockets import check_handshake
from corsbp.decision.active_policy import ActivePolicy

from ...support import (
    GRANTED,
    LISTED,
    ORIGIN,
    PUBLIC,
    Expectation,
    as_handler,
    expect,
    handler,
    new_app,
    patch_sanic,
    preflight,
    preflight_headers,
    request,
    send,
    send_through_asgi,
)


def site(**config: Any) -> Sanic:
    """Return an app with a section that has a route and a WebSocket."""
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/item", name="item")
    api.add_websocket_route(handler, "/ws", name="ws")
    return new_app(cors_group(api, **LISTED), **config)


def start(app: Sanic) -> None:
    """Start an app, and send one request."""
    send(app, request("GET", "/api/item"))


Patch = Callable[[pytest.MonkeyPatch, Sanic], None]


def another_router(_: pytest.MonkeyPatch, app: Sanic) -> None:
    app.router = Router()
    app.add_route(handler, "/api/item", name="other")


def get_set_back(_: pytest.MonkeyPatch, app: Sanic) -> None:
    del vars(app.router)["get"]


def get_that_raises(_: pytest.MonkeyPatch, app: Sanic) -> None:
    def get(*_: object) -> Any:
        raise ZeroDivisionError

    vars(app.router)["get"] = get


def finalize_set_back(_: pytest.MonkeyPatch, app: Sanic) -> None:
    del vars(app.router)["finalize"]


def extra_made_anew(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    finalize: Any = Sanic.finalize

    def again(self: Sanic) -> None:
        finalize(self)
        for route in self.router.routes:
            fields = {**vars(route.extra), "request_middleware": deque(), "response_middleware": deque()}
            route.extra = SimpleNamespace(**{k: v for k, v in fields.items() if k[:6] != "corsbp"})

    patch_sanic(monkeypatch, Sanic, "finalize", again)


def response_middleware_appended(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    finalize: Any = Sanic.finalize

    def again(self: Sanic) -> None:
        finalize(self)
        for route in self.router.routes:
            route.extra.response_middleware.appendleft(lambda *_: None)

    patch_sanic(monkeypatch, Sanic, "finalize", again)


def request_middleware_lost(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    lost = property(lambda self: deque(), lambda self, chain: None)
    monkeypatch.setattr(RouteExtra, "request_middleware", lost)


def preflights_not_first(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    def without(self: Any, options: OptionsHandler, context: Any) -> Any:
        route = self._make_route(options.active_policy, options.respond, [none])
        return route, options.respond, {}

    monkeypatch.setattr(Resolver, "_default_options", without)


async def none(*_: object, **__: object) -> None:
    """Run no middleware."""


def no_response_middleware(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    async def same(_self: Sanic, _request: Request, response: Any, *_: object) -> Any:
        return response

    patch_sanic(monkeypatch, Sanic, "_run_response_middleware", same)


def no_request_middleware(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    patch_sanic(monkeypatch, Sanic, "_run_request_middleware", none)


def request_middleware_that_may_fail(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    run: Any = Sanic._run_request_middleware

    async def quiet(self: Sanic, *arguments: Any) -> Any:
        try:
            return await run(self, *arguments)
        except Exception:
            return None

    patch_sanic(monkeypatch, Sanic, "_run_request_middleware", quiet)


def http1_sends_otherwise(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    patch_sanic(monkeypatch, Http, "send", property(lambda self: self.http1_response_header))


def http1_encodes_otherwise(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    encode: Any = http1_module.format_http1_response  # type: ignore[attr-defined]  # it imports it

    def anew(status: int, _: object) -> Any:
        return encode(status, [(b"content-length", b"0")])

    monkeypatch.setattr(http1_module, "format_http1_response", anew)


def responses_send_otherwise(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    async def straight(self: Any, data: Any = None, end_stream: Any = None) -> None:
        self.stream.response_func = self.stream.http1_response_header
        await self.stream.http1_response_header(data or b"", end_stream or data is None)

    patch_sanic(monkeypatch, BaseHTTPResponse, "send", straight)


def the_route_is_set_later(monkeypatch: pytest.MonkeyPatch, _: Sanic) -> None:
    """The middleware of the app runs for every request, as where there is no route."""
    handle: Any = Sanic.handle_request

    async def without(self: Sanic, one: Request) -> None:
        get = self.router.get

        def plain(*arguments: Any) -> Any:
            route, found, parameters = get(*arguments)
            other = SimpleNamespace(
                name=route.name, ctx=route.ctx, extra=SimpleNamespace(**vars(route.extra))
            )
            other.extra.request_middleware = other.extra.response_middleware = deque()
            return other, found, parameters

        proxy = SimpleNamespace(get=plain)
        await handle(_with_router(self, proxy), one)

    patch_sanic(monkeypatch, Sanic, "handle_request", without)


def _with_router(app: Any, router: Any) -> Any:
    """Return the app as its own methods see it, with another router."""

    class Other:
        def __getattr__(self, name: str) -> Any:
            return router if name == "router" else getattr(app, name)

    return Other()


PATCHES: dict[Patch, str] = {
    another_router: "app.router",
    get_set_back: "app.router.get",
    get_that_raises: "app.router.get",
    finalize_set_back: "route.extra",
    extra_made_anew: "route.extra",
    response_middleware_appended: "route.extra",
    no_response_middleware: "the response of",
    no_request_middleware: "the preflight of",
    request_middleware_that_may_fail: "the WebSocket",
    http1_sends_otherwise: "the response of",
    http1_encodes_otherwise: "the response of",
    responses_send_otherwise: "the response of",
    the_route_is_set_later: "the response of",
    request_middleware_lost: "route.extra",
    preflights_not_first: "the preflight of",
}


@pytest.mark.parametrize("patch", PATCHES)
def test_a_changed_sanic_does_not_start(patch: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    app = site(TOUCHUP=False)  # which would write Sanic's methods anew
    patch(monkeypatch, app)
    with pytest.raises(RuntimeError, match="corsbp cannot work in this app: ") as caught:
        start(app)
    words = f"{caught.value}"
    assert words.removeprefix("corsbp cannot work in this app: ").startswith(PATCHES[patch])
    assert f"Sanic {sanic.__version__}, corsbp {corsbp.__version__}" in words
    assert words.endswith("install one that corsbp names in its requirements, and report it.")


def test_a_changed_asgi_app_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    send_of_class: Any = ASGIApp.send

    async def straight(self: Any, data: Any = None, end_stream: Any = None) -> None:
        await send_of_class(self.stream, data or b"", end_stream or data is None)

    patch_sanic(monkeypatch, BaseHTTPResponse, "send", straight)
    with pytest.raises(Exception, match="the response of"):
        send_through_asgi(site(), request("GET", "/api/item"))


def test_a_second_section_on_another_router_is_an_error() -> None:
    app = site()
    app.router = Router()
    other = Blueprint("other", url_prefix="/other")
    with pytest.raises(
        RuntimeError, match=r"app\.router is not the router that the section was registered with"
    ):
        app.blueprint(cors_group(other))


def test_another_package_may_wrap_the_hooks_between_two_sections() -> None:
    one, two = Blueprint("one", url_prefix="/one"), Blueprint("two", url_prefix="/two")
    one.add_route(handler, "/item", name="item")
    two.add_route(handler, "/item", name="item")
    app = new_app(cors_group(one))
    finalize, get = app.router.finalize, app.router.get

    def wrapped(*arguments: Any, **options: Any) -> None:
        finalize(*arguments, **options)

    vars(app.router).update(finalize=wrapped, get=partial(get))
    app.blueprint(cors_group(two, **LISTED))
    rows: dict[str, Expectation] = {
        "first": (request("GET", "/one/item"), 200, PUBLIC),
        "first, unknown": (request("GET", "/one/none"), 404, PUBLIC),
        "second": (request("GET", "/two/item"), 200, GRANTED),
        "second, preflight": (preflight("/two/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
    }
    expect(app, rows)


def test_no_code_of_the_user_runs_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not when the app starts; the requests that follow are counted."""
    calls: list[str] = []

    def allows(origin: str, _: Request) -> bool:
        calls.append(origin)
        return True

    async def count(*arguments: Any, **_: object) -> Any:
        calls.append(arguments[0].path if arguments else "signal")

    async def signal(**_: object) -> None:
        calls.append("signal")

    async def item(request: Request, *_: object) -> HTTPResponse:
        calls.append(request.path)
        return text("item")

    api = Blueprint("api", url_prefix="/api")
    api.add_route(item, "/item", name="item")
    api.add_websocket_route(item, "/ws", name="ws")
    app = new_app(cors_group(api, allow_origins=[ORIGIN, allows]))
    app.on_request(count)
    app.register_middleware(as_handler(count), "response")
    api.on_request(count)
    for event in ("http.lifecycle.request", "http.lifecycle.response", "corsbp.page.refused"):
        app.add_signal(signal, event)
    app.error_handler.add(Exception, count)
    app.config.NOISY_EXCEPTIONS = True
    caplog.set_level(logging.DEBUG, "corsbp")

    async def only_start() -> None:
        # a socket, since Sanic takes port 0 for its default, 8000
        with socket.create_server(("127.0.0.1", 0)) as sock:
            server: Any = await app.create_server(return_asyncio_server=True, sock=sock, access_log=False)
            await server.startup()
            await server.before_start()
            with pytest.raises(ServerError):  # tasks that are started later would have it, too
                Request.get_current()
            await server.before_stop()
            server.close()
            await server.wait_closed()

    asyncio.run(only_start())
    assert calls == []
    assert [each for each in caplog.records if each.name == "corsbp" or each.levelno > logging.WARNING] == []


@pytest.mark.parametrize("path", ["/<name:[a-z]+>", "/item"])
def test_a_route_that_another_one_hides_is_not_tried(path: str) -> None:
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, path, name="item", strict_slashes=True)
    app = new_app()
    app.add_route(handler, "/api/a", name="other")
    app.blueprint(cors_group(api))
    start(app)


@pytest.mark.parametrize("origin", [ORIGIN, None])
def test_a_stream_without_anything_that_sends_is_logged_once_and_opens_no_socket(
    origin: str | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_module, "_unhookable", set())
    active = ActivePolicy(CorsPolicy(allow_origins=[ORIGIN]))
    stream = SimpleNamespace(stage=Stage.HANDLER)
    headers = Header({} if origin is None else {"origin": origin})
    route = site().router.routes[0]
    one: Any = SimpleNamespace(stream=stream, transport=None, headers=headers, route=route)
    for _ in range(2):
        send_wrapper_for(one, active)
    lines = [record.getMessage() for record in caplog.records if record.name == "corsbp"]
    words = "has nothing that sends: responses have no CORS headers, and no WebSocket opens"
    assert lines == [f"The server's stream 'types.SimpleNamespace' {words}"]
    with pytest.raises(Forbidden):
        check_handshake(one, active)
