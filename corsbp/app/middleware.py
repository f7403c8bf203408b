"""Per request: what stands in a route's chains, and the stand-ins where the app's router has no route."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from logging import DEBUG, INFO
from typing import Any, TypeAlias

from sanic.exceptions import Forbidden
from sanic.request import Request
from sanic.response import HTTPResponse
from sanic_routing.route import Route

from ..decision.compiled import ActivePolicy
from ..decision.preflight import PathPolicies
from ..report.refused import Opening, Reading, Sending, SendingElsewhere, has_audience
from ..spec.fetch import ALLOW, HOST, ORIGIN, REQUEST_HEADERS, REQUEST_METHOD
from ..spec.origins import DEFAULT_PORTS
from .send import SendWrapper, send_wrapper_for

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
            return None if own else _check_origin(wrapper, origins)
        undecided = len(origins) == 1 and compiled.grant(origins) is None
        return _call_origin_functions(wrapper) if undecided else None


async def _call_origin_functions(wrapper: SendWrapper) -> None:
    await wrapper.ask()


async def _check_origin(wrapper: SendWrapper, origins: Sequence[str]) -> None:
    wrapper.attempt, compiled = Opening, wrapper.compiled
    decision = await wrapper.ask()
    wrapper.explain()
    if compiled.policy.check_websockets and not compiled.allows(origins, decision.grant):
        raise Forbidden("This WebSocket is not open to pages of this origin")


def is_preflight(request: Request) -> bool:
    """Whether a browser asks for permission: Fetch, 3.3.2 "HTTP requests"."""
    headers = request.headers
    return request.method == "OPTIONS" and ORIGIN in headers and REQUEST_METHOD in headers


def is_websocket(route: Route) -> bool:
    """Whether a route is one of WebSockets."""
    return bool(getattr(route.extra, "websocket", False))


def is_own_origin(origins: Iterable[str], hosts: Iterable[str]) -> bool:
    """Whether a page of the server itself asks: its host and port as in Host, the scheme's port left out."""
    try:
        (origin,), (host,) = origins, hosts
    except ValueError:
        return False
    scheme, _, own = origin.partition("://")
    port = f":{DEFAULT_PORTS.get(scheme)}"
    return bool(own) and scheme in DEFAULT_PORTS and own.removesuffix(port) == host.lower().removesuffix(port)


class OptionsHandler:
    """What the OPTIONS requests to one path of one host get; `alone` is a route without any middleware."""

    def __init__(self, path: PathPolicies, active: ActivePolicy, alone: Route) -> None:
        self.path = path
        self.active_policy = active
        self.alone = alone

    def intercept(self, request: Request) -> HTTPResponse | Awaitable[HTTPResponse] | None:
        """The first request middleware: answers the preflights, whoever's the handler is."""
        if not is_preflight(request) or (active := self.followed(request)) is None:
            return None
        request.route = self.alone
        wrapper = send_wrapper_for(request, active)
        compiled, headers = wrapper.compiled, request.headers
        grant = compiled.grant(headers.getall(ORIGIN))
        if grant is None and compiled.ask is not None:
            return self._ask(request, wrapper, active)
        self._settle(request, wrapper, active, grant)
        return HTTPResponse(status=204)

    async def _ask(self, request: Request, wrapper: SendWrapper, active: ActivePolicy) -> HTTPResponse:
        decision = await wrapper.ask()
        self._settle(request, wrapper, active, decision.grant)
        return HTTPResponse(status=204)

    def _settle(
        self, request: Request, wrapper: SendWrapper, active: ActivePolicy, grant: str | None
    ) -> None:
        compiled = wrapper.compiled
        answer = self.path.lists(active, compiled).preflight(
            grant, request.headers.getall(REQUEST_HEADERS, ())
        )
        hears = has_audience(request.app, DEBUG if compiled.report_only is None else INFO)
        wrapper.settle(answer, partial(Sending, self.path, active, compiled) if hears else None)

    def followed(self, request: Request) -> ActivePolicy | None:
        """What an OPTIONS request follows; None for a preflight for a route without CORS."""
        return (
            self.path.policy_for(request.headers[REQUEST_METHOD])
            if is_preflight(request)
            else self.active_policy
        )

    async def answer(self, request: Request, **_: Any) -> HTTPResponse:
        """The handler, where the path has none of the user's: for what `intercept` has let pass."""
        response = HTTPResponse(status=204)
        wrapper = send_wrapper_for(request, self.active_policy)
        if self.followed(request) is None:
            wrapper.settle(
                self.path.elsewhere,
                partial(SendingElsewhere, self.path, self.active_policy, wrapper.compiled),
            )
            return response
        response.headers[ALLOW] = ", ".join(self.path.allow)
        decision = await wrapper.ask()
        wrapper.settle(self.path.lists(self.active_policy, wrapper.compiled).plain(decision.grant), Reading)
        return response

    def depart(self, request: Request, _: object) -> None:
        """The first response middleware, where it is not ours that answers."""
        if self.followed(request) is not None:
            send_wrapper_for(request, self.active_policy)


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
