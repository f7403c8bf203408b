"""An app's routes and who may call them, as data: for reviews, and for tests that try every route."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..policy.policy import CorsPolicy
from ..policy.problems import Problem
from ..spec.fetch import sort_methods
from .hooks import AppHooks
from .ownership import Owner
from .routes import AnySanic, example_path, routes_of
from .section import unregistered_groups
from .startup_checks import startup_problems as oddities_of
from .websockets import is_websocket


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """A route: what it serves, and under which policy.

    `section` is None outside every section, where a `ctx_cors` can still give the route a policy. `policy` is
    None where the route has no CORS. `example` is a path that leads to the route, None where its pattern is
    too special to make one. `blueprint` is the name of the one that it was declared on, None for the app.
    `own` and `left_out`: whether the policy is the route's own, and whether it wants none, by `ctx_cors`.
    `report_only` is the report-only policy beside it. `live`: whether its origins are followed from a store.
    """

    path: str
    methods: tuple[str, ...]
    host: str | None
    name: str
    section: str | None
    policy: CorsPolicy | None
    example: str | None
    websocket: bool = False
    blueprint: str | None = None
    own: bool = False
    left_out: bool = False
    report_only: CorsPolicy | None = None
    live: bool = False

    @property
    def whose(self) -> str | None:
        """Whose policy it follows, in words: the section's, or its own where it is in none."""
        return self.section or (f"ctx_cors of {self.name}" if self.policy else None)


def list_sections(app: AnySanic) -> list[Owner]:
    """The app's sections."""
    mount = AppHooks.of(app)
    return list(mount.registered) if mount else []


def list_routes(app: AnySanic) -> list[RouteInfo]:
    """The routes of an app, sorted by path, host and methods; the app need not be started.

    Raises:
        ValueError: what would stop the app at startup, too: a blueprint in two sections, a bad `ctx_cors`.
    """
    mount = AppHooks.of(app)
    bound = mount.bound() if mount else ((route, None, None) for route in app.router.routes)
    on = routes_of(app, app.blueprints.values())
    blueprints = {id(route): blueprint.name for blueprint, its in on.items() for route in its}
    found = [
        RouteInfo(
            path=f"/{route.path}",
            methods=sort_methods(route.methods),
            host=route.requirements.get("host"),
            name=route.name,
            section=section.compiled.label() if section else None,
            policy=active.policy if active else None,
            example=example_path(route),
            websocket=is_websocket(route),
            blueprint=blueprints.get(id(route)),
            own=isinstance(getattr(route.ctx, "cors", None), CorsPolicy),
            left_out=getattr(route.ctx, "cors", None) is False,
            report_only=active.report_only if active else None,
            live=active is not None and active.compiled.followed,
        )
        for route, section, active in bound
    ]
    return sorted(found, key=lambda each: (each.path, each.host or "", each.methods, each.name))


def list_startup_problems(app: AnySanic) -> list[Problem]:
    """What an app is warned about at startup, without starting it."""
    mount = AppHooks.of(app)
    return [*unregistered_groups(app), *(oddities_of(app, mount.registered, mount.bound()) if mount else ())]


def list_policies(served: Iterable[RouteInfo]) -> list[CorsPolicy]:
    """The policies of some routes, each once."""
    return list(dict.fromkeys(each.policy for each in served if each.policy))
