"""WebSockets in `corsbp explain`: which pages can open one, and what to change."""

from __future__ import annotations

from collections.abc import Sequence

from corsbp.app.inventory import RouteInfo
from corsbp.command.advice import PageRequest, suggest_origin
from corsbp.command.audit.observed_method import UNKNOWN_ORIGIN
from corsbp.command.route_match import describe_policy_source
from corsbp.testing import Browser, Result
from corsbp.testing.transports import Sender
from corsbp.testing.urls import SOCKETS

NOT_CORSBP = "corsbp refuses nothing here: look for a check in the app itself, or in its middleware."
PASS_HOST = (
    "The page is of the server's own address, which a section allows by the header Host: let the proxy pass "
    "it on. In nginx: proxy_set_header Host $http_host."
)
OPEN_TO_ALL = (
    "Pages of every site can open it: CORS does not cover WebSockets, and nothing checks the origin."
)


def is_websocket_url(url: str) -> bool:
    """Return whether a URL has the scheme of a WebSocket."""
    return url.partition("://")[0] in SOCKETS.values()


async def is_open_to_all(sender: Sender, url: str, base_url: str, cookies: Sequence[str]) -> bool:
    """Send the handshake of a page that no policy names; return whether the socket opens."""
    browser = Browser.using(sender, UNKNOWN_ORIGIN, base_url=base_url)
    # With the cookies: a handler that refuses guests would seem to check the origin.
    for cookie in cookies:
        browser.set_cookie(cookie, url)
    return (await browser.websocket(url)).ok_for_page


def suggest_change(route: RouteInfo, result: Result, origin: str, open_to_all: bool) -> str | None:
    """Return the change that allows this page, or refuses all others; None if nothing is to change."""
    policy, where = route.policy, describe_policy_source(route)
    if not result.ok_for_page:
        change = None
        if policy is not None and result.blocked_by != "no-answer":
            change = suggest_origin(where, policy, PageRequest(origin, "GET", (), credentials=False))
        return change or NOT_CORSBP
    if not open_to_all:
        return None
    if policy is None:
        return _suggest_wrapping(route, origin)
    if policy.check_websockets:
        return None  # The section is public: the user means every page.
    return f"{where}: check_websockets=True"


def _suggest_wrapping(route: RouteInfo, origin: str) -> str:
    group = f"app.blueprint(cors_group({route.blueprint or 'bp'}, allow_origins=[{origin!r}]))"
    first = "" if route.blueprint else "Declare it on a blueprint, and "
    return f"{first}{group} refuses every other page. Clients that send no Origin, and so no browser, pass."
