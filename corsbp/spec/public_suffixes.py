"""Below which names strangers can register others: Mozilla's list of public suffixes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .origins import split_entry, to_ascii


def is_below_public_suffix(entry: str) -> bool:
    """Whether a valid `entry` has a wildcard that covers names of strangers.

    `https://*.com`, `https://*.github.io`, and `https://*.amazonaws.com`, below which `s3.amazonaws.com` is a
    suffix: a wildcard is any depth.
    """
    if "://*." not in entry:
        return False
    name = split_entry(entry).host.removeprefix("*.")
    return name != "localhost" and (is_public_suffix(name) or name in _list()[1])


def is_public_suffix(name: str) -> bool:
    """Whether strangers register names right below this one. https://github.com/publicsuffix/list/wiki/Format

    The list decides, with its private section and its default rule, by which any unlisted last label is a
    public suffix.
    """
    compiled, _ = _list()
    if f"!{name}" in compiled:
        return False
    parent = name.partition(".")[2]
    # where a rule is `*.ck`, `ck` is one as well
    return not parent or not compiled.isdisjoint((name, f"*.{name}", f"*.{parent}"))


@cache
def _list() -> tuple[frozenset[str], frozenset[str]]:
    """The rules, international names in the form that browsers send; and all names above one with a rule."""
    # Reading the list takes 20 milliseconds, so only those pay who combine wildcards with credentials.
    from publicsuffixlist import PSLFILE  # noqa: PLC0415, which takes time, too

    compiled: set[str] = set()
    above: set[str] = set()
    for line in Path(PSLFILE).read_text(encoding="utf-8").splitlines():
        rule = line.partition(" ")[0]
        if not rule or rule.startswith("//"):
            continue
        compiled.add(rule := rule if rule.isascii() else to_ascii(rule))
        name = rule.lstrip("!*.").partition(".")[2]
        while name and name not in above:
            above.add(name)
            name = name.partition(".")[2]
    return frozenset(compiled), frozenset(above)
