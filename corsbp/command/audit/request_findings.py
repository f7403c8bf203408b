"""Findings about forged requests: what `check_requests` does not check, though cookies go with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from corsbp.app.inventory import RouteInfo
from corsbp.command import finding_ids
from corsbp.command.console import count_of
from corsbp.command.finding import Finding, make_finding
from corsbp.decision.request_check import is_checked
from corsbp.policy import warning_ids
from corsbp.policy.policy import CorsPolicy
from corsbp.spec.fetch import SAFE_METHODS


def check_forged_requests(
    app_name: str, routes: Iterable[RouteInfo], policies: Mapping[str, CorsPolicy]
) -> Iterator[Finding]:
    """Find writes that other sites can forge, routes that are exempt, and checks beside `"*"`.

    policies: the policy of each section, by its label.
    """
    unchecked: dict[str, set[str]] = {}
    open_policies: dict[str, set[str]] = {}
    outside: list[str] = []
    for route in routes:
        policy, source = route.policy, route.policy_source or route.name
        if policy and policy.check_requests and policy.allow_origins == "*":
            open_policies.setdefault(source, set()).add(route.path)
        # A handshake is a GET, and check_websockets decides about it.
        if route.websocket:
            continue
        if exempt := _find_exempt(route, policies.get(route.section or "")):
            where = f"{','.join(exempt)} {route.path}"
            yield make_finding("info", finding_ids.REQUESTS_EXEMPT, where, (route.path,))
        elif policy and policy.allow_credentials and not SAFE_METHODS.issuperset(_unchecked(route)):
            unchecked.setdefault(source, set()).add(route.path)
        elif (
            route.policy_source is None and not route.opts_out and not SAFE_METHODS.issuperset(route.methods)
        ):
            outside.append(route.path)
    # Who checks one section may believe that the whole app is checked.
    if outside and any(policy.check_requests for policy in policies.values()):
        count, found = count_of(len(outside), "route"), tuple(sorted(set(outside)))
        yield make_finding("info", finding_ids.REQUESTS_OUTSIDE, app_name, found, routes=count)
    for source, paths in unchecked.items():
        yield make_finding("info", finding_ids.REQUESTS_UNCHECKED, source, tuple(sorted(paths)))
    for source, paths in open_policies.items():
        message = warning_ids.REQUESTS_ANY_ORIGIN
        yield Finding("warning", message.id, source, f"check_requests {message.text}", tuple(sorted(paths)))


def _find_exempt(route: RouteInfo, around: CorsPolicy | None) -> list[str]:
    """Return the methods of a route that its section checks, and the route itself does not.

    around: the policy of the section.
    """
    return [method for method in _unchecked(route) if around is not None and is_checked(around, method)]


def _unchecked(route: RouteInfo) -> list[str]:
    """Return the methods of a route that its policy does not check."""
    policy = route.policy
    return [method for method in route.methods if policy is None or not is_checked(policy, method)]
