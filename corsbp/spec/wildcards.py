"""Wildcards: patterns of origins, and which origins they allow.

The form of a pattern is part of the grammar in `origins`: `*` as the leftmost label, any depth of subdomains,
or as the port, any port or none.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Set

from .hosts import MAX_LABEL, MAX_NAME
from .origins import MAX_LENGTH, is_name, is_port, split_entry


def is_pattern(entry: str) -> bool:
    """Return whether a valid `entry` is a pattern and not a single origin."""
    return "*" in entry


def find_wider_entry(entry: str, entries: Container[str]) -> str | None:
    """Return the narrowest of `entries` that allows all that `entry` allows, and more; None without one.

    The cost grows with the labels of `entry`, not with the number of entries. A text that is not an entry is
    read like one.
    """
    host, _, port = entry.rpartition(":")
    has_port = port == "*" or port.isdigit()
    any_port = f"{host if has_port else entry}:*"
    if any_port in entries and any_port != entry:
        return any_port
    start = entry.find("://") + len("://")
    dot = entry.find(".", start)
    # from the longest domain to the shortest: the first pattern found is the narrowest
    while dot >= 0:
        for text in (entry, any_port):
            pattern = f"{entry[:start]}*{text[dot:]}"
            if pattern in entries and pattern != entry:
                return pattern
        dot = entry.find(".", dot + 1)
    return None


class OriginSet:
    """A compiled set of valid origins and patterns. A look-up costs the same however many there are.

    `exact` has the origins; a caller that has separated them already passes them. `match` reads the patterns.
    """

    __slots__ = ("_any_port", "_below", "_below_any_port", "exact")

    exact: Set[str]

    def __init__(self, entries: Iterable[str], exact: Set[str] | None = None) -> None:
        entries = frozenset(entries)
        patterns = frozenset(filter(is_pattern, entries))
        self.exact = entries - patterns if exact is None else exact
        # `scheme://host` of the patterns with one host and any port
        self._any_port = frozenset(entry[:-2] for entry in patterns if "://*." not in entry)
        # by the text behind the wildcard, `example.com` or `example.com:8443`: `scheme://`
        self._below: dict[str, tuple[str, ...]] = {}
        self._below_any_port: dict[str, tuple[str, ...]] = {}
        for scheme, host, port in map(split_entry, sorted(patterns)):
            if not host.startswith("*."):
                continue
            domain = host[2:]
            if port == "*":
                tails, tail = self._below_any_port, domain
            else:
                tails, tail = self._below, f"{domain}:{port}" if port else domain
            tails[tail] = (*tails.get(tail, ()), f"{scheme}://")

    def __contains__(self, origin: str) -> bool:
        return origin in self.exact or self.match(origin)

    def match(self, origin: str) -> bool:
        """Return whether a pattern allows `origin`, which may be any text that a request can have.

        Only what `is_origin` accepts is ever allowed. The cost grows with the labels of the host, never with
        the number of patterns. No result is kept: requests could fill a cache with what they invent.
        """
        if not (self._below or self._any_port or self._below_any_port) or len(origin) > MAX_LENGTH:
            return False
        if self._below and _is_below(origin, self._below):
            return True
        if not (self._any_port or self._below_any_port):
            return False
        host, _, port = origin.rpartition(":")
        if not port.isdigit():
            host, port = origin, ""
        if host in self._any_port or _is_below(host, self._below_any_port):
            return is_port(port, host.partition("://")[0])
        return False


def _is_below(origin: str, tails: dict[str, tuple[str, ...]]) -> bool:
    """Return whether an origin is a valid name before one of these valid tails; the longest tail first."""
    tail = origin
    while tail := tail.partition(".")[2]:
        for scheme in tails.get(tail, ()):
            if origin.startswith(scheme):
                name = origin[len(scheme) : -len(tail) - 1]
                # The usual case needs no regular expression: one label of letters and digits, in an origin
                # that is too short to break any limit.
                if name.isalnum() and name.islower() and name.isascii() and len(origin) <= MAX_LABEL:
                    return True
                host = origin[len(scheme) :].partition(":")[0]
                return is_name(name) is not None and len(host) <= MAX_NAME
    return False
