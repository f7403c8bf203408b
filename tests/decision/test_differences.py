"""Differences are counted; the list of the most frequent ones is bounded."""

from __future__ import annotations

from corsbp import Difference, Differences
from corsbp.decision.differences import MAX_DIFFERENCES, DifferenceCounter

READ, ID = "refuse-read", "origin-not-allowed"


def add(counter: DifferenceCounter, origin: str, times: int = 1) -> None:
    for _ in range(times):
        counter.add((READ, origin, ID))


def test_differences_are_listed_by_count() -> None:
    counter = DifferenceCounter()
    add(counter, "a", 2)
    add(counter, "b", 3)
    counter.add(("allow-read", "a", ID))
    found = counter.most_frequent()
    assert isinstance(found, Differences)
    assert (found.rest, counter.is_cut) == (0, False)
    assert found == (
        Difference(READ, "b", ID, 3),
        Difference(READ, "a", ID, 2),
        Difference("allow-read", "a", ID, 1),
    )


def test_no_differences() -> None:
    assert (Differences(), Differences().rest) == ((), 0)


def test_the_list_has_an_end_and_counts_the_rest() -> None:
    counter = DifferenceCounter(chance=lambda: 0.9)
    for number in range(MAX_DIFFERENCES + 7):
        add(counter, f"{number}")
    found = counter.most_frequent()
    assert (len(found), found.rest, counter.is_cut) == (MAX_DIFFERENCES, 7, True)
