"""Requests below a section for which the router has no route: 404 and 405."""

from __future__ import annotations

from collections.abc import Callable

from sanic.request import Request

from ..decision.active_policy import ActivePolicy
from .send import send_wrapper_for


class MissingRoute:
    """Middleware for a request to which the router has no route, below the prefix of a section.

    The app's middleware and error handlers get the request as without a section: it has no route. Only an
    error is the section's: what a middleware serves there with success is in no section, and gets no headers.
    """

    def __init__(self, active: ActivePolicy, make_error: Callable[[], Exception]) -> None:
        self.active_policy = active
        self.make_error = make_error

    def begin(self, request: Request) -> None:
        """Take the route from the request: the first request middleware."""
        request.route = None
        send_wrapper_for(request, self.active_policy, errors_only=True)

    def fail(self, _: Request) -> None:
        """Raise the router's error: the last request middleware, before any handler.

        Raises:
            NotFound, MethodNotAllowed: always.
        """
        raise self.make_error()
