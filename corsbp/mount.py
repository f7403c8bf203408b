"""At registration and startup: a section's routes get their OPTIONS, their chains and their prefixes.

Beside `routing`, which only reads it, the one file that touches the app and its router.

Where the hooks are, and why there: a `Section` is a blueprint without routes that its group yields last,
so Sanic hands it the app once the group's own blueprints have theirs. OPTIONS routes are declared at that
moment, before Sanic compiles its router; what is declared later gets them at the first moment of startup,
with one more compilation for all. The chains are bound at the last moment of startup, after every other
extension, and are completed anew whenever Sanic sets them (`SectionExtra`).
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

from sanic import Blueprint
from sanic.blueprints import BlueprintGroup
from sanic.exceptions import MethodNotAllowed, NotFound
from sanic.http import Stage
from sanic.request import Request
from sanic_routing.exceptions import NoMethod
from sanic_routing.exceptions import NotFound as NoRoute
from sanic_routing.route import Route

from .binding import Binding, SectionExtra
from .chain import LastWord, Writer, is_other_cors
from .decision import Path, Refusal, Rules
from .errors import Problem, warn
from .fetch import METHODS, ORIGIN
from .handlers import Log, Options, gate, keep, leave_alone, writer
from .journal import journal, shown
from .policy import CorsPolicy
from .prefixes import Prefixes
from .routing import AnySanic, OptionsRoute, made_for, prefixes_of, routes_at, routes_of

Place: TypeAlias = tuple[tuple[str, ...], str | None]
"""A path of the router, in segments without the names of parameters, and the host that it is for."""

# Listeners run from high to low; sanic-ext adds its routes at -1000.
FIRST: Final = 1_000_000
LAST: Final = -1_000_000

_numbers = count(1)


class Section(Blueprint):
    """The blueprint by which a group meets the app: it has no routes, and knows whose policy holds."""

    __slots__ = ("members", "mounts", "policy")

    def __init__(self, members: BlueprintGroup, policy: CorsPolicy) -> None:
        super().__init__(f"corsbp-{next(_numbers)}")
        self.members = members
        self.policy = policy
        self.mounts: dict[AnySanic, Mount] = {}

    def register(self, app: AnySanic, options: dict[str, Any]) -> None:
        """Called by Sanic once the group's own blueprints are registered."""
        super().register(app, options)  # type: ignore[no-untyped-call]
        if app not in self.mounts:
            others = (bp for bp in app.blueprints.values() if isinstance(bp, Section) and app in bp.mounts)
            first = next(others, None)
            self.mounts[app] = first.mounts[app] if first else Mount(app)
        self.mounts[app].register(self)

    def reconfigure(self, policy: CorsPolicy) -> None:
        """Follow another policy; if it cannot be bound everywhere, the old one stays everywhere."""
        before, self.policy = self.policy, policy
        try:
            plans = [(mount, mount.planned()) for mount in self.mounts.values()]
        except BaseException:
            self.policy = before
            raise
        for mount, plan in plans:
            mount.publish(plan)

    def label(self) -> str:
        """The section in words, for logs and errors."""
        names = [bp.name for bp, owner in _claims(self) if owner is self]
        more = f" and {len(names) - 3} more" if len(names) > 4 else ""
        return f"cors_group({', '.join(names[:3] if more else names)}{more})"


def _claims(section: Section) -> Iterator[tuple[Blueprint, Section]]:
    """Each blueprint of a section, however deep, with the innermost section around it."""

    def walk(group: Iterable[Any], owner: Section) -> Iterator[tuple[Blueprint, Section]]:
        items = list(group)
        owner = next((item for item in items if isinstance(item, Section)), owner)
        for item in items:
            if isinstance(item, BlueprintGroup):
                yield from walk(item, owner)
            elif not isinstance(item, Section):
                yield item, owner

    return walk(section.members, section)


