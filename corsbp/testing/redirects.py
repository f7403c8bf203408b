"""Pure: the URL that a redirect goes to. https://fetch.spec.whatwg.org/#concept-response-location-url"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from corsbp.text import safe_repr

from .quirks import Engine
from .result import Answer, StoppedError
from .short_text import format_list
from .urls import Url, parse_url

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
"""https://fetch.spec.whatwg.org/#redirect-status"""

MAX_REDIRECTS = 20

_ASCII = "".join(map(chr, range(128)))


def redirect_target(answer: Answer, urls: Sequence[Url], engine: Engine) -> Url | None:
    """Return the URL of a redirect, or None if it has none. Raises StoppedError if it is invalid.

    `urls` are the URLs so far; the last one was redirected.
    """
    location = _read_location(answer, engine)
    if location is None:
        return None
    # Location is bytes, which such engines escape one by one
    escaped = location
    if engine.keeps_location_bytes:
        escaped = quote(location, _ASCII, encoding="latin-1")
    url = parse_url(escaped, urls[-1])
    shown = safe_repr(location)
    if url is None:
        raise StoppedError("redirect-location", f"The redirect goes to {shown}, which is not a valid URL")
    if not url.is_http:
        raise StoppedError("redirect-scheme", f"The redirect goes to {shown}")
    # `urls` has the first URL too
    if len(urls) > MAX_REDIRECTS:
        raise StoppedError("redirect-too-many", f"There are more than {MAX_REDIRECTS} redirects")
    return url


def _read_location(answer: Answer, engine: Engine) -> str | None:
    """Return the one value of Location, or None. Raises StoppedError if there are several."""
    lines = answer.lines("location")
    if engine.merges_equal_locations:
        lines = list(dict.fromkeys(lines))
    if engine.joins_locations and lines:
        lines = [", ".join(lines)]
    if not lines or (lines == [""] and engine.ignores_empty_location):
        return None
    # two different values are no value: https://fetch.spec.whatwg.org/#concept-response-location-url
    if len(lines) > 1:
        raise StoppedError("redirect-location", f"The redirect names several URLs: {format_list(lines)}")
    if lines == [""] and engine.refuses_empty_location:
        raise StoppedError("redirect-location", "The redirect goes to an empty URL")
    return lines[0]
