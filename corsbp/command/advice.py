"""What to change so that a page can call a route: no more than this page needs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from corsbp.app.inventory import RouteInfo
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, names_method, origin_entries, origin_functions, origin_set
from corsbp.policy.problems import CorsPolicyError
from corsbp.testing import STOPS, Result
from corsbp.testing.result import CallKind

from .near_miss import NearMiss, find_near_miss
from .route_match import RouteMatch, describe_policy_source, line_of, methods_for_pages

ORIGIN_STOPS: Final = frozenset({"origin-missing", "origin-other", "origin-any", "credentials"})
"""Ids of `STOPS` that a policy's origins or credentials decide; for preflights, after `preflight-`."""

CORS_STOPS: Final = ORIGIN_STOPS | frozenset(id_ for id_ in STOPS if id_.startswith("preflight-"))
"""Ids of `STOPS` that a policy decides."""


WITHOUT_CREDENTIALS: Final[Mapping[CallKind | None, str]] = MappingProxyType(
    {
        # A beacon always sends cookies, but one with a safelisted content type needs no permission.
        "beacon": "send it as text/plain, which needs no preflight: sendBeacon(url, JSON.stringify(data))",
        "image": "write crossorigin without use-credentials in the element",
        "script": "write crossorigin without use-credentials in the element",
    }
)
"""By the kind of a call: how to send it without credentials."""

MAX_LISTED: Final = 10
"""Entries of a list that advice repeats; a longer list begins with "…"."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The call of a page, as far as a policy can decide it."""

    origin: str
    method: str
    headers: tuple[str, ...]
    credentials: bool
    kind: CallKind | None = None
    """What sends the request: a beacon, an image …; None for `fetch`."""

    @property
    def without_credentials(self) -> str:
        """How to send it without credentials, in words."""
        return WITHOUT_CREDENTIALS.get(self.kind, "leave out credentials: 'include' in the page")

    def policy_arguments(self) -> str:
        """Return the arguments of a policy that allows just this origin."""
        if self.origin == "null":
            return ""  # No list can name it; the default allows every origin.
        arguments = f"allow_origins=[{self.origin!r}]"
        return f"{arguments}, allow_credentials=True" if self.credentials else arguments


def suggest_change(match: RouteMatch, stop: str, request: PageRequest) -> str | None:
    """Return what to change if a page was stopped; None if no argument of a policy is the reason."""
    route = match.route
    # Before all else: CORS for a catch-all would be the wrong change.
    if match.is_typo:
        return f"Call {match.similar_path} in the page, if you meant that path."
    if route is None or stop not in CORS_STOPS:
        return None
    # No policy can allow a method that the path does not serve.
    if request.method not in (*match.methods, "HEAD", "OPTIONS"):
        return suggest_method(match, route, request.method)
    if route.policy is None:
        return _suggest_wrapping(match, route, request)
    return suggest_argument(route, route.policy, stop, request)


def suggest_method(match: RouteMatch, route: RouteInfo, method: str) -> str:
    """Suggest a method that the path serves, or to add this one to the route."""
    # Browsers write six methods in upper case, but not PATCH: https://fetch.spec.whatwg.org/#methods
    if method.upper() in match.methods:
        return f"Write {method.upper()!r} in the page: methods are case-sensitive."
    methods = " or ".join(methods_for_pages(match.methods))
    where = f"{route.name}{line_of(route)}"
    added = method.upper()
    return f"Call it with {methods}; or add {added} to the route {where}: methods=[…, {added!r}]."


def suggest_login(match: RouteMatch, request: PageRequest, result: Result) -> str | None:
    """Suggest how to send a login after a 401; None if the call had one, or if a step explains its loss."""
    names = {name.lower() for name, _ in result.sent[-1].headers}
    if names & {"cookie", "authorization"} or any(step.change for step in result.steps):
        return None
    if request.credentials:
        return "Log in first: the browser has no cookie for this URL."
    text = "The call has no login. If it is a cookie, set credentials: 'include' in the page"
    if match.route and match.route.policy:
        with_cookies = replace(request, credentials=True)
        if allow := suggest_argument(match.route, match.route.policy, "credentials", with_cookies):
            text += f", and {allow}"
    return f"{text}. Or send Authorization."


# --- a route without CORS ---


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


# --- a policy that denies the call ---


