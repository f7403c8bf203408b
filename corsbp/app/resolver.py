"""The one place that answers whose a request is: what the app's router makes of (path, method, host).

Sanic asks `app.router.resolve` behind a cache of its own. Here it is asked in its place: what it finds is
passed on as it is; where it finds nothing and the path is a section's, a stand-in is found, and cached like
any other route. So nothing is added to the router, and its answers for everything else stay as they were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import partial
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, TypeAlias

from sanic import exceptions
from sanic.middleware import Middleware as Ordered
from sanic.middleware import MiddlewareLocation
from sanic_routing.exceptions import NoMethod, NotFound
from sanic_routing.route import Route

from ..decision.compiled import ActivePolicy
from ..decision.prefix_tree import PrefixTree
from ..decision.preflight import PathPolicies
from ..spec.fetch import METHODS, sort_methods
from .bindings import is_automatic_options
from .middleware import Middleware, RouteMiddleware
from .missing_routes import MissingRoute
from .other_cors import without_other_cors
from .preflights import OptionsHandler
from .route_extra import active_policy_of
from .routes import AnySanic

Found: TypeAlias = tuple[Route, Callable[..., Any], dict[str, Any]]


class Resolver:
    """Asks an app's router, and knows what it found belongs to."""

    def __init__(self, app: AnySanic) -> None:
        self.app = app
        self.ask = app.router.resolve
        self.prefixes: Mapping[str | None, PrefixTree[ActivePolicy]] = {None: PrefixTree()}
        self.methods: tuple[str, ...] = ()
        self.hosted = False
        self.alone, *_ = self.stand(None, _do_nothing, (), (_do_nothing,))
        """The route of preflights. Where a route's chain is empty, Sanic runs the app's: so it has this."""

    def learn(self, routes: Iterable[Route], prefixes: Mapping[str | None, PrefixTree[ActivePolicy]]) -> None:
        """Take note of what the router has been compiled from."""
        routes = list(routes)
        self.methods = sort_methods(method for route in routes for method in route.methods)
        self.hosted = any(route.requirements.get("host") for route in routes) or len(prefixes) > 1
        self.prefixes = prefixes

    def resolve(
        self, path: str, *, method: Any = None, orig: str | None = None, extra: dict[str, str] | None = None
    ) -> Found:
        """As the router's `resolve`, which calls itself once more for a path without its last slash."""
        try:
            found: Found = self.ask(path, method=method, orig=orig, extra=extra)
        except (NotFound, NoMethod) as error:
            if orig is None and (stand := self.stand_in(path, method, extra, error)) is not None:
                return stand
            raise
        if method == "OPTIONS" and orig is None:
            return self.options(path, extra, found) or found
        return found

    def served(self, path: str, extra: dict[str, str] | None) -> dict[str, ActivePolicy | None]:
        """The methods that the router serves on a path, for this host, with what each follows."""
        served = {}
        for method in self.methods:
            try:
                route, *_ = self.ask(path, method=method, extra=extra)
            except Exception:  # not found; or the router cannot read this path, and no page gets that far
                continue
            if not is_automatic_options(route):
                served[method] = active_policy_of(route)
        return served

    def path(self, path: str, extra: dict[str, str] | None, known: bool) -> PathPolicies | None:
        """The path as far as it is a section's; None if it is nobody's. `known`: it may have routes."""
        if path == "*":
            return None  # asks about the server: Sanic routes it to the root, but no page sends it
        served = self.served(path, extra) if known else {}
        if served:
            return PathPolicies(served) if any(served.values()) else None
        prefixes = self.prefixes.get((extra or {}).get("host")) or self.prefixes[None]
        owner = prefixes.owner(path[1:].split("/"))
        return (
            PathPolicies(dict.fromkeys((*METHODS, *self.methods), owner), has_routes=False) if owner else None
        )

    def stand_in(
        self, path: str, method: Any, extra: dict[str, str] | None, error: NotFound | NoMethod
    ) -> Found | None:
        """What stands in for the route that the router does not have; None where the path is nobody's."""
        # "Not found" is said of known paths too, where a host or a last slash decides.
        known = isinstance(error, NoMethod) or self.hosted or path.endswith("/")
        its = self.path(path, extra, known)
        if its is None or its.default is None:
            return None
        options = OptionsHandler(its, its.default, self.alone)
        if method == "OPTIONS" and its.has_routes:
            return self.own_options(options)
        if isinstance(error, NoMethod):
            # of a parametrised path it does not always know which methods there are
            allowed = its.allow if its.has_routes else tuple(error.allowed_methods or ()) or None
            says = f"Method {method} not allowed for URL {path}"
            failure = partial(exceptions.MethodNotAllowed, says, method=method, allowed_methods=allowed)
            lost = MissingRoute(its.default, failure)
        else:
            lost = MissingRoute(
                its.default, partial(exceptions.NotFound, f"Requested URL {error.path} not found")
            )
        first = (options.intercept, lost.meet) if method == "OPTIONS" else (lost.meet,)
        # the app's middleware, as it stands where Sanic has no route
        return self.stand(its.default, lost.fail, (*first, *self.app.request_middleware, lost.fail))

    def options(self, path: str, extra: dict[str, str] | None, found: Found) -> Found | None:
        """An OPTIONS route was found: where the path has CORS, one by which preflights are answered first."""
        its = self.path(path, extra, known=True)
        if its is None or its.default is None:
            return None
        route, handler, parameters = found
        options = OptionsHandler(its, its.default, self.alone)
        if is_automatic_options(route):
            return self.own_options(options)
        theirs, route = route.extra, copy(route)
        route.extra = SimpleNamespace(**vars(theirs), corsbp_intercepts=True)
        route.extra.request_middleware = deque([options.intercept, *theirs.request_middleware])
        return route, handler, parameters

    def own_options(self, options: OptionsHandler) -> Found:
        """The OPTIONS of a path that has no handler of the user's for it."""
        app, order = self.app, attrgetter("order")  # as Sanic sorts them for its routes
        requests = Ordered.convert(app.request_middleware, location=MiddlewareLocation.REQUEST)
        responses = Ordered.convert(app.response_middleware, location=MiddlewareLocation.RESPONSE)
        first, last = sorted(requests, key=order, reverse=True), sorted(responses, key=order, reverse=True)
        return self.stand(
            options.active_policy,
            options.answer,
            (options.intercept, *first),
            (options.depart, *without_other_cors(last[::-1])),
        )

    def stand(
        self,
        active: ActivePolicy | None,
        handler: Middleware,
        requests: Iterable[Middleware],
        responses: Iterable[Middleware] = (),
    ) -> Found:
        """A route that the router does not have: it lives in Sanic's cache of what the router found."""
        name = f"{self.app.name}.corsbp"
        route = Route(self.app.router, "", name, handler, ["OPTIONS"])
        route.extra = SimpleNamespace(
            corsbp=RouteMiddleware(active) if active else None,
            corsbp_intercepts=True,
            error_format=None,
            ident=name,
            ignore_body=True,
            request_middleware=deque(requests),
            response_middleware=deque(responses),
            static=False,
            stream=False,
            websocket=False,
        )
        return route, handler, {}


def _do_nothing(*_: object) -> None:
    """Middleware that does nothing."""
