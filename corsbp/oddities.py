"""What is legal when an app starts, but probably not meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sanic import Blueprint

from .binding import Bound
from .chain import other_cors
from .errors import Problem
from .ownership import AnOwner, owners
from .prefixes import Segment
from .routing import AnySanic, declared_uris, prefixes_of, routes_of


def oddities(
    app: AnySanic, sections: Mapping[AnOwner, Sequence[object]], bound: Iterable[Bound]
) -> Iterator[Problem]:
    """The oddities of an app, of its sections with their registrations, and of what its routes follow."""
    served: dict[AnOwner, set[str]] = {section: set() for section in sections}
    for route, owner, _ in bound:
        if owner is not None:
            served[owner] |= route.methods
    for section, methods in served.items():
        yield from _unserved(section, methods)
    yield from _moved(app, sections)
    chains = [app.response_middleware, *app.named_response_middleware.values()]
    if any(other_cors(each) == "sanic_cors" for chain in chains for each in chain):
        yield Problem("two-layers", "cors_group", app.name, "has sanic-cors as well")


def _unserved(section: AnOwner, served: set[str]) -> Iterator[Problem]:
    label, allowed = section.label(), section.follow.rules.policy.allow_methods
    if not served:
        yield Problem("section-empty", "cors_group", label, "has no route")
    elif allowed != "*":
        for method in allowed:
            if method not in served and method != "OPTIONS":
                yield Problem("method-unserved", "allow_methods", method, f"is served by no route of {label}")


def _moved(app: AnySanic, sections: Mapping[AnOwner, Sequence[object]]) -> Iterator[Problem]:
    """Blueprints that were registered in a group, and beside it under another prefix."""
    mine, _ = owners(sections)
    for blueprint, routes in routes_of(app, mine).items():
        if len(sections.get(mine[blueprint], ())) > 1 or len(routes) <= declared(blueprint):
            continue  # the group itself is registered more than once; or nothing is
        places: dict[str, dict[str, None]] = {}
        for name, (_host, prefix) in prefixes_of(blueprint, routes):
            places.setdefault(name, {})[_path(prefix)] = None
        twice = next((each for each in places.values() if len(each) > 1), None)
        if twice:
            message = (
                f"is registered at {' and at '.join(sorted(twice))}, and has CORS at both: "
                f"{mine[blueprint].label()} wraps the blueprint, wherever it is. "
                "Register a copy where you want none"
            )
            yield Problem("blueprint-twice", "cors_group", blueprint.name, message)


def declared(blueprint: Blueprint) -> int:
    """How many routes a blueprint has declared."""
    return len(declared_uris(blueprint)) + len(declared_uris(blueprint, static=True))


def _path(prefix: Sequence[Segment]) -> str:
    return "/" + "/".join(each if isinstance(each, str) else f"<{each.pattern}>" for each in prefix)
