"""The vocabulary of the Fetch standard: header names, methods, safelists, tokens.

https://fetch.spec.whatwg.org. Header names are spelt here and nowhere else. They are in lower case, and of
the type `istr` of Sanic's header mapping, which then does not fold their case on every request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from multidict import istr

# https://fetch.spec.whatwg.org/#http-requests: sent by browsers
ORIGIN = istr("origin")
REQUEST_METHOD = istr("access-control-request-method")
REQUEST_HEADERS = istr("access-control-request-headers")
# https://w3c.github.io/webappsec-fetch-metadata/: sent by browsers to https and loopback
FETCH_SITE = istr("sec-fetch-site")
FETCH_MODE = istr("sec-fetch-mode")
FETCH_DEST = istr("sec-fetch-dest")
# https://fetch.spec.whatwg.org/#http-responses: sent by servers
ALLOW_ORIGIN = istr("access-control-allow-origin")
ALLOW_CREDENTIALS = istr("access-control-allow-credentials")
ALLOW_METHODS = istr("access-control-allow-methods")
ALLOW_HEADERS = istr("access-control-allow-headers")
MAX_AGE = istr("access-control-max-age")
EXPOSE_HEADERS = istr("access-control-expose-headers")
PREFIX = "access-control-"
# https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header
RESOURCE_POLICY = istr("cross-origin-resource-policy")
# RFC 9110
VARY = istr("vary")
ALLOW = istr("allow")
HOST = istr("host")
AUTHORIZATION = istr("authorization")
CACHE_CONTROL = istr("cache-control")
# RFC 6265
COOKIE = istr("cookie")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The methods that Sanic routes, in the order in which corsbp names them."""

NORMALISED = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
"""The methods that browsers write in upper case (Fetch, "normalize a method"). PATCH is not one of them."""

FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
"""The methods that no page may use (Fetch, "forbidden method"), compared case-insensitively."""

SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})
"""The methods that need no preflight (Fetch, "CORS-safelisted method")."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "QUERY", "TRACE"})
"""The methods that change nothing (RFC 9110, 9.2.1; QUERY has a draft of its own)."""

SAFELISTED_REQUEST_HEADERS = frozenset({"accept", "accept-language", "content-language"})
"""Request headers that need no preflight with all usual values.

Fetch's "CORS-safelisted request-header" has two more, `content-type` and `range`, but with few of their
values: `application/json` needs a preflight, so a policy may well name them.
"""

SAFELISTED_RESPONSE_HEADERS = _names("""
    cache-control content-language content-length content-type expires last-modified pragma
""")
"""Response headers that every page may read (Fetch, "CORS-safelisted response-header name")."""

FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})
"""Response headers that no page may read (Fetch, "forbidden response-header name")."""

PREFLIGHT_ONLY_HEADERS = frozenset({ALLOW_METHODS, ALLOW_HEADERS, MAX_AGE})
"""Response headers of preflights only, which no page can read."""

REQUEST_ONLY_HEADERS = _names("""
    access-control-request-headers access-control-request-method cookie expect host if-match
    if-modified-since if-none-match if-range if-unmodified-since max-forwards origin referer te user-agent
""")
"""Headers that no response has (RFC 9110).

Not `authorization`: some APIs respond with one. Not `range`: the 308 of a resumable upload has it.
"""

SET_BY_BROWSERS = frozenset({"accept-encoding", "content-length", "date", "dnt", "keep-alive", "origin"})
"""Forbidden request headers that many recipes allow, the Sanic guide's among them: useless and harmless."""

RESPONSE_ONLY_HEADERS = _names("""
    accept-ranges access-control-allow-credentials access-control-allow-headers access-control-allow-methods
    access-control-allow-origin access-control-expose-headers access-control-max-age age etag location
    retry-after server vary www-authenticate
""")
"""Headers that no request has (RFC 9110). Not `content-disposition`: some uploads send one."""

MAX_REQUESTED_LENGTH = 8192
"""The longest list of requested headers that is read, in characters: Sanic's limit for a request head."""

MAX_REQUESTED_NAMES = 128
"""The most elements of such a list that are read, empty ones included; browsers send a few."""

_FORBIDDEN_REQUEST_HEADERS = _names("""
    accept-charset accept-encoding access-control-request-headers access-control-request-method connection
    content-length cookie cookie2 date dnt expect host keep-alive origin referer set-cookie te trailer
    transfer-encoding upgrade via
""")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ORDER = {method: place for place, method in enumerate(METHODS)}
_BEFORE_OPTIONS = _ORDER["OPTIONS"] - 0.5


def is_token(text: str) -> bool:
    """Return whether `text` can be the name of a header or method. RFC 9110, 5.6.2 "token"."""
    return _TOKEN.fullmatch(text) is not None


def is_forbidden_request_header(name: str) -> bool:
    """Return whether browsers keep pages from setting the header `name`, given in lower case.

    https://fetch.spec.whatwg.org/#forbidden-request-header. The standard forbids some names with a few of
    their values only (`x-http-method`, `x-http-method-override`, `x-method-override`): those are not
    forbidden as names.
    """
    return name in _FORBIDDEN_REQUEST_HEADERS or name.startswith(("proxy-", "sec-"))


def normalise_method(method: str) -> str:
    """Return a method as browsers send it. https://fetch.spec.whatwg.org/#concept-method-normalize"""
    upper = method.upper()
    return upper if upper in NORMALISED else method


def sort_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """Return the methods, each once, in the order of `METHODS`; others come before OPTIONS, sorted."""
    return tuple(sorted(set(methods), key=lambda method: (_ORDER.get(method, _BEFORE_OPTIONS), method)))


def parse_requested_headers(lines: Sequence[str]) -> str | None:
    """Return the header names that a preflight requests, from its Access-Control-Request-Headers lines.

    The names come back in lower case, joined by commas without spaces, in the order and number in which they
    were sent; "" if there are none. None is for a list with a name that is not a token, with more than
    `MAX_REQUESTED_LENGTH` characters, or with more than `MAX_REQUESTED_NAMES` elements. Empty elements, and
    spaces and tabs around names, are left out (RFC 9110, 5.6.1.2).
    """
    text = ",".join(lines)
    # Both bounds hold before anything is split: the work stays small, whatever a request is filled with.
    if len(text) > MAX_REQUESTED_LENGTH:
        return None
    elements = text.split(",", MAX_REQUESTED_NAMES)
    if len(elements) > MAX_REQUESTED_NAMES:
        return None
    names = [name for element in elements if (name := element.strip(" \t"))]
    if not all(map(is_token, names)):
        return None
    return ",".join(names).lower()
