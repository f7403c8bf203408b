"""The owner of a path: that of its longest prefix, in whole segments."""

from __future__ import annotations

import re

import pytest

from corsbp.decision.prefix_tree import PrefixTree, Segment


def tree(*prefixes: tuple[str, str | None]) -> PrefixTree[str]:
    """Return a tree of prefixes such as `a/<n>`, where `<n>` stands for digits, with their owners."""
    made: PrefixTree[str] = PrefixTree()
    for prefix, owner in prefixes:
        segments: list[Segment] = [
            re.compile(r"\d+") if each == "<n>" else each for each in prefix.split("/")
        ]
        made.add(segments if prefix else [], owner)
    return made


@pytest.mark.parametrize(
    ("prefixes", "path", "owner"),
    [
        ([("a", "A")], "a", "A"),
        ([("a", "A")], "a/b/c", "A"),
        # whole segments only
        ([("a", "A")], "ab", None),
        ([("a/b", "A")], "a", None),
        # the longest prefix decides, and None stands for routes in no section
        ([("a", "A"), ("a/b", "B")], "a/b/c", "B"),
        ([("a", "A"), ("a/b", "B")], "a/c", "A"),
        ([("a", "A"), ("a/b", None)], "a/b/c", None),
        ([("", "root"), ("a/b", "B")], "a", "root"),
        # a prefix that two share has no owner
        ([("a", "A"), ("a", "B")], "a/c", None),
        ([("a", "A"), ("a", None)], "a/c", None),
        ([("a", "A"), ("a", "A")], "a/c", "A"),
        # parameters match in several ways, and all are followed
        ([("<n>/x", "N")], "7/x", "N"),
        ([("<n>/x", "N")], "a/x", None),
        ([("<n>/x", "N"), ("7", "7")], "7/x", "N"),
        ([("<n>/x", "N"), ("7/x", "7")], "7/x", None),
        ([("<n>", "N"), ("7/x", "7")], "7/x/y", "7"),
    ],
)
def test_the_longest_prefix_owns_a_path(
    prefixes: list[tuple[str, str | None]], path: str, owner: str | None
) -> None:
    assert tree(*prefixes).owner(path.split("/")) == owner