class Mount:
    """The sections of one app."""

    def __init__(self, app: AnySanic) -> None:
        self.app = app
        self.sections: list[Section] = []
        self.owners: dict[Blueprint, Section] = {}
        self.options: dict[Place, Options] = {}
        self.plan = Plan(self)
        self.compiled: object = None
        app.register_listener(self.declare_late, "before_server_start", priority=FIRST)
        app.register_listener(self.start, "before_server_start", priority=LAST)
        app.add_signal(self.on_exception, "http.lifecycle.exception")

    # --- registration ---

    def register(self, section: Section) -> None:
        """Take a section in, and declare the OPTIONS of the routes that it has so far."""
        if section not in self.sections:
            self.sections.append(section)
        claimed = list(_claims(section))
        for blueprint, owner in claimed:
            self.claim(blueprint, owner)
        self.declare(route for blueprint, _ in claimed for route in routes_of(self.app, blueprint))
        if self.app.state.is_started:
            self.bind()

    def claim_all(self) -> None:
        """Note anew whose the blueprints are: groups may have grown since."""
        self.owners = {}
        for section in self.sections:
            for blueprint, owner in _claims(section):
                self.claim(blueprint, owner)

    def claim(self, blueprint: Blueprint, section: Section) -> None:
        """Note whose a blueprint is: the innermost section's.

        Raises:
            ValueError: two sections, neither inside the other, wrap the same blueprint.
        """
        other = self.owners.setdefault(blueprint, section)
        if other is section or _within(other, section):
            return
        if not _within(section, other):
            raise ValueError(
                f"The blueprint {blueprint.name!r} is in two sections, {other.label()} and "
                f"{section.label()}, but can follow only one policy. Put a copy into one of them: "
                f"{blueprint.name}.copy({blueprint.name + '_copy'!r}, url_prefix=...)."
            )
        self.owners[blueprint] = section

    def declare(self, routes: Iterable[Route], *, shared: bool = False) -> None:
        """Give the path of each of these routes an OPTIONS route, where it has none.

        A path that other hosts have as well waits for the end of startup (`shared`): with an OPTIONS route
        on it, sanic-ext would leave out its own for those hosts.
        """
        router = self.app.router
        mine = {id(route): route for route in routes}
        missing: dict[Place, Route] = {}
        # Sanic keeps a blueprint's routes in a set: their order must not get into a name.
        for route in sorted(mine.values(), key=lambda route: (route.path, route.name)):
            place = (route.segments, route.requirements.get("host"))
            if place in missing or getattr(route.ctx, "cors", None) is False:
                continue
            there = routes_at(router, route.segments)
            if any("OPTIONS" in r.methods and r.requirements.get("host") == place[1] for r in there):
                continue
            if shared or all(id(r) in mine or r.requirements.get("host") == place[1] for r in there):
                missing[place] = route
        if not missing:
            return
        with self.app.amend():
            route_class, router.route_class = router.route_class, OptionsRoute
            try:
                for place, route in missing.items():
                    options = self.options[place] = Options(Path({}))
                    added = router.add(
                        uri=route.uri,
                        methods=["OPTIONS"],
                        handler=options.answer,  # type: ignore[arg-type]  # Sanic also takes plain functions
                        host=place[1],
                        strict_slashes=route.strict,
                        name=f"{self.app.name}.corsbp.{len(self.options)}",
                        unquote=route.unquote,
                    )
                    assert isinstance(added, OptionsRoute)
                    added.extra.websocket = False
                    # Behind a handler of the user's that is declared later for the same path.
                    added.priority = 1
            finally:
                router.route_class = route_class

    # --- startup ---

    def declare_late(self, _: AnySanic) -> None:
        """Before every other extension: the OPTIONS of what was declared since the registration."""
        self.claim_all()
        self.declare(self.routes())
        _hide_from_openapi()

    def routes(self) -> Iterator[Route]:
        """Every section's routes."""
        return (route for blueprint in self.owners for route in routes_of(self.app, blueprint))

    def start(self, _: AnySanic) -> None:
        """After every other extension: bind the routes, and say what looks wrong."""
        self.declare(self.routes(), shared=True)
        self.bind()
        for problem in self.plan.oddities():
            warn(problem)

    def catch_up(self) -> None:
        """Bind again if the router was compiled since: the app was amended, or started once more."""
        if self.app.router.find_route is not self.compiled:
            self.bind()

    def bind(self) -> None:
        """Work everything out aside, then publish it: no request meets half of it.

        Raises:
            ValueError: a route's `ctx_cors` is neither a CorsPolicy nor False.
        """
        compiled = self.app.router.find_route
        plan = self.planned()
        self.compiled = compiled
        self.publish(plan)

    def planned(self) -> Plan:
        """What is to be bound under the policies of this moment."""
        self.claim_all()
        plan = Plan(self)
        plan.make()
        return plan

    def publish(self, plan: Plan) -> None:
        """Bind what was planned."""
        # Sanic remembers which route a path led to, and does not forget it when it is amended.
        self.app.router.get.cache_clear()
        for options, path, own, say in plan.options:
            options.path, options.own, options.say = path, own, say
        for route, binding in plan.routes:
            if isinstance(route.extra, SectionExtra):
                route.extra.bind(binding)
            else:
                route.extra = SectionExtra(binding, self.catch_up, route.extra)
        self.plan = plan

    # --- errors ---

    async def on_exception(self, request: Request, exception: BaseException, **_: object) -> None:
        """Before Sanic answers an error: see to it that the page can read the answer.

        Nothing of this runs for a request that succeeds.
        """
        stream = request.stream
        if stream is None or stream.stage is not Stage.HANDLER or isinstance(stream, LastWord):
            return
        if request.route is not None:
            if isinstance(request.route.extra, SectionExtra):
                keep(request)
            binding = getattr(request.route.extra, "corsbp", None)
            write = binding.write if binding else None
        elif isinstance(exception, NotFound | MethodNotAllowed) and request.path.startswith("/"):
            options = self.plan.options_of(request, isinstance(exception, MethodNotAllowed))
            if options is None:
                return
            if isinstance(exception, MethodNotAllowed):
                # With two routes on a parametrised path, the router does not say which methods there are.
                exception.allowed_methods = tuple(options.path.allow.split(", "))
                exception.headers = {**exception.headers, "Allow": options.path.allow}
            if request.method == "OPTIONS" and options.concerns(request):
                request.route = self.stand_in(options)
            write = options.write
        else:
            write = None
        if write is not None:
            request.stream = LastWord(request, write)  # type: ignore[assignment]

    def stand_in(self, options: Options) -> Route:
        """A route for a preflight whose path has none, so that Sanic runs our request middleware first."""
        route = Route(self.app.router, "", f"{self.app.name}.corsbp", options.answer, ["OPTIONS"])
        extra = SimpleNamespace(
            error_format=None,
            ident=route.name,
            request_middleware=deque(self.app.request_middleware),
            response_middleware=deque(self.app.response_middleware),
        )
        route.extra = SectionExtra(Binding(options.write, first=options.intercept), self.catch_up, extra)
        return route


