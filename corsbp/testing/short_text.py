"""Pure: URLs and lists of values as text of limited length, for steps and messages."""

from __future__ import annotations

from collections.abc import Iterable

from corsbp.text import MAX_SHOWN, safe_repr

MAX_LISTED = 20
"""Values of a list that are shown."""


def format_list(values: Iterable[str]) -> str:
    """Join values with commas: each one escaped and cut, and of a long list only the first ones."""
    # a server can send any number of headers, of any length
    listed = list(values)
    shown = [safe_repr(value) for value in listed[:MAX_LISTED]]
    if len(listed) > MAX_LISTED:
        shown.append(f"and {len(listed) - MAX_LISTED} more")
    return ", ".join(shown)


def shorten(url: object) -> str:
    """Cut a URL or an origin to `MAX_SHOWN` characters. Neither has a character to escape."""
    text = str(url)
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
