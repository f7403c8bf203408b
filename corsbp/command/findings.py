"""What is odd about an app's CORS surface: each finding with an id, and whether it is an error."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sanic import Sanic

from corsbp.app import inventory
from corsbp.app.inventory import RouteInfo
from corsbp.app.ownership import innermost_sections
from corsbp.app.section import Section
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_functions
from corsbp.policy.problems import PROBLEMS, WARNINGS, ids
from corsbp.spec import origins, public_suffixes

from .other_cors import neighbours, routes, settled_by_sanic_ext

MORE: Final = ids("""
    any-beside-restricted credentials-pattern credentials-function insecure-origin websocket-unchecked
    set-too-late two-sections duplicate-names group-unused ctx-cors-unread
""")
"""Ids of what only a review looks for; the others are those of the policies' problems and warnings."""

FINDINGS: Final = PROBLEMS | WARNINGS | MORE
"""Every id that a finding can have."""

ERRORS: Final = frozenset({"credentials-insecure-origin", "credentials-public-suffix"})
"""Entries of a policy by which somebody can act as a user."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something to look at: `where` is a section, a route or the app; `paths` are those that it is about."""

    error: bool
    id: str
    where: str
    text: str
    paths: tuple[str, ...] = ()


def find(app: Sanic[Any, Any], made: Iterable[Section] = ()) -> tuple[list[RouteInfo], list[Finding]]:
    """The app's routes, and what is odd about them: errors first, in one order whatever the run.

    Args:
        made: the sections that were made with the app, on it or not.
    """
    try:
        served = inventory.list_routes(app)
        odd = inventory.list_startup_problems(app)
    except ValueError as error:
        return [], [Finding(True, "two-sections", app.name, str(error))]
    here = inventory.list_sections(app)
    around = {section.label(): section.active_policy.policy for section in here}
    found = [
        *(
            Finding(each.id == "group-forgotten", each.id, f"{each.value}", each.message)
            for each in odd
            if each.id != "two-layers"  # of which more is known here
        ),
        *_of_groups(made),
        *_of_names(app),
        *([] if here else _of_unread(served)),
        *_of_policies(served, around),
        *_of_neighbours(served),
        *_of_sockets(served),
        *_of_packages(app, served),
    ]
    return served, sorted(set(found), key=lambda each: (not each.error, each.id, each.where, each.text))


def _of_groups(made: Iterable[Section]) -> Iterator[Finding]:
    """Groups of which nothing is on any app; those inside of another go with it."""
    unused = {
        each: innermost_sections(each)
        for each in made
        if not (each.registered or each.whole or any(bp.registered for bp in innermost_sections(each)))
    }
    inner = {
        section for each, claimed in unused.items() for section in claimed.values() if section is not each
    }
    for each, claimed in unused.items():
        if each not in inner:
            where = f"cors_group({', '.join(bp.name for bp in claimed)})"
            text = f"made at {os.path.relpath(each.made_at)}, and on no app: app.blueprint(...) registers it"
            yield Finding(False, "group-unused", where, text)


def _of_unread(served: Iterable[RouteInfo]) -> Iterator[Finding]:
    """What routes of an app without sections ask for."""
    for route in served:
        if route.own:
            first = "" if route.blueprint else "declare it on a blueprint bp, and "
            wrapped = f"{first}app.blueprint(cors_group({route.blueprint or 'bp'}, ...)) makes one"
            text = f"its ctx_cors does nothing, as the app has no section: {wrapped}"
            where = f"{','.join(route.methods)} {route.path}"
            yield Finding(False, "ctx-cors-unread", where, text, (route.path,))


def _of_names(app: Sanic[Any, Any]) -> Iterator[Finding]:
    """Names that Sanic refuses to start with."""
    places: dict[str, list[str]] = {}
    for route in routes(app):
        places.setdefault(route.extra.ident, []).append(f"/{route.path}")
    for name, paths in places.items():
        if len(paths) > 1:
            text = f"is the name of {' and of '.join(sorted(paths))}: give one of them another, name=..."
            yield Finding(True, "duplicate-names", name, text, tuple(sorted(set(paths))))


def _of_policies(served: Iterable[RouteInfo], around: dict[str, CorsPolicy]) -> Iterator[Finding]:
    """Of each policy once, with the paths that follow it."""
    following: dict[tuple[str, CorsPolicy], list[str]] = {}
    for route in served:
        if route.policy is not None:
            shared = route.section if around.get(f"{route.section}") == route.policy else None
            where = shared or f"{','.join(route.methods)} {route.path}"
            following.setdefault((where, route.policy), []).append(route.path)
    for (where, policy), paths in following.items():
        entries, about = origin_entries(policy), tuple(sorted(set(paths)))
        patterns = frozenset(filter(origins.is_pattern, entries))
        for entry in entries:
            for each in _of_entry(entry, policy.allow_credentials):
                yield Finding(each in ERRORS, each, where, entry, about)
            if wider := origins.find_wider_entry(entry, patterns):
                yield Finding(False, "origin-covered", where, f"{entry} is already allowed by {wider}", about)
        for function in origin_functions(policy) if policy.allow_credentials else ():
            yield Finding(False, "credentials-function", where, f"{function_name(function)}()", about)


def _of_entry(entry: str, credentials: bool) -> Iterator[str]:
    if origins.is_insecure(entry):
        yield "credentials-insecure-origin" if credentials else "insecure-origin"
    if credentials and public_suffixes.is_below_public_suffix(entry):
        yield "credentials-public-suffix"
    elif credentials and "://*." in entry:
        yield "credentials-pattern"


def _of_neighbours(served: Iterable[RouteInfo]) -> Iterator[Finding]:
    """Of the routes of a section, or of a path, one is open to all and another is not."""
    restricted: dict[object, RouteInfo] = {}
    for route in served:
        if route.policy and not _is_open(route.policy):
            restricted.setdefault(route.whose, route)
            restricted.setdefault((route.path, route.host), route)
    for route in served:
        other = restricted.get((route.path, route.host)) or restricted.get(route.whose)
        if other and _is_open(route.policy):
            text = f"any origin, while {','.join(other.methods)} {other.path} names its own"
            yield Finding(
                False, "any-beside-restricted", f"{','.join(route.methods)} {route.path}", text, (route.path,)
            )


def _is_open(policy: CorsPolicy | None) -> bool:
    return policy is not None and policy.allow_origins == "*"


def _of_sockets(served: Iterable[RouteInfo]) -> Iterator[Finding]:
    for route in served:
        policy = route.policy
        if route.websocket and policy and not _is_open(policy) and not policy.check_websockets:
            text = "check_websockets=False lets pages of every site open it"
            where = f"WebSocket {route.path}"
            yield Finding(policy.allow_credentials, "websocket-unchecked", where, text, (route.path,))


def _of_packages(app: Sanic[Any, Any], served: Iterable[RouteInfo]) -> Iterator[Finding]:
    """What other packages for CORS let in: everywhere but in sections."""
    inside = {route.name for route in served if route.whose}  # where ours hold
    outside = " outside of the sections" if inside else ""
    for each in neighbours(app):
        if each.route is None:
            yield Finding(False, "two-layers", app.name, f"{each.package} lets in{outside}: {each.allows}")
        elif each.route.name not in inside:
            path = f"/{each.route.path}"
            yield Finding(False, "two-layers", path, f"has the decorator of {each.package}", (path,))
    declared = app.config.get("CORS_ORIGINS", "")
    if settled_by_sanic_ext(app) == "" and declared:
        text = f"CORS_ORIGINS={declared!r} came after app.extend()"
        yield Finding(False, "set-too-late", app.name, text)
