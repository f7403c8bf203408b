"""An app's CORS surface as a file, and in words what changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from corsbp.app.inventory import RouteInfo
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_functions
from corsbp.spec import origins
from corsbp.spec.fetch import SAFELISTED_METHODS

Entry: TypeAlias = Mapping[str, Any]
VERSION = 1
_FUNCTION = "function "


def snapshot(served: Iterable[RouteInfo]) -> dict[str, Any]:
    """What other origins may do, method by method; sorted, so that equal surfaces are equal bytes."""
    routes = {}
    for route in served:
        for method in route.methods:
            policy = route.policy
            if policy is None or not (route.websocket or allows(policy, method)):
                continue
            kind = "WebSocket" if route.websocket else method
            routes[f"{kind} {route.host or ''}{route.path}"] = _entry(policy, route.websocket)
    return {"version": VERSION, "routes": dict(sorted(routes.items()))}


def written(found: Mapping[str, Any]) -> str:
    """A snapshot as text."""
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def read(text: str) -> dict[str, Any]:
    """A snapshot from its text. Raises ValueError where it is none."""
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("routes"), dict):
        raise ValueError("it is no snapshot of corsbp audit")  # noqa: TRY004  # of the file, not of a type
    if found.get("version") != VERSION:
        raise ValueError(f"its version is {found.get('version')!r}, not {VERSION}")
    return found


def allows(policy: CorsPolicy, method: str) -> bool:
    """Whether a policy's preflights allow a method: three need no permission."""
    return method in SAFELISTED_METHODS or policy.allow_methods == "*" or method in policy.allow_methods


def _entry(policy: CorsPolicy, websocket: bool) -> Entry:
    if websocket:
        checked = policy.check_websockets and policy.allow_origins != "*"
        return {"origins": _origins(policy) if checked else "*"}
    return {
        "origins": _origins(policy),
        "credentials": policy.allow_credentials,
        "headers": _sorted(policy.allow_headers),
        "exposes": _sorted(policy.expose_headers),
    }


def _origins(policy: CorsPolicy) -> str | list[str]:
    """`"*"`, the name of a function alone, or what is named and then the functions."""
    if policy.allow_origins == "*":
        return "*"
    asked = [
        f"{_FUNCTION}{getattr(each, '__module__', '')}.{function_name(each)}"
        for each in origin_functions(policy)
    ]
    entries = sorted(origin_entries(policy))
    return [*entries, *asked] if entries or len(asked) > 1 else asked[0]


def _sorted(names: str | Iterable[str]) -> str | list[str]:
    return names if isinstance(names, str) else sorted(names)


# --- what changed ---


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, in words; `wider`: pages may do what they could not before."""

    route: str
    text: str
    wider: bool

    def __str__(self) -> str:
        return f"{self.route}: {self.text}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What is different in the newer of two snapshots, route by route."""
    found: list[Change] = []
    before, after = old["routes"], new["routes"]
    for route in sorted({*before, *after}):
        if route not in before:
            found.append(Change(route, f"new, for {_in_words(after[route])}", True))
        elif route not in after:
            found.append(Change(route, "no longer for other origins", False))
        else:
            found += (Change(route, text, wider) for text, wider in differences(before[route], after[route]))
    return found


def differences(old: Entry, new: Entry) -> Iterator[tuple[str, bool]]:
    """What is different in what a route lets pages do, and whether they may do more."""
    yield from _of_names("", "any origin", old.get("origins", []), new.get("origins", []))
    if old.get("credentials") != new.get("credentials"):
        wider = bool(new.get("credentials"))
        yield f"{'now' if wider else 'no longer'} with credentials", wider
    for field, what in (("headers", "the request header "), ("exposes", "for pages to read: ")):
        everything = "every request header" if field == "headers" else "every response header to read"
        yield from _of_names(what, everything, old.get(field, []), new.get(field, []))


def _of_names(what: str, everything: str, old: Any, new: Any) -> Iterator[tuple[str, bool]]:
    """What changed in a list of names, `"*"`, or the name of a function."""
    if old == new:
        return
    if new == "*":
        yield f"now {everything}", True
    elif isinstance(new, str):
        yield f"now {_name(new)}", True  # which nobody can compare
    elif isinstance(old, str):
        yield f"now only {what}{', '.join(map(_name, new)) or 'none'}", old != "*"
    else:
        patterns = frozenset(entry for entry in old if "://" in entry and origins.is_pattern(entry))
        for name in new:
            if name not in old:
                covered = "://" in name and origins.find_wider_entry(name, patterns)
                yield (
                    f"now also {what}{_name(name)}{f', as {covered} before' if covered else ''}",
                    not covered,
                )
        for name in old:
            if name not in new:
                yield f"no longer {what}{_name(name)}", False


def _name(name: str) -> str:
    return f"whom the {name} allows" if name.startswith(_FUNCTION) else name


def _in_words(entry: Entry) -> str:
    allowed = entry["origins"]
    if allowed == "*":
        who = "any origin"
    else:
        who = ", ".join(map(_name, [allowed] if isinstance(allowed, str) else allowed))
    return f"{who}{', with credentials' if entry.get('credentials') else ''}"
