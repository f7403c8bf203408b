"""Pure: a count of the items that come often; bounded, whatever requests contain."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from random import random
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class FrequentItems(Generic[Item]):
    """A counter that has few places, and keeps the items that come often.

    A client can invent items without end. So a new item that finds no place takes the place of the least
    frequent one by chance, with a probability of 1 / (n + 1) if that one came n times. A client needs about
    n² / 2 requests for each place to displace an item that came n times. An item that comes often gets a
    place soon, and keeps it. (R. Ben Basat and others, "Randomized Admission Policy for Efficient Top-k and
    Frequency Estimation", INFOCOM 2017.)

    Counts are not estimated: a count begins when its item gets a place.
    """

    def __init__(self, places: int, chance: Callable[[], float] = random) -> None:
        self.places = places
        self.chance = chance
        self.total: int = 0
        self.is_cut: bool = False
        """Whether there were more items than places."""
        self.counts: dict[Item, int] = {}
        self._ranks: dict[Item, int] = {}
        """The count of each item, added to the rank of the item that had its place before."""
        self._lowest_rank = 0

    def add(self, item: Item) -> int:
        """Count an item, and return its count: 0 if it has no place."""
        self.total += 1
        if item in self.counts:
            self.counts[item] += 1
            self._ranks[item] += 1
        elif len(self.counts) < self.places:
            self.counts[item] = self._ranks[item] = 1
        else:
            self.is_cut = True
            self._compete(item)
        return self.counts.get(item, 0)

    def _compete(self, item: Item) -> None:
        """Put a new item in the place of the least frequent one, or give it none."""
        chance = self.chance()
        # Ranks only grow: an item that loses against an earlier lowest rank loses against the present one. So
        # a flood rarely costs the search for it.
        if chance * (self._lowest_rank + 1) >= 1:
            return
        least = min(self._ranks, key=self._ranks.__getitem__)
        self._lowest_rank = self._ranks[least]
        if chance * (self._lowest_rank + 1) < 1:
            del self.counts[least], self._ranks[least]
            self.counts[item] = 1
            self._ranks[item] = self._lowest_rank + 1
