"""Pure: the request headers that every browser sets, whatever the page does.

https://fetch.spec.whatwg.org/#http-network-or-cache-fetch, https://w3c.github.io/webappsec-fetch-metadata
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from corsbp.spec.fetch import FETCH_DEST, FETCH_MODE, FETCH_SITE, ORIGIN

from .engines import STANDARD
from .quirks import Engine
from .result import Pairs
from .sites import is_same_site
from .urls import Url

DEFAULTS: Pairs = (
    ("accept-language", "en-US,en;q=0.9"),
    ("user-agent", "Mozilla/5.0 (compatible; corsbp.testing)"),
)
"""Headers that the browser sets if the page does not set them."""

ACCEPT: Mapping[str, str] = {
    "document": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "image": "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
}
"""The header Accept by destination. https://fetch.spec.whatwg.org/#document-accept-header-value"""


def build_request_headers(
    page: str,
    urls: Sequence[Url],
    mode: str,
    page_headers: Pairs,
    origin: str | None,
    *,
    destination: str = "empty",
    engine: Engine = STANDARD,
) -> Pairs:
    """Return all headers but cookies for a request of a page of the origin `page`.

    `urls` are the URLs so far; the request is for the last one. `origin` is the value of the header Origin,
    None to leave it out.
    """
    names = {name.lower() for name, _ in page_headers}
    defaults = (("accept", ACCEPT.get(destination, "*/*")), *DEFAULTS)
    headers = [pair for pair in defaults if pair[0] not in names]
    headers += page_headers
    # the range of a compressed body is not the range of the file
    headers.append(("accept-encoding", "identity" if "range" in names else "gzip, deflate"))
    if origin is not None:
        headers.append((ORIGIN, origin))
    if mode == "navigate":
        headers.append(("upgrade-insecure-requests", "1"))
    if referrer := _get_referrer(page, urls[-1]):
        headers.append(("referer", referrer))
    # over plain http to another machine, browsers send no metadata
    if urls[-1].is_trustworthy:
        headers += _fetch_metadata(page, urls, mode, destination, engine)
    return tuple(headers)


def _get_referrer(page: str, url: Url) -> str | None:
    """Return the page's URL under the default policy: https://w3c.github.io/webappsec-referrer-policy/#referrer-policy-strict-origin-when-cross-origin"""
    downgrade = page.startswith("https:") and not url.is_trustworthy
    # the path of the page is never sent to another origin, and this page is at the root
    if downgrade or not page.startswith("http"):
        return None
    return f"{page}/"


def _fetch_metadata(page: str, urls: Sequence[Url], mode: str, destination: str, engine: Engine) -> Pairs:
    """Return the `Sec-Fetch-*` headers: the relation of page and server, the mode and the destination."""
    if mode == "websocket" and engine.handshakes_have_no_metadata:
        return ()
    changes_origin = any(url.origin != urls[-1].origin for url in urls)
    if mode == "cors" and changes_origin and engine.redirects_drop_metadata:
        return ()
    return (
        (FETCH_SITE, _relation(page, urls, engine)),
        (FETCH_MODE, mode),
        (FETCH_DEST, destination),
    )


def _relation(page: str, urls: Sequence[Url], engine: Engine) -> str:
    """Return the relation of the page to all servers of a redirect chain: that of the most distant one."""
    if all(url.origin == page for url in urls):
        return "same-origin"
    if len(urls) > 1 and engine.redirects_to_other_origins_are_cross_site:
        return "cross-site"
    return "same-site" if all(is_same_site(page, url) for url in urls) else "cross-site"
