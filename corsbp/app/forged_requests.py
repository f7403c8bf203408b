"""Requests that pages of other sites forge: they are refused before their body is read (`check_requests`)."""

from __future__ import annotations

from collections.abc import Awaitable
from inspect import isawaitable
from itertools import islice
from typing import Any, Final, cast

from sanic.exceptions import Forbidden
from sanic.request import Request
from sanic_routing.route import Route

from ..decision.active_policy import ActivePolicy
from ..decision.checked_request import CheckedRequest
from ..decision.origin_functions import OriginDecision
from ..decision.request_check import find_refusal, is_checked, needs_functions
from ..report.attempts import REQUEST
from ..spec.fetch import SAFE_METHODS
from .routes import without_middleware
from .send import SendWrapper, send_wrapper_for

MESSAGE: Final = "This route takes no such requests from pages of other sites"
"""The message of a refusal, for the app's error handlers."""


def receive_if_not_forged(request: Request, active: ActivePolicy) -> Awaitable[Any] | None:
    """Refuse a forged request; receive the body of another one, which Sanic has left to this.

    Raises:
        Forbidden: the request is refused, outside of all middleware.
    """
    if not is_checked(active.compiled.policy, request.method):
        return _receive_body(request)
    wrapper = send_wrapper_for(request, active)
    checked, compiled = CheckedRequest(request), wrapper.compiled
    grant = compiled.grant(checked.origins)
    if not compiled.functions:
        wrapper.settle(compiled.static_headers or compiled.response_headers(grant))
    elif grant is None:
        # At once: no middleware has run, and there is no body yet.
        if needs_functions(compiled, checked):
            return _call_functions(request, wrapper, checked)
        # The page is the server's own, which needs no CORS, or no function can allow it.
        wrapper.decision = OriginDecision()
        wrapper.decision.failed = False
    _refuse_if_forged(request, wrapper, checked, grant)
    return _receive_body(request)


async def _call_functions(request: Request, wrapper: SendWrapper, checked: CheckedRequest) -> Any:
    """Call origin functions to check a request, and receive its body."""
    decision = await wrapper.decide_origin()
    _refuse_if_forged(request, wrapper, checked, decision.grant)
    received = _receive_body(request)
    return None if received is None else await received


def _refuse_if_forged(
    request: Request, wrapper: SendWrapper, checked: CheckedRequest, grant: str | None
) -> None:
    """Raise Forbidden for a forged request."""
    refusal = find_refusal(wrapper.compiled, checked, grant)
    if request.method in SAFE_METHODS:
        wrapper.checked_names = tuple(checked.names)
    if refusal is not None:
        wrapper.attempt_kind = REQUEST
        wrapper.report()
        request.route = without_middleware(cast(Route, request.route))
        raise Forbidden(MESSAGE)


def _receive_body(request: Request) -> Awaitable[Any] | None:
    """Receive the body of a request, as `Sanic.handle_request` does before the first middleware."""
    stream: Any = request.stream
    route: Any = request.route
    if not stream or not stream.request_body or route.extra.corsbp_ignore_body:
        return None
    if hasattr(route.handler, "is_stream"):
        stream.request_max_size = float("inf")
        return None
    if route.extra.corsbp_requests:  # they run also if the body is too large
        return _receive_before_middleware(request)
    return request.receive_body()  # type: ignore[no-untyped-call]  # Sanic's has no types


async def _receive_before_middleware(request: Request) -> Any:
    """Receive the body of a request to a route with request middleware of the user's."""
    try:
        await request.receive_body()  # type: ignore[no-untyped-call]  # Sanic's has no types
    except Exception:
        # For a body that is too large, Sanic runs all request middleware, and then the error handlers: here,
        # it is running them already, so that the others would be left out.
        for middleware in islice(cast(Route, request.route).extra.request_middleware, 1, None):
            response = middleware(request)
            if isawaitable(response):
                response = await response
            if response:
                return response
        raise
