"""Pure: the preflights that a browser remembers from one fetch to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .engines import STANDARD, Engine
from .safelists import NON_WILDCARD
from .urls import Url


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: what the preflight cache tells requests apart by."""

    origin: str
    url: Url
    credentials: bool


@dataclass(slots=True)
class _Entry:
    asker: Asker
    name: str
    expires: float


class Preflights:
    """The preflight cache. https://fetch.spec.whatwg.org/#concept-cache

    `clock` tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float], engine: Engine = STANDARD) -> None:
        self._clock, self._engine = clock, engine
        self._methods: list[_Entry] = []
        self._headers: list[_Entry] = []

    def knows_method(self, asker: Asker, method: str) -> bool:
        """Whether this method was allowed not long ago."""
        return any(True for _ in self._matching(self._methods, asker, {method, "*"}))

    def knows_header(self, asker: Asker, name: str) -> bool:
        """Whether this header, in lower case, was allowed not long ago."""
        names = {name} if self._needs_its_name(name) else {name, "*"}
        return any(True for _ in self._matching(self._headers, asker, names))

    def remember(self, asker: Asker, methods: Iterable[str], headers: Iterable[str], seconds: int) -> None:
        """Take note of what a preflight allowed."""
        expires = self._clock() + seconds
        for entries, names in ((self._methods, methods), (self._headers, (name.lower() for name in headers))):
            for name in names:
                if name == "*" and self._engine.remembers_no_star:
                    continue
                known = {name} if entries is self._headers and self._needs_its_name(name) else {name, "*"}
                matching = list(self._matching(entries, asker, known))
                for entry in matching:
                    entry.expires = expires
                if not matching:
                    entries.append(_Entry(asker, name, expires))

    def forget(self, asker: Asker) -> None:
        """Clear what is known about this origin and URL."""
        for entries in (self._methods, self._headers):
            entries[:] = [
                entry
                for entry in entries
                if (entry.asker.origin, entry.asker.url) != (asker.origin, asker.url)
            ]

    def _needs_its_name(self, header: str) -> bool:
        return header in NON_WILDCARD and not self._engine.remembers_star_for_authorization

    def _matching(self, entries: list[_Entry], asker: Asker, names: set[str]) -> Iterable[_Entry]:
        now = self._clock()
        entries[:] = [entry for entry in entries if entry.expires > now]
        for entry in entries:
            same = (entry.asker.origin, entry.asker.url) == (asker.origin, asker.url)
            credentials = entry.asker.credentials == asker.credentials
            if entry.asker.credentials and not self._engine.remembers_credentials_apart:
                credentials = True
            if same and credentials and entry.name in names:
                yield entry
