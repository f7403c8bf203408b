"""An app in memory, called as by an ASGI server: its answer when the headers are there, its body as it comes.

httpx has a transport for ASGI that waits for the end of the body, and so forever for a stream of events.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import httpx

from .result import Pairs, Sent
from .urls import Url

PATIENCE = 30.0
"""Seconds that an app may be busy after the end of its answer."""

_SWITCHING, _FORBIDDEN = 101, 403


async def called(app: Any, sent: Sent, url: Url) -> httpx.Response:
    """The app's answer to a request for `url`; its body is still to be read, and it is to be closed.

    Raises what the app raises, and httpx.RemoteProtocolError if it ends without an answer.
    """
    call = _Call(app, _scope(sent, url), sent.body)
    try:
        status, headers = await call.head()
    except BaseException:
        await call.aclose()
        raise
    return httpx.Response(status, headers=headers, stream=call)


def _scope(sent: Sent, url: Url) -> dict[str, Any]:
    """https://asgi.readthedocs.io/en/latest/specs/www.html"""
    path, _, query = url.target.encode("ascii").partition(b"?")
    headers: Pairs = (("host", url.place), *sent.headers)
    if sent.body or sent.method in ("POST", "PUT"):
        headers = (*headers, ("content-length", str(len(sent.body))))
    scope = {
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": url.scheme,
        "path": unquote(path.decode()),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 123),
    }
    if url.is_socket:
        refusals: dict[str, Any] = {"websocket.http.response": {}}
        return {**scope, "type": "websocket", "subprotocols": [], "extensions": refusals}
    return {**scope, "type": "http", "method": sent.method}


class _Call(httpx.AsyncByteStream):
    """One request to the app: what it is told and, as a stream, the body of what it says."""

    def __init__(self, app: Any, scope: dict[str, Any], body: bytes) -> None:
        first = {"type": "http.request", "body": body, "more_body": False}
        self._first = first if scope["type"] == "http" else {"type": "websocket.connect"}
        self._told = self._complete = False
        self._said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._run(app, scope))

    async def _run(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self._said.put_nowait(None)

    async def _receive(self) -> dict[str, Any]:
        if self._told:
            await asyncio.Event().wait()  # nothing more comes, until the call is cancelled
        self._told = True
        return self._first

    async def _send(self, message: dict[str, Any]) -> None:
        self._said.put_nowait(message)
        await asyncio.sleep(0)  # whoever reads has had enough at some time, of an app that never waits
        if message["type"] == "websocket.accept":
            await asyncio.Event().wait()  # the handshake is all that is asked: the handler never runs

    async def _next(self) -> dict[str, Any]:
        message = await self._said.get()
        if message is None:
            await asyncio.wait(
                (self._task,)
            )  # raises where the caller is cancelled, and not where the app is
            if self._task.cancelled():
                raise httpx.RemoteProtocolError("the app raised CancelledError")
            self._task.result()
            raise httpx.RemoteProtocolError("the answer broke off")
        return message

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """The answer's status and headers."""
        message = await self._next()
        self._complete = message["type"] in ("websocket.accept", "websocket.close")
        status = _SWITCHING if message["type"] == "websocket.accept" else _FORBIDDEN
        return message.get("status", status), list(message.get("headers", ()))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._complete:
            message = await self._next()
            self._complete = not message.get("more_body", False)
            yield message.get("body", b"")

    async def aclose(self) -> None:
        """End the call; what the app does after the end of its answer is waited for."""
        if self._complete and self._first["type"] == "http.request":
            await asyncio.wait((self._task,), timeout=PATIENCE)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
