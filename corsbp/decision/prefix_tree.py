"""Pure: the owner of a path by its prefix, in whole segments, as the router compares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from re import Pattern
from typing import Generic, TypeAlias, TypeVar

Owner = TypeVar("Owner")
Segment: TypeAlias = str | Pattern[str]


class PrefixTree(Generic[Owner]):
    """Prefixes and their owners. The longest prefix of a path decides, unless it has several owners."""

    def __init__(self) -> None:
        self.literal: dict[str, PrefixTree[Owner]] = {}
        # The segments with a parameter: `/<tenant:str>/…`.
        self.patterned: dict[Pattern[str], PrefixTree[Owner]] = {}
        self.owners: set[Owner | None] = set()

    def add(self, prefix: Sequence[Segment], owner: Owner | None) -> None:
        """Add a prefix, the root if it is empty; None stands for all blueprints that are in no section."""
        node = self
        for segment in prefix:
            node = node.child(segment)
        node.owners.add(owner)

    def child(self, segment: Segment) -> PrefixTree[Owner]:
        """Return the node below this one for a segment of a prefix; add it if there is none."""
        if isinstance(segment, str):
            return self.literal.setdefault(segment, PrefixTree())
        return self.patterned.setdefault(segment, PrefixTree())

    def owner(self, segments: Sequence[str]) -> Owner | None:
        """Return the owner of a path, given as its segments; None if there is none, or more than one.

        Prefixes with parameters can match a path in several ways. All of them are tried, one segment at a
        time, so that the work is bounded by the length of the path and the number of declared prefixes.
        """
        owners = self.owners
        nodes = [self]
        for segment in segments:
            nodes = [child for node in nodes for child in node.children_for(segment)]
            if not nodes:
                break
            # A node in the middle of a prefix has no owner: the shorter prefix stays.
            owners = set().union(*(node.owners for node in nodes)) or owners
        return next(iter(owners)) if len(owners) == 1 else None

    def children_for(self, segment: str) -> Iterator[PrefixTree[Owner]]:
        """Iterate over the nodes below this one that match a segment of a path."""
        if segment in self.literal:
            yield self.literal[segment]
        for pattern, child in self.patterned.items():
            if pattern.fullmatch(segment):
                yield child
