"""Pure: the ids of everything that can stop a call of a page, each with its meaning and its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# An absolute import: `corsbp why` runs this file without the package, which needs the extra.
from corsbp.ids import IdTable

STOP_IDS: Final = IdTable()
"""The ids, each with what it means and what to do, in the order in which a browser checks."""

_explain = STOP_IDS.explain

# --- before a request is sent ---

_explain(
    "url-invalid",
    meaning="The URL is invalid.",
    remedy="Write an absolute URL, or a path of the server.",
)
_explain(
    "url-user-info",
    meaning="The URL contains a user name or a password.",
    remedy="Remove them from the URL, and send a header `Authorization`.",
)
_explain(
    "method-invalid",
    meaning="The method contains a character that is not allowed in methods.",
    remedy="Write the name of a method: `PUT`.",
)
_explain(
    "method-forbidden",
    meaning="Browsers do not allow pages to use this method.",
    remedy="Use another method.",
)
_explain(
    "header-invalid",
    meaning="The header name or value is invalid.",
    remedy="Write a name without spaces and colons, and a value without line ends.",
)
_explain(
    "body-not-allowed",
    meaning="A GET or HEAD request cannot have a body.",
    remedy="Use another method, or send no body.",
)
_explain(
    "no-cors-method",
    meaning='Mode "no-cors" allows only GET, HEAD and POST.',
    remedy='Remove the mode, and allow the page\'s origin: the default mode is "cors".',
)
_explain(
    "no-cors-redirect",
    meaning='Mode "no-cors" allows only redirect: "follow".',
    remedy="Remove the mode, or the argument `redirect`.",
)
_explain(
    "same-origin-only",
    meaning='Mode "same-origin" does not allow requests to another origin.',
    remedy='Remove the mode: the default is "cors".',
)
_explain(
    "scheme-not-http",
    meaning="The scheme of the URL is neither http nor https.",
    remedy="Write an http or https URL.",
)
_explain(
    "mixed-content",
    meaning="A page on https cannot call an http URL.",
    remedy="Serve the API over https.",
)
_explain(
    "local-network",
    meaning="The user does not allow the page to call the local network or this machine.",
    remedy="Allow it in the browser's settings of the page, or serve the page from the same network.",
)
_explain(
    "beacon-too-large",
    meaning="The beacon has more than 65,536 bytes.",
    remedy="Send less, or use `fetch()`.",
)

# --- on the network ---

_explain(
    "no-answer",
    meaning="The server did not respond.",
    remedy="Check that the server runs, and the host and port of the URL.",
)

# --- the preflight: https://fetch.spec.whatwg.org/#cors-preflight-fetch ---

_explain(
    "preflight-redirect",
    meaning="The preflight was redirected.",
    remedy="Call the URL that the redirect goes to: often with a slash at its end, or with https. If it "
    "goes to a login, let OPTIONS requests pass there.",
)
_explain(
    "preflight-status",
    meaning="The preflight response does not have an OK status (200 to 299).",
    remedy="Let OPTIONS requests pass proxies and logins. Check that the route is in a section.",
)
_explain(
    "preflight-origin-missing",
    meaning="The preflight response allows no origin.",
    remedy="Check that the route is in a section, that `allow_origins` has the page's origin, and that "
    "no proxy responds to OPTIONS itself.",
)
_explain(
    "preflight-origin-several",
    meaning="The preflight response names more than one allowed origin.",
    remedy="Set the header in one place: remove it from the proxy (in nginx, an `add_header` with "
    "`always`), or from other CORS code.",
)
_explain(
    "preflight-origin-any",
    meaning="The preflight response allows `*`, but the page sends credentials.",
    remedy="Name the origins in `allow_origins`, with `allow_credentials=True`; or send no credentials. "
    "A beacon always sends them: send its data as text.",
)
_explain(
    "preflight-origin-other",
    meaning="The preflight response allows another origin.",
    remedy="Compare the two origins letter by letter: the scheme, `www.`, the port. Then open the page "
    "at the allowed origin, or add its origin to `allow_origins`.",
)
_explain(
    "preflight-credentials",
    meaning="The preflight response does not allow credentials.",
    remedy="Write `allow_credentials=True` in the section of this method, or send no credentials.",
)
_explain(
    "preflight-malformed",
    meaning="A header in the preflight response is not a valid comma-separated list.",
    remedy="Write names that are separated by commas.",
)
_explain(
    "preflight-method",
    meaning="The preflight response does not allow the method.",
    remedy="Add the method to a route of this path, or to `allow_methods`. Methods are case-sensitive.",
)
_explain(
    "preflight-authorization",
    meaning="The preflight response does not name Authorization; `*` is not enough.",
    remedy='Add `authorization` to the allowed headers. In corsbp, `allow_headers="*"` includes it.',
)
_explain(
    "preflight-header",
    meaning="The preflight response does not allow a request header.",
    remedy="Add the header to `allow_headers`.",
)

# --- redirects: https://fetch.spec.whatwg.org/#http-redirect-fetch ---

_explain(
    "redirect-refused",
    meaning='The response is a redirect, but the page set redirect: "error".',
    remedy="Call the URL that the redirect goes to, or remove the argument `redirect`.",
)
_explain(
    "redirect-location",
    meaning="The redirect does not name exactly one valid URL.",
    remedy="Send one header `Location` with a valid URL.",
)
_explain(
    "redirect-scheme",
    meaning="The redirect goes to a URL that is neither http nor https.",
    remedy="Redirect to an http or https URL.",
)
_explain(
    "redirect-user-info",
    meaning="The redirect goes to another origin, with a user name or password in the URL.",
    remedy="Remove them from the URL of the redirect.",
)
_explain(
    "redirect-too-many",
    meaning="There are more than 20 redirects.",
    remedy="Find the redirects that form a loop.",
)

# --- the response: https://fetch.spec.whatwg.org/#cors-check ---

_explain(
    "origin-missing",
    meaning="The response allows no origin.",
    remedy="Check that the route is in a section, that `allow_origins` has the page's origin, and that "
    "the response comes from the app and not from a proxy.",
)
_explain(
    "origin-several",
    meaning="The response names more than one allowed origin.",
    remedy="Set the header in one place: remove it from the proxy (in nginx, an `add_header`), or from "
    "other CORS code.",
)
_explain(
    "origin-any",
    meaning="The response allows `*`, but the page sends credentials.",
    remedy="Name the origins in `allow_origins`, with `allow_credentials=True`; or send no credentials.",
)
_explain(
    "origin-other",
    meaning="The response allows another origin.",
    remedy="Compare the two origins letter by letter, and add the page's origin to `allow_origins`. If "
    "it is there, look for a cache that ignores `Vary`.",
)
_explain(
    "credentials",
    meaning="The response does not allow credentials.",
    remedy="Write `allow_credentials=True`, or send no credentials.",
)
_explain(
    "resource-policy",
    meaning='Mode "no-cors": the resource policy of the response does not allow this page.',
    remedy="Send `Cross-Origin-Resource-Policy: cross-origin`.",
)
_explain(
    "embedder-policy",
    meaning="The page requires a `Cross-Origin-Resource-Policy`; the response has none.",
    remedy="Send `Cross-Origin-Resource-Policy: cross-origin`, or use CORS: `crossorigin` in the element.",
)

# --- what other calls than fetch() need ---

_explain(
    "beacon-redirect",
    meaning="A redirect changed the beacon to a GET request without its body.",
    remedy="Send the beacon to the URL of the redirect, or redirect with status 307 or 308.",
)
_explain(
    "image-invalid",
    meaning="The response is not an image.",
    remedy="Check the URL. An SVG needs the content type `image/svg+xml`.",
)
_explain(
    "script-status",
    meaning="The response to a module script does not have an OK status (200 to 299).",
    remedy="Check the URL, and that it needs no login.",
)
_explain(
    "script-type",
    meaning="The content type of a module script is not one of JavaScript.",
    remedy="Send `content-type: text/javascript`.",
)

# --- the handshake of a WebSocket ---

_explain(
    "handshake-refused",
    meaning="The server does not open the WebSocket.",
    remedy="Add the page's origin to `allow_origins`, and look for a login that the handshake does not "
    "pass. For the server's own page behind a proxy, pass the header `Host` on.",
)

# --- responses that a page gets, but cannot read ---

_explain(
    "opaque",
    meaning='Mode "no-cors": the page gets a response that it cannot read.',
    remedy="Remove the mode, and allow the page's origin.",
)
_explain(
    "opaque-redirect",
    meaning='The page set redirect: "manual", and gets a redirect that it cannot read.',
    remedy="Remove the argument `redirect`.",
)

STOPS: Mapping[str, str] = MappingProxyType({id_: each.meaning for id_, each in STOP_IDS.items()})
"""Ids of the steps at which a call can stop, each with its meaning.

    assert result.blocked_by is None, STOPS[result.blocked_by]

An id never changes its meaning.
"""
