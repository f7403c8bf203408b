"""WebSocket handshakes: the server has to check their origin, since browsers do not."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import cast

from sanic.exceptions import Forbidden
from sanic.request import Request
from sanic_routing.route import Route

from ..decision.active_policy import ActivePolicy
from ..decision.checked_request import CheckedRequest
from ..decision.own_origin import is_own_page
from ..decision.request_check import handshake_refusal
from ..report.attempts import OPEN
from ..spec.fetch import ORIGIN
from .routes import without_middleware
from .send import SendWrapper, send_wrapper_for


def is_websocket(route: Route) -> bool:
    """Return whether a route is a WebSocket's."""
    return bool(getattr(route.extra, "websocket", False))


def check_handshake(request: Request, active: ActivePolicy) -> Awaitable[None] | None:
    """Refuse a handshake whose Origin is neither the server's own nor allowed.

    One without Origin passes: no browser sent it. https://www.rfc-editor.org/rfc/rfc6455#section-10.2

    Raises:
        Forbidden: the handshake is refused, outside of all middleware.
    """
    wrapper = send_wrapper_for(request, active)
    if not wrapper.is_attached:
        raise _refuse(request)  # on a server that corsbp does not know, nothing is certain
    if ORIGIN not in request.headers:
        return None
    if is_own_page(request, wrapper.compiled):
        return None
    return _check_foreign_handshake(request, wrapper)


async def _check_foreign_handshake(request: Request, wrapper: SendWrapper) -> None:
    """Refuse a handshake of another site's page that the policy does not allow."""
    wrapper.attempt_kind, compiled = OPEN, wrapper.compiled
    decision = await wrapper.decide_origin()
    wrapper.report()
    if handshake_refusal(compiled, CheckedRequest(request), decision.grant) is not None:
        raise _refuse(request)


def _refuse(request: Request) -> Forbidden:
    """Return the error for a handshake, whose response no middleware gets."""
    request.route = without_middleware(cast(Route, request.route))
    return Forbidden("This WebSocket is not open to pages of this origin")
