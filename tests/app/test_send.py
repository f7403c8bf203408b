"""Headers leave at one place: nothing stays on an object that is not ours, and nobody comes after it."""

from __future__ import annotations

import asyncio
import gc
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

from corsbp import CorsPolicy, cors_group
from corsbp.app.middleware import RouteMiddleware
from corsbp.decision.compiled import ActivePolicy

from ..support import (
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
    send_bytes,
    send_through_asgi,
    serve,
    text_handler,
)

COOKIES = {**LISTED, "allow_credentials": True}
WITH_COOKIES = {**GRANTED, "access-control-allow-credentials": "true"}


# --- objects that several answers share ---


@both_touchups
def test_one_response_for_everybody(touchup: bool) -> None:
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


def test_the_response_is_in_its_place_again() -> None:
    """Sanic lets go of it after the answer, and ends a stream that the handler has not."""
    ok = json({"ok": 1})
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(lambda _: ok), "/item", name="item")

    @bp.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        await response.send("a")

    answers = expect(
        new_app(cors_group(bp, **LISTED)),
        {
            "stream": (request("GET", "/api/stream"), 200, GRANTED),
            "item": (request("GET", "/api/item"), 200, GRANTED),
        },
    )
    assert answers["stream"].body == b"1\r\na\r\n0\r\n\r\n"
    assert ok.stream is None


def test_one_header_mapping_for_several_responses() -> None:
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


def test_one_response_for_two_requests_at_the_same_time() -> None:
    """Its headers are put together for the one and the other while both wait for the verdict."""
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
        asked = [send_bytes(port, request("GET", "/api/item", origin).raw()) for origin in (ORIGIN, EVIL)]
        return [parse_response(raw) for raw in await asyncio.gather(*asked)]

    answers = run_server(serve(new_app(cors_group(bp, allow_origins=allows)), talk))
    assert [(answer.cors, answer.body) for answer in answers] == [(GRANTED, ok.body), (REFUSED, ok.body)]


# --- nobody comes after it ---


@both_touchups
@pytest.mark.parametrize("how", ["handler", "signal", "both"])
def test_headers_that_are_set_after_the_middleware(how: str, touchup: bool) -> None:
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


def test_cookies_from_a_handler_and_from_middleware() -> None:
    """The headers are the user's own object to the end, so a second cookie goes where the first is."""
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

    answers = expect(
        new_app(cors_group(bp, **LISTED)), {"granted": (request("GET", "/api/item"), 200, GRANTED)}
    )
    cookies = [value for name, value in answers["granted"].headers if name.lower() == "set-cookie"]
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
def test_every_exit(touchup: bool) -> None:
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


# --- the request is not ours either ---


class Narrow:
    """A request's context without room for anything."""

    __slots__ = ("user",)


class Falsy(SimpleNamespace):
    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize("context", [Narrow, Falsy, dict])
def test_the_memo_does_not_live_in_the_requests_context(context: type) -> None:
    class OwnRequest(Request):
        @staticmethod
        def make_context() -> Any:
            return context()

    asked: list[str] = []

    async def allows(origin: str, _: Request) -> bool:
        asked.append(origin)
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
    assert asked == [ORIGIN, EVIL, ORIGIN]


# --- preflights are outside of all middleware (P7) ---


@both_touchups
def test_a_gauge_of_requests_under_way_stands_at_zero(touchup: bool) -> None:
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
        "unknown": (preflight("/api/none"), 204, GRANTED | preflight_headers()),
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


