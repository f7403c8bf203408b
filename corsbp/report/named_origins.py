"""Pure: the refused origins that get a name in metrics; bounded, whatever requests contain."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final, TypeAlias

from ..decision.frequent_items import FrequentItems

MAX_ORIGINS: Final = 50
"""Origins that metrics show, of all workers together."""

CANDIDATES: Final = 1000
"""Origins without a name that a worker counts."""

RefusedOrigin: TypeAlias = tuple[str, str]
"""An origin, and whether only a report-only policy refuses it: `"true"` or `"false"`."""


class NamedOrigins:
    """The refused origins that have a name in the metrics of a fleet, which metrics cannot take back.

    Any client can invent origins. So while n origins have names, another one needs 2 ** (n // 50) requests in
    one worker: a flood gets 50 names with single requests, 50 more with two requests each, and so on. After
    a flood of a million requests there are at most 750 names, and an origin that comes often gets one, too.

    read_names: returns the origins that have names in any worker, also in one that has ended.
    """

    def __init__(self, read_names: Callable[[], Set[RefusedOrigin]]) -> None:
        self.read_names = read_names
        self.known: set[RefusedOrigin] = set()
        """The names of the fleet, as they were read last."""
        self.counted: set[RefusedOrigin] = set()
        """The names that this worker counts."""
        self.candidates: FrequentItems[RefusedOrigin] = FrequentItems(CANDIDATES)

    def count(self, origin: RefusedOrigin) -> int:
        """Count a request, and return the requests to add to the name: 0 if there is none."""
        if origin in self.counted:
            return 1
        count = max(1, self.candidates.add(origin))
        if not self._is_named(origin, count):
            return 0
        self.counted.add(origin)
        return count

    def _is_named(self, origin: RefusedOrigin, count: int) -> bool:
        """Return whether an origin has a name in any worker, or gets one for so many requests."""
        if origin not in self.known and count >= self._needed_count():
            self.known |= self.read_names()
            if count >= self._needed_count():
                self.known.add(origin)
        return origin in self.known

    def _needed_count(self) -> int:
        return 1 << len(self.known) // MAX_ORIGINS
