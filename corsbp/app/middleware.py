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

from ..decision.compiled import Follow
from ..decision.preflight import Path
from ..report.refused import Opening, Reading, Sending, SendingElsewhere, heard
from ..spec.fetch import ALLOW, HOST, ORIGIN, REQUEST_HEADERS, REQUEST_METHOD
from ..spec.origins import DEFAULT_PORTS
from .send import Departure, departure

Middleware: TypeAlias = Callable[..., Any]
Chain: TypeAlias = deque[Middleware]


class Part:
    """A section's part in the chains of the routes that follow these rules."""

    __slots__ = ("follow",)

    def __init__(self, follow: Follow) -> None:
        self.follow = follow

    def depart(self, request: Request, _: object) -> None:
        """The first response middleware, so that no exit goes past it."""
        departure(request, self.follow)

    def enter(self, request: Request) -> Awaitable[None] | None:
        """The last request middleware where a function decides, and the first of a WebSocket.

        Refuses a handshake whose Origin is neither the server's own nor allowed. One without Origin passes:
        no browser sent it. https://www.rfc-editor.org/rfc/rfc6455#section-10.2
        """
        leaving = departure(request, self.follow)
        headers, rules = request.headers, leaving.rules
        origins = headers.getall(ORIGIN, ())
        if request.route is not None and is_websocket(request.route):
            own = not origins or _is_own(origins, headers.getall(HOST, ()))
            return None if own else _judged(leaving, origins)
        undecided = len(origins) == 1 and rules.grant(origins) is None
        return _asked(leaving) if undecided else None


async def _asked(leaving: Departure) -> None:
    await leaving.ask()


async def _judged(leaving: Departure, origins: Sequence[str]) -> None:
    leaving.wish, rules = Opening, leaving.rules
    opinion = await leaving.ask()
    leaving.explain()
    if rules.policy.check_websockets and not rules.allows(origins, opinion.grant):
        raise Forbidden("This WebSocket is not open to pages of this origin")


def is_preflight(request: Request) -> bool:
    """Whether a browser asks for permission: Fetch, 3.3.2 "HTTP requests"."""
    headers = request.headers
    return request.method == "OPTIONS" and ORIGIN in headers and REQUEST_METHOD in headers


def is_websocket(route: Route) -> bool:
    """Whether a route is one of WebSockets."""
    return bool(getattr(route.extra, "websocket", False))


def _is_own(origins: Iterable[str], hosts: Iterable[str]) -> bool:
    """Whether a page of the server itself asks: its host and port as in Host, the scheme's port left out."""
    try:
        (origin,), (host,) = origins, hosts
    except ValueError:
        return False
    scheme, _, own = origin.partition("://")
    port = f":{DEFAULT_PORTS.get(scheme)}"
    return bool(own) and scheme in DEFAULT_PORTS and own.removesuffix(port) == host.lower().removesuffix(port)


class Options:
    """What the OPTIONS requests to one path of one host get; `alone` is a route without any middleware."""

    def __init__(self, path: Path, follow: Follow, alone: Route) -> None:
        self.path = path
        self.follow = follow
        self.alone = alone

    def intercept(self, request: Request) -> HTTPResponse | Awaitable[HTTPResponse] | None:
        """The first request middleware: answers the preflights, whoever's the handler is."""
        if not is_preflight(request) or (follow := self.followed(request)) is None:
            return None
        request.route = self.alone
        leaving = departure(request, follow)
        rules, headers = leaving.rules, request.headers
        grant = rules.grant(headers.getall(ORIGIN))
        if grant is None and rules.ask is not None:
            return self._ask(request, leaving, follow)
        self._settle(request, leaving, follow, grant)
        return HTTPResponse(status=204)

    async def _ask(self, request: Request, leaving: Departure, follow: Follow) -> HTTPResponse:
        opinion = await leaving.ask()
        self._settle(request, leaving, follow, opinion.grant)
        return HTTPResponse(status=204)

    def _settle(self, request: Request, leaving: Departure, follow: Follow, grant: str | None) -> None:
        rules = leaving.rules
        answer = self.path.lists(follow, rules).preflight(grant, request.headers.getall(REQUEST_HEADERS, ()))
        hears = heard(request.app, DEBUG if rules.trial is None else INFO)
        leaving.settle(answer, partial(Sending, self.path, follow, rules) if hears else None)

    def followed(self, request: Request) -> Follow | None:
        """What an OPTIONS request follows; None for a preflight for a route without CORS."""
        return self.path.follow(request.headers[REQUEST_METHOD]) if is_preflight(request) else self.follow

    async def answer(self, request: Request, **_: Any) -> HTTPResponse:
        """The handler, where the path has none of the user's: for what `intercept` has let pass."""
        response = HTTPResponse(status=204)
        leaving = departure(request, self.follow)
        if self.followed(request) is None:
            leaving.settle(
                self.path.elsewhere, partial(SendingElsewhere, self.path, self.follow, leaving.rules)
            )
            return response
        response.headers[ALLOW] = ", ".join(self.path.allow)
        opinion = await leaving.ask()
        leaving.settle(self.path.lists(self.follow, leaving.rules).plain(opinion.grant), Reading)
        return response

    def depart(self, request: Request, _: object) -> None:
        """The first response middleware, where it is not ours that answers."""
        if self.followed(request) is not None:
            departure(request, self.follow)


class Lost:
    """A request for which the router has no route, but whose path is a section's: 404 and 405.

    The app's middleware and error handlers meet what they meet without a section: a request without a route.
    """

    def __init__(self, follow: Follow, error: Callable[[], Exception]) -> None:
        self.follow = follow
        self.error = error

    def meet(self, request: Request) -> None:
        """The first request middleware."""
        request.route = None
        departure(request, self.follow)

    def fail(self, _: Request) -> None:
        """The last one, before any handler: here the router's error is raised."""
        raise self.error()
