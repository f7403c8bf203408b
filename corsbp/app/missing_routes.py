"""Requests below a section for which the router has no route: 404 and 405."""

from __future__ import annotations

from collections.abc import Callable

from sanic.request import Request

from ..decision.compiled import ActivePolicy
from .send import send_wrapper_for


class MissingRoute:
    """A request for which the router has no route, but whose path is a section's: 404 and 405.

    The app's middleware and error handlers meet what they meet without a section: a request without a route.
    """

    def __init__(self, active: ActivePolicy, error: Callable[[], Exception]) -> None:
        self.active_policy = active
        self.error = error

    def meet(self, request: Request) -> None:
        """The first request middleware."""
        request.route = None
        send_wrapper_for(request, self.active_policy)

    def fail(self, _: Request) -> None:
        """The last one, before any handler: here the router's error is raised."""
        raise self.error()
