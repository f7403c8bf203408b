"""A route's chains of middleware, with the section's part in them, also when Sanic sets them anew."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

from ..decision.compiled import ActivePolicy
from .middleware import Chain, RouteMiddleware
from .other_cors import without_other_cors


class RouteExtra(SimpleNamespace):
    """Sanic's `route.extra`, for a route with CORS.

    Sanic sets the chains whenever it compiles its router: at startup, when the app is amended, and when
    another extension adds routes. Here they are completed as they are set.
    """

    corsbp: RouteMiddleware | None
    corsbp_entered: tuple[bool, Chain] | None
    response_middleware: Chain

    def __init__(self, extra: SimpleNamespace, part: RouteMiddleware | None) -> None:
        super().__init__(
            corsbp=part, corsbp_requests=deque(), corsbp_entered=None, response_middleware=deque()
        )
        for name, value in vars(extra).items():
            setattr(self, name, value)

    def take_part(self, part: RouteMiddleware | None) -> None:
        """Have another part in the chains from now on; None for a route that is left out of CORS."""
        self.corsbp = part
        self.request_middleware = self.corsbp_requests
        self.response_middleware = self.response_middleware  # which is completed anew

    @property
    def request_middleware(self) -> Chain:
        """Before the handler: a function is asked at the end, a handshake judged at the start."""
        part, theirs = self.corsbp, self.corsbp_requests
        if part is None or not (part.active_policy.compiled.functions or getattr(self, "websocket", False)):
            return theirs
        asks = bool(part.active_policy.compiled.functions)
        if self.corsbp_entered is None or self.corsbp_entered[0] is not asks:
            self.corsbp_entered = asks, deque([*theirs, part.enter] if asks else [part.enter, *theirs])
        return self.corsbp_entered[1]

    @request_middleware.setter
    def request_middleware(self, chain: Chain) -> None:
        self.corsbp_requests = chain
        self.corsbp_entered = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Behind the handler: ours first, and no other CORS; completed here, as each answer reads it."""
        if name == "response_middleware":
            theirs = [
                each for each in value if not isinstance(getattr(each, "__self__", None), RouteMiddleware)
            ]
            part = self.corsbp
            value = deque([part.depart, *without_other_cors(theirs)] if part else theirs)
        super().__setattr__(name, value)


def active_policy_of(route: Any) -> ActivePolicy | None:
    """What a route follows; None where it has no CORS."""
    part: RouteMiddleware | None = getattr(route.extra, "corsbp", None)
    return part.active_policy if part else None
