"""The real sanic-ext in the same app: its CORS, HEAD, OPTIONS, documentation and injection."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicyWarning, cors_group

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
    text_handler,
)

sanic_ext = pytest.importorskip("sanic_ext", reason="no sanic-ext: it refuses Sanic before 25.12")
pytestmark = pytest.mark.filterwarnings("ignore:.*two-layers:corsbp.CorsPolicyWarning")

SANIC_EXT = "https://sanic-ext.example"


@dataclass
class Session:
    """A dependency that sanic-ext injects."""

    user: str

    @classmethod
    async def of(cls, request: Request) -> Session:
        return cls(request.args.get("user", "nobody"))


@dataclass
class Search:
    """A query that sanic-ext validates."""

    word: str
    limit: int = 10


def add_routes(where: Any, prefix: str = "", own_cors: bool = False) -> None:
    """Add routes for every feature: one method and several, parameters, injection, validation, views."""

    @where.get(f"{prefix}/item", name="item")
    async def item(_: Request) -> HTTPResponse:
        return text("item", headers={"vary": "Accept-Encoding"})

    @where.get(f"{prefix}/pair/<number:int>", name="pair_get")
    def get(_: Request, number: int) -> HTTPResponse:
        return text(f"get {number}")

    @where.post(f"{prefix}/pair/<number:int>", name="pair_post")
    @sanic_ext.openapi.summary("Make a pair")
    def post(_: Request, number: int) -> HTTPResponse:
        return text(f"post {number}", 201)

    @where.get(f"{prefix}/session", name="session")
    async def session(_: Request, session: Session) -> HTTPResponse:
        return text(f"session of {session.user}")

    @where.get(f"{prefix}/search", name="search")
    @sanic_ext.validate(query=Search)
    async def search(_: Request, query: Search) -> HTTPResponse:
        return text(f"search {query.word!r}, {query.limit}")

    @where.get(f"{prefix}/decorated", name="decorated")
    @sanic_ext.cors(origin=EVIL, expose_headers=["x-sanic-ext"], supports_credentials=True)
    async def decorated(_: Request) -> HTTPResponse:
        return text("decorated")

    @where.route(f"{prefix}/own", ["GET", "OPTIONS"], name="own")
    async def own(_: Request) -> HTTPResponse:
        return text("own")

    where.static(f"{prefix}/files", Path(__file__).parents[1], name="files")


orders = pytest.mark.parametrize(
    ("order", "touchup"),
    [("by itself", True), ("extended first", False), ("extended last", True), ("routes last", False)],
)


def site(make: Callable[..., Any] = cors_group, order: str = "by itself", **config: Any) -> Sanic:
    """Return an app with two sections and routes outside; `order` is the moment when sanic-ext is added."""
    app = new_app(AUTO_EXTEND=True, CORS_ORIGINS=SANIC_EXT, **config)
    if order == "extended first":
        app.ext.add_dependency(Session, Session.of)
    blueprints = {name: Blueprint(name, url_prefix=f"/{name}") for name in ("listed", "public", "web")}
    if order != "routes last":
        for bp in blueprints.values():
            add_routes(bp)
    app.blueprint(make(blueprints["listed"], **LISTED))
    app.blueprint(make(blueprints["public"]))
    app.blueprint(blueprints["web"])
    if order == "routes last":
        for bp in blueprints.values():
            add_routes(bp)
    add_routes(app, "/app")
    if order == "extended last":
        app.ext.add_dependency(Session, Session.of)
    elif order != "extended first":
        app.before_server_start(lambda app: app.ext.add_dependency(Session, Session.of))
    return app


def rows_of(prefix: str, origin: str, cors: dict[str, str]) -> dict[str, Expectation]:
    """Return what a section responds to an origin; the policy of sanic-ext allows only `SANIC_EXT`."""
    vary = {"vary": ", ".join(["Accept-Encoding", *filter(None, [cors.get("vary")])])}
    methods = preflight_headers("GET,HEAD,OPTIONS") if "access-control-allow-origin" in cors else {}
    pairs = preflight_headers("GET,HEAD,POST,OPTIONS") if methods else {}
    requests: dict[str, tuple[HttpRequest, int, dict[str, str]]] = {
        "GET": (request("GET", f"{prefix}/item", origin), 200, cors | vary),
        "automatic HEAD": (request("HEAD", f"{prefix}/item", origin), 200, cors | vary),
        "automatic HEAD of a pair": (request("HEAD", f"{prefix}/pair/1", origin), 200, cors),
        "POST": (request("POST", f"{prefix}/pair/1", origin), 201, cors),
        "preflight": (preflight(f"{prefix}/item", origin=origin), 204, cors | methods),
        "preflight for HEAD": (preflight(f"{prefix}/item", "HEAD", origin=origin), 204, cors | methods),
        "preflight of a pair": (preflight(f"{prefix}/pair/1", "POST", origin=origin), 204, cors | pairs),
        "preflight of a file": (preflight(f"{prefix}/files/cases.py", origin=origin), 204, cors | methods),
        "preflight, not found": (preflight(f"{prefix}/none", origin=origin), 204, cors | pairs),
        "injected": (request("GET", f"{prefix}/session?user=me", origin), 200, cors),
        "injected, HEAD": (request("HEAD", f"{prefix}/session?user=me", origin), 200, cors),
        "injected, preflight": (preflight(f"{prefix}/session", origin=origin), 204, cors | methods),
        "validated": (request("GET", f"{prefix}/search?word=a", origin), 200, cors),
        "not valid": (request("GET", f"{prefix}/search?limit=3", origin), 400, cors),
        "decorated": (request("GET", f"{prefix}/decorated", origin), 200, cors),
        "decorated, preflight": (preflight(f"{prefix}/decorated", origin=origin), 204, cors | methods),
        "file": (request("GET", f"{prefix}/files/cases.py", origin), 200, cors),
    }
    return {f"{prefix} from {origin}: {name}": row for name, row in requests.items()}


INSIDE: dict[str, Expectation] = {
    **rows_of("/listed", ORIGIN, GRANTED),
    **rows_of("/listed", SANIC_EXT, REFUSED),
    **rows_of("/listed", EVIL, REFUSED),
    **rows_of("/public", SANIC_EXT, PUBLIC),
}


@orders
def test_the_order_of_sanic_ext_and_sections_does_not_matter(order: str, touchup: bool) -> None:
    responses = expect(site(order=order, TOUCHUP=touchup), INSIDE)
    for name, response in responses.items():
        body = {
            "GET": b"item",
            "injected": b"session of me",
            "validated": b"search 'a', 10",
            "POST": b"post 1",
        }.get(name.partition(": ")[2])
        assert body is None or response.body == body, name


@both_touchups
def test_errors_of_the_router_have_the_headers_beside_sanic_ext(touchup: bool) -> None:
    rows: dict[str, Expectation] = {
        f"{path} from {origin}": (request(method, path, origin), status, cors)
        for method, path, status in [
            ("GET", "/listed/none", 404),
            ("POST", "/listed/item", 405),
            ("PUT", "/listed/pair/1", 405),
        ]
        for origin, cors in {ORIGIN: GRANTED, SANIC_EXT: REFUSED, EVIL: REFUSED}.items()
    }
    responses = expect(site(TOUCHUP=touchup), rows)
    assert set(responses[f"/listed/pair/1 from {ORIGIN}"]["allow"].split(", ")) == {
        "GET",
        "HEAD",
        "POST",
        "OPTIONS",
    }


def test_the_vary_of_sanic_ext_stays_on_errors_of_the_router() -> None:
    """Without a route, Sanic runs middleware of the app, and that of sanic-ext adds Vary since 25."""
    requests = [
        request(method, path, origin)
        for method, path in [("GET", "/public/none"), ("POST", "/public/item")]
        for origin in (ORIGIN, SANIC_EXT)
    ]
    responses = send(site(), *requests)
    assert [response.status for response in responses] == [404, 404, 405, 405]
    for response in responses:
        assert response.cors in (PUBLIC, PUBLIC | {"vary": "origin"})


OUTSIDE = [
    *(
        request(method, f"/{where}{path}", origin)
        for where in ("web", "app")
        for path in ("/item", "/pair/1", "/session?user=me", "/decorated", "/none", "/files/cases.py")
        for method in ("GET", "HEAD", "POST", "OPTIONS")
        for origin in (SANIC_EXT, EVIL, None)
    ),
    *(
        preflight(f"/{where}{path}", origin=SANIC_EXT)
        for where in ("web", "app")
        for path in ("/item", "/none")
    ),
    request("GET", "/docs/redoc", SANIC_EXT),
    request("GET", "/docs/none", SANIC_EXT),
]


def answers_to(app: Sanic, requests: list[HttpRequest]) -> list[ReceivedResponse]:
    """Return responses with `Allow` in order: an automatic OPTIONS has no fixed one."""
    return [
        ReceivedResponse(
            response.status,
            [
                (name, ",".join(sorted(value.split(","))) if "allow" in name.lower() else value)
                for name, value in response.headers
            ],
            response.body,
        )
        for response in send(app, *requests)
    ]


@orders
def test_sanic_ext_works_outside_as_without_corsbp(order: str, touchup: bool) -> None:
    inside = answers_to(site(order=order, TOUCHUP=touchup), OUTSIDE)
    without = answers_to(site(plain_group, order=order, TOUCHUP=touchup), OUTSIDE)
    for one, response, other in zip(OUTSIDE, inside, without, strict=True):
        assert response == other, one
    assert inside[0].cors["access-control-allow-origin"] == SANIC_EXT  # the CORS of sanic-ext is on


def test_other_hosts_of_a_path_keep_the_options_of_sanic_ext() -> None:
    def hosts(make: Callable[..., Any]) -> Sanic:
        bp = Blueprint("bp", host="a.example")
        app = new_app(AUTO_EXTEND=True)

        @bp.get("/item", name="a")
        @app.get("/item", name="b", host="b.example")
        async def item(_: Request) -> HTTPResponse:
            return text("item")

        app.blueprint(make(bp))
        return app

    requests = [request(method, "/item", host="b.example") for method in ("GET", "HEAD", "OPTIONS")]
    assert answers_to(hosts(cors_group), requests) == answers_to(hosts(plain_group), requests)


@pytest.mark.parametrize(
    ("ignore", "order"), [(True, "by itself"), (False, "by itself"), (False, "routes last")]
)
def test_the_documentation_of_sanic_ext_does_not_show_our_options(ignore: bool, order: str) -> None:
    from sanic_ext.extensions.openapi.builders import OperationStore, SpecificationBuilder

    def paths(make: Callable[..., Any]) -> dict[str, Any]:
        builders: list[Any] = [SpecificationBuilder, OperationStore]
        for kept in builders:  # kept in the process, for all of its apps
            kept.reset()
        app = site(make, order, OAS_IGNORE_OPTIONS=ignore)
        (page,) = send(app, request("GET", "/docs/openapi.json"))
        assert page.status == 200
        found: dict[str, Any] = json.loads(page.body)["paths"]
        return found

    of_corsbp, of_sanic_ext = paths(cors_group), paths(plain_group)
    assert {path: set(operations) for path, operations in of_corsbp.items()} == {
        path: set(operations) for path, operations in of_sanic_ext.items()
    }
    for where in ("listed", "web", "app"):
        assert set(of_corsbp[f"/{where}/own"]) == ({"get"} if ignore else {"get", "options"})
    assert set(of_corsbp["/listed/pair/{number}"]) == {"get", "post"}
    assert of_corsbp["/listed/pair/{number}"]["post"]["summary"] == "Make a pair"


@pytest.mark.parametrize(
    ("origins", "covered", "found"), [("*", False, True), ("*", True, False), ("", False, False)]
)
def test_sanic_ext_is_a_warning(origins: str, covered: bool, found: bool) -> None:
    """Only if it allows origins, and decides for a route in no section."""
    api, web = Blueprint("api", url_prefix="/api"), Blueprint("web", url_prefix="/web")
    for each in (api, web):
        each.add_route(text_handler("here"), "/item", name="item")
    app = new_app(cors_group(api), cors_group(web) if covered else web)
    sanic_ext.Extend(app, config={"cors_origins": origins, "oas": False})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CorsPolicyWarning)
        send(app, request("GET", "/web/item"))
    problems = [each.message.problem for each in caught if isinstance(each.message, CorsPolicyWarning)]
    expected = "has sanic-ext as well, which decides for routes in no section, such as /web/item"
    assert [(each.id, each.message) for each in problems] == [("two-layers", expected)] * found
