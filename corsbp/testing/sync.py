"""A browser for tests without `async`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from sanic import Sanic

from .browser import Browser, Headers
from .fetch_arguments import Credentials, Mode, Redirect
from .result import Result
from .transports import READING, AppSender


class SyncBrowser:
    """A `Browser` for tests without `async`: the same, in a thread of its own.

        with SyncBrowser(Browser(app, origin="https://app.example")) as browser:
            assert browser.fetch("/items").ok_for_page

    In pytest, the fixture `cors_browser` gives them.
    """

    def __init__(self, browser: Browser, portal: BlockingPortal | None = None) -> None:
        """As `browser` is, in a thread of its own; or, open already, in that of the portal."""
        self._browser = browser
        if portal is not None:
            self._portal = portal
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

    def websocket(self, url: str) -> Result:
        """As `Browser.websocket`."""
        self.results.append(self._portal.call(self._browser.websocket, url))
        return self.results[-1]

    def set_cookie(self, cookie: str, url: str | None = None) -> None:
        """As `Browser.set_cookie`."""
        self._browser.set_cookie(cookie, url)

    def later(self, seconds: float) -> None:
        """As `Browser.later`."""
        self._browser.later(seconds)


class Browsers:
    """What the fixture `cors_browser` hands out: browsers for apps, each of which is started once."""

    def __enter__(self) -> Browsers:
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._senders: dict[tuple[Sanic[Any, Any], float], AppSender] = {}
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def open(
        self, app: Sanic[Any, Any], origin: str, *, reading: float = READING, **options: Any
    ) -> SyncBrowser:
        """A browser with a memory of its own. Takes and raises what `Browser` does when made and entered."""
        sender = self._senders.get((app, reading)) or AppSender(app, reading)
        browser = Browser.using(sender, origin, **options)
        self._portal = self._portal or self._stack.enter_context(start_blocking_portal())
        if (app, reading) not in self._senders:
            self._stack.enter_context(self._portal.wrap_async_context_manager(sender))
            self._senders[app, reading] = sender
        return SyncBrowser(browser, self._portal)
