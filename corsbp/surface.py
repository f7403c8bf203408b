"""An app's routes and who may call them, as data: for reviews, and for tests that try every route."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import Problem
from .fetch import in_order
from .mount import Plan, Section
from .policy import CorsPolicy
from .routing import AnySanic, OptionsRoute, example_path


@dataclass(frozen=True, slots=True)
class Served:
    """A route: what it serves, and under which policy.

    `section` and `policy` are None outside every section; `policy` alone where `ctx_cors=False` leaves the
    route out. `example` is a path that leads to the route, None where its pattern is too special to make one.
    """

    path: str
    methods: tuple[str, ...]
    host: str | None
    name: str
    section: str | None
    policy: CorsPolicy | None
    example: str | None
    websocket: bool = False


def sections(app: AnySanic) -> list[Section]:
    """The app's sections."""
    return [bp for bp in app.blueprints.values() if isinstance(bp, Section) and app in bp.mounts]


def surface(app: AnySanic) -> list[Served]:
    """The routes of an app, ours left out, sorted by path, host and methods; the app need not be started.

    Raises:
        ValueError: what would stop the app at startup, too: a blueprint in two sections, a bad `ctx_cors`.
    """
    plan = _plan(app)
    followed = plan.followed if plan else {}
    found = []
    for route in (route for group in app.router.groups.values() for route in group.routes):
        if isinstance(route, OptionsRoute):
            continue
        section, rules = followed.get(id(route), (None, None))
        found.append(
            Served(
                path=f"/{route.path}",
                methods=in_order(route.methods),
                host=route.requirements.get("host"),
                name=route.name,
                section=section.label() if section else None,
                policy=rules.policy if rules else None,
                example=example_path(route),
                websocket=bool(getattr(route.extra, "websocket", False)),
            )
        )
    return sorted(found, key=lambda each: (each.path, each.host or "", each.methods, each.name))


def oddities(app: AnySanic) -> list[Problem]:
    """What an app with sections is warned about at startup, without starting it."""
    plan = _plan(app)
    return list(plan.oddities()) if plan else []


def _plan(app: AnySanic) -> Plan | None:
    mount = next((each.mounts[app] for each in sections(app)), None)  # they share one
    return mount.planned() if mount else None


def policies(served: Iterable[Served]) -> list[CorsPolicy]:
    """The policies of some routes, each once."""
    return list(dict.fromkeys(each.policy for each in served if each.policy))
