"""Checks that the hooks into Sanic hold: when routes are bound, and at the end of startup.

At the end of startup, requests go through the app's own router and the response path of the server that
runs, for one route of each section: a page's request, a preflight, and the WebSocket handshake and the forged
request of a page that is not allowed. They carry a policy of their own, and no handler, middleware, signal or
function of the user's runs. If Sanic no longer serves a section as it should, the app does not start.
"""

from __future__ import annotations

import asyncio
import platform
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from sanic import __version__ as sanic_version
from sanic.request import Request
from sanic.response import HTTPResponse
from sanic_routing.route import Route

import corsbp

from ...decision.active_policy import ActivePolicy
from ...decision.preflight import PathPolicies
from ...policy.policy import CorsPolicy
from ...spec.fetch import (
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    CACHE_CONTROL,
    ORIGIN,
    REQUEST_METHOD,
    SAFE_METHODS,
    VARY,
)
from ..middleware import RouteExtra, RouteMiddleware
from ..preflights import OptionsHandler
from ..route_policies import RouteBinding
from ..routes import AnySanic, example_path, without_middleware
from ..send import send_wrapper_for
from .canary_requests import Head, QuietApp, send_by_asgi, send_by_http1

if TYPE_CHECKING:
    from ..resolver import Found, Resolver

ALLOWED: Final = "https://allowed.example"
_POLICY: Final = CorsPolicy(allow_origins=[ALLOWED, "https://allowed-too.example"])
_CHECKING: Final = _POLICY.replace(check_requests="writes")
_FOREIGN: Final = "https://foreign.example"
_HOST: Final = "corsbp.example"


def broken(hook: str, what: str) -> RuntimeError:
    """Return the error for a hook that does not hold."""
    versions = f"Sanic {sanic_version}, corsbp {corsbp.__version__}, Python {platform.python_version()}"
    return RuntimeError(
        f"corsbp cannot work in this app: {hook} {what} ({versions}). If another package replaces it after "
        "the section is registered, register the section last. Otherwise, this version of Sanic is not "
        "supported: install one that corsbp names in its requirements, and report it."
    )


def check_router(app: AnySanic, resolver: Resolver) -> None:
    """Check that the app's router leads to the resolver.

    Raises:
        RuntimeError: it does not.
    """
    if app.router is not resolver.router:
        raise broken("app.router", "is not the router that the section was registered with")
    found: Found = (Route(app.router, "", "corsbp", print, ["GET"]), print, {})
    with resolver.replacing(lambda *_: found), suppress(Exception):  # what raises, did not call the resolver
        if app.router.get("/corsbp", "GET", None) is found:
            return
    raise broken("app.router.get", "does not call corsbp")


def check_routes(bindings: Iterable[RouteBinding]) -> None:
    """Check that each route of a section has its middleware.

    Raises:
        RuntimeError: one has not.
    """
    for route, _, active in bindings:
        fault = _fault_of_route(route.extra, active) if active is not None else None
        if fault is not None:
            raise broken(f"route.extra of {route.name}", fault)


def _fault_of_route(extra: SimpleNamespace, active: ActivePolicy) -> str | None:
    """Return what a route does not have of its section; None if it has all."""
    middleware = extra.corsbp if isinstance(extra, RouteExtra) else None
    # a policy of the route's own is made active whenever routes are bound
    if middleware is None or middleware.active_policy.policy is not active.policy:
        return "has not the policy of its section"
    if not extra.response_middleware or extra.response_middleware[0] != middleware.attach:
        return "has not its response middleware first"
    first = next(iter(extra.request_middleware), None)
    if extra.websocket and first != middleware.check_handshake:
        return "has not its check of WebSocket handshakes first"
    if extra.checks_requests and not (first == middleware.check_request and extra.ignore_body):
        return "has not its check of forged requests first, before the body is read"
    return None


# --- requests through the server ---


async def check_responses(app: AnySanic, resolver: Resolver, bindings: Iterable[RouteBinding]) -> None:
    """Send requests for one route of each section and kind, through the app and its server.

    Raises:
        RuntimeError: a response is not as it should be.
    """
    canaries: dict[tuple[ActivePolicy, bool, bool], Canary] = {}
    for route, section, active in bindings:
        if active is None or section is None:
            continue
        for method in _canary_methods(route):
            key = section, route.extra.websocket, method != "GET"
            path = None if key in canaries else example_path(route)
            if path is None:
                continue
            canary = Canary(app, resolver, route, path, method)
            if canary.is_found():
                canaries[key] = canary
    # Sanic keeps routes in a set: an error does not depend on its order.
    for _, canary in sorted(canaries.items(), key=lambda each: each[0][1:]):
        # in a context of its own: `Request.get_current()` would return the request to all that starts later
        await asyncio.create_task(canary.check())


def _canary_methods(route: Route) -> list[str]:
    """Return GET, and methods of which the section refuses forged requests."""
    forged = sorted(route.methods - SAFE_METHODS) if route.extra.checks_requests else []
    return ["GET", *forged] if "GET" in route.methods else forged


