"""A route's response middleware, completed: whichever way an answer leaves, our headers are on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Any, TypeAlias

from sanic.http import Stage
from sanic.request import Request
from sanic.response import BaseHTTPResponse

from .fetch import VARY
from .headers import Response, cors_headers, headers_of, undo_vary

Middleware: TypeAlias = Callable[..., Any]
Chain: TypeAlias = deque[Middleware]
Writer: TypeAlias = Callable[[Request, Response], Awaitable[None] | None]
"""Makes a response's CORS headers those of the section; a second time changes nothing."""


def complete(chain: Iterable[Middleware], write: Writer) -> Chain:
    """A route's response middleware with the section's headers at the end of every way out of it.

    Sanic leaves the chain at the first middleware that returns a response or raises, so running last
    is not enough.
    """
    others = [_guarded(each, write) for each in chain if not is_other_cors(each)]
    if not others:
        return deque([write])

    def first(request: Request, response: Response) -> None:
        hold(request, response, write)  # one of the others may send it

    return deque([first, *others, write])


def hold(request: Request, response: Response, write: Writer) -> None:
    """Let the headers be written once more as the response leaves: someone may set others until then."""
    if request.stream is not None and isinstance(response, BaseHTTPResponse):
        response.stream = LastWord(request, write)  # type: ignore[assignment]


def is_other_cors(middleware: Middleware) -> str | None:
    """The other CORS package that an app-wide middleware belongs to: it has no say in a section."""
    while (inner := getattr(middleware, "func", None)) is not None:
        middleware = inner
    module = f"{getattr(middleware, '__module__', None)}."
    packages = {"sanic_ext.extensions.http.cors.": "sanic_ext", "sanic_cors.": "sanic_cors"}
    return next((package for prefix, package in packages.items() if module.startswith(prefix)), None)


def _guarded(middleware: Middleware, write: Writer) -> Middleware:
    """The middleware, with the section's headers written to the response that it ends the chain with."""

    async def guarded(request: Request, response: Response) -> Any:
        headers = headers_of(response)
        cors, vary = cors_headers(headers), headers.getall(VARY, [])
        try:
            result = middleware(request, response)
            if isawaitable(result):
                result = await result
        except Exception:
            # Sanic logs it and sends this response as it is now.
            undo_vary(headers_of(response), cors, vary)
            await _done(write(request, response))
            raise
        if isinstance(result, Response):
            undo_vary(headers_of(result), cors, vary)
            await _done(write(request, result))
        else:
            undo_vary(headers_of(response), cors, vary)
        return result

    return guarded


async def _done(written: Awaitable[None] | None) -> None:
    if written is not None:
        await written


class LastWord:
    """Stands in for the stream of a request or a response: writes the headers as the answer leaves.

    For errors: Sanic runs no response middleware of a route for one that has no route, and none a second
    time where a handler called `request.respond()` before it failed. And where someone may still change
    the headers after the chain, or send them before its end (`hold`).
    """

    __slots__ = ("_before", "_request", "_stream", "_write")

    def __init__(self, request: Request, write: Writer) -> None:
        mine = {"_request": request, "_stream": request.stream, "_write": write, "_before": None}
        for name, value in mine.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._stream, name, value)

    def __bool__(self) -> bool:
        return bool(self._stream)

    def __aiter__(self) -> Any:
        return self._stream.__aiter__()

    def respond(self, response: BaseHTTPResponse) -> BaseHTTPResponse:
        """As Sanic's, but what the response sends passes through here."""
        response = self._stream.respond(response)
        response.stream = self  # type: ignore[assignment]
        if self._before is None:
            headers = headers_of(response)
            object.__setattr__(self, "_before", (cors_headers(headers), headers.getall(VARY, [])))
        return response

    @property
    def send(self) -> Callable[..., Awaitable[None]] | None:
        """As Sanic's: None once the answer has ended."""
        return self._send if self._stream.send is not None else None

    async def _send(self, data: bytes, end_stream: bool) -> None:
        if self._stream.stage is Stage.HANDLER:
            response = self._stream.response
            if self._before is not None:
                undo_vary(headers_of(response), *self._before)
            await _done(self._write(self._request, response))
            scope = getattr(self._request.transport, "scope", None)
            if scope is not None and scope["type"] == "websocket":
                await self._refuse(scope)
                return
        await self._stream.send(data, end_stream=end_stream)

    async def _refuse(self, scope: Any) -> None:
        """ASGI: a handshake is not answered by `http.response.start`.

        https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
        """
        send, response = self._request.transport.send, self._stream.response
        self._stream.stage = Stage.IDLE
        if "websocket.http.response" in (scope.get("extensions") or {}):
            head = {"type": "websocket.http.response.start", "status": response.status}
            await send({**head, "headers": list(response.processed_headers)})
            await send({"type": "websocket.http.response.body", "body": response.body or b""})
        else:
            await send({"type": "websocket.close", "code": 1008})
