"""What is odd about the routes of an app: findings, each with an id and a level."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sanic import Sanic

from corsbp.app import inventory
from corsbp.app.inventory import RouteInfo
from corsbp.app.section import Section
from corsbp.command import finding_ids
from corsbp.command.finding import Finding, Level, make_finding, sort_findings
from corsbp.command.finding_ids import AUDIT_FINDINGS
from corsbp.command.source_lines import format_line, locate_handler
from corsbp.command.suffix_list import check_suffix_list
from corsbp.ids import Message
from corsbp.policy import field_ids, warning_ids
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_functions
from corsbp.policy.problems import PROBLEMS, WARNINGS
from corsbp.spec import origins, public_suffixes, wildcards
from corsbp.spec.fetch import sort_methods
from corsbp.text import safe_repr

from .other_cors import applied_sanic_ext_origins, find_other_cors, is_open_engine, iterate_routes
from .request_findings import check_forged_requests
from .startup_routes import find_startup_routes

FINDINGS: Final = PROBLEMS | WARNINGS | AUDIT_FINDINGS.keys()
"""Every id that a finding can have."""

ERRORS: Final = frozenset({field_ids.CREDENTIALS_INSECURE.id, field_ids.CREDENTIALS_PUBLIC_SUFFIX.id})
"""Entries of a policy that let somebody act as a user."""

MAX_ROUTES: Final = 3
"""Routes that a finding lists."""


def audit_app(app: Sanic[Any, Any], made: Iterable[Section] = ()) -> tuple[list[RouteInfo], list[Finding]]:
    """Return the routes of an app and the findings: errors first, in the same order at each run.

    Args:
        made: the sections that were made while the app was imported, registered on it or not.
    """
    try:
        routes = inventory.list_routes(app)
        problems = inventory.list_startup_problems(app)
    # Such an app has no list of routes, so that there is nothing else to check.
    except ValueError as error:
        two_sections = make_finding("error", finding_ids.TWO_SECTIONS, app.name, error=error)
        return [], [*check_ctx_cors_values(app)] or [two_sections]
    sections = inventory.list_sections(app)
    policies = {section.label(): section.active_policy.policy for section in sections}
    findings = {
        *(
            Finding(_level_of(each.id), each.id, f"{each.value}", each.message)
            for each in problems
            if each.id != warning_ids.TWO_LAYERS.id  # find_other_cors knows more about it
        ),
        *_check_groups(made),
        *_check_names(app),
        *([] if sections else _check_ctx_cors(routes)),
        *_check_policies(routes, policies),
        *_check_neighbouring_routes(routes),
        *_check_websockets(routes),
        *check_forged_requests(app.name, routes, policies),
        *_check_open_sections(sections),
        *_check_other_cors(app, routes),
        *find_startup_routes(app),
        *check_suffix_list(app.name),
    }
    return routes, sort_findings(findings)


def _level_of(problem: str) -> Level:
    """Return the level of a problem of the app's startup: routes without their policy are an error."""
    return "error" if problem == warning_ids.GROUP_FORGOTTEN.id else "warning"


def _route_label(route: RouteInfo) -> str:
    return f"{','.join(route.methods)} {route.path}"


def _check_groups(made: Iterable[Section]) -> Iterator[Finding]:
    """Find groups that are on no app; inner groups belong to the finding of the outer group."""
    unused = {}
    for section in made:
        members = section.innermost_sections()
        if not (section.registered or section.whole or any(bp.registered for bp in members)):
            unused[section] = members
    inner = {each for section, members in unused.items() for each in members.values() if each is not section}
    for section, members in unused.items():
        if section not in inner:
            where = f"cors_group({', '.join(blueprint.name for blueprint in members)})"
            line = os.path.relpath(section.made_at)
            yield make_finding("warning", finding_ids.GROUP_UNUSED, where, line=line)


def _check_ctx_cors(routes: Iterable[RouteInfo]) -> Iterator[Finding]:
    """Find routes with `ctx_cors` in an app without sections, which does not read it."""
    for route in routes:
        if route.has_own_policy:
            first = "" if route.blueprint else "declare it on a blueprint bp, and "
            yield make_finding(
                "warning",
                finding_ids.CTX_CORS_UNREAD,
                _route_label(route),
                (route.path,),
                first=first,
                blueprint=route.blueprint or "bp",
            )


def check_ctx_cors_values(app: Sanic[Any, Any]) -> Iterator[Finding]:
    """Find routes whose `ctx_cors` is neither a policy nor False: the app does not start then."""
    for route in iterate_routes(app):
        value = getattr(route.ctx, "cors", None)
        if value is None or value is False or isinstance(value, CorsPolicy):
            continue
        yield make_finding(
            "error",
            finding_ids.CTX_CORS_INVALID,
            f"{','.join(sort_methods(route.methods))} /{route.path}",
            (f"/{route.path}",),
            value=safe_repr(value),
            line=format_line(locate_handler(route.handler)),
        )


def _check_names(app: Sanic[Any, Any]) -> Iterator[Finding]:
    """Find names that two routes have: Sanic does not start then."""
    paths_by_name: dict[str, list[str]] = {}
    for route in iterate_routes(app):
        paths_by_name.setdefault(route.extra.ident, []).append(f"/{route.path}")
    for name, paths in paths_by_name.items():
        if len(paths) > 1:
            listed = " and of ".join(sorted(paths))
            yield make_finding(
                "error", finding_ids.DUPLICATE_NAMES, name, tuple(sorted(set(paths))), routes=listed
            )