class Canary:
    """Requests to one route; what the router finds is replaced by a route without code of the user's."""

    def __init__(self, app: AnySanic, resolver: Resolver, route: Route, path: str, method: str) -> None:
        self.app: QuietApp = QuietApp(app)
        self.resolver = resolver
        self.route = route
        self.path = path
        self.method = method
        host = route.requirements.get("host") or _HOST
        self.host: str = host if isinstance(host, str) else host[0]
        policy = _POLICY if method == "GET" else _CHECKING
        self.middleware: RouteMiddleware = _QuietMiddleware(ActivePolicy(policy))
        self.handled: bool = False

    def is_found(self) -> bool:
        """Return whether the path leads to the route: another one may have it, too."""
        with self.resolver.replacing(None), suppress(Exception):  # also what the user's parameter types raise
            return self.resolver.resolve(self.path, self.method, self.host)[0] is self.route
        return False

    async def check(self) -> None:
        """Send the requests that check the route, and check the responses.

        Raises:
            RuntimeError: a response is not as it should be.
        """
        if self.route.extra.websocket:
            await self.check_handshake()
        elif self.method != "GET":
            await self.check_forged_request()
        else:
            await self.check_request()
            await self.check_preflight()

    async def check_request(self) -> None:
        """Check the response to a page that is allowed."""
        head = await self.send("GET", {ORIGIN: ALLOWED})
        if (head.status, head.value(ALLOW_ORIGIN), head.value(VARY)) != (200, ALLOWED, ORIGIN):
            raise broken(f"the response of {self.route.name}", "leaves without its CORS headers")

    async def check_preflight(self) -> None:
        """Check the response to the preflight of a page that is allowed."""
        head = await self.send("OPTIONS", {ORIGIN: ALLOWED, REQUEST_METHOD: "GET"})
        if (head.status, head.value(ALLOW_ORIGIN)) != (204, ALLOWED) or "GET" not in (
            head.value(ALLOW_METHODS) or ""
        ):
            raise broken(f"the preflight of {self.route.name}", "is not answered by its section")

    async def check_handshake(self) -> None:
        """Check that the WebSocket handshake of a page that is not allowed is refused."""
        more = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-key": "a" * 22 + "=="}
        head = await self.send("GET", {ORIGIN: _FOREIGN, "sec-websocket-version": "13", **more})
        if head.status != 403 or self.handled:
            raise broken(f"the WebSocket {self.route.name}", "opens to pages that are not allowed")

    async def check_forged_request(self) -> None:
        """Check that the request of a page that is not allowed is refused."""
        head = await self.send(self.method, {ORIGIN: _FOREIGN})
        if head.status != 403 or head.value(CACHE_CONTROL) != "no-store" or self.handled:
            raise broken(f"the route {self.route.name}", "serves forged requests")

    async def send(self, method: str, headers: Mapping[str, str]) -> Head:
        """Send a request through the server that runs, and return the head of the response."""
        headers = {"host": self.host, **headers}
        with self.resolver.replacing(self.replace):
            if self.app.asgi:
                return await send_by_asgi(self.app, method, self.path, headers)
            return await send_by_http1(self.app, method, self.path, headers)

    def replace(self, path: str, method: str, host: str | None) -> Found:
        """Return what the app's own router finds, without any code of the user's."""
        self.resolver.replacement = None
        found, _, parameters = self.resolver.resolve(path, method, host)
        first = next(iter(found.extra.request_middleware), None)
        route = without_middleware(found)
        if method == "OPTIONS":
            if not isinstance(getattr(first, "__self__", None), OptionsHandler):
                raise broken(
                    f"the route of preflights to {self.route.name}", "does not respond to them first"
                )
            active = self.middleware.active_policy
            options = OptionsHandler(PathPolicies({"GET": active}), active)
            options.route = without_middleware(found)
            route.extra.request_middleware = deque([options.intercept])
        else:
            empty = {"request_middleware": deque(), "response_middleware": deque(), "ignore_body": True}
            extra = SimpleNamespace(**vars(found.extra) | empty)
            route.extra = RouteExtra(extra, self.middleware, found.methods)
        return route, self.handle, parameters

    async def handle(self, *_: object, **__: object) -> HTTPResponse:
        """Handle a request, in the place of the user's handler."""
        self.handled = True
        return HTTPResponse(status=200)


class _QuietMiddleware(RouteMiddleware):
    """The middleware of a route whose requests are not reported."""

    def attach(self, request: Request, _: object) -> None:
        send_wrapper_for(request, self.active_policy).is_reported = True

    def check_handshake(self, request: Request) -> Any:
        send_wrapper_for(request, self.active_policy).is_reported = True
        return super().check_handshake(request)

    def check_request(self, request: Request) -> Any:
        send_wrapper_for(request, self.active_policy).is_reported = True
        return super().check_request(request)
