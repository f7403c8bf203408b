"""The CORS headers of a section are its own, whatever middleware, handlers and error handlers do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.compat import Header
from sanic.exceptions import SanicException, Unauthorized
from sanic.response import BaseHTTPResponse, HTTPResponse, ResponseStream, text

from corsbp import cors_group

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    ReceivedResponse,
    as_handler,
    both_touchups,
    expect,
    new_app,
    plain_group,
    preflight_headers,
    request,
    send,
    text_handler,
    without_cors,
)

# --- response middleware ---


def overwrite(headers: Header) -> None:
    """Set headers as other CORS code does."""
    headers["Access-Control-Allow-Origin"] = EVIL
    headers["access-control-allow-credentials"] = "true"
    headers["access-control-allow-private-network"] = "true"


def nothing(_: BaseHTTPResponse) -> None:
    pass


def returns_new(_: BaseHTTPResponse) -> HTTPResponse:
    return text("new", 203, {"x-new": "1"})


def returns_new_with_cors(_: BaseHTTPResponse) -> HTTPResponse:
    response = text("new", 203, {"vary": "Origin, Cookie"})
    overwrite(response.headers)
    return response


def returns_same(response: BaseHTTPResponse) -> BaseHTTPResponse:
    return response


def returns_same_with_cors(response: BaseHTTPResponse) -> BaseHTTPResponse:
    overwrite(response.headers)
    return response


def returns_no_response(_: BaseHTTPResponse) -> bool:
    return True


def raises(_: BaseHTTPResponse) -> None:
    raise RuntimeError("the middleware failed")


def raises_with_cors(response: BaseHTTPResponse) -> None:
    overwrite(response.headers)
    response.headers["vary"] = "origin"
    raise RuntimeError("the middleware failed")


def is_cancelled(_: BaseHTTPResponse) -> None:
    raise asyncio.CancelledError


def sets_cors(response: BaseHTTPResponse) -> None:
    overwrite(response.headers)


def sets_cors_and_vary(response: BaseHTTPResponse) -> None:
    overwrite(response.headers)
    response.headers["vary"] = "origin"


def adds_cors_and_vary(response: BaseHTTPResponse) -> None:
    response.headers.add("access-control-allow-origin", EVIL)
    response.headers.add("access-control-allow-origin", ORIGIN)
    response.headers.add("vary", "Accept-Encoding")
    response.headers.add("vary", "Origin")


def sets_vary(response: BaseHTTPResponse) -> None:
    response.headers["vary"] = "Cookie"


def adds_to_vary(response: BaseHTTPResponse) -> None:
    response.headers.add("vary", "accept-encoding")


def varies_in_everything(response: BaseHTTPResponse) -> None:
    response.headers["vary"] = "*"


HANDLERS_VARY = "Accept-Encoding"

# What the middleware does, with Vary under a policy that depends on Origin and under one that does not.
# The handler sets Vary to Accept-Encoding. Other values of Vary are kept; None: it is in several lines.
BEHAVIOURS: dict[Callable[..., Any], tuple[str, str | None]] = {
    nothing: ("Accept-Encoding, origin", "Accept-Encoding"),
    returns_new: ("origin", None),
    returns_new_with_cors: ("Origin, Cookie", "Origin, Cookie"),
    returns_same: ("Accept-Encoding, origin", "Accept-Encoding"),
    returns_same_with_cors: ("Accept-Encoding, origin", "Accept-Encoding"),
    returns_no_response: ("origin", None),
    raises: ("Accept-Encoding, origin", "Accept-Encoding"),
    raises_with_cors: ("origin", "origin"),
    is_cancelled: ("origin", None),
    sets_cors: ("Accept-Encoding, origin", "Accept-Encoding"),
    sets_cors_and_vary: ("origin", "origin"),
    adds_cors_and_vary: ("Accept-Encoding, Origin", None),
    sets_vary: ("Cookie, origin", "Cookie"),
    adds_to_vary: ("Accept-Encoding, origin", None),
    varies_in_everything: ("*", "*"),
}
PRIORITIES = (-1000, 0, 1000)
PLACES = ("app", "blueprint")
WAYS = ("sync", "async")


def add_middleware(app: Sanic, blueprints: Iterable[Blueprint]) -> None:
    """Add one for each priority, place and way; `x-act` of a request names one and its behaviour."""

    def add(where: Any, name: str, priority: int, way: str) -> None:
        def act(request: Request, response: BaseHTTPResponse) -> Any:
            wanted, _, behaviour = request.headers.get("x-act", "").partition(" ")
            if wanted != name:
                return None
            return next(each for each in BEHAVIOURS if each.__name__ == behaviour)(response)

        async def act_later(request: Request, response: BaseHTTPResponse) -> Any:
            await asyncio.sleep(0)
            return act(request, response)

        where.on_response(priority=priority)(act if way == "sync" else act_later)

    for priority, way in itertools.product(PRIORITIES, WAYS):
        add(app, f"{priority}/app/{way}", priority, way)
        for blueprint in blueprints:
            add(blueprint, f"{priority}/blueprint/{way}", priority, way)


def site(make: Callable[..., Any], touchup: bool) -> Sanic:
    app = new_app(TOUCHUP=touchup)
    blueprints = {name: Blueprint(name, url_prefix=f"/{name}") for name in ("listed", "public", "web")}
    for blueprint in blueprints.values():

        @blueprint.get("/item", name="item")
        def item(_: Request) -> HTTPResponse:
            return text("item", headers={"vary": HANDLERS_VARY, "x-item": "1"})

    add_middleware(app, blueprints.values())
    app.blueprint(make(blueprints["listed"], **LISTED))
    app.blueprint(make(blueprints["public"]))
    app.blueprint(blueprints["web"])
    return app


@pytest.mark.no_cover
@both_touchups
def test_other_middleware_does_not_change_the_headers_of_a_section(touchup: bool) -> None:
    rows: dict[str, Expectation] = {}
    priorities = PRIORITIES if touchup else (0,)  # their order is the same
    for place, priority, way in itertools.product(PLACES, priorities, WAYS):
        for behaviour, (listed, public) in BEHAVIOURS.items():
            act = f"{priority}/{place}/{way} {behaviour.__name__}"
            status = {"returns_new": 203, "returns_new_with_cors": 203, "returns_no_response": 500}.get(
                behaviour.__name__, 500 if behaviour is is_cancelled else 200
            )
            public_cors = PUBLIC if public is None else PUBLIC | {"vary": public}
            if behaviour not in (adds_to_vary, adds_cors_and_vary):
                rows[f"public: {act}"] = (
                    request("GET", "/public/item", EVIL, x_act=act),
                    status,
                    public_cors,
                )
            rows[f"granted: {act}"] = (
                request("GET", "/listed/item", TWO, x_act=act),
                status,
                {"access-control-allow-origin": TWO, "vary": listed},
            )
            rows[f"refused: {act}"] = (
                request("GET", "/listed/item", EVIL, x_act=act),
                status,
                {"vary": listed},
            )
    assert len(rows) == len(PLACES) * len(priorities) * len(WAYS) * (3 * len(BEHAVIOURS) - 2)
    responses = expect(site(cors_group, touchup), rows)

    without = send(site(plain_group, touchup), *(row[0] for row in rows.values()))
    for (name, response), other in zip(responses.items(), without, strict=True):
        assert without_cors(response) == without_cors(other), name


@pytest.mark.no_cover
@both_touchups
def test_middleware_outside_of_sections_works_as_without_corsbp(touchup: bool) -> None:
    requests = [
        request("GET", path, x_act=f"{priority}/{place}/{way} {behaviour.__name__}")
        for place, priority, way in itertools.product(PLACES, PRIORITIES if touchup else (0,), WAYS)
        for behaviour in BEHAVIOURS
        for path in ("/web/item", "/web/none", "/none")
    ]
    inside, without = (send(site(make, touchup), *requests) for make in (cors_group, plain_group))
    for one, response, other in zip(requests, inside, without, strict=True):
        assert response == other, one


# --- request middleware ---


@both_touchups
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("priority", PRIORITIES)
def test_request_middleware_may_respond_or_raise(priority: int, place: str, touchup: bool) -> None:
    def stops(request: Request) -> HTTPResponse | None:
        match request.headers.get("x-act"):
            case "returns":
                response = text("who are you?", 401)
                overwrite(response.headers)
                return response
            case "raises":
                raise Unauthorized("who are you?", scheme="Basic", realm="api")
            case "fails":
                raise RuntimeError("the middleware failed")
        return None

    async def stops_later(request: Request) -> HTTPResponse | None:
        return stops(request) if "x-later" in request.headers else None

    app, bp = new_app(TOUCHUP=touchup), Blueprint("bp", url_prefix="/api")
    for path in ("/item", "/item/<number:int>"):
        bp.add_route(text_handler("item"), path, name=f"get{len(path)}")
    app.add_route(text_handler("web"), "/web", name="web")
    for each in (stops, stops_later):
        (app if place == "app" else bp).on_request(each, priority=priority)
    app.blueprint(cors_group(bp, **LISTED))

    rows: dict[str, Expectation] = {}
    for act, status in {"none": 200, "returns": 401, "raises": 401, "fails": 500}.items():
        for later in ({}, {"x_later": "1"}):
            act_too = {"x_act": act, **later}
            everyone = status if place == "app" else 200
            rows |= {
                f"granted: {act_too}": (request("GET", "/api/item", **act_too), status, GRANTED),
                f"refused: {act_too}": (request("GET", "/api/item/1", EVIL, **act_too), status, REFUSED),
                f"unknown: {act_too}": (
                    request("GET", "/api/none", **act_too),
                    404 if everyone == 200 else everyone,
                    GRANTED,
                ),
                f"not allowed: {act_too}": (
                    request("POST", "/api/item/1", **act_too),
                    405 if everyone == 200 else everyone,
                    GRANTED,
                ),
                f"preflight: {act_too}": (
                    request("OPTIONS", "/api/item", access_control_request_method="GET", **act_too),
                    204,
                    GRANTED | preflight_headers("GET,OPTIONS"),
                ),
            }
            if act != "returns" or place == "blueprint":
                rows[f"outside: {act_too}"] = (request("GET", "/web", **act_too), everyone, {})
    expect(app, rows)


# --- handlers ---

# Lines of a handler; of the response under a policy that depends on Origin; and under one that does not.
HANDLERS: dict[str, tuple[list[tuple[str, str]], list[str], list[str]]] = {
    "its own CORS": (
        [
            ("Access-Control-Allow-Origin", EVIL),
            ("Access-Control-Allow-Credentials", "true"),
            ("ACCESS-CONTROL-EXPOSE-HEADERS", "*"),
            ("access-control-allow-methods", "*"),
            ("access-control-max-age", "5"),
            ("access-control-allow-private-network", "true"),
        ],
        ["origin"],
        [],
    ),
    "two origins": (
        [("Access-Control-Allow-Origin", ORIGIN), ("access-control-allow-origin", "*")],
        ["origin"],
        [],
    ),
    "nothing": ([], ["origin"], []),
    "Vary": ([("Vary", "Accept-Encoding")], ["Accept-Encoding, origin"], ["Accept-Encoding"]),
    "Vary: origin": ([("vary", "origin")], ["origin"], ["origin"]),
    "Vary: Origin": ([("Vary", "Origin")], ["Origin"], ["Origin"]),
    "Vary: *": ([("vary", "*")], ["*"], ["*"]),
    "Vary: * among others": ([("vary", "cookie, *")], ["*"], ["cookie, *"]),
    "Vary, empty": ([("vary", "")], ["origin"], [""]),
    "Vary, untidy": (
        [("vary", " Cookie ,, ORIGIN,cookie,")],
        ["Cookie, ORIGIN"],
        ["Cookie ,, ORIGIN,cookie,"],
    ),
    "Vary, several lines": (
        [("Vary", "Accept-Encoding"), ("vary", "Cookie, accept-encoding"), ("VARY", "Accept")],
        ["Accept-Encoding, Cookie, Accept, origin"],
        ["Accept-Encoding", "Cookie, accept-encoding", "Accept"],
    ),
    "Vary, several lines with origin": (
        [("Vary", "Cookie"), ("vary", "Origin")],
        ["Cookie, Origin"],
        ["Cookie", "Origin"],
    ),
}


@both_touchups
@pytest.mark.parametrize("assigned", [False, True])
def test_cors_headers_of_handlers_are_replaced(assigned: bool, touchup: bool) -> None:
    @as_handler
    def item(request: Request) -> HTTPResponse:
        lines = HANDLERS[request.args.get("lines")][0]
        response = HTTPResponse("item", headers=Header(() if assigned else lines))
        if assigned:
            response.headers = Header(lines)
        return response

    app = new_app(TOUCHUP=touchup)
    for name, fields in {"listed": LISTED, "public": {}}.items():
        bp = Blueprint(name, url_prefix=f"/{name}")
        bp.add_route(item, "/item", name="item")
        app.blueprint(cors_group(bp, **fields))
    app.add_route(item, "/web", name="web")

    expected, requests = [], []
    for name, (lines, listed, public) in HANDLERS.items():
        query = "?lines=" + name.replace(" ", "%20")
        for path, origin, grant, vary in (
            ("/listed/item", ORIGIN, [("access-control-allow-origin", ORIGIN)], listed),
            ("/listed/item", EVIL, [], listed),
            ("/public/item", EVIL, [("access-control-allow-origin", "*")], public),
        ):
            requests.append(request("GET", path + query, origin))
            expected.append((name, path, sorted([*grant, *(("vary", value) for value in vary)])))
        requests.append(request("GET", "/web" + query))
        expected.append((name, "/web", sorted((key.lower(), value.strip()) for key, value in lines)))
    responses = send(app, *requests)
    seen = [
        (name, path, cors_lines(answer)) for (name, path, _), answer in zip(expected, responses, strict=True)
    ]
    assert seen == expected


def cors_lines(response: ReceivedResponse) -> list[tuple[str, str]]:
    """Return the CORS headers of a response, as often as each is there."""
    lines = [(name.lower(), value) for name, value in response.headers]
    return sorted(line for line in lines if line[0].startswith(("access-control-", "vary")))


def test_headers_may_be_a_plain_dict() -> None:
    bp = Blueprint("bp", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        response = text("item")
        response.headers = {"x-item": "1", "Access-Control-Allow-Origin": EVIL}  # type: ignore[assignment]  # as apps do it
        return response

    app = new_app(cors_group(bp, **LISTED))
    app.middleware(lambda *_: None, "response")
    responses = expect(app, {"inside": (request("GET", "/api/item"), 200, GRANTED)})
    assert responses["inside"]["x-item"] == "1"


def test_middleware_may_send_the_response_itself() -> None:
    bp = Blueprint("bp", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")
    app = new_app(cors_group(bp, **LISTED))

    @app.on_response
    async def send_it(_: Request, response: HTTPResponse) -> None:
        await response.send(end_stream=True)

    rows: dict[str, Expectation] = {
        "granted": (request("GET", "/api/item"), 200, GRANTED),
        "refused": (request("GET", "/api/item", EVIL), 200, REFUSED),
        "unknown": (request("GET", "/api/none"), 404, GRANTED),
    }
    expect(app, rows)


# --- errors after request.respond(), and in handlers of errors ---


async def responds_and_fails(request: Request) -> None:
    await request.respond(text("never seen"))
    raise RuntimeError("the handler failed")


async def responds_with_cors_and_fails(request: Request) -> None:
    response = await request.respond(headers={"access-control-allow-origin": EVIL, "vary": "Cookie"})
    overwrite(response.headers)
    raise SanicException("the handler failed", 418)


async def responds_twice(request: Request) -> None:
    await request.respond()
    await request.respond()


async def responds_and_returns(request: Request) -> HTTPResponse:
    await request.respond(text("sent", 201))
    return text("never seen", 202)


async def sends_and_fails(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    await response.send("sent")
    raise RuntimeError("the handler failed")


async def stream_fails(_: Request) -> ResponseStream:
    async def write(_: Any) -> None:
        raise RuntimeError("the stream failed")

    return ResponseStream(write, headers={"vary": "Cookie"})


async def stream_sends_and_fails(_: Request) -> ResponseStream:
    async def write(response: Any) -> None:
        await response.write("sent")
        raise RuntimeError("the stream failed")

    return ResponseStream(write, 203)


async def returns_nothing(_: Request) -> None:
    return None


async def returns_a_string(_: Request) -> str:
    return "no response"


class OnceError(Exception):
    """An error whose handler fails."""


class LaterError(Exception):
    """Another error whose handler fails."""


class RespondingError(Exception):
    """An error whose handler calls request.respond() and fails."""


async def fails_once(_: Request) -> None:
    raise OnceError


async def fails_later(request: Request) -> None:
    await request.respond(status=202)
    raise LaterError


async def fails_responding(request: Request) -> None:
    await request.respond(status=202)
    raise RespondingError


async def is_cancelled_itself(_: Request) -> None:
    raise asyncio.CancelledError


FAILURES: dict[Callable[..., Any], int] = {
    responds_and_fails: 500,
    responds_with_cors_and_fails: 418,
    responds_twice: 500,
    responds_and_returns: 201,
    sends_and_fails: 200,
    stream_fails: 500,
    stream_sends_and_fails: 203,
    returns_nothing: 500,
    returns_a_string: 500,
    fails_once: 500,
    fails_later: 418,
    fails_responding: 500,
    is_cancelled_itself: 500,
}


@both_touchups
@pytest.mark.parametrize("middleware", [False, True])
def test_errors_before_the_head_is_sent_have_the_headers(middleware: bool, touchup: bool) -> None:
    origins: list[str] = []

    def allows(origin: str, _: Request) -> bool:
        origins.append(origin)
        return origin == ORIGIN

    async def allows_later(origin: str, request: Request) -> bool:
        await asyncio.sleep(0)
        return allows(origin, request)

    policies: dict[str, dict[str, Any]] = {
        "public": {},
        "listed": LISTED,
        "asks": {"allow_origins": allows},
        "asks-later": {"allow_origins": allows_later},
    }

    def make_site(make: Callable[..., Any]) -> Sanic:
        app = new_app(TOUCHUP=touchup)
        for name, fields in policies.items():
            bp = Blueprint(name, url_prefix=f"/{name}")
            for failure in FAILURES:
                bp.add_route(failure, f"/{failure.__name__}")
            app.blueprint(make(bp, **fields))

        @app.exception(OnceError)
        def fail(request: Request, exception: Exception) -> HTTPResponse:
            raise RuntimeError("the handler of errors failed")

        @app.exception(LaterError)
        async def fail_later(request: Request, exception: Exception) -> HTTPResponse:
            raise SanicException("the handler of errors failed", 418)

        @app.exception(RespondingError)
        async def fail_responding(request: Request, exception: Exception) -> HTTPResponse:
            await request.respond(headers={"access-control-allow-origin": EVIL})
            raise RuntimeError("the handler of errors failed")

        if middleware:
            app.middleware(lambda *_: None, "response")
        return app

    rows: dict[str, Expectation] = {
        f"{name}: {failure.__name__} from {origin}": (
            request("GET", f"/{name}/{failure.__name__}", origin),
            status,
            PUBLIC if name == "public" else GRANTED if origin == ORIGIN else REFUSED,
        )
        for name in policies
        for failure, status in FAILURES.items()
        for origin in (ORIGIN, EVIL)
    }
    responses = expect(make_site(cors_group), rows)
    assert len(origins) == 2 * 2 * len(FAILURES)  # once for each request, however often it fails

    without = send(make_site(plain_group), *(row[0] for row in rows.values()))
    for (name, response), other in zip(responses.items(), without, strict=True):
        assert without_cors(response) == without_cors(other), name
