"""The app's router decides to which section a request belongs, for preflights too (S3, P5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text
from sanic.router import Router

from corsbp import cors_group

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    Expectation,
    HttpRequest,
    ReceivedResponse,
    both_touchups,
    expect,
    new_app,
    plain_group,
    preflight,
    preflight_headers,
    request,
    send,
    without_cors,
)

COOKIES: dict[str, Any] = {"allow_origins": [ORIGIN, EVIL], "allow_credentials": True}
METHOD = {"vary": "access-control-request-method"}


async def handler(request: Request, **_: object) -> HTTPResponse:
    return text(f"{request.route.name.partition('.')[2] if request.route else None}")


def test_a_route_for_one_host_below_the_prefix_of_a_section_stays_outside() -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", name="item")
    app = new_app(cors_group(bp, **COOKIES))
    app.add_route(handler, "/api/admin", methods=["PUT"], host="h.example", name="admin")
    requested = {"access_control_request_method": "PUT"}
    rows: dict[str, Expectation] = {
        "outside": (request("PUT", "/api/admin", host="h.example"), 200, {}),
        "preflight": (request("OPTIONS", "/api/admin", host="h.example", **requested), 404, {}),
        "another method": (request("GET", "/api/admin", host="h.example"), 404, {}),
        "another host": (
            request("OPTIONS", "/api/admin", host="i.example", **requested),
            204,
            {
                "access-control-allow-origin": ORIGIN,
                "access-control-allow-credentials": "true",
                "access-control-allow-methods": "GET,OPTIONS",
                "access-control-max-age": "600",
                "vary": "origin, access-control-request-headers",
            },
        ),
    }
    expect(app, rows)


def overlapping(make: Callable[..., Any], *methods: list[str]) -> Sanic:
    bp = Blueprint("api", url_prefix="/api", strict_slashes=True)
    for its in methods:
        bp.add_route(handler, "/<n:int>/", methods=its, name=its[0].lower())
    app = new_app(make(bp, **COOKIES))
    app.add_route(handler, "/api/<n:int>", methods=["POST"], name="outside", strict_slashes=False)
    return app


ONE_ROUTE, TWO_ROUTES = [["GET", "PUT"]], [["GET"], ["PUT"]]


def test_the_second_try_of_sanic_without_the_slash_may_lead_outside() -> None:
    """Sanic tries again only where a path has two routes; where it has one, the path has no such method."""
    outside: dict[str, Expectation] = {
        "outside": (request("POST", "/api/5"), 200, {}),
        "outside, preflight": (preflight("/api/5", "POST"), 405, {}),
    }
    grant = {"access-control-allow-origin": ORIGIN, "access-control-allow-credentials": "true"}
    granted = grant | {
        "access-control-allow-methods": "GET,PUT,OPTIONS",
        "access-control-allow-headers": "content-type",
        "access-control-max-age": "600",
        "vary": "origin, access-control-request-headers",
    }
    requested = preflight("/api/5/", "POST", "content-type")
    two: dict[str, Expectation] = {
        "with the slash": (request("POST", "/api/5/"), 200, {}),
        "preflight": (requested, 204, METHOD),
    }
    one: dict[str, Expectation] = {
        "with the slash": (request("POST", "/api/5/"), 405, grant | {"vary": "origin"}),
        "preflight": (requested, 204, granted),
    }
    expect(overlapping(cors_group, *TWO_ROUTES), outside | two)
    expect(overlapping(cors_group, *ONE_ROUTE), outside | one)


@pytest.mark.parametrize("methods", [ONE_ROUTE, TWO_ROUTES])
def test_the_router_finds_the_same_routes_with_and_without_a_section(methods: list[list[str]]) -> None:
    requests = [
        request(method, path)
        for method in ("GET", "PUT", "POST", "DELETE", "HEAD")
        for path in ("/api/5", "/api/5/", "/api/x", "/api/x/", "/api", "/api/")
    ]
    inside, without = (send(overlapping(make, *methods), *requests) for make in (cors_group, plain_group))
    for one, response, other in zip(requests, inside, without, strict=True):
        assert without_allow(response) == without_allow(other), one


def without_allow(response: ReceivedResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return a response without CORS and Allow, to which a section adds OPTIONS."""
    status, headers, body = without_cors(response)
    return status, [line for line in headers if line[0].lower() != "allow"], body


