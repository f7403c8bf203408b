"""Requests that try to get past `check_requests`, as bytes: what no browser sends, and what frames a body.

Each row is a whole connection: the statuses of its responses, and what the handlers were called for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, empty, file, text
from sanic.exceptions import Forbidden, SanicException
from sanic.views import HTTPMethodView
from sanic.views import stream as streamed

from corsbp import CorsPolicy, cors_group

from ..cases import EVIL, ONE
from ..support import new_app, require_package, run_server, send, send_bytes, serve

POLICY = CorsPolicy(allow_origins=[ONE], check_requests="writes")
FORGED = (f"Origin: {EVIL}", "Sec-Fetch-Site: cross-site")
ALLOWED = (f"Origin: {ONE}", "Sec-Fetch-Site: cross-site")
UPLOAD = [b"POST /api/item HTTP/1.1\r\nHost: a\r\n\r\n", b"x" * 500]


def raw(
    method: str,
    path: str,
    *lines: str,
    body: bytes | Sequence[bytes] = b"",
    host: str | None = "api.example",
    version: str = "1.1",
    close: bool = True,
) -> bytes:
    """Return the bytes of a request; a body in parts is chunked."""
    head = [f"{method} {path} HTTP/{version}", *([] if host is None else [f"Host: {host}"]), *lines]
    if not isinstance(body, bytes):
        head.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in body) + b"0\r\n\r\n"
    elif body:
        head.append(f"Content-Length: {len(body)}")
    head += ["Connection: close"] if close else []
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def make_app() -> Sanic:
    """Return an app whose handlers note the length of each body."""
    app, bp = new_app(), Blueprint("api", url_prefix="/api")
    app.ctx.handled = []

    async def handle(request: Request) -> HTTPResponse:
        app.ctx.handled.append((request.method, len(request.body)))
        return text("handled")

    class View(HTTPMethodView):
        @streamed
        async def post(self, request: Request) -> HTTPResponse:
            size = 0
            async for data in request.stream:  # type: ignore[union-attr]  # there is one
                size += len(data)
            app.ctx.handled.append(("stream", size))
            return text("handled")

    bp.add_route(handle, "/item", methods=["GET", "POST", "DELETE"], name="item")
    bp.add_route(View.as_view(), "/view", name="view")
    app.blueprint(cors_group(bp, policy=POLICY))
    return app


POST = ("POST", 3)
ROWS: dict[str, tuple[bytes, list[int], list[Any]]] = {
    # --- what frames the body ---
    "a stream in a view": (raw("POST", "/api/view", *FORGED, body=b"abc"), [403], []),
    "a stream in a view, chunked": (raw("POST", "/api/view", *FORGED, body=UPLOAD), [403], []),
    "a stream in a view, allowed": (
        raw("POST", "/api/view", *ALLOWED, body=[b"abc", b"de"]),
        [200],
        [("stream", 5)],
    ),
    "Expect: 100-continue": (
        raw("POST", "/api/item", *FORGED, "Expect: 100-continue", body=b"abc"),
        [100, 403],  # Sanic sends both at once, and reads the body
        [],
    ),
    "pipelined requests": (
        raw("POST", "/api/item", *FORGED, body=b"abc", close=False)
        + raw("POST", "/api/item", *ALLOWED, body=b"abc", close=False)
        + raw("DELETE", "/api/item", *FORGED, close=False)
        + raw("GET", "/api/item", *FORGED),
        [403, 200, 403, 200],
        [POST, ("GET", 0)],
    ),
    "a request in a refused body": (
        raw("POST", "/api/item", *FORGED, body=UPLOAD[0], close=False)
        + raw("POST", "/api/item", *ALLOWED, body=b"abc"),
        [403, 200],
        [POST],
    ),
    "a request in a refused chunk": (
        raw("POST", "/api/item", *FORGED, body=UPLOAD, close=False)
        + raw("POST", "/api/item", *ALLOWED, body=b"abc"),
        [403, 200],
        [POST],
    ),
    "a malformed chunk": (
        raw("POST", "/api/item", *FORGED, "Transfer-Encoding: chunked", close=False)
        + b"zz\r\n"
        + raw("POST", "/api/item", body=b"abc"),
        [403],
        [],
    ),
    # --- the host ---
    "HTTP/1.0": (raw("POST", "/api/item", *FORGED, host=None, version="1.0", body=b"abc"), [403], []),
    "HTTP/1.0, no browser": (raw("POST", "/api/item", host=None, version="1.0", body=b"abc"), [200], [POST]),
    "HTTP/1.0, an Origin": (
        raw("POST", "/api/item", "Origin: https://api.example", host=None, version="1.0"),
        [403],
        [],
    ),
    "an empty Host": (raw("POST", "/api/item", "Origin: https://api.example", host=""), [403], []),
    "an empty Host and an empty origin": (raw("POST", "/api/item", "Origin: http://", host=""), [403], []),
    "two lines of Host": (raw("POST", "/api/item", "Host: evil.example", f"Origin: {EVIL}"), [403], []),
    "two lines of Host, the other first": (
        raw("POST", "/api/item", "Host: api.example", f"Origin: {EVIL}", host="evil.example"),
        [403],
        [],
    ),
    "a host in the request line": (raw("POST", f"{EVIL}/api/item", f"Origin: {EVIL}"), [403], []),
    "a host in headers of proxies": (
        raw(
            "POST",
            "/api/item",
            f"Origin: {EVIL}",
            "X-Forwarded-Host: evil.example",
            "Forwarded: host=evil.example",
            "X-Original-Host: evil.example",
        ),
        [403],
        [],
    ),
    # --- the method ---
    "a method override in a header": (
        raw("POST", "/api/item", *FORGED, "X-HTTP-Method-Override: GET", "X-Method-Override: GET"),
        [403],
        [],
    ),
    "a method override in a query": (raw("POST", "/api/item?_method=GET", *FORGED), [403], []),
    "a method in lower case": (raw("post", "/api/item", *FORGED), [405], []),
    "an unknown method": (raw("QUERY", "/api/item", *FORGED), [405], []),
    # --- the headers ---
    "a site of another case": (
        raw("POST", "/api/item", f"Origin: {EVIL}", "Sec-Fetch-Site: SAME-ORIGIN"),
        [403],
        [],
    ),
    "a site with spaces": (
        raw("POST", "/api/item", f"Origin: {EVIL}", "Sec-Fetch-Site: same-origin  "),
        [403],
        [],
    ),
    "a site of another name": (
        raw("POST", "/api/item", f"Origin: {EVIL}", "Sec_Fetch_Site: same-origin"),
        [403],
        [],
    ),
    "an origin with spaces": (raw("POST", "/api/item", f"Origin: {ONE}  "), [403], []),
    "a long origin": (raw("POST", "/api/item", f"Origin: https://{'a.' * 3000}example"), [403], []),
    # --- the path ---
    "a slash more": (raw("POST", "/api/item/", *FORGED), [403], []),
    "a path without a route": (raw("POST", "//api/item", *FORGED), [404], []),
    "a query": (raw("POST", "/api/item?a=b", *FORGED), [403], []),
}


def test_no_request_gets_past_the_check() -> None:
    app = make_app()

    async def talk(port: int) -> dict[str, Any]:
        found = {}
        for name, (data, _, _) in ROWS.items():
            app.ctx.handled = []
            received = await asyncio.wait_for(send_bytes(port, data), 60)
            statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
            assert received.count(b"cache-control: no-store") == statuses.count(403), name
            found[name] = statuses, app.ctx.handled
        return found

    found = run_server(serve(app, talk))
    assert found == {name: (statuses, handled) for name, (_, statuses, handled) in ROWS.items()}


def test_a_method_that_the_app_overrides_before_routing_is_the_one_that_is_checked() -> None:
    """The check has the method by which the router found the route, and so the handler."""
    app = make_app()

    @app.signal("http.routing.before")
    async def override(request: Request, **_: Any) -> None:
        request.method = request.headers.get("x-http-method-override", request.method)

    rows = [
        (raw("GET", "/api/item", *FORGED, "X-HTTP-Method-Override: DELETE"), 403),
        (raw("POST", "/api/item", *FORGED, "X-HTTP-Method-Override: DELETE"), 403),
        (raw("POST", "/api/item", *FORGED, "X-HTTP-Method-Override: GET"), 200),
    ]
    assert [response.status for response in send(app, *(data for data, _ in rows))] == [
        each for _, each in rows
    ]
    assert app.ctx.handled == [("GET", 0)]


RESPONSES: dict[str, int] = {
    "raises an error": 500,
    "raises another status": 499,
    "returns nothing": 500,
    "sends a file": 403,
    "sends no body": 204,
    "responds twice": 403,
}


@pytest.mark.parametrize("kind", RESPONSES)
@pytest.mark.parametrize("place", ["app", "blueprint"])
def test_whatever_an_error_handler_does_no_cache_keeps_it(kind: str, place: str) -> None:
    """No middleware runs, and the next request of the connection is served."""
    app, bp, seen = new_app(), Blueprint("api", url_prefix="/api"), list[str]()
    public = {"cache-control": "public, max-age=600"}

    async def handle(_: Request) -> HTTPResponse:
        seen.append("handler")
        return text("handled")

    async def respond(request: Request, _: Exception) -> Any:
        if kind == "raises an error":
            raise ValueError(kind)
        if kind == "raises another status":
            raise SanicException(kind, status_code=499)
        if kind == "sends a file":
            return await file(__file__, status=403, max_age=600)
        if kind == "sends no body":
            return empty(204, headers=public)
        if kind == "responds twice":
            await request.respond(text("one", 403, headers=public))
            return text("two", 403, headers=public)
        return None

    bp.add_route(handle, "/item", methods=["POST"], name="item")
    bp.on_request(lambda request: seen.append("request"))
    bp.on_response(lambda request, response: seen.append("response"))  # type: ignore[no-untyped-call]  # Sanic's has no types
    (app if place == "app" else bp).exception(Forbidden)(respond)
    app.blueprint(cors_group(bp, policy=POLICY))
    data = raw("POST", "/api/item", *FORGED, body=b"abc", close=False) + raw("POST", "/api/item", *ALLOWED)

    async def talk(port: int) -> bytes:
        return await asyncio.wait_for(send_bytes(port, data), 60)

    received = run_server(serve(app, talk))
    first, second = re.findall(rb"HTTP/1\.1 (\d{3}) .*?\r\n(.*?)\r\n\r\n", received, re.DOTALL)
    assert (int(first[0]), int(second[0])) == (RESPONSES[kind], 200)
    assert re.findall(rb"(?im)^cache-control: (.*?)\r?$", first[1]) == [b"no-store"]
    assert seen == ["request", "handler", "response"]


def test_hosts_of_a_blueprint_and_late_routes() -> None:
    """A name that points to this machine is no host of the tool: a page of it finds no route."""
    app, hosts = new_app(), ["localhost:8000", "[::1]:8000"]
    bp = Blueprint("base", url_prefix="/mcp", host=hosts).copy("mcp", allow_route_overwrite=True)
    seen: list[str] = []

    async def handle(request: Request) -> HTTPResponse:
        seen.append(request.path)
        return text("handled")

    bp.add_route(handle, "/", methods=["POST"], name="root")
    app.blueprint(cors_group(bp, policy=POLICY.replace(check_requests="all")))

    @app.get("/amend")
    async def amend(_: Request) -> HTTPResponse:
        with app.amend():
            bp.add_route(handle, "/late", methods=["GET"], name="late")
        return empty()

    local, rebound = "localhost:8000", "evil.example:8000"
    rows = [
        (raw("POST", "/mcp/", "Origin: http://localhost:8000", host=local), 200),
        (raw("POST", "/mcp/", "Origin: http://[::1]:8000", host="[::1]:8000"), 200),
        (raw("POST", "/mcp/", "Origin: http://localhost:8001", host=local), 403),
        (raw("POST", "/mcp/", f"Origin: http://{rebound}", host=rebound), 404),
        (raw("POST", "/mcp/", "Sec-Fetch-Site: same-origin", host=rebound), 404),
        (raw("GET", "/amend"), 204),
        (raw("GET", "/mcp/late", *FORGED, host=local), 403),
        (raw("GET", "/mcp/late", *ALLOWED, host=local), 200),
    ]
    responses = send(app, *(data for data, _ in rows))
    assert [response.status for response in responses] == [status for _, status in rows]
    assert seen == ["/mcp/", "/mcp/", "/mcp/late"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_routes_of_sanic_ext_are_checked_like_those_that_they_belong_to() -> None:
    require_package("sanic_ext")
    app, bp = new_app(AUTO_EXTEND=True, CORS=False), Blueprint("api", url_prefix="/api")
    seen: list[str] = []

    async def handle(request: Request) -> HTTPResponse:
        seen.append(request.method)
        return text("handled")

    bp.add_route(handle, "/item", methods=["GET"], name="item")
    app.blueprint(cors_group(bp, policy=POLICY.replace(check_requests="all")))
    link = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    rows = [
        (raw("HEAD", "/api/item", *FORGED), 403),
        (raw("HEAD", "/api/item", *ALLOWED), 200),
        (raw("HEAD", "/api/item", *link), 200),
        (raw("GET", "/api/item", *FORGED), 403),
        (raw("OPTIONS", "/api/item", *FORGED), 204),
    ]
    assert [response.status for response in send(app, *(data for data, _ in rows))] == [
        each for _, each in rows
    ]
    assert seen == ["HEAD", "HEAD"]
