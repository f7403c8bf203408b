"""Every hook into Sanic, why it is there, and whether it still holds.

- `app.router.finalize`, by which Sanic compiles its router in every way of starting: the routes get their
  policies there, so that no section is ever served without them.
- `app.router.get`, which Sanic calls for the route of a request (see `resolver`).
- `route.extra`, into which Sanic then sets the middleware of a route (see `route_extra`).
- `http.lifecycle.exception`, only where an error without a route can be a section's: the app listens to
  signals that come before its router, or is one section as a whole.
- `before_server_start`, last of all: to check the hooks (see `startup`), and to warn.
- `before_server_start` and `before_server_stop`, between which live origins are followed. `create_server()`
  runs neither: there it begins with the first call of `app.router.get`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from sanic import Blueprint
from sanic.http import Stage
from sanic.request import Request
from sanic.router import Router

from ..decision.active_policy import ActivePolicy
from ..live.follower import OriginFollower
from ..live.sources import FollowedSources
from ..log import enable_debug
from ..policy.problems import warn
from .middleware import RouteExtra, RouteMiddleware, active_policy_of
from .ownership import group_prefixes, prefix_trees, sections_of_blueprints
from .preflights import OptionsHandler, is_preflight
from .resolver import Resolver
from .route_policies import RouteBinding, bind_routes
from .routes import AnySanic, Prefix, prefixes_of, routes_of
from .section import Section
from .send import send_wrapper_for
from .startup.hook_checks import check_responses, check_router, check_routes
from .startup.startup_checks import startup_problems

LAST: Final = -1_000_000
"""Listeners run from high to low; sanic-ext adds its routes at -1000."""

_BEFORE_ROUTING: Final = frozenset({"http.lifecycle.handle", "http.routing.before"})
_hooks: Final[WeakValueDictionary[int, AppHooks]] = WeakValueDictionary()
"""The hooks of each app, by its id: a listener of the app keeps them alive. Apps take no weak references."""


class AppHooks:
    """The sections of one app, and the hooks by which they are in it."""

    def __init__(self, app: AnySanic) -> None:
        self.app = app
        self.router: Router = app.router
        self.registered: dict[Section, list[dict[str, Any]]] = {}
        """Each section with the options of its registrations: usually one."""
        self.sections: dict[Blueprint, Section] = {}
        self.whole: Section | None = None
        """The section of each blueprint that is registered, or about to be; and that of all other routes."""
        self.resolver: Resolver = Resolver(app)
        self.listens_to_exceptions: bool = False
        self.policy_of_app: ActivePolicy | None = None
        """The policy of the app, where it is one section as a whole."""
        self.followed: FollowedSources = FollowedSources()
        self.compile_router: Callable[..., Any] = app.router.finalize
        app.router.finalize = self.finalize  # type: ignore[method-assign]  # a hook: see above
        app.router.get = self.resolver.get
        app.register_listener(self.check_and_warn, "before_server_start", priority=LAST)
        _hooks[id(app)] = self

    @classmethod
    def find(cls, app: AnySanic) -> AppHooks | None:
        """Return the hooks of an app, if it has a section."""
        hooks = _hooks.get(id(app))
        return hooks if hooks is not None and hooks.app is app else None

    @classmethod
    def of(cls, app: AnySanic) -> AppHooks:
        """Return the hooks of an app, which get there with its first section.

        Raises:
            RuntimeError: the app has another router now.
        """
        hooks = cls.find(app)
        if hooks is None:
            return cls(app)
        if app.router is not hooks.router:
            check_router(app, hooks.resolver)
        return hooks

    def check_conflicts(self, section: Section) -> None:
        """Check that a section goes with those that are there.

        Raises:
            ValueError: a blueprint of it is in another section, too.
        """
        try:
            self.sections, self.whole = sections_of_blueprints([section], self.sections, self.whole)
        except ValueError:  # unless groups have grown since
            self.sections, self.whole = sections_of_blueprints([*self.registered, section])

    def add_section(self, section: Section, options: dict[str, Any]) -> None:
        """Add a section, with the options of its registration."""
        self.registered.setdefault(section, []).append(options)
        if self.router.finalized:
            self.bind()

    def finalize(self, *args: Any, **options: Any) -> None:
        """Compile the router, as its own `finalize` does, and give its routes their policies."""
        self.compile_router(*args, **options)
        self.bind()

    def bind(self) -> None:
        """Give the app's routes their policies: worked out aside, then set.

        Raises:
            ValueError: a blueprint is in two sections, or a route's `ctx_cors` is not a policy.
            RuntimeError: a route does not take its middleware.
        """
        bindings = list(self.bindings())
        prefixes = prefix_trees(self.prefixes())
        middleware = {active: RouteMiddleware(active) for _, _, active in bindings if active}
        for route, _, active in bindings:
            if isinstance(route.extra, RouteExtra):
                route.extra.replace_policy(middleware[active] if active else None)
            elif active is not None:
                route.extra = RouteExtra(route.extra, middleware[active], route.methods)
        check_routes(bindings)
        self.resolver.update(bindings, prefixes)
        self.listen_to_exceptions(bindings)
        if self.app.debug:
            enable_debug()

    def bindings(self) -> Iterator[RouteBinding]:
        """Iterate over the app's routes with their policies, as things are now."""
        sections, whole = sections_of_blueprints(self.registered)
        routes = routes_of(self.app, sections)
        policies = {
            id(route): sections[blueprint].active_policy
            for blueprint in routes
            for route in routes[blueprint]
        }
        other = whole.active_policy if whole else None
        groups = self.router.groups.values()
        return bind_routes((group.routes for group in groups), lambda route: policies.get(id(route), other))

    def prefixes(self) -> Iterator[tuple[Prefix, Section | None]]:
        """Iterate over the prefixes in use, with their sections; None for a blueprint in no section."""
        sections, whole = sections_of_blueprints(self.registered)
        yield (None, ()), whole
        routes = routes_of(self.app, dict.fromkeys((*self.app.blueprints.values(), *sections)))
        for blueprint in routes:
            for prefix in {prefix for _, prefix in prefixes_of(blueprint, routes[blueprint])}:
                if prefix[1]:  # the root is the app's
                    yield prefix, sections.get(blueprint, whole)
        for section, registrations in self.registered.items():
            for options in registrations:
                for prefix in group_prefixes(self.app, section, options, routes):
                    yield prefix, section

    # --- live origins ---

    def start_follower(self, follower: OriginFollower) -> None:
        """Follow a source from the app's own listeners to its last request: until before they stop."""
        followed = self.followed
        if not followed.followers:
            self.app.register_listener(followed.start, "before_server_start", priority=LAST)
            self.app.register_listener(followed.stop, "before_server_stop", priority=LAST)
            # Where no listener of the app has run, they start with the first request.
            self.resolver.start_late = partial(followed.begin_late, self.app)
        if follower not in followed.followers:
            followed.followers.append(follower)

    # --- errors without a route ---

    def listen_to_exceptions(self, bindings: list[RouteBinding]) -> None:
        """Listen to exceptions, if one that comes before the router can be a section's."""
        signals = self.app.signal_router
        self.policy_of_app = self.find_policy_of_app(bindings)
        needed = self.policy_of_app or any(route.name in _BEFORE_ROUTING for route in signals.routes)
        if self.listens_to_exceptions or not needed:
            return
        self.listens_to_exceptions = True
        finalized = signals.finalized
        if finalized:
            signals.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
        self.app.add_signal(self.on_exception, "http.lifecycle.exception")
        if finalized:
            signals.finalize()

    def find_policy_of_app(self, bindings: list[RouteBinding]) -> ActivePolicy | None:
        """Return the policy that every route of the app has, if it is one section as a whole."""
        whole = sections_of_blueprints(self.registered)[1]
        if whole is None or len(self.registered) > 1:
            return None
        active = whole.active_policy
        return active if all(binding.active is active for binding in bindings) else None

    async def on_exception(self, request: Request, **_: object) -> None:
        """Add CORS headers to the response to an error, before Sanic makes it."""
        stream = request.stream
        if request.route is not None or stream is None or stream.stage is not Stage.HANDLER:
            return
        whole = self.policy_of_app
        if whole is not None and whole.compiled.static is not None:
            # It is the same for everyone: also for a request that could not be read.
            send_wrapper_for(request, whole)
            return
        if not request.headers:
            return  # Sanic has made the request for the error: what was sent could not be read
        try:
            route, *_rest = self.router.get(request.path, request.method, request.headers.get("host"))
        except Exception:  # in no section; or the router fails on this path, which is no grant
            return
        first = route.extra.request_middleware[0] if route.extra.request_middleware else None
        if is_preflight(request) and isinstance(getattr(first, "__self__", None), OptionsHandler):
            request.route = route  # whose first middleware responds
        elif (active := active_policy_of(route)) is not None:
            send_wrapper_for(request, active)

    async def check_and_warn(self, _: AnySanic) -> None:
        """Check the hooks at the end of startup, and warn about what looks wrong.

        Raises:
            RuntimeError: a hook does not hold.
        """
        bindings = list(self.bindings())
        check_router(self.app, self.resolver)
        check_routes(bindings)
        await check_responses(self.app, self.resolver, bindings)
        for problem in startup_problems(self.app, self.registered, bindings):
            warn(problem)
