"""`corsbp audit --observed`, "CORS by": who wrote the headers with which an answer left."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, empty, text
from sanic.compat import Header
from sanic.exceptions import Forbidden
from sanic.response import BaseHTTPResponse

from corsbp import cors_group
from corsbp.app.send import SendWrapper
from corsbp.command.header_writers import HeaderWriters
from corsbp.command.probe import UNKNOWN_ORIGIN

from ..support import ORIGIN, TWO, new_app

ANY = {"Access-Control-Allow-Origin": "*"}
CORS, EXT, OWN = "sanic_cors.core", "sanic_ext.extensions.http.cors", "the app's code"
Write = Callable[[Any], object]


def line_of(module: str, line: str) -> Write:
    """A function of a module, with a line that writes into `headers`."""
    names: dict[str, Any] = {"__name__": module, "ANY": ANY, "text": text}
    exec(f"def f(headers):\n    {line}", names)
    written: Write = names["f"]
    return written


def asked(audit: Any, app: Sanic, *options: str) -> dict[str, Any]:
    """What `--observed` found, by method and path."""
    found = json.loads(audit(app, "--observed", "--json", *options)[1])
    return {f"{each['method']} {each['path']}": each for each in found["routes"]}


def answering(write: Write) -> Any:
    """A handler in whose answer something is written."""

    async def handler(_: Request) -> HTTPResponse:
        response = text("here")
        write(response.headers)
        return response

    return handler


# --- a line that writes, and who it is ---

WAYS = {
    "headers['Access-Control-Allow-Origin'] = '*'": True,
    "headers.add('access-control-allow-origin', '*')": True,
    "headers.add(key='access-control-allow-origin', value='*')": True,
    "headers.extend(ANY)": True,
    "headers.extend(pair for pair in ANY.items())": True,
    "headers.update([*ANY.items()], server='x')": True,
    "headers.update({'access-control-allow-methods': 'PUT'})": True,
    "headers.setdefault('access-control-allow-origin', '*')": True,
    "getattr(headers, 'merge', headers.update)(ANY)": True,  # which multidict has since 6.6
    "headers['x-access-control-allow-origin'] = '*'": False,
    "headers.update(ANY); del headers['access-control-allow-origin']": False,
}


@pytest.mark.parametrize("line", WAYS)
@pytest.mark.parametrize(
    ("module", "by"),
    [(CORS, "sanic-cors"), (EXT, "sanic-ext"), ("sanic_ext.extensions.templating", OWN), ("shop", OWN)],
)
def test_ways_to_write(line: str, module: str, by: str, audit: Any) -> None:
    app = new_app()
    app.add_route(answering(line_of(module, line)), "/", name="a")
    assert asked(audit, app)["GET /"]["by"] == (by if WAYS[line] else "none")


# --- layers above each other: the last that writes ---


async def raising(_: Request) -> HTTPResponse:
    raise Forbidden("no", headers=ANY)


async def streaming(request: Request) -> None:
    response = await request.respond(headers=ANY)
    assert response is not None
    await response.send("here", True)


async def given(_: Request) -> HTTPResponse:
    return text("here", headers=ANY)


async def given_one_by_one(_: Request) -> HTTPResponse:
    return text("here", headers=iter(ANY.items()))  # type: ignore[arg-type]  # Sanic takes pairs, too


async def ready(_: Request) -> HTTPResponse:
    return READY


READY = text("made before", headers=ANY)
package_writes, own_writes = (line_of(name, "headers.update(ANY)") for name in (CORS, "shop"))
KEEP = "headers.setdefault('access-control-allow-origin', '*')"
package_keeps, own_keeps = (line_of(name, KEEP) for name in (CORS, "shop"))
by_package = answering(package_writes)
package_returns = line_of(CORS, "return text('', headers=ANY)")  # what the app gave it
other_name = line_of("shop", "headers['access-control-allow-credentials'] = 'true'")


def nothing(_: object) -> None:
    """In place of a layer that writes."""


def in_headers(write: Write) -> Any:
    return lambda response: write(response.headers) and None


def anew(response: HTTPResponse) -> HTTPResponse:
    return text("another", headers=response.headers)  # type: ignore[arg-type]  # and other headers


LAYERS: dict[str, tuple[Any, Any, str]] = {
    # the handler, a middleware, and whose headers they are
    "none": (answering(nothing), nothing, "none"),
    "headers of a response": (given, nothing, OWN),
    "an iterator of them": (given_one_by_one, nothing, OWN),
    "headers of an exception": (raising, nothing, OWN),
    "headers of a stream": (streaming, nothing, OWN),
    "a response that there was before": (ready, nothing, OWN),
    "a middleware": (answering(nothing), in_headers(own_writes), OWN),
    "a package": (answering(nothing), in_headers(package_writes), "sanic-cors"),
    "a package that returns what it was given": (package_returns, nothing, OWN),
    "a package last": (answering(own_writes), in_headers(package_writes), "sanic-cors"),
    "a package last, on an error": (raising, in_headers(package_writes), "sanic-cors"),
    "a package that leaves what there is": (answering(own_writes), in_headers(package_keeps), OWN),
    "the app last": (by_package, in_headers(own_writes), OWN),
    "the app, which leaves what there is": (by_package, in_headers(own_keeps), "sanic-cors"),
    "the app, with another header": (by_package, in_headers(other_name), "sanic-cors"),
    "the app, with a copy": (by_package, anew, "sanic-cors"),
}


@pytest.mark.parametrize("section", [False, True])
@pytest.mark.parametrize("layers", LAYERS)
def test_layers(layers: str, section: bool, audit: Any) -> None:
    """In a section they are corsbp's, whatever was written before."""
    handler, middleware, by = LAYERS[layers]
    bp = Blueprint("one")
    bp.add_route(handler, "/", name="a")
    app = new_app(cors_group(bp) if section else bp)

    @app.on_response
    def layer(request: Request, response: HTTPResponse) -> HTTPResponse | None:
        return middleware(response) if request.method == "GET" else None

    found = asked(audit, app)["GET /"]
    assert found["by"] == ("corsbp" if section else by)
    assert (found["grants"][UNKNOWN_ORIGIN] is None) == (found["by"] == "none")


