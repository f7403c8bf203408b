"""Pure: the ids of everything that can stop a call of a page, each with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STOPS: Mapping[str, str] = MappingProxyType(
    {
        # before a request is sent
        "url-invalid": "The URL is invalid.",
        "url-user-info": "The URL contains a user name or a password.",
        "method-invalid": "The method contains a character that is not allowed in methods.",
        "method-forbidden": "Browsers do not allow pages to use this method.",
        "header-invalid": "The header name or value is invalid.",
        "body-not-allowed": "A GET or HEAD request cannot have a body.",
        "no-cors-method": 'Mode "no-cors" allows only GET, HEAD and POST.',
        "no-cors-redirect": 'Mode "no-cors" allows only redirect: "follow".',
        "same-origin-only": 'Mode "same-origin" does not allow requests to another origin.',
        "scheme-not-http": "The scheme of the URL is neither http nor https.",
        "mixed-content": "A page on https cannot call an http URL.",
        # on the network
        "no-answer": "The server did not respond.",
        # the preflight: https://fetch.spec.whatwg.org/#cors-preflight-fetch
        "preflight-redirect": "The preflight was redirected.",
        "preflight-status": "The preflight response does not have an OK status (200 to 299).",
        "preflight-origin-missing": "The preflight response allows no origin.",
        "preflight-origin-several": "The preflight response names more than one allowed origin.",
        "preflight-origin-any": "The preflight response allows `*`, but the page sends credentials.",
        "preflight-origin-other": "The preflight response allows another origin.",
        "preflight-credentials": "The preflight response does not allow credentials.",
        "preflight-malformed": "A header in the preflight response is not a valid comma-separated list.",
        "preflight-method": "The preflight response does not allow the method.",
        "preflight-authorization": "The preflight response does not name Authorization; `*` is not enough.",
        "preflight-header": "The preflight response does not allow a request header.",
        # redirects: https://fetch.spec.whatwg.org/#http-redirect-fetch
        "redirect-refused": 'The response is a redirect, but the page set redirect: "error".',
        "redirect-location": "The redirect does not name exactly one valid URL.",
        "redirect-scheme": "The redirect goes to a URL that is neither http nor https.",
        "redirect-user-info": "The redirect goes to another origin, with a user name or password in the URL.",
        "redirect-too-many": "There are more than 20 redirects.",
        # the response: https://fetch.spec.whatwg.org/#cors-check
        "origin-missing": "The response allows no origin.",
        "origin-several": "The response names more than one allowed origin.",
        "origin-any": "The response allows `*`, but the page sends credentials.",
        "origin-other": "The response allows another origin.",
        "credentials": "The response does not allow credentials.",
        "resource-policy": 'Mode "no-cors": the resource policy of the response does not allow this page.',
        # the handshake of a WebSocket
        "handshake-refused": "The server does not open the WebSocket.",
        # responses that a page gets, but cannot read
        "opaque": 'Mode "no-cors": the page gets a response that it cannot read.',
        "opaque-redirect": 'The page set redirect: "manual", and gets a redirect that it cannot read.',
    }
)
"""Ids of the steps at which a call can stop, each with its meaning.

    assert result.blocked_by is None, STOPS[result.blocked_by]

An id never changes its meaning.
"""
