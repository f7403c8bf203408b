"""Warnings at startup: what is legal, but probably not meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sanic_routing.route import Route

from ...decision.active_policy import ActivePolicy
from ...decision.prefix_tree import Segment
from ...policy.policy import CorsPolicy
from ...policy.problems import Problem, make_problem
from ...policy.warning_ids import (
    BLUEPRINT_TWICE,
    METHOD_UNSERVED,
    ROUTE_OPEN,
    SECTION_EMPTY,
    TWO_LAYERS,
    WEBSOCKET_UNCHECKED,
)
from ..other_cors import other_cors_package
from ..ownership import sections_of_blueprints
from ..route_policies import RouteBinding
from ..routes import AnySanic, declared_uris, prefixes_of, routes_of
from ..section import Section


def startup_problems(
    app: AnySanic, sections: Mapping[Section, Sequence[object]], bindings: Iterable[RouteBinding]
) -> Iterator[Problem]:
    """Iterate over the problems of an app, of its sections with their registrations, and of its routes."""
    served: dict[ActivePolicy, set[str]] = {section.active_policy: set() for section in sections}
    uncovered: dict[str, str] = {}
    for route, section, active in bindings:
        if section is None:
            if active is None and not getattr(route.handler, "__auto_handler__", False):
                uncovered[route.name] = f"/{route.path}"
            continue
        served[section] |= route.methods
        if active is None:
            yield from _unchecked_websocket_problems(route, section)
        elif not getattr(route.handler, "__auto_handler__", False):
            yield from _open_route_problems(route, section, active)
    for section, methods in served.items():
        yield from _method_problems(section, methods)
    yield from _duplicate_blueprint_problems(app, sections)
    yield from _two_layers_problems(app, uncovered)


def _two_layers_problems(app: AnySanic, uncovered: Mapping[str, str]) -> Iterator[Problem]:
    """Find other CORS packages that act on routes without a policy; in sections, their headers are dropped.

    Args:
        uncovered: the paths of these routes, by name.
    """
    paths: dict[str, list[str]] = {"sanic-cors": [], "sanic-ext": []}
    for name, path in uncovered.items():
        chain = (*app.response_middleware, *app.named_response_middleware.get(name, ()))
        if any(other_cors_package(middleware) == "sanic-cors" for middleware in chain):
            paths["sanic-cors"].append(path)
        # The middleware of sanic-ext is there even if it allows no origin.
        if getattr(getattr(app.ctx, "cors", None), "allow_origins", None):
            paths["sanic-ext"].append(path)
    for package, found in paths.items():
        if found:
            # The router's order of routes changes from run to run.
            yield make_problem(TWO_LAYERS, "cors_group", app.name, package=package, path=min(found))


def _unchecked_websocket_problems(route: Route, section: ActivePolicy) -> Iterator[Problem]:
    """Find a WebSocket that `ctx_cors=False` opens to every page, in a section that checks its handshakes."""
    policy = section.policy
    if route.extra.websocket and policy.check_websockets and policy.allow_origins != "*":
        where = f"{route.name} (/{route.path})"
        yield make_problem(WEBSOCKET_UNCHECKED, "ctx_cors", where, section=section.compiled.label())


def _open_route_problems(route: Route, section: ActivePolicy, active: ActivePolicy) -> Iterator[Problem]:
    """Find a route that allows every origin, in a section that does not; `CorsPolicy()` means it."""
    policy = active.policy
    if policy.allow_origins == "*" != section.policy.allow_origins and policy != CorsPolicy():
        fields = repr(policy).partition("(")[2][:-1]
        where = f"{route.name} (/{route.path})"
        yield make_problem(ROUTE_OPEN, "ctx_cors", where, section=section.compiled.label(), fields=fields)


def _method_problems(section: ActivePolicy, served: set[str]) -> Iterator[Problem]:
    """Find allowed methods that no route of a section serves, and a section without routes."""
    label, allowed = section.compiled.label(), section.policy.allow_methods
    if not served:
        yield make_problem(SECTION_EMPTY, "cors_group", label)
    elif allowed != "*":
        for method in allowed:
            if method not in served and method != "OPTIONS":
                yield make_problem(METHOD_UNSERVED, "allow_methods", method, section=label)


def _duplicate_blueprint_problems(
    app: AnySanic, sections: Mapping[Section, Sequence[object]]
) -> Iterator[Problem]:
    """Find blueprints that were registered in a group, and beside it under another prefix."""
    section_of, _ = sections_of_blueprints(sections)
    for blueprint, routes in routes_of(app, section_of).items():
        section = section_of[blueprint]
        declared = len(declared_uris(blueprint)) + len(declared_uris(blueprint, static=True))
        if len(sections.get(section, ())) > 1 or len(routes) <= declared:
            continue  # the group itself is registered more than once; or nothing is
        prefixes: dict[str, dict[str, None]] = {}
        for name, (_host, prefix) in prefixes_of(blueprint, routes):
            prefixes.setdefault(name, {})[_format_prefix(prefix)] = None
        twice = next((each for each in prefixes.values() if len(each) > 1), None)
        if twice:
            places = " and at ".join(sorted(twice))
            yield make_problem(
                BLUEPRINT_TWICE, "cors_group", blueprint.name, places=places, section=section.label()
            )


def _format_prefix(prefix: Sequence[Segment]) -> str:
    """Return a prefix as a path."""
    return "/" + "/".join(each if isinstance(each, str) else f"<{each.pattern}>" for each in prefix)
