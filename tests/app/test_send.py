"""Headers are added as the head is sent: no object of the app is changed, and no code runs later."""

from __future__ import annotations

import asyncio
import gc
import itertools
import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.compat import Header
from sanic.exceptions import Unauthorized
from sanic.http import Http
from sanic.response import HTTPResponse, ResponseStream, file, file_stream, json, text
from sanic.server import HttpProtocol

from corsbp import CorsPolicy, cors_group
from corsbp.app.middleware import RouteMiddleware
from corsbp.decision.active_policy import ActivePolicy

from ..support import (
    CLEANS_NAMES,
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    HttpRequest,
    ReceivedResponse,
    as_handler,
    both_touchups,
    expect,
    new_app,
    parse_response,
    preflight,
    preflight_headers,
    request,
    run_server,
    send,
    send_async,
    send_bytes,
    send_through_asgi,
    serve,
    text_handler,
)

COOKIES = {**LISTED, "allow_credentials": True}
WITH_COOKIES = {**GRANTED, "access-control-allow-credentials": "true"}


# --- objects that several responses share ---


@both_touchups
def test_one_response_object_may_serve_every_origin(touchup: bool) -> None:
    ok = json({"ok": 1})
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(lambda _: ok), "/item", name="item")
    bp.add_route(as_handler(lambda _: ok), "/own", name="own", ctx_cors=False)
    bp.add_route(as_handler(lambda _: ok), "/public", name="public", ctx_cors=CorsPolicy())
    app = new_app(cors_group(bp, **COOKIES), TOUCHUP=touchup)
    app.add_route(as_handler(lambda _: ok), "/outside", name="outside")

    @app.get("/raised")
    def raised(_: Request) -> HTTPResponse:
        raise Unauthorized

    app.exception(Unauthorized)(lambda *_: ok)
    rows: dict[str, Expectation] = {
        f"{turn}: {path} from {origin}": (request("GET", path, origin), 200, cors)
        for turn in range(2)
        for path, origin, cors in [
            ("/api/item", ORIGIN, WITH_COOKIES),
            ("/outside", ORIGIN, {}),
            ("/api/own", ORIGIN, {}),
            ("/raised", ORIGIN, {}),
            ("/api/public", EVIL, PUBLIC),
            ("/api/item", EVIL, REFUSED),
            ("/outside", EVIL, {}),
        ]
    }
    expect(app, rows)
    assert not [name for name in ok.headers if name.lower().startswith(("access-control", "vary"))]
    assert ok.stream is None


def test_the_stream_has_its_response_back_after_the_head() -> None:
    """Sanic then drops the response, and ends a stream that the handler has not ended."""
    ok = json({"ok": 1})
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(lambda _: ok), "/item", name="item")

    @bp.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        await response.send("a")

    responses = expect(
        new_app(cors_group(bp, **LISTED)),
        {
            "stream": (request("GET", "/api/stream"), 200, GRANTED),
            "item": (request("GET", "/api/item"), 200, GRANTED),
        },
    )
    assert responses["stream"].body == b"1\r\na\r\n0\r\n\r\n"
    assert ok.stream is None


def test_several_responses_may_share_one_header_mapping() -> None:
    headers = Header({"x-shared": "1"})
    bp = Blueprint("api", url_prefix="/api")

    @as_handler
    def item(_: Request) -> HTTPResponse:
        response = text("item")
        response.headers = headers
        return response

    bp.add_route(item, "/item", name="item")
    app = new_app(cors_group(bp, **COOKIES))
    app.add_route(item, "/outside", name="outside")
    expect(
        app,
        {
            "in": (request("GET", "/api/item"), 200, WITH_COOKIES),
            "out": (request("GET", "/outside"), 200, {}),
        },
    )


