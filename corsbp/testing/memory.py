"""Pure: the preflights that a browser remembers from one fetch to the next; and in what engines differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .safelists import NON_WILDCARD
from .urls import Url


@dataclass(frozen=True, slots=True)
class Engine:
    """In what browsers differ."""

    star_covers_authorization: bool
    """Whether `*` in `access-control-allow-headers` covers Authorization."""

    longest_max_age: int
    """Seconds after which a preflight is sent again, whatever its answer said."""

    listener_allows_method: bool
    """Whether a method need not be allowed by name where a listener on the upload made the preflight."""

    remembers_preflights: bool
    """Whether a second fetch can be counted on to send no preflight."""


ENGINES = {
    "standard": Engine(
        star_covers_authorization=False,
        longest_max_age=86400,
        listener_allows_method=True,
        remembers_preflights=True,
    ),
    "today": Engine(
        star_covers_authorization=True,
        longest_max_age=600,
        listener_allows_method=False,
        remembers_preflights=False,
    ),
}
"""`standard`: the Fetch standard. `today`: what Chromium, Firefox and WebKit all do differently, and the
least that one of them does: WebKit remembers preflights for ten minutes; Firefox forgets the first one that
it should remember, and whatever `*` allowed.
"""


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

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._methods: list[_Entry] = []
        self._headers: list[_Entry] = []

    def knows_method(self, asker: Asker, method: str) -> bool:
        """Whether this method was allowed not long ago."""
        return any(True for _ in self._matching(self._methods, asker, {method, "*"}))

    def knows_header(self, asker: Asker, name: str) -> bool:
        """Whether this header, in lower case, was allowed not long ago."""
        names = {name} if name in NON_WILDCARD else {name, "*"}
        return any(True for _ in self._matching(self._headers, asker, names))

    def remember(self, asker: Asker, methods: Iterable[str], headers: Iterable[str], seconds: int) -> None:
        """Take note of what a preflight allowed."""
        expires = self._clock() + seconds
        for entries, names in ((self._methods, methods), (self._headers, (name.lower() for name in headers))):
            for name in names:
                known = {name} if name in NON_WILDCARD and entries is self._headers else {name, "*"}
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

    def _matching(self, entries: list[_Entry], asker: Asker, names: set[str]) -> Iterable[_Entry]:
        now = self._clock()
        entries[:] = [entry for entry in entries if entry.expires > now]
        for entry in entries:
            same = (entry.asker.origin, entry.asker.url) == (asker.origin, asker.url)
            if same and (entry.asker.credentials or not asker.credentials) and entry.name in names:
                yield entry
