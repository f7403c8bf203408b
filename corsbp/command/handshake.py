"""A WebSocket handshake with an app in memory, as a browser sends it: nothing is said on the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from sanic import Sanic

from corsbp.fetch import HOST, ORIGIN

OPENED, REFUSED = 101, 403
"""The statuses of a handshake that the server took, and of one that it did not."""


async def handshake(
    app: Sanic[Any, Any], url: str, origin: str, headers: Iterable[tuple[str, str]] = ()
) -> int | None:
    """The status of a page's handshake with an app that was started in memory; None where it gave none.

    The handler never runs: what is asked ends where the app takes the handshake.
    """
    parts = urlsplit(url)
    pairs = [(HOST, parts.netloc), (ORIGIN, origin), *headers]
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "wss" if parts.scheme in ("https", "wss") else "ws",
        "path": unquote(parts.path) or "/",
        "raw_path": (parts.path or "/").encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": ("127.0.0.1", 1),
        "server": (parts.hostname, parts.port or 443),
        "subprotocols": [],
    }
    status: int | None = None

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "websocket.accept":
            status = OPENED
            raise asyncio.CancelledError  # as if the browser had left before the handler
        refused = message["type"] == "websocket.close"  # which a server answers with 403, as ASGI has it
        status = message.get("status", REFUSED if refused else status)

    asked = asyncio.ensure_future(app(cast(Any, scope), receive, cast(Any, send)))
    try:
        await asyncio.wait([asked])
    finally:
        asked.cancel()
    if not asked.cancelled() and asked.exception() is not None:
        return None
    return status
