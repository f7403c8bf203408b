"""The vocabulary of the Fetch standard: header names, methods, safelists, tokens.

https://fetch.spec.whatwg.org. Header names are spelt here and nowhere else, in lower case, as the
case-insensitive strings of Sanic's own header mapping: that spares it the folding on every request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from multidict import istr

# Fetch, 3.3 "CORS protocol": requests
ORIGIN = istr("origin")
REQUEST_METHOD = istr("access-control-request-method")
REQUEST_HEADERS = istr("access-control-request-headers")
# and responses
ALLOW_ORIGIN = istr("access-control-allow-origin")
ALLOW_CREDENTIALS = istr("access-control-allow-credentials")
ALLOW_METHODS = istr("access-control-allow-methods")
ALLOW_HEADERS = istr("access-control-allow-headers")
MAX_AGE = istr("access-control-max-age")
EXPOSE_HEADERS = istr("access-control-expose-headers")
PREFIX = "access-control-"
# and what embeds
RESOURCE_POLICY = istr("cross-origin-resource-policy")
# RFC 9110
VARY = istr("vary")
ALLOW = istr("allow")
HOST = istr("host")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The methods that Sanic routes, in the order in which corsbp names them."""

NORMALISED = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
"""The methods that browsers put into upper case (Fetch, "normalize a method"). PATCH is not one of them."""

FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
"""Fetch, "forbidden method", compared without regard to case."""

SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})
"""Methods that need no permission (Fetch, "CORS-safelisted method")."""

SAFELISTED_REQUEST_HEADERS = frozenset({"accept", "accept-language", "content-language"})
"""Request headers that need no permission.

Fetch's "CORS-safelisted request-header" has two more, `content-type` and `range`, but only with some of their
values: `application/json` needs permission, so that naming them is no mistake.
"""

SAFELISTED_RESPONSE_HEADERS = _names("""
    cache-control content-language content-length content-type expires last-modified pragma
""")
"""Response headers that a page may always read (Fetch, "CORS-safelisted response-header name")."""

FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})
"""Response headers that no page may read (Fetch, "forbidden response-header name")."""

PREFLIGHT_ONLY_HEADERS = frozenset({ALLOW_METHODS, ALLOW_HEADERS, MAX_AGE})
"""Response headers that only the answer to a preflight has, which no page sees."""

REQUEST_ONLY_HEADERS = _names("""
    access-control-request-headers access-control-request-method cookie expect host if-match
    if-modified-since if-none-match if-range if-unmodified-since max-forwards origin range referer te
    user-agent
""")
"""Headers that no response has (RFC 9110). Not `authorization`: there are APIs that answer with one."""

SET_BY_BROWSERS = frozenset({"accept-encoding", "dnt", "keep-alive", "origin"})
"""Forbidden request headers that recipes are full of: useless to allow, and harmless."""

RESPONSE_ONLY_HEADERS = _names("""
    accept-ranges access-control-allow-credentials access-control-allow-headers access-control-allow-methods
    access-control-allow-origin access-control-expose-headers access-control-max-age age etag location
    retry-after server vary www-authenticate
""")
"""Headers that no request has (RFC 9110). Not `content-disposition`: there are uploads that send one."""

MAX_REQUESTED_LENGTH = 8192
"""Longest list of requested headers that is read, in characters: Sanic's limit for a whole request head."""

MAX_REQUESTED_NAMES = 128
"""Most elements of such a list, empty ones included; a browser sends a handful and no empty ones."""

_FORBIDDEN_REQUEST_HEADERS = _names("""
    accept-charset accept-encoding access-control-request-headers access-control-request-method connection
    content-length cookie cookie2 date dnt expect host keep-alive origin referer set-cookie te trailer
    transfer-encoding upgrade via
""")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PLACE = {method: place for place, method in enumerate(METHODS)}
_OTHERS = _PLACE["OPTIONS"] - 0.5


def is_token(text: str) -> bool:
    """Whether `text` may be the name of a header or method (RFC 9110, 5.6.2 "token")."""
    return _TOKEN.fullmatch(text) is not None


def is_forbidden_request_header(name: str) -> bool:
    """Whether browsers keep pages from setting the header `name`, given in lower case.

    Fetch, "forbidden request-header". The names that it forbids for some values only (`x-http-method`,
    `x-http-method-override`, `x-method-override`) are not forbidden as names.
    """
    return name in _FORBIDDEN_REQUEST_HEADERS or name.startswith(("proxy-", "sec-"))


def sort_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """The methods, each once, in the order of `METHODS`; others stand alphabetically before OPTIONS."""
    return tuple(sorted(set(methods), key=lambda method: (_PLACE.get(method, _OTHERS), method)))


def parse_requested_headers(lines: Sequence[str]) -> str | None:
    """The header names that a preflight asks for: all its Access-Control-Request-Headers lines as one list.

    Returns the names in lower case, joined by commas without spaces, in the order and number in which they
    came ("" for none); None if one is no token, or if the list is longer than `MAX_REQUESTED_LENGTH` or has
    more than `MAX_REQUESTED_NAMES` elements. Empty elements, and spaces and tabs around names, are left out
    (RFC 9110, 5.6.1.2). The work is one pass over a bounded text, cut no more often than the bound allows,
    whatever a request is filled with.
    """
    text = ",".join(lines)
    if len(text) > MAX_REQUESTED_LENGTH:
        return None
    elements = text.split(",", MAX_REQUESTED_NAMES)
    if len(elements) > MAX_REQUESTED_NAMES:
        return None
    names = [name for element in elements if (name := element.strip(" \t"))]
    return ",".join(names).lower() if all(map(is_token, names)) else None
