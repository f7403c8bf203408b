"""Mozilla's list of public suffixes: domains below which anybody can register names.

https://publicsuffix.org, https://github.com/publicsuffix/list/wiki/Format
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

from .hosts import to_ascii
from .origins import split_entry


def is_below_public_suffix(entry: str) -> bool:
    """Return whether a valid `entry` has a wildcard that allows names which anybody can register.

    `https://*.com` and `https://*.github.io` do. So does `https://*.amazonaws.com`: a wildcard is any depth,
    and `s3.amazonaws.com` is a public suffix.
    """
    if "://*." not in entry:
        return False
    name = split_entry(entry).host.removeprefix("*.")
    # RFC 6761, 6.3: nobody can register `localhost`, though the list does not have it
    return name != "localhost" and (is_public_suffix(name) or name in _read_list()[1])


def is_public_suffix(name: str) -> bool:
    """Return whether anybody can register names directly below `name`, by the list with its private section.

    The last label of a name is a public suffix even if it is not on the list: that is its default rule, `*`.
    """
    rules, _ = _read_list()
    name = name.removesuffix(".")  # of the root, with which a host can be written
    if f"!{name}" in rules:
        return False
    parent = name.partition(".")[2]
    # where a rule is `*.ck`, `ck` is a public suffix as well
    return not parent or not rules.isdisjoint((name, f"*.{name}", f"*.{parent}"))


def registrable_domain(name: str) -> str | None:
    """Return the registered name that `name` belongs to, `example.com`; None for a public suffix.

    https://url.spec.whatwg.org/#host-registrable-domain
    """
    domain = None
    # from the longest domain to the shortest: the first public suffix is the longest
    while not is_public_suffix(name):
        domain, name = name, name.partition(".")[2]
    return domain


def list_date() -> date | None:
    """Return the day of the installed list; None if its first lines do not have it."""
    found = re.search(r"^// VERSION: (\d{4}-\d\d-\d\d)_", _read_text()[:2000], re.M)
    return date.fromisoformat(found[1]) if found else None


def _read_text() -> str:
    """Return the text of the list, which can be in a zip file."""
    # Reading the list takes 20 milliseconds: only those pay who combine wildcards with credentials.
    from importlib.resources import files  # noqa: PLC0415, because the imports take time, too

    from publicsuffixlist import PSLFILE  # noqa: PLC0415

    return files("publicsuffixlist").joinpath(Path(PSLFILE).name).read_text(encoding="utf-8")


@cache
def _read_list() -> tuple[frozenset[str], frozenset[str]]:
    """Read the list: its rules, in the ASCII form that browsers send, and all names above one with a rule."""
    rules: set[str] = set()
    above: set[str] = set()
    for line in _read_text().splitlines():
        rule = line.partition(" ")[0]
        if not rule or rule.startswith("//"):
            continue
        rule = to_ascii(rule)
        rules.add(rule)
        name = rule.lstrip("!*.").partition(".")[2]
        while name and name not in above:
            above.add(name)
            name = name.partition(".")[2]
    return frozenset(rules), frozenset(above)
