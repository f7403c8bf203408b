"""The route of an app that a URL leads to, in words, and the routes near it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

from sanic import Sanic
from sanic.exceptions import MethodNotAllowed, NotFound

from corsbp.app.inventory import RouteInfo, list_routes, list_sections
from corsbp.app.section import unregistered_groups
from corsbp.policy.policy import CorsPolicy
from corsbp.policy.problems import Problem
from corsbp.spec.fetch import sort_methods

from .loading import format_error
from .source_lines import format_line, locate_handler

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

SIMILAR: Final = 0.6
TYPO: Final = 0.8
"""How similar a path has to be to that of another route, from 0 to 1, to be taken for a typing error."""

MAX_ORIGINS: Final = 5
"""Origins of a policy that are shown."""

MAX_SIMILAR: Final = 3
"""Similar routes that are shown."""


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """The route that a URL leads to, and what else there is to know about its path."""

    route: RouteInfo | None
    methods: tuple[str, ...] = ()
    """The methods of the path, by whichever of its routes."""

    similar: tuple[RouteInfo, ...] = ()
    """Other routes that the user may have meant."""

    unregistered_group: Problem | None = None
    """A group around the route's blueprint that is registered on no app."""

    has_sections: bool = False

    @property
    def similar_path(self) -> str | None:
        """A path that leads to the most similar route."""
        return _example_of(self.similar[0]) if self.similar else None

    @property
    def is_catch_all(self) -> bool:
        """The route takes every path that no other route has, from the root on."""
        return self.route is not None and self.route.path.startswith("/<") and ":path>" in self.route.path

    @property
    def is_typo(self) -> bool:
        """The user probably meant the similar path."""
        return self.similar_path is not None and (self.route is None or ":path>" in self.route.path)


def match_url(app: Sanic[Any, Any], url: str, method: str) -> RouteMatch:
    """Find the route that a URL leads to: with this method, otherwise with another one."""
    parts = urlsplit(url)
    routes = list_routes(app)
    has_sections = bool(list_sections(app))
    route = _find_route(app, routes, parts.path or "/", parts.netloc, method)
    if route is None:
        return RouteMatch(None, (), _find_similar(parts.path, routes, SIMILAR), None, has_sections)
    methods = {
        name for each in routes if (each.path, each.host) == (route.path, route.host) for name in each.methods
    }
    similar: tuple[RouteInfo, ...] = ()
    # A front end that takes all paths hides each typing error in the path of an API.
    if ":path>" in route.path:
        others = [each for each in routes if _is_specific(each) and each.policy_source != route.policy_source]
        similar = _find_similar(parts.path, others, TYPO)
    # The route works, but without CORS: nothing but the group itself knows that it was meant to have some.
    groups = unregistered_groups(app, route.blueprint) if route.blueprint else []
    return RouteMatch(route, sort_methods(methods), similar, next(iter(groups), None), has_sections)


def _find_route(
    app: Sanic[Any, Any], routes: Iterable[RouteInfo], path: str, host: str, method: str
) -> RouteInfo | None:
    """Ask the app's router for the route, first with the method of the page.

    Raises:
        ValueError: the router fails, as by a parameter type of the app's own.
    """
    by_name = {route.name: route for route in routes}
    # A path that serves another method is a wrong method, not a wrong path.
    for each in (method.upper(), *METHODS):
        try:
            found, *_ = app.router.get(path, each, host)
        except (NotFound, MethodNotAllowed):
            continue
        except Exception as error:
            raise ValueError(f"the app's router fails for {path}: {format_error(error)}") from error
        if found.name in by_name:  # which the internal routes of an app are not
            return by_name[found.name]
    return None


def _is_specific(route: RouteInfo) -> bool:
    """Return whether a route has a policy, and does not take whole paths."""
    return route.policy is not None and ":path>" not in route.path


def _find_similar(path: str, routes: Iterable[RouteInfo], cutoff: float) -> tuple[RouteInfo, ...]:
    """Return the routes with the most similar paths, one for each path, with all methods of the path."""
    by_path: dict[str, RouteInfo] = {}
    for route in routes:
        # sanic-ext adds a HEAD and an OPTIONS route to each path, which no page means.
        if methods := methods_for_pages(route.methods):
            first = by_path.setdefault(_example_of(route), route)
            by_path[_example_of(route)] = replace(first, methods=sort_methods({*first.methods, *methods}))
    paths = get_close_matches(path, by_path, MAX_SIMILAR, cutoff)
    return tuple(by_path[each] for each in paths)


def methods_for_pages(methods: Iterable[str]) -> list[str]:
    """Return the methods that advice names: HEAD and OPTIONS come with the others."""
    return [each for each in methods if each not in ("HEAD", "OPTIONS")]


def _example_of(route: RouteInfo) -> str:
    return route.example or route.path


# --- in words ---


def describe_route(match: RouteMatch, method: str) -> str:
    """Describe the route that a URL leads to, and its policy."""
    route = match.route
    if route is None:
        return f"{describe_missing_route(match)} A 404 belongs to a section by its url_prefix."
    name = f"The route {route.name} ({route.path}){line_of(route)}"
    if match.is_typo:
        return f"{name} takes every path that no other route has; {match.similar_path} is similar."
    text = f"{name} {_describe_policy(match, route)}."
    if method not in match.methods:
        text += f" The path serves {', '.join(match.methods)}, not {method}."
    return text


def describe_missing_route(match: RouteMatch) -> str:
    """Say that no route has the path, and list similar routes with their methods."""
    if not match.similar:
        return "No route has this path."
    names = " or ".join(map(_name_of, match.similar))
    return f"No route has this path; similar: {names}."


def _name_of(route: RouteInfo) -> str:
    methods = "WebSocket" if route.websocket else ",".join(methods_for_pages(route.methods))
    return f"{methods} {route.path}"


def _describe_policy(match: RouteMatch, route: RouteInfo) -> str:
    section = route.section or "no section"
    if match.unregistered_group is not None:
        return f"is in a group that is registered on no app: {match.unregistered_group.value}"
    if route.opts_out:
        return f"is in {section}, and has no CORS by ctx_cors=False"
    if route.policy is None:
        where = f"on the blueprint {route.blueprint}" if route.blueprint else "on the app itself"
        return f"is in no section; it is declared {where}"
    if route.has_own_policy:
        return f"is in {section}, and has its own policy, ctx_cors={_format_policy(route.policy)}"
    return f"is in {section}: {_format_policy(route.policy)}"


def _format_policy(policy: CorsPolicy) -> str:
    """Return a policy as code; of many origins only the first ones, as they may come from a store."""
    origins = policy.allow_origins
    if not isinstance(origins, tuple) or len(origins) <= MAX_ORIGINS:
        return repr(policy)
    code = repr(policy.replace(allow_origins=origins[:MAX_ORIGINS]))
    return f"{code}, and {len(origins) - MAX_ORIGINS} more origins"


def line_of(route: RouteInfo) -> str:
    """Return ` at shop.py:12`, where a route is declared; "" if that is not known."""
    return format_line(locate_handler(route.handler))


def describe_policy_source(route: RouteInfo) -> str:
    """Name what to change: the section or the `ctx_cors`, with its file and line."""
    if route.has_own_policy:
        return f"ctx_cors of {route.name}{line_of(route)}"
    return f"{route.policy_source}{format_line(route.section_line)}"
