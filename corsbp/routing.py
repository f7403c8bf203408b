"""What the app's router knows: whose a route is, where it comes from, what else its path has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from sanic import Blueprint, Sanic
from sanic_routing.route import Route
from sanic_routing.utils import path_to_parts

from .prefixes import Segment

AnySanic: TypeAlias = Sanic[Any, Any]


class OptionsRoute(Route):
    """An OPTIONS route of ours: it equals no other, so a later handler of the user's is no duplicate."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]


def routes_of(app: AnySanic, blueprint: Blueprint) -> Iterator[Route]:
    """A blueprint's routes in this app's router."""
    yield from (route for route in blueprint.routes if route.router is app.router)
    # Sanic leaves static files out of Blueprint.routes.
    names = {app.generate_name(name) for name in declared_uris(blueprint, static=True)}
    if names:
        yield from (route for route in app.router.routes if route.extra.static and route.name in names)


def declared_uris(blueprint: Blueprint, static: bool = False) -> dict[str, str]:
    """The paths of a blueprint's routes, or of its static files, as declared: by name, without any prefix.

    The only place that reads private names of Sanic's. There is no public way to a static file's name,
    nor from a registered route back to the part of its path that was declared, which is what tells the
    blueprint's prefix. Tested against every supported Sanic.
    """
    futures = blueprint._future_statics if static else blueprint._future_routes
    return {future.name: future.uri for future in futures}


def prefixes_of(app: AnySanic, blueprint: Blueprint) -> set[tuple[str | None, tuple[Segment, ...]]]:
    """The prefixes under which a blueprint is registered, versions and groups included, with their hosts."""
    uris = declared_uris(blueprint) | declared_uris(blueprint, static=True)
    if blueprint.copied_from:  # whose routes, but not its static files, are renamed as they are registered
        uris |= {name.replace(blueprint.copied_from, blueprint.name): uri for name, uri in uris.items()}
    prefixes = set()
    for route in routes_of(app, blueprint):
        uri = _declared_uri(route.name, uris)
        if uri is not None:
            own = len(_parts(uri)) + (route.parts[-1] == "<__file_uri__:path>")
            parts = [part for part in route.parts if part]
            patterns = route.defined_params
            prefix = (
                patterns[place].pattern if place in patterns else part
                for place, part in enumerate(parts[: len(parts) - own])
            )
            prefixes.add((route.requirements.get("host"), tuple(prefix)))
    return prefixes


def _declared_uri(name: str, uris: dict[str, str]) -> str | None:
    """The path declared for a route: the name `app.prefix_blueprint.handler` ends in the declared one."""
    ends = (name[place:] for place in range(len(name)) if place == 0 or name[place - 1] in "._")
    return next((uris[end] for end in ends if end in uris), None)


def _parts(uri: str) -> tuple[str, ...]:
    own = uri.strip("/")
    return tuple(path_to_parts(own)) if own else ()  # type: ignore[no-untyped-call]


def routes_at(router: Any, segments: tuple[str, ...]) -> list[Route]:
    """The routes of a path, for whatever host."""
    pools = (router.static_routes, router.dynamic_routes, router.regex_routes)
    return [route for pool in pools for route in pool.get(segments, ())]


def made_for(route: Route, routes: list[Route]) -> Route:
    """The route that this one was made for, if it is one of sanic-ext's automatic HEAD; else itself."""
    if getattr(route.handler, "__auto_handler__", False) and route.name.endswith("_head"):
        return next((other for other in routes if f"{other.name}_head" == route.name), route)
    return route


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
