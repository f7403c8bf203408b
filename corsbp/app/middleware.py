"""The request and response middleware of a route in a section, in `route.extra` among the user's."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Iterable
from types import SimpleNamespace
from typing import Any, TypeAlias

from sanic.exceptions import ServerError
from sanic.request import Request

from ..decision.active_policy import ActivePolicy
from ..decision.compiled import CompiledPolicy
from ..decision.request_check import is_checked
from ..spec.fetch import ORIGIN
from .forged_requests import receive_if_not_forged
from .other_cors import without_other_cors
from .routes import AnyMiddleware
from .send import SendWrapper, current_send_wrapper, send_wrapper_for
from .websockets import check_handshake

Chain: TypeAlias = deque[AnyMiddleware]


class RouteMiddleware:
    """The middleware of the routes that have one policy."""

    __slots__ = ("active_policy", "attach_middleware")

    def __init__(self, active: ActivePolicy) -> None:
        self.active_policy: ActivePolicy = active
        self.attach_middleware: Any = self.attach
        """One object for all routes: a method is another one at each look at it."""

    def check_handshake(self, request: Request) -> Awaitable[None] | None:
        """Check a WebSocket handshake: the first request middleware."""
        return check_handshake(request, self.active_policy)

    def check_request(self, request: Request) -> Awaitable[Any] | None:
        """Check whether a request is forged: the first request middleware."""
        return receive_if_not_forged(request, self.active_policy)

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


def _fail(_: Request) -> None:
    """Fail, as without a section: the request middleware of a route until Sanic has set it.

    Raises:
        ServerError: always.
    """
    raise ServerError(
        "Sanic has not set the middleware of this route, as app.router.finalize() alone does not: add routes "
        "in a block `with app.amend():`"
    )


class RouteExtra(SimpleNamespace):
    """Sanic's `route.extra`, for a route with CORS.

    Sanic sets the middleware of a route whenever it compiles its router: at startup, when the app is amended,
    and when another extension adds routes. Here it is completed as it is set.
    """

    # Not in its dictionary, which `vars()` returns, and which would take twice the memory.
    __slots__ = (
        "corsbp",
        "corsbp_chain",
        "corsbp_checks_requests",
        "corsbp_compiled",
        "corsbp_ignore_body",
        "corsbp_methods",
        "corsbp_requests",
    )

    corsbp: RouteMiddleware | None
    corsbp_ignore_body: bool
    """Whether Sanic does not receive the body of requests, as the user has declared it."""
    corsbp_methods: frozenset[str]
    corsbp_requests: Chain
    """The user's request middleware."""
    corsbp_compiled: CompiledPolicy | None
    """The policy under which the request middleware is completed; None before that."""
    corsbp_chain: Chain
    """The user's request middleware with that of the section."""
    corsbp_checks_requests: bool
    response_middleware: Chain

    def __init__(
        self, extra: SimpleNamespace, middleware: RouteMiddleware | None, methods: Iterable[str]
    ) -> None:
        values = {
            "request_middleware": deque((_fail,)),
            "response_middleware": (),
            "ignore_body": False,
            **vars(extra),
        }
        self.corsbp_requests = self.corsbp_chain = values.pop("request_middleware")
        self.corsbp_ignore_body = values.pop("ignore_body")
        responses = values.pop("response_middleware")
        # There are as many as routes: only what is completed is set in the slow way.
        super().__init__(**values)
        self.corsbp = middleware
        self.corsbp_methods = frozenset(methods)
        self.corsbp_checks_requests, self.corsbp_compiled = False, None
        self.response_middleware = responses

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
        # Sanic reads this for each request.
        if self.corsbp_compiled is not middleware.active_policy.compiled:
            self._complete(middleware)
        return self.corsbp_chain

    @request_middleware.setter
    def request_middleware(self, chain: Chain) -> None:
        self.corsbp_requests = chain
        self.corsbp_compiled = None

    @property
    def ignore_body(self) -> bool:
        """Whether Sanic does not receive the body: a check of requests receives it, after its verdict."""
        return self.corsbp_ignore_body or self.checks_requests

    @ignore_body.setter
    def ignore_body(self, ignored: bool) -> None:
        self.corsbp_ignore_body = ignored

    @property
    def checks_requests(self) -> bool:
        """Whether the policy in force checks requests to this route as forged."""
        middleware = self.corsbp
        if middleware is not None and self.corsbp_compiled is not middleware.active_policy.compiled:
            self._complete(middleware)
        return middleware is not None and self.corsbp_checks_requests

    def _complete(self, middleware: RouteMiddleware) -> None:
        """Complete the request middleware under the policy in force: another one may have other checks."""
        compiled = middleware.active_policy.compiled
        policy = compiled.policy
        checks_requests = bool(
            policy.check_requests
            and not self.websocket
            and any(is_checked(policy, method) for method in self.corsbp_methods)
        )
        first: list[AnyMiddleware] = []
        if self.websocket:
            first = [middleware.check_handshake]
        elif checks_requests:
            first = [middleware.check_request]
        last = [middleware.decide_origin] if compiled.functions and not self.websocket else []
        user = self.corsbp_requests
        self.corsbp_chain = deque([*first, *user, *last]) if first or last else user
        self.corsbp_checks_requests = checks_requests
        self.corsbp_compiled = compiled

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; response middleware gets the section's as the first, and no other CORS."""
        if name == "response_middleware":
            user = [
                each for each in value if not isinstance(getattr(each, "__self__", None), RouteMiddleware)
            ]
            if self.corsbp is not None:
                user = [self.corsbp.attach_middleware, *without_other_cors(user)]
            value = deque(user)
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
