"""The route that a URL leads to, and what to change so that a page can call it: no more than it needs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_routes, list_sections
from corsbp.app.section import unregistered_groups
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_functions, origin_set
from corsbp.policy.problems import CorsPolicyError, Problem
from corsbp.spec.fetch import sort_methods
from corsbp.testing import STOPS

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
ORIGIN_STOPS: Final = frozenset({"origin-missing", "origin-other", "origin-any", "credentials"})
"""Ids of `STOPS` that a policy's origins or credentials decide; for preflights, after `preflight-`."""

CORS_STOPS: Final = ORIGIN_STOPS | frozenset(id_ for id_ in STOPS if id_.startswith("preflight-"))
"""Ids of `STOPS` that a policy decides."""

SIMILAR: Final = 0.6
TYPO: Final = 0.8
"""How similar a path has to be to that of another route, from 0 to 1, to be taken for a typing error."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The call of a page, as far as a policy can decide it."""

    origin: str
    method: str
    headers: tuple[str, ...]
    credentials: bool

    def policy_arguments(self) -> str:
        """Return the arguments of a policy that allows just this origin."""
        if self.origin == "null":
            return ""  # No list can name it; the default allows every origin.
        arguments = f"allow_origins=[{self.origin!r}]"
        return f"{arguments}, allow_credentials=True" if self.credentials else arguments


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """The route that a URL leads to, and what else there is to know about its path."""

    route: RouteInfo | None
    methods: tuple[str, ...] = ()
    """The methods of the path, by whichever of its routes."""

    similar_path: str | None = None
    """A path of another route that the user may have meant."""

    unregistered_group: Problem | None = None
    """A group around the route's blueprint that is registered on no app."""

    has_sections: bool = False

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
    similar = None
    if ":path>" in route.path:
        others = [each for each in routes if _is_specific(each) and each.policy_source != route.policy_source]
        similar = _find_similar(parts.path, others, TYPO)
    groups = unregistered_groups(app, route.blueprint) if route.blueprint else []
    return RouteMatch(route, sort_methods(methods), similar, next(iter(groups), None), has_sections)


def _find_route(
    app: Sanic[Any, Any], routes: Iterable[RouteInfo], path: str, host: str, method: str
) -> RouteInfo | None:
    """Ask the app's router for the route, first with the method of the page."""
    by_name = {route.name: route for route in routes}
    for each in (method.upper(), *METHODS):
        try:
            found, *_ = app.router.get(path, each, host)
        except Exception:  # NotFound, MethodNotAllowed, and others for a path that cannot be decoded
            continue
        if found.name in by_name:  # which the internal routes of an app are not
            return by_name[found.name]
    return None


def _is_specific(route: RouteInfo) -> bool:
    """Return whether a route has a policy, and does not take whole paths."""
    return route.policy is not None and ":path>" not in route.path


def _find_similar(path: str, routes: Iterable[RouteInfo], cutoff: float) -> str | None:
    similar = get_close_matches(path, [each.example or each.path for each in routes], 1, cutoff)
    return similar[0] if similar else None


def describe_route(match: RouteMatch, method: str) -> str:
    """Describe the route that a URL leads to, and its policy."""
    route, similar = match.route, match.similar_path
    if route is None:
        hint = f"; {similar} is similar" if similar else ""
        return f"No route has this path{hint}. A 404 belongs to a section by its url_prefix."
    name = f"The route {route.name} ({route.path})"
    if match.is_typo:
        return f"{name} takes every path that no other route has; {similar} is similar."
    text = f"{name} {_describe_policy(match, route)}."
    if method not in match.methods:
        text += f" The path serves {', '.join(match.methods)}, not {method}."
    return text


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
        return f"is in {section}, and has its own policy, ctx_cors={route.policy!r}"
    return f"is in {section}: {route.policy!r}"


# --- what to change ---


def suggest_change(match: RouteMatch, stop: str, request: PageRequest) -> str | None:
    """Return what to change if a page was stopped; None if no argument of a policy is the reason."""
    route = match.route
    if match.is_typo:
        return f"Call {match.similar_path} in the page, if you meant that path."
    if route is None or stop not in CORS_STOPS:
        return None
    if request.method not in (*match.methods, "HEAD", "OPTIONS"):
        methods = " or ".join(match.methods)
        return f"Call it with {methods}: no route of this path serves {request.method}."
    if route.policy is None:
        return _suggest_wrapping(match, route, request)
    return suggest_argument(route, route.policy, stop, request)


