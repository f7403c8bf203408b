"""Pure: the differences of a report-only policy, counted; bounded, whatever requests contain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import random
from typing import Final, NamedTuple, TypeAlias

from .frequent_items import FrequentItems

Key: TypeAlias = tuple[str, str, str]
"""Kind, origin and id."""

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


class DifferenceCounter(FrequentItems[Key]):
    """The differences of a report-only policy: those that come often are counted one by one."""

    def __init__(self, places: int = MAX_DIFFERENCES, chance: Callable[[], float] = random) -> None:
        super().__init__(places, chance)
        self.logged: dict[str, set[str]] = {}
        """The differences that have a line in the log, by kind."""
        self.cuts_logged: set[str | None] = set()
        """The kinds of difference whose list in the log is cut, and was logged as cut; None: `is_cut` was."""

    def most_frequent(self) -> Differences:
        """Return the differences by count, and the number of requests with others."""
        differences = (Difference(*key, count) for key, count in self.counts.items())
        return Differences(differences, rest=self.total - sum(self.counts.values()))
