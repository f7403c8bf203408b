"""Errors of the router: 405 on a path of a section, 404 below its prefix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import MethodNotAllowed, NotFound, SanicException
from sanic.response import HTTPResponse, ResponseStream, text

from corsbp import cors_group

from ..support import (
    EVIL,
    GRANTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    HttpRequest,
    ReceivedResponse,
    both_touchups,
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


def blueprint(name: str, prefix: str | None, *uris: str, **options: Any) -> Blueprint:
    """Return a blueprint with a GET route for each path."""
    bp = Blueprint(name, url_prefix=prefix, **options)
    for number, uri in enumerate(uris):
        bp.add_route(handler, uri, name=f"get{number}")
    return bp


def site(
    make: Callable[..., Any] = cors_group, files: Path = Path(__file__).parents[1], **config: Any
) -> Sanic:
    """Return an app with sections below all kinds of prefixes, beside blueprints in no section."""
    listed = {"allow_origins": [ORIGIN, TWO]}

    v1 = blueprint("v1", "/v1", "/item", "/one/<number:int>", "/pair/<number:int>", "/word/<word:[a-z]{3}>")
    v1.add_route(handler, "/pair/<number:int>", methods=["POST"], name="post")
    v1.add_route(handler, "/strict", methods=["PUT"], name="strict", strict_slashes=True)
    v1.static("/files", files, name="files")

    original = blueprint("original", "/original", "/item")
    versioned = blueprint("versioned", "/item", "/", version=2)
    versioned.add_route(handler, "/", name="three", version=3)
    hosted = blueprint("hosted", "/hosted", "/item", "/one/<number:int>", host="a.example")

    app = new_app(**config)
    for group in (
        make(v1, **listed),
        blueprint("admin", "/v1/admin", "/item"),
        make(blueprint("inner", "/v1/admin/inner", "/item")),
        make(blueprint("shared-in", "/shared", "/in")),
        blueprint("shared-out", "/shared", "/out"),
        make(blueprint("root", None, "/rooted", "/rooted/<number:int>")),
        make(versioned),
        make(blueprint("tenant", "/<tenant:int>/api", "/item")),
        Blueprint.group(
            make(blueprint("nested", "/nested", "/item"), url_prefix="/in", name_prefix="in"),
            url_prefix="/out",
            name_prefix="out",
        ),
        original,
        make(original.copy("copied", url_prefix="/copied")),
        make(make(blueprint("deep", "/deep", "/item"), **listed), blueprint("flat", "/flat", "/item")),
        make(blueprint("cafe", "/café", "/item")),
        make(hosted),
    ):
        app.blueprint(group)
    app.add_route(handler, "/web/<number:int>", name="web")
    app.add_route(handler, "/hosted/item", name="other-host", host="b.example")
    return app


NOT_FOUND: dict[str, Expectation] = {
    **{
        f"under the prefix: {path}": (request("GET", path), 404, GRANTED)
        for path in (
            "/v1",
            "/v1/",
            "/v1/none",
            "/v1/item/none",
            "/v1//item",
            "/v1/%69tem",
            "/v1/none?next=/v2",
            "/v1/../web/1",
            "http://api.example/v1/none",
        )
    },
    "other methods": (
        request("DELETE", "/v1/none", TWO),
        404,
        {**GRANTED, "access-control-allow-origin": TWO},
    ),
    "HEAD": (request("HEAD", "/v1/none"), 404, GRANTED),
    "with a body": (request("POST", "/v1/none", body="{}"), 404, GRANTED),
    "refused": (request("GET", "/v1/none", EVIL), 404, REFUSED),
    "without Origin": (request("GET", "/v1/none", None), 404, REFUSED),
    "without Host": (f"GET /v1/none HTTP/1.0\r\nOrigin: {ORIGIN}\r\n\r\n".encode(), 404, GRANTED),
    "wrong parameter": (request("GET", "/v1/one/two"), 404, GRANTED),
    "wrong parameter of a pair": (request("POST", "/v1/pair/two"), 404, GRANTED),
    "wrong parameter of a regex": (request("GET", "/v1/word/four"), 404, GRANTED),
    "strict slashes": (request("PUT", "/v1/strict/"), 404, GRANTED),
    "file": (request("GET", "/v1/files/none.txt"), 404, GRANTED),
    "file of a folder": (request("GET", "/v1/files/none/none.txt"), 404, GRANTED),
    **{
        f"nobody's: {path}": (request("GET", path), 404, {})
        for path in (
            "/",
            "/none",
            "/v1x",
            "/v1x/item",
            "/V1/item",
            "//v1/item",
            "/%761/item",
            "/v1/admin/none",
            "/shared/none",
            "/rooted/two",
            "/web/two",
            "/original/none",
            "/v2",
            "/v2/none",
            "/out/none",
            "/x/api/none",
            "/1/apis",
        )
    },
    **{
        f"public: {path}": (request("GET", path), 404, PUBLIC)
        for path in (
            "/v1/admin/inner/none",
            "/out/in/none",
            "/v2/item/none",
            "/v3/item/none",
            "/1/api/none",
            "/1/api",
            "/out/in/nested/none",
            "/copied/none",
            "/flat/none",
            "/caf%C3%A9/none",
        )
    },
    "the innermost section": (request("GET", "/deep/none"), 404, GRANTED),
}

V1 = preflight_headers("GET,HEAD,POST,PUT,OPTIONS")
"""The methods that the section of v1 serves somewhere."""
GET = preflight_headers("GET,OPTIONS")


def at_host(host: str, path: str) -> HttpRequest:
    return request("OPTIONS", path, access_control_request_method="GET", host=host)


PREFLIGHTS: dict[str, Expectation] = {
    **{
        f"preflight: {path}": (preflight(path, "DELETE"), 204, GRANTED | V1)
        for path in ("/v1", "/v1/none", "/v1/one/two", "/v1/item/none", "/v1/strict/")
    },
    "preflight, the innermost section": (preflight("/deep/none", "DELETE"), 204, GRANTED | GET),
    "preflight, refused": (preflight("/v1/none", origin=EVIL), 204, REFUSED),
    "preflight, public": (preflight("/1/api/none", origin=EVIL), 204, PUBLIC | GET),
    "preflight, file": (preflight("/v1/files/none"), 204, GRANTED | preflight_headers("GET,HEAD,OPTIONS")),
    **{
        f"preflight, nobody's: {path}": (preflight(path), 404, {})
        for path in ("/none", "/v1x", "/v1/admin/none", "/shared/none", "/rooted/two", "/original/none")
    },
    "preflight, outside": (preflight("/web/1"), 405, {}),
    "OPTIONS that is no preflight": (request("OPTIONS", "/v1/none"), 404, GRANTED),
}

# The last column is Allow.
NOT_ALLOWED: dict[str, tuple[Expectation, str | None]] = {
    "static path": ((request("POST", "/v1/item"), 405, GRANTED), "GET, OPTIONS"),
    "trailing slash": ((request("POST", "/v1/item/"), 405, GRANTED), "GET, OPTIONS"),
    "unknown method": ((request("BREW", "/v1/item"), 405, GRANTED), "GET, OPTIONS"),
    "lower case": ((request("get", "/v1/item"), 405, GRANTED), "GET, OPTIONS"),
    "HEAD": ((request("HEAD", "/v1/item"), 405, GRANTED), "GET, OPTIONS"),
    "refused": ((request("POST", "/v1/item", EVIL), 405, REFUSED), "GET, OPTIONS"),
    "dynamic path": ((request("POST", "/v1/one/1"), 405, GRANTED), "GET, OPTIONS"),
    "dynamic path of two routes": ((request("PUT", "/v1/pair/1"), 405, GRANTED), "GET, POST, OPTIONS"),
    "regex path": ((request("POST", "/v1/word/abc"), 405, GRANTED), "GET, OPTIONS"),
    "file": ((request("POST", "/v1/files/a.txt"), 405, GRANTED), "GET, HEAD, OPTIONS"),
    "root": ((request("POST", "/rooted"), 405, PUBLIC), "GET, OPTIONS"),
    "root, dynamic": ((request("POST", "/rooted/1"), 405, PUBLIC), "GET, OPTIONS"),
    "shared prefix": ((request("POST", "/shared/in"), 405, PUBLIC), "GET, OPTIONS"),
    "parametrised prefix": ((request("POST", "/1/api/item"), 405, PUBLIC), "GET, OPTIONS"),
    "version": ((request("POST", "/v3/item"), 405, PUBLIC), "GET, OPTIONS"),
    "outside": ((request("POST", "/shared/out"), 405, {}), "GET"),
    "outside, app": ((request("POST", "/web/1"), 405, {}), "GET"),
    "outside, deeper prefix": ((request("POST", "/v1/admin/item"), 405, {}), "GET"),
    "outside, OPTIONS": ((request("OPTIONS", "/v1/admin/item"), 405, {}), "GET"),
}

HOSTS: dict[str, Expectation] = {
    "inside": (request("GET", "/hosted/item", host="a.example"), 200, PUBLIC),
    "outside": (request("GET", "/hosted/item", host="b.example"), 200, {}),
    # Where a path has a host, Sanic responds 404 instead of 405.
    "inside, other method": (request("POST", "/hosted/item", host="a.example"), 404, PUBLIC),
    "outside, other method": (request("POST", "/hosted/item", host="b.example"), 404, {}),
    "inside, OPTIONS": (
        request("OPTIONS", "/hosted/item", host="a.example"),
        204,
        PUBLIC | preflight_headers("GET,OPTIONS"),
    ),
    "outside, OPTIONS": (request("OPTIONS", "/hosted/item", host="b.example"), 404, {}),
    "inside, preflight": (
        at_host("a.example", "/hosted/item"),
        204,
        PUBLIC | preflight_headers("GET,OPTIONS"),
    ),
    "outside, preflight": (at_host("b.example", "/hosted/item"), 404, {}),
    "inside, unknown": (request("GET", "/hosted/none", host="a.example"), 404, PUBLIC),
    "outside, unknown": (request("GET", "/hosted/none", host="b.example"), 404, {}),
    "inside, unknown, preflight": (at_host("a.example", "/hosted/none"), 204, PUBLIC | GET),
}


@both_touchups
def test_404_below_a_prefix_has_the_headers_of_its_section(touchup: bool) -> None:
    expect(site(TOUCHUP=touchup), NOT_FOUND)


def test_404_below_the_prefix_of_a_copy_has_the_headers_of_its_section() -> None:
    """Sanic renames the routes of a copy, but not those of a copy of a copy, and not static files."""
    twice = blueprint("original", "/original", "/item").copy("once").copy("twice", url_prefix="/twice")
    files = Blueprint("files", url_prefix="/files")
    files.static("/all", Path(__file__).parent, name="all")
    app = new_app(cors_group(twice), cors_group(files.copy("copied", url_prefix="/copied")))
    rows: dict[str, Expectation] = {
        "of a copy's copy": (request("GET", "/twice/none"), 404, PUBLIC),
        "of a copy with only files": (request("GET", "/copied/none"), 404, PUBLIC),
        "its file": (request("GET", "/copied/all/test_send.py"), 200, PUBLIC),
    }
    expect(app, rows)


@both_touchups
def test_405_has_the_headers_of_the_section_of_its_path(touchup: bool) -> None:
    responses = expect(site(TOUCHUP=touchup), {name: row for name, (row, _) in NOT_ALLOWED.items()})
    seen = {
        name: [v for k, v in response.headers if k.lower() == "allow"] for name, response in responses.items()
    }
    assert seen == {name: [allow] for name, (_, allow) in NOT_ALLOWED.items()}


@both_touchups
def test_preflights(touchup: bool) -> None:
    responses = expect(site(TOUCHUP=touchup), PREFLIGHTS)
    assert {response.body for response in responses.values() if response.status == 204} == {b""}


@both_touchups
def test_hosts(touchup: bool) -> None:
    expect(site(TOUCHUP=touchup), HOSTS)


@both_touchups
def test_middleware_of_the_app_stops_errors_but_not_preflights(touchup: bool) -> None:
    app, seen = site(TOUCHUP=touchup), []

    @app.middleware("request", priority=1_000_000)
    def authorise(request: Request) -> HTTPResponse:
        seen.append((request.method, request.path))
        return text("who are you?", 401)

    rows: dict[str, Expectation] = {
        "preflight": (preflight("/v1/none"), 204, GRANTED | V1),
        "preflight, wrong parameter": (preflight("/v1/one/two"), 204, GRANTED | V1),
        "preflight, known": (preflight("/v1/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "unknown": (request("GET", "/v1/none"), 401, GRANTED),
        "not allowed": (request("POST", "/v1/item"), 401, GRANTED),
        "outside": (request("GET", "/none"), 401, {}),
        "preflight, outside": (preflight("/none"), 401, {}),
    }
    expect(app, rows)
    assert seen == [("GET", "/v1/none"), ("POST", "/v1/item"), ("GET", "/none"), ("OPTIONS", "/none")]


# --- the app's own handlers ---


def returns(request: Request, exception: SanicException) -> HTTPResponse:
    return text(f"of the app: {exception}", exception.status_code, {"x-of-the-app": "1"})


async def returns_later(request: Request, exception: SanicException) -> HTTPResponse:
    return returns(request, exception)


async def responds(request: Request, exception: SanicException) -> None:
    response = await request.respond(status=exception.status_code)
    await response.send("of the app, ")
    await response.send(str(exception))
    await response.eof()


def streams(request: Request, exception: SanicException) -> ResponseStream:
    """Return a response that Sanic cannot send."""

    async def write(response: Any) -> None:
        await response.write("of the app, ")
        await response.write(str(exception))

    return ResponseStream(write, status=exception.status_code)


def declines(request: Request, exception: Exception) -> None:
    """Return None: Sanic responds itself."""


def fails(request: Request, exception: Exception) -> HTTPResponse:
    raise RuntimeError("the handler of errors failed")


async def fails_later(request: Request, exception: Exception) -> HTTPResponse:
    raise SanicException("the handler of errors failed", 418)


async def responds_and_fails(request: Request, exception: SanicException) -> HTTPResponse:
    await request.respond(status=exception.status_code)
    raise RuntimeError("the handler of errors failed")


HANDLERS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        returns,
        returns_later,
        responds,
        streams,
        declines,
        fails,
        fails_later,
        responds_and_fails,
    )
}
SPEAKS = ("returns", "returns_later", "responds")

ERRORS = {
    "404": ("GET", "/v1/none", GRANTED),
    "404 for HEAD": ("HEAD", "/v1/none", GRANTED),
    "404 with a body": ("POST", "/v1/one/two", GRANTED),
    "404 of a file": ("GET", "/v1/files/none", GRANTED),
    "404, nobody's": ("GET", "/none", {}),
    "404, public": ("GET", "/1/api/none", PUBLIC),
    "405": ("POST", "/v1/item", GRANTED),
    "405, dynamic": ("PUT", "/v1/one/1", GRANTED),
    "405, outside": ("POST", "/v1/admin/item", {}),
    "an answer": ("GET", "/v1/item", GRANTED),
}


@both_touchups
@pytest.mark.parametrize(("error_format", "debug"), [("auto", False), ("json", True)])
def test_the_error_pages_of_sanic_stay_as_they_are(error_format: str, debug: bool, touchup: bool) -> None:
    # The page of Sanic for developers differs from one request to the next.
    accepted = {"accept": ["*/*", "application/json", "text/plain", *([] if debug else ["text/html"])]}
    config: dict[str, Any] = {"FALLBACK_ERROR_FORMAT": error_format, "TOUCHUP": touchup}
    bodies = same_but_for_cors(lambda make: site(make, **config), accepted, debug)
    assert len({body for (_, name), body in bodies.items() if name == "404"}) == 2 + (not debug)


@both_touchups
@pytest.mark.parametrize("on", ["app", "blueprint"])
def test_error_handlers_of_the_app_write_the_body(on: str, touchup: bool) -> None:
    def handle(request: Request, exception: Exception) -> Any:
        return HANDLERS[request.headers["x-handler"]](request, exception)

    def make_site(make: Callable[..., Any]) -> Sanic:
        def with_handlers(*blueprints: Any, **options: Any) -> Any:
            if on == "blueprint" and getattr(blueprints[0], "name", None) == "v1":
                blueprints[0].exception(NotFound, MethodNotAllowed)(handle)
            return make(*blueprints, **options)

        app = site(with_handlers, TOUCHUP=touchup)
        if on == "app":
            app.exception(NotFound, MethodNotAllowed)(handle)
        return app

    bodies = same_but_for_cors(make_site, {"x-handler": list(HANDLERS)})
    for kind, name in bodies:
        # Sanic finds the handler of a blueprint by the route: the router's errors do not reach it.
        sees = name == "404 of a file" or (on == "app" and name not in ("an answer", "404 for HEAD"))
        assert (b"of the app" in bodies[kind, name]) == (sees and kind in SPEAKS), (kind, name)


def same_but_for_cors(
    make_site: Callable[..., Sanic], header: dict[str, list[str]], debug: bool = False
) -> dict[tuple[str, str], bytes]:
    """Check that errors have their headers, and are equal to those without corsbp but for these and Allow."""
    ((key, values),) = header.items()
    rows: dict[Any, Expectation] = {
        (value, name): (request(method, path, **{key: value}), 0, cors)
        for value in values
        for name, (method, path, cors) in ERRORS.items()
    }
    requests = [row[0] for row in rows.values()]
    with_cors, without = (
        dict(zip(rows, send(make_site(make), *requests, debug=debug), strict=True))
        for make in (cors_group, plain_group)
    )
    assert {each: response.cors for each, response in with_cors.items()} == {
        each: row[2] for each, row in rows.items()
    }
    for each in rows:
        assert comparable(with_cors[each]) == comparable(without[each]), each
    return {each: response.body for each, response in with_cors.items()}


def comparable(response: ReceivedResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return a response without CORS, without OPTIONS in Allow, and without the number in the app's name."""
    status, headers, body = without_cors(response)
    body = re.sub(rb"(?i)\bapp[0-9]+", b"app", body)
    headers = [(name, value.removesuffix(", OPTIONS")) for name, value in headers if name != "content-length"]
    return status, headers, body
