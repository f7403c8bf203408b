"""Below which names strangers can register others: Mozilla's list of public suffixes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .origins import split, to_ascii

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


def is_below_public_suffix(entry: str) -> bool:
    """Whether a valid `entry` has a wildcard that covers names of strangers.

    `https://*.com`, `https://*.github.io`, and `https://*.amazonaws.com`, below which `s3.amazonaws.com` is a
    suffix: a wildcard is any depth.
    """
    host = split(entry).host
    if not host.startswith("*.") or host == "*.localhost":
        return False
    return is_public(host[2:]) or host[2:] in _above()


def is_public(name: str) -> bool:
    """Whether strangers register names right below this one.

    Mozilla's list decides, with its private section and its default rule, by which any unlisted last label
    is a public suffix.
    """
    return _suffixes().is_public(name)


# Reading the list takes tens of milliseconds, so only those pay who combine wildcards with credentials.


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415, because its list takes time to load

    return PublicSuffixList()


@cache
def _above() -> frozenset[str]:
    """Every name above one that has a rule of its own."""
    from publicsuffixlist import PSLFILE  # noqa: PLC0415, as above

    names: set[str] = set()
    for line in Path(PSLFILE).read_text(encoding="utf-8").splitlines():
        rule = line.partition(" ")[0].lstrip("!*.")
        if "." in rule and not rule.startswith("//"):
            above = (rule if rule.isascii() else to_ascii(rule)).partition(".")[2]
            while above and above not in names:
                names.add(above)
                above = above.partition(".")[2]
    return frozenset(names)
