"""Doubt is never a grant (S10, S11, S13, P5, R5, R8): long paths, failing parameters, no route."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, text
from sanic.router import Router

from corsbp import CorsPolicy, cors_group

from ..support import (
    GRANTED,
    LISTED,
    PUBLIC,
    Expectation,
    ReceivedResponse,
    as_handler,
    expect,
    handler,
    new_app,
    plain_group,
    preflight,
    preflight_headers,
    request,
    send,
    without_cors,
)

ADMIN = CorsPolicy(allow_origins=["https://admin.example"])


def site(make: Any = cors_group) -> Sanic:
    """Return an app with `/api/users` in a section, its DELETE stricter, and `/api/other` in none."""
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/users", name="users")
    api.add_route(handler, "/users", methods=["DELETE"], name="delete", ctx_cors=ADMIN)
    app = new_app(make(api))
    app.add_route(handler, "/api/other", methods=["DELETE"], name="other")
    app.add_route(handler, "/", name="root")
    return app


# --- long paths ---


@pytest.mark.no_cover
@pytest.mark.parametrize("path", ["/api/users", "/api/other"])
def test_no_number_of_slashes_grants_what_the_route_does_not(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Sanic takes away one slash for each call of its router by itself, until Python stops it.

    Where that is depends on the frames around. Before and after it, all numbers have one response each.
    """
    caplog.set_level(logging.CRITICAL, "sanic.error")  # tracebacks of a thousand exceptions
    app = site()

    def responses_to(numbers: Iterable[int]) -> list[ReceivedResponse]:
        return send(app, *(preflight(path + "/" * number, "DELETE") for number in numbers))

    few, many = responses_to([1, 1500])
    first, last = 1, 1500  # with so many, the response is that to few slashes; and it is that to many
    while last - first > 1:
        middle = (first + last) // 2
        (response,) = responses_to([middle])
        first, last = (middle, last) if response.status == few.status else (first, middle)
    responses = [few, many, *responses_to([2, 100, *range(max(1, first - 4), last + 4), 600])]
    # the policy of the DELETE is static: it is sent to every page
    granted = {response.cors.get("access-control-allow-origin") for response in responses}
    assert granted <= {None, "https://admin.example"}


@pytest.mark.parametrize("slashes", [1, 300, 600, 800])
def test_a_path_outside_with_many_slashes_is_served_as_without_corsbp(
    slashes: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "sanic.error")
    paths = [f"/{'/' * slashes}", f"/api/other{'/' * slashes}", f"/none{'/' * slashes}"]
    requests = [request(method, path) for path in paths for method in ("GET", "DELETE")]
    responses, plain = send(site(), *requests), send(site(plain_group), *requests)
    assert [without_cors(each) for each in responses] == [without_cors(each) for each in plain]
    assert [each.cors for each in responses] == [{}] * len(requests)


def test_the_router_is_called_once_for_a_path_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    app = site()
    send(app, request("GET", "/"))  # compiles the router
    resolve, calls = Router.resolve, []

    def count(self: Router, path: str, **options: Any) -> Any:
        calls.append(path)
        return resolve(self, path, **options)

    monkeypatch.setattr(Router, "resolve", count)
    with pytest.raises(NotFound):
        app.router.get("/none" + "/" * 200, "GET", None)
    assert len(calls) == 201  # once, and once for each slash


# --- parameters that fail when the router is called again ---


def app_with_parameter_once(error: type[Exception]) -> Sanic:
    """Return an app with the parameter type `once`, which fails at the second call with a value."""
    seen: set[str] = set()

    def once(value: str) -> str:
        if value in seen:
            raise error(value)
        seen.add(value)
        return value

    app = new_app()
    app.router.register_pattern("once", once, r"[a-z]+")
    return app


@pytest.mark.parametrize("error", [KeyError, RuntimeError, OSError, RecursionError])
def test_a_parameter_that_fails_at_the_second_call_grants_nothing(error: type[Exception]) -> None:
    app = app_with_parameter_once(error)
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/users", name="users")
    app.blueprint(cors_group(api))
    app.add_route(handler, "/api/<name:once>", methods=["DELETE"], name="other")
    (response,) = send(app, preflight("/api/first", "DELETE"))
    assert "access-control-allow-origin" not in response.cors


