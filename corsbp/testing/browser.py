"""A page in a browser: `fetch()` with everything that stands between a page and an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Literal, TypeAlias, get_args

from anyio.from_thread import start_blocking_portal
from sanic import Sanic

from .fetching import Call, Mode, Page, Redirect, fetching
from .memory import ENGINES, Cookies, Credentials, Preflights
from .result import Pairs, Result
from .senders import READING, AppSender, Sender, ServerSender
from .urls import Url, check_origin, parse

EngineName: TypeAlias = Literal["standard", "today"]
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
        reading: float = READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A browser for an app in memory.

        Args:
            app: a Sanic app, with or without a section of corsbp.
            origin: the page's: `"https://app.example"`, or `"null"` for a sandboxed frame.
            base_url: where the app is, for the browser: what addresses like `/items` are relative to.
            engine: `"standard"`, or `"today"` for what the browsers of today do differently.
            reading: seconds to wait for the end of a body once its headers are there. A stream of events has
                no end: what came by then is the result's body, and a step says so.
            clock: the time in seconds, for what the browser remembers; or see `later`.

        Raises:
            ValueError: `origin` is no origin, `base_url` no URL, or `engine` is not known.
        """
        self._open(AppSender(app, reading), origin, base_url, engine, clock)

    @classmethod
    def at(
        cls,
        url: str,
        origin: str = "https://app.example",
        *,
        engine: EngineName = "standard",
        reading: float = READING,
        clock: Callable[[], float] = time.monotonic,
    ) -> Browser:
        """A browser for a server that runs, Sanic or not: `Browser.at("http://127.0.0.1:8000")`.

        Takes and raises what the constructor does; `url` is what addresses are relative to.
        """
        browser = cls.__new__(cls)
        browser._open(ServerSender(reading), origin, url, engine, clock)
        return browser

    @classmethod
    def using(
        cls,
        sender: Sender,
        origin: str = "https://app.example",
        *,
        base_url: str = "https://api.example",
        engine: EngineName = "standard",
        clock: Callable[[], float] = time.monotonic,
    ) -> Browser:
        """A browser of its own for a sender that is open already, and need not be entered."""
        browser = cls.__new__(cls)
        browser._open(sender, origin, base_url, engine, clock)
        return browser

    def _open(
        self, sender: Sender, origin: str, base: str, engine: EngineName, clock: Callable[[], float]
    ) -> None:
        if origin != "null":
            check_origin(origin)
        _check(engine in ENGINES, "engine", engine, f"none of {', '.join(ENGINES)}")
        url: Url | None = parse(base) if isinstance(base, str) else None
        if url is None or not url.is_http:
            raise ValueError(f"{base!r} is no URL; meant: 'https://api.example'")
        self._sender, self._clock, self._ahead = sender, clock, 0.0
        self._page = Page(origin, url, ENGINES[engine], Preflights(self._now), Cookies())

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
        exchanges = fetching(self._page, call)
        try:
            sent = next(exchanges)
            while True:
                sent = exchanges.send(await self._sender.send(sent))
        except StopIteration as done:
            result = done.value
            assert isinstance(result, Result)
            return result

    def set_cookie(self, cookie: str, url: str | None = None) -> None:
        """Put a cookie into the jar, as if `url` (the base URL) had sent `Set-Cookie: <cookie>`.

        browser.set_cookie("session=ann; Secure")
        """
        at = self._page.base if url is None else parse(url, self._page.base)
        if at is None:
            raise ValueError(f"{url!r} is no URL")
        self._page.cookies.store(at, [cookie])

    def later(self, seconds: float) -> None:
        """Let this time pass, for the preflights that the browser remembers."""
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


class SyncBrowser:
    """A `Browser` for tests without `async`: the same, in a thread of its own.

        with SyncBrowser(Browser(app, origin="https://app.example")) as browser:
            assert browser.fetch("/items").ok_for_page

    In pytest, the fixture `cors_browser` gives them.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._stack = ExitStack()
        self.results: list[Result] = []
        """What came of each fetch so far: `browser.results[-1].why`."""

    def __enter__(self) -> SyncBrowser:
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal())
            stack.enter_context(self._portal.wrap_async_context_manager(self._browser))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def fetch(
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
        """As `Browser.fetch`."""
        fetch = partial(
            self._browser.fetch,
            headers=headers,
            body=body,
            credentials=credentials,
            mode=mode,
            redirect=redirect,
            upload_listener=upload_listener,
        )
        result = self._portal.call(fetch, url, method)
        self.results.append(result)
        return result

    def set_cookie(self, cookie: str, url: str | None = None) -> None:
        """As `Browser.set_cookie`."""
        self._browser.set_cookie(cookie, url)

    def later(self, seconds: float) -> None:
        """As `Browser.later`."""
        self._browser.later(seconds)
