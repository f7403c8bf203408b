"""Who may open a WebSocket: a handshake as the page's browser sends it, and one as a stranger's."""

from __future__ import annotations

from collections.abc import Sequence

from corsbp.app.inventory import RouteInfo
from corsbp.policy.policy import origin_entries
from corsbp.testing import Browser, Result
from corsbp.testing.transports import Sender
from corsbp.testing.urls import SOCKETS

from .probe import STRANGER

OPEN_TO_ALL = "Pages of every site can open it: a WebSocket has no CORS, and nothing looks at the origin."


def is_socket(url: str) -> bool:
    """Whether a URL is that of a WebSocket."""
    return url.partition("://")[0] in SOCKETS.values()


async def is_open_to_all(sender: Sender, url: str, base: str, cookies: Sequence[str]) -> bool:
    """Whether a page that nobody has named may open a socket, too."""
    browser = Browser.using(sender, STRANGER, base_url=base)
    for cookie in cookies:
        browser.set_cookie(cookie, url)
    return (await browser.websocket(url)).ok_for_page


def change(route: RouteInfo, result: Result, origin: str, open_to_all: bool) -> str | None:
    """What lets this page in, or keeps strangers out; None where nothing is to change."""
    policy = route.policy
    if not result.ok_for_page:
        if policy is None or result.blocked_by == "no-answer":
            return "Corsbp refuses nothing here: look for what the app itself, or a middleware, checks."
        return f"{route.whose}: allow_origins={[*origin_entries(policy), origin]!r}"
    if not open_to_all or (policy and policy.check_websockets):
        return None  # or every page is meant
    if policy is not None:
        return f"{route.whose}: check_websockets=True"
    wrapped = f"app.blueprint(cors_group({route.blueprint or 'bp'}, allow_origins=[{origin!r}]))"
    where = "" if route.blueprint else "Declare it on a blueprint, and "
    return f"{where}{wrapped} refuses every other page. Who sends no Origin, and so is no browser, passes."
