"""`corsbp audit --observed`, "CORS by": the code that wrote the headers of a response."""

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
from corsbp.command.audit.header_writers import HeaderWriters
from corsbp.command.audit.observed_method import UNKNOWN_ORIGIN

from ..support import ORIGIN, TWO, new_app

ANY = {"Access-Control-Allow-Origin": "*"}
CORS, EXT, OWN = "sanic_cors.core", "sanic_ext.extensions.http.cors", "the app's code"
Write = Callable[[Any], object]


def make_line(module: str, line: str) -> Write:
    """Make a function of a module, with one line that writes into `headers`."""
    names: dict[str, Any] = {"__name__": module, "ANY": ANY, "text": text}
    exec(f"def f(headers):\n    {line}", names)
    written: Write = names["f"]
    return written


def observe(audit: Any, app: Sanic, *options: str) -> dict[str, Any]:
    """Return what `--observed` found, by method and path."""
    found = json.loads(audit(app, "--observed", "--json", *options)[1])
    return {f"{each['method']} {each['path']}": each for each in found["routes"] if each["name"]}


def make_handler(write: Write) -> Any:
    """Make a handler that writes into the headers of its response."""

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
    app.add_route(make_handler(make_line(module, line)), "/", name="a")
    assert observe(audit, app)["GET /"]["by"] == (by if WAYS[line] else "none")


# --- layers above each other: the last that writes ---


async def raise_forbidden(_: Request) -> HTTPResponse:
    raise Forbidden("no", headers=ANY)


async def stream(request: Request) -> None:
    response = await request.respond(headers=ANY)
    assert response is not None
    await response.send("here", True)


async def respond_with_headers(_: Request) -> HTTPResponse:
    return text("here", headers=ANY)


async def respond_with_iterator(_: Request) -> HTTPResponse:
    return text("here", headers=iter(ANY.items()))  # type: ignore[arg-type]  # Sanic takes pairs, too


async def respond_with_old_response(_: Request) -> HTTPResponse:
    return READY


READY = text("made before", headers=ANY)
package_writes, own_writes = (make_line(name, "headers.update(ANY)") for name in (CORS, "shop"))
KEEP = "headers.setdefault('access-control-allow-origin', '*')"
package_keeps, own_keeps = (make_line(name, KEEP) for name in (CORS, "shop"))
by_package = make_handler(package_writes)
package_returns = make_line(CORS, "return text('', headers=ANY)")  # what the app gave it
other_name = make_line("shop", "headers['access-control-allow-credentials'] = 'true'")


def write_nothing(_: object) -> None:
    """Do what a layer does that writes no header."""


def on_headers(write: Write) -> Any:
    return lambda response: write(response.headers) and None


def copy_response(response: HTTPResponse) -> HTTPResponse:
    return text("another", headers=response.headers)  # type: ignore[arg-type]  # and other headers


LAYERS: dict[str, tuple[Any, Any, str]] = {
    # the handler, a middleware, and the writer of the headers
    "none": (make_handler(write_nothing), write_nothing, "none"),
    "headers of a response": (respond_with_headers, write_nothing, OWN),
    "an iterator of them": (respond_with_iterator, write_nothing, OWN),
    "headers of an exception": (raise_forbidden, write_nothing, OWN),
    "headers of a stream": (stream, write_nothing, OWN),
    "a response that there was before": (respond_with_old_response, write_nothing, OWN),
    "a middleware": (make_handler(write_nothing), on_headers(own_writes), OWN),
    "a package": (make_handler(write_nothing), on_headers(package_writes), "sanic-cors"),
    "a package that returns what it was respond_with_headers": (package_returns, write_nothing, OWN),
    "a package last": (make_handler(own_writes), on_headers(package_writes), "sanic-cors"),
    "a package last, on an error": (raise_forbidden, on_headers(package_writes), "sanic-cors"),
    "a package that leaves what there is": (make_handler(own_writes), on_headers(package_keeps), OWN),
    "the app last": (by_package, on_headers(own_writes), OWN),
    "the app, which leaves what there is": (by_package, on_headers(own_keeps), "sanic-cors"),
    "the app, with another header": (by_package, on_headers(other_name), "sanic-cors"),
    "the app, with a copy": (by_package, copy_response, "sanic-cors"),
}


@pytest.mark.parametrize("section", [False, True])
@pytest.mark.parametrize("layers", LAYERS)
def test_layers(layers: str, section: bool, audit: Any) -> None:
    """In a section they are those of corsbp, whatever was written before."""
    handler, middleware, by = LAYERS[layers]
    bp = Blueprint("one")
    bp.add_route(handler, "/", name="a")
    app = new_app(cors_group(bp) if section else bp)

    @app.on_response
    def layer(request: Request, response: HTTPResponse) -> HTTPResponse | None:
        return middleware(response) if request.method == "GET" else None

    found = observe(audit, app)["GET /"]
    assert found["by"] == ("corsbp" if section else by)
    assert (found["grants"][UNKNOWN_ORIGIN] is None) == (found["by"] == "none")


