"""Pure: the request headers that need no permission, by name and value.

https://fetch.spec.whatwg.org/#cors-safelisted-request-header
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from corsbp.spec.fetch import FORBIDDEN_METHODS, SAFELISTED_REQUEST_HEADERS, is_forbidden_request_header

from .engines import STANDARD
from .quirks import Engine

MAX_VALUE_LENGTH = 128
"""Bytes of a safelisted value. Values are Latin-1, so that this is also the number of characters."""

MAX_TOTAL_LENGTH = 1024
"""Bytes of all safelisted values of a request together."""

NON_WILDCARD = frozenset({"authorization"})
"""Names that `*` does not cover (Fetch, "CORS non-wildcard request-header name")."""

BODY_HEADERS = frozenset({"content-encoding", "content-language", "content-location", "content-type"})
"""Headers that a redirect drops together with the body (Fetch, "request-body-header name")."""

_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\"():<>?@\[\\\]{}]")
_LANGUAGE = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_TYPE = re.compile(r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(;.*)?")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_OVERRIDES = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""Content types that an HTML form can send."""


def is_forbidden(name: str, value: str) -> bool:
    """Check whether browsers drop a header that a page sets. https://fetch.spec.whatwg.org/#forbidden-request-header"""
    if name.lower() in _OVERRIDES:
        return any(method.strip(" \t").upper() in FORBIDDEN_METHODS for method in value.split(","))
    return is_forbidden_request_header(name.lower())


def is_safelisted(name: str, value: str, engine: Engine = STANDARD) -> bool:
    """Check whether a request that has only this header needs no permission for it."""
    # the first step of https://fetch.spec.whatwg.org/#cors-safelisted-request-header
    if len(value) > MAX_VALUE_LENGTH:
        return False
    match name.lower():
        case "accept":
            return _is_safe_value(value, engine)
        case "accept-language" | "content-language":
            return _LANGUAGE.fullmatch(value) is not None
        case "content-type":
            return _is_safe_value(value, engine) and _is_form_type(value)
        case "range":
            return _is_simple_range(value)
    return False


def _is_safe_value(value: str, engine: Engine) -> bool:
    return not _UNSAFE.search(value) and (value.isascii() or not engine.safelists_only_ascii)


def _is_form_type(value: str) -> bool:
    essence = _TYPE.fullmatch(value)
    return essence is not None and essence[1].lower() in FORM_TYPES


def _is_simple_range(value: str) -> bool:
    """Check for one range with a start. https://fetch.spec.whatwg.org/#simple-range-header-value"""
    span = _RANGE.fullmatch(value)
    return span is not None and (not span[2] or int(span[1]) <= int(span[2]))


def is_no_cors_safelisted(name: str, value: str) -> bool:
    """Check whether a page can set a header in mode "no-cors"."""
    return name.lower() in {*SAFELISTED_REQUEST_HEADERS, "content-type"} and is_safelisted(name, value)


def unsafe_names(headers: Iterable[tuple[str, str]], engine: Engine = STANDARD) -> list[str]:
    """Return the names that a preflight lists: sorted, in lower case, each once.

    https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names
    """
    lines = [(name.lower(), value) for name, value in headers]
    # engines join the lines of a header before they look at the values
    if engine.measures_joined_lines:
        names = dict(lines)
        lines = [(name, ", ".join(value for key, value in lines if key == name)) for name in names]
    safe: list[tuple[str, str]] = []
    unsafe: list[str] = []
    for name, value in lines:
        if is_safelisted(name, value, engine):
            safe.append((name, value))
        else:
            unsafe.append(name)
    # values that are safe one by one are all unsafe if they are too long together
    if sum(len(value) for _, value in safe) > MAX_TOTAL_LENGTH and not engine.has_no_total_limit:
        unsafe += [name for name, _ in safe]
    return sorted(unsafe if engine.lists_duplicate_names else set(unsafe))