@pytest.mark.parametrize("inside", [True, False])
def test_an_options_handler_grants_nothing_where_the_router_fails(inside: bool) -> None:
    app = app_with_parameter_once(KeyError)
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/users", name="users")
    owner, path = (api, "/<name:once>") if inside else (app, "/api/<name:once>")
    owner.add_route(handler, path, methods=["OPTIONS"], name="options")
    app.blueprint(cors_group(api))
    (response,) = send(app, preflight("/api/first", "DELETE"))
    assert "access-control-allow-origin" not in response.cors


# --- what is served without a route ---


def legacy(**config: Any) -> Sanic:
    """Return an app whose middleware serves `/api/legacy` itself, below a section."""
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/users", name="users")
    api.add_route(handler, "/users", methods=["DELETE"], name="delete", ctx_cors=ADMIN)
    app = new_app(cors_group(api, **LISTED), **config)

    @app.on_request
    async def serve(request: Request) -> HTTPResponse | None:
        if request.path == "/api/legacy/open":
            return text("legacy", headers={"access-control-allow-origin": "https://theirs.example"})
        if request.path == "/api/legacy/stream":
            response = await request.respond()
            await response.send("legacy", end_stream=True)
        if request.path == "/api/legacy/fails":
            return text("no", status=503)
        return text("legacy") if request.path.startswith("/api/legacy") else None

    return app


