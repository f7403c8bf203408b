"""Forged requests on each server: the table of cases, a refused upload, error handlers, and the log."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

import pytest
from packaging.version import Version
from sanic import HTTPResponse, Request, Sanic, text
from sanic.exceptions import Forbidden

from corsbp.app.forged_requests import MESSAGE
from corsbp.log import cors_logger

from ..app.test_forged_requests import LISTED, app_of, app_of_table, as_request, post, section_of
from ..cases import EVIL, ONE
from ..forgery_cases import CASES, Case
from ..support import (
    SANIC_CALL,
    HttpRequest,
    ReceivedResponse,
    parse_response,
    require_package,
    reserve_port,
    run_server,
    send_async,
    serve,
)

pytestmark = pytest.mark.filterwarnings("ignore:You have set the USE_UVLOOP")

Serving = Callable[[Any], AbstractAsyncContextManager[int]]
"""Serves an app, in this process, and yields the port."""


@pytest.fixture(autouse=True)
def sanic_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers call Sanic, and not what a test client has put in its place."""
    monkeypatch.setattr(Sanic, "__call__", SANIC_CALL)


@asynccontextmanager
async def by_sanic(app: Sanic) -> AsyncIterator[int]:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stopped = asyncio.Event()

    async def talk(port: int) -> None:
        started.set_result(port)
        await stopped.wait()

    task = asyncio.ensure_future(serve(app, talk))
    try:
        yield await started
    finally:
        stopped.set()
        await task


def by_uvicorn(protocol: str) -> Serving:
    @asynccontextmanager
    async def run(app: Any) -> AsyncIterator[int]:
        import uvicorn

        with socket.create_server(("127.0.0.1", 0)) as sock:
            config = uvicorn.Config(app, log_config=None, log_level="critical", lifespan="on", http=protocol)
            server = uvicorn.Server(config)
            task = asyncio.ensure_future(server.serve([sock]))
            try:
                yield await until_it_listens(sock.getsockname()[1], task)
            finally:
                server.should_exit = True
                await task

    return run


@asynccontextmanager
async def by_hypercorn(app: Any) -> AsyncIterator[int]:
    from hypercorn.asyncio import serve as serve_app
    from hypercorn.config import Config

    config, stopped = Config(), asyncio.Event()
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    config.bind, config.errorlog = [f"fd://{sock.detach()}"], None  # which Hypercorn closes
    task = asyncio.ensure_future(serve_app(app, config, shutdown_trigger=stopped.wait))
    try:
        yield await until_it_listens(port, task)
    finally:
        stopped.set()
        await task


@asynccontextmanager
async def by_granian(app: Any) -> AsyncIterator[int]:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    with reserve_port() as port:
        server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)
        task = asyncio.ensure_future(server.serve())
        try:
            yield await until_it_listens(port, task)
        finally:
            server.stop()  # type: ignore[no-untyped-call]  # Granian's has no types
            await task


async def until_it_listens(port: int, server: asyncio.Future[Any]) -> int:
    """Return the port when the server responds on it, or raise the error of the server."""
    while not server.done():
        with suppress(OSError):
            await send_async(port, HttpRequest("GET", "/none"))
            return port
        await asyncio.sleep(0.01)
    await server
    raise AssertionError("the server has stopped")


SERVERS: dict[str, tuple[str, Serving]] = {
    "sanic": ("sanic", by_sanic),
    "uvicorn, h11": ("uvicorn", by_uvicorn("h11")),
    "uvicorn, httptools": ("uvicorn", by_uvicorn("httptools")),
    "hypercorn": ("hypercorn", by_hypercorn),
    "granian": ("granian", by_granian),
}


