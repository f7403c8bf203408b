"""The request and response middleware of a route in a section, in `route.extra` among the user's."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, TypeAlias

from sanic.request import Request

from ..decision.active_policy import ActivePolicy
from ..decision.compiled import CompiledPolicy
from ..spec.fetch import ORIGIN
from .other_cors import without_other_cors
from .routes import Middleware
from .send import SendWrapper, current_send_wrapper, send_wrapper_for
from .websockets import check_handshake

Chain: TypeAlias = deque[Middleware]


class RouteMiddleware:
    """The middleware of the routes that have one policy."""

    __slots__ = ("active_policy",)

    def __init__(self, active: ActivePolicy) -> None:
        self.active_policy = active

    def check(self, request: Request) -> Awaitable[None] | None:
        """Check a WebSocket handshake: the first request middleware of its route."""
        return check_handshake(request, self.active_policy)

    def decide_origin(self, request: Request) -> Awaitable[None] | None:
        """Call the origin functions, if they decide: the last request middleware, after the user's."""
        wrapper = send_wrapper_for(request, self.active_policy)
        origins, compiled = request.headers.getall(ORIGIN, ()), wrapper.compiled
        if compiled.grant(origins) is None and compiled.needs_functions(origins):
            return _decide(wrapper)
        return None

    def attach(self, request: Request, _: object) -> None:
        """Have the response sent with CORS headers: the first response middleware."""
        send_wrapper_for(request, self.active_policy)


async def _decide(wrapper: SendWrapper) -> None:
    """Call the origin functions. What middleware returns is a response for Sanic: this returns none."""
    await wrapper.decide_origin()


class RouteExtra(SimpleNamespace):
    """Sanic's `route.extra`, for a route with CORS.

    Sanic sets the middleware of a route whenever it compiles its router: at startup, when the app is amended,
    and when another extension adds routes. Here it is completed as it is set.
    """

    corsbp: RouteMiddleware | None
    corsbp_requests: Chain
    """The user's request middleware."""
    corsbp_completed: tuple[CompiledPolicy, Chain] | None
    """The same with the section's, and for which policy."""
    response_middleware: Chain

    def __init__(self, extra: SimpleNamespace, middleware: RouteMiddleware | None) -> None:
        super().__init__(corsbp=middleware, corsbp_requests=deque(), corsbp_completed=None)
        for name, value in {"response_middleware": (), **vars(extra)}.items():
            setattr(self, name, value)

    def replace_policy(self, middleware: RouteMiddleware | None) -> None:
        """Replace the section's middleware; None for a route without CORS."""
        self.corsbp = middleware
        self.request_middleware = self.corsbp_requests
        self.response_middleware = self.response_middleware  # completed again

    @property
    def request_middleware(self) -> Chain:
        """The request middleware: the section's check comes first, its origin functions come last."""
        middleware = self.corsbp
        if middleware is None:
            return self.corsbp_requests
        compiled = middleware.active_policy.compiled
        # Another policy may have functions where this one has none.
        if self.corsbp_completed is None or self.corsbp_completed[0] is not compiled:
            first = [middleware.check] if self.websocket else []
            last = [middleware.decide_origin] if compiled.functions and not self.websocket else []
            self.corsbp_completed = compiled, deque([*first, *self.corsbp_requests, *last])
        return self.corsbp_completed[1]

    @request_middleware.setter
    def request_middleware(self, chain: Chain) -> None:
        self.corsbp_requests = chain
        self.corsbp_completed = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; response middleware gets the section's as the first, and no other CORS."""
        if name == "response_middleware":
            user = [
                each for each in value if not isinstance(getattr(each, "__self__", None), RouteMiddleware)
            ]
            value = deque([self.corsbp.attach, *without_other_cors(user)] if self.corsbp else user)
        super().__setattr__(name, value)


def active_policy_of_request(request: Request) -> ActivePolicy | None:
    """Return the policy of a request: that of its response, until the head is sent, or of its route."""
    wrapper = current_send_wrapper(request)
    if wrapper is not None:
        return wrapper.active_policy
    return active_policy_of(request.route) if request.route else None


def active_policy_of(route: Any) -> ActivePolicy | None:
    """Return the policy of a route; None if it has no CORS."""
    middleware: RouteMiddleware | None = getattr(route.extra, "corsbp", None)
    return middleware.active_policy if middleware else None
