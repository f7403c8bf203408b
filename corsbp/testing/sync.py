"""The browser for tests without `async`, and the browsers of the fixture `cors_browser`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from sanic import Sanic

from .arguments import Headers
from .browser import Browser
from .call_kinds import FORM_TYPE, CrossOrigin
from .fetch_arguments import Credentials, Mode, Redirect
from .forms import Enctype, Fields
from .result import CallKind, Result
from .transports import DEFAULT_READING, AppSender


class SyncBrowser:
    """A `Browser` for tests without `async`, which runs in a thread of its own.

        with SyncBrowser(Browser(app, origin="https://app.example")) as browser:
            assert browser.fetch("/items").ok_for_page

    In pytest, the fixture `cors_browser` makes them.
    """

    def __init__(self, browser: Browser, portal: BlockingPortal | None = None) -> None:
        """Wrap a browser. With a `portal`, the browser runs in that thread and need not be entered."""
        self._browser = browser
        if portal is not None:
            self._portal = portal
        self._stack = ExitStack()
        self.results: list[Result] = []
        """The results of all calls so far: `browser.results[-1].why`."""

    def __enter__(self) -> SyncBrowser:
        # the thread ends too if the app does not start
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
        """Call `Browser.fetch`."""
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

    def submit(self, url: str, fields: Fields = (), *, enctype: Enctype = FORM_TYPE) -> Result:
        """Call `Browser.submit`."""
        self.results.append(self._portal.call(partial(self._browser.submit, enctype=enctype), url, fields))
        return self.results[-1]

    def beacon(self, url: str, body: str | bytes | None = None, *, content_type: str | None = None) -> Result:
        """Call `Browser.beacon`."""
        beacon = partial(self._browser.beacon, content_type=content_type)
        self.results.append(self._portal.call(beacon, url, body))
        return self.results[-1]

    def navigate(self, url: str) -> Result:
        """Call `Browser.navigate`."""
        self.results.append(self._portal.call(self._browser.navigate, url))
        return self.results[-1]

    def embed(self, url: str, *, crossorigin: CrossOrigin | None = None) -> Result:
        """Call `Browser.embed`."""
        self.results.append(self._portal.call(partial(self._browser.embed, crossorigin=crossorigin), url))
        return self.results[-1]

    def fetch_as(
        self,
        kind: CallKind,
        url: str,
        *,
        body: str | bytes | None = None,
        content_type: str | None = None,
        crossorigin: CrossOrigin | None = None,
    ) -> Result:
        """Call `Browser.fetch_as`."""
        fetch_as = partial(
            self._browser.fetch_as, body=body, content_type=content_type, crossorigin=crossorigin
        )
        self.results.append(self._portal.call(fetch_as, kind, url))
        return self.results[-1]

    def websocket(self, url: str) -> Result:
        """Call `Browser.websocket`."""
        self.results.append(self._portal.call(self._browser.websocket, url))
        return self.results[-1]

    def set_cookie(self, cookie: str, url: str | None = None) -> None:
        """Call `Browser.set_cookie`."""
        self._browser.set_cookie(cookie, url)

    def later(self, seconds: float) -> None:
        """Call `Browser.later`."""
        self._browser.later(seconds)


class BrowserPool:
    """The browsers of one test, over apps that are started once. The fixture `cors_browser` has one."""

    def __enter__(self) -> BrowserPool:
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._senders: dict[tuple[Sanic[Any, Any], float], AppSender] = {}
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def open(
        self, app: Sanic[Any, Any], origin: str, *, reading: float = DEFAULT_READING, **options: Any
    ) -> SyncBrowser:
        """Return a new browser. Takes the arguments of `Browser`, and raises what it raises."""
        sender = self._senders.get((app, reading)) or AppSender(app, reading)
        # first the arguments are checked, then the app is started
        browser = Browser.using(sender, origin, **options)
        # one thread for all browsers of the test
        self._portal = self._portal or self._stack.enter_context(start_blocking_portal())
        if (app, reading) not in self._senders:
            self._stack.enter_context(self._portal.wrap_async_context_manager(sender))
            self._senders[app, reading] = sender
        return SyncBrowser(browser, self._portal)
