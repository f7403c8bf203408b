"""Streams, files, server-sent events and WebSockets of a section, compared with those outside."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, ResponseStream, file, file_stream, text

from corsbp import cors_group

from ..support import (
    EVIL,
    GRANTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    ReceivedResponse,
    both_touchups,
    expect,
    new_app,
    parse_response,
    plain_group,
    preflight,
    preflight_headers,
    request,
    run_server,
    send,
    serve,
    without_cors,
)

LISTED = {"allow_origins": [ORIGIN, TWO], "expose_headers": ["content-range"]}
EXPOSED = {"access-control-expose-headers": "content-range"}

CONTENT = b"0123456789" * 100


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(CONTENT)
    return tmp_path


def add_routes(bp: Any, files: Path, prefix: str = "") -> None:
    @bp.get(f"{prefix}/respond", name="respond")
    async def respond(request: Request) -> None:
        response = await request.respond(content_type="text/plain", headers={"vary": "Cookie"})
        await response.send("one, ")
        await response.send("two")
        await response.eof()

    @bp.get(f"{prefix}/respond-whole", name="respond_whole")
    async def respond_whole(request: Request) -> None:
        await request.respond(text("whole", headers={"access-control-allow-origin": EVIL}))

    @bp.get(f"{prefix}/respond-late", name="respond_late")
    async def respond_late(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        response.headers["access-control-allow-origin"] = EVIL
        response.headers["vary"] = "Cookie"
        await response.send("late")
        await response.eof()

    @bp.get(f"{prefix}/stream", name="stream")
    async def stream(_: Request) -> ResponseStream:
        async def write(response: Any) -> None:
            await response.write("one, ")
            await asyncio.sleep(0)
            await response.write("two")

        return ResponseStream(write, headers={"vary": "Cookie", "access-control-allow-origin": EVIL})

    @bp.get(f"{prefix}/events", name="events")
    async def events(request: Request) -> None:
        async def each() -> AsyncIterator[str]:
            for number in range(3):
                await asyncio.sleep(0)
                yield f"data: {number}\n\n"

        response = await request.respond(content_type="text/event-stream")
        async for event in each():
            await response.send(event)
        await response.eof()

    @bp.route(f"{prefix}/file", ["GET", "HEAD"], name="file")
    async def whole_file(request: Request) -> HTTPResponse:
        return await file(files / "a.txt", request_headers=request.headers)

    @bp.get(f"{prefix}/file-stream", name="file_stream")
    async def streamed_file(_: Request) -> ResponseStream:
        return await file_stream(files / "a.txt", headers={"etag": '"1"'})

    @bp.get(f"{prefix}/304", name="not_modified")
    async def not_modified(request: Request) -> HTTPResponse:
        changed = request.headers.get("if-none-match") != '"1"'
        return HTTPResponse(b"body" if changed else None, 200 if changed else 304, {"etag": '"1"'})

    @bp.websocket(f"{prefix}/socket", name="socket")
    async def socket(_: Request, ws: Any) -> None:
        await ws.send(await ws.recv())

    bp.static(f"{prefix}/files", files, name="files", use_content_range=True)
    bp.static(f"{prefix}/large", files, name="large", stream_large_files=10)
    bp.static(f"{prefix}/one.txt", files / "a.txt", name="one", use_content_range=True)


def site(make: Any, files: Path, touchup: bool) -> Sanic:
    app = new_app(TOUCHUP=touchup)
    for name, fields in {"listed": LISTED, "public": {}}.items():
        bp = Blueprint(name, url_prefix=f"/{name}")
        add_routes(bp, files)
        app.blueprint(make(bp, **fields))
    add_routes(app, files, "/web")
    return app


FUTURE = formatdate(4_000_000_000, usegmt=True)

# Path, headers of the request, status, and Vary of the handler.
STREAMS: dict[str, tuple[str, str, dict[str, str], int, str | None]] = {
    "respond": ("GET", "/respond", {}, 200, "Cookie"),
    "respond with a whole answer": ("GET", "/respond-whole", {}, 200, None),
    "stream": ("GET", "/stream", {}, 200, "Cookie"),
    "events": ("GET", "/events", {"accept": "text/event-stream"}, 200, None),
    "file": ("GET", "/file", {}, 200, None),
    "file, HEAD": ("HEAD", "/file", {}, 200, None),
    "file, not modified": ("GET", "/file", {"if_modified_since": FUTURE}, 304, None),
    "file stream": ("GET", "/file-stream", {}, 200, None),
    "not modified": ("GET", "/304", {"if_none_match": '"1"'}, 304, None),
    "modified": ("GET", "/304", {"if_none_match": '"2"'}, 200, None),
    "static": ("GET", "/files/a.txt", {}, 200, None),
    "static, HEAD": ("HEAD", "/files/a.txt", {}, 200, None),
    "static, range": ("GET", "/files/a.txt", {"range": "bytes=2-5"}, 206, None),
    "static, HEAD with range": ("HEAD", "/files/a.txt", {"range": "bytes=2-5"}, 200, None),
    "static, range not satisfiable": ("GET", "/files/a.txt", {"range": "lines=1"}, 416, None),
    "static, not modified": ("GET", "/files/a.txt", {"if_modified_since": FUTURE}, 304, None),
    "static, missing": ("GET", "/files/b.txt", {}, 404, None),
    "static, climbing": ("GET", "/files/..%2f..%2fetc/passwd", {}, 404, None),
    "static, streamed": ("GET", "/large/a.txt", {}, 200, None),
    "static, one file": ("GET", "/one.txt", {}, 200, None),
    "static, range of one file": ("GET", "/one.txt", {"range": "bytes=-3"}, 206, None),
}


@both_touchups
def test_streams_and_files_have_the_headers(files: Path, touchup: bool) -> None:
    rows: dict[str, Expectation] = {}
    for name, (method, path, headers, status, vary) in STREAMS.items():
        both = {"vary": f"{vary}, origin" if vary else "origin"}
        rows |= {
            f"granted: {name}": (
                request(method, f"/listed{path}", **headers),
                status,
                GRANTED | EXPOSED | both,
            ),
            f"refused: {name}": (request(method, f"/listed{path}", EVIL, **headers), status, REFUSED | both),
            f"public: {name}": (
                request(method, f"/public{path}", EVIL, **headers),
                status,
                PUBLIC | ({"vary": vary} if vary else {}),
            ),
        }
    responses = expect(site(cors_group, files, touchup), rows)
    without = send(site(plain_group, files, touchup), *(row[0] for row in rows.values()))
    for (name, response), other in zip(responses.items(), without, strict=True):
        assert timeless(without_cors(response)) == timeless(without_cors(other)), name
    assert responses["granted: static, range"].body == CONTENT[2:6]
    assert responses["granted: static, not modified"].body == b""
    assert b"data: 2" in responses["granted: events"].body


@both_touchups
def test_streams_outside_are_equal_to_those_without_corsbp(files: Path, touchup: bool) -> None:
    requests = [request(method, f"/web{path}", **headers) for method, path, headers, *_ in STREAMS.values()]
    inside, without = (send(site(make, files, touchup), *requests) for make in (cors_group, plain_group))
    for one, response, other in zip(requests, inside, without, strict=True):
        assert (response.status, response.headers, response.body) == (
            other.status,
            other.headers,
            other.body,
        ), one


def timeless(response: tuple[int, list[tuple[str, str]], bytes]) -> tuple[int, list[tuple[str, str]], bytes]:
    status, headers, body = response
    return status, sorted(headers), body


def test_headers_may_change_after_respond(files: Path) -> None:
    """Until the first send() the head is not sent: a handler can still change the headers."""
    rows: dict[str, Expectation] = {
        "granted": (
            request("GET", "/listed/respond-late"),
            200,
            GRANTED | EXPOSED | {"vary": "Cookie, origin"},
        ),
        "refused": (request("GET", "/listed/respond-late", EVIL), 200, {"vary": "Cookie, origin"}),
        "public": (request("GET", "/public/respond-late"), 200, PUBLIC | {"vary": "Cookie"}),
    }
    expect(site(cors_group, files, True), rows)


@both_touchups
def test_preflights(files: Path, touchup: bool) -> None:
    rows: dict[str, Expectation] = {
        path: (preflight(f"/listed{path}"), 204, GRANTED | preflight_headers(methods))
        for path, methods in {
            "/stream": "GET,OPTIONS",
            "/file": "GET,HEAD,OPTIONS",
            "/files/a.txt": "GET,HEAD,OPTIONS",
            "/files/page/deep/none": "GET,HEAD,OPTIONS",
            "/one.txt": "GET,HEAD,OPTIONS",
            "/socket": "GET,OPTIONS",
        }.items()
    }
    expect(site(cors_group, files, touchup), rows)


# --- WebSockets ---

KEY = base64.b64encode(b"0123456789abcdef").decode()
ACCEPTED = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())


async def shake_hands(
    port: int, path: str, origin: str | None, version: str = "13"
) -> tuple[ReceivedResponse, bytes]:
    """Return the response to a handshake, and what the socket sends after `hello`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: api.example",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Key: {KEY}",
        f"Sec-WebSocket-Version: {version}",
        *([f"Origin: {origin}"] if origin else []),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    response = parse_response(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60))
    response.headers[:] = [line for line in response.headers if line[0].lower() != "date"]
    message = b""
    if response.status == 101:
        writer.write(b"\x81\x85\x00\x00\x00\x00hello")  # one masked text frame
        message = (await asyncio.wait_for(reader.readuntil(b"hello"), 60))[-7:]
    writer.close()
    await writer.wait_closed()
    return response, message


