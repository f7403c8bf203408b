"""The app's router, called in its place: routes for OPTIONS, 404 and 405 beside what the router finds.

Sanic calls `app.router.get(path, method, host)`, which keeps what it found in a cache. Here it is called
behind a cache of the same size. What it finds is passed on unchanged; where it finds nothing and the path
belongs to a section, a route is made, which lives in that cache only. So nothing is added to the router, and
its responses for everything else stay as they were.

The router's own recursion (one call for each slash at the end of a path) is never interrupted: no frame of
corsbp stands in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import lru_cache, partial
from inspect import unwrap
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, TypeAlias

from sanic.exceptions import MethodNotAllowed, NotFound
from sanic.middleware import Middleware as OrderedMiddleware
from sanic.middleware import MiddlewareLocation
from sanic.router import ROUTER_CACHE_SIZE, Router
from sanic_routing.route import Route

from ..decision.active_policy import ActivePolicy
from ..decision.prefix_tree import PrefixTree
from ..decision.preflight import PathPolicies
from ..spec.fetch import sort_methods
from .middleware import RouteMiddleware, active_policy_of
from .missing_routes import MissingRoute
from .other_cors import without_other_cors
from .preflights import OptionsHandler
from .route_policies import RouteBinding, is_automatic_options
from .routes import AnyMiddleware, AnySanic, copy_extra, without_middleware

Found: TypeAlias = tuple[Route, Callable[..., Any], dict[str, Any]]


class Resolver:
    """Finds the route of a request, and the policies of a path."""

    def __init__(self, app: AnySanic) -> None:
        self.app = app
        self.router: Router = app.router
        # Sanic's own, without its cache; or what another package has put in its place.
        self.find: Callable[..., Any] = vars(app.router).get("get") or partial(
            unwrap(type(app.router).get), app.router
        )
        self.get: Any = lru_cache(maxsize=ROUTER_CACHE_SIZE)(self.resolve)
        self.replacement: Callable[[str, str, str | None], Found] | None = None
        """Called in place of `find_route` while hooks are checked."""
        self.start_late: Callable[[], None] | None = None
        """Called with the first request, where live origins are followed."""
        self.methods: tuple[str, ...] = ()
        self.methods_of: Mapping[ActivePolicy, tuple[str, ...]] = {}
        self.prefixes: Mapping[str | None, PrefixTree[ActivePolicy]] = {None: PrefixTree()}
        self.has_hosts: bool = False

    def update(
        self, bindings: Iterable[RouteBinding], prefixes: Mapping[str | None, PrefixTree[ActivePolicy]]
    ) -> None:
        """Take over what the router has been compiled from, and forget what was found before."""
        methods: set[str] = set()
        methods_of: dict[ActivePolicy, set[str]] = {}
        self.has_hosts = len(prefixes) > 1
        for route, section, active in bindings:
            methods |= route.methods
            self.has_hosts = self.has_hosts or bool(route.requirements.get("host"))
            if section is not None and active is section:
                methods_of.setdefault(section, set()).update(route.methods)
        self.methods = sort_methods(methods)
        self.methods_of = {section: sort_methods(found) for section, found in methods_of.items()}
        self.prefixes = prefixes
        self.get.cache_clear()

    def resolve(self, path: str, method: str, host: str | None) -> Found:
        """Return the route of a request, its handler and its parameters: `router.get` without its cache.

        Raises:
            NotFound, MethodNotAllowed: as the router does, where no section has the path.
        """
        if self.start_late is not None:
            self.start_late()
        if self.replacement is not None:
            return self.replacement(path, method, host)
        try:
            found: Found = self.find(path, method, host)
        except (NotFound, MethodNotAllowed) as error:
            route = self._route_for_missing(path, method, host, error)
            if route is None:
                raise
            return route
        return self._options_route(path, host, found) if method == "OPTIONS" else found

    @contextmanager
    def replacing(self, replacement: Callable[[str, str, str | None], Found] | None) -> Iterator[None]:
        """Have every request go to another route: while hooks are checked, no code of the user's runs."""
        start_late, self.start_late = self.start_late, None
        self.replacement = replacement
        try:
            yield
        finally:
            self.start_late, self.replacement = start_late, None
            self.get.cache_clear()

    # --- the policies of a path ---

    def _policies(
        self, path: str, host: str | None, has_routes: bool = True
    ) -> tuple[PathPolicies, Any] | None:
        """Return the policies of a path, and the context of its first route with CORS; None without CORS.

        has_routes: whether the router may have routes for the path.

        Where the router fails in another way than by not finding a route, there is no verdict: no policy.
        """
        if path == "*":
            return None  # OPTIONS * is about the server: Sanic routes it to the root, but no page sends it
        try:
            routes = self._routes(path, host) if has_routes else {}
        # whatever a parameter type of the user's raises when it is called again; also a RecursionError
        except Exception:
            return PathPolicies({}), None
        policies = {method: active_policy_of(route) for method, route in routes.items()}
        if routes:
            context = next((routes[method].ctx for method, active in policies.items() if active), None)
            return (PathPolicies(policies), context) if any(policies.values()) else None
        section = self._section_by_prefix(path, host)
        if section is None:
            return None
        methods = dict.fromkeys(self.methods_of.get(section, ()), section)
        return PathPolicies(methods, has_routes=False, default=section), None

    def _routes(self, path: str, host: str | None) -> dict[str, Route]:
        """Return the route for each method that the router serves on a path, for this host."""
        routes = {}
        for method in self.methods:
            try:
                route, *_ = self.find(path, method, host)
            except (NotFound, MethodNotAllowed):
                continue
            if not is_automatic_options(route):
                routes[method] = route
        return routes

    def _section_by_prefix(self, path: str, host: str | None) -> ActivePolicy | None:
        """Return the policy of the section whose prefix is the longest of a path."""
        prefixes = self.prefixes.get(host) or self.prefixes[None]
        return prefixes.owner(path[1:].split("/"))

    # --- routes that the router does not have ---

    def _route_for_missing(
        self, path: str, method: str, host: str | None, error: NotFound | MethodNotAllowed
    ) -> Found | None:
        """Return a route in the place of the missing one; None where the path is in no section."""
        # Sanic says "not found" of paths that have routes, too, where a host or the last slash decides.
        has_other_methods = isinstance(error, MethodNotAllowed) or method == "OPTIONS" or self.has_hosts
        if not has_other_methods:
            if self._section_by_prefix(path, host) is None:
                return None  # so that a path of many slashes outside costs no more than in Sanic
            has_other_methods = path.endswith("/")
        policies, context = self._policies(path, host, has_other_methods) or (None, None)
        if policies is None or policies.default is None:
            return None
        active = policies.default
        options = OptionsHandler(policies, active)
        if method == "OPTIONS" and policies.has_routes:
            return self._default_options(options, context)
        make_error: Callable[[], Exception] = partial(NotFound, f"{error}")
        if isinstance(error, MethodNotAllowed):
            # of a path with parameters, the router does not always know which methods there are
            allowed = policies.allow if policies.has_routes else error.allowed_methods
            make_error = partial(MethodNotAllowed, f"{error}", method=method, allowed_methods=allowed)
        missing = MissingRoute(active, make_error)
        # the app's middleware, in the order that Sanic has for requests without a route
        chain: list[AnyMiddleware] = [missing.begin, *self.app.request_middleware, missing.fail]
        if method == "OPTIONS":
            chain.insert(0, options.intercept)
        route = self._make_route(active, missing.fail, chain)
        options.route = without_middleware(route)
        return route, missing.fail, {}

    def _options_route(self, path: str, host: str | None, found: Found) -> Found:
        """Return the OPTIONS route that was found; with CORS, it responds to preflights first."""
        policies_and_context = self._policies(path, host)
        if policies_and_context is None:
            return found
        policies, context = policies_and_context
        route, handler, parameters = found
        own = active_policy_of(route)
        default = policies.default or own
        if default is None:
            return found
        options = OptionsHandler(policies, default, in_section=own is not None)
        if is_automatic_options(route):
            return self._default_options(options, context)
        options.route = without_middleware(route)
        copied = copy(route)
        copied.extra = copy_extra(route)
        copied.extra.request_middleware = deque([options.intercept, *route.extra.request_middleware])
        return copied, handler, parameters

    def _default_options(self, options: OptionsHandler, context: Any) -> Found:
        """Return the OPTIONS route of a path for which the user has no handler."""
        app, order = self.app, attrgetter("order")  # as Sanic sorts them for its routes
        convert = OrderedMiddleware.convert
        first = convert(app.request_middleware, location=MiddlewareLocation.REQUEST)
        last = convert(app.response_middleware, location=MiddlewareLocation.RESPONSE)
        responses = sorted(last, key=order, reverse=True)[::-1]
        route = self._make_route(
            options.active_policy,
            options.respond,
            (options.intercept, *sorted(first, key=order, reverse=True)),
            (options.attach, *without_other_cors(responses)),
            context,
        )
        options.route = without_middleware(route)
        return route, options.respond, {}

    def _make_route(
        self,
        active: ActivePolicy,
        handler: AnyMiddleware,
        requests: Iterable[AnyMiddleware],
        responses: Iterable[AnyMiddleware] = (),
        context: Any = None,
    ) -> Route:
        """Return a route that the router does not have, with the context of a route of the same path."""
        name = f"{self.app.name}.corsbp"
        route = Route(self.router, "", name, handler, ["OPTIONS"])
        route.ctx = context or route.ctx
        route.extra = SimpleNamespace(
            corsbp=RouteMiddleware(active),
            error_format=None,
            ident=name,
            ignore_body=True,
            request_middleware=deque(requests),
            response_middleware=deque(responses),
            static=False,
            stream=False,
            websocket=False,
        )
        return route
