"""Whose route it is that a page called, and what to change: never more than what was asked for."""

from __future__ import annotations

import warnings
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
ORIGINS: Final = frozenset({"origin-missing", "origin-other", "origin-any", "credentials"})
ABOUT_CORS: Final = ORIGINS | frozenset(each for each in STOPS if each.startswith("preflight-"))
"""Where a page is stopped by what a policy says."""
MISTYPED: Final = 0.8
"""How like another route's path one has to be, that it is taken for a slip."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page wanted."""

    origin: str
    method: str
    headers: tuple[str, ...]
    credentials: bool

    def as_policy(self) -> str:
        """The arguments of a policy that allows just this origin."""
        if self.origin == "null":
            return ""  # nobody is let in by that name: the default lets everyone in
        return f"allow_origins=[{self.origin!r}]" + (", allow_credentials=True" if self.credentials else "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads in an app; `methods`: of its path, by whichever of its routes."""

    route: RouteInfo | None
    methods: tuple[str, ...] = ()
    near: str | None = None
    """Another path that may have been meant."""

    forgotten: Problem | None = None
    """The group that was made around the route's blueprint, and registered nowhere."""

    has_sections: bool = False

    @property
    def is_catch_all(self) -> bool:
        """Whether the route takes whatever no other route has, from the root on."""
        return self.route is not None and self.route.path.startswith("/<") and ":path>" in self.route.path

    @property
    def is_slip(self) -> bool:
        """Whether another route was meant."""
        return self.near is not None and (self.route is None or ":path>" in self.route.path)


def place_of(app: Sanic[Any, Any], url: str, method: str) -> Place:
    """Where a URL leads; where its method has no route, to any of that path."""
    names: dict[str, None] = {}
    parts = urlsplit(url)
    for each in (method.upper(), *METHODS):
        try:
            route, *_ = app.router.get(parts.path or "/", each, parts.netloc)
        except Exception:  # NotFound and MethodNotAllowed, and what a router does with an odd path
            continue
        names.setdefault(route.name, None)
    everything = list_routes(app)
    served = {each.name: each for each in everything}
    here = next((served[name] for name in names if name in served), None)
    if here is None:
        return Place(None, near=_near(parts.path, everything, 0.6), has_sections=bool(list_sections(app)))
    alike = [each for each in everything if (each.path, each.host) == (here.path, here.host)]
    others = [
        each for each in everything if each.policy and each.whose != here.whose and ":path>" not in each.path
    ]
    unregistered = unregistered_groups(app, here.blueprint) if here.blueprint else ()
    return Place(
        here,
        sort_methods({name for each in alike for name in each.methods}),
        _near(parts.path, others, MISTYPED) if ":path>" in here.path else None,
        next(iter(unregistered), None),
        bool(list_sections(app)),
    )


def _near(path: str, served: list[RouteInfo], cutoff: float) -> str | None:
    near = get_close_matches(path, [each.example or each.path for each in served], 1, cutoff)
    return near[0] if near else None


def whose(place: Place, method: str) -> str:
    """Whose route it is that was called."""
    route = place.route
    if route is None:
        meant = f"; near it is {place.near}" if place.near else ""
        return f"No route has this path{meant}. A 404 belongs to a section by its url_prefix."
    name = f"The route {route.name} ({route.path})"
    if place.is_slip:
        return f"{name} takes what no other route has; near it is {place.near}."
    serves = "" if method in place.methods else f" The path serves {', '.join(place.methods)}, not {method}."
    if place.forgotten is not None:
        return f"{name} is in a group that was made, and never registered: {place.forgotten.value}.{serves}"
    if route.left_out:
        return f"{name} is in {route.section or 'no section'}, and left out by ctx_cors=False.{serves}"
    if route.policy is None:
        where = f"on the blueprint {route.blueprint}" if route.blueprint else "on the app itself"
        return f"{name} is in no section; it is declared {where}.{serves}"
    own = f", and has a policy of its own, ctx_cors={route.policy!r}" if route.own else f": {route.policy!r}"
    return f"{name} is in {route.section or 'no section'}{own}.{serves}"


def change(place: Place, stop: str, asked: Asked) -> str | None:
    """What to change where a page was stopped; None where no argument is to blame."""
    route = place.route
    if place.is_slip:
        return f"Call {place.near} in the page, if that was meant."
    if route is None or stop not in ABOUT_CORS:
        return None
    if asked.method not in (*place.methods, "HEAD", "OPTIONS"):
        return f"Call it with {' or '.join(place.methods)}: no route of this path serves {asked.method}."
    if route.policy is None:
        return _opening(place, route, asked)
    return argument(route, route.policy, stop, asked)


def _opening(place: Place, route: RouteInfo, asked: Asked) -> str:
    """What gives a route CORS that has none: to itself or to its blueprint, for one origin."""
    policy = asked.as_policy()
    if place.is_catch_all:
        return "See whether the path is right: CORS on this route would open every page of the site."
    if place.forgotten is not None:
        return f"Register it: app.blueprint(cors_group(...)), in place of the blueprint {route.blueprint}."
    alone = f"ctx_cors=CorsPolicy({policy}) on the route"
    if route.left_out:
        return (
            "Remove ctx_cors=False from the route." if route.section else f"Write {alone}, in place of False."
        )
    if route.blueprint:
        wrapped = _wrapping(route.blueprint, policy)
        return f"{wrapped}; or, for this route alone, {alone}." if place.has_sections else f"{wrapped}."
    in_a_blueprint = f"Declare it on a blueprint: bp = Blueprint('api'), and {_wrapping('bp', policy)}."
    return f"Write {alone}." if place.has_sections else in_a_blueprint


def _wrapping(blueprint: str, policy: str) -> str:
    return f"app.blueprint(cors_group({', '.join(filter(None, [blueprint, policy]))}))"


def argument(route: RouteInfo, policy: CorsPolicy, stop: str, asked: Asked) -> str | None:
    """The argument to change, and of which section; None where no argument is to blame.

    What is proposed has been tried: where the policy would be refused, it says so.
    """
    if stop == "preflight-status":
        return "Let preflights pass through what stands before the app: the section answers them itself."
    whose_policy = f"ctx_cors of {route.name}" if route.own else route.whose
    more: dict[str, Any] = {}
    remark = ""
    if stop.removeprefix("preflight-") in ORIGINS:
        if said := _of_origin(policy, asked):
            return f"{whose_policy}: {said}"
        everyone = policy.allow_origins == "*"
        if everyone and not asked.credentials:
            return None  # it lets everyone in: the answer came from elsewhere
        if asked.origin not in origin_set(policy):
            more["allow_origins"] = [*origin_entries(policy), asked.origin]
        if asked.credentials and not policy.allow_credentials:
            more["allow_credentials"] = True
        if everyone:
            remark = ", which shuts out every other origin; or leave out credentials: 'include' in the page"
    elif stop == "preflight-method" and policy.allow_methods != "*":
        more["allow_methods"] = [*policy.allow_methods, asked.method]
    elif stop == "preflight-header" and policy.allow_headers != "*":
        names = [name.lower() for name in asked.headers if name.lower() not in policy.allow_headers]
        more["allow_headers"] = [*policy.allow_headers, *names]
    changed = ", ".join(f"{name}={value!r}" for name, value in more.items())
    return f"{whose_policy}: {changed}{_refused(policy, more) or remark}" if changed else None


def _of_origin(policy: CorsPolicy, asked: Asked) -> str | None:
    """What is to be said of an origin that no list can take."""
    if origin_functions(policy) and asked.origin not in origin_set(policy):
        asking = " or ".join(f"{function_name(each)}()" for each in origin_functions(policy))
        named_too = ", or allow_origins to name it" if origin_entries(policy) else ""
        return f"{asking} has to return True for {asked.origin!r}{named_too}"
    if asked.origin == "null":
        return "only allow_origins='*' lets null in, as everyone, and without credentials"
    return None


def _refused(policy: CorsPolicy, more: dict[str, Any]) -> str:
    """Why a policy with these changes would be refused; nothing if it is not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            policy.replace(**more)
    except CorsPolicyError as error:
        return f" would be refused: {error.problems[0]}"
    return ""
