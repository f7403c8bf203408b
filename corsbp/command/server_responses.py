"""Responses that may come from a server in front of the app: redirects, logins, limits, an app that is down.

`corsbp explain URL` cannot see which program responded. So it says first what such a status means in front of
the app, and speaks of the app after "if the app itself responded".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from corsbp.spec.fetch import ALLOW_ORIGIN, ORIGIN, VARY
from corsbp.testing import Answer, Result, Sent
from corsbp.testing.response_headers import header_names
from corsbp.testing.short_text import format_list

LOGIN: Final = re.compile(
    r"(?<![a-z])(log[-_]?in|sign[-_]?in|oauth2?|auth|sso|saml|accounts?)(?![a-z])", re.IGNORECASE
)
"""Words in the address of a login."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""https://fetch.spec.whatwg.org/#redirect-status"""

LET_OPTIONS_PASS: Final = (
    "Let OPTIONS pass through the login: a preflight carries no cookies and no Authorization, so that no "
    "login can accept it."
)

STATUSES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        401: (
            "The request had no valid login.",
            "Let the app itself respond with 401 to pages, or have the login add the headers of CORS",
        ),
        403: (
            "The request was refused: by a login, a firewall or a list of addresses.",
            "Look for the rule that refuses it; a firewall may not know OPTIONS or the header Origin",
        ),
        404: (
            "The server does not know the path.",
            "Check the path, and that the proxy passes it to the app as it is",
        ),
        405: (
            "The server does not know the method on this path.",
            "Check the method and the path",
        ),
        413: (
            "The request's body is larger than a server accepts.",
            "Raise the limit: client_max_body_size in nginx, REQUEST_MAX_SIZE in Sanic",
        ),
        429: (
            "A rate limit refused the request.",
            "Wait, or raise the limit. Each preflight may count as a request: max_age makes them fewer",
        ),
        502: (
            "A proxy got no valid response from the app.",
            "Start the app, and check its address and port in the proxy's configuration",
        ),
        503: (
            "The app, or the proxy in front of it, is not available.",
            "Start the app, or wait until a limit or a maintenance is over",
        ),
        504: (
            "A proxy waited too long for the app.",
            "Look for the reason in the app, or raise the proxy's timeout (proxy_read_timeout in nginx)",
        ),
    }
)
"""By status: what it means if a server in front of the app responded, and what to do there."""


def explain_response(result: Result, wrap: str) -> tuple[str | None, str] | None:
    """Explain a blocked call by the last response: what it means, and what to change.

    Args:
        wrap: the change of the app, which is right if the app itself responded.

    Returns:
        None for a response that says nothing about a server in front of the app.
    """
    sent = _last_answered(result)
    if sent is None or sent.answer is None:
        return None
    response = sent.answer
    # The address that the redirect names tells more than the missing header.
    if redirect := explain_redirect(result):
        return redirect
    # A proxy's own response rarely has Vary: Origin: the server behind it has a policy, and responded.
    if _denies_origin(response):
        origin = origin_of(sent)
        meaning = f"Vary: Origin shows that the server decided by the origin, and does not allow {origin}."
        return (
            meaning,
            f"Add {origin!r} to the allowed origins: with corsbp, to allow_origins of the section.",
        )
    if sent.preflight:
        return _explain_preflight(response, wrap)
    if response.status in STATUSES:
        meaning, change = STATUSES[response.status]
        return meaning, f"{change}. If the app itself responded: {wrap}"
    return None


def explain_redirect(result: Result) -> tuple[str | None, str] | None:
    """Explain a redirect that stopped a call, or that led it to a login; None for other responses."""
    sent = _last_answered(result)
    if sent is None or sent.answer is None:
        return None
    if sent.answer.status in REDIRECTS:
        return _explain_redirect(sent, sent.answer)
    if _is_login(urlsplit(sent.url)) and sent.url != result.sent[0].url:
        meaning = f"The call was redirected to {format_list([sent.url])}, probably a login."
        change = "Log in, send the cookie, or let the app respond with 401 to pages instead of a redirect."
        return meaning, change
    return None


def _last_answered(result: Result) -> Sent | None:
    return next((each for each in reversed(result.sent) if each.answer), None)


def _denies_origin(response: Answer) -> bool:
    """Return whether a response depends on the origin, and allows none.

    https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
    """
    return response.get(ALLOW_ORIGIN) is None and ORIGIN in vary_names(response)


def vary_names(response: Answer) -> list[str]:
    """Return the names in the header Vary, in lower case."""
    return [name.lower() for name in header_names(response, VARY) or ()]


def origin_of(sent: Sent) -> str:
    """Return the value of a request's header Origin; "" without it."""
    return next((value for name, value in sent.headers if name == ORIGIN), "")


def _explain_preflight(response: Answer, wrap: str) -> tuple[str | None, str] | None:
    """Explain the status of a preflight response."""
    # A login cannot accept a preflight: browsers send it without cookies and without Authorization.
    # https://fetch.spec.whatwg.org/#cors-preflight-fetch
    if response.status in (401, 403, 407):
        meaning = "A login or a firewall refused the preflight."
        return meaning, f"{LET_OPTIONS_PASS} If the app itself responded: {wrap}"
    if response.status not in (404, 405) and response.status in STATUSES:
        meaning, change = STATUSES[response.status]
        return meaning, f"{change}. If the app itself responded: {wrap}"
    if response.status < 300 and response.get(ALLOW_ORIGIN) is None:
        # A section names the allowed origin, or has Vary: Origin.
        meaning = "A server in front of the app may have responded to OPTIONS itself."
        change = "Let OPTIONS pass to the app: in nginx, remove `return 204` for OPTIONS"
        return meaning, f"{change}. If the app itself responded: {wrap}"
    if response.status >= 400:
        meaning = "The server does not know the preflight, or its path."
        change = "Check the path, and let the proxy pass OPTIONS to the app"
        return meaning, f"{change}. If the app itself responded: {wrap}"
    return None


def _explain_redirect(sent: Sent, response: Answer) -> tuple[str | None, str]:
    """Explain a redirect of a preflight, which browsers do not follow, or one without headers of CORS."""
    location = response.get("location")
    if not location:
        return "The redirect has no Location.", "Correct the server that sends it."
    target = urljoin(sent.url, location)
    start, end = urlsplit(sent.url), urlsplit(target)
    call = f"Call {format_list([target])} in the page."
    if _is_login(end) and not _is_login(start):
        change = LET_OPTIONS_PASS if sent.preflight else "Log in, or let the app respond with 401 instead."
        return "The redirect leads to a login.", change
    # A preflight must not follow a redirect, so the page has to call the new URL itself.
    # https://fetch.spec.whatwg.org/#cors-preflight-fetch-0
    if start.scheme in ("http", "ws") and end[1:] == start[1:]:
        return "The server redirects http to https.", call
    if end.path.rstrip("/") == start.path.rstrip("/") and end.netloc == start.netloc:
        return "The two paths differ only in the slash at the end.", call
    if sent.preflight:
        return None, f"{call} If it is a login: {LET_OPTIONS_PASS[0].lower()}{LET_OPTIONS_PASS[1:]}"
    return "The redirect itself has no headers of CORS.", call


def _is_login(url: SplitResult) -> bool:
    """Return whether a URL looks like that of a login, by its host and path."""
    return LOGIN.search(f"{url.netloc}{url.path}") is not None
