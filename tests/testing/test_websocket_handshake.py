"""WebSocket handshakes: what the browser sends, and what stops them, over an app and over a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic, Websocket
from sanic.response import HTTPResponse, text

from corsbp import cors_group
from corsbp.testing import Browser, Result, SyncBrowser
from corsbp.testing.result import NoAnswer
from corsbp.testing.websocket_handshake import run_handshake

from ..support import EVIL, ORIGIN, new_app, run_server, serve
from .exchange import Reply, make_page, response


def app_with_sockets() -> Sanic:
    app = new_app()
    app.ctx.requests = []
    api = Blueprint("api", url_prefix="/api")

    @api.websocket("/feed")
    @app.websocket("/open", name="open")
    async def feed(_: Request, ws: Websocket) -> None:
        app.ctx.requests.append("handler")
        await ws.recv()

    @app.get("/item")
    async def item(_: Request) -> HTTPResponse:
        return text("item")

    @app.on_request
    async def note(request: Request) -> None:
        app.ctx.requests.append(dict(request.headers))

    app.blueprint(cors_group(api, allow_origins=[ORIGIN]))
    return app


OPENS: list[tuple[str, str, str | None]] = [
    (ORIGIN, "/api/feed", None),
    (EVIL, "/api/feed", "handshake-refused"),
    ("null", "/api/feed", "handshake-refused"),
    (EVIL, "/open", None),
    (ORIGIN, "/item", "handshake-refused"),
    (ORIGIN, "/nowhere", "handshake-refused"),
]


@pytest.mark.parametrize(("origin", "path", "stop"), OPENS)
def test_allowed_origins(origin: str, path: str, stop: str | None) -> None:
    app = app_with_sockets()
    with SyncBrowser(Browser(app, origin)) as browser:
        inside = browser.websocket(path)
    assert browser.results == [inside]
    assert "handler" not in app.ctx.requests

    async def run(port: int) -> Result:
        async with Browser.at(f"http://127.0.0.1:{port}", origin) as outside:
            return await outside.websocket(path)

    for result in (inside, run_server(serve(app_with_sockets(), run))):
        assert result.blocked_by == stop, str(result)
        assert result.type == ("error" if stop else "websocket")
        assert ("The socket is open." in str(result)) is (stop is None)
        assert stop is None or (result.url, result.status) == ("", 0)
        assert stop or (result.url[:2], result.status) == ("ws", 101)


def test_headers_of_a_handshake() -> None:
    app = app_with_sockets()

    async def run() -> Result:
        async with Browser(app, ORIGIN) as browser:
            browser.set_cookie("a=1")
            browser.set_cookie("b=2; SameSite=None; Secure")
            return await browser.websocket("wss://api.example/open")

    result = asyncio.run(run())
    assert result.url == "wss://api.example/open"
    assert app.ctx.requests == [
        {
            "host": "api.example",
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            "accept-language": "en-US,en;q=0.9",
            "user-agent": "Mozilla/5.0 (compatible; corsbp.testing)",
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
            "sec-websocket-key": "Y29yc2JwLnRlc3RpbmchIQ==",
            "origin": ORIGIN,
            "cookie": "b=2",
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "websocket",
            "sec-fetch-dest": "empty",
        }
    ]
    assert "The cookie 'a' is not sent: it is SameSite=Lax" in str(result)


@pytest.mark.parametrize("path", ["/api/feed", "/item"])
def test_an_app_that_cancels_itself(path: str) -> None:
    """There is no response, to a handshake and to a fetch."""
    app = app_with_sockets()

    @app.on_request
    async def cancelled(_: Request) -> None:
        raise asyncio.CancelledError

    with SyncBrowser(Browser(app, ORIGIN)) as browser:
        results = [browser.websocket(path), browser.fetch(path)]
    assert [result.blocked_by for result in results] == ["no-answer"] * 2
    assert "the app raised CancelledError" in str(results[0])


def test_a_test_that_is_cancelled() -> None:
    """The browser and the call of the app are cancelled with it."""
    app = app_with_sockets()
    events: list[str] = []

    @app.on_request
    async def waits(_: Request) -> None:
        events.append("requests")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("left")

    async def run() -> None:
        async with Browser(app, ORIGIN) as browser:
            opening = asyncio.ensure_future(browser.websocket("/api/feed"))
            while not events:
                await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

    asyncio.run(run())
    assert events == ["requests", "left"]


def shake_hands(url: str, *replies: Reply, **options: Any) -> Result:
    exchanges, left = run_handshake(make_page(**options), url), [*replies]
    try:
        next(exchanges)
        while True:
            exchanges.send(left.pop(0))
    except StopIteration as done:
        assert not left
        result: Result = done.value
        return result


STOPPED: list[tuple[str, list[Reply], str, str]] = [
    ("https://a b", [], "url-invalid", "is not a valid URL"),
    ("ftp://api.example/", [], "scheme-not-http", "'ftp' is not ws, wss, http or https"),
    ("ws://api.example/", [], "mixed-content", "Serve it over wss."),
    ("/", [NoAnswer("refused")], "no-answer", "GET wss://api.example/ got no response: 'refused'"),
    ("/", [response(302, location="/b")], "handshake-refused", "status 302, not 101. Is there a WebSocket"),
    (
        "/",
        [response(403)],
        "handshake-refused",
        f"The server refuses pages of {ORIGIN}. With corsbp: add the origin",
    ),
]


@pytest.mark.parametrize(("url", "replies", "stop", "message"), STOPPED)
def test_handshakes_that_fail(url: str, replies: list[Reply], stop: str, message: str) -> None:
    result = shake_hands(url, *replies)
    assert (result.blocked_by, len(result.sent)) == (stop, len(replies))
    assert message in (result.why or "")


def test_cookies_of_a_response() -> None:
    result = shake_hands("ws://localhost/", response(101, set_cookie=["a=1; SameSite=None; Secure", "b=1"]))
    assert result.ok_for_page
    assert "The browser does not keep the cookie 'b'" in str(result)
