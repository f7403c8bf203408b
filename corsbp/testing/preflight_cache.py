"""Pure: the preflight cache of a browser. https://fetch.spec.whatwg.org/#concept-cache"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .engines import STANDARD
from .quirks import Engine
from .safelists import NON_WILDCARD
from .urls import Url


@dataclass(frozen=True, slots=True)
class CacheKey:
    """The page's origin, the URL and the credentials of a request: what cached permissions are for."""

    origin: str
    url: Url
    credentials: bool

    def has_same_url(self, other: CacheKey) -> bool:
        return (self.origin, self.url) == (other.origin, other.url)


@dataclass(slots=True)
class _Entry:
    key: CacheKey
    name: str
    expires: float


class PreflightCache:
    """The methods and headers that preflights allowed. `clock` returns the time in seconds."""

    def __init__(self, clock: Callable[[], float], engine: Engine = STANDARD) -> None:
        self._clock, self._engine = clock, engine
        self._methods: list[_Entry] = []
        self._headers: list[_Entry] = []

    def allows_method(self, key: CacheKey, method: str) -> bool:
        """Check whether a cached preflight allows a method."""
        return bool(self._find(self._methods, key, {method, "*"}))

    def allows_header(self, key: CacheKey, name: str) -> bool:
        """Check whether a cached preflight allows a header. `name` is in lower case."""
        return bool(self._find(self._headers, key, self._header_names(name)))

    def add(self, key: CacheKey, methods: Iterable[str], headers: Iterable[str], seconds: int) -> None:
        """Cache what a preflight allowed."""
        expires = self._clock() + seconds
        for method in methods:
            self._add_entry(self._methods, _Entry(key, method, expires), {method, "*"})
        for header in headers:
            name = header.lower()
            self._add_entry(self._headers, _Entry(key, name, expires), self._header_names(name))

    def _add_entry(self, entries: list[_Entry], entry: _Entry, names: set[str]) -> None:
        """Renew the entries that cover this one, or add it."""
        if entry.name == "*" and self._engine.caches_no_wildcard:
            return
        found = self._find(entries, entry.key, names)
        # https://fetch.spec.whatwg.org/#concept-cache-create-entry
        for cached in found:
            cached.expires = entry.expires
        if not found:
            entries.append(entry)

    def clear(self, key: CacheKey) -> None:
        """Remove all entries for the origin and the URL of a key."""
        for entries in (self._methods, self._headers):
            entries[:] = [entry for entry in entries if not entry.key.has_same_url(key)]

    def _header_names(self, name: str) -> set[str]:
        """Return the names of entries that allow a header."""
        if name in NON_WILDCARD and not self._engine.caches_wildcard_for_authorization:
            return {name}
        return {name, "*"}

    def _find(self, entries: list[_Entry], key: CacheKey, names: set[str]) -> list[_Entry]:
        now = self._clock()
        entries[:] = [entry for entry in entries if entry.expires > now]
        return [entry for entry in entries if entry.name in names and self._covers(entry.key, key)]

    def _covers(self, cached: CacheKey, key: CacheKey) -> bool:
        # what is allowed with credentials is allowed without: https://fetch.spec.whatwg.org/#concept-cache-match
        separate = self._engine.caches_credentials_separately or not cached.credentials
        return cached.has_same_url(key) and not (separate and cached.credentials != key.credentials)
