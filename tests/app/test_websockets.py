"""WebSocket handshakes: browsers leave the check of the origin to the server (`check_websockets`)."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import warnings
from collections.abc import MutableMapping
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.asgi import ASGIApp
from sanic.exceptions import Unauthorized
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, CorsPolicyWarning, cors_group

from ..cases import EVIL, ONE, SUB, TWO
from ..support import (
    ROOT,
    ReceivedResponse,
    as_handler,
    handler,
    new_app,
    parse_response,
    request,
    run_server,
    send,
    serve,
)

CREDENTIALS = {"access-control-allow-credentials": "true"}


def handshake(*origins: str, path: str = "/bp/ws", host: str = "api.example") -> bytes:
    """Return the bytes with which a browser opens a WebSocket."""
    lines = ["upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13"]
    lines += ["sec-websocket-key: x3JJHMbDL1EzLkh9GBhXDw==", *(f"origin: {origin}" for origin in origins)]
    return "\r\n".join([f"GET {path} HTTP/1.1", f"host: {host}", *lines, "", ""]).encode()


async def opened(port: int, raw: bytes) -> ReceivedResponse:
    """Return the response to a handshake: 101 with the first message of the handler, or the refusal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        if head.startswith(b"HTTP/1.1 101 "):
            return parse_response(head + await asyncio.wait_for(reader.readuntil(b"hello"), 60))
        length = int(dict(parse_response(head).headers).get("content-length", 0))
        return parse_response(head + await asyncio.wait_for(reader.readexactly(length), 60))
    finally:
        writer.close()
        await writer.wait_closed()


def app_of(policy: CorsPolicy | None = None, **config: Any) -> Sanic:
    """Return an app with a WebSocket in a section; `greeted` counts how often its handler ran."""
    bp = Blueprint("bp", url_prefix="/bp")
    app = new_app(**config)
    app.ctx.greeted = 0

    @bp.websocket("/ws")
    async def ws(request: Request, ws: Any) -> None:
        request.app.ctx.greeted += 1
        await ws.send("hello")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        return text("item")

    app.blueprint(cors_group(bp, policy=policy) if policy else bp)
    return app


def open_all(app: Sanic, *raws: bytes, debug: bool = False) -> list[ReceivedResponse]:
    async def talk(port: int) -> list[ReceivedResponse]:
        return [await opened(port, raw) for raw in raws]

    responses: list[ReceivedResponse] = run_server(serve(app, talk, debug))
    assert app.ctx.greeted == [response.status for response in responses].count(101)
    return responses


# --- which origins may open a socket ---------------------------------------------------------------


async def asks_later(origin: str, _: Request) -> bool:
    await asyncio.sleep(0)
    return origin == ONE


POLICIES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "any": ({}, [ONE, TWO, SUB, EVIL]),
    "one": ({"allow_origins": [ONE]}, [ONE]),
    "one with credentials": ({"allow_origins": [ONE], "allow_credentials": True}, [ONE]),
    "a list": ({"allow_origins": [ONE, TWO]}, [ONE, TWO]),
    "patterns": ({"allow_origins": [ONE, "https://*.tenants.example"]}, [ONE, SUB]),
    "a function": ({"allow_origins": lambda origin, request: origin == ONE}, [ONE]),
    "an async function": ({"allow_origins": asks_later}, [ONE]),
}


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("name", POLICIES)
def test_only_allowed_origins_open_a_websocket(name: str, debug: bool) -> None:
    fields, allowed = POLICIES[name]
    origins = [ONE, TWO, SUB, EVIL]
    app = app_of(CorsPolicy(**fields))
    responses = open_all(app, handshake(), *map(handshake, origins), debug=debug)
    statuses = [response.status for response in responses]
    assert statuses == [101, *(101 if origin in allowed else 403 for origin in origins)]


NOBODY = [
    ("null",),
    ("",),
    (ONE, ONE),
    (ONE, EVIL),
    (EVIL, ONE),
    (f"{ONE},{EVIL}",),
    (f"{ONE}/",),
    (f"{ONE}.evil.example",),
    (f"{ONE}:443",),
    (ONE.upper(),),
    ("http://app.example",),
    ("https://xapp.example",),
    ("wss://app.example",),
]


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "any"])
def test_origins_that_never_match_are_refused(name: str) -> None:
    responses = open_all(
        app_of(CorsPolicy(**POLICIES[name][0])),
        *(handshake(*origins) for origins in NOBODY),
    )
    assert dict(zip(NOBODY, [response.status for response in responses], strict=True)) == dict.fromkeys(
        NOBODY, 403
    )


