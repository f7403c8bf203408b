"""The simulated browser: a page that sends requests, with cookies and a preflight cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from sanic import Sanic

from .arguments import Headers, check_body, check_choice, check_text, normalise_headers
from .call_kinds import FORM_TYPE, CrossOrigin, build_call, run_call
from .engines import EngineName
from .exchanges import run_exchanges
from .fetch_algorithm import run_fetch
from .fetch_arguments import Credentials, EmbedderPolicy, FetchCall, Mode, Redirect
from .forms import Enctype, Fields, encode_form
from .page_settings import Clock, make_page
from .result import CallKind, Result
from .transports import DEFAULT_READING, AppSender, Sender, ServerSender
from .urls import parse_url
from .websocket_handshake import run_handshake


class Browser:
    """A page of `origin` in a browser: it gets from your app what a real page would get.

        async with Browser(app, origin="https://app.example") as browser:
            result = await browser.fetch("/items", method="PUT", headers={"x-token": "1"})
            assert result.ok_for_page, str(result)

    Entering starts the app, as an ASGI server does, and leaving stops it. The app responds at every host.
    """

    def __init__(
        self,
        app: Sanic[Any, Any],
        origin: str = "https://app.example",
        *,
        base_url: str = "https://api.example",
        engine: EngineName = "standard",
        third_party_cookies: bool = True,
        embedder_policy: EmbedderPolicy = "unsafe-none",
        local_network: bool = True,
        reading: float = DEFAULT_READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a browser for an app in memory.

        Args:
            app: a Sanic app, with or without a section of corsbp.
            origin: the origin of the page: `"https://app.example"`, or `"null"` for a sandboxed frame.
            base_url: the URL of the app in the browser. Relative URLs as `/items` are relative to it.
            engine: `"standard"`; `"today"` for the quirks that all browsers have; or `"chromium"` (Chrome,
                Edge), `"firefox"` or `"webkit"` (Safari).
            third_party_cookies: False for a browser that sends no cookies to other sites than the page's, and
                keeps none of them, as Safari.
            embedder_policy: the page's `Cross-Origin-Embedder-Policy`: `"unsafe-none"` or `"require-corp"`.
            local_network: False for a user who does not allow the page to call the local network, or servers
                on this machine. Only Chromium asks for this permission, and only if the page is public.
            reading: seconds to read a body after its headers. A stream of events has no end: the result has
                the part that arrived in time, and a step says so.
            clock: the time in seconds, for cookies and cached preflights; or see `later`.

        Raises:
            ValueError: `origin` is not an origin, `base_url` not a URL, or another argument is unknown.
        """
        self._clock = Clock(clock)
        self._page = make_page(
            origin,
            base_url,
            self._clock,
            engine=engine,
            third_party_cookies=third_party_cookies,
            embedder_policy=embedder_policy,
            local_network=local_network,
        )
        self._sender: Sender = AppSender(app, reading)

    @classmethod
    def at(
        cls,
        url: str,
        origin: str = "https://app.example",
        *,
        engine: EngineName = "standard",
        third_party_cookies: bool = True,
        embedder_policy: EmbedderPolicy = "unsafe-none",
        local_network: bool = True,
        reading: float = DEFAULT_READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> Browser:
        """Make a browser for a running server, Sanic or not: `Browser.at("http://127.0.0.1:8000")`.

        Takes and raises the same as the constructor; `url` takes the place of `base_url`.
        """
        return cls.using(
            ServerSender(reading),
            origin,
            base_url=url,
            engine=engine,
            third_party_cookies=third_party_cookies,
            embedder_policy=embedder_policy,
            local_network=local_network,
            clock=clock,
        )

    @classmethod
    def using(
        cls,
        sender: Sender,
        origin: str = "https://app.example",
        *,
        base_url: str = "https://api.example",
        engine: EngineName = "standard",
        third_party_cookies: bool = True,
        embedder_policy: EmbedderPolicy = "unsafe-none",
        local_network: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> Browser:
        """Make another browser for a sender that is open already. It need not be entered."""
        browser = cls.__new__(cls)
        browser._sender, browser._clock = sender, Clock(clock)
        browser._page = make_page(
            origin,
            base_url,
            browser._clock,
            engine=engine,
            third_party_cookies=third_party_cookies,
            embedder_policy=embedder_policy,
            local_network=local_network,
        )
        return browser

    async def __aenter__(self) -> Browser:
        await self._sender.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sender.__aexit__(kind, error, trace)

    async def fetch(
        self,
        url: str,
        method: str = "GET",
        *,
        headers: Headers = (),
        body: str | bytes | None = None,
        credentials: Credentials = "same-origin",
        mode: Mode = "cors",
        redirect: Redirect = "follow",
        upload_listener: bool = False,
    ) -> Result:
        """Call `fetch(url, {…})` in the page. https://fetch.spec.whatwg.org/#fetch-method

        Args:
            url: absolute, or relative to the base URL.
            method: the method, as the page writes it.
            headers: a mapping, or pairs of name and value.
            body: text, which has a content type as in a browser, or bytes, which have none.
            credentials: `"include"` sends and stores cookies on other origins too, `"omit"` on none.
            mode: `"cors"`, `"no-cors"` or `"same-origin"`.
            redirect: `"follow"`, `"error"` or `"manual"`.
            upload_listener: whether the upload has a progress listener, as `XMLHttpRequest` allows.

        Returns:
            What the page gets. If a page would see a `TypeError`, `type` is `"error"`; nothing is raised.

        Raises:
            ValueError: `fetch()` does not know an argument.
        """
        check_choice("credentials", credentials, Credentials)
        check_choice("mode", mode, Mode)
        check_choice("redirect", redirect, Redirect)
        check_text("url", url)
        check_text("method", method)
        check_body(body)
        pairs = normalise_headers(headers)
        call = FetchCall(url, method, pairs, body, credentials, mode, redirect, upload_listener)
        return await run_exchanges(run_fetch(self._page, call), self._sender.send)

    async def submit(self, url: str, fields: Fields = (), *, enctype: Enctype = FORM_TYPE) -> Result:
        """Submit a form with method POST: `await browser.submit("/pay", {"amount": "7"})`.

        Args:
            url: absolute, or relative to the base URL.
            fields: a mapping, or pairs of name and value.
            enctype: `"application/x-www-form-urlencoded"`, `"multipart/form-data"` or `"text/plain"`.

        Returns:
            A result whose `ok_for_page` is True if the browser shows the response.

        Raises:
            ValueError: an argument is unknown.
        """
        body, content_type = encode_form(fields, enctype)
        return await self.fetch_as("form", url, body=body, content_type=content_type)

    async def beacon(
        self, url: str, body: str | bytes | None = None, *, content_type: str | None = None
    ) -> Result:
        """Call `navigator.sendBeacon(url, body)` in the page: `await browser.beacon("/count", "7")`.

        Args:
            url: absolute, or relative to the base URL.
            body: text, bytes, or None.
            content_type: that of the body, as of a `Blob`. The default is that of a text.

        Returns:
            A result whose `ok_for_page` is True if the beacon arrives, whatever the status.
        """
        return await self.fetch_as("beacon", url, body=body, content_type=content_type)

    async def navigate(self, url: str) -> Result:
        """Follow a link of the page: `await browser.navigate("/logout")`.

        Returns:
            A result whose `ok_for_page` is True if the browser shows the response, and whose `url` is that of
            the response.
        """
        return await self.fetch_as("navigate", url)

    async def embed(self, url: str, *, crossorigin: CrossOrigin | None = None) -> Result:
        """Load an image in the page: `await browser.embed("/logo.png")`.

        Args:
            url: absolute, or relative to the base URL.
            crossorigin: the attribute of the image: `"anonymous"` or `"use-credentials"`.

        Returns:
            A result whose `ok_for_page` is True if the page shows the image.
        """
        return await self.fetch_as("image", url, crossorigin=crossorigin)

    async def fetch_as(
        self,
        kind: CallKind,
        url: str,
        *,
        body: str | bytes | None = None,
        content_type: str | None = None,
        crossorigin: CrossOrigin | None = None,
    ) -> Result:
        """Send a request in another way than `fetch()`: `await browser.fetch_as("script", "/app.js")`.

        The page cannot read the response.

        Args:
            kind: `"beacon"` for `navigator.sendBeacon()`, `"form"` for a form with method POST, `"image"` for
                `<img>`, `"script"` for `<script type="module">`, `"navigate"` for a link or `location`.
            url: absolute, or relative to the base URL.
            body: text or bytes of a beacon or a form.
            content_type: that of the body, as of a `Blob`. The default is that of a text or a form.
            crossorigin: the attribute of an image or a script: `"anonymous"` or `"use-credentials"`.

        Returns:
            A result whose `ok_for_page` is True if the task is done: the beacon arrives, the image is shown,
            the script runs, the browser shows the response to the form or the navigation.

        Raises:
            ValueError: an argument is unknown, or this kind does not take it.
        """
        check_text("url", url)
        check_body(body)
        call = build_call(kind, url, body, content_type, crossorigin)
        return await run_exchanges(run_call(self._page, kind, call), self._sender.send)

    async def websocket(self, url: str) -> Result:
        """Call `new WebSocket(url)` in the page: only the handshake.

        Args:
            url: absolute, or relative to the base URL; `https` means `wss`.

        Returns:
            A result whose `ok_for_page` is True if the socket opens. In memory, the handler does not run.
        """
        return await run_exchanges(run_handshake(self._page, url), self._sender.send)

    def set_cookie(self, cookie: str, url: str | None = None) -> None:
        """Visit `url` (by default the base URL), whose response has `Set-Cookie: <cookie>`.

            browser.set_cookie("session=ann; SameSite=None; Secure")

        Raises:
            ValueError: `url` is not a URL, or the reason why this browser does not keep the cookie.
        """
        check_text("cookie", cookie)
        visited = self._page.base if url is None else parse_url(url, self._page.base)
        if visited is None:
            raise ValueError(f"{url!r} is not a URL")
        # header values are Latin-1 here, whose bytes are the UTF-8 that the server sends
        line = cookie.encode().decode("latin-1")
        self._page.cookies.keep(visited, line, visited.origin)

    def later(self, seconds: float) -> None:
        """Let time pass for cookies and cached preflights."""
        self._clock.skip(seconds)
