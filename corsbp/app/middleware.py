"""The request and response middleware of a route in a section."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from sanic.request import Request

from ..decision.compiled import ActivePolicy
from ..spec.fetch import HOST, ORIGIN
from .own_origin import is_own_origin
from .send import SendWrapper, send_wrapper_for
from .websockets import check_origin, is_websocket

Middleware: TypeAlias = Callable[..., Any]
Chain: TypeAlias = deque[Middleware]


class RouteMiddleware:
    """A section's part in the chains of the routes that follow these rules."""

    __slots__ = ("active_policy",)

    def __init__(self, active: ActivePolicy) -> None:
        self.active_policy = active

    def depart(self, request: Request, _: object) -> None:
        """The first response middleware, so that no exit goes past it."""
        send_wrapper_for(request, self.active_policy)

    def enter(self, request: Request) -> Awaitable[None] | None:
        """The last request middleware where a function decides, and the first of a WebSocket.

        Refuses a handshake whose Origin is neither the server's own nor allowed. One without Origin passes:
        no browser sent it. https://www.rfc-editor.org/rfc/rfc6455#section-10.2
        """
        wrapper = send_wrapper_for(request, self.active_policy)
        headers, compiled = request.headers, wrapper.compiled
        origins = headers.getall(ORIGIN, ())
        if request.route is not None and is_websocket(request.route):
            own = not origins or is_own_origin(origins, headers.getall(HOST, ()))
            return None if own else check_origin(wrapper, origins)
        is_undecided = compiled.grant(origins) is None and compiled.needs_functions(origins)
        return _call_origin_functions(wrapper) if is_undecided else None


async def _call_origin_functions(wrapper: SendWrapper) -> None:
    await wrapper.decide_origin()