class Special(HTTPResponse):
    """A response that makes its own headers."""

    @property
    def processed_headers(self) -> Any:
        return iter([(b"access-control-allow-origin", b"*")])


async def respond_special(_: Request) -> HTTPResponse:
    return Special()


def test_own_response_class(audit: Any) -> None:
    app = new_app()
    app.add_route(by_package, "/a", name="a", methods=["GET", "OPTIONS"])
    app.add_route(respond_special, "/b", name="b")
    assert observe(audit, app)["GET /b"]["by"] == OWN


# --- several responses of a route ---


def test_several_writers(audit: Any) -> None:
    """Each response counts, for every page; if only preflights are sent, these count."""
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
        ("none", write_nothing, package_writes),
    ):
        app.add_route(split(is_preflight, one, other), f"/{name}", name=name, methods=methods)
    found = {key: each["by"] for key, each in observe(audit, app, "--origin", ORIGIN).items()}
    assert found == {
        "GET /page": f"{OWN} and sanic-cors",
        "GET /one": f"{OWN} (preflights: sanic-cors)",
        "PUT /one": "sanic-cors",
        "GET /other": f"sanic-cors (preflights: {OWN})",
        "PUT /other": OWN,
        "GET /none": "sanic-cors",
        "PUT /none": "none",
    }


def test_corsbp_where_it_denies_and_where_it_is_off(audit: Any) -> None:
    """A preflight belongs to a path: the section responds for a route outside of it, too."""
    bp = Blueprint("one")
    bp.add_route(make_handler(write_nothing), "/two", name="two")
    bp.add_route(make_handler(own_writes), "/left-out", name="left_out", ctx_cors=False)
    bp.add_route(make_handler(write_nothing), "/shared", name="shared")
    app = new_app(cors_group(bp, allow_origins=[ORIGIN, TWO]))
    app.add_route(make_handler(own_writes), "/shared", name="put", methods=["PUT"])
    found = {key: (each["by"], each["grants"][UNKNOWN_ORIGIN]) for key, each in observe(audit, app).items()}
    assert found.pop("GET /left-out")[0] == OWN
    assert found == {
        "GET /two": ("corsbp", None),
        "GET /shared": ("corsbp", None),
        "PUT /shared": ("corsbp", None),
    }


def test_websockets(audit: Any) -> None:
    """The code that refuses an unknown origin; a check that allows it does not count."""
    app = new_app()

    async def handle_socket(request: Request, ws: object) -> None:
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
        bp.add_websocket_route(handle_socket, f"/{name}", name=name)
        app.blueprint(cors_group(bp, **policy))
    for path in ("/own", "/own/page", "/none"):
        app.add_websocket_route(handle_socket, path, name=path.replace("/", "_"))
    found = {key.split()[1]: each["by"] for key, each in observe(audit, app, "--origin", ORIGIN).items()}
    assert found == {
        "/checked": "corsbp",
        "/unchecked": "no check",
        "/public": "no check",
        "/own": OWN,
        "/own/page": OWN,
        "/none": "no check",
    }


@pytest.mark.filterwarnings("ignore:.*two-layers:corsbp.CorsPolicyWarning")
def test_sanic_ext_and_headers_by_hand(audit: Any) -> None:
    """It leaves the response alone if it does not know the origin, and otherwise overwrites the headers."""
    sanic_ext = pytest.importorskip("sanic_ext")
    app = new_app(AUTO_EXTEND=True, CORS_ORIGINS=ORIGIN, OAS=False)
    app.add_route(make_handler(write_nothing), "/a", name="a")
    app.add_route(make_handler(own_writes), "/by-hand", name="by_hand")
    app.add_route(
        sanic_ext.cors(origin=UNKNOWN_ORIGIN)(make_handler(write_nothing)), "/decorated", name="decorated"
    )
    one = Blueprint("one")
    one.add_route(make_handler(own_writes), "/section", name="section")
    app.blueprint(cors_group(one))
    assert {key: each["by"] for key, each in observe(audit, app, "--origin", ORIGIN).items()} == {
        "GET /a": "sanic-ext",
        "GET /by-hand": f"{OWN} and sanic-ext",
        "GET /decorated": "sanic-ext",
        "GET /section": "corsbp",
    }


# --- what is changed meanwhile ---


def test_patches_are_undone(audit: Any) -> None:
    def state() -> list[dict[str, Any]]:
        return [dict(vars(cls)) for cls in (Header, BaseHTTPResponse, SendWrapper)]

    before = state()
    app = new_app()
    app.add_route(make_handler(own_writes), "/", name="a")
    audit(app, "--observed")
    assert state() == before
    with HeaderWriters():
        assert state() != before

    @app.before_server_start
    async def broken(_: object) -> None:
        raise OSError("no database")

    assert audit(app, "--observed")[0] == 2
    assert state() == before
