"""The routes of an app with their declared policies, as a table and for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sanic import Sanic

from corsbp.app.inventory import RouteInfo
from corsbp.command.console import count_of
from corsbp.command.finding import Finding
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_functions

from .report import Report, Table, count_findings
from .snapshot import allows_method

MAX_ENTRIES: Final = 3
"""Origins of a policy that the table shows."""


def make_report(app: Sanic[Any, Any], routes: Sequence[RouteInfo], findings: list[Finding]) -> Report:
    """Return the report on declared policies."""
    inside = sum(route.section is not None for route in routes)
    counts = f"{count_of(len(routes), 'route')}, {inside} in sections; {count_findings(findings)}"
    return Report(
        table=_make_table(routes),
        findings=findings,
        summary=f"{app.name}: {counts}",
        data={"routes": [_route_to_dict(route) for route in routes]},
    )


def _make_table(routes: Sequence[RouteInfo]) -> Table:
    with_hosts = any(route.host for route in routes)
    columns = ["methods", "path", "section", "corsbp allows"]
    if with_hosts:
        columns.insert(2, "host")
    rows = [row for route in routes for row in _rows(route, with_hosts)]
    return Table(columns, rows, is_dim=lambda row: row[-2] == "-")


def _rows(route: RouteInfo, with_hosts: bool) -> Iterator[tuple[str, ...]]:
    """Yield a route's row; two rows if the policy does not allow some of its methods."""
    place = [route.path, route.policy_source or "-"]
    if with_hosts:
        place.insert(1, route.host or "")
    for methods, allowed in _methods_with_origins(route):
        yield methods, *place, allowed


def _methods_with_origins(route: RouteInfo) -> Iterator[tuple[str, str]]:
    """Yield methods of a route, each time with the origins that may use them, in words."""
    policy = route.policy
    methods = "WebSocket" if route.websocket else ",".join(route.methods)
    if policy is None:
        yield methods, "none: no CORS" if route.section else "-"
        return
    describe = describe_websocket_policy if route.websocket else describe_policy
    text = describe(policy)
    if route.live:
        text += "; until live origins come"
    if route.report_only:
        text += f"; report-only: {describe(route.report_only)}"
    if route.websocket:
        yield methods, text
        return
    # GET, HEAD and POST need no permission, so a policy cannot leave them out.
    allowed = [method for method in route.methods if allows_method(policy, method)]
    denied = [method for method in route.methods if method not in allowed]
    if allowed:
        yield ",".join(allowed), text
    if denied:
        yield ",".join(denied), "none: not in allow_methods"


def _route_to_dict(route: RouteInfo) -> dict[str, Any]:
    policy, report_only = route.policy, route.report_only
    return {
        "path": route.path,
        "methods": list(route.methods),
        "host": route.host,
        "name": route.name,
        "websocket": route.websocket,
        "section": route.section,
        "policy": describe_policy(policy) if policy else None,
        "report_only": describe_policy(report_only) if report_only else None,
        "live": route.live,
    }


# --- a policy in words ---


def describe_policy(policy: CorsPolicy) -> str:
    """Describe a policy in one line: the allowed origins, and what differs from the defaults."""
    parts = [_describe_origins(policy)]
    if policy.allow_credentials:
        parts.append("credentials")
    for name, values in (("methods", policy.allow_methods), ("headers", policy.allow_headers)):
        if values != "*":
            parts.append(f"{name}: {','.join(values) or 'none'}")
    if policy.check_requests:
        parts.append(f"checks {policy.check_requests}")
    if policy.expose_headers:
        parts.append(f"exposes: {','.join(policy.expose_headers)}")
    return "; ".join(parts)


def describe_websocket_policy(policy: CorsPolicy) -> str:
    """Describe the origins whose pages can open a WebSocket under this policy."""
    if policy.allow_origins != "*" and not policy.check_websockets:
        return "any origin: check_websockets=False"
    return _describe_origins(policy)


def _describe_origins(policy: CorsPolicy) -> str:
    if policy.allow_origins == "*":
        return "any origin"
    entries = origin_entries(policy)
    functions = [f"{function_name(each)}()" for each in origin_functions(policy)]
    parts = []
    if entries:
        shown = ", ".join(entries[:MAX_ENTRIES])
        more = len(entries) - MAX_ENTRIES
        parts.append(f"{shown} and {more} more" if more > 0 else shown)
    if functions:
        parts.append(f"origins that {' or '.join(functions)} allows")
    return ", or ".join(parts)