@pytest.mark.parametrize("name", POLICIES)
def test_every_origin_opens_a_websocket_that_is_not_checked(name: str) -> None:
    raws = [handshake(*origins) for origins in [(), (ONE,), (EVIL,), *NOBODY]]
    unwrapped = [response.status for response in open_all(app_of(), *raws)]
    policy = CorsPolicy(**POLICIES[name][0], check_websockets=False)
    assert [response.status for response in open_all(app_of(policy), *raws)] == unwrapped
    # Sanic itself refuses a second Origin
    assert unwrapped == [101] * 3 + [400 if len(origins) > 1 else 101 for origins in NOBODY]


@pytest.mark.filterwarnings("ignore:.*websocket-unchecked")  # what is warned about is opened here
@pytest.mark.parametrize("section", [False, True])
def test_a_websocket_route_may_have_its_own_policy(section: bool) -> None:
    bp = Blueprint("bp", url_prefix="/bp")
    app = new_app()
    app.ctx.greeted = 0

    async def ws(request: Request, ws: Any) -> None:
        request.app.ctx.greeted += 1
        await ws.send("hello")

    own = {
        "checked": CorsPolicy(allow_origins=[TWO]),
        "unchecked": CorsPolicy(allow_origins=[TWO], check_websockets=False),
        "left-out": False,
    }
    for name, cors in own.items():
        bp.add_websocket_route(ws, f"/{name}", name=name, ctx_cors=cors)
    bp.websocket("/section", name="section")(ws)
    app.blueprint(cors_group(bp, allow_origins=[ONE], check_websockets=section))
    origins = [(path, origin) for path in (*own, "section") for origin in (ONE, TWO, EVIL)]
    responses = open_all(app, *(handshake(origin, path=f"/bp/{path}") for path, origin in origins))
    refused = {pair for pair, response in zip(origins, responses, strict=True) if response.status == 403}
    of_section = {("section", TWO), ("section", EVIL)} if section else set()
    assert refused == {("checked", ONE), ("checked", EVIL)} | of_section


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"allow_origins": [ONE]}, {"access-control-allow-origin": ONE}),
        ({"allow_origins": [ONE, TWO]}, {"vary": "origin"}),
        ({"allow_origins": lambda origin, request: False}, {"vary": "origin"}),
    ],
)
def test_a_refused_handshake_gets_an_ordinary_response(
    fields: dict[str, Any], headers: dict[str, str], debug: bool
) -> None:
    app = app_of(CorsPolicy(**fields))
    (response,) = open_all(app, handshake(EVIL), debug=debug)
    assert (response.status, response.cors) == (403, headers)
    assert b"This WebSocket is not open to pages of this origin" in response.body
    assert EVIL.encode() not in response.body


def test_the_error_handler_of_the_app_writes_the_body_of_a_refusal() -> None:
    app = app_of(CorsPolicy(allow_origins=[ONE, TWO]))
    app.error_handler.add(Exception, lambda request, error: text("no", status=418))
    (response,) = open_all(app, handshake(EVIL))
    assert (response.status, response.body, response.cors) == (418, b"no", {"vary": "origin"})


def test_the_check_of_the_origin_runs_before_other_middleware() -> None:
    seen: list[str | None] = []
    app = app_of(CorsPolicy(allow_origins=[ONE]))

    @app.middleware("request", priority=99)
    def sign_in(request: Request) -> None:
        seen.append(request.headers.get("origin"))
        raise Unauthorized("sign in")

    assert [response.status for response in open_all(app, handshake(EVIL), handshake(ONE))] == [403, 401]
    assert seen == [ONE]


@pytest.mark.parametrize("function", [False, True])
def test_a_refused_handshake_runs_no_middleware(function: bool) -> None:
    """Not one of a pair, either: response middleware that reads what request middleware left would fail."""
    origins: list[Any] = [ONE]
    app = app_of(CorsPolicy(allow_origins=[*origins, asks_later] if function else origins))
    seen: list[str] = []

    @app.on_request
    async def begin(request: Request) -> None:
        seen.append("request")
        request.ctx.began = True

    async def end(request: Request, _: HTTPResponse) -> None:
        seen.append("response")
        assert request.ctx.began

    app.register_middleware(as_handler(end), "response")
    assert [response.status for response in open_all(app, handshake(EVIL))] == [403]
    assert seen == []
    assert [response.status for response in open_all(app, handshake(ONE))] == [101]
    assert seen == ["request"]


