"""Header names and values that are known to be clean.

Sanic removes CR, LF and NUL from each name and value of every response: for the headers that a page needs,
that is most of what CORS costs. These texts hold none (they were checked when the policy was made, or matched
a pattern), so they say so where Sanic asks. They are ordinary strings otherwise.
"""

from __future__ import annotations

from typing import Any

from multidict import istr

_LINE_BREAKS = str.maketrans("", "", "\r\n\x00")


class _Known:
    """The last table that was seen to remove line breaks and nothing else: compared once, not per header."""

    table: object = None


def _translate(text: str, table: Any, /) -> str:
    """As `str.translate`, but at once where a table removes what cannot be in the text."""
    if table is _Known.table:
        return text
    if table == _LINE_BREAKS:
        _Known.table = table
        return text
    return str.translate(text, table)


class Name(istr):
    """The name of a header."""

    translate = _translate


class Value(str):
    """The value of a header: printable text without line breaks."""

    __slots__ = ()
    translate = _translate

    def __format__(self, spec: str, /) -> str:
        # `f"{value}"`, which Sanic makes of each value, would make a plain string of it
        return str.__format__(self, spec) if spec else self
