"""An audit as a file, and the changes since it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from corsbp.app.inventory import RouteInfo
from corsbp.decision.request_check import is_checked
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, names_method, origin_entries, origin_functions
from corsbp.spec import wildcards
from corsbp.spec.fetch import SAFELISTED_METHODS

Entry: TypeAlias = Mapping[str, Any]
"""What one method of a route allows: origins, credentials, names of headers."""

VERSION = 1
NO_ROUTE = "(no route)"
"""The last part of a path that stands for every path below a prefix that has no route."""
AUTHORIZATION = "authorization"
FUNCTION = "function "
"""Begins the name of an origin function in a list of origins: no origin has a space."""


def take_snapshot(routes: Iterable[RouteInfo]) -> dict[str, Any]:
    """Return what the routes allow, method by method; sorted, so that equal audits are equal bytes."""
    entries = {}
    for route in routes:
        policy = route.policy
        if policy is None:
            continue
        if route.websocket:
            entries[_key("WebSocket", route)] = _websocket_entry(policy)
            continue
        for method in route.methods:
            if allows_method(policy, method):
                entries[_key(method, route)] = _entry(policy)
    return {"version": VERSION, "routes": dict(sorted(entries.items()))}


def to_json(snapshot: Mapping[str, Any]) -> str:
    """Return a snapshot as text."""
    return json.dumps(snapshot, indent=2, sort_keys=True) + "\n"


def from_json(text: str) -> dict[str, Any]:
    """Read a snapshot from text. Raises ValueError if the text is not a snapshot."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error}); make it with --snapshot") from error
    if not isinstance(found, dict) or not isinstance(found.get("routes"), dict):
        raise ValueError("it is not a snapshot of corsbp audit")  # noqa: TRY004  # of the file, not of a type
    if found.get("version") != VERSION:
        raise ValueError(f"its version is {found.get('version')!r}, not {VERSION}")
    return found


def allows_method(policy: CorsPolicy, method: str) -> bool:
    """Return whether pages may use a method; GET, HEAD and POST need no permission, unless they are checked.

    https://fetch.spec.whatwg.org/#cors-safelisted-method
    """
    needs_no_permission = method in SAFELISTED_METHODS and not is_checked(policy, method)
    return needs_no_permission or names_method(policy, method)


def _key(method: str, route: RouteInfo) -> str:
    return f"{method} {route.host or ''}{route.path}"


def _entry(policy: CorsPolicy) -> Entry:
    return {
        "origins": _list_origins(policy),
        "credentials": policy.allow_credentials,
        "headers": _list_names(policy.allow_headers),
        "exposes": _list_names(policy.expose_headers),
    }


def _websocket_entry(policy: CorsPolicy) -> Entry:
    return {"origins": _list_origins(policy) if policy.check_websockets else "*"}


def _list_origins(policy: CorsPolicy) -> str | list[str]:
    """Return `"*"`, the name of a single function, or the entries followed by the functions."""
    if policy.allow_origins == "*":
        return "*"
    functions = [
        f"{FUNCTION}{getattr(each, '__module__', '')}.{function_name(each)}"
        for each in origin_functions(policy)
    ]
    entries = sorted(origin_entries(policy))
    if not entries and len(functions) == 1:
        return functions[0]
    return [*entries, *functions]


def _list_names(names: str | Iterable[str]) -> str | list[str]:
    return names if isinstance(names, str) else sorted(names)


def find_entry(routes: Mapping[str, Any], key: str) -> Any:
    """Return the entry of a method, or None.

    A path without a route, below a prefix that the app did not have: the entry of the next shorter prefix.
    """
    method, _, place = key.partition(" ")
    prefix, slash, name = place.rpartition("/")
    while name == NO_ROUTE and prefix and key not in routes:
        prefix = prefix.rpartition("/")[0]
        key = f"{method} {prefix}{slash}{name}"
    return routes.get(key)


# --- changes ---


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two snapshots, in words."""

    route: str
    text: str
    is_wider: bool
    """Pages may do something that they could not do before."""

    def __str__(self) -> str:
        return f"{self.route}: {self.text}"


def compare_snapshots(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return what changed between two snapshots, route by route."""
    changes: list[Change] = []
    before, after = old["routes"], new["routes"]
    for route in sorted({*before, *after}):
        if route not in before:
            changes.append(Change(route, f"new, for {_describe_entry(after[route])}", is_wider=True))
        elif route not in after:
            changes.append(Change(route, "no longer for other origins", is_wider=False))
        else:
            found = compare_entries(before[route], after[route])
            changes += (Change(route, text, is_wider) for text, is_wider in found)
    return changes


def compare_entries(old: Entry, new: Entry) -> Iterator[tuple[str, bool]]:
    """Yield what changed between two entries, and whether the new one is wider."""
    yield from _compare_names("", "any origin", old.get("origins", []), new.get("origins", []))
    if old.get("credentials") != new.get("credentials"):
        if new.get("credentials"):
            yield "now with credentials", True
        else:
            yield "no longer with credentials", False
    noun = "for pages to read: "
    yield from _compare_request_headers(old.get("headers", []), new.get("headers", []))
    yield from _compare_names(
        noun, "every response header to read", old.get("exposes", []), new.get("exposes", [])
    )


def _compare_request_headers(old: str | list[str], new: str | list[str]) -> Iterator[tuple[str, bool]]:
    """Yield what changed between the request headers that pages may send.

    `["*"]`, which only an observed entry has, is every header but Authorization.
    """
    if old == new or ["*"] not in (old, new):
        yield from _compare_names("the request header ", "every request header", old, new)
    elif new == "*":
        yield "now also the request header authorization", True
    elif old == "*":
        yield "no longer the request header authorization", False
    elif new == ["*"]:
        yield "now every request header but authorization", True
    else:
        yield f"now only the request header {', '.join(new) or 'none'}", AUTHORIZATION in new


def _compare_names(
    noun: str, everything: str, old: str | list[str], new: str | list[str]
) -> Iterator[tuple[str, bool]]:
    """Yield what changed between two lists of names, each of which can be `"*"` or the name of a function."""
    if old == new:
        return
    if new == "*":
        yield f"now {everything}", True
    elif isinstance(new, str):
        yield f"now {_describe_name(new)}", True  # A function cannot be compared: assume that it is wider.
    # From a function to a list, it may be wider; from "*", it is narrower.
    elif isinstance(old, str):
        names = ", ".join(map(_describe_name, new)) or "none"
        yield f"now only {noun}{names}", old != "*"
    else:
        yield from _compare_lists(noun, old, new)


def _compare_lists(noun: str, old: list[str], new: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield the names that are only in the new list, and those that are only in the old one."""
    patterns = frozenset(entry for entry in old if "://" in entry and wildcards.is_pattern(entry))
    for name in new:
        if name in old:
            continue
        text = f"now also {noun}{_describe_name(name)}"
        # Only origins can be covered by a pattern: names of headers have no scheme.
        if covering := "://" in name and wildcards.find_wider_entry(name, patterns):
            yield f"{text}, as {covering} before", False
        else:
            yield text, True
    for name in old:
        if name not in new:
            yield f"no longer {noun}{_describe_name(name)}", False


def _describe_name(name: str) -> str:
    return f"origins that the {name} allows" if name.startswith(FUNCTION) else name


def _describe_entry(entry: Entry) -> str:
    allowed = entry["origins"]
    if allowed == "*":
        text = "any origin"
    else:
        text = ", ".join(map(_describe_name, [allowed] if isinstance(allowed, str) else allowed))
    return f"{text}, with credentials" if entry.get("credentials") else text
