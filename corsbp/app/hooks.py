"""The one room that touches the app.

Which hooks of Sanic's it uses, and why each is there:

- `app.router.finalize`, with which Sanic compiles its router in every way of starting: the routes are bound
  there, so that no section is ever served unbound.
- `app.router.resolve`, which Sanic asks for the route of a request (see `whose`).
- `route.extra`, into which Sanic then sets a route's chains of middleware (see `chain`).
- `http.lifecycle.exception`, only where the app listens to signals before its router is asked: what fails
  there has no route.
- `before_server_start`, last of all: to say what looks wrong. Nothing depends on it.
- `before_server_start` and `before_server_stop`, between which live origins are followed. `create_server()`
  runs neither: there it begins with the first question to `app.router.resolve`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sanic import Blueprint
from sanic.http import Stage
from sanic.request import Request

from ..live.follower import OriginFollower
from ..live.sources import FollowedSources
from ..log import enable_debug
from ..policy.problems import warn
from .bindings import RouteBinding, bind_routes
from .middleware import RouteMiddleware
from .ownership import Owner, prefix_trees, sections_of_blueprints
from .preflights import is_preflight
from .resolver import Found, Resolver
from .route_extra import RouteExtra, active_policy_of
from .routes import AnySanic, Prefix, prefix_segments, prefixes_of, routes_of
from .send import send_wrapper_for
from .startup_checks import startup_problems

LAST: Final = -1_000_000
"""Listeners run from high to low; sanic-ext adds its routes at -1000."""

_BEFORE_ROUTING: Final = frozenset({"http.lifecycle.handle", "http.routing.before"})


class AppHooks:
    """The sections of one app."""

    def __init__(self, app: AnySanic) -> None:
        self.app = app
        self.registered: dict[Owner, list[dict[str, Any]]] = {}
        """Each section with the options of its registrations: usually one."""
        self.owners: dict[Blueprint, Owner] = {}
        self.whole: Owner | None = None
        """Whose the blueprints are of what is registered, or was about to be; and who has all the rest."""
        self.whose = Resolver(app)
        self.listens = False
        self.followed = FollowedSources()
        self.compile = app.router.finalize
        app.router.finalize = self.finalize  # type: ignore[method-assign]  # our hooks: see above
        app.router.resolve = self.whose.resolve  # type: ignore[method-assign]  # our hooks: see above
        app.register_listener(self.warn, "before_server_start", priority=LAST)

    @classmethod
    def of(cls, app: AnySanic) -> AppHooks | None:
        """The app's mount, if it has one: its router leads to it."""
        mount = getattr(app.router.finalize, "__self__", None)
        return mount if isinstance(mount, AppHooks) else None

    def admit(self, section: Owner) -> None:
        """See whether a section goes with those that are there.

        Raises:
            ValueError: a blueprint of it is in another section, too.
        """
        try:
            self.owners, self.whole = sections_of_blueprints([section], self.owners, self.whole)
        except ValueError:  # unless groups have grown since
            self.owners, self.whole = sections_of_blueprints([*self.registered, section])

    def take(self, section: Owner, options: dict[str, Any]) -> None:
        """Take a section in, with the options of its registration."""
        self.registered.setdefault(section, []).append(options)
        if self.app.router.finalized:
            self.bind()

    def finalize(self, *args: Any, **options: Any) -> None:
        """As the router's: compile it, then bind what it has."""
        self.compile(*args, **options)
        self.bind()

    def bind(self) -> None:
        """Bind the app's routes: worked out aside, then published.

        Raises:
            ValueError: a blueprint is in two sections, or a route's `ctx_cors` is no policy.
        """
        table = list(self.bound())
        trees = prefix_trees(self.prefixes())
        parts = {active: RouteMiddleware(active) for _, _, active in table if active}
        for route, _, active in table:
            part = parts[active] if active else None
            if isinstance(route.extra, RouteExtra):
                route.extra.take_part(part)
            elif part is not None:
                route.extra = RouteExtra(route.extra, part)
        self.whose.learn((route for route, *_ in table), trees)
        # Sanic does not forget which route a path led to when its router is compiled anew.
        if (forget := getattr(self.app.router.get, "cache_clear", None)) is not None:
            forget()
        self.listen()
        if self.app.debug:
            enable_debug()

    def bound(self) -> Iterator[RouteBinding]:
        """What each of the app's routes is bound to, as things are now."""
        mine, whole = sections_of_blueprints(self.registered)
        routes = routes_of(self.app, mine)
        owned = {
            id(route): mine[blueprint].active_policy for blueprint, its in routes.items() for route in its
        }
        other = whole.active_policy if whole else None
        groups = self.app.router.groups.values()
        return bind_routes((group.routes for group in groups), lambda route: owned.get(id(route), other))

    def prefixes(self) -> Iterator[tuple[Prefix, Owner | None]]:
        """Every prefix that is in use, with its section; None for a blueprint in no section."""
        mine, whole = sections_of_blueprints(self.registered)
        yield (None, ()), whole
        everything = dict.fromkeys((*self.app.blueprints.values(), *mine))
        for blueprint, routes in routes_of(self.app, everything).items():
            for prefix in {prefix for _, prefix in prefixes_of(blueprint, routes)}:
                if prefix[1]:  # the root is the app's
                    yield prefix, mine.get(blueprint, whole)
        for section, registrations in self.registered.items():
            group = section.members
            if group.url_prefix or group.version is not None:
                for options in registrations:
                    yield (None, prefix_segments(self.app, options)), section

    # --- what is done while the app serves ---

    def start_follower(self, follower: OriginFollower) -> None:
        """Let a source begin after the app's own listeners, and end before them."""
        followed = self.followed
        if not followed.followers:
            self.app.register_listener(followed.start, "before_server_start", priority=LAST)
            self.app.register_listener(followed.stop, "before_server_stop", priority=LAST)
            self.app.router.resolve = self.resolve  # type: ignore[method-assign]  # our hook: see above
        if follower not in followed.followers:
            followed.followers.append(follower)

    def resolve(self, path: str, **options: Any) -> Found:
        """As the router's: asked about the first request, and about what Sanic's cache does not know."""
        self.followed.begin_late(self.app)
        return self.whose.resolve(path, **options)

    # --- what fails before the router is asked ---

    def listen(self) -> None:
        """Hear of exceptions, if the app listens to signals before routing."""
        signals = self.app.signal_router
        if self.listens or not any(route.name in _BEFORE_ROUTING for route in signals.routes):
            return
        self.listens = True
        finalized = signals.finalized
        if finalized:
            signals.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
        self.app.add_signal(self.on_exception, "http.lifecycle.exception")
        if finalized:
            signals.finalize()

    async def on_exception(self, request: Request, **_: object) -> None:
        """Before Sanic answers an error: see to it that the page can read the answer."""
        stream = request.stream
        if request.route is not None or stream is None or stream.stage is not Stage.HANDLER:
            return
        try:
            route, *_rest = self.app.router.get(request.path, request.method, request.headers.get("host"))
        except Exception:  # nobody's
            return
        if is_preflight(request) and getattr(route.extra, "corsbp_intercepts", False):
            request.route = route  # whose first middleware answers
        elif (active := active_policy_of(route)) is not None:
            send_wrapper_for(request, active)

    def warn(self, _: AnySanic) -> None:
        """At the end of startup: say what looks wrong."""
        for problem in startup_problems(self.app, self.registered, self.bound()):
            warn(problem)
