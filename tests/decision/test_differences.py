"""Differences are counted: those that come often keep their place, whatever is invented beside them."""

from __future__ import annotations

from random import Random

from corsbp import Difference, Differences
from corsbp.decision.differences import MAX_DIFFERENCES, DifferenceCounter

READ, ID = "refuse-read", "origin-not-allowed"


def add(counter: DifferenceCounter, origin: str, times: int = 1) -> None:
    for _ in range(times):
        counter.add(READ, origin, ID)


def test_differences_are_listed_by_count() -> None:
    counter = DifferenceCounter()
    add(counter, "a", 2)
    add(counter, "b", 3)
    counter.add("allow-read", "a", ID)
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


def test_a_new_difference_takes_the_place_of_the_least_frequent() -> None:
    """Its count begins there, and its rank is that of the other one and one more."""
    counter = DifferenceCounter(places=2, chance=lambda: 0.4)
    add(counter, "often", 5)
    add(counter, "once")
    add(counter, "new")  # 0.4 * (1 + 1) < 1
    assert counter.most_frequent() == (Difference(READ, "often", ID, 5), Difference(READ, "new", ID, 1))
    assert counter.most_frequent().rest == 1
    add(counter, "newer")  # 0.4 * (2 + 1) > 1
    assert [each.origin for each in counter.most_frequent()] == ["often", "new"]
    assert counter.most_frequent().rest == 2


def test_invented_origins_do_not_displace_one_that_comes_often() -> None:
    """A client sends 100 invented origins for each request of the real page; one of many seeds."""
    counter = DifferenceCounter(places=20, chance=Random(7).random)
    for number in range(200_000):
        add(counter, f"https://{number}.example")
        if number % 100 == 0:
            add(counter, "https://app.example")
    first, second, *_ = found = counter.most_frequent()
    assert first.origin == "https://app.example" and first.count > 1950  # it lost its place early
    assert second.count < 20
    assert sum(each.count for each in found) + found.rest == counter.total == 202_000


def test_a_page_that_begins_in_a_flood_gets_a_place() -> None:
    counter = DifferenceCounter(places=20, chance=Random(7).random)
    for number in range(20_000):
        add(counter, f"https://{number}.example")
    for number in range(20_000):
        add(counter, f"https://another-{number}.example")
        if number % 20 == 0:
            add(counter, "https://app.example")
    first = counter.most_frequent()[0]
    assert first.origin == "https://app.example"
    assert 800 < first.count <= 1000
