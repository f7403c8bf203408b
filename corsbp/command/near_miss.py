"""An origin that is nearly one of the allowed origins: what is different."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from corsbp.spec.hosts import is_loopback

ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[^\]]*\]|[^/:]*)(?::(\d+))?")
SHORTEST: Final = 6
"""Characters that a host has at least to be taken for a typing error: `a.test` and `b.test` are two hosts."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An allowed origin, and its only difference from the page's origin, in words."""

    allowed: str
    difference: str

    @property
    def is_scheme(self) -> bool:
        """The origins differ only in http and https."""
        return self.difference == SCHEME

    def describe(self, origin: str) -> str:
        """Describe the difference as a sentence without its full stop."""
        return f"{origin} differs only in {self.difference} from {self.allowed}, which is allowed"


SCHEME: Final = "the scheme"


def find_near_miss(origin: str, allowed: Iterable[str]) -> NearMiss | None:
    """Return the first allowed origin that differs in only one thing; patterns are left out."""
    for entry in allowed:
        if entry != origin and "*" not in entry and (difference := _compare(origin, entry)):
            return NearMiss(entry, difference)
    return None


def _compare(origin: str, entry: str) -> str | None:
    """Return the only difference of two origins, in words; None if there are more."""
    # Browsers send neither a slash nor capital letters: such an entry never matches (RFC 6454, 6.2).
    if entry.rstrip("/") == origin:
        return "the slash at the end"
    if entry.lower() == origin:
        return "upper and lower case"
    parts, other = ORIGIN.fullmatch(origin), ORIGIN.fullmatch(entry)
    if parts is None or other is None:
        return None
    differences = [
        difference
        for difference, one, two in zip(
            (SCHEME, "the host", "the port"), parts.groups(), other.groups(), strict=True
        )
        if one != two
    ]
    if differences == ["the host"]:
        return _compare_hosts(parts[2], other[2])
    return differences[0] if len(differences) == 1 else None


def _compare_hosts(host: str, other: str) -> str | None:
    if host.removeprefix("www.") == other.removeprefix("www."):
        return "www."
    # localhost and 127.0.0.1 are one machine, and two origins.
    if is_loopback(host) and is_loopback(other):
        return "the name of this machine"
    # Such a host can be a typing error, or somebody who hopes for one: the advice is "if both are yours".
    if min(len(host), len(other)) >= SHORTEST and _is_one_letter_apart(host, other):
        return "one letter"
    return None


def _is_one_letter_apart(one: str, other: str) -> bool:
    """Return whether one letter is wrong, missing or superfluous, or two neighbours are exchanged."""
    length = min(len(one), len(other))
    start = next((place for place in range(length) if one[place] != other[place]), length)
    head, tail = one[start:], other[start:]
    exchanged = head[1:2] + head[:1] + head[2:]
    return head[1:] == tail[1:] or head[1:] == tail or head == tail[1:] or exchanged == tail
