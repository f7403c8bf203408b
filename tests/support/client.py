"""Requests, and a client that shows responses as they arrive: no header is merged, repaired or hidden."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from .apps import ORIGIN


@dataclass(frozen=True)
class HttpRequest:
    """A request; `headers` may hold the same name more than once."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        """Return a short name for messages, such as `GET /item from https://app.example`."""
        origins = [value for name, value in self.headers if name == "origin"]
        wanted = [value for name, value in self.headers if name == "access-control-request-method"]
        words = [self.method, self.path]
        if wanted:
            words.append(f"for {wanted[0]}")
        words.append(f"from {' and '.join(origins)}" if origins else "without Origin")
        return " ".join(words)

    def raw(self) -> bytes:
        """Return the bytes of the request, which asks the server to close the connection."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        names = {name.lower() for name, _ in self.headers}
        if "host" not in names:
            lines.append("Host: api.example")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def request(
    method: str, path: str, origin: str | None = ORIGIN, body: str = "", **headers: str
) -> HttpRequest:
    """Build the request that a page of `origin` sends; None leaves the header Origin out.

    Underscores in the names of `headers` stand for dashes: `x_token="1"` sends `x-token: 1`.
    """
    pairs = [("origin", origin)] if origin is not None else []
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return HttpRequest(method, path, tuple(pairs), body.encode())


def preflight(
    path: str, method: str = "GET", headers: str | None = None, origin: str = ORIGIN
) -> HttpRequest:
    """Build the preflight that a browser sends before a request with `method` and these `headers`."""
    more: dict[str, Any] = {} if headers is None else {"access_control_request_headers": headers}
    return request("OPTIONS", path, origin, access_control_request_method=method, **more)


@dataclass(frozen=True)
class ReceivedResponse:
    """A response as it arrived, with its header lines in their order."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = field(repr=False)

    def __getitem__(self, name: str) -> str:
        """Return the value of a header that came exactly once."""
        (value,) = [value for key, value in self.headers if key.lower() == name]
        return value

    @property
    def cors(self) -> dict[str, str]:
        """Its `access-control-*` and `vary` headers, each of which must come only once."""
        found = [
            (key.lower(), value)
            for key, value in self.headers
            if key.lower() == "vary" or key.lower().startswith("access-control-")
        ]
        assert len(dict(found)) == len(found), f"a header came twice: {found}"
        return dict(found)


def parse_response(raw: bytes) -> ReceivedResponse:
    """Return the response that these bytes are."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines)]
    return ReceivedResponse(int(status.split()[1]), headers, body)


async def send_async(port: int, message: HttpRequest | bytes) -> ReceivedResponse:
    """Send a request to a server that runs on `port`, and return its response."""
    raw = message if isinstance(message, bytes) else message.raw()
    return parse_response(await send_bytes(port, raw))


async def send_bytes(port: int, raw: bytes) -> bytes:
    """Send bytes to a server that runs on `port`, and return the bytes that it sends until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()
        await writer.wait_closed()