class Special(HTTPResponse):
    """A response that says by itself what its headers are."""

    @property
    def processed_headers(self) -> Any:
        return iter([(b"access-control-allow-origin", b"*")])


async def special(_: Request) -> HTTPResponse:
    return Special()


def test_a_response_of_its_own_kind(audit: Any) -> None:
    app = new_app()
    app.add_route(by_package, "/a", name="a", methods=["GET", "OPTIONS"])
    app.add_route(special, "/b", name="b")
    assert asked(audit, app)["GET /b"]["by"] == OWN


# --- several answers of a route ---


def test_answers_of_different_layers(audit: Any) -> None:
    """Each counts: to every page, and to preflights; of what is held back, those alone."""
    app = new_app()

    def split(first: Callable[[Request], bool], one: Write, other: Write) -> Any:
        async def handler(request: Request) -> HTTPResponse:
            response = empty()
            (one if first(request) else other)(response.headers)
            return response

        return handler

    def is_preflight(request: Request) -> bool:
        return request.method == "OPTIONS"

    methods = ["GET", "PUT", "OPTIONS"]
    by_page = split(lambda request: request.headers["origin"] == ORIGIN, package_writes, own_writes)
    app.add_route(by_page, "/page", name="page")
    for name, one, other in (
        ("one", package_writes, own_writes),
        ("other", own_writes, package_writes),
        ("none", nothing, package_writes),
    ):
        app.add_route(split(is_preflight, one, other), f"/{name}", name=name, methods=methods)
    found = {key: each["by"] for key, each in asked(audit, app, "--origin", ORIGIN).items()}
    assert found == {
        "GET /page": f"{OWN} and sanic-cors",
        "GET /one": f"{OWN} (preflights: sanic-cors)",
        "PUT /one": "sanic-cors",
        "GET /other": f"sanic-cors (preflights: {OWN})",
        "PUT /other": OWN,
        "GET /none": "sanic-cors",
        "PUT /none": "none",
    }


