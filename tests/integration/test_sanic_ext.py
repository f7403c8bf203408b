"""Beside the real sanic-ext as Sanic turns it on by itself: its CORS, HEAD, OPTIONS, pages and injection."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

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
)

sanic_ext = pytest.importorskip("sanic_ext", reason="no sanic-ext: it refuses Sanic before 25.12")

THEIRS = "https://theirs.example"


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
    """Routes for every feature: paths of one method and several, parameters, injection, validation, views."""

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
    @sanic_ext.cors(origin=EVIL, expose_headers=["x-theirs"], supports_credentials=True)
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
    """An app with two sections and routes outside; `order` says when sanic-ext comes to it."""
    app = new_app(AUTO_EXTEND=True, CORS_ORIGINS=THEIRS, **config)
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
    """The answers of a section to an origin; sanic-ext's own policy allows only `THEIRS`."""
    vary = {"vary": ", ".join(["Accept-Encoding", *filter(None, [cors.get("vary")])])}
    methods = preflight_headers("GET,HEAD,OPTIONS") if "access-control-allow-origin" in cors else {}
    pairs = preflight_headers("GET,HEAD,POST,OPTIONS") if methods else {}
    every = preflight_headers() if methods else {}
    asks: dict[str, tuple[HttpRequest, int, dict[str, str]]] = {
        "GET": (request("GET", f"{prefix}/item", origin), 200, cors | vary),
        "automatic HEAD": (request("HEAD", f"{prefix}/item", origin), 200, cors | vary),
        "automatic HEAD of a pair": (request("HEAD", f"{prefix}/pair/1", origin), 200, cors),
        "POST": (request("POST", f"{prefix}/pair/1", origin), 201, cors),
        "preflight": (preflight(f"{prefix}/item", origin=origin), 204, cors | methods),
        "preflight for HEAD": (preflight(f"{prefix}/item", "HEAD", origin=origin), 204, cors | methods),
        "preflight of a pair": (preflight(f"{prefix}/pair/1", "POST", origin=origin), 204, cors | pairs),
        "preflight of a file": (preflight(f"{prefix}/files/cases.py", origin=origin), 204, cors | methods),
        "preflight, not found": (preflight(f"{prefix}/none", origin=origin), 204, cors | every),
        "injected": (request("GET", f"{prefix}/session?user=me", origin), 200, cors),
        "injected, HEAD": (request("HEAD", f"{prefix}/session?user=me", origin), 200, cors),
        "injected, preflight": (preflight(f"{prefix}/session", origin=origin), 204, cors | methods),
        "validated": (request("GET", f"{prefix}/search?word=a", origin), 200, cors),
        "not valid": (request("GET", f"{prefix}/search?limit=3", origin), 400, cors),
        "decorated": (request("GET", f"{prefix}/decorated", origin), 200, cors),
        "decorated, preflight": (preflight(f"{prefix}/decorated", origin=origin), 204, cors | methods),
        "file": (request("GET", f"{prefix}/files/cases.py", origin), 200, cors),
    }
    return {f"{prefix} from {origin}: {name}": row for name, row in asks.items()}


INSIDE: dict[str, Expectation] = {
    **rows_of("/listed", ORIGIN, GRANTED),
    **rows_of("/listed", THEIRS, REFUSED),
    **rows_of("/listed", EVIL, REFUSED),
    **rows_of("/public", THEIRS, PUBLIC),
}


@orders
def test_in_whatever_order_things_start(order: str, touchup: bool) -> None:
    answers = expect(site(order=order, TOUCHUP=touchup), INSIDE)
    for name, answer in answers.items():
        body = {
            "GET": b"item",
            "injected": b"session of me",
            "validated": b"search 'a', 10",
            "POST": b"post 1",
        }.get(name.partition(": ")[2])
        assert body is None or answer.body == body, name


@both_touchups
def test_errors_of_the_router(touchup: bool) -> None:
    rows: dict[str, Expectation] = {
        f"{path} from {origin}": (request(method, path, origin), status, cors)
        for method, path, status in [
            ("GET", "/listed/none", 404),
            ("POST", "/listed/item", 405),
            ("PUT", "/listed/pair/1", 405),
        ]
        for origin, cors in {ORIGIN: GRANTED, THEIRS: REFUSED, EVIL: REFUSED}.items()
    }
    answers = expect(site(TOUCHUP=touchup), rows)
    assert set(answers[f"/listed/pair/1 from {ORIGIN}"]["allow"].split(", ")) == {
        "GET",
        "HEAD",
        "POST",
        "OPTIONS",
    }


