"""Header names and values that know their bytes.

Sanic cleans and encodes each name and value of every response anew: for the headers that a page needs, that
is most of what CORS costs. These texts are known at startup, so they are cleaned and encoded once, and hand
out the result wherever Sanic asks. They are ordinary strings otherwise, for everyone who reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsIndex

from multidict import istr

# In all of these, ASCII text has the same bytes.
_ENCODINGS = ("utf-8", "ascii", "latin-1")


class _Known(str):
    """ASCII text without control characters."""

    wire: bytes

    def __new__(cls, text: str) -> Any:
        known = super().__new__(cls, text)
        known.wire = text.encode("ascii")
        if not text.isprintable():
            raise ValueError(f"{text!r} has control characters")
        return known

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes that are known already."""
        return self.wire if encoding in _ENCODINGS else super().encode(encoding, errors)

    def translate(self, table: Any, /) -> str:
        """Itself, where only control characters are translated: there are none."""
        return self if table is _harmless.table or _harmless(table) else super().translate(table)

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> tuple[type[str], tuple[str]]:
        return str, (str.__str__(self),)


class Name(_Known, istr):
    """The name of a header."""


class Value(_Known):
    """The value of a header."""

    def __format__(self, spec: str, /) -> str:
        return super().__format__(spec) if spec else self


class _Harmless:
    """Whether a translation table has only control characters; the last such table is remembered."""

    table: object = None

    def __call__(self, table: object) -> bool:
        harmless = isinstance(table, Mapping) and all(isinstance(key, int) and key < 32 for key in table)
        if harmless:
            self.table = table
        return harmless


_harmless = _Harmless()