def test_corsbp_where_it_refuses_and_where_it_is_left_out(audit: Any) -> None:
    """A preflight is one for a path: that of a route outside is answered by the section, too."""
    bp = Blueprint("one")
    bp.add_route(answering(nothing), "/two", name="two")
    bp.add_route(answering(own_writes), "/left-out", name="left_out", ctx_cors=False)
    bp.add_route(answering(nothing), "/shared", name="shared")
    app = new_app(cors_group(bp, allow_origins=[ORIGIN, TWO]))
    app.add_route(answering(own_writes), "/shared", name="put", methods=["PUT"])
    found = {key: (each["by"], each["grants"][UNKNOWN_ORIGIN]) for key, each in asked(audit, app).items()}
    assert found.pop("GET /left-out")[0] == OWN
    assert found == {
        "GET /two": ("corsbp", None),
        "GET /shared": ("corsbp", None),
        "PUT /shared": ("corsbp", None),
    }


def test_sockets(audit: Any) -> None:
    """Who refuses a stranger; a check that lets in strangers is none."""
    app = new_app()

    async def talk(request: Request, ws: object) -> None:
        raise AssertionError

    @app.on_request
    async def check(request: Request) -> HTTPResponse | None:
        own = {"/own": ["https://other.example"], "/own/page": [ORIGIN]}.get(request.path)
        return empty(403) if own and request.headers["origin"] not in own else None

    for name, policy in (
        ("checked", {"allow_origins": [ORIGIN]}),
        ("unchecked", {"allow_origins": [ORIGIN], "check_websockets": False}),
        ("public", {}),
    ):
        bp = Blueprint(name)
        bp.add_websocket_route(talk, f"/{name}", name=name)
        app.blueprint(cors_group(bp, **policy))
    for path in ("/own", "/own/page", "/none"):
        app.add_websocket_route(talk, path, name=path.replace("/", "_"))
    found = {key.split()[1]: each["by"] for key, each in asked(audit, app, "--origin", ORIGIN).items()}
    assert found == {
        "/checked": "corsbp",
        "/unchecked": "no check",
        "/public": "no check",
        "/own": OWN,
        "/own/page": OWN,
        "/none": "no check",
    }


def test_sanic_ext_and_headers_by_hand(audit: Any) -> None:
    """It leaves an answer alone whose origin it does not know, and writes over all others."""
    sanic_ext = pytest.importorskip("sanic_ext")
    app = new_app(AUTO_EXTEND=True, CORS_ORIGINS=ORIGIN, OAS=False)
    app.add_route(answering(nothing), "/a", name="a")
    app.add_route(answering(own_writes), "/by-hand", name="by_hand")
    app.add_route(sanic_ext.cors(origin=UNKNOWN_ORIGIN)(answering(nothing)), "/decorated", name="decorated")
    one = Blueprint("one")
    one.add_route(answering(own_writes), "/section", name="section")
    app.blueprint(cors_group(one))
    assert {key: each["by"] for key, each in asked(audit, app, "--origin", ORIGIN).items()} == {
        "GET /a": "sanic-ext",
        "GET /by-hand": f"{OWN} and sanic-ext",
        "GET /decorated": "sanic-ext",
        "GET /section": "corsbp",
    }


# --- what is changed meanwhile ---


def test_what_was_changed_is_taken_back(audit: Any) -> None:
    def state() -> list[dict[str, Any]]:
        return [dict(vars(cls)) for cls in (Header, BaseHTTPResponse, SendWrapper)]

    before = state()
    app = new_app()
    app.add_route(answering(own_writes), "/", name="a")
    audit(app, "--observed")
    assert state() == before
    with HeaderWriters():
        assert state() != before

    @app.before_server_start
    async def broken(_: object) -> None:
        raise OSError("no database")

    assert audit(app, "--observed")[0] == 2
    assert state() == before