def test_its_vary_stays_on_errors_of_the_router() -> None:
    """Without a route, Sanic runs the app's middleware, and sanic-ext's among it: since 25 it adds one."""
    asks = [
        request(method, path, origin)
        for method, path in [("GET", "/public/none"), ("POST", "/public/item")]
        for origin in (ORIGIN, THEIRS)
    ]
    answers = send(site(), *asks)
    assert [answer.status for answer in answers] == [404, 404, 405, 405]
    for answer in answers:
        assert answer.cors in (PUBLIC, PUBLIC | {"vary": "origin"})


OUTSIDE = [
    *(
        request(method, f"/{where}{path}", origin)
        for where in ("web", "app")
        for path in ("/item", "/pair/1", "/session?user=me", "/decorated", "/none", "/files/cases.py")
        for method in ("GET", "HEAD", "POST", "OPTIONS")
        for origin in (THEIRS, EVIL, None)
    ),
    *(preflight(f"/{where}{path}", origin=THEIRS) for where in ("web", "app") for path in ("/item", "/none")),
    request("GET", "/docs/redoc", THEIRS),
    request("GET", "/docs/none", THEIRS),
]


def answers_to(app: Sanic, asks: list[HttpRequest]) -> list[ReceivedResponse]:
    """An automatic OPTIONS names its methods in no fixed order."""
    return [
        ReceivedResponse(
            answer.status,
            [
                (name, ",".join(sorted(value.split(","))) if "allow" in name.lower() else value)
                for name, value in answer.headers
            ],
            answer.body,
        )
        for answer in send(app, *asks)
    ]


@orders
def test_outside_its_cors_head_and_options_work_as_without_corsbp(order: str, touchup: bool) -> None:
    inside = answers_to(site(order=order, TOUCHUP=touchup), OUTSIDE)
    without = answers_to(site(plain_group, order=order, TOUCHUP=touchup), OUTSIDE)
    for one, answer, other in zip(OUTSIDE, inside, without, strict=True):
        assert answer == other, one
    assert inside[0].cors["access-control-allow-origin"] == THEIRS  # its own CORS is on


def test_other_hosts_of_a_path_keep_its_automatic_options() -> None:
    def hosts(make: Callable[..., Any]) -> Sanic:
        bp = Blueprint("bp", host="a.example")
        app = new_app(AUTO_EXTEND=True)

        @bp.get("/item", name="a")
        @app.get("/item", name="b", host="b.example")
        async def item(_: Request) -> HTTPResponse:
            return text("item")

        app.blueprint(make(bp))
        return app

    asks = [request(method, "/item", host="b.example") for method in ("GET", "HEAD", "OPTIONS")]
    assert answers_to(hosts(cors_group), asks) == answers_to(hosts(plain_group), asks)


@pytest.mark.parametrize(
    ("ignore", "order"), [(True, "by itself"), (False, "by itself"), (False, "routes last")]
)
def test_pages_show_none_of_our_options(ignore: bool, order: str) -> None:
    from sanic_ext.extensions.openapi.builders import OperationStore, SpecificationBuilder

    def paths(make: Callable[..., Any]) -> dict[str, Any]:
        builders: list[Any] = [SpecificationBuilder, OperationStore]
        for kept in builders:  # by the process, for all of its apps
            kept.reset()
        app = site(make, order, OAS_IGNORE_OPTIONS=ignore)
        (page,) = send(app, request("GET", "/docs/openapi.json"))
        assert page.status == 200
        found: dict[str, Any] = json.loads(page.body)["paths"]
        return found

    ours, theirs = paths(cors_group), paths(plain_group)
    assert {path: set(operations) for path, operations in ours.items()} == {
        path: set(operations) for path, operations in theirs.items()
    }
    for where in ("listed", "web", "app"):
        assert set(ours[f"/{where}/own"]) == ({"get"} if ignore else {"get", "options"})
    assert set(ours["/listed/pair/{number}"]) == {"get", "post"}
    assert ours["/listed/pair/{number}"]["post"]["summary"] == "Make a pair"
