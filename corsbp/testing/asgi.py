"""An ASGI app in memory: its response as soon as the headers are there, its body as it is sent.

httpx has a transport for ASGI too, but it waits for the end of the body: for a stream of events, for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import httpx

from .result import Pairs, Sent
from .urls import Url

END_TIMEOUT = 30.0
"""Seconds for which an app may keep working after the end of its response."""

_SWITCHING_PROTOCOLS, _FORBIDDEN = 101, 403


async def call_app(app: Any, sent: Sent, url: Url) -> httpx.Response:
    """Call the app, and return its response with an unread body. The caller has to close it.

    Raises what the app raises, and httpx.RemoteProtocolError if the app ends without a response.
    """
    call = _AppCall(app, _build_scope(sent, url), sent.body)
    try:
        status, headers = await call.read_head()
    except BaseException:
        await call.aclose()
        raise
    return httpx.Response(status, headers=headers, stream=call)


def _build_scope(sent: Sent, url: Url) -> dict[str, Any]:
    """Build the scope of a request. https://asgi.readthedocs.io/en/latest/specs/www.html"""
    path, _, query = url.target.encode("ascii").partition(b"?")
    headers: Pairs = (("host", url.host_and_port), *sent.headers)
    # browsers send a length with an empty body too, if the method usually has one
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
        # with this extension, an app can refuse a handshake with any status
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        return {**scope, "type": "websocket", "subprotocols": [], "extensions": extensions}
    return {**scope, "type": "http", "method": sent.method}


class _AppCall(httpx.AsyncByteStream):
    """One request to the app; iterating over it reads the body of the response."""

    def __init__(self, app: Any, scope: dict[str, Any], body: bytes) -> None:
        self._request: dict[str, Any] = {"type": "websocket.connect"}
        if scope["type"] == "http":
            self._request = {"type": "http.request", "body": body, "more_body": False}
        self._is_received = self._is_complete = False
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._run(app, scope))

    async def _run(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self._messages.put_nowait(None)

    async def _receive(self) -> dict[str, Any]:
        if self._is_received:
            await asyncio.Event().wait()  # there is no second message; the call is cancelled at its end
        self._is_received = True
        return self._request

    async def _send(self, message: dict[str, Any]) -> None:
        self._messages.put_nowait(message)
        # an app that never waits must let the reader run, which may cancel it
        await asyncio.sleep(0)
        if message["type"] == "websocket.accept":
            # only the handshake is simulated: the handler must not run
            await asyncio.Event().wait()

    async def _next_message(self) -> dict[str, Any]:
        message = await self._messages.get()
        if message is None:
            # unlike `await self._task`, this raises if the caller is cancelled, and not if the app is
            await asyncio.wait((self._task,))
            if self._task.cancelled():
                raise httpx.RemoteProtocolError("the app raised CancelledError")
            self._task.result()
            raise httpx.RemoteProtocolError("the response broke off")
        return message

    async def read_head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return the status and the headers of the response."""
        message = await self._next_message()
        accepts = message["type"] == "websocket.accept"
        self._is_complete = accepts or message["type"] == "websocket.close"
        default_status = _SWITCHING_PROTOCOLS if accepts else _FORBIDDEN
        return message.get("status", default_status), list(message.get("headers", ()))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._is_complete:
            message = await self._next_message()
            self._is_complete = not message.get("more_body", False)
            yield message.get("body", b"")

    async def aclose(self) -> None:
        """End the call. After a complete response, wait until the app has finished its work."""
        if self._is_complete and self._request["type"] == "http.request":
            await asyncio.wait((self._task,), timeout=END_TIMEOUT)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