def test_one_response_object_may_serve_two_requests_at_the_same_time() -> None:
    """The headers of both are built while both wait for the origin function."""
    ok, both = json({"ok": 1}), asyncio.Event()
    waiting: list[str] = []

    async def allows(origin: str, _: Request) -> bool:
        waiting.append(origin)
        if len(waiting) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 60)
        return origin == ORIGIN

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(lambda _: ok), "/item", name="item")

    async def talk(port: int) -> list[ReceivedResponse]:
        origins = [send_bytes(port, request("GET", "/api/item", origin).raw()) for origin in (ORIGIN, EVIL)]
        return [parse_response(raw) for raw in await asyncio.gather(*origins)]

    responses = run_server(serve(new_app(cors_group(bp, allow_origins=allows)), talk))
    assert [(response.cors, response.body) for response in responses] == [
        (GRANTED, ok.body),
        (REFUSED, ok.body),
    ]


# --- no code runs later ---


@both_touchups
@pytest.mark.parametrize("how", ["handler", "signal", "both"])
def test_headers_set_after_the_middleware_are_replaced(how: str, touchup: bool) -> None:
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    async def item(request: Request) -> None:
        response = await request.respond(text("item"))
        if how != "signal":
            response.headers["access-control-allow-origin"] = "*"
            response.headers["Vary"] = "Cookie"

    app = new_app(cors_group(bp, **LISTED), TOUCHUP=touchup)
    if how != "handler":

        @app.signal("http.lifecycle.response")
        async def after(response: HTTPResponse, **_: object) -> None:
            response.headers["access-control-allow-origin"] = "*"
            response.headers["Vary"] = "Cookie"

    rows: dict[str, Expectation] = {
        "granted": (request("GET", "/api/item"), 200, GRANTED | {"vary": "Cookie, origin"}),
        "refused": (request("GET", "/api/item", EVIL), 200, {"vary": "Cookie, origin"}),
    }
    expect(app, rows)


def test_cookies_of_handlers_and_middleware_are_kept() -> None:
    """The headers stay the user's own object to the end, so a second cookie is added to the first."""
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        response = text("item")
        response.headers = dict_like()
        response.add_cookie("one", "1")
        return response

    @bp.on_response
    def second(_: Request, response: HTTPResponse) -> None:
        response.add_cookie("two", "2")

    responses = expect(
        new_app(cors_group(bp, **LISTED)), {"granted": (request("GET", "/api/item"), 200, GRANTED)}
    )
    cookies = [value for name, value in responses["granted"].headers if name.lower() == "set-cookie"]
    assert [cookie.partition("=")[0] for cookie in cookies] == ["one", "two"]


def dict_like() -> Any:
    from multidict import CIMultiDict

    return CIMultiDict({"x-item": "1"})


EXITS: dict[str, Callable[..., Any]] = {}


def exit_of(function: Callable[..., Any]) -> Callable[..., Any]:
    EXITS[function.__name__] = function
    return function