def _check_policies(routes: Iterable[RouteInfo], policies: dict[str, CorsPolicy]) -> Iterator[Finding]:
    """Check each policy once, with the paths of the routes that follow it.

    Args:
        policies: the policy of each section, by its label.
    """
    paths_by_policy: dict[tuple[str, CorsPolicy], set[str]] = {}
    for route in routes:
        if route.policy is None:
            continue
        where = _route_label(route)
        if route.section and policies.get(route.section) == route.policy:
            where = route.section
        paths_by_policy.setdefault((where, route.policy), set()).add(route.path)
    for (where, policy), paths in paths_by_policy.items():
        for message, text in _check_policy(policy):
            level: Level = "error" if message.id in ERRORS else "warning"
            yield Finding(level, message.id, where, text, tuple(sorted(paths)))


def _check_policy(policy: CorsPolicy) -> Iterator[tuple[Message, str]]:
    """Yield messages, each with the entry or function that it is about."""
    entries = origin_entries(policy)
    patterns = frozenset(filter(wildcards.is_pattern, entries))
    for entry in entries:
        for message in _check_entry(entry, policy.allow_credentials):
            yield message, entry
        if wider := wildcards.find_wider_entry(entry, patterns):
            yield warning_ids.ORIGIN_COVERED, f"{entry} is already allowed by {wider}"
    if policy.allow_credentials:
        for function in origin_functions(policy):
            yield finding_ids.CREDENTIALS_FUNCTION, f"{function_name(function)}()"


def _check_entry(entry: str, credentials: bool) -> Iterator[Message]:
    """Yield the messages about one origin or pattern."""
    if origins.is_insecure(entry):
        yield field_ids.CREDENTIALS_INSECURE if credentials else finding_ids.INSECURE_ORIGIN
    if credentials and public_suffixes.is_below_public_suffix(entry):
        yield field_ids.CREDENTIALS_PUBLIC_SUFFIX
    elif credentials and "://*." in entry:
        yield finding_ids.CREDENTIALS_PATTERN


def _check_neighbouring_routes(routes: Iterable[RouteInfo]) -> Iterator[Finding]:
    """Find routes that are open to all beside one that is not, in the same section or on the same path."""
    restricted: dict[object, RouteInfo] = {}
    for route in routes:
        if route.policy and not _is_open(route.policy):
            restricted.setdefault(route.policy_source, route)
            # One path may have two sections, one for each method: a mistake more often than a plan.
            restricted.setdefault((route.path, route.host), route)
    for route in routes:
        other = restricted.get((route.path, route.host)) or restricted.get(route.policy_source)
        if other and _is_open(route.policy):
            yield make_finding(
                "warning",
                finding_ids.ANY_BESIDE_RESTRICTED,
                _route_label(route),
                (route.path,),
                other=_route_label(other),
            )


def _is_open(policy: CorsPolicy | None) -> bool:
    return policy is not None and policy.allow_origins == "*"


def _check_websockets(routes: Iterable[RouteInfo]) -> Iterator[Finding]:
    """Find WebSockets that do not check the origin, though the policy names origins."""
    for route in routes:
        policy = route.policy
        if policy is None or _is_open(policy):
            continue
        # With cookies, pages of every site act as the user.
        level: Level = "error" if policy.allow_credentials else "warning"
        # CORS does not cover WebSockets: without the check, the origins that are named mean nothing here.
        if route.websocket and not policy.check_websockets:
            where = f"WebSocket {route.path}"
            yield make_finding(level, warning_ids.CHECK_SWITCHED_OFF, where, (route.path,))
        # Socket.IO opens WebSockets on an ordinary route, whose handler is a method of its server.
        allowed = getattr(getattr(route.handler, "__self__", None), "cors_allowed_origins", None)
        if is_open_engine(allowed):
            message, where = warning_ids.ENGINE_UNCHECKED, _route_label(route)
            yield make_finding(level, message, where, (route.path,), origins=safe_repr(allowed))


def _check_open_sections(sections: Iterable[Section]) -> Iterator[Finding]:
    """List sections that are open to every origin because `allow_origins` is not written."""
    for section in sections:
        # The default is right for a public API, and wrong for one whose author forgot the argument.
        if not section.declares_origins and _is_open(section.active_policy.policy):
            line = format_line(section.made_at)
            yield make_finding("info", finding_ids.ANY_ORIGIN, section.label(), line=line)


def _check_other_cors(app: Sanic[Any, Any], routes: Sequence[RouteInfo]) -> Iterator[Finding]:
    """Find other CORS packages that allow what no section covers; in sections, their headers are dropped."""
    # In a section, corsbp removes the headers of others: a second layer matters outside only.
    uncovered = [route for route in routes if not route.policy_source]
    names = {route.name for route in uncovered}
    for each in find_other_cors(app):
        if each.route is not None and each.route.name in names:
            path = f"/{each.route.path}"
            text = f"has the decorator of {each.package}"
            yield Finding("warning", warning_ids.TWO_LAYERS.id, path, text, (path,))
        elif each.route is None and uncovered:
            where = f"in no section ({_list_routes(uncovered)})" if len(uncovered) < len(routes) else "here"
            text = f"{each.package} allows {each.allows} {where}"
            yield Finding("warning", warning_ids.TWO_LAYERS.id, app.name, text)
    declared = app.config.get("CORS_ORIGINS", "")
    if declared and applied_sanic_ext_origins(app) == "":
        yield make_finding("warning", finding_ids.SET_TOO_LATE, app.name, value=declared)


def _list_routes(routes: Sequence[RouteInfo]) -> str:
    shown = ", ".join(_route_label(route) for route in routes[:MAX_ROUTES])
    more = len(routes) - MAX_ROUTES
    return f"{shown} and {more} more" if more > 0 else shown
