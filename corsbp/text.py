"""Values as safe text, for log lines and messages: escaped, and cut to size."""

from __future__ import annotations

from typing import Final

MAX_SHOWN: Final = 200
"""The number of characters of a value that are shown."""


def safe_repr(value: object) -> str:
    """Return `repr(value)`, which escapes control characters, cut after `MAX_SHOWN` characters."""
    if not isinstance(value, str):
        return _cut(_try_repr(value), 0)
    # A string is cut before it is escaped: a request cannot make corsbp escape a megabyte.
    return _cut(_try_repr(value[: MAX_SHOWN + 1]), len(value))


def safe_text(text: str, length: int = MAX_SHOWN) -> str:
    """Return a text without quotes, for a field of its own: escaped if it is not printable, and cut."""
    shown = text[:length]
    if not shown.isprintable():
        shown = repr(shown)[1:-1]
    return shown if len(text) <= length else f"{shown}… ({len(text)} characters)"


def _cut(text: str, length: int) -> str:
    """Cut a text that is too long, and append its length, or that of the value that it shows."""
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}… ({max(length, len(text))} characters)"


def _try_repr(value: object) -> str:
    """Return `repr(value)`, or the name of the type where `repr()` fails."""
    try:
        return repr(value)
    except Exception:  # raised by the value's own __repr__; a log line must not fail for it
        return f"<a {type(value).__qualname__} that cannot be shown>"