def _suggest_wrapping(match: RouteMatch, route: RouteInfo, request: PageRequest) -> str:
    """Suggest how to give CORS to a route that has none: to the route or its blueprint, for one origin."""
    arguments = request.policy_arguments()
    if match.is_catch_all:
        return "Check the path: CORS on this route would cover every page of the site."
    if match.unregistered_group is not None:
        return f"Register it: app.blueprint(cors_group(...)), instead of the blueprint {route.blueprint}."
    own_policy = f"ctx_cors=CorsPolicy({arguments}) on the route"
    if route.opts_out:
        in_place = f"Write {own_policy}, in place of False."
        return "Remove ctx_cors=False from the route." if route.section else in_place
    if route.blueprint:
        wrapped = _wrap(route.blueprint, arguments)
        return f"{wrapped}; or, for this route alone, {own_policy}." if match.has_sections else f"{wrapped}."
    if match.has_sections:
        return f"Write {own_policy}."
    # Without any section, corsbp does not read ctx_cors.
    return f"Declare it on a blueprint: bp = Blueprint('api'), and {_wrap('bp', arguments)}."


def _wrap(blueprint: str, arguments: str) -> str:
    return f"app.blueprint(cors_group({', '.join(filter(None, [blueprint, arguments]))}))"


def suggest_argument(route: RouteInfo, policy: CorsPolicy, stop: str, request: PageRequest) -> str | None:
    """Return the argument to change, and its section; None if no argument is the reason.

    The new policy is made, and the text says so if it would be refused.
    """
    if stop == "preflight-status":
        return "Let preflights pass through the proxy before the app: the section responds to them itself."
    where = f"ctx_cors of {route.name}" if route.has_own_policy else route.policy_source
    changes: dict[str, Any] = {}
    remark = ""
    if stop.removeprefix("preflight-") in ORIGIN_STOPS:
        if reason := _explain_unlistable(policy, request):
            return f"{where}: {reason}"
        changes = _change_origins(policy, request)
        if changes and policy.allow_origins == "*":
            remark = ", which denies every other origin; or leave out credentials: 'include' in the page"
    elif stop == "preflight-method" and policy.allow_methods != "*":
        changes["allow_methods"] = [*policy.allow_methods, request.method]
    elif stop == "preflight-header" and policy.allow_headers != "*":
        names = [name.lower() for name in request.headers if name.lower() not in policy.allow_headers]
        changes["allow_headers"] = [*policy.allow_headers, *names]
    if not changes:
        return None
    arguments = ", ".join(f"{name}={value!r}" for name, value in changes.items())
    return f"{where}: {arguments}{_describe_refusal(policy, changes) or remark}"


def _change_origins(policy: CorsPolicy, request: PageRequest) -> dict[str, Any]:
    """Return the arguments that allow this origin, and credentials if the page sends them."""
    changes: dict[str, Any] = {}
    if policy.allow_origins == "*" and not request.credentials:
        return changes  # The policy allows the page: the response came from something else.
    if request.origin not in origin_set(policy):
        changes["allow_origins"] = [*origin_entries(policy), request.origin]
    if request.credentials and not policy.allow_credentials:
        changes["allow_credentials"] = True
    return changes


def _explain_unlistable(policy: CorsPolicy, request: PageRequest) -> str | None:
    """Explain what allows an origin that only a function decides, or that no list can contain."""
    functions = origin_functions(policy)
    if functions and request.origin not in origin_set(policy):
        names = " or ".join(f"{function_name(each)}()" for each in functions)
        text = f"{names} has to return True for {request.origin!r}"
        return f"{text}, or allow_origins to name it" if origin_entries(policy) else text
    if request.origin == "null":
        return "only allow_origins='*' allows null, as every origin, and without credentials"
    return None


def _describe_refusal(policy: CorsPolicy, changes: dict[str, Any]) -> str:
    """Return why corsbp would refuse the policy with these changes; "" if it would not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            policy.replace(**changes)
    except CorsPolicyError as error:
        return f" would be refused: {error.problems[0]}"
    return ""
