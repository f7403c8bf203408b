"""Findings about forged requests: what `check_requests` does not check, though cookies go with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from corsbp.app.inventory import RouteInfo
from corsbp.command import finding_ids
from corsbp.command.finding import Finding, make_finding
from corsbp.policy import warning_ids
from corsbp.policy.policy import CorsPolicy
from corsbp.spec.fetch import SAFE_METHODS


def check_forged_requests(
    routes: Iterable[RouteInfo], policies: Mapping[str, CorsPolicy]
) -> Iterator[Finding]:
    """Find writes that other sites can forge, routes that are exempt, and checks beside `"*"`.

    policies: the policy of each section, by its label.
    """
    unchecked: dict[str, set[str]] = {}
    open_policies: dict[str, set[str]] = {}
    for route in routes:
        policy, writes = route.policy, ",".join(each for each in route.methods if each not in SAFE_METHODS)
        source = route.policy_source or route.name
        if policy and policy.check_requests:
            if policy.allow_origins == "*":
                open_policies.setdefault(source, set()).add(route.path)
        # A handshake is a GET, and check_websockets decides about it.
        elif writes and not route.websocket:
            around = policies.get(route.section or "")
            if around is not None and around.check_requests:
                where = f"{writes} {route.path}"
                yield make_finding("info", finding_ids.REQUESTS_EXEMPT, where, (route.path,))
            elif policy and policy.allow_credentials:
                unchecked.setdefault(source, set()).add(route.path)
    for source, paths in unchecked.items():
        yield make_finding("info", finding_ids.REQUESTS_UNCHECKED, source, tuple(sorted(paths)))
    for source, paths in open_policies.items():
        message = warning_ids.REQUESTS_ANY_ORIGIN
        yield Finding("warning", message.id, source, f"check_requests {message.text}", tuple(sorted(paths)))
