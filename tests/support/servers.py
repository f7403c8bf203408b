"""Servers for tests: Sanic's own and ASGI in this process, and the command `sanic` in another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import IO, Any

import httpx
from sanic import Sanic

from corsbp.testing.transports import forget_starts

from .apps import restore_sanic
from .client import HttpRequest, ReceivedResponse, send_async
from .requirements import ROOT


@contextlib.contextmanager
def reserve_port(number: int = 0) -> Iterator[int]:
    """Reserve a port for a program that cannot choose one itself and report it.

    The socket stays bound and never listens, so no other program gets the port. On Linux, a server can
    listen on it, because both set SO_REUSEADDR. Other systems do not allow that: there, it is only free.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", number))  # fails if the port is in use or reserved
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = sock.getsockname()[1]
        if sys.platform != "linux":
            sock.close()
        yield port


def send(target: Sanic | int, *requests: HttpRequest | bytes, debug: bool = False) -> list[ReceivedResponse]:
    """Send requests one after the other, and return their responses.

    `target`: an app, which Sanic's own server serves meanwhile; or the port of a server that runs already.
    """

    async def talk(port: int) -> list[ReceivedResponse]:
        return [await send_async(port, each) for each in requests]

    if isinstance(target, int):
        return asyncio.run(talk(target))
    return list(run_server(serve(target, talk, debug)))


def send_through_asgi(app: Sanic, *requests: HttpRequest) -> list[ReceivedResponse]:
    """Send the same requests through Sanic's ASGI client, which starts the app anew for each."""

    async def talk() -> list[ReceivedResponse]:
        responses = []
        client = app.asgi_client  # only one, since each adds a middleware to the app
        for each in requests:
            forget_starts(app)
            _, response = await client.request(
                each.method, each.path, headers=list(each.headers), content=each.body or None
            )
            headers = [(key.decode(), value.decode()) for key, value in response.headers.raw]
            responses.append(ReceivedResponse(response.status, headers, response.content))
        return responses

    return asyncio.run(talk())


def send_to_asgi_app(app: Sanic, *requests: HttpRequest) -> list[ReceivedResponse]:
    """Send requests as an ASGI server does: the app starts once for all of them."""

    async def talk() -> list[ReceivedResponse]:
        responses = []
        asgi: Any = app
        asgi.asgi = True
        # what Sanic does at `lifespan.startup`, but for its log
        await asgi._startup()
        await asgi._server_event("init", "before")
        await asgi._server_event("init", "after")
        transport = httpx.ASGITransport(app=asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for each in requests:
                response = await client.request(
                    each.method, each.path, headers=list(each.headers), content=each.body or None
                )
                headers = [(key.decode(), value.decode()) for key, value in response.headers.raw]
                responses.append(ReceivedResponse(response.status_code, headers, response.content))
        await asgi._server_event("shutdown", "before")
        await asgi._server_event("shutdown", "after")
        return responses

    return asyncio.run(talk())


async def serve(app: Sanic, talk: Callable[[int], Awaitable[Any]], debug: bool = False) -> Any:
    """Serve an app with Sanic's own server while `talk(port)` runs, and return what that returns."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server: Any = await app.create_server(
            sock=sock, return_asyncio_server=True, access_log=False, debug=debug
        )
        assert server is not None
        await server.startup()
        await server.before_start()
        await server.start_serving()
        await server.after_start()
        try:
            return await talk(sock.getsockname()[1])
        finally:
            await server.before_stop()
            server.close()
            await server.wait_closed()
            for connection in list(server.connections):
                connection.close()
            await server.after_stop()


def run_server(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that serves apps; Sanic is whole before it and after it (see restore_sanic)."""
    restore_sanic()
    try:
        return asyncio.run(main)
    finally:
        restore_sanic()


@contextlib.contextmanager
def sanic_process(target: str, *options: str) -> Iterator[int]:
    """Serve `module:app` with the command `sanic` in a process of its own, and return the port."""
    with tempfile.TemporaryFile() as log, reserve_port() as port:
        command = [sys.executable, "-m", "sanic", target, "--port", str(port), "--no-motd", *options]
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "SANIC_AUTO_EXTEND": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_until_started(port, server, log)
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(60)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)


def _wait_until_started(port: int, server: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if server.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            raise RuntimeError(f"the server did not start:\n{log.read().decode(errors='replace')}")
        time.sleep(0.05)
