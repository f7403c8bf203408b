"""Make one call as a page would, and find out why the page can or cannot read the response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sanic import Sanic

from corsbp.testing import Answer, Browser, Result, Sent
from corsbp.testing.engines import EngineName
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import SHORT_READING, AppSender, Sender, ServerSender

from . import websockets
from .advice import PageRequest, RouteMatch, describe_route, match_url, suggest_change
from .proxy_sender import ProxySender
from .report_only import wait_for_reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a page, as it was typed."""

    url: str
    """A URL, or a path of an app in memory."""

    method: str
    origin: str
    headers: tuple[tuple[str, str], ...]
    credentials: bool
    cookies: tuple[str, ...]
    body: str | None
    engine: EngineName
    base_url: str
    """The address of an app in memory."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The result of a call or a handshake, the route that it reached, and what to change."""

    result: Result
    route: str | None = None
    change: str | None = None
    open_to_all: bool = False
    """Pages of every origin can open the WebSocket."""


async def explain_call(call: Call, app: Sanic[Any, Any] | None) -> Explanation:
    """Make the call, or the handshake of a WebSocket. Without an app, `call.url` is the URL of a server."""
    if app is not None:
        sender = SingleHostSender(AppSender(app, SHORT_READING), call.base_url)
        base_url = call.base_url
    else:
        sender = SingleHostSender(ServerSender())
        # The browser's base URL has the scheme of a page, not of a WebSocket.
        is_websocket = websockets.is_websocket_url(call.url)
        base_url = call.url.replace("ws", "http", 1) if is_websocket else call.url
    async with sender, wait_for_reports():
        match = match_url(app, call.url, call.method) if app else RouteMatch(None)
        browser = Browser.using(sender, call.origin, base_url=base_url, engine=call.engine)
        for cookie in call.cookies:
            browser.set_cookie(cookie, call.url)
        if websockets.is_websocket_url(call.url) or (match.route and match.route.websocket):
            return await _explain_handshake(call, match, browser, sender, base_url)
        return await _explain_fetch(call, app, browser, sender)


async def _explain_handshake(
    call: Call, match: RouteMatch, browser: Browser, sender: Sender, base_url: str
) -> Explanation:
    result = await browser.websocket(call.url)
    open_to_all = False
    if result.ok_for_page:
        open_to_all = await websockets.is_open_to_all(sender, call.url, base_url, call.cookies)
    if match.route is None:
        return Explanation(result, None, result.steps[-1].change, open_to_all)
    change = websockets.suggest_change(match.route, result, call.origin, open_to_all)
    return Explanation(result, describe_route(match, "GET"), change, open_to_all)


async def _explain_fetch(
    call: Call, app: Sanic[Any, Any] | None, browser: Browser, sender: SingleHostSender
) -> Explanation:
    result = await browser.fetch(
        call.url,
        call.method,
        headers=call.headers,
        body=call.body,
        credentials="include" if call.credentials else "same-origin",
    )
    if sender.left_to:
        return _explain_leaving(sender.left_to, result)
    browser_change = result.steps[-1].change
    if app is None or result.blocked_by in (None, "no-answer"):
        return Explanation(result, None, browser_change)
    # After redirects, the last response is that of another route.
    last = result.sent[-1] if result.sent else None
    match = match_url(app, last.url if last else call.url, call.method)
    request = PageRequest(call.origin, call.method, tuple(name for name, _ in call.headers), call.credentials)
    change = suggest_change(match, f"{result.blocked_by}", request)
    if change is None and (match.route or last is None or last.status != 404):
        change = browser_change
    return Explanation(result, describe_route(match, call.method), change)


def _explain_leaving(url: str, result: Result) -> Explanation:
    """Explain a redirect out of the app: the page has the origin null there, and what to do instead."""
    start = result.sent[0].url
    # https://fetch.spec.whatwg.org/#concept-request-tainted-origin
    route = (
        f"{start} redirects to {urlsplit(url).netloc}, another origin. There the page has the origin null, "
        "which a server allows only with every origin (access-control-allow-origin: *)."
    )
    change = f"Navigate if a person is to go there: location.assign({start!r}). Or call {url} in the page."
    return Explanation(result, route, change)


class SingleHostSender(ProxySender):
    """Send requests to one host only: an app in memory is not the server that its redirects lead to.

    Without a base URL, every host gets its requests.
    """

    def __init__(self, sender: Sender, base_url: str | None = None) -> None:
        super().__init__(sender)
        self._host = urlsplit(base_url).netloc if base_url else None
        self.left_to: str | None = None
        """The URL of a redirect that leaves the app."""

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Send a request to the host, or refuse and note its URL."""
        host = urlsplit(sent.url).netloc
        if self._host is None or host == self._host:
            return await super().send(sent)
        self.left_to = sent.url
        return NoAnswer(f"{host} is not the app at {self._host}, and gets no request")
