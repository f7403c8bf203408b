"""Preflights and OPTIONS: each method of a path has the policy of its own route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text
from sanic.views import HTTPMethodView

from corsbp import CorsPolicy, cors_group

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    HttpRequest,
    both_touchups,
    expect,
    new_app,
    preflight,
    preflight_headers,
    request,
    send,
    text_handler,
)

ONE = CorsPolicy(allow_origins=[TWO], allow_credentials=True, expose_headers=["x-out"], max_age=5)

# Where the methods of a path have different policies, a preflight depends on the method that it names.
METHOD = {"vary": "access-control-request-method"}
ORIGIN_METHOD = {"vary": "origin, access-control-request-method"}
ONES = {
    "access-control-allow-origin": TWO,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "x-out",
}


async def handler(request: Request, **_: object) -> HTTPResponse:
    assert request.route
    return text(f"{request.method} of {request.route.name.split('.')[-1]}")


PATHS = {"static": ("/shared", "/shared"), "dynamic": ("/shared/<number:int>", "/shared/1")}
paths = pytest.mark.parametrize("path", PATHS)


@both_touchups
@paths
@pytest.mark.parametrize("first", ["inside", "outside"])
def test_a_path_may_have_methods_inside_and_outside_of_a_section(
    first: str, path: str, touchup: bool
) -> None:
    uri, at = PATHS[path]
    bp, app = Blueprint("bp"), new_app(TOUCHUP=touchup)
    bp.add_route(handler, uri, methods=["GET"], name="get")
    bp.add_route(handler, uri, methods=["PUT"], name="put", ctx_cors=False)

    def outside() -> None:
        app.add_route(handler, uri, methods=["POST", "DELETE"], name="post")

    if first == "outside":
        outside()
    app.blueprint(cors_group(bp, **LISTED))
    if first == "inside":
        outside()

    rows: dict[str, Expectation] = {
        "GET": (request("GET", at), 200, GRANTED),
        "GET, refused": (request("GET", at, EVIL), 200, REFUSED),
        "POST": (request("POST", at), 200, {}),
        "DELETE": (request("DELETE", at), 200, {}),
        "PUT": (request("PUT", at), 200, {}),
        "PATCH": (request("PATCH", at), 405, GRANTED),
        "preflight for GET": (preflight(at), 204, GRANTED | preflight_headers("GET,OPTIONS") | ORIGIN_METHOD),
        "preflight for GET, refused": (preflight(at, origin=EVIL), 204, ORIGIN_METHOD),
        "preflight for POST": (preflight(at, "POST"), 204, METHOD),
        "preflight for DELETE": (preflight(at, "DELETE"), 204, METHOD),
        "preflight for PUT": (preflight(at, "PUT"), 204, METHOD),
        "preflight for nobody": (
            preflight(at, "PATCH"),
            204,
            GRANTED | preflight_headers("GET,OPTIONS") | ORIGIN_METHOD,
        ),
        "OPTIONS": (request("OPTIONS", at), 204, GRANTED),
    }
    responses = expect(app, rows)
    allow = "GET, POST, PUT, DELETE, OPTIONS"
    assert [value for key, value in responses["PATCH"].headers if key.lower() == "allow"] == [allow]
    assert responses["OPTIONS"]["allow"] == allow


@both_touchups
@paths
def test_a_path_may_have_methods_of_two_sections(path: str, touchup: bool) -> None:
    uri, at = PATHS[path]
    bp, other = Blueprint("bp"), Blueprint("other")
    bp.add_route(handler, uri, methods=["GET", "PUT"], name="get")
    bp.add_route(handler, uri, methods=["POST"], name="post", ctx_cors=ONE)
    other.add_route(handler, uri, methods=["DELETE"], name="delete")
    app = new_app(cors_group(bp, **LISTED), cors_group(other), TOUCHUP=touchup)

    tail = {"access-control-allow-methods": "POST,OPTIONS", "access-control-max-age": "5"}
    ones = {key: value for key, value in ONES.items() if "expose" not in key}
    rows: dict[str, Expectation] = {
        "GET": (request("GET", at), 200, GRANTED),
        "POST": (request("POST", at), 200, ONES),
        "POST, refused": (request("POST", at, EVIL), 200, ONES),
        "DELETE": (request("DELETE", at, EVIL), 200, PUBLIC),
        "preflight for GET": (
            preflight(at),
            204,
            GRANTED | preflight_headers("GET,PUT,OPTIONS") | ORIGIN_METHOD,
        ),
        "preflight for PUT, refused": (preflight(at, "PUT", origin=EVIL), 204, ORIGIN_METHOD),
        "preflight for POST": (
            preflight(at, "POST", "x-a"),
            204,
            ones
            | tail
            | {
                "access-control-allow-headers": "x-a",
                "vary": "access-control-request-method, access-control-request-headers",
            },
        ),
        "preflight for DELETE": (
            preflight(at, "DELETE"),
            204,
            PUBLIC | preflight_headers("DELETE,OPTIONS") | METHOD,
        ),
    }
    expect(app, rows)


@both_touchups
@paths
def test_a_path_whose_routes_are_all_left_out_has_no_cors(path: str, touchup: bool) -> None:
    """OPTIONS and 405 respond as for routes outside."""
    uri, at = PATHS[path]

    def make_site(make: Callable[..., Any]) -> Sanic:
        bp = Blueprint("bp")
        bp.add_route(handler, uri, methods=["GET"], name="get", ctx_cors=False)
        return new_app(make(bp), TOUCHUP=touchup)

    requests = [
        request("GET", at),
        request("POST", at),
        request("OPTIONS", at),
        preflight(at),
        preflight(at, "POST"),
    ]
    assert send(make_site(cors_group), *requests) == send(make_site(Blueprint.group), *requests)


@both_touchups
@paths
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("where", ["inside", "left out", "outside"])
def test_options_handlers_of_the_user_get_plain_options(
    where: str, late: bool, path: str, touchup: bool
) -> None:
    uri, at = PATHS[path]
    bp, app = Blueprint("bp"), new_app(TOUCHUP=touchup)
    bp.add_route(handler, uri, methods=["GET"], name="get")

    def own() -> None:
        options: dict[str, Any] = {"ctx_cors": False} if where == "left out" else {}
        (app if where == "outside" else bp).add_route(
            handler, uri, methods=["OPTIONS"], name="own", **options
        )

    if not late:
        own()
    app.blueprint(cors_group(bp, **LISTED))
    if late:
        own()

    mixed = ORIGIN_METHOD if where != "inside" else {}
    own_cors = GRANTED if where == "inside" else {}
    rows: dict[str, Expectation] = {
        "GET": (request("GET", at), 200, GRANTED),
        "preflight": (preflight(at), 204, GRANTED | preflight_headers("GET,OPTIONS") | mixed),
        "preflight, refused": (preflight(at, origin=EVIL), 204, REFUSED | mixed),
        "OPTIONS": (request("OPTIONS", at), 200, own_cors),
        "OPTIONS, refused": (request("OPTIONS", at, EVIL), 200, REFUSED if where == "inside" else {}),
        "OPTIONS without Origin": (
            HttpRequest("OPTIONS", at, (("access-control-request-method", "GET"),)),
            200,
            REFUSED if where == "inside" else {},
        ),
        "not allowed": (request("PUT", at), 405, GRANTED),
    }
    responses = expect(app, rows)
    for name, response in responses.items():
        assert (response.body == b"OPTIONS of own") == name.startswith("OPTIONS"), name


@both_touchups
def test_options_of_views_get_plain_options(touchup: bool) -> None:
    class View(HTTPMethodView):
        def get(self, _: Request) -> HTTPResponse:
            return text("get")

        async def post(self, _: Request) -> HTTPResponse:
            return text("post")

        def options(self, _: Request) -> HTTPResponse:
            return text("options", headers={"allow": "TRACE"})

    bp = Blueprint("bp", url_prefix="/api")
    bp.add_route(View.as_view(), "/view")
    app = new_app(cors_group(bp, **LISTED), TOUCHUP=touchup)
    app.add_route(View.as_view(), "/web", name="web")
    rows: dict[str, Expectation] = {
        "GET": (request("GET", "/api/view"), 200, GRANTED),
        "preflight": (preflight("/api/view", "POST"), 204, GRANTED | preflight_headers("GET,POST,OPTIONS")),
        "OPTIONS": (request("OPTIONS", "/api/view"), 200, GRANTED),
        "not allowed": (request("PUT", "/api/view"), 405, GRANTED),
        "outside": (request("GET", "/web"), 200, {}),
        "outside, preflight": (preflight("/web"), 200, {}),
        "outside, not allowed": (request("PUT", "/web"), 405, {}),
    }
    responses = expect(app, rows)
    assert [responses[name].body for name in ("OPTIONS", "outside, preflight")] == [b"options"] * 2
    assert responses["OPTIONS"]["allow"] == "TRACE"


@both_touchups
@paths
def test_hosts(path: str, touchup: bool) -> None:
    uri, at = PATHS[path]
    bp, both, app = Blueprint("bp"), Blueprint("both"), new_app(TOUCHUP=touchup)
    bp.add_route(handler, uri, methods=["GET"], name="a", host="a.example")
    bp.add_route(handler, uri, methods=["POST"], name="b", host="b.example", ctx_cors=CorsPolicy())
    both.add_route(handler, uri, methods=["DELETE"], name="both", host=["a.example", "c.example"])
    app.add_route(handler, uri, methods=["GET", "OPTIONS"], name="d", host="d.example")
    app.add_route(handler, uri, methods=["PUT"], name="put", host="b.example")
    app.blueprint(cors_group(bp, **LISTED))
    app.blueprint(cors_group(both))

    def at_host(host: str, method: str, asks_for: str | None = None) -> HttpRequest:
        more = {"access_control_request_method": asks_for} if asks_for else {}
        return request(method, at, host=f"{host}.example", **more)

    rows: dict[str, Expectation] = {
        "a, GET": (at_host("a", "GET"), 200, GRANTED),
        "a, DELETE": (at_host("a", "DELETE"), 200, PUBLIC),
        "a, for GET": (
            at_host("a", "OPTIONS", "GET"),
            204,
            GRANTED | preflight_headers("GET,OPTIONS") | ORIGIN_METHOD,
        ),
        "a, for DELETE": (
            at_host("a", "OPTIONS", "DELETE"),
            204,
            PUBLIC | preflight_headers("DELETE,OPTIONS") | METHOD,
        ),
        "b, POST": (at_host("b", "POST"), 200, PUBLIC),
        "b, PUT": (at_host("b", "PUT"), 200, {}),
        "b, for POST": (
            at_host("b", "OPTIONS", "POST"),
            204,
            PUBLIC | preflight_headers("POST,OPTIONS") | METHOD,
        ),
        "b, for PUT": (at_host("b", "OPTIONS", "PUT"), 204, METHOD),
        "c, DELETE": (at_host("c", "DELETE"), 200, PUBLIC),
        "c, for DELETE": (
            at_host("c", "OPTIONS", "DELETE"),
            204,
            PUBLIC | preflight_headers("DELETE,OPTIONS"),
        ),
        # Where a path has hosts, Sanic responds 404 instead of 405.
        "c, GET": (at_host("c", "GET"), 404, PUBLIC),
        "d, GET": (at_host("d", "GET"), 200, {}),
        "d, for GET": (at_host("d", "OPTIONS", "GET"), 200, {}),
        "d, DELETE": (at_host("d", "DELETE"), 404, {}),
        "e, GET": (at_host("e", "GET"), 404, {}),
        "e, for GET": (at_host("e", "OPTIONS", "GET"), 404, {}),
    }
    expect(app, rows)


@pytest.mark.parametrize("replaces", [False, True])
def test_a_preflight_passes_an_options_handler_that_is_left_out(replaces: bool) -> None:
    """P7: middleware that raises or responds does not run for preflights."""
    bp = Blueprint("bp", url_prefix="/bp")
    bp.add_route(text_handler("item"), "/item", name="item")
    bp.add_route(text_handler("own"), "/item", methods=["OPTIONS"], name="own", ctx_cors=False)
    app = new_app(cors_group(bp, **LISTED))

    @app.on_response
    def ends(_: Request, response: HTTPResponse) -> HTTPResponse:
        response.headers["access-control-allow-origin"] = "*"
        if replaces:
            return text("other", headers={"access-control-allow-origin": "*"})
        raise ZeroDivisionError

    vary = {"vary": "origin, access-control-request-method"}
    expect(
        app,
        {
            "granted": (preflight("/bp/item"), 204, {**GRANTED, **preflight_headers("GET,OPTIONS"), **vary}),
            "refused": (preflight("/bp/item", origin=EVIL), 204, vary),
            "no preflight": (request("OPTIONS", "/bp/item"), 200, {"access-control-allow-origin": "*"}),
        },
    )
