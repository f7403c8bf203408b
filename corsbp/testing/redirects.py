"""Pure: where an answer leads. https://fetch.spec.whatwg.org/#concept-response-location-url"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from corsbp.text import safe_repr

from .cors_check import StoppedError
from .engines import Engine
from .result import Answer, quoted
from .urls import Url, parse

_ASCII = "".join(map(chr, range(128)))


MOST_REDIRECTS = 20


def leads(answer: Answer, urls: Sequence[Url], engine: Engine) -> Url | None:
    """The address that a redirect leads to; None for one that leads nowhere. Raises StoppedError.

    `urls`: where redirects led so far; the last one is redirected.
    """
    lines = answer.lines("location")
    if engine.same_locations_are_one:
        lines = list(dict.fromkeys(lines))
    if engine.locations_are_joined:
        lines = [", ".join(lines)] if lines else []
    if not lines or (lines == [""] and engine.empty_location_is_none):
        return None
    if len(lines) > 1:
        raise StoppedError("redirect-location", f"The redirect leads to several addresses: {quoted(lines)}")
    if lines == [""] and engine.empty_location_fails:
        raise StoppedError("redirect-location", "The redirect leads to an empty address")
    (text,) = lines
    there = parse(
        quote(text, _ASCII, encoding="latin-1") if engine.location_bytes_are_kept else text, urls[-1]
    )
    if there is None:
        raise StoppedError("redirect-location", f"The redirect leads to {safe_repr(text)}, which is no URL")
    if not there.is_http:
        raise StoppedError("redirect-scheme", f"The redirect leads to {safe_repr(text)}")
    if len(urls) > MOST_REDIRECTS:
        raise StoppedError("redirect-too-many", f"More than {MOST_REDIRECTS} redirects")
    return there
