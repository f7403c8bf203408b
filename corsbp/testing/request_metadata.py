"""Pure: the headers that every browser sends, whatever the page says.

https://fetch.spec.whatwg.org/#http-network-or-cache-fetch, https://w3c.github.io/webappsec-fetch-metadata
"""

from __future__ import annotations

from collections.abc import Sequence

from corsbp.spec.fetch import ORIGIN

from .engines import STANDARD, Engine
from .result import Pairs
from .sites import is_same_site
from .urls import Url

DEFAULTS: Pairs = (
    ("accept", "*/*"),
    ("accept-language", "en-US,en;q=0.9"),
    ("user-agent", "Mozilla/5.0 (compatible; corsbp.testing)"),
)
"""What stands where the page sets no header of its own."""


def headers_of_browsers(
    page: str,
    urls: Sequence[Url],
    mode: str,
    given: Pairs,
    origin: str | None,
    *,
    engine: Engine = STANDARD,
) -> Pairs:
    """All headers but cookies, of a request that a page of the origin `page` makes.

    `urls`: where it was led so far; the last one is asked. `given`: the headers that the page sets.
    `origin`: the value of the header Origin, None for none.
    """
    names = {name.lower() for name, _ in given}
    headers = (*(pair for pair in DEFAULTS if pair[0] not in names), *given)
    # what a range is of has to be the file itself
    headers = (*headers, ("accept-encoding", "identity" if "range" in names else "gzip, deflate"))
    if origin is not None:
        headers = (*headers, (ORIGIN, origin))
    if referrer := _referrer(page, urls[-1]):
        headers = (*headers, ("referer", referrer))
    if urls[-1].is_trustworthy:
        headers = (*headers, *_place(page, urls, mode, engine))
    return headers


def _referrer(page: str, url: Url) -> str | None:
    """The page's address as browsers tell it: https://w3c.github.io/webappsec-referrer-policy/#referrer-policy-strict-origin-when-cross-origin"""
    secret = page.startswith("https:") and not url.is_trustworthy
    return None if secret or not page.startswith("http") else f"{page}/"


def _place(page: str, urls: Sequence[Url], mode: str, engine: Engine) -> Pairs:
    """What the server is to the page, all servers on the way included; and what asks it."""
    if mode == "websocket" and engine.sockets_tell_nothing:
        return ()
    if (
        mode == "cors"
        and engine.redirects_tell_nothing
        and any(url.origin != urls[-1].origin for url in urls)
    ):
        return ()
    if all(url.origin == page for url in urls):
        place = "same-origin"
    elif len(urls) > 1 and engine.other_origin_is_cross_site:
        place = "cross-site"
    else:
        place = "same-site" if all(is_same_site(page, url) for url in urls) else "cross-site"
    what = "websocket" if mode == "websocket" and engine.sockets_name_themselves else "empty"
    return (("sec-fetch-site", place), ("sec-fetch-mode", mode), ("sec-fetch-dest", what))
