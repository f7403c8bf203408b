"""What is odd about an app's CORS surface: each finding with an id, and whether it is an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from sanic import Sanic

from corsbp import origins, suffixes, surface
from corsbp.errors import PROBLEMS, WARNINGS
from corsbp.fields import name_of
from corsbp.policy import CorsPolicy, functions, named
from corsbp.surface import Served

MORE: Final = MappingProxyType(
    {
        "any-beside-restricted": "Any origin may call a route whose neighbours name theirs.",
        "credentials-pattern": "With credentials, every name below a domain can act as your users.",
        "credentials-function": "With credentials, whom a function allows can act as your users.",
        "insecure-origin": "An origin without https: whoever sits on its wire reads the answers.",
        "websocket-unchecked": "A WebSocket takes every site's handshakes, in a section that names origins.",
        "set-too-late": "A setting of sanic-ext's CORS that came after app.extend(): it has no effect.",
        "two-sections": "A blueprint in two sections: the app does not start.",
    }
)
"""Ids of what only a review looks for; the others are those of the policies' problems and warnings."""

FINDINGS: Final = MappingProxyType({**PROBLEMS, **WARNINGS, **MORE})
"""Every id that a finding can have."""

ERRORS: Final = frozenset({"credentials-insecure-origin", "credentials-public-suffix"})
"""Entries of a policy by which somebody can act as a user."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something to look at: `where` is a section, a route or the app."""

    error: bool
    id: str
    where: str
    text: str


def find(app: Sanic[Any, Any]) -> tuple[list[Served], list[Finding]]:
    """The app's routes, and what is odd about them: errors first, in one order whatever the run."""
    try:
        served = surface.surface(app)
        odd = surface.oddities(app)
    except ValueError as error:
        return [], [Finding(True, "two-sections", app.name, str(error))]
    found = [
        *(Finding(each.id == "group-forgotten", each.id, f"{each.value}", each.message) for each in odd),
        *_of_policies(served),
        *_of_neighbours(served),
        *_of_sockets(served),
        *_of_extensions(app, served),
    ]
    return served, sorted(set(found), key=lambda each: (not each.error, each.id, each.where, each.text))


def _of_policies(served: Iterable[Served]) -> Iterator[Finding]:
    for route in served:
        policy = route.policy
        if policy is None:
            continue
        where, entries = _where(route), named(policy)
        patterns = frozenset(filter(origins.is_pattern, entries))
        for entry in entries:
            for each in _of_entry(entry, policy.allow_credentials):
                yield Finding(each in ERRORS, each, where, entry)
            if wider := origins.covering(entry, patterns):
                yield Finding(False, "origin-covered", where, f"{entry} is already allowed by {wider}")
        for function in functions(policy) if policy.allow_credentials else ():
            yield Finding(False, "credentials-function", where, f"{name_of(function)}()")


def _of_entry(entry: str, credentials: bool) -> Iterator[str]:
    if origins.is_insecure(entry):
        yield "credentials-insecure-origin" if credentials else "insecure-origin"
    if credentials and suffixes.is_below_public_suffix(entry):
        yield "credentials-public-suffix"
    elif credentials and "://*." in entry:
        yield "credentials-pattern"


def _of_neighbours(served: Iterable[Served]) -> Iterator[Finding]:
    """Of the routes of a section, or of a path, one is open to all and another is not."""
    restricted: dict[object, Served] = {}
    for route in served:
        if route.policy and not _is_open(route.policy):
            restricted.setdefault(route.whose, route)
            restricted.setdefault((route.path, route.host), route)
    for route in served:
        other = restricted.get((route.path, route.host)) or restricted.get(route.whose)
        if other and _is_open(route.policy):
            text = f"any origin, while {','.join(other.methods)} {other.path} names its own"
            yield Finding(False, "any-beside-restricted", f"{','.join(route.methods)} {route.path}", text)


def _is_open(policy: CorsPolicy | None) -> bool:
    return policy is not None and policy.allow_origins == "*"


def _of_sockets(served: Iterable[Served]) -> Iterator[Finding]:
    for route in served:
        policy = route.policy
        if route.websocket and policy and not _is_open(policy) and not policy.check_websockets:
            text = "check_websockets=False lets pages of every site open it"
            yield Finding(policy.allow_credentials, "websocket-unchecked", f"WebSocket {route.path}", text)


def _of_extensions(app: Sanic[Any, Any], served: Iterable[Served]) -> Iterator[Finding]:
    """sanic-ext's CORS: what it has settled in `app.extend()`, or what it will settle as the app starts."""
    config, settled = app.config, getattr(app.ctx, "cors", None)
    declared = config.get("CORS_ORIGINS", "")
    if settled is not None and hasattr(settled, "allow_origins"):
        allowed = ", ".join(getattr(each, "pattern", str(each)) for each in settled.allow_origins)
        if declared and not allowed:
            yield Finding(
                False, "set-too-late", app.name, f"CORS_ORIGINS={declared!r} came after app.extend()"
            )
    elif config.get("CORS", True) and config.get("AUTO_EXTEND", True) and find_spec("sanic_ext"):
        allowed = str(declared)
    else:
        return
    if allowed:
        yield Finding(
            False, "two-layers", app.name, f"sanic-ext's CORS holds outside the sections: {allowed}"
        )
    inside = {route.name for route in served if route.whose}  # where ours hold
    for group in app.router.groups.values():
        for route in group.routes:
            if hasattr(route.handler, "__cors__") and route.name not in inside:
                yield Finding(False, "two-layers", f"/{route.path}", "has sanic-ext's @cors")


def _where(route: Served) -> str:
    """The section, or the route where it has a policy of its own."""
    return route.section or route.path
