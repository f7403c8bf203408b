"""Values as safe text, for the log and for messages: escaped, and cut to size."""

from __future__ import annotations

from typing import Final

MAX_SHOWN: Final = 200
"""Characters of a value that are shown."""


def safe_repr(value: object) -> str:
    """A value as `repr()` has it, which escapes what is not printable, cut after `MAX_SHOWN` characters."""
    # Text is cut before it is escaped: nobody makes us escape a megabyte.
    length = len(value) if isinstance(value, str) else 0
    text = _try_repr(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}… ({max(length, len(text))} characters)"


def _try_repr(value: object) -> str:
    """`repr(value)`; or, where that fails, what it is."""
    try:
        return repr(value)
    except Exception:  # the value's own, and it is only to be shown
        return f"<a {type(value).__qualname__} that cannot be shown>"
