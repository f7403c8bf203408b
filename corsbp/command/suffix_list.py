"""The age of Mozilla's public suffix list, and the command that renews it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from corsbp.spec.public_suffixes import list_date

from . import finding_ids
from .finding import Finding, make_finding

OLD: Final = timedelta(days=365)
"""The age from which on a list is a finding: new hosting services are missing from it."""


def describe_suffix_list() -> str:
    """Return the date and the age of the list, with the command that renews it."""
    day = list_date()
    age = f"of {day}, {(date.today() - day).days} days old" if day else "of an unknown date"
    return f"information: public suffix list {age} (to renew it: pip install -U publicsuffixlist)"


def check_suffix_list(where: str) -> Iterator[Finding]:
    """Find a list that is old."""
    day = list_date()
    if day and date.today() - day > OLD:
        yield make_finding("warning", finding_ids.SUFFIX_LIST_OLD, where, day=day)