class Plan:
    """How the routes of an app are bound under the policies of one moment."""

    def __init__(self, mount: Mount) -> None:
        self.mount = mount
        self.app = mount.app
        self.routes: list[tuple[Route, Binding]] = []
        self.options: list[tuple[Options, Path, Writer | None, Log]] = []
        self.prefixes: dict[str | None, Prefixes[Section]] = {}
        self.rules: dict[int, Rules] = {}
        self.bindings: dict[tuple[int, bool, int], Binding] = {}
        self.paths: dict[tuple[tuple[str, int], ...], Path] = {}
        self.followed: dict[int, tuple[Section, Rules | None]] = {}
        self.unowned: list[Route] = []
        self.hosted = False
        self.served: dict[Section, set[str]] = {section: set() for section in mount.sections}

    def make(self) -> None:
        """Fill the plan from the router as it is now."""
        owned = {
            id(route): section
            for blueprint, section in self.mount.owners.items()
            for route in routes_of(self.app, blueprint)
        }
        for group in self.app.router.groups.values():
            hosts: dict[str | None, list[Route]] = {}
            for route in group.routes:
                hosts.setdefault(route.requirements.get("host"), []).append(route)
            for host, routes in hosts.items():
                self.bind_path((group.segments, host), routes, owned)
        found = [
            (host, prefix, self.mount.owners.get(blueprint))
            for blueprint in dict.fromkeys((*self.app.blueprints.values(), *self.mount.owners))
            for host, prefix in prefixes_of(self.app, blueprint)
        ]
        self.hosted = any(host for host, *_ in found)
        for name in {None, *(host for host, *_ in found)}:
            prefixes = self.prefixes[name] = Prefixes[Section]()
            for host, prefix, owner in found:
                if host in (None, name):
                    prefixes.add(prefix, owner)

    def bind_path(self, place: Place, routes: list[Route], owned: dict[int, Section]) -> None:
        """Bind the routes of one path of one host."""
        sections: dict[int, Section] = {}
        followed: dict[int, Rules | None] = {}
        for route in routes:
            like = made_for(route, routes)
            section = owned.get(id(like))
            if section is None:
                if like is route and hasattr(like.ctx, "cors"):
                    self.unowned.append(like)
                continue
            sections[id(route)] = section
            followed[id(route)] = self.rules_of(like, section)
            self.followed[id(route)] = section, followed[id(route)]
            self.served[section] |= route.methods
        if not any(followed.values()):
            return
        theirs = [route for route in routes if not isinstance(route, OptionsRoute)]
        path = self.path({method: followed.get(id(route)) for route in theirs for method in route.methods})
        say = self.say(next(iter(sections.values())))
        for route in theirs:
            rules = followed.get(id(route))
            if "OPTIONS" in route.methods:
                options = Options(path, leave_alone, say)
                if rules is not None:
                    options.own = self.binding(route, rules, sections[id(route)]).write
                shared = rules is None
                self.routes.append(
                    (route, Binding(options.write, rules, options.intercept, say, shared=shared))
                )
            elif rules is not None:
                self.routes.append((route, self.binding(route, rules, sections[id(route)])))
        for route in routes:
            if isinstance(route, OptionsRoute):
                ours = self.mount.options[place]
                self.options.append((ours, path, None, say))
                # The handler's own Options follow every plan; the chain, like a request, stays with one.
                options = Options(path, None, say)
                self.routes.append((route, Binding(options.write, first=options.intercept, ours=True)))

    def rules_of(self, route: Route, section: Section) -> Rules | None:
        """The rules that a route of a section follows; None where it is left out of CORS."""
        policy: object = getattr(route.ctx, "cors", section.policy)
        if policy is False:
            return None
        if not isinstance(policy, CorsPolicy):
            # No TypeError: Sanic takes that for a listener that wants more arguments.
            raise ValueError(  # noqa: TRY004
                f"ctx_cors={policy!r} of the route {route.name!r} (/{route.path}) "
                "is neither a CorsPolicy nor False: leave it out to follow the section's policy"
            )
        return self.compiled(policy)

    def compiled(self, policy: CorsPolicy) -> Rules:
        """A policy's rules, made once."""
        # By identity: hashing a thousand origins for each of a thousand routes would be felt.
        if id(policy) not in self.rules:
            self.rules[id(policy)] = Rules(policy)
        return self.rules[id(policy)]

    def binding(self, route: Route, rules: Rules, section: Section) -> Binding:
        """What a route under these rules is bound to: the same for all that need the same."""
        gated = rules.policy.check_websockets and bool(getattr(route.extra, "websocket", False))
        key = (id(rules), gated, id(section) if self.app.debug else 0)
        if key not in self.bindings:
            say = self.say(section)
            self.bindings[key] = Binding(
                writer(rules, say), rules, gate(rules, say) if gated else None, say=say
            )
        return self.bindings[key]

    def path(self, served: dict[str, Rules | None]) -> Path:
        """A path with these methods: the same for all that serve the same under the same rules."""
        key = tuple(sorted((method, id(rules)) for method, rules in served.items()))
        if key not in self.paths:
            self.paths[key] = Path(served)
        return self.paths[key]

    def say(self, section: Section) -> Log:
        """Who logs a section's refusals: nobody, unless Sanic's debug is on."""
        if not self.app.debug:
            return None
        label = section.label()

        def say(request: Request, refusal: Refusal) -> None:
            journal.write(
                logging.DEBUG,
                "%s refused %s %s for origin %s: %s: %s is not %s",
                label,
                shown(request.method),
                shown(request.path),
                shown(request.headers.getall(ORIGIN, [])),
                refusal.id,
                shown(refusal.value),
                refusal.expected,
            )

        return say

    # --- for errors of the router ---

    def options_of(self, request: Request, known: bool) -> Options | None:
        """What OPTIONS says about a request's path, by the routes that it has, or else by its prefix.

        `known`: the router knows the path. Where paths have hosts, it says 404 of those as well.
        """
        router, host = self.app.router, request.headers.getone("host", None)
        served: dict[str, Rules | None] = {}
        say: Log = None
        for method in METHODS if known or self.hosted else ():
            try:
                route, *_ = router.resolve(
                    path=request.path, method=method, extra={"host": host} if host else None
                )
            except (NoRoute, NoMethod):
                continue
            if not isinstance(route, OptionsRoute):
                bound = route.extra.corsbp if isinstance(route.extra, SectionExtra) else Binding(leave_alone)
                served[method] = bound.rules
                say = say or bound.say
        if not served:
            prefixes = self.prefixes.get(host) or self.prefixes[None]
            if section := prefixes.owner(request.path[1:].split("/")):
                served = dict.fromkeys(METHODS, self.compiled(section.policy))
                say = self.say(section)
        path = self.path(served)
        return Options(path, writer(path.default, say), say) if path.default else None

    # --- for people ---

    def oddities(self) -> Iterator[Problem]:
        """What is legal at startup, but probably not meant."""
        for section, served in self.served.items():
            label = section.label()
            if not served:
                yield Problem("section-empty", "cors_group", label, "has no route")
            elif section.policy.allow_methods != "*":
                for method in section.policy.allow_methods:
                    if method not in served and method != "OPTIONS":
                        yield Problem(
                            "method-unserved", "allow_methods", method, f"is served by no route of {label}"
                        )
        for route in self.unowned:
            yield Problem("route-outside", "ctx_cors", route.ctx.cors, f"is on {route.name!r}, in no section")
        chains = [self.app.response_middleware, *self.app.named_response_middleware.values()]
        if any(is_other_cors(each) == "sanic_cors" for chain in chains for each in chain):
            yield Problem("two-layers", "cors_group", self.app.name, "has sanic-cors as well")


def _within(inner: Section, outer: Section) -> bool:
    return any(section is inner for _, section in _claims(outer))


def _hide_from_openapi() -> None:
    """Keep our OPTIONS out of sanic-ext's pages. An app that has sanic-ext has imported it by now."""
    openapi = getattr(sys.modules.get("sanic_ext"), "openapi", None)
    if openapi is not None:
        openapi.exclude()(Options.answer)
