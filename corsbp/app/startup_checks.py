"""What is legal when an app starts, but probably not meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sanic_routing.route import Route

from ..decision.compiled import ActivePolicy
from ..decision.prefix_tree import Segment
from ..policy.policy import CorsPolicy
from ..policy.problems import Problem
from .bindings import RouteBinding
from .other_cors import other_cors_package
from .ownership import Owner, sections_of_blueprints
from .routes import AnySanic, declared_uris, prefixes_of, routes_of


def startup_problems(
    app: AnySanic, sections: Mapping[Owner, Sequence[object]], bound: Iterable[RouteBinding]
) -> Iterator[Problem]:
    """The oddities of an app, of its sections with their registrations, and of what its routes follow."""
    served: dict[ActivePolicy, set[str]] = {section.active_policy: set() for section in sections}
    for route, section, active in bound:
        if section is not None:
            served[section] |= route.methods
            if active is not None and not getattr(route.handler, "__auto_handler__", False):
                yield from _open_route_problems(route, section, active)
    for section, methods in served.items():
        yield from _method_problems(section, methods)
    yield from _duplicate_blueprint_problems(app, sections)
    chains = [app.response_middleware, *app.named_response_middleware.values()]
    if any(other_cors_package(each) == "sanic-cors" for chain in chains for each in chain):
        yield Problem("two-layers", "cors_group", app.name, "has sanic-cors as well")


def _open_route_problems(route: Route, section: ActivePolicy, active: ActivePolicy) -> Iterator[Problem]:
    """A route that is open to any origin, in a section that is not; `CorsPolicy()` says that it is meant."""
    policy, around = active.policy, section.policy
    if policy.allow_origins == "*" != around.allow_origins and policy != CorsPolicy():
        own = repr(policy).partition("(")[2][:-1]
        message = (
            f"lets in every origin, in {section.compiled.label()}, which does not: a policy in ctx_cors "
            f"takes over nothing. Write group.policy.replace({own}), or CorsPolicy() if every origin is meant"
        )
        yield Problem("route-open", "ctx_cors", f"{route.name} (/{route.path})", message)


def _method_problems(section: ActivePolicy, served: set[str]) -> Iterator[Problem]:
    label, allowed = section.compiled.label(), section.policy.allow_methods
    if not served:
        yield Problem("section-empty", "cors_group", label, "has no route")
    elif allowed != "*":
        for method in allowed:
            if method not in served and method != "OPTIONS":
                yield Problem("method-unserved", "allow_methods", method, f"is served by no route of {label}")


def _duplicate_blueprint_problems(
    app: AnySanic, sections: Mapping[Owner, Sequence[object]]
) -> Iterator[Problem]:
    """Blueprints that were registered in a group, and beside it under another prefix."""
    mine, _ = sections_of_blueprints(sections)
    for blueprint, routes in routes_of(app, mine).items():
        declared = len(declared_uris(blueprint)) + len(declared_uris(blueprint, static=True))
        if len(sections.get(mine[blueprint], ())) > 1 or len(routes) <= declared:
            continue  # the group itself is registered more than once; or nothing is
        places: dict[str, dict[str, None]] = {}
        for name, (_host, prefix) in prefixes_of(blueprint, routes):
            places.setdefault(name, {})[_format_prefix(prefix)] = None
        twice = next((each for each in places.values() if len(each) > 1), None)
        if twice:
            message = (
                f"is registered at {' and at '.join(sorted(twice))}, and has CORS at both: "
                f"{mine[blueprint].label()} wraps the blueprint, wherever it is. "
                "Register a copy where you want none"
            )
            yield Problem("blueprint-twice", "cors_group", blueprint.name, message)


def _format_prefix(prefix: Sequence[Segment]) -> str:
    return "/" + "/".join(each if isinstance(each, str) else f"<{each.pattern}>" for each in prefix)
