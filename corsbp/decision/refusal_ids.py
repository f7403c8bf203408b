"""Pure: the ids of the reasons to refuse a page: what to change, what it means, and what to do."""

from __future__ import annotations

from typing import Final

from ..ids import IdTable

REFUSALS: Final = IdTable()
"""The ids of the reasons to refuse a page."""

_declare = REFUSALS.declare

ORIGIN_REPEATED: Final = _declare(
    "origin-repeated",
    "the request has {count} Origin lines: {lines}",
    meaning="The request has more than one Origin line.",
    remedy="Look for a proxy that adds the header.",
)
ORIGIN_NULL: Final = _declare(
    "origin-null",
    "allow_origins cannot name an opaque origin: a sandboxed frame, a file, a redirect between sites",
    meaning="The origin is opaque (`null`): a sandboxed frame, a file, or a redirect between sites.",
    remedy="Send the request from the page around the frame, or serve the file over http.",
)
ORIGIN_MALFORMED: Final = _declare(
    "origin-malformed",
    "no browser sends such an Origin",
    meaning="The Origin header is not `scheme://host[:port]` as browsers send it.",
    remedy="If a program of yours sends it, write it without a slash and a path, as browsers do.",
)
ORIGIN_NOT_ALLOWED: Final = _declare(
    "origin-not-allowed",
    "allow_origins leaves it out: it has {entries}",
    meaning="The policy does not allow this origin.",
    remedy="Add the origin to `allow_origins`, if it is yours.",
)
NO_FUNCTION_FOR_FILES: Final = ORIGIN_NOT_ALLOWED.variant("origin functions are not called for files")
NO_ORIGIN_ALLOWED: Final = ORIGIN_NOT_ALLOWED.variant("allow_origins is empty: no origin is allowed")
FUNCTION_REFUSED: Final = _declare(
    "origin-function-refused",
    "{functions} did not return True",
    meaning="The origin function of the policy did not return True for this origin.",
    remedy="Check what the function returns for this origin. It must return `True`, not merely a truthy "
    "value.",
)
ENTRIES_AND_FUNCTION_REFUSED: Final = FUNCTION_REFUSED.variant(
    "allow_origins does not name it, and {functions} did not return True"
)
FUNCTION_FAILED: Final = _declare(
    "origin-function-failed",
    "{functions} failed: see the error in the log",
    meaning="The origin function of the policy raised an error, was cancelled, took too long or returned no "
    "bool.",
    remedy="Read the error above this line in the log.",
)
METHOD_ELSEWHERE: Final = _declare(
    "method-elsewhere",
    "this path serves {method} by a route that is in no section, or has ctx_cors=False",
    meaning="A route without CORS serves the requested method on this path.",
    remedy="Remove `ctx_cors=False`, or wrap the blueprint of that route.",
)
METHOD_NOT_ALLOWED: Final = _declare(
    "method-not-allowed",
    "this path serves {method}, but allow_methods leaves it out",
    meaning="No route of the section serves the requested method on this path, or the policy does not allow "
    "it.",
    remedy="Add the method to a route of this path, or to `allow_methods`.",
)
METHOD_FORBIDDEN: Final = METHOD_NOT_ALLOWED.variant("browsers do not send {method} for a page")
METHOD_CASE: Final = METHOD_NOT_ALLOWED.variant("methods are case-sensitive: the page has to write {upper}")
METHOD_UNSERVED: Final = METHOD_NOT_ALLOWED.variant(
    "no route of the section serves it here: there is {served}"
)
HEADERS_MALFORMED: Final = _declare(
    "headers-malformed",
    "the requested header names are not a list of tokens, or too many: {lines}",
    meaning="The requested header names are not a list of valid names, or the list is too long.",
    remedy="Send valid names of headers. Look for a proxy that changes them.",
)
HEADER_NOT_ALLOWED: Final = _declare(
    "header-not-allowed",
    "allow_headers leaves out {name}: it has {entries}",
    meaning="The policy does not allow a requested header.",
    remedy="Add the name to `allow_headers`. Browsers request `accept` and the like only for unusual values.",
)