@exit_of
async def streams(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    await response.send("a")
    await response.send("b")
    await response.eof()


@exit_of
async def streams_the_old_way(_: Request) -> ResponseStream:
    async def write(response: Any) -> None:
        await response.write("a")
        await response.write("b")

    return ResponseStream(write)


@exit_of
async def sends_a_file(_: Request) -> HTTPResponse:
    return await file(__file__, filename="a.py")


@exit_of
async def streams_a_file(_: Request) -> ResponseStream:
    return await file_stream(__file__)


@exit_of
async def fails_after_respond(request: Request) -> None:
    await request.respond(text("never"))
    raise RuntimeError


@exit_of
async def has_a_status_that_is_none(_: Request) -> HTTPResponse:
    return text("early", 102)


@both_touchups
def test_every_way_to_respond_has_the_headers(touchup: bool) -> None:
    bp = Blueprint("api", url_prefix="/api")
    for name, function in EXITS.items():
        bp.add_route(function, f"/{name}", name=name)
    app = new_app(cors_group(bp, **LISTED), TOUCHUP=touchup)
    rows: dict[str, Expectation] = {
        f"{name} from {origin}": (
            request("GET", f"/api/{name}", origin),
            500 if name.startswith(("fails", "has")) else 200,
            cors,
        )
        for name in EXITS
        for origin, cors in {ORIGIN: GRANTED, EVIL: REFUSED}.items()
    }
    expect(app, rows)


# --- the request is not changed either ---


class Narrow:
    """A context of requests that takes no other attributes."""

    __slots__ = ("user",)


class Falsy(SimpleNamespace):
    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize("context", [Narrow, Falsy, dict])
def test_results_of_functions_are_not_kept_in_the_context_of_the_request(context: type) -> None:
    class OwnRequest(Request):
        @staticmethod
        def make_context() -> Any:
            return context()

    origins: list[str] = []

    async def allows(origin: str, _: Request) -> bool:
        origins.append(origin)
        return origin == ORIGIN

    app = Sanic("narrow", request_class=OwnRequest)
    app.config.update(AUTO_EXTEND=False, MOTD=False, ACCESS_LOG=False)
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    app.blueprint(cors_group(bp, allow_origins=allows))
    rows: dict[str, Expectation] = {
        "granted": (request("GET", "/api/item"), 200, GRANTED),
        "refused": (request("GET", "/api/item", EVIL), 200, REFUSED),
        "preflight": (preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
    }
    expect(app, rows)
    assert origins == [ORIGIN, EVIL, ORIGIN]


# --- preflights run no middleware (P7) ---


@both_touchups
def test_preflights_run_no_middleware_so_a_gauge_stays_at_zero(touchup: bool) -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    bp.add_route(text_handler("own"), "/own", name="own", methods=["GET", "OPTIONS"])
    app = new_app(cors_group(bp, **LISTED), TOUCHUP=touchup)
    gauge, taken = [0], []

    @app.on_request
    def starts(request: Request) -> None:
        gauge[0] += 1
        request.ctx.started = time.perf_counter()

    @app.on_response
    def ends(request: Request, _: HTTPResponse) -> None:
        gauge[0] -= 1
        taken.append(time.perf_counter() - request.ctx.started)

    granted = GRANTED | preflight_headers("GET,OPTIONS")
    rows: dict[str, Expectation] = {
        "known": (preflight("/api/item"), 204, granted),
        "unknown": (preflight("/api/none"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "the user's": (preflight("/api/own"), 204, granted),
        "refused": (preflight("/api/item", origin=EVIL), 204, REFUSED),
    }
    expect(app, rows)
    assert (gauge, taken) == ([0], [])
    others: dict[str, Expectation] = {
        "GET": (request("GET", "/api/item"), 200, GRANTED),
        "OPTIONS": (request("OPTIONS", "/api/item"), 204, GRANTED),
        "the user's OPTIONS": (request("OPTIONS", "/api/own"), 200, GRANTED),
        "not found": (request("GET", "/api/none"), 404, GRANTED),
        "not allowed": (request("DELETE", "/api/item"), 405, GRANTED),
    }
    expect(app, others)
    assert (gauge, len(taken)) == ([0], len(others))


def test_the_app_responds_to_a_preflight_for_a_route_outside() -> None:
    """The path is shared with a section; the app may respond as it likes."""
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    app = new_app(cors_group(bp, **LISTED))
    app.add_route(text_handler("outside"), "/api/item", methods=["PUT"], name="outside")
    of_the_app = {"access-control-allow-origin": "*", "access-control-allow-methods": "PUT"}

    @app.on_request
    def responses(request: Request) -> HTTPResponse | None:
        return text("of the app", headers=of_the_app) if request.method == "OPTIONS" else None

    vary = {"vary": "origin, access-control-request-method"}
    rows: dict[str, Expectation] = {
        "for the route outside": (preflight("/api/item", "PUT"), 200, of_the_app),
        "for the section": (preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS") | vary),
        "no preflight": (request("OPTIONS", "/api/item"), 200, GRANTED),
    }
    expect(app, rows)


# --- failures before routing ---


@both_touchups
@pytest.mark.parametrize("event", ["http.routing.before", "http.lifecycle.handle", "http.routing.after"])
def test_a_signal_before_routing_may_raise(event: str, touchup: bool) -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    app = new_app(cors_group(bp, **LISTED), TOUCHUP=touchup)
    bp.add_route(text_handler("own"), "/own", name="own", methods=["GET", "OPTIONS"])
    bp.add_route(as_handler(lambda _: 1 / 0), "/fails", name="fails")
    app.add_route(text_handler("web"), "/web", name="web")
    app.add_route(text_handler("web"), "/own", name="own", methods=["GET", "OPTIONS"])

    @app.signal(event)
    async def sign_in(request: Request, **_: object) -> None:
        if "authorization" not in request.headers:
            raise Unauthorized("who are you?")

    def plain(one: HttpRequest) -> HttpRequest:
        return HttpRequest(one.method, one.path, (*one.headers, ("authorization", "x")))

    granted = GRANTED | preflight_headers("GET,OPTIONS")
    unknown = 404 if event == "http.routing.after" else 401  # routing did not run
    rows: dict[str, Expectation] = {
        "nobody": (request("GET", "/api/item"), 401, GRANTED),
        "nobody, refused": (request("GET", "/api/item", EVIL), 401, REFUSED),
        "somebody": (plain(request("GET", "/api/item")), 200, GRANTED),
        "somebody, and it fails": (plain(request("GET", "/api/fails")), 500, GRANTED),
        "preflight": (preflight("/api/item"), 204, granted),
        "preflight, refused": (preflight("/api/item", origin=EVIL), 204, REFUSED),
        "unknown": (request("GET", "/api/none"), unknown, GRANTED),
        "preflight, unknown": (preflight("/api/none"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "the user's": (request("OPTIONS", "/api/own"), 401, GRANTED),
        "preflight, the user's": (preflight("/api/own"), 204, granted),
        "outside": (request("GET", "/web"), 401, {}),
        "outside, the user's": (preflight("/own"), 401, {}),
        "outside, unknown": (request("GET", "/none"), unknown, {}),
        "outside, preflight": (preflight("/web"), 401 if unknown == 401 else 405, {}),
    }
    expect(app, rows)


# --- when an origin function is called ---


def test_a_function_is_called_between_the_middleware_and_the_handler() -> None:
    """A function can use what request middleware opens and response middleware closes."""
    order: list[str] = []

    async def allows(origin: str, request: Request) -> bool:
        order.append(f"called, session {getattr(request.ctx, 'session', None)}")
        return origin == ORIGIN

    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(request: Request) -> HTTPResponse:
        order.append("handler")
        return text("item")

    @bp.get("/early")
    def early(_: Request) -> HTTPResponse:
        raise AssertionError

    app = new_app(cors_group(bp, allow_origins=allows))

    @app.on_request
    def opens(request: Request) -> HTTPResponse | None:
        order.append("opened")
        request.ctx.session = "open"
        return text("early") if request.path == "/api/early" else None

    @app.on_response
    def closes(request: Request, _: HTTPResponse) -> None:
        order.append("closed")
        request.ctx.session = "closed"

    def origins(one: HttpRequest, status: int, cors: dict[str, str]) -> list[str]:
        order.clear()
        expect(app, {"it": (one, status, cors)})
        return [*order]

    assert origins(request("GET", "/api/item"), 200, GRANTED) == [
        "opened",
        "called, session open",
        "handler",
        "closed",
    ]
    assert origins(request("GET", "/api/item", EVIL), 200, REFUSED)[1] == "called, session open"
    # where the handler is not reached, as the head is sent
    assert origins(request("GET", "/api/early"), 200, GRANTED) == [
        "opened",
        "closed",
        "called, session closed",
    ]
    assert origins(request("GET", "/api/none"), 404, GRANTED) == [
        "opened",
        "closed",
        "called, session closed",
    ]
    # preflights run no middleware
    assert origins(preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")) == [
        "called, session None"
    ]


class LibrarysOwn(BaseException):
    """An exception with which a library ends what it runs."""


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("error", [LibrarysOwn, asyncio.CancelledError, GeneratorExit, RuntimeError])
def test_any_exception_of_a_function_refuses_and_the_request_is_served(
    error: type[BaseException], later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def raises_later(origin: str, _: Request) -> bool:
        await asyncio.sleep(0)
        raise error

    def raises(origin: str, _: Request) -> bool:
        raise error

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    app = new_app(cors_group(bp, allow_origins=raises_later if later else raises))
    rows: dict[str, Expectation] = {
        "served": (request("GET", "/api/item"), 200, REFUSED),
        "preflight": (preflight("/api/item"), 204, REFUSED),
        "not found": (request("GET", "/api/none"), 404, REFUSED),
    }
    expect(app, rows)
    failed = [record for record in caplog.records if "() failed for" in record.getMessage()]
    assert len(failed) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exception_that_ends_the_process_ends_it(error: type[BaseException]) -> None:
    def ends(origin: str, _: Request) -> bool:
        raise error

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    with pytest.raises(error):
        send(new_app(cors_group(bp, allow_origins=ends)), request("GET", "/api/item"))
    gc.collect()  # here, and not while Sanic compiles something: CPython 3.11 would fail (gh-106905)


def test_several_values_of_vary_and_bytes_outside_ascii_are_kept() -> None:
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        return text("item", headers={"vary": "Cookie\udcff", "x-odd": "\udcff"})

    (response,) = send(new_app(cors_group(bp, **LISTED)), request("GET", "/api/item", TWO))
    assert response["vary"] == "Cookie\xff, origin" and response["x-odd"] == "\xff"


def test_a_header_without_a_name_is_sent_as_without_corsbp() -> None:
    """Such a header once left the client without any response."""
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        return text("item", headers={"": "odd"})

    (response,) = send(new_app(cors_group(bp, **LISTED)), request("GET", "/api/item", TWO))
    assert (response.status, response.body, response[""]) == (200, b"item", "odd")


def test_a_transfer_encoding_of_a_response_without_a_body_is_removed() -> None:
    """Sanic adds one over HTTP/3; here a handler adds one over ASGI, where the server would send it."""
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        return HTTPResponse(status=204, headers={"transfer-encoding": "chunked"})

    @bp.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        await response.send("a")
        await response.send("b")
        await response.eof()

    responses = send_through_asgi(
        new_app(cors_group(bp, **LISTED)), request("GET", "/api/item"), request("GET", "/api/stream")
    )
    assert [(answer.status, answer.cors, answer.body) for answer in responses] == [
        (204, GRANTED, b""),
        (200, GRANTED, b"ab"),
    ]
    assert "transfer-encoding" not in dict(responses[0].headers)


def test_middleware_that_runs_after_the_response_changes_nothing() -> None:
    """One request has a stream that is finished, another one has none."""
    part = RouteMiddleware(ActivePolicy(CorsPolicy()))
    ended = SimpleNamespace(stream=SimpleNamespace(send=None), transport=None)
    untyped: Any = Http
    http = untyped(
        SimpleNamespace(send=None, receive_more=None, recv_buffer=b"", app=SimpleNamespace(dispatch=None))
    )
    http.response_func = None
    requests: list[Any] = [ended, SimpleNamespace(stream=None, transport=None), SimpleNamespace(stream=http)]
    for each in requests:
        part.attach(each, None)
    assert (vars(ended.stream), http.response_func) == ({"send": None}, None)


def test_a_function_may_return_a_finished_future() -> None:
    def allows(origin: str, _: Request) -> asyncio.Future[bool]:
        known = asyncio.get_running_loop().create_future()
        known.set_result(origin == ORIGIN)
        return known

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    rows: dict[str, Expectation] = {
        "granted": (request("GET", "/api/item"), 200, GRANTED),
        "refused": (request("GET", "/api/item", EVIL), 200, REFUSED),
    }
    expect(new_app(cors_group(bp, allow_origins=allows)), rows)


# --- headers that others hide ---


class Adding(HTTPResponse):
    """A response that adds a header as its head is made."""

    @property
    def processed_headers(self) -> Any:
        return [*super().processed_headers, (b"Access-Control-Allow-Origin", b"https://theirs.example")]


HIDDEN = [
    "\x00access-control-allow-origin",
    "a\x00ccess-control-allow-origin",
    "ac\x00cess-control-allow-origin",
    pytest.param(
        "\r\naccess-control-allow-origin",
        marks=pytest.mark.skipif(not CLEANS_NAMES, reason="this Sanic does not clean names of headers"),
    ),
    "Access-Control-Allow-Origin\x00",
    "v\x00ary",
]


@both_touchups
@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("fields", [{}, LISTED])
def test_a_header_that_sanic_cleans_is_compared_as_it_is_sent(
    name: str, fields: dict[str, Any], touchup: bool
) -> None:
    async def item(_: Request) -> HTTPResponse:
        return text("item", headers={name: "https://theirs.example"})

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(item, "/item", name="item")
    app = new_app(cors_group(bp, **fields), TOUCHUP=touchup)
    (response,) = send(app, request("GET", "/api/item"))
    lines = [value for key, value in response.headers if key.lower() == "access-control-allow-origin"]
    assert lines == ["*" if not fields else ORIGIN]
    assert len([key for key, _ in response.headers if key.lower() == "vary"]) <= 1


def test_a_class_of_responses_may_add_headers_of_its_own() -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(lambda _: Adding("item")), "/item", name="item")
    app = new_app(cors_group(bp, **LISTED))
    expect(app, {"item": (request("GET", "/api/item"), 200, GRANTED)})


# --- heads that fail, and heads at the same time ---


@both_touchups
def test_a_handler_may_mend_a_head_that_failed(touchup: bool) -> None:
    async def mend(request: Request) -> None:
        response = await request.respond(headers={"content-length": "zz"})
        with pytest.raises(ValueError, match="zz"):
            await response.send("hello")
        response.headers["content-length"] = "5"
        await response.send("hello", end_stream=True)

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(mend), "/item", name="item")
    app = new_app(cors_group(bp, **LISTED), TOUCHUP=touchup)
    (response,) = expect(app, {"item": (request("GET", "/api/item"), 200, GRANTED)}).values()
    assert response.body == b"hello"


@both_touchups
def test_two_tasks_may_send_while_a_function_decides(touchup: bool) -> None:
    async def allows(origin: str, _: Request) -> bool:
        await asyncio.sleep(0.01)
        return origin == ORIGIN

    async def both(request: Request) -> None:
        # the request began under a policy without a function
        group.reconfigure(CorsPolicy(allow_origins=["https://a.example", allows]))
        response = await request.respond()
        await asyncio.gather(response.send("one "), response.send("two "))
        await response.eof()

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(both), "/item", name="item")
    group = cors_group(bp, allow_origins=["https://a.example"])
    app = new_app(group, TOUCHUP=touchup)

    (response,) = expect(app, {"item": (request("GET", "/api/item"), 200, GRANTED)}).values()
    assert b"HTTP/1.1" not in response.body
    assert response.body == b"4\r\none \r\n4\r\ntwo \r\n0\r\n\r\n"


def test_a_stream_that_has_ended_takes_nothing_more_while_a_function_decides() -> None:
    async def allows(origin: str, _: Request) -> bool:
        await asyncio.sleep(0.01)
        return True

    errors: list[str] = []

    async def both(request: Request) -> None:
        # the request began under a policy without a function
        group.reconfigure(CorsPolicy(allow_origins=["https://a.example", allows]))
        response = await request.respond()
        ended = [response.send("one", end_stream=True), response.send("two", end_stream=True)]
        results = await asyncio.gather(*ended, return_exceptions=True)
        errors.extend(f"{each}" for each in results if each is not None)

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(both), "/item", name="item")
    group = cors_group(bp, allow_origins=["https://a.example"])
    app = new_app(group)

    (response,) = expect(app, {"item": (request("GET", "/api/item"), 200, GRANTED)}).values()
    assert response.body == b"one"
    assert errors == ["Response stream was ended, no more response data is allowed to be sent."]


# --- classes of the user's ---


class Http1(Http):
    """A stream of the user's own."""

    __slots__ = ()


class Protocol(HttpProtocol):
    """A protocol with it."""

    HTTP_CLASS = Http1


class Equal(Request):
    """Requests that are equal to each other, and have no hash."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request)

    __hash__ = None  # type: ignore[assignment]  # what Python sets beside __eq__


class Proxy:
    """An object in front of a stream."""

    def __init__(self, stream: Any) -> None:
        vars(self)["stream"] = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["stream"], name)


async def by_name(origin: str, request: Request) -> bool:
    """Allow the origin that the query names."""
    await asyncio.sleep(0.01)
    return origin == f"{request.args.get('allow')}"


def site_with_function(**options: Any) -> Sanic:
    """Return an app whose origins a function decides."""
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    app = Sanic(f"classes{next(COUNT)}", **options)
    app.config.update(AUTO_EXTEND=False, MOTD=False, ACCESS_LOG=False)
    app.blueprint(cors_group(bp, allow_origins=by_name))
    return app


COUNT = itertools.count()
BY_FUNCTION: dict[str, Expectation] = {
    "granted": (request("GET", f"/api/item?allow={ORIGIN}"), 200, GRANTED),
    "refused": (request("GET", f"/api/item?allow={TWO}"), 200, REFUSED),
    "preflight": (
        preflight(f"/api/item?allow={ORIGIN}"),
        204,
        GRANTED | preflight_headers("GET,OPTIONS"),
    ),
}


def test_requests_may_be_equal_and_without_a_hash() -> None:
    """Each has a decision of its own, also at the same time."""
    app = site_with_function(request_class=Equal)
    expect(app, BY_FUNCTION)

    async def talk(port: int) -> list[ReceivedResponse]:
        both = [request("GET", f"/api/item?allow={each}") for each in (ORIGIN, TWO)]
        return list(await asyncio.gather(*(send_async(port, one) for one in both)))

    responses = run_server(serve(app, talk))
    assert [each.cors for each in responses] == [GRANTED, REFUSED]


def test_the_stream_of_a_request_may_be_replaced() -> None:
    app = site_with_function()

    async def replace(request: Request) -> None:
        request.stream = Proxy(request.stream)  # type: ignore[assignment]

    app.register_middleware(replace, priority=99)
    expect(app, {name: row for name, row in BY_FUNCTION.items() if name != "preflight"})


def test_the_server_may_have_a_class_of_streams_of_its_own() -> None:
    app = site_with_function()

    async def talk() -> list[ReceivedResponse]:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            options: Any = {"sock": sock, "protocol": Protocol, "return_asyncio_server": True}
            server: Any = await app.create_server(**options)
            await server.startup()
            await server.before_start()
            await server.start_serving()
            try:
                port = sock.getsockname()[1]
                return [await send_async(port, one) for one, *_ in BY_FUNCTION.values()]
            finally:
                server.close()
                await server.wait_closed()

    responses = run_server(talk())
    got = [(each.status, each.cors) for each in responses]
    assert got == [(status, cors) for _, status, cors in BY_FUNCTION.values()]
