"""Pure: which requests `check_requests` refuses, because a page of another site has forged them.

A browser names the page in Origin, and its relation to the server in Sec-Fetch-Site; no page can change them.
https://www.rfc-editor.org/rfc/rfc6454#section-7, https://w3c.github.io/webappsec-fetch-metadata/
"""

from __future__ import annotations

from typing import Final

from ..policy.policy import CorsPolicy, names_method
from ..spec.fetch import AUTHORIZATION, COOKIE, FETCH_DEST, FETCH_MODE, SAFE_METHODS
from ..spec.origins import DEFAULT_PORTS, is_sent_origin
from .checked_request import CheckedRequest, HeadersToRead
from .compiled import CompiledPolicy
from .own_origin import is_own_page
from .refusal import Refusal, origin_refusal
from .request_refusals import (
    credentials_refusal,
    handshake_credentials_refusal,
    malformed_origin_refusal,
    method_and_credentials_refusal,
    page_refusal,
    repeated_lines_refusal,
    request_method_refusal,
)

_SAME_ORIGIN: Final = "same-origin"
_NAVIGATED: Final = frozenset({"GET", "HEAD"})
_UNCHECKED: Final = {"writes": SAFE_METHODS, "all": frozenset({"OPTIONS"})}
"""The methods that each value of `check_requests` does not check."""


def is_checked(policy: CorsPolicy, method: str) -> bool:
    """Return whether a policy checks requests with this method.

    OPTIONS never is: a preflight has a response of its own, and other OPTIONS change nothing.
    """
    checked = policy.check_requests
    return checked is not False and method not in _UNCHECKED[checked]


def is_own_request(compiled: CompiledPolicy, request: CheckedRequest) -> bool:
    """Return whether a page of the server itself has sent a request, by Origin or as the browser says."""
    return _SAME_ORIGIN in request.sites or is_own_page(request.request, compiled)


def needs_functions(compiled: CompiledPolicy, request: CheckedRequest) -> bool:
    """Return whether origin functions are called to check a request: never about the server's own pages."""
    if not compiled.needs_functions(request.origins):
        return False
    return len(request.sites) < 2 and not is_own_request(compiled, request)


def request_refusal(
    compiled: CompiledPolicy, request: CheckedRequest, grant: str | None, failed: bool = False
) -> Refusal | None:
    """Return why a policy refuses a request as forged; None for one that is served.

    grant: the access-control-allow-origin by which the policy allows the origin; None if it does not.
    failed: whether an origin function failed.
    """
    # With "writes", a request that only reads is not checked.
    if not is_checked(compiled.policy, request.method):
        return None
    return find_refusal(compiled, request, grant, failed)


def find_refusal(
    compiled: CompiledPolicy, request: CheckedRequest, grant: str | None, failed: bool = False
) -> Refusal | None:
    """Return why a policy refuses a request whose method it checks; None for one that is served."""
    policy, origins, sites = compiled.policy, request.origins, request.sites
    # A browser sends one line of each: of several, a proxy may have read another one than this server.
    if len(origins) > 1 or len(sites) > 1:
        return repeated_lines_refusal(origins, sites)
    origin, site = origins[0] if origins else None, sites[0] if sites else None
    is_allowed = compiled.allows(origins, grant)
    # A browser sends an origin or `null`. An origin that an entry or a function allows is valid.
    if origin is not None and (not is_allowed or grant == "*") and not is_sent_origin(origin):
        return malformed_origin_refusal(origin)
    # The own page. Its browser knows the host that a proxy may have changed. `same-site` is another origin.
    if site == _SAME_ORIGIN:
        return None
    if (site is None or site == "none") and _is_trusted(compiled, request, is_allowed):
        return None
    credentials = find_credentials(request) if is_allowed and not policy.allow_credentials else None
    # A page that the policy allows, used as the policy says, wherever it is.
    if is_allowed and credentials is None and names_method(policy, request.method):
        return None
    return _find_refusal_of_page(policy, request, is_allowed, credentials, failed)


def _find_refusal_of_page(
    policy: CorsPolicy, request: CheckedRequest, is_allowed: bool, credentials: str | None, failed: bool
) -> Refusal | None:
    """Return why the request of another site's page is refused, unless it is a link."""
    method = request.method
    # With "all", a link to the server. No page reads what it opens. In a frame, it would not be a document.
    if method in _NAVIGATED and request.has(FETCH_MODE, "navigate") and request.has(FETCH_DEST, "document"):
        return None
    if not is_allowed:
        return page_refusal(policy, request, failed)
    if credentials is None:
        return request_method_refusal(policy, method)
    if names_method(policy, method):
        return credentials_refusal(credentials)
    return method_and_credentials_refusal(policy, method, credentials)


def _is_trusted(compiled: CompiledPolicy, request: CheckedRequest, is_allowed: bool) -> bool:
    """Return whether a request is trusted whose Sec-Fetch-Site is missing, or `none`."""
    origins = request.origins
    # Browsers send no Sec-Fetch-Site to http. Without Origin, it is no browser that sends a write.
    if not request.sites:
        return not origins or is_own_page(request.request, compiled)
    # The user has: by an address that was typed, or a bookmark. Extensions have origins of their own.
    is_web_page = bool(origins) and origins[0].lower().partition("://")[0] in DEFAULT_PORTS
    return not is_web_page or is_allowed or is_own_page(request.request, compiled)


def handshake_refusal(
    compiled: CompiledPolicy, request: CheckedRequest, grant: str | None, failed: bool = False
) -> Refusal | None:
    """Return why a policy refuses the WebSocket handshake of a page that is not the server's own; or None.

    Where the policy checks requests, a page opens it without credentials, unless the policy allows those.
    """
    policy, origins = compiled.policy, request.origins
    if not policy.check_websockets:
        return None
    # Also with `"*"`: a browser sends one line.
    if len(origins) > 1 or not compiled.allows(origins, grant):
        return origin_refusal(policy, origins, failed)
    if policy.check_requests and not policy.allow_credentials:
        credentials = _find_sent_credentials(request)
        return None if credentials is None else handshake_credentials_refusal(credentials)
    return None


def find_credentials(request: HeadersToRead) -> str | None:
    """Return the name of the header that shows that a request has the user's credentials, or None.

    A navigation, such as a form, is always sent with them, if there are any.
    """
    return FETCH_MODE if request.has(FETCH_MODE, "navigate") else _find_sent_credentials(request)


def _find_sent_credentials(request: HeadersToRead) -> str | None:
    """Return the name of the header with credentials that a browser adds by itself; None without one.

    No browser adds a bearer token: a page has written it. https://www.rfc-editor.org/rfc/rfc9110#section-11.4
    """
    if request.lines(COOKIE):
        return COOKIE
    for line in request.lines(AUTHORIZATION):
        if line.strip().partition(" ")[0].lower() != "bearer":
            return AUTHORIZATION
    return None