def test_a_preflight_for_a_route_outside_is_not_ours_to_answer() -> None:
    """On a path that it shares with a section, whatever the app makes of it."""
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    app = new_app(cors_group(bp, **LISTED))
    app.add_route(text_handler("outside"), "/api/item", methods=["PUT"], name="outside")
    theirs = {"access-control-allow-origin": "*", "access-control-allow-methods": "PUT"}

    @app.on_request
    def answers(request: Request) -> HTTPResponse | None:
        return text("mine", headers=theirs) if request.method == "OPTIONS" else None

    vary = {"vary": "origin, access-control-request-method"}
    rows: dict[str, Expectation] = {
        "for the route outside": (preflight("/api/item", "PUT"), 200, theirs),
        "for the section": (preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS") | vary),
        "no preflight": (request("OPTIONS", "/api/item"), 200, GRANTED),
    }
    expect(app, rows)


# --- what fails before the router is asked ---


@both_touchups
@pytest.mark.parametrize("event", ["http.routing.before", "http.lifecycle.handle", "http.routing.after"])
def test_sign_in_by_a_signal(event: str, touchup: bool) -> None:
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
    unknown = 404 if event == "http.routing.after" else 401  # there was no routing
    rows: dict[str, Expectation] = {
        "nobody": (request("GET", "/api/item"), 401, GRANTED),
        "nobody, refused": (request("GET", "/api/item", EVIL), 401, REFUSED),
        "somebody": (plain(request("GET", "/api/item")), 200, GRANTED),
        "somebody, and it fails": (plain(request("GET", "/api/fails")), 500, GRANTED),
        "preflight": (preflight("/api/item"), 204, granted),
        "preflight, refused": (preflight("/api/item", origin=EVIL), 204, REFUSED),
        "unknown": (request("GET", "/api/none"), unknown, GRANTED),
        "preflight, unknown": (preflight("/api/none"), 204, GRANTED | preflight_headers()),
        "the user's": (request("OPTIONS", "/api/own"), 401, GRANTED),
        "preflight, the user's": (preflight("/api/own"), 204, granted),
        "outside": (request("GET", "/web"), 401, {}),
        "outside, the user's": (preflight("/own"), 401, {}),
        "outside, unknown": (request("GET", "/none"), unknown, {}),
        "outside, preflight": (preflight("/web"), 401 if unknown == 401 else 405, {}),
    }
    expect(app, rows)


# --- when a function is asked ---


def test_a_function_is_asked_between_the_middleware_and_the_handler() -> None:
    """So that it has what request middleware opens and response middleware closes."""
    order: list[str] = []

    async def allows(origin: str, request: Request) -> bool:
        order.append(f"asked, session {getattr(request.ctx, 'session', None)}")
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

    def asked(one: HttpRequest, status: int, cors: dict[str, str]) -> list[str]:
        order.clear()
        expect(app, {"it": (one, status, cors)})
        return [*order]

    assert asked(request("GET", "/api/item"), 200, GRANTED) == [
        "opened",
        "asked, session open",
        "handler",
        "closed",
    ]
    assert asked(request("GET", "/api/item", EVIL), 200, REFUSED)[1] == "asked, session open"
    # where it is not reached, as the answer leaves
    assert asked(request("GET", "/api/early"), 200, GRANTED) == ["opened", "closed", "asked, session closed"]
    assert asked(request("GET", "/api/none"), 404, GRANTED) == ["opened", "closed", "asked, session closed"]
    # preflights are outside of all middleware
    assert asked(preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")) == [
        "asked, session None"
    ]


class LibrarysOwn(BaseException):
    """As some libraries end what they run."""


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("error", [LibrarysOwn, asyncio.CancelledError, GeneratorExit, RuntimeError])
def test_whatever_a_function_raises_refuses_and_serves(
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
def test_what_ends_the_process_does(error: type[BaseException]) -> None:
    def ends(origin: str, _: Request) -> bool:
        raise error

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    with pytest.raises(error):
        send(new_app(cors_group(bp, allow_origins=ends)), request("GET", "/api/item"))
    gc.collect()  # here, and not while Sanic compiles something: CPython 3.11 would take offence (gh-106905)


def test_two_values_of_vary_and_bytes_that_are_no_text() -> None:
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        return text("item", headers={"vary": "Cookie\udcff", "x-odd": "\udcff"})

    (answer,) = send(new_app(cors_group(bp, **LISTED)), request("GET", "/api/item", TWO))
    assert answer["vary"] == "Cookie\xff, origin" and answer["x-odd"] == "\xff"


def test_a_header_without_a_name_leaves_as_it_does_elsewhere() -> None:
    """It left no answer at all."""
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        return text("item", headers={"": "odd"})

    (answer,) = send(new_app(cors_group(bp, **LISTED)), request("GET", "/api/item", TWO))
    assert (answer.status, answer.body, answer[""]) == (200, b"item", "odd")


def test_a_transfer_encoding_of_an_answer_without_a_body_is_taken_out() -> None:
    """As Sanic adds one over HTTP/3; here a handler does, over ASGI, where the server would send it."""
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

    answers = send_through_asgi(
        new_app(cors_group(bp, **LISTED)), request("GET", "/api/item"), request("GET", "/api/stream")
    )
    assert [(answer.status, answer.cors, answer.body) for answer in answers] == [
        (204, GRANTED, b""),
        (200, GRANTED, b"ab"),
    ]
    assert "transfer-encoding" not in dict(answers[0].headers)


def test_what_runs_after_the_answer_has_left_changes_nothing() -> None:
    """A request whose stream takes nothing more, and one that has none."""
    part = RouteMiddleware(ActivePolicy(CorsPolicy()))
    ended = SimpleNamespace(stream=SimpleNamespace(send=None), transport=None)
    untyped: Any = Http
    http = untyped(
        SimpleNamespace(send=None, receive_more=None, recv_buffer=b"", app=SimpleNamespace(dispatch=None))
    )
    http.response_func = None
    requests: list[Any] = [ended, SimpleNamespace(stream=None, transport=None), SimpleNamespace(stream=http)]
    for each in requests:
        part.depart(each, None)
    assert (vars(ended.stream), http.response_func) == ({"send": None}, None)


def test_what_a_function_returns_may_be_there_already() -> None:
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