def test_what_a_middleware_serves_without_a_route_is_in_no_section() -> None:
    """Only its errors are: the page may read them."""
    theirs = {"access-control-allow-origin": "https://theirs.example"}
    rows: dict[str, Expectation] = {
        "success": (request("GET", "/api/legacy"), 200, {}),
        "another method": (request("DELETE", "/api/legacy"), 200, {}),
        "with a header of its own": (request("GET", "/api/legacy/open"), 200, theirs),
        "stream": (request("GET", "/api/legacy/stream"), 200, {}),
        "error": (request("GET", "/api/legacy/fails"), 503, GRANTED),
        "not found": (request("GET", "/api/none"), 404, GRANTED),
        "preflight": (preflight("/api/legacy", "DELETE"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
    }
    expect(legacy(), rows)


def test_a_preflight_without_a_route_allows_the_methods_of_the_section_only() -> None:
    """Not those of inner sections, nor of routes with a policy of their own."""
    inner = Blueprint("inner", url_prefix="/inner")
    inner.add_route(handler, "/item", methods=["PATCH"], name="item")
    hosted = Blueprint("hosted", url_prefix="/hosted", host="h.example")
    hosted.add_route(handler, "/item", methods=["PUT"], name="item")
    outer = Blueprint("outer", url_prefix="/outer")
    outer.add_route(handler, "/item", name="item")
    outer.add_route(handler, "/own", methods=["DELETE"], name="own", ctx_cors=CorsPolicy())
    outer.add_route(handler, "/out", methods=["POST"], name="out", ctx_cors=False)
    app = new_app(cors_group(outer, hosted, cors_group(inner, **LISTED), url_prefix="/all"))
    rows: dict[str, Expectation] = {
        "unknown": (
            preflight("/all/outer/none", "DELETE"),
            204,
            PUBLIC | preflight_headers("GET,PUT,OPTIONS"),
        ),
        "inner": (preflight("/all/inner/none", "PUT"), 204, GRANTED | preflight_headers("PATCH,OPTIONS")),
    }
    expect(app, rows)


# --- prefixes ---


def test_the_prefix_of_a_group_counts_on_the_hosts_of_its_routes_only() -> None:
    tenant = Blueprint("t", url_prefix="/t", host="tenant.example")
    tenant.add_route(handler, "/item", name="item")
    app = new_app(cors_group(tenant, url_prefix="/g"))
    methods = preflight_headers("GET,OPTIONS")
    rows: dict[str, Expectation] = {
        "its host": (request("GET", "/g/none", host="tenant.example"), 404, PUBLIC),
        "below the blueprint": (request("GET", "/g/t/none", host="tenant.example"), 404, PUBLIC),
        "its host, preflight": (
            request("OPTIONS", "/g/none", host="tenant.example", access_control_request_method="GET"),
            204,
            PUBLIC | methods,
        ),
        "another host": (request("GET", "/g/none"), 404, {}),
        "another host, preflight": (preflight("/g/none"), 404, {}),
    }
    expect(app, rows)


def test_a_doubled_slash_in_a_route_is_no_part_of_the_prefix() -> None:
    bp = Blueprint("bp", url_prefix="/one/two")
    bp.add_route(handler, "/x//y", name="doubled")
    rows: dict[str, Expectation] = {
        "the route": (request("GET", "/one/two/x//y"), 200, PUBLIC),
        "below the prefix": (request("GET", "/one/two/none"), 404, PUBLIC),
        "beside the prefix": (request("GET", "/one/none"), 404, {}),
        "preflight beside the prefix": (preflight("/one/none"), 404, {}),
    }
    expect(new_app(cors_group(bp)), rows)


@pytest.mark.parametrize("version", [None, 2])
def test_the_prefix_of_a_plain_group_inside_counts(version: int | None) -> None:
    users = Blueprint("users")
    users.add_route(handler, "/users", name="users")
    inside = Blueprint.group(users, url_prefix="/inside", version=version)
    app = new_app(Blueprint.group(cors_group(inside, url_prefix="/group"), url_prefix="/around"))
    start = f"/v{version}" if version else ""
    rows: dict[str, Expectation] = {
        "the route": (request("GET", f"{start}/around/group/inside/users"), 200, PUBLIC),
        "below the group inside": (request("GET", f"{start}/around/group/inside/none"), 404, PUBLIC),
        "below the section": (request("GET", "/around/group/none"), 404, {} if version else PUBLIC),
        "below the group around": (request("GET", f"{start}/around/none"), 404, {}),
    }
    expect(app, rows)


# --- OPTIONS handlers ---


@pytest.mark.parametrize("inside", [True, False])
def test_a_preflight_for_a_route_without_cors_gets_no_grant_from_an_options_handler(inside: bool) -> None:
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/x", methods=["POST"], name="post", ctx_cors=False)
    api.add_route(handler, "/x", methods=["GET"], name="get")
    app = new_app()
    (api if inside else app).add_route(handler, "/x" if inside else "/api/x", methods=["OPTIONS"], name="o")
    app.blueprint(cors_group(api))
    vary = {"vary": "access-control-request-method"}
    methods = "GET,OPTIONS"
    rows: dict[str, Expectation] = {
        "for POST": (preflight("/api/x", "POST"), 200, vary if inside else {}),
        "for GET": (preflight("/api/x", "GET"), 204, PUBLIC | preflight_headers(methods) | vary),
        "another OPTIONS": (request("OPTIONS", "/api/x"), 200, PUBLIC if inside else {}),
    }
    expect(app, rows)


def test_routes_that_stand_in_have_the_context_of_the_path() -> None:
    """Middleware that reads it is written for the routes of the app, which all have it."""
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/item", name="item", ctx_login=True)
    app = new_app(cors_group(api, **LISTED))
    seen: list[Any] = []

    async def read(request: Request, *_: object, **__: object) -> None:
        if request.route is not None:
            seen.append(request.route.ctx.login)

    app.on_request(read)
    app.register_middleware(as_handler(read), "response")
    app.add_signal(read, "http.lifecycle.response")
    rows: dict[str, Expectation] = {
        "GET": (request("GET", "/api/item"), 200, GRANTED),
        "OPTIONS": (request("OPTIONS", "/api/item"), 204, GRANTED),
        "preflight": (preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "not allowed": (request("POST", "/api/item"), 405, GRANTED),
    }
    expect(app, rows)
    assert seen == [True] * (3 + 3 + 1)