@pytest.mark.parametrize("section", [CorsPolicy(allow_origins=[ONE]), CorsPolicy(), None])
def test_a_websocket_that_ctx_cors_opens_is_warned_about(section: CorsPolicy | None) -> None:
    """Once, and only where the section checks it and is not open to all."""
    bp = Blueprint("bp", url_prefix="/bp")
    bp.add_websocket_route(handler, "/ws", name="ws", ctx_cors=False)
    unchecked = CorsPolicy(allow_origins=[ONE], check_websockets=False)
    app = new_app(cors_group(bp, policy=section or unchecked))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        send(app, request("GET", "/"))
        send(app, request("GET", "/"))
    found = [f"{each.message}" for each in caught if issubclass(each.category, CorsPolicyWarning)]
    if section is None or section.allow_origins == "*":
        assert found == []
    else:
        assert len({*found}) == 1
        assert f"'{app.name}.bp.ws (/bp/ws)' opens to pages of every site" in found[0]
        assert found[0].endswith("[websocket-unchecked]")


def test_an_ordinary_request_to_a_checked_section_is_served() -> None:
    app = app_of(CorsPolicy(allow_origins=[ONE, TWO]))

    requests = [
        request("GET", "/bp/item", EVIL),
        request("OPTIONS", "/bp/ws", EVIL),
        request("GET", "/bp/nothing", EVIL),
    ]
    responses = [(response.status, response.cors) for response in send(app, *requests)]
    assert responses == [(200, {"vary": "origin"}), (204, {"vary": "origin"}), (404, {"vary": "origin"})]


def test_a_function_is_called_once_per_handshake() -> None:
    origins: list[str] = []

    async def function(origin: str, _: Request) -> bool:
        origins.append(origin)
        return origin == ONE

    policy = CorsPolicy(allow_origins=function)
    responses = open_all(app_of(policy), handshake(ONE), handshake(EVIL), handshake("null"), handshake())
    assert [response.status for response in responses] == [101, 403, 403, 101]
    assert origins == [ONE, EVIL]


# --- through an ASGI server ------------------------------------------------------------------------


def asgi() -> Sanic:
    """Return the app for uvicorn in another process: sanic-testing changes Sanic in this one."""
    return app_of(CorsPolicy(allow_origins=[ONE]))


@pytest.mark.parametrize("implementation", ["wsproto", "websockets-sansio"])
def test_a_handshake_is_refused_through_asgi(implementation: str) -> None:
    pytest.importorskip("uvicorn")
    command = [sys.executable, "-m", "uvicorn", "--factory", f"{__name__}:asgi", "--port", "0"]
    with subprocess.Popen(
        [*command, "--ws", implementation],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            found = (re.search(r"running on http://127.0.0.1:(\d+)", line) for line in server.stdout)
            port = int(next(filter(None, found))[1])

            async def talk() -> list[int]:
                origins = [handshake(ONE), handshake(), handshake(EVIL), handshake("null")]
                return [(await opened(port, one)).status for one in origins]

            statuses = asyncio.run(talk())
        finally:
            server.terminate()
            log, _ = server.communicate(timeout=60)
    assert statuses == [101, 101, 403, 403]
    assert "Traceback" not in log


@pytest.mark.parametrize("extension", [True, False])
def test_an_asgi_server_gets_the_refusal(extension: bool) -> None:
    """With the extension for refusals it gets the whole response, without it a close."""
    app = app_of(CorsPolicy(allow_origins=[ONE]))
    scope: dict[str, Any] = {
        "type": "websocket",
        "raw_path": b"/bp/ws",
        "query_string": b"",
        "headers": [(b"host", b"api.example"), (b"origin", EVIL.encode())],
        "client": ("127.0.0.1", 1),
        "extensions": {"websocket.http.response": {}} if extension else None,
    }
    messages: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def talk() -> None:
        await app.asgi_client.get("/")  # starts the app
        origins = await ASGIApp.create(app, scope, receive, send)
        await origins()

    asyncio.run(talk())
    if not extension:
        assert messages == [{"type": "websocket.close", "code": 1008}]
        return
    start, body = messages
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert (b"access-control-allow-origin", ONE.encode()) in start["headers"]
    assert body["type"] == "websocket.http.response.body"
    assert b"not open to pages of this origin" in body["body"]
