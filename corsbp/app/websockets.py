"""WebSocket handshakes: the server has to check their origin, since browsers do not."""

from __future__ import annotations

from collections.abc import Sequence

from sanic.exceptions import Forbidden
from sanic_routing.route import Route

from ..report.attempts import OPEN
from .send import SendWrapper


def is_websocket(route: Route) -> bool:
    """Whether a route is one of WebSockets."""
    return bool(getattr(route.extra, "websocket", False))


async def check_origin(wrapper: SendWrapper, origins: Sequence[str]) -> None:
    wrapper.attempt_kind, compiled = OPEN, wrapper.compiled
    decision = await wrapper.decide_origin()
    wrapper.report()
    if compiled.policy.check_websockets and not compiled.allows(origins, decision.grant):
        raise Forbidden("This WebSocket is not open to pages of this origin")
