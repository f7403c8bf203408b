"""`ctx_cors`: a route with a policy of its own, or without CORS, however the route is declared."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import HTTPResponse, text
from sanic.views import HTTPMethodView

from corsbp import CorsPolicy, cors_group

from ..cases import EVIL, ONE, TWO
from ..support import ReceivedResponse, new_app, preflight, request, send
from .test_websockets import handshake, open_all

SECTION: dict[str, Any] = {"allow_origins": [ONE], "allow_headers": ["x-section"]}
OWN = CorsPolicy(allow_origins=[TWO], allow_credentials=True, max_age=7, allow_headers=["x-own"])

OF_SECTION = {"access-control-allow-origin": ONE}
OF_ROUTE = {"access-control-allow-origin": TWO, "access-control-allow-credentials": "true"}


async def handler(_: Request, **__: Any) -> HTTPResponse:
    return text("here")


class View(HTTPMethodView):
    def get(self, request: Request, **_: Any) -> HTTPResponse:
        return text("here")

    put = get


Declare = Callable[[Blueprint, str, Any], object]

WAYS: dict[str, Declare] = {
    "get": lambda bp, uri, cors: bp.get(uri, ctx_cors=cors, name="got")(handler),
    "route": lambda bp, uri, cors: bp.route(uri, ["GET"], ctx_cors=cors, name="routed")(handler),
    "add_route": lambda bp, uri, cors: bp.add_route(handler, uri, name="added", ctx_cors=cors),
    "view": lambda bp, uri, cors: bp.add_route(View.as_view(), uri, name="viewed", ctx_cors=cors),
    "decorated view": lambda bp, uri, cors: bp.route(uri, ["GET"], name="view", ctx_cors=cors)(
        View.as_view()
    ),
}
URIS = {
    "/item": "/bp/item",
    "/<name:str>": "/bp/any",
    "/<name:[a-z]+x>/<rest:path>": "/bp/ax/b/c",
    "/": "/bp/",
}


def wrapped(declare: Declare, uri: str, cors: object, **config: Any) -> Sanic:
    """Return an app with a section that has one route with this ctx_cors and one without."""
    bp = Blueprint("bp", url_prefix="/bp")
    declare(bp, uri, cors)
    bp.add_route(handler, "/plain/route", name="plain", methods=["GET", "PUT"])
    return new_app(cors_group(bp, **SECTION), **config)


def lists(methods: str, age: str, names: str) -> dict[str, str]:
    values = {"allow-methods": methods, "allow-headers": names, "max-age": age}
    return {f"access-control-{name}": value for name, value in values.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("uri", URIS)
def test_ctx_cors_gives_a_route_its_own_policy(way: str, uri: str) -> None:
    path = URIS[uri]
    methods = "GET,PUT,OPTIONS" if way == "view" else "GET,OPTIONS"
    expected = {
        request("GET", path): (200, OF_ROUTE),
        request("GET", path, origin=None): (200, OF_ROUTE),
        request("DELETE", path): (405, OF_ROUTE),
        preflight(path): (204, OF_ROUTE | lists(methods, "7", "x-own")),
        request("OPTIONS", path): (204, OF_ROUTE | lists(methods, "7", "x-own")),
        request("GET", "/bp/plain/route"): (200, OF_SECTION),
        preflight("/bp/plain/route"): (204, OF_SECTION | lists("GET,PUT,OPTIONS", "600", "x-section")),
        request("GET", "/bp/not/here"): (404, OF_SECTION),
    }
    responses = send(wrapped(WAYS[way], uri, OWN), *expected)
    assert {
        one: (response.status, response.cors) for one, response in zip(expected, responses, strict=True)
    } == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("uri", ["/item", "/<name:str>"])
def test_a_route_with_ctx_cors_false_responds_as_without_corsbp(way: str, uri: str) -> None:
    path = URIS[uri]
    requests = {
        "GET": request("GET", path),
        "GET from elsewhere": request("GET", path, EVIL),
        "GET from nowhere": request("GET", path, origin=None),
        "405": request("DELETE", path),
        "OPTIONS": request("OPTIONS", path),
        "preflight": preflight(path),
        "preflight for a 405": preflight(path, "DELETE"),
    }

    def responses(app: Sanic) -> dict[str, tuple[int, dict[str, str]]]:
        found = zip(requests, send(app, *requests.values()), strict=True)
        return {name: (response.status, comparable(response)) for name, response in found}

    unwrapped = Blueprint("bp", url_prefix="/bp")
    WAYS[way](unwrapped, uri, None)
    assert responses(wrapped(WAYS[way], uri, False)) == responses(new_app(unwrapped))


def comparable(response: ReceivedResponse) -> dict[str, str]:
    """Return the headers with Allow in order, without those that depend on the text of an error page."""
    headers = {name.lower(): value for name, value in response.headers if name.lower() != "content-length"}
    if "allow" in headers:
        headers["allow"] = ", ".join(sorted(headers["allow"].split(", ")))
    return headers


MIXED = {
    "GET": (OWN, OF_ROUTE),
    "POST": (None, OF_SECTION),
    "DELETE": (CorsPolicy(max_age=None, expose_headers=["x-n"]), {"access-control-allow-origin": "*"}),
    "PUT": (False, {}),
}
VARY = {"vary": "access-control-request-method"}


@pytest.mark.filterwarnings("ignore:.*route-open")  # for DELETE
@pytest.mark.parametrize(("uri", "path"), URIS.items())
def test_each_method_of_a_path_has_the_policy_of_its_route(uri: str, path: str) -> None:
    bp = Blueprint("bp", url_prefix="/bp")
    for method, (cors, _) in MIXED.items():
        more: dict[str, Any] = {} if cors is None else {"ctx_cors": cors}
        bp.add_route(handler, uri, methods=[method], name=method, **more)
    exposed = {"access-control-expose-headers": "x-n"}
    expected = {
        **{request(method, path): headers for method, (_, headers) in MIXED.items()},
        request("DELETE", path): MIXED["DELETE"][1] | exposed,
        preflight(path, "GET"): OF_ROUTE | lists("GET,OPTIONS", "7", "x-own") | VARY,
        preflight(path, "POST"): OF_SECTION | lists("POST,OPTIONS", "600", "x-section") | VARY,
        preflight(path, "DELETE"): {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "DELETE,OPTIONS",
            "access-control-allow-headers": "*,authorization",
            **VARY,
        },
        preflight(path, "PUT"): VARY,
        preflight(path, "PUT", origin=TWO): VARY,
    }
    responses = send(new_app(cors_group(bp, **SECTION)), *expected)
    assert {one: response.cors for one, response in zip(expected, responses, strict=True)} == expected


def test_an_options_handler_beside_routes_with_policies_gets_plain_options() -> None:
    bp = Blueprint("bp", url_prefix="/bp")
    bp.add_route(handler, "/item", methods=["GET"], name="get", ctx_cors=OWN)
    bp.add_route(handler, "/item", methods=["OPTIONS"], name="options", ctx_cors=False)
    expected = {
        preflight("/bp/item"): (204, b"", OF_ROUTE | lists("GET,OPTIONS", "7", "x-own") | VARY),
        request("OPTIONS", "/bp/item"): (200, b"here", {}),
    }
    responses = send(new_app(cors_group(bp, **SECTION)), *expected)
    seen = [(response.status, response.body, response.cors) for response in responses]
    assert seen == [*expected.values()]


def test_an_attached_view_has_the_policy_of_its_section() -> None:
    bp = Blueprint("bp", url_prefix="/bp")

    class Attached(HTTPMethodView, attach=bp, uri="/attached"):
        def get(self, request: Request) -> HTTPResponse:
            return text("here")

    assert send(new_app(cors_group(bp, **SECTION)), request("GET", "/bp/attached"))[0].cors == OF_SECTION


@pytest.mark.filterwarnings("ignore:.*websocket-unchecked")  # what is warned about is opened here
def test_websockets() -> None:
    bp = Blueprint("bp", url_prefix="/bp")
    app = new_app()
    app.ctx.greeted = 0

    async def ws(request: Request, ws: Any) -> None:
        request.app.ctx.greeted += 1
        await ws.send("hello")

    checked = OWN.replace(check_websockets=True)
    bp.websocket("/own", name="own", ctx_cors=checked)(ws)
    bp.add_websocket_route(ws, "/added", name="added", ctx_cors=checked)
    bp.websocket("/out", name="out", ctx_cors=False)(ws)
    bp.websocket("/plain", name="plain")(ws)
    app.blueprint(cors_group(bp, **SECTION, check_websockets=True))
    allowed = {"own": [TWO], "added": [TWO], "out": [ONE, TWO, EVIL], "plain": [ONE]}
    pairs = [(path, origin) for path in allowed for origin in (ONE, TWO, EVIL)]
    responses = open_all(app, *(handshake(origin, path=f"/bp/{path}") for path, origin in pairs))
    opened = [pair for pair, response in zip(pairs, responses, strict=True) if response.status == 101]
    assert opened == [pair for pair in pairs if pair[1] in allowed[pair[0]]]


def test_ctx_cors_works_in_nested_sections_and_groups() -> None:
    inner, outer = Blueprint("inner", url_prefix="/inner"), Blueprint("outer", url_prefix="/outer")
    for bp in (inner, outer):
        bp.add_route(handler, "/own", name="own", ctx_cors=OWN)
        bp.add_route(handler, "/out", name="out", ctx_cors=False)
    section = cors_group(cors_group(inner), outer, url_prefix="/api", version=1, **SECTION)
    app = new_app(Blueprint.group(section, url_prefix="/site"))
    paths = [f"/v1/site/api/{bp}/{route}" for bp in ("inner", "outer") for route in ("own", "out")]
    responses = send(app, *(request("GET", path) for path in paths))
    assert [(response.status, response.cors) for response in responses] == [(200, OF_ROUTE), (200, {})] * 2


def test_ctx_cors_works_on_routes_added_after_registration() -> None:
    bp = Blueprint("bp", url_prefix="/bp")
    bp.add_route(handler, "/first", name="first")
    app = new_app(cors_group(bp, **SECTION))
    bp.add_route(handler, "/own", name="own", ctx_cors=OWN)
    bp.add_route(handler, "/out", name="out", ctx_cors=False)
    responses = send(
        app, *(request("GET", f"/bp/{path}") for path in ("first", "own", "out")), preflight("/bp/own")
    )
    assert [response.cors for response in responses] == [
        OF_SECTION,
        OF_ROUTE,
        {},
        OF_ROUTE | lists("GET,OPTIONS", "7", "x-own"),
    ]


WRONG = [None, True, 0, "https://app.example", "*", ("*",), CorsPolicy, cors_group]  # Sanic wants it hashable


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", WRONG)
def test_any_other_ctx_cors_stops_the_app_and_names_the_route(way: str, value: object) -> None:
    app = wrapped(WAYS[way], "/<name:str>/item", value)
    route = next(route for route in app.router.routes if "cors" in vars(route.ctx))
    with pytest.raises(ValueError, match=re.escape(repr(value))) as stopped:
        send(app, request("GET", "/bp/any/item"))
    assert not isinstance(stopped.value, SanicException)
    for part in (f"ctx_cors={value!r}", repr(route.name), "/bp/<name:str>/item", "CorsPolicy", "False"):
        assert part in str(stopped.value)


def test_a_wrong_ctx_cors_of_a_websocket_stops_the_app() -> None:
    bp = Blueprint("bp", url_prefix="/bp")
    bp.websocket("/ws", name="chat", ctx_cors="*")(handler)
    with pytest.raises(ValueError, match=r"ctx_cors='\*' of the route '\w+\.bp\.chat' \(/bp/ws\)"):
        send(new_app(cors_group(bp)))


@pytest.mark.parametrize(
    ("value", "ordinary", "preflighted"),
    [
        (OWN, (200, OF_ROUTE), (204, OF_ROUTE | lists("GET,OPTIONS", "7", "x-own"))),
        (False, (200, {}), (405, {})),
        (None, (200, {}), (405, {})),
    ],
)
def test_ctx_cors_works_on_routes_in_no_section(value: object, ordinary: object, preflighted: object) -> None:
    """S7: ctx_cors is read on every route of an app that has a section."""
    bp = Blueprint("bp")
    bp.add_route(handler, "/in", name="in")
    app = new_app(cors_group(bp))
    own: dict[str, Any] = {} if value is None else {"ctx_cors": value}
    app.add_route(handler, "/out", name="out", **own)
    responses = send(app, request("GET", "/out"), preflight("/out"))
    assert [(response.status, response.cors) for response in responses] == [ordinary, preflighted]


def test_any_other_ctx_cors_in_no_section_stops_the_app() -> None:
    bp = Blueprint("bp")
    bp.add_route(handler, "/in", name="in")
    app = new_app(cors_group(bp))
    app.add_route(handler, "/out", name="out", ctx_cors="a typo")
    with pytest.raises(ValueError, match=r"ctx_cors='a typo' of the route 'app[0-9]+\.out' \(/out\)"):
        send(app, request("GET", "/out"))
