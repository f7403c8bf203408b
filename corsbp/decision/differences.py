"""Pure: the differences of a report-only policy, counted; bounded, whatever requests contain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import random
from typing import Final, NamedTuple, TypeAlias

_Key: TypeAlias = tuple[str, str, str]

MAX_DIFFERENCES: Final = 1000
"""The differences that are counted one by one; all others are counted together."""


class Difference(NamedTuple):
    """A difference between the policy in force and the report-only policy, and how often it came.

        Difference("refuse-read", "https://old.example", "origin-not-allowed", 12)

    The count is that of the requests that this worker has had since the report-only policy was set.
    """

    kind: str
    """The decision of the report-only policy: `"refuse-"` or `"allow-"`, and what the page attempts: `"read"`
    a response, `"send"` a request after its preflight, or `"open"` a WebSocket.
    """

    origin: str
    """The page's origin; a malformed one is escaped, and cut."""

    id: str
    """The reason of the policy that refuses: `"origin-not-allowed"`."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which is of no use here
    """The number of requests."""


class Differences(tuple[Difference, ...]):
    """The most frequent differences of a report-only policy, by count.

        group = cors_group(api_bp, report_only=CorsPolicy(allow_origins=["https://app.example"]))
        differences: Differences = group.differences()
        for kind, origin, id, count in differences:
            print(f"{count} times {origin}: {kind}, {id}")

    It is a snapshot, and does not change.
    """

    rest: int
    """The number of requests with a difference that is not among these."""

    def __new__(cls, differences: Iterable[Difference] = (), rest: int = 0) -> Differences:
        """Sort the differences by count."""
        by_count = sorted(differences, key=lambda each: each.count, reverse=True)
        made = super().__new__(cls, by_count)
        made.rest = rest
        return made


class DifferenceCounter:
    """A counter of differences that keeps those that come often.

    A client can invent origins without end. So a new difference that finds no place takes the place of the
    least frequent one by chance, with a probability of 1 / (n + 1) if that one came n times. A client needs
    about n² / 2 requests for each place to displace a difference that came n times. A difference that comes
    often gets a place soon, and keeps it. (R. Ben Basat and others, "Randomized Admission Policy for
    Efficient Top-k and Frequency Estimation", INFOCOM 2017.)

    Counts are not estimated: a count begins when its difference gets a place.
    """

    def __init__(self, places: int = MAX_DIFFERENCES, chance: Callable[[], float] = random) -> None:
        self.places = places
        self.chance = chance
        self.total = 0
        self.is_cut = False
        """Whether there were more differences than places."""
        self.logged: dict[str, set[str]] = {}
        """The differences that have a line in the log, by kind."""
        self.cuts_logged: set[str | None] = set()
        """The kinds of difference whose list in the log is cut, and was logged as cut; None: `is_cut` was."""
        self._counts: dict[_Key, int] = {}
        self._ranks: dict[_Key, int] = {}
        """The count of each difference, added to the rank of the difference that had its place before."""
        self._lowest_rank = 0

    def add(self, kind: str, origin: str, id_: str) -> None:
        """Count a difference."""
        difference = kind, origin, id_
        self.total += 1
        if difference in self._counts:
            self._counts[difference] += 1
            self._ranks[difference] += 1
        elif len(self._counts) < self.places:
            self._counts[difference] = self._ranks[difference] = 1
        else:
            self.is_cut = True
            self._compete(difference)

    def _compete(self, difference: _Key) -> None:
        """Put a new difference in the place of the least frequent one, or count it with the rest."""
        chance = self.chance()
        # Ranks only grow: a difference that loses against an earlier lowest rank loses against the present
        # one. So a flood rarely costs the search for it.
        if chance * (self._lowest_rank + 1) >= 1:
            return
        least = min(self._ranks, key=self._ranks.__getitem__)
        self._lowest_rank = self._ranks[least]
        if chance * (self._lowest_rank + 1) < 1:
            del self._counts[least], self._ranks[least]
            self._counts[difference] = 1
            self._ranks[difference] = self._lowest_rank + 1

    def most_frequent(self) -> Differences:
        """Return the differences by count, and the number of requests with others."""
        differences = (Difference(*key, count) for key, count in self._counts.items())
        return Differences(differences, rest=self.total - sum(self._counts.values()))
