"""Items that come often keep their place, whatever is invented beside them."""

from __future__ import annotations

from random import Random

from corsbp.decision.frequent_items import FrequentItems


def test_an_item_has_its_count() -> None:
    counter = FrequentItems[str](places=2, chance=lambda: 0.9)
    assert [counter.add(each) for each in ("a", "a", "b", "a", "none")] == [1, 2, 1, 3, 0]
    assert (counter.total, counter.is_cut) == (5, True)


def test_a_new_item_takes_the_place_of_the_least_frequent() -> None:
    """Its count begins there, and its rank is that of the other one and one more."""
    counter = FrequentItems[str](places=2, chance=lambda: 0.4)
    for item in ["often"] * 5 + ["once"]:
        counter.add(item)
    assert counter.add("new") == 1  # 0.4 * (1 + 1) < 1
    assert counter.counts == {"often": 5, "new": 1}
    assert counter.add("newer") == 0  # 0.4 * (2 + 1) > 1
    assert counter.counts == {"often": 5, "new": 1}
    assert counter.total == 8


def test_invented_items_do_not_displace_one_that_comes_often() -> None:
    """A client sends 100 invented origins for each request of the real page; one of many seeds."""
    counter = FrequentItems[str](places=20, chance=Random(7).random)
    for number in range(200_000):
        counter.add(f"https://{number}.example")
        if number % 100 == 0:
            counter.add("https://app.example")
    count = counter.counts.pop("https://app.example")
    assert count > 1950  # it lost its place early
    assert max(counter.counts.values()) < 20
    assert counter.total == 202_000


def test_an_item_that_begins_in_a_flood_gets_a_place() -> None:
    counter = FrequentItems[str](places=20, chance=Random(7).random)
    for number in range(20_000):
        counter.add(f"https://{number}.example")
    for number in range(20_000):
        counter.add(f"https://another-{number}.example")
        if number % 20 == 0:
            counter.add("https://app.example")
    assert 800 < counter.counts["https://app.example"] <= 1000
    assert max(counter.counts, key=counter.counts.__getitem__) == "https://app.example"