def run(name: str, app: Any, talk: Callable[[int], Awaitable[Any]]) -> Any:
    """Serve an app by one of the servers while `talk(port)` runs, and return what that returns."""
    package, serving = SERVERS[name]
    require_package(package)
    if name == "granian" and Version(version("granian")) < Version("2.8"):
        pytest.skip("Granian 2.0 does not serve the table, and leaves an upload unread and open")

    async def main() -> Any:
        async with serving(app) as port:
            return await talk(port)

    return run_server(main())


def refusals(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return the lines about refused pages."""
    return [each for each in caplog.records if each.name == "corsbp" and each.levelno == logging.DEBUG]


def wrong(case: Case, response: ReceivedResponse, ids: list[str]) -> str | None:
    """Return what is wrong with the response to a case, and with the logged ids; None if nothing is."""
    if response.status == 400:  # the server has not called the app
        return None if case.id is not None and not ids else f"{case.name}: not served"
    if case.id is None:
        return None if (response.status, ids) == (200, []) else f"{case.name}: {response.status} {ids}"
    is_refused = (response.status, response["cache-control"]) == (403, "no-store")
    has_body = case.method == "HEAD" or MESSAGE.encode() in response.body
    if is_refused and has_body and ids == [case.id]:
        return None
    return f"{case.name}: {response.status} {response.headers} {response.body!r} {ids}"


@pytest.mark.parametrize("server", SERVERS)
def test_the_table_of_cases(
    server: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal has its id in one line of the log, no cache keeps it, and its handler does not run."""
    monkeypatch.setattr(cors_logger, "lines", 10_000)
    caplog.set_level(logging.DEBUG, "corsbp")
    app = app_of_table()

    async def talk(port: int) -> list[str | None]:
        found = []
        for case in CASES:
            caplog.clear()
            response = await send_async(port, as_request(case))
            ids = [vars(each)["corsbp"]["id"] for each in refusals(caplog)]
            if case.id is None:  # a page that may send, and not read, has another line
                ids = [id_ for id_ in ids if id_.startswith("request-")]
            found.append(wrong(case, response, ids))
        return found

    assert [each for each in run(server, app, talk) if each] == []
    assert app.ctx.handled == sum(case.id is None for case in CASES)


@pytest.mark.parametrize("server", SERVERS)
def test_a_refused_upload_of_20_megabytes(server: str) -> None:
    """The response comes before the body is sent; no part of the body reaches the app.

    After that, the server reads on or closes the connection, and takes no part of the body for a request.
    """
    app = app_of(section_of(**LISTED))

    async def forbid(request: Request, error: Exception) -> HTTPResponse:
        return text("no", 403, headers={"cache-control": "public, max-age=600"})

    app.error_handler.add(Forbidden, forbid)
    received: list[int] = []

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        async def count() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                received.append(len(message["body"]))
            return message

        await app(scope, count if scope["type"] == "http" else receive, send)

    inner = b"POST /api/item HTTP/1.1\r\nHost: api.example\r\nContent-Length: 0\r\n\r\n"
    body = inner * (20_000_000 // len(inner))
    head = HttpRequest("POST", "/api/item", (("origin", EVIL), ("content-length", f"{len(body)}"))).raw()

    async def talk(port: int) -> tuple[ReceivedResponse, bytes, ReceivedResponse]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.replace(b"\r\nConnection: close", b""))
        first = parse_response(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60))
        rest = b""
        with suppress(ConnectionError):  # of a server that has closed it
            for start in range(0, len(body), 1_000_000):
                writer.write(body[start : start + 1_000_000])
                await writer.drain()
            writer.write(post(ONE).raw())
            rest = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return first, rest, await send_async(port, post(ONE))

    first, rest, last = run(server, app if server == "sanic" else counting, talk)
    assert (first.status, first["cache-control"]) == (403, "no-store")
    handled = 1 if rest else 0
    assert rest.count(b"HTTP/1.1") == rest.count(b"POST 3") == handled
    assert last.status == 200 and b"POST 3" in last.body
    assert app.ctx.handled == handled + 1
    assert sum(received) == (0 if server == "sanic" else 3 * app.ctx.handled)
