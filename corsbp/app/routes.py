"""What the app's router knows: the routes of a blueprint, their prefix, and a path that leads to one."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from types import SimpleNamespace
from typing import Any, TypeAlias

from sanic import Blueprint, Sanic
from sanic_routing.route import Route
from sanic_routing.utils import path_to_parts

from ..decision.prefix_tree import Segment

AnySanic: TypeAlias = Sanic[Any, Any]
Middleware: TypeAlias = Callable[..., Any]
Prefix: TypeAlias = tuple[str | None, tuple[Segment, ...]]
"""The host and the segments that stand before what a blueprint's routes declare."""


def routes_of(app: AnySanic, blueprints: Iterable[Blueprint]) -> dict[Blueprint, list[Route]]:
    """The routes of blueprints in this app's router."""
    static: dict[str, list[Route]] = {}
    for route in app.router.routes:
        if route.extra.static:
            static.setdefault(route.name, []).append(route)
    found = {}
    for blueprint in blueprints:
        routes = [route for route in blueprint.routes if route.router is app.router]
        # Sanic leaves static files out of Blueprint.routes.
        for name in declared_uris(blueprint, static=True) if static else ():
            routes += static.get(app.generate_name(name), ())
        found[blueprint] = routes
    return found


def declared_uris(blueprint: Blueprint, static: bool = False) -> dict[str, str]:
    """The paths of a blueprint's routes, or of its static files, as declared: by name, without any prefix.

    The only place that reads private names of Sanic's. There is no public way to a static file's name,
    nor from a registered route back to the part of its path that was declared, which is what tells the
    blueprint's prefix. Tested against every supported Sanic.
    """
    futures = blueprint._future_statics if static else blueprint._future_routes
    return {future.name: future.uri for future in futures}


def remove_listener(blueprint: Blueprint, listener: object) -> None:
    """Take back a listener that a blueprint has not registered with an app yet.

    There is no public way, and an app with a listener for each of many blueprints starts slowly: Sanic sorts
    all of them for each. Tested against every supported Sanic.
    """
    futures = blueprint._future_listeners
    futures[:] = [future for future in futures if future.listener != listener]


def prefixes_of(blueprint: Blueprint, routes: Iterable[Route]) -> Iterator[tuple[str, Prefix]]:
    """The prefix of each of a blueprint's routes, versions and groups included, with the declared name."""
    uris = declared_uris(blueprint) | declared_uris(blueprint, static=True)
    if blueprint.copied_from:  # whose routes, but not its static files, are renamed as they are registered
        uris |= {name.replace(blueprint.copied_from, blueprint.name): uri for name, uri in uris.items()}
    for route in routes:
        name = _declared_name(route.name, uris)
        if name is not None:
            uri = uris[name].strip("/")
            # Sanic keeps the empty part of a doubled slash in both
            own = len(list(filter(None, path_to_parts(uri))))  # type: ignore[no-untyped-call]  # Sanic's has no types
            own += route.parts[-1] == "<__file_uri__:path>"
            segments = path_segments(route)
            yield name, (route.requirements.get("host"), segments[: len(segments) - own])


def path_segments(route: Route) -> tuple[Segment, ...]:
    """A route's path in segments, as the router compares them."""
    patterns = route.defined_params
    parts = [part for part in route.parts if part]
    return tuple(patterns[place].pattern if place in patterns else part for place, part in enumerate(parts))


def prefix_segments(app: AnySanic, options: Mapping[str, Any]) -> tuple[Segment, ...]:
    """The segments that these options of a registration, or a group, put before all routes."""
    path = str(options.get("url_prefix") or "").strip("/")
    if (version := options.get("version")) is not None:
        number = str(version).strip("/").removeprefix("v")
        path = f"{(options.get('version_prefix') or '/v').strip('/')}{number}/{path}"
    return path_segments(app.router.route_class(app.router, path.strip("/"), "", bool, ["GET"]))


def _declared_name(name: str, uris: dict[str, str]) -> str | None:
    """The name with which a route was declared: `app.prefix_blueprint.handler` ends in it."""
    ends = (name[place:] for place in range(len(name)) if place == 0 or name[place - 1] in "._")
    return next((end for end in ends if end in uris), None)


_EXAMPLES = ("1", "a", "1.5", "2026-01-01", "a.txt", "f47ac10b-58cc-4372-a567-0e02b2c3d479")
"""One of these matches what a parameter takes, unless it is an expression of the user's."""


def example_path(route: Route) -> str | None:
    """A path that leads to a route; None where no example matches one of its parameters."""
    parameters = route.defined_params

    def example(place: int, part: str) -> str | None:
        if place not in parameters:
            return part
        if extensions := re.search(r":ext=(\w+)", part):
            return f"1.{extensions[1]}"
        pattern = parameters[place].pattern
        return next((each for each in _EXAMPLES if pattern is None or pattern.match(each)), None)

    parts = [example(place, part) for place, part in enumerate(filter(None, route.parts))]
    return None if None in parts else "/" + "/".join(map(str, parts))


def without_middleware(route: Route) -> Route:
    """Return a copy of a route for which no middleware runs; its name and its context stay.

    Where a route has no middleware, Sanic runs the app's: so this one has middleware that does nothing.
    """
    bare = copy(route)
    bare.extra = SimpleNamespace(**vars(route.extra))
    bare.extra.request_middleware = deque([_do_nothing])
    bare.extra.response_middleware = deque([_do_nothing])
    return bare


def _do_nothing(*_: object) -> None:
    """Do nothing."""
