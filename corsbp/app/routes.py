"""The app's router: the routes of a blueprint, their prefix, and a path that leads to one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from types import SimpleNamespace
from typing import Any, TypeAlias

from sanic import Blueprint, Sanic
from sanic_routing.route import Route
from sanic_routing.utils import path_to_parts

from ..decision.prefix_tree import Segment

AnySanic: TypeAlias = Sanic[Any, Any]
AnyMiddleware: TypeAlias = Callable[..., Any]
Prefix: TypeAlias = tuple[str | None, tuple[Segment, ...]]
"""The host and the segments that stand before what a blueprint's routes declare."""


def routes_of(app: AnySanic, blueprints: Iterable[Blueprint]) -> dict[Blueprint, list[Route]]:
    """Return the routes of blueprints in this app's router."""
    static: dict[str, list[Route]] = {}
    for route in app.router.routes:
        if route.extra.static:
            static.setdefault(route.name, []).append(route)
    found = {}
    for blueprint in blueprints:
        routes = [route for route in blueprint.routes if route.router is app.router]
        # Sanic leaves static files out of Blueprint.routes.
        names = declared_uris(blueprint, static=True) if static else ()
        for name in names:
            routes += static.get(app.generate_name(name), ())
        found[blueprint] = routes
    return found


def declared_uris(blueprint: Blueprint, static: bool = False) -> dict[str, str]:
    """Return the paths of a blueprint's routes, or of its static files, as declared: by name, without prefix.

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
    """Iterate over a blueprint's routes: the declared name, and the prefix with versions and groups."""
    uris = declared_uris(blueprint) | declared_uris(blueprint, static=True)
    original = blueprint.copied_from
    if original:
        # Sanic renames the routes of a copy as they are registered, but not its static files.
        uris |= {name.replace(original, blueprint.name): uri for name, uri in uris.items()}
    for route in routes:
        name = _declared_name(route.name, uris)
        if name is not None:
            segments = path_segments(route)
            own = _count_declared_segments(route, uris[name])
            yield name, (route.requirements.get("host"), segments[: len(segments) - own])


def _count_declared_segments(route: Route, uri: str) -> int:
    """Return how many segments of a route's path were declared, and so are not its prefix."""
    # A doubled slash leaves an empty part here, and in the route.
    parts: Iterable[str] = uri.split("/")
    if "<" in uri or "%" in uri:  # there may be other slashes in a parameter, or behind an encoded character
        parts = path_to_parts(uri.strip("/"))  # type: ignore[no-untyped-call]  # Sanic's has no types
    count = sum(1 for part in parts if part)
    # Sanic appends the path of a static file to what was declared.
    return count + 1 if route.parts[-1] == "<__file_uri__:path>" else count


def _declared_name(name: str, uris: dict[str, str]) -> str | None:
    """Return the name with which a route was declared: `app.prefix_blueprint.handler` ends in it."""
    starts = (place for place in range(len(name)) if place == 0 or name[place - 1] in "._")
    return next((name[place:] for place in starts if name[place:] in uris), None)


def path_segments(route: Route) -> tuple[Segment, ...]:
    """Return a route's path in segments, as the router compares them."""
    patterns = route.defined_params
    segments: list[Segment] = [part for part in route.parts if part]
    for place, parameter in patterns.items():
        segments[place] = parameter.pattern
    return tuple(segments)


def prefix_segments(app: AnySanic, options: Mapping[str, Any]) -> tuple[Segment, ...]:
    """Return the segments that options of a registration, or of a group, put before all routes."""
    path = str(options.get("url_prefix") or "").strip("/")
    version = options.get("version")
    if version is not None:
        number = str(version).strip("/").removeprefix("v")
        before = (options.get("version_prefix") or "/v").strip("/")
        path = f"{before}{number}/{path}"
    # Sanic's own class reads the parameters in it.
    return path_segments(app.router.route_class(app.router, path.strip("/"), "", bool, ["GET"]))


_EXAMPLES = ("1", "a", "1.5", "2026-01-01", "a.txt", "f47ac10b-58cc-4372-a567-0e02b2c3d479")
"""One of these matches each type of parameter, unless it is an expression of the user's."""


def example_path(route: Route) -> str | None:
    """Return a path that leads to a route; None if no example matches one of its parameters."""
    parts: list[str] = [part for part in route.parts if part]
    for place, parameter in route.defined_params.items():
        example = _example(parts[place], parameter.pattern)
        if example is None:
            return None
        parts[place] = example
    return "/" + "/".join(parts)


def _example(part: str, pattern: re.Pattern[str] | None) -> str | None:
    """Return a value for a parameter; None if no example matches it."""
    extensions = re.search(r":ext=(\w+)", part)
    if extensions:
        return f"1.{extensions[1]}"
    return next((each for each in _EXAMPLES if pattern is None or pattern.match(each)), None)


def without_middleware(route: Route) -> Route:
    """Return a copy of a route for which no middleware runs; its name and its context stay.

    Where a route has no middleware, Sanic runs the app's: so this one has an iterator, which is true, and has
    come to its end.
    """
    bare = copy(route)
    bare.extra = copy_extra(route)
    bare.extra.request_middleware = bare.extra.response_middleware = iter(())
    return bare


def copy_extra(route: Route) -> SimpleNamespace:
    """Return a copy of `route.extra`: plain attributes, some of which it computes."""
    extra = route.extra
    names = (*vars(extra), *getattr(type(extra), "__slots__", ()), "ignore_body")
    return SimpleNamespace(**{name: getattr(extra, name) for name in names})
