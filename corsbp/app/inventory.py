"""The routes of an app with their policies, as data: for reviews, and for tests that call every route."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sanic_routing.route import Route

from ..decision.active_policy import ActivePolicy
from ..policy.policy import CorsPolicy
from ..policy.problems import Problem
from ..spec.fetch import sort_methods
from .hooks import AppHooks
from .routes import AnySanic, example_path, prefixes_of, routes_of
from .section import Section, existing_sections, unregistered_groups
from .startup.startup_checks import startup_problems
from .websockets import is_websocket


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """A route: what it serves, and under which policy."""

    path: str
    methods: tuple[str, ...]
    host: str | None
    name: str
    section: str | None
    """The section's label; None outside of sections, where `ctx_cors` can set a policy."""

    policy: CorsPolicy | None
    """The policy in force; None for a route without CORS."""

    example: str | None
    """A path that leads to the route; None if the route's pattern is too special to make one."""

    websocket: bool = False
    blueprint: str | None = None
    """The name of the blueprint that declares the route; None for the app itself."""

    has_own_policy: bool = False
    """The policy comes from the route's `ctx_cors`, not from its section."""

    opts_out: bool = False
    """The route has `ctx_cors=False`."""

    report_only: CorsPolicy | None = None
    live: bool = False
    """The origins are followed from a store."""

    section_line: str | None = None
    """File and line of the `cors_group(...)` that made the section: `"/srv/shop.py:12"`."""

    handler: object = field(default=None, compare=False, repr=False)

    @property
    def policy_source(self) -> str | None:
        """The section, or `ctx_cors` of a route outside of sections, in words."""
        return self.section or (f"ctx_cors of {self.name}" if self.policy else None)


def list_sections(app: AnySanic) -> list[Section]:
    """Return the app's sections."""
    hooks = AppHooks.find(app)
    return list(hooks.registered) if hooks else []


def list_routes(app: AnySanic) -> list[RouteInfo]:
    """Return the routes of an app, sorted by path, host and methods; the app need not be started.

    Raises:
        ValueError: a fault that would stop the app at startup, too: a blueprint in two sections, or a
            `ctx_cors` that is not a policy.
    """
    hooks = AppHooks.find(app)
    bindings = hooks.bindings() if hooks else ((route, None, None) for route in app.router.routes)
    blueprints = {
        id(route): blueprint.name
        for blueprint, routes in routes_of(app, app.blueprints.values()).items()
        for route in routes
    }
    lines = {section.active_policy: section.made_at for section in existing_sections()}
    found = [
        _route_info(
            route, section, active, blueprints.get(id(route)), lines.get(section) if section else None
        )
        for route, section, active in bindings
    ]
    return sorted(found, key=lambda each: (each.path, each.host or "", each.methods, each.name))


def _route_info(
    route: Route,
    section: ActivePolicy | None,
    active: ActivePolicy | None,
    blueprint: str | None,
    section_line: str | None,
) -> RouteInfo:
    """Collect the facts of one route; `active` is the policy that it follows, `section` that around it."""
    ctx_cors = getattr(route.ctx, "cors", None)
    return RouteInfo(
        path=f"/{route.path}",
        methods=sort_methods(route.methods),
        host=route.requirements.get("host"),
        name=route.name,
        section=section.compiled.label() if section else None,
        policy=active.policy if active else None,
        example=example_path(route),
        websocket=is_websocket(route),
        blueprint=blueprint,
        has_own_policy=isinstance(ctx_cors, CorsPolicy),
        opts_out=ctx_cors is False,
        report_only=active.report_only if active else None,
        live=active is not None and active.compiled.is_live,
        section_line=section_line,
        handler=route.handler,
    )


def list_prefixes(app: AnySanic) -> list[tuple[str | None, str]]:
    """Return the hosts and paths below which blueprints and groups have their routes, the root first.

    Prefixes with a parameter are left out.
    """
    hooks = AppHooks.find(app)
    found = {prefix for prefix, _ in hooks.prefixes()} if hooks else {(None, ())}
    for blueprint, routes in routes_of(app, app.blueprints.values()).items():
        found |= {prefix for _, prefix in prefixes_of(blueprint, routes)}
    paths = {
        (host, "".join(f"/{segment}" for segment in segments))
        for host, segments in found
        if all(isinstance(segment, str) for segment in segments)
    }
    return sorted(paths, key=lambda each: (each[1], each[0] or ""))


def list_startup_problems(app: AnySanic) -> list[Problem]:
    """Return the problems that the app's startup would warn about; the app is not started."""
    problems = unregistered_groups(app)
    if (hooks := AppHooks.find(app)) is not None:
        problems += startup_problems(app, hooks.registered, hooks.bindings())
    return problems


def list_policies(served: Iterable[RouteInfo]) -> list[CorsPolicy]:
    """Return the policies of these routes, each once."""
    return list(dict.fromkeys(each.policy for each in served if each.policy))
