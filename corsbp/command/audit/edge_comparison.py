"""What an app allows, from a snapshot, and what its deployment allows: every difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from corsbp.command import finding_ids
from corsbp.command.finding import Finding, make_finding
from corsbp.command.server_responses import origin_of
from corsbp.spec import wildcards
from corsbp.spec.fetch import ALLOW_ORIGIN
from corsbp.testing.short_text import shorten

from .edge_checks import is_cached_for_another_origin
from .observed_method import UNKNOWN_ORIGIN, ObservedMethod, Target, describe_origin
from .snapshot import FUNCTION, Entry, compare_entries, find_entry

MAX_ORIGINS: Final = 3
"""Origins of a route's policy that are compared: caches need two of them."""


class Expectations:
    """What an app allows, from a snapshot of its declared policies, or of its responses in memory."""

    def __init__(self, snapshot: Mapping[str, Any], extra_origins: Sequence[str] = ()) -> None:
        self._routes: Mapping[str, Any] = snapshot["routes"]
        self._observed: list[str] | None = snapshot.get("observed")
        self._extra = extra_origins

    def origins_for(self, target: Target) -> list[str]:
        """Return the origins whose pages are compared for a target; the allowed ones first.

        A cache keeps the first response: that of an allowed origin, which must not reach another page.
        """
        if self._observed is not None:
            grants = (find_entry(self._routes, target.key) or {}).get("grants", {})
            return sorted(self._observed, key=lambda origin: (grants.get(origin) is None, origin))
        entries = _list_entries(self._routes.get(target.key, {}))
        # A pattern stands for many origins; one that it covers is enough to see it work.
        examples = [entry.replace("://*.", "://any.").removesuffix(":*") for entry in entries]
        return list(dict.fromkeys([*examples[:MAX_ORIGINS], *self._extra, UNKNOWN_ORIGIN]))

    def has(self, target: Target) -> bool:
        """Return whether the snapshot has the facts for a target, which may be that it has no CORS."""
        if self._observed is not None:
            return find_entry(self._routes, target.key) is not None
        return target.route.name != ""  # A path without a route is in no policy.

    def grant_for(self, target: Target, origin: str) -> tuple[bool, Entry | None]:
        """Return whether the grant for an origin is known, and the grant."""
        entry = find_entry(self._routes, target.key)
        if self._observed is not None:
            return True, (entry or {}).get("grants", {}).get(origin)
        if entry is None:
            return True, None
        entries = _list_entries(entry)
        if entry["origins"] == "*" or origin in wildcards.OriginSet(entries):
            grant = {"credentials": entry["credentials"], "headers": entry["headers"]}
            if target.method == "GET":
                grant["exposes"] = entry["exposes"]
            return True, grant
        return len(entries) == _count_origins(entry), None  # A function may allow the origin.


def _list_entries(entry: Mapping[str, Any]) -> list[str]:
    """Return the origins and patterns of an entry, without functions."""
    allowed = entry.get("origins", [])
    listed = [] if isinstance(allowed, str) else allowed
    return [each for each in listed if not each.startswith(FUNCTION)]


def _count_origins(entry: Mapping[str, Any]) -> int:
    allowed = entry["origins"]
    return 1 if isinstance(allowed, str) else len(allowed)


def compare_deployment(expected: Expectations, observed: Iterable[ObservedMethod]) -> Iterator[Finding]:
    """Yield each difference between the app and its deployment, lost grants too."""
    for each in observed:
        if not expected.has(each.target) or each.no_response:
            continue
        lost: dict[str, list[str]] = {}
        for origin, grant in each.grants.items():
            known, entry = expected.grant_for(each.target, origin)
            # One fault, one finding: a doubled header explains the lost grant as well.
            if not known or _has_finding(each, origin):
                continue
            if entry is not None and grant is None:
                lost.setdefault(_describe_response(each, origin), []).append(origin)
            else:
                yield from _compare_grants(each, origin, entry, grant)
        for response, origins_ in lost.items():
            pages = ", ".join(map(describe_origin, origins_))
            yield _difference(each, f"lost {pages}: {response}")


def _compare_grants(
    observed: ObservedMethod, origin: str, expected: Entry | None, found: Entry | None
) -> Iterator[Finding]:
    page = describe_origin(origin)
    if expected is None and found is not None:
        credentials = ", with credentials" if found["credentials"] else ""
        yield _difference(observed, f"gained {page}{credentials}")
    elif expected is not None and found is not None:
        for text, _ in compare_entries(expected, found):
            yield _difference(observed, f"{page}: {text}")


def _difference(observed: ObservedMethod, text: str) -> Finding:
    message, paths = finding_ids.EDGE_DIFFERENCE, (observed.route.path,)
    return make_finding("error", message, observed.key, paths, difference=text)


def _has_finding(observed: ObservedMethod, origin: str) -> bool:
    """Return whether a fault of its own explains the responses to a page: a cache, or a doubled header."""
    for sent, response in observed.exchanges:
        if origin_of(sent) != origin:
            continue
        if len(response.lines(ALLOW_ORIGIN)) > 1:
            return True
        if not sent.preflight and is_cached_for_another_origin(observed.route, sent, response):
            return True
    return False


def _describe_response(observed: ObservedMethod, origin: str) -> str:
    """Describe the last response to a page: why it allows nothing, and which server says that it sent it."""
    responses = [response for sent, response in observed.exchanges if origin_of(sent) == origin]
    stop = observed.blocked[origin]
    if not responses:
        return stop  # A page on https sends no request to http.
    last = responses[-1]
    if last.get(ALLOW_ORIGIN) is None:
        text = f"status {last.status} without headers of CORS"
    else:
        text = f"status {last.status}, {stop}"
    for name in ("server", "via"):
        if value := last.get(name):
            text += f", {name}: {shorten(value)}"
    return text
