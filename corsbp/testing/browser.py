"""A page in a browser: `fetch()` with everything that stands between a page and an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeAlias, get_args

from sanic import Sanic

from .cookies import Cookies
from .engines import ENGINES, EngineName
from .fetch_algorithm import fetching
from .fetch_arguments import Call, Credentials, Mode, Page, Redirect
from .preflight_cache import Preflights
from .result import Answer, NoAnswer, Pairs, Result, Sent
from .transports import READING, AppSender, Sender, ServerSender
from .urls import Url, check_origin, parse
from .websocket_handshake import shaking_hands

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


class Browser:
    """A page of `origin`, and the browser around it: it sees of your app what a page would.

        async with Browser(app, origin="https://app.example") as browser:
            result = await browser.fetch("/items", method="PUT", headers={"x-token": "1"})
            assert result.ok_for_page, str(result)

    The app is started on entering, as by an ASGI server, and stopped on leaving; it answers at every host.
    """

    def __init__(
        self,
        app: Sanic[Any, Any],
        origin: str = "https://app.example",
        *,
        base_url: str = "https://api.example",
        engine: EngineName = "standard",
        third_party_cookies: bool = True,
        reading: float = READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A browser for an app in memory.

        Args:
            app: a Sanic app, with or without a section of corsbp.
            origin: the page's: `"https://app.example"`, or `"null"` for a sandboxed frame.
            base_url: where the app is, for the browser: what addresses like `/items` are relative to.
            engine: `"standard"`; `"today"` for what the browsers of today all do differently; or one of them,
                `"chromium"` (Chrome, Edge), `"firefox"` or `"webkit"` (Safari's engine).
            third_party_cookies: False for a browser that sends no cookies to other sites than the page's, and
                takes none from them: the default of Safari, and of others in private windows.
            reading: seconds to wait for the end of a body once its headers are there. A stream of events has
                no end: what came by then is the result's body, and a step says so.
            clock: the time in seconds, for what the browser remembers; or see `later`.

        Raises:
            ValueError: `origin` is no origin, `base_url` no URL, or `engine` is not known.
        """
        self._open(
            AppSender(app, reading),
            origin,
            base_url,
            engine,
            third_party_cookies=third_party_cookies,
            clock=clock,
        )

    @classmethod
    def at(
        cls,
        url: str,
        origin: str = "https://app.example",
        *,
        engine: EngineName = "standard",
        third_party_cookies: bool = True,
        reading: float = READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> Browser:
        """A browser for a server that runs, Sanic or not: `Browser.at("http://127.0.0.1:8000")`.

        Takes and raises what the constructor does; `url` is what addresses are relative to.
        """
        browser = cls.__new__(cls)
        browser._open(
            ServerSender(reading), origin, url, engine, third_party_cookies=third_party_cookies, clock=clock
        )
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
        """A browser of its own for a sender that is open already, and need not be entered."""
        browser = cls.__new__(cls)
        browser._open(sender, origin, base_url, engine, third_party_cookies=third_party_cookies, clock=clock)
        return browser

    def _open(
        self,
        sender: Sender,
        origin: str,
        base: str,
        engine: EngineName,
        *,
        third_party_cookies: bool,
        clock: Callable[[], float],
    ) -> None:
        if origin != "null":
            check_origin(origin)
        _check(engine in ENGINES, "engine", engine, f"none of {', '.join(ENGINES)}")
        url: Url | None = parse(base) if isinstance(base, str) else None
        if url is None or not url.is_http:
            raise ValueError(f"{base!r} is no URL; meant: 'https://api.example'")
        self._sender, self._clock, self._ahead = sender, clock, 0.0
        known = ENGINES[engine]
        cookies = Cookies(self._now, third_party_cookies, known)
        self._page = Page(origin, url, known, Preflights(self._now, known), cookies)

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
        """As `fetch(url, {…})` in a page. https://fetch.spec.whatwg.org/#fetch-method

        Args:
            url: absolute, or relative to the base URL.
            method: as the page spells it.
            headers: by name, or as pairs.
            body: text, which comes with a content type as in a browser, or bytes, which do not.
            credentials: `"include"` sends and stores cookies on other origins as well, `"omit"` on none.
            mode: `"cors"`, `"no-cors"` or `"same-origin"`.
            redirect: `"follow"`, `"error"` or `"manual"`.
            upload_listener: whether a progress listener is on the upload, as `XMLHttpRequest` can have.

        Returns:
            What the page gets. Where a page would see a `TypeError`, `type` is `"error"`: nothing is raised.

        Raises:
            ValueError: an argument that `fetch()` does not know.
        """
        for name, value, known in (
            ("credentials", credentials, get_args(Credentials)),
            ("mode", mode, get_args(Mode)),
            ("redirect", redirect, get_args(Redirect)),
        ):
            _check(value in known, name, value, f"none of {', '.join(known)}")
        _check(isinstance(url, str), "url", url, "not a string")
        _check(isinstance(method, str), "method", method, "not a string")
        of_bytes = body is None or isinstance(body, str | bytes)
        _check(of_bytes, "body", body, "neither text nor bytes; meant: json.dumps(…)")
        call = Call(url, method, _pairs(headers), body, credentials, mode, redirect, upload_listener)
        return await self._exchanged(fetching(self._page, call))

    async def websocket(self, url: str) -> Result:
        """As `new WebSocket(url)` in a page: its handshake, and no more.

        Args:
            url: absolute, or relative to the base URL; `https` stands for `wss`.

        Returns:
            Whether the socket opens: `ok_for_page`. The handler of an app in memory does not run.
        """
        return await self._exchanged(shaking_hands(self._page, url))

    async def _exchanged(self, exchanges: Generator[Sent, Answer | NoAnswer, Result]) -> Result:
        try:
            sent = next(exchanges)
            while True:
                sent = exchanges.send(await self._sender.send(sent))
        except StopIteration as done:
            result = done.value
            assert isinstance(result, Result)
            return result

    def set_cookie(self, cookie: str, url: str | None = None) -> None:
        """Visit `url` (the base URL) itself, which answers with `Set-Cookie: <cookie>`.

            browser.set_cookie("session=ann; SameSite=None; Secure")

        Raises:
            ValueError: `url` is none, or this browser does not keep the cookie, and why.
        """
        at = self._page.base if url is None else parse(url, self._page.base)
        if at is None:
            raise ValueError(f"{url!r} is no URL")
        self._page.cookies.keep(at, cookie.encode().decode("latin-1"), at.origin)

    def later(self, seconds: float) -> None:
        """Let this time pass, for the preflights and cookies that the browser remembers."""
        self._ahead += seconds

    def _now(self) -> float:
        return self._clock() + self._ahead


def _check(valid: bool, name: str, value: object, fault: str) -> None:
    if not valid:
        raise ValueError(f"{name}: {value!r} is {fault}")


def _pairs(headers: Headers) -> Pairs:
    """Headers as a page's `Headers` object has them: values without the spaces around them."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    for pair in pairs:
        two = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        _check(two, "headers", pair, "not a name and a value, two strings")
    return tuple((name, value.strip(" \t\r\n")) for name, value in pairs)
