"""Requests that go through an app and its server while hooks are checked, without any code of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MethodType, SimpleNamespace
from typing import Any, NamedTuple

from sanic.asgi import ASGIApp
from sanic.handlers import ErrorHandler
from sanic.http import Http
from sanic.request import Request
from sanic.server import HttpProtocol

from ..routes import AnySanic


class Head(NamedTuple):
    """The status and the headers of a response."""

    status: int
    headers: list[tuple[str, str]]

    def value(self, name: str) -> str | None:
        """Return the value of a header; None if it is missing, or there several times."""
        values = [value for key, value in self.headers if key.lower() == name]
        return values[0] if len(values) == 1 else None


class _QuietErrorHandler(ErrorHandler):
    """Sanic's own error handler, without a log."""

    @staticmethod
    def log(request: Request, exception: Exception) -> None:
        """Log nothing."""


class QuietApp:
    """An app with its own methods and router, but without its signals and its error handlers."""

    def __init__(self, app: AnySanic) -> None:
        self._app = app
        self.error_handler: Any = _QuietErrorHandler()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._app, name)
        if getattr(value, "__self__", None) is self._app:
            return MethodType(value.__func__, self)  # so that it calls the methods here
        return value

    async def dispatch(self, *_: object, **__: object) -> None:
        """Dispatch no signal."""


async def send_by_http1(app: Any, method: str, path: str, headers: Mapping[str, str]) -> Head:
    """Send a request through Sanic's HTTP/1 server."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "connection" not in headers:
        lines.append("connection: close")
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(bytes(data))

    async def receive_more() -> None:
        raise EOFError("the request is complete")  # pragma: no cover  # unless Sanic reads more than a head

    protocol = SimpleNamespace(
        access_log=False,
        app=app,
        conn_info=None,
        receive_more=receive_more,
        recv_buffer=bytearray("\r\n".join([*lines, "", ""]).encode()),
        request_class=Request,
        request_handler=app.handle_request,
        request_max_size=0,
        send=send,
        state={"requests_count": 0},
        transport=None,
    )
    http: Http = _http_class(app)(protocol)
    http.keep_alive = True
    await http.http1()  # type: ignore[no-untyped-call]  # Sanic's has no types
    first, *rest = b"".join(sent).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest)
    return Head(int(first.split()[1]), [(name, value.strip()) for name, _, value in pairs])


def _http_class(app: AnySanic) -> Any:
    """Return the class of Sanic's HTTP/1 streams, which a protocol of the user's may have changed."""
    for info in app.state.server_info:
        protocol = info.settings.get("protocol")
        if isinstance(protocol, type) and issubclass(protocol, HttpProtocol):
            found = protocol.HTTP_CLASS
            return found if issubclass(found, Http) else Http
    return Http


async def send_by_asgi(app: Any, method: str, path: str, headers: Mapping[str, str]) -> Head:
    """Send a request through Sanic's ASGI app."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Any = {
        "type": "websocket" if "upgrade" in headers else "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}},
    }
    asgi = await ASGIApp.create(app, scope, receive, send)
    await asgi()
    first = sent[0] if sent else {}
    pairs = [(name.decode(), value.decode()) for name, value in first.get("headers", ())]
    return Head(first.get("status", 0), pairs)
