"""The simulated browser: a page that sends requests, with cookies and a preflight cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeAlias, get_args

from sanic import Sanic

from .cookies import CookieJar
from .engines import ENGINES, EngineName
from .exchanges import Exchanges
from .fetch_algorithm import run_fetch
from .fetch_arguments import Credentials, FetchCall, Mode, Page, Redirect
from .preflight_cache import PreflightCache
from .result import Pairs, Result
from .transports import DEFAULT_READING, AppSender, Sender, ServerSender
from .urls import check_origin, parse_url
from .websocket_handshake import run_handshake

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


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
        reading: float = DEFAULT_READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a browser for an app in memory.

        Args:
            app: a Sanic app, with or without a section of corsbp.
            origin: the origin of the page: `"https://app.example"`, or `"null"` for a sandboxed frame.
            base_url: the URL of the app in the browser. Relative URLs as `/items` are relative to it.
            engine: `"standard"`; `"today"` for the quirks that all current browsers have; or one engine,
                `"chromium"` (Chrome, Edge), `"firefox"` or `"webkit"` (Safari).
            third_party_cookies: False for a browser that sends no cookies to other sites than the page's, and
                keeps none of them: the default of Safari, and of other browsers in private windows.
            reading: seconds to read a body after its headers. A stream of events has no end: the result has
                the part that arrived in time, and a step says so.
            clock: the time in seconds, for cookies and cached preflights; or see `later`.

        Raises:
            ValueError: `origin` is not an origin, `base_url` not a URL, or `engine` is unknown.
        """
        sender = AppSender(app, reading)
        self._open(sender, origin, base_url, engine, third_party_cookies=third_party_cookies, clock=clock)

    @classmethod
    def at(
        cls,
        url: str,
        origin: str = "https://app.example",
        *,
        engine: EngineName = "standard",
        third_party_cookies: bool = True,
        reading: float = DEFAULT_READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> Browser:
        """Make a browser for a running server, Sanic or not: `Browser.at("http://127.0.0.1:8000")`.

        Takes and raises the same as the constructor; `url` takes the place of `base_url`.
        """
        browser = cls.__new__(cls)
        sender = ServerSender(reading)
        browser._open(sender, origin, url, engine, third_party_cookies=third_party_cookies, clock=clock)
        return browser

    @classmethod
    def using(
        cls,
        sender: Sender,
        origin: str = "https://app.example",
        *,
        base_url: str = "https://api.example",
        engine: EngineName = "standard",
        third_party_cookies: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> Browser:
        """Make another browser for a sender that is open already. It need not be entered."""
        browser = cls.__new__(cls)
        browser._open(sender, origin, base_url, engine, third_party_cookies=third_party_cookies, clock=clock)
        return browser

    def _open(
        self,
        sender: Sender,
        origin: str,
        base_url: str,
        engine_name: EngineName,
        *,
        third_party_cookies: bool,
        clock: Callable[[], float],
    ) -> None:
        if origin != "null":
            check_origin(origin)
        _check_argument(engine_name in ENGINES, "engine", engine_name, f"none of {', '.join(ENGINES)}")
        base = parse_url(base_url) if isinstance(base_url, str) else None
        if base is None or not base.is_http:
            raise ValueError(f"{base_url!r} is not a URL; meant: 'https://api.example'")
        self._sender, self._clock, self._skipped = sender, clock, 0.0
        engine = ENGINES[engine_name]
        cookies = CookieJar(self._now, third_party_cookies, engine)
        self._page = Page(origin, base, engine, PreflightCache(self._now, engine), cookies)

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
        for name, value, known in (
            ("credentials", credentials, get_args(Credentials)),
            ("mode", mode, get_args(Mode)),
            ("redirect", redirect, get_args(Redirect)),
        ):
            _check_argument(value in known, name, value, f"none of {', '.join(known)}")
        _check_argument(isinstance(url, str), "url", url, "not a string")
        _check_argument(isinstance(method, str), "method", method, "not a string")
        is_body = body is None or isinstance(body, str | bytes)
        _check_argument(is_body, "body", body, "neither text nor bytes; meant: json.dumps(…)")
        pairs = _normalise_headers(headers)
        call = FetchCall(url, method, pairs, body, credentials, mode, redirect, upload_listener)
        return await self._run(run_fetch(self._page, call))

    async def websocket(self, url: str) -> Result:
        """Call `new WebSocket(url)` in the page: only the handshake.

        Args:
            url: absolute, or relative to the base URL; `https` means `wss`.

        Returns:
            A result whose `ok_for_page` is True if the socket opens. In memory, the handler does not run.
        """
        return await self._run(run_handshake(self._page, url))

    async def _run(self, exchanges: Exchanges[Result]) -> Result:
        """Send each request of a call, and return its result."""
        try:
            sent = next(exchanges)
            while True:
                sent = exchanges.send(await self._sender.send(sent))
        except StopIteration as done:
            result = done.value
            assert isinstance(result, Result)
            return result

    def set_cookie(self, cookie: str, url: str | None = None) -> None:
        """Visit `url` (by default the base URL), whose response has `Set-Cookie: <cookie>`.

            browser.set_cookie("session=ann; SameSite=None; Secure")

        Raises:
            ValueError: `url` is not a URL, or this browser does not keep the cookie; with the reason.
        """
        visited = self._page.base if url is None else parse_url(url, self._page.base)
        if visited is None:
            raise ValueError(f"{url!r} is not a URL")
        # header values are Latin-1 here, whose bytes are the UTF-8 that the server sends
        line = cookie.encode().decode("latin-1")
        self._page.cookies.keep(visited, line, visited.origin)

    def later(self, seconds: float) -> None:
        """Let time pass for the browser's cookies and cached preflights."""
        self._skipped += seconds

    def _now(self) -> float:
        return self._clock() + self._skipped


def _check_argument(valid: bool, name: str, value: object, problem: str) -> None:
    if not valid:
        raise ValueError(f"{name}: {value!r} is {problem}")


def _normalise_headers(headers: Headers) -> Pairs:
    """Return headers as pairs, without spaces around values. https://fetch.spec.whatwg.org/#concept-header-value-normalize"""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    for pair in pairs:
        is_pair = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        _check_argument(is_pair, "headers", pair, "not a name and a value, two strings")
    return tuple((name, value.strip(" \t\r\n")) for name, value in pairs)