@both_touchups
@pytest.mark.parametrize("origin", [ORIGIN, None])
def test_messages_of_websockets_are_unchanged(files: Path, origin: str | None, touchup: bool) -> None:
    async def talk(port: int) -> list[tuple[ReceivedResponse, bytes]]:
        return [await shake_hands(port, f"/{where}/socket", origin) for where in ("listed", "public", "web")]

    with_cors = run_server(serve(site(cors_group, files, touchup), talk))
    assert with_cors == run_server(serve(site(plain_group, files, touchup), talk))
    for response, message in with_cors:
        assert (response.status, response.cors, message) == (101, {}, b"\x81\x05hello")
        assert response["sec-websocket-accept"].encode() == ACCEPTED


@both_touchups
def test_a_handshake_that_fails_can_be_read(files: Path, touchup: bool) -> None:
    async def talk(port: int) -> list[ReceivedResponse]:
        return [
            (await shake_hands(port, f"/{where}/socket", ORIGIN, "12"))[0]
            for where in ("listed", "public", "web")
        ]

    responses = run_server(serve(site(cors_group, files, touchup), talk))
    without = run_server(serve(site(plain_group, files, touchup), talk))
    assert [response.status for response in responses] == [response.status for response in without]
    assert [response.cors for response in responses] == [GRANTED | EXPOSED, PUBLIC, {}]
    expect(
        site(cors_group, files, touchup),
        {"plain": (request("GET", "/listed/socket"), 426, GRANTED | EXPOSED)},
    )
