"""Timeouts, limits and clients that go away: responses have their headers, and corsbp has no traceback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import PayloadTooLarge, RequestTimeout, ServiceUnavailable
from sanic.response import HTTPResponse, text

import corsbp
from corsbp import cors_group

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    HttpRequest,
    ReceivedResponse,
    both_touchups,
    expect,
    new_app,
    parse_response,
    preflight,
    preflight_headers,
    request,
    run_server,
    send,
    send_async,
    send_bytes,
    serve,
)

OURS = str(Path(corsbp.__file__).parent)


@pytest.fixture(autouse=True)
def _no_traceback_of_ours(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("sanic.root", "sanic.error", "sanic.server", "asyncio")]
    for each in loggers:
        each.addHandler(caplog.handler)
    yield
    for each in loggers:
        each.removeHandler(caplog.handler)
    for record in caplog.get_records("call"):
        if record.exc_info and record.exc_info[2] and record.name != "corsbp":
            *_, (last, _) = walk_tb(record.exc_info[2])
            assert not last.f_code.co_filename.startswith(OURS), record.getMessage()


async def allows(origin: str, request: Request) -> bool:
    """Allow one origin after a wait: `x-origin: hangs` never ends, `is cancelled` cancels itself."""
    match request.headers.get("x-origin"):
        case "hangs":
            await asyncio.Event().wait()
        case "is cancelled":
            raise asyncio.CancelledError
        case "cancels its task":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
    await asyncio.sleep(0)
    return origin == ORIGIN


def site(**config: Any) -> Sanic:
    app = new_app(**config)
    policies: dict[str, dict[str, Any]] = {"listed": LISTED, "public": {}, "asks": {"allow_origins": allows}}
    for name, fields in policies.items():
        bp = Blueprint(name, url_prefix=f"/{name}")
        add_routes(bp)
        app.blueprint(cors_group(bp, **fields))
    add_routes(app, "/web")
    return app


def add_routes(bp: Any, prefix: str = "") -> None:
    @bp.post(f"{prefix}/upload", name="upload")
    async def upload(request: Request) -> HTTPResponse:
        return text(f"{len(request.body)} bytes")

    @bp.post(f"{prefix}/upload-stream", name="upload_stream", stream=True)
    async def upload_stream(request: Request) -> HTTPResponse:
        length = 0
        stream: Any = request.stream
        async for part in stream:
            length += len(part)
            if length > 100:
                raise PayloadTooLarge("enough")
        return text(f"{length} bytes")

    @bp.get(f"{prefix}/late", name="late")
    async def late(_: Request) -> HTTPResponse:
        raise RequestTimeout("too late")

    @bp.get(f"{prefix}/unavailable", name="unavailable")
    async def unavailable(_: Request) -> HTTPResponse:
        raise ServiceUnavailable("not now")

    @bp.get(f"{prefix}/hangs", name="hangs")
    async def hangs(_: Request) -> HTTPResponse:
        await asyncio.Event().wait()
        return text("never")

    @bp.get(f"{prefix}/responds-and-hangs", name="responds_and_hangs")
    async def responds_and_hangs(request: Request) -> HTTPResponse:
        await request.respond()
        await asyncio.Event().wait()
        return text("never")

    @bp.get(f"{prefix}/item", name="item")
    async def item(_: Request) -> HTTPResponse:
        return text("item")


PLACES = {"listed": GRANTED, "public": PUBLIC, "asks": GRANTED, "web": {}}


@both_touchups
def test_errors_of_limits_have_the_headers(touchup: bool) -> None:
    rows: dict[str, Expectation] = {}
    for place, cors in PLACES.items():
        refused = PUBLIC if place == "public" else {} if place == "web" else REFUSED
        rows |= {
            f"{place}, fits": (request("POST", f"/{place}/upload", body="x" * 50), 200, cors),
            f"{place}, too large": (request("POST", f"/{place}/upload", body="x" * 3000), 413, cors),
            f"{place}, too large, refused": (
                request("POST", f"/{place}/upload", EVIL, body="x" * 3000),
                413,
                refused,
            ),
            f"{place}, too large for a stream": (
                request("POST", f"/{place}/upload-stream", body="x" * 3000),
                413,
                cors,
            ),
            f"{place}, bad chunk": (
                f"POST /{place}/upload HTTP/1.1\r\nHost: a\r\nOrigin: {ORIGIN}\r\n"
                "Transfer-Encoding: chunked\r\n\r\nnot a size\r\n".encode(),
                400,
                cors,
            ),
            f"{place}, 408 of the handler": (request("GET", f"/{place}/late"), 408, cors),
            f"{place}, 503 of the handler": (request("GET", f"/{place}/unavailable"), 503, cors),
        }
    expect(site(TOUCHUP=touchup, REQUEST_MAX_SIZE=2000), rows)


@both_touchups
def test_the_response_timeout_has_the_headers(touchup: bool) -> None:
    """All requests wait at the same time, until the server notices."""
    # Long enough for origin functions to have returned, on a busy machine too: without a word, no grant.
    app = site(TOUCHUP=touchup, RESPONSE_TIMEOUT=1)
    requests: dict[str, tuple[HttpRequest, dict[str, str]]] = {}
    for place, cors in PLACES.items():
        for path in ("hangs", "responds-and-hangs"):
            requests[f"{place}, {path}"] = (request("GET", f"/{place}/{path}"), cors)
    requests["refused"] = (request("GET", "/listed/hangs", EVIL), REFUSED)
    # No function returned True, so the page may not read it; and no function is called again.
    requests["origin function hangs"] = (request("GET", "/asks/item", x_origin="hangs"), REFUSED)
    requests["origin function hangs on a preflight"] = (
        request("OPTIONS", "/asks/item", access_control_request_method="GET", x_origin="hangs"),
        REFUSED,
    )

    async def talk(port: int) -> list[bytes]:
        return await asyncio.gather(*(send_bytes(port, one.raw()) for one, _ in requests.values()))

    responses = [parse_response(raw) for raw in run_server(serve(app, talk))]
    seen = {
        name: (response.status, response.cors) for name, response in zip(requests, responses, strict=True)
    }
    assert seen == {name: (503, cors) for name, (_, cors) in requests.items()}


@both_touchups
def test_the_request_timeout_has_no_route_and_no_headers(touchup: bool) -> None:
    """Sanic does not know the route before it has read the head."""
    app = site(TOUCHUP=touchup, REQUEST_TIMEOUT=0.1)

    async def talk(port: int) -> bytes:
        return await send_bytes(port, b"GET /listed/item HTTP/1.1\r\nHost: a\r\n")

    response = parse_response(run_server(serve(app, talk)))
    assert (response.status, response.cors) == (408, {})


@both_touchups
@pytest.mark.parametrize("how", ["is cancelled", "cancels its task"])
def test_a_cancelled_origin_function_refuses(
    how: str, touchup: bool, caplog: pytest.LogCaptureFixture
) -> None:
    rows: dict[str, Expectation] = {
        "GET": (request("GET", "/asks/item", x_origin=how), 200, REFUSED),
        "preflight": (
            request("OPTIONS", "/asks/item", access_control_request_method="GET", x_origin=how),
            204,
            REFUSED,
        ),
        "not found": (request("GET", "/asks/none", x_origin=how), 404, REFUSED),
        "afterwards": (request("GET", "/asks/item"), 200, GRANTED),
        "afterwards, preflight": (preflight("/asks/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
    }
    responses = expect(site(TOUCHUP=touchup), rows)
    assert responses["GET"].body == b"item"
    assert [record.getMessage() for record in caplog.records if "origin function" in record.getMessage()] == [
        f"The origin function {allows.__qualname__}() failed for {ORIGIN!r}: refused"
    ] * 3


@both_touchups
@pytest.mark.parametrize("place", PLACES)
def test_a_client_that_goes_away_leaves_no_traceback(place: str, touchup: bool) -> None:
    """It goes away in a stream, or before the response begins: the server goes on."""
    app = site(TOUCHUP=touchup)
    gone, ended = asyncio.Event(), asyncio.Event()
    where: Any = app.blueprints[place] if place != "web" else None

    async def stream(request: Request) -> None:
        try:
            response = await request.respond(content_type="text/plain")
            await response.send("first")
            await gone.wait()
            while True:
                await response.send("x" * 65536)
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def waits(_: Request) -> HTTPResponse:
        try:
            ended.clear()
            gone.set()
            await asyncio.Event().wait()
            return text("never")
        finally:
            ended.set()

    (where or app).add_route(stream, "/stream" if where else "/web/stream", name="client_stream")
    (where or app).add_route(waits, "/waits" if where else "/web/waits", name="client_waits")

    async def talk(port: int) -> list[ReceivedResponse]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", f"/{place}/stream").raw())
        head = await asyncio.wait_for(reader.readuntil(b"first"), 60)
        writer.transport.abort()
        gone.set()
        await asyncio.wait_for(ended.wait(), 60)

        gone.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", f"/{place}/waits").raw())
        await asyncio.wait_for(gone.wait(), 60)
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), 60)
        return [parse_response(head), await send_async(port, request("GET", f"/{place}/item"))]

    responses = run_server(serve(app, talk))
    assert [(answer.status, answer.cors) for answer in responses] == [(200, PLACES[place])] * 2


@both_touchups
def test_each_request_of_a_connection_has_its_own_headers(touchup: bool) -> None:
    """The requests are sent at once; headers do not depend on the request before."""

    def raw(one: HttpRequest) -> bytes:
        return one.raw().replace(b"Connection: close", b"Connection: keep-alive")

    requests: list[tuple[HttpRequest, int, dict[str, str]]] = [
        (request("GET", "/listed/none"), 404, GRANTED),
        (request("GET", "/web/item"), 200, {}),
        (request("POST", "/listed/item", EVIL), 405, REFUSED),
        (request("GET", "/web/none"), 404, {}),
        (preflight("/asks/none"), 204, GRANTED | preflight_headers("GET,POST,OPTIONS")),
        (request("HEAD", "/public/none"), 404, PUBLIC),
        (request("GET", "/listed/late"), 408, GRANTED),
        (request("GET", "/listed/item", TWO), 200, {**GRANTED, "access-control-allow-origin": TWO}),
    ]

    async def talk(port: int) -> list[ReceivedResponse]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(raw(one) for one, *_ in requests))
        responses = []
        for one, *_ in requests:
            response = parse_response(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60))
            length = next((int(v) for name, v in response.headers if name.lower() == "content-length"), 0)
            await reader.readexactly(0 if one.method == "HEAD" else length)
            responses.append(response)
        writer.close()
        await writer.wait_closed()
        return responses

    responses = run_server(serve(site(TOUCHUP=touchup), talk))
    assert [(response.status, response.cors) for response in responses] == [row[1:] for row in requests]


def test_an_error_handler_may_read_the_rest_of_the_request() -> None:
    bp = Blueprint("api", url_prefix="/api")

    @bp.post("/upload", stream=True)
    async def upload(_: Request) -> HTTPResponse:
        raise ZeroDivisionError

    @bp.exception(ZeroDivisionError)
    async def read(request: Any, _: Exception) -> HTTPResponse:
        await request.receive_body()
        return text(str(len(request.body)), status=418)

    (response,) = send(new_app(cors_group(bp)), request("POST", "/api/upload", body="x" * 100_000))
    assert (response.status, response.body, response.cors) == (418, b"100000", PUBLIC)