def test_the_router_has_only_the_routes_of_the_user() -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", name="item")
    bp.add_route(handler, "/<n:int>", name="number", methods=["PUT"])
    app = new_app(cors_group(bp, **LISTED))
    rows: dict[str, Expectation] = {
        "preflight": (preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "parameter": (preflight("/api/1", "PUT"), 204, GRANTED | preflight_headers("PUT,OPTIONS")),
    }
    expect(app, rows)
    assert {route.name.partition(".")[2] for route in app.router.routes_all.values()} == {
        "api.item",
        "api.number",
    }


class RouterWithQuery(Router):
    """A router that knows the method QUERY of HTTP."""

    ALLOWED_METHODS: Any = (*Router.ALLOWED_METHODS, "QUERY")


def test_a_router_may_allow_other_methods() -> None:
    app = Sanic("query", router=RouterWithQuery())
    app.config.update(AUTO_EXTEND=False, MOTD=False, ACCESS_LOG=False)
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/search", methods=["QUERY"], name="search")
    bp.add_route(handler, "/item", methods=["GET", "QUERY"], name="item")
    app.blueprint(cors_group(bp, **LISTED))
    app.add_route(handler, "/outside", methods=["QUERY"], name="outside")
    rows: dict[str, Expectation] = {
        "served": (request("QUERY", "/api/search"), 200, GRANTED),
        "preflight": (preflight("/api/search", "QUERY"), 204, GRANTED | preflight_headers("QUERY,OPTIONS")),
        "both": (preflight("/api/item", "QUERY"), 204, GRANTED | preflight_headers("GET,QUERY,OPTIONS")),
        "not allowed": (request("GET", "/api/search"), 405, GRANTED),
        "not allowed outside": (request("GET", "/outside"), 405, {}),
        "unknown": (
            preflight("/api/none", "QUERY"),
            204,
            GRANTED | preflight_headers("GET,QUERY,OPTIONS"),
        ),
    }
    responses = expect(app, rows)
    assert responses["not allowed"]["allow"] == "QUERY, OPTIONS"
    assert responses["not allowed outside"]["allow"] == "QUERY"


# --- where there is no route ---


@both_touchups
def test_the_prefix_of_a_group_counts_for_its_section(touchup: bool) -> None:
    """R8: the prefix that `cors_group()` itself puts before its blueprints, unless others share it."""

    def made(name: str) -> Blueprint:
        bp = Blueprint(name, url_prefix=f"/{name}")
        bp.add_route(handler, "/item", name="item")
        return bp

    app = new_app(
        cors_group(made("a"), made("b"), url_prefix="/v1", **LISTED),
        cors_group(made("c"), version=2),
        Blueprint.group(cors_group(made("d"), url_prefix="/in"), made("e"), url_prefix="/svc"),
        cors_group(made("f"), url_prefix="/<tenant:int>", **LISTED),
        cors_group(made("g"), url_prefix="/both"),
        Blueprint.group(made("h"), url_prefix="/both/h2"),
        cors_group(made("i"), url_prefix="/shared"),
        Blueprint("j", url_prefix="/shared"),
        cors_group(made("k"), version=3, version_prefix="/api/v", url_prefix="/x"),
        # what is around a section is not its prefix
        Blueprint.group(cors_group(made("l")), made("m"), url_prefix="/around"),
        Blueprint.group(cors_group(made("n")), made("o"), version=4),
        cors_group(made("p"), cors_group(made("q")), url_prefix="/outer", **LISTED),
        TOUCHUP=touchup,
    )
    app.blueprints["j"].add_route(handler, "/item", name="item")
    rows: dict[str, Expectation] = {
        path: (request("GET", path), 404, cors)
        for path, cors in {
            "/v1/none": GRANTED,
            "/v1": GRANTED,
            "/v1/a/none": GRANTED,
            "/v12": {},
            "/v2/none": PUBLIC,
            "/svc/none": {},
            "/svc/in/none": PUBLIC,
            "/svc/e/none": {},
            "/7/none": GRANTED,
            "/seven/none": {},
            "/both/none": PUBLIC,
            "/both/h2/h/none": {},
            "/shared/none": {},
            "/shared/i/none": PUBLIC,
            "/api/v3/x/none": PUBLIC,
            "/api/v3/none": {},
            "/around/none": {},
            "/around/l/none": PUBLIC,
            "/v4/none": {},
            "/v4/n/none": PUBLIC,
            "/outer/none": GRANTED,
            "/outer/p/none": GRANTED,
            "/outer/q/none": PUBLIC,
            "/none": {},
        }.items()
    }
    expect(app, rows)


def test_an_unknown_path_runs_middleware_and_error_handlers_as_without_corsbp() -> None:
    """They run once each, in the order of their declaration, with a request that has no route."""

    def site(make: Callable[..., Any]) -> tuple[Sanic, list[tuple[object, ...]]]:
        met: list[tuple[object, ...]] = []
        bp = Blueprint("api", url_prefix="/api")
        bp.add_route(handler, "/item", name="item")
        app = new_app(make(bp))
        for number, priority in enumerate((0, 5, -5)):

            def passes(request: Request, number: int = number) -> None:
                met.append((number, request.route, request.name, request.endpoint, request.match_info))

            def leaves(request: Request, _: object, number: int = number) -> None:
                met.append((-number, request.route))

            app.on_request(passes, priority=priority)
            app.middleware(leaves, "response", priority=priority)

        @app.exception(Exception)
        def fails(request: Request, exception: Exception) -> HTTPResponse:
            met.append((type(exception).__name__, str(exception), request.route))
            return text("of the app", 418)

        return app, met

    requests = [
        request("GET", "/api/none"),
        request("GET", "/api/none/"),
        request("POST", "/api/item"),
        request("POST", "/api/item/"),
    ]
    (app, met), (other, expected) = site(cors_group), site(plain_group)
    responses, without = send(app, *requests), send(other, *requests)
    assert met == expected and len(met) == 4 * 7
    assert [without_cors(response) for response in responses] == [
        without_cors(response) for response in without
    ]
    assert [response.cors for response in responses] == [PUBLIC] * 4


# --- the user's own router ---


class CountingRouter(Router):
    """A router that overrides get() and caches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def get(self, path: str, method: str, host: str | None) -> Any:  # type: ignore[override]
        self.found.append(path)
        return self._get(path, method, host)


def test_a_router_may_override_get() -> None:
    router = CountingRouter()
    app = Sanic("counting", router=router)
    app.config.update(AUTO_EXTEND=False, MOTD=False, ACCESS_LOG=False)
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", name="item")
    app.blueprint(cors_group(bp, **LISTED))
    rows: dict[str, Expectation] = {
        "granted": (request("GET", "/api/item"), 200, GRANTED),
        "refused": (request("GET", "/api/item", "https://other.example"), 200, REFUSED),
        "preflight": (preflight("/api/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "unknown": (request("GET", "/api/none"), 404, GRANTED),
    }
    expect(app, rows)
    assert {*router.found} == {"/api/item", "/api/none"}


class ConfusedRouter(Router):
    """A router that fails on some paths, whatever the method."""

    def resolve(self, path: str, **more: Any) -> Any:
        if "confused" in path:
            raise ZeroDivisionError
        return super().resolve(path, **more)


@pytest.mark.parametrize("one", [request("GET", "/api/confused"), preflight("/api/confused")])
def test_a_path_on_which_the_router_fails_is_in_no_section(one: HttpRequest) -> None:
    app = Sanic("confused", router=ConfusedRouter())
    app.config.update(AUTO_EXTEND=False, MOTD=False, ACCESS_LOG=False)
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", name="item")
    app.blueprint(cors_group(bp))
    expect(app, {"confused": (one, 500, {})})
