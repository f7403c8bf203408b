"""Pure: whose a path is by its prefix, in whole segments, as the router compares them."""

from __future__ import annotations

from collections.abc import Sequence
from re import Pattern
from typing import Generic, TypeAlias, TypeVar

Owner = TypeVar("Owner")
Segment: TypeAlias = str | Pattern[str]


class PrefixTree(Generic[Owner]):
    """Prefixes and their owners. The longest prefix of a path owns it, unless several share it."""

    def __init__(self) -> None:
        self.literal: dict[str, PrefixTree[Owner]] = {}
        self.patterned: dict[Pattern[str], PrefixTree[Owner]] = {}
        self.owners: set[Owner | None] = set()

    def add(self, prefix: Sequence[Segment], owner: Owner | None) -> None:
        """Give a prefix, the root if it is empty, to an owner; None stands for everyone who owns nothing."""
        node = self
        for segment in prefix:
            branch: dict[str, PrefixTree[Owner]] | dict[Pattern[str], PrefixTree[Owner]]
            branch = node.literal if isinstance(segment, str) else node.patterned
            node = branch.setdefault(segment, PrefixTree())  # type: ignore[arg-type]  # each kind has its own
        node.owners.add(owner)

    def owner(self, segments: Sequence[str]) -> Owner | None:
        """The owner of a path, given as its segments; None where nobody, or more than one, owns it.

        Prefixes with parameters can match the same path in several ways; all of them are followed,
        one segment at a time, so the work is bounded by the path's length and the declared prefixes.
        """
        found = self.owners
        nodes = [self]
        for segment in segments:
            literal = [node.literal[segment] for node in nodes if segment in node.literal]
            patterned = ((pattern, after) for node in nodes for pattern, after in node.patterned.items())
            nodes = literal + [after for pattern, after in patterned if pattern.fullmatch(segment)]
            if not nodes:
                break
            found = set().union(*(node.owners for node in nodes)) or found
        return next(iter(found)) if len(found) == 1 else None