def suggest_argument(route: RouteInfo, policy: CorsPolicy, stop: str, request: PageRequest) -> str | None:
    """Return the argument to change, and its section; None if no argument is the reason.

    The new policy is made, and the text says so if it would be refused.
    """
    if stop == "preflight-status":
        return "Let preflights pass through the proxy before the app: the section responds to them itself."
    where = describe_policy_source(route)
    if stop.removeprefix("preflight-") in ORIGIN_STOPS:
        return suggest_origin(where, policy, request)
    if stop == "preflight-method" and not names_method(policy, request.method):
        changes: dict[str, Any] = {"allow_methods": [*policy.allow_methods, request.method]}
    elif stop == "preflight-header" and policy.allow_headers != "*":
        names = [name.lower() for name in request.headers if name.lower() not in policy.allow_headers]
        changes = {"allow_headers": [*policy.allow_headers, *names]}
    else:
        return None
    return f"{where}: {_format_changes(policy, changes)}"


def suggest_exposing(route: RouteInfo, names: Sequence[str]) -> str | None:
    """Suggest to expose response headers; None if the route has no policy that can."""
    policy = route.policy
    if policy is None or policy.expose_headers == "*" or not names:
        return None
    changes = {"expose_headers": [*policy.expose_headers, *names]}
    return f"{describe_policy_source(route)}: {_format_changes(policy, changes, if_needed(names))}"


def if_needed(names: Sequence[str]) -> str:
    """Return the condition of advice to expose these headers: no page needs all that it cannot read."""
    return f", if the page needs {'it' if len(names) == 1 else 'them'}"


def suggest_origin(where: str, policy: CorsPolicy, request: PageRequest) -> str | None:
    """Suggest how to allow an origin, or the page that the policy allows already."""
    if reason := _explain_unlistable(policy, request):
        return f"{where}: {reason}"
    near_miss = None
    if request.origin not in origin_set(policy):
        near_miss = find_near_miss(request.origin, origin_entries(policy))
    # Advice must not weaken a policy: an http origin beside the https one would.
    if near_miss and near_miss.is_scheme:
        return _suggest_https(where, policy, request, near_miss)
    changes = _change_origins(policy, request)
    if not changes:
        return None  # The policy allows the page: the response came from something else.
    condition = f", if {request.origin} is yours" if "allow_origins" in changes and not near_miss else ""
    text = f"{where}: {_format_changes(policy, changes, condition)}"
    if near_miss:
        return f"{near_miss.describe(request.origin)}. Call from there; or, if both are yours, {text}"
    if policy.allow_origins == "*":
        return f"{text}. Or {request.without_credentials}"
    return text


def _suggest_https(where: str, policy: CorsPolicy, request: PageRequest, near_miss: NearMiss) -> str:
    """Never allow both schemes: an attacker in the network can change the http page."""
    text = near_miss.describe(request.origin)
    if request.origin.startswith("http:"):
        return (
            f"{text}. Open the page with https; do not allow http as well: anyone on its way can change it."
        )
    entries = [request.origin if entry == near_miss.allowed else entry for entry in origin_entries(policy)]
    return f"{text}. Allow https in its place: {where}: {_format_changes(policy, {'allow_origins': entries})}"


def _change_origins(policy: CorsPolicy, request: PageRequest) -> dict[str, Any]:
    """Return the arguments that allow this origin, and credentials if the page sends them."""
    changes: dict[str, Any] = {}
    if policy.allow_origins == "*" and not request.credentials:
        return changes
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


def _format_changes(policy: CorsPolicy, changes: dict[str, Any], condition: str = "") -> str:
    """Return the arguments as code with a condition, or why corsbp would refuse them, if it would."""
    arguments = ", ".join(f"{name}={_format_value(policy, name, value)}" for name, value in changes.items())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The advice is tried: a policy that corsbp refuses would be the next error of the user.
            policy.replace(**changes)
    except CorsPolicyError as error:
        return f"{arguments} would be refused: {error.problems[0]}"
    if policy.allow_origins == "*" and "allow_origins" in changes:
        return f"{arguments}, which denies every other origin"
    return f"{arguments}{condition}"


def _format_value(policy: CorsPolicy, name: str, value: object) -> str:
    """Return the new value of an argument as code; of a long list only the entries that are new."""
    if not isinstance(value, list) or len(value) <= MAX_LISTED:
        return repr(value)
    known = getattr(policy, name)
    return f"[…, {', '.join(repr(entry) for entry in value if entry not in known)}]"
