"""Pure: which request headers need a permission, by their names and values.

https://fetch.spec.whatwg.org/#cors-safelisted-request-header
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from corsbp.spec.fetch import (
    FORBIDDEN_METHODS,
    SAFELISTED_REQUEST_HEADERS,
    is_forbidden_request_header,
)

from .engines import STANDARD, Engine

LONGEST_VALUE = 128
"""Bytes of a value that passes without a permission; as values are Latin-1, also its characters."""

LONGEST_VALUES = 1024
"""Bytes of all such values of a request together."""

NON_WILDCARD = frozenset({"authorization"})
"""Fetch, "CORS non-wildcard request-header name": `*` does not cover it."""

BODY_HEADERS = frozenset({"content-encoding", "content-language", "content-location", "content-type"})
"""Fetch, "request-body-header name": they go when a redirect drops the body."""

_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\"():<>?@\[\\\]{}]")
_LANGUAGE = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_TYPE = re.compile(r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(;.*)?")
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_OVERRIDES = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})


def is_forbidden(name: str, value: str) -> bool:
    """Whether browsers drop a header that a page sets. https://fetch.spec.whatwg.org/#forbidden-request-header"""
    if name.lower() in _OVERRIDES:
        return any(method.strip(" \t").upper() in FORBIDDEN_METHODS for method in value.split(","))
    return is_forbidden_request_header(name.lower())


def is_safelisted(name: str, value: str, engine: Engine = STANDARD) -> bool:
    """Whether a header passes without a permission, were it alone."""
    if len(value) > LONGEST_VALUE:
        return False
    plain = value.isascii() or not engine.safe_values_are_ascii
    match name.lower():
        case "accept":
            return not _UNSAFE.search(value) and plain
        case "accept-language" | "content-language":
            return _LANGUAGE.fullmatch(value) is not None
        case "content-type":
            essence = _TYPE.fullmatch(value)
            known = essence is not None and essence[1].lower() in _FORM_TYPES
            return known and plain and not _UNSAFE.search(value)
        case "range":
            span = _RANGE.fullmatch(value)
            return span is not None and (not span[2] or int(span[1]) <= int(span[2]))
    return False


def is_no_cors_safelisted(name: str, value: str) -> bool:
    """Whether a header stays in a request of mode "no-cors"."""
    return name.lower() in {*SAFELISTED_REQUEST_HEADERS, "content-type"} and is_safelisted(name, value)


def unsafe_names(headers: Iterable[tuple[str, str]], engine: Engine = STANDARD) -> list[str]:
    """The names that a preflight has to ask for: sorted, lower case, each once.

    https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names
    """
    lines = [(name.lower(), value) for name, value in headers]
    if engine.joins_before_measuring:
        names = dict(lines)
        lines = [(name, ", ".join(value for key, value in lines if key == name)) for name in names]
    safe: list[tuple[str, str]] = []
    unsafe: list[tuple[str, str]] = []
    for name, value in lines:
        (safe if is_safelisted(name, value, engine) else unsafe).append((name, value))
    if sum(len(value) for _, value in safe) > LONGEST_VALUES and not engine.measures_no_sum:
        unsafe += safe
    asked = [name for name, _ in unsafe]
    return sorted(asked if engine.names_lines_twice else {*asked})
