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
REQUEST_CROSS_ORIGIN: Final = _declare(
    "request-cross-origin",
    "{reason}; if it is a page of this server, have the proxy pass Host on: the request came to {host}",
    meaning="`check_requests` refuses the request: its page is neither the server's own nor allowed.",
    remedy="If the page is yours, add its origin to `allow_origins`. If it is a page of this server, let the "
    "proxy pass on the Host of the browser (nginx: `proxy_set_header Host $http_host`). If other sites have "
    "to send this request (a login with `form_post`, a payment), exempt the route: "
    "`ctx_cors=POLICY.replace(check_requests=False)`.",
)
REQUEST_REPEATED: Final = REQUEST_CROSS_ORIGIN.variant(
    "the request has {count} lines of {name}: look for a proxy that adds the header"
)
REQUEST_MALFORMED: Final = REQUEST_CROSS_ORIGIN.variant("no browser sends such an Origin")
REQUEST_OWN_HOST: Final = REQUEST_CROSS_ORIGIN.variant(
    "Origin has the host of this server, but for the browser the page is {site}: is it an http page, and the "
    "server https?"
)
REQUEST_OWN_HTTP: Final = REQUEST_CROSS_ORIGIN.variant(
    "Origin has the host of this server, but it is http, and the request came over https: serve the page "
    "over https, too"
)
REQUEST_OPAQUE: Final = REQUEST_CROSS_ORIGIN.variant(
    "Origin is null; if it is a page of this server over http, its Referrer-Policy is no-referrer: write "
    "same-origin, or serve it over https"
)
REQUEST_WITHOUT_ORIGIN: Final = REQUEST_CROSS_ORIGIN.variant(
    "the request has no Origin, and Sec-Fetch-Site is {site}; if an allowed page loads it as an image or a "
    "script, write crossorigin in its tag"
)
REQUEST_METHOD: Final = _declare(
    "request-method",
    "allow_methods leaves out {method}: it has {methods}",
    meaning="`check_requests` refuses the request: its page is allowed, but `allow_methods` leaves out "
    "its method.",
    remedy="Add the method to `allow_methods`, if pages of other origins may use it.",
)
REQUEST_WITH_CREDENTIALS: Final = _declare(
    "request-with-credentials",
    "allow_credentials is False, and the request has the header {name}: send it with credentials: 'omit' "
    "(fetch with keepalive, not a beacon), or set allow_credentials=True",
    meaning="`check_requests` refuses the request: its page is allowed, but without credentials. The request "
    "has a cookie, a password, or is a form, which browsers send with cookies.",
    remedy='Send it with `fetch(url, {credentials: "omit"})`; add `keepalive: true` in the place of a '
    "beacon. If the page may act as the user, set `allow_credentials=True`.",
)
REQUEST_AUTHORIZATION: Final = REQUEST_WITH_CREDENTIALS.variant(
    "allow_credentials is False, and Authorization has another scheme than Bearer, as browsers send it by "
    "themselves: send a bearer token, or set allow_credentials=True"
)
REQUEST_HANDSHAKE: Final = REQUEST_WITH_CREDENTIALS.variant(
    "allow_credentials is False, and browsers send {name} with every handshake: set allow_credentials=True, "
    "or serve the WebSocket on a host without cookies and passwords"
)
REQUEST_NAVIGATION: Final = REQUEST_WITH_CREDENTIALS.variant(
    "allow_credentials is False, and a form is sent with cookies: send the request with fetch, or set "
    "allow_credentials=True"
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
