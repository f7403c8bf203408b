"""Pure: the reason to refuse a forged request, with the words for what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..ids import Message
from ..policy.policy import CorsPolicy
from ..spec.fetch import AUTHORIZATION, FETCH_MODE, FETCH_SITE, ORIGIN
from ..text import safe_repr
from . import refusal_ids as ids
from .checked_request import CheckedRequest
from .own_origin import is_own_origin
from .refusal import Refusal, origin_refusal

_OWN_PAGE: Final = "a page of this server"
_WITHOUT_CREDENTIALS: Final = "a request without credentials"
_CREDENTIALS_MESSAGES: Mapping[str, Message] = {
    FETCH_MODE: ids.REQUEST_NAVIGATION,
    AUTHORIZATION: ids.REQUEST_AUTHORIZATION,
}
"""By header: what to change if it shows that a request has credentials."""


def repeated_lines_refusal(origins: Sequence[str], sites: Sequence[str]) -> Refusal:
    """Return why a request with several lines of Origin, or of Sec-Fetch-Site, is refused."""
    name, lines = (ORIGIN, origins) if len(origins) > 1 else (FETCH_SITE, sites)
    words = ids.REQUEST_REPEATED.fill(count=len(lines), name=name.title())
    return Refusal(ids.REQUEST_REPEATED.id, list(lines), f"one line of {name.title()}", words)


def malformed_origin_refusal(origin: str) -> Refusal:
    """Return why a request with a malformed Origin is refused."""
    message = ids.REQUEST_MALFORMED
    return Refusal(message.id, origin, "an origin as browsers send it", message.fill())


def page_refusal(policy: CorsPolicy, request: CheckedRequest, failed: bool) -> Refusal:
    """Return why the request of a page is refused that is neither the server's own nor allowed.

    failed: whether an origin function failed.
    """
    origins, sites = request.origins, request.sites
    site = safe_repr(sites[0]) if sites else ""
    if not origins:
        words = ids.REQUEST_WITHOUT_ORIGIN.fill(site=site)
        return Refusal(ids.REQUEST_WITHOUT_ORIGIN.id, "", _OWN_PAGE, words)
    refusal = origin_refusal(policy, origins, failed)
    # Whether or not the scheme is the server's, which a proxy may hide.
    has_own_host = is_own_origin(origins[0], request.request.host, is_secure=False, allow_insecure=True)
    if has_own_host and sites:
        words = ids.REQUEST_OWN_HOST.fill(site=site)
    elif has_own_host and origins[0].lower().startswith("http:"):
        words = ids.REQUEST_OWN_HTTP.fill()
    elif sites:
        words = refusal.words
    elif origins[0] == "null":
        words = ids.REQUEST_OPAQUE.fill()
    else:
        words = ids.REQUEST_CROSS_ORIGIN.fill(reason=refusal.words, host=safe_repr(request.request.host))
    return Refusal(ids.REQUEST_CROSS_ORIGIN.id, origins[0], f"{_OWN_PAGE}, or {refusal.expected}", words)


def request_method_refusal(policy: CorsPolicy, method: str) -> Refusal:
    """Return why the request of an allowed page is refused whose method the policy leaves out."""
    methods = ", ".join(policy.allow_methods) or "none"
    words = ids.REQUEST_METHOD.fill(method=safe_repr(method), methods=methods)
    return Refusal(ids.REQUEST_METHOD.id, method, f"one of {methods}", words)


def credentials_refusal(name: str) -> Refusal:
    """Return why the request of an allowed page is refused that carries credentials.

    name: the header that shows it.
    """
    message = _CREDENTIALS_MESSAGES.get(name, ids.REQUEST_WITH_CREDENTIALS)
    return Refusal(message.id, name, _WITHOUT_CREDENTIALS, message.fill(name=name.title()))


def handshake_credentials_refusal(name: str) -> Refusal:
    """Return why the handshake of an allowed page is refused that carries credentials.

    name: the header that shows it.
    """
    message = ids.REQUEST_HANDSHAKE
    return Refusal(message.id, name, _WITHOUT_CREDENTIALS, message.fill(name=name.title()))


def method_and_credentials_refusal(policy: CorsPolicy, method: str, name: str) -> Refusal:
    """Return why the request of an allowed page is refused for its method and for its credentials."""
    method_part, credentials_part = request_method_refusal(policy, method), credentials_refusal(name)
    words = f"{method_part.words}; and {credentials_part.words}"
    expected = f"{method_part.expected}, and {credentials_part.expected}"
    return Refusal(ids.REQUEST_CROSS_ORIGIN.id, method, expected, words)
