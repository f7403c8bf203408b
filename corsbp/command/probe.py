"""Requests to each route of an app in memory, as pages send them; none of them changes anything.

The browser of `corsbp.testing` sends preflights for every method, and GET. It judges the responses, whatever
code wrote them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_routes
from corsbp.spec.fetch import ALLOW_HEADERS, EXPOSE_HEADERS, PREFIX
from corsbp.testing import Answer, Browser, Result, Sent
from corsbp.testing.response_headers import header_names
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import SHORT_READING, AppSender, Sender

from .header_writers import APP_CODE, CORSBP, HeaderWriters
from .proxy_sender import ProxySender
from .snapshot import Entry

UNKNOWN_ORIGIN: Final = "https://unknown.example"
"""The origin of a page that no policy names."""

HOST: Final = "api.example"
"""The host of the app, for the browser, if the route does not name a host."""

TIMEOUT: Final = 10.0
"""Seconds that a response may take."""

REQUEST_HEADERS: Final = {"authorization": "Bearer 0", "content-type": "application/json", "x-corsbp": "1"}
"""Request headers of the page: two that most pages send, and one that only "any header" allows."""

ANY_HEADER: Final = "x-corsbp"

NO_WRITER: Final = "none"
"""The column "CORS by" of a method whose responses have no CORS headers."""

NO_CHECK: Final = "no check"
"""The same of a WebSocket that a page of any origin can open."""


@dataclass(frozen=True, slots=True)
class ObservedMethod:
    """What pages may do with one method of a route."""

    route: RouteInfo
    method: str
    writer: str
    """The code that wrote the CORS headers of the responses, in words."""

    grants: Mapping[str, Entry | None]
    """By origin; None if its pages may do nothing."""

    status: int | None
    """The status for the first origin: of GET, otherwise of the preflight."""

    @property
    def key(self) -> str:
        """The name of the method in snapshots."""
        return f"{self.method} {self.route.host or ''}{self.route.path}"


async def observe_app(
    app: Sanic[Any, Any], origins: Sequence[str], leave_out: Sequence[str] = ()
) -> list[ObservedMethod]:
    """Start an app in memory, and send requests to each of its routes as pages of these origins.

    Args:
        leave_out: paths of routes that get no request; `*` stands for any text: `"/docs*"`.

    Raises:
        RuntimeError: the app does not start.
        ValueError: one of the origins is not an origin.
    """
    observed = []
    with HeaderWriters() as writers:
        async with AppSender(app, SHORT_READING) as sender:
            for route in list_routes(app):
                if any(fnmatchcase(route.path, pattern) for pattern in leave_out):
                    continue
                for method in _methods_to_probe(route):
                    probe = _MethodProbe(route, method, sender, writers)
                    grants = {origin: await probe.grant_for(origin) for origin in origins}
                    writer = probe.describe_writer(grants)
                    observed.append(ObservedMethod(route, method, writer, grants, probe.status))
    return observed


def _methods_to_probe(route: RouteInfo) -> Iterable[str]:
    """Return the methods of a route without HEAD and OPTIONS, which follow from GET."""
    if route.websocket:
        return ["WebSocket"]
    if route.example is None:
        return []
    return [method for method in route.methods if method not in ("HEAD", "OPTIONS")]


class _MethodProbe(ProxySender):
    """One method of one route; a sender that holds back requests that could change something."""

    def __init__(self, route: RouteInfo, method: str, sender: Sender, writers: HeaderWriters) -> None:
        super().__init__(sender)
        self.route, self.method, self.writers = route, method, writers
        self.url = f"https://{route.host or HOST}{route.example}"
        self.held_back = False
        self.status: int | None = None
        # Dictionaries without values, as they keep the order in which the writers were found.
        self.preflight_writers: dict[str, None] = {}
        self.response_writers: dict[str, None] = {}

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Send preflights and GET only; note the status and the writer of the CORS headers."""
        if not sent.preflight and sent.method != "GET":
            self.held_back = True
            return NoAnswer("it was held back")
        self.writers.last = None
        try:
            response = await asyncio.wait_for(super().send(sent), TIMEOUT)
        except asyncio.TimeoutError:
            return NoAnswer(f"nothing came within {TIMEOUT:g} s")
        if isinstance(response, Answer):
            self.status = self.status or response.status
            if writer := self._writer_of(response):
                found = self.preflight_writers if sent.preflight else self.response_writers
                found[writer] = None
        return response

    def _writer_of(self, response: Answer) -> str | None:
        has_cors = any(name.lower().startswith(PREFIX) for name, _ in response.headers)
        return self.writers.last or (APP_CODE if has_cors else None)

    def describe_writer(self, grants: Mapping[str, Entry | None]) -> str:
        """Name the code that wrote the CORS headers; for methods that are held back, those of preflights."""
        if self.route.websocket:
            return self._describe_check(grants)
        preflights, responses = self.preflight_writers, self.response_writers
        if self.method != "GET":
            return " and ".join(preflights) or NO_WRITER
        text = " and ".join(responses) or NO_WRITER
        others = " and ".join(each for each in preflights if each not in responses)
        return f"{text} (preflights: {others})" if others else text

    def _describe_check(self, grants: Mapping[str, Entry | None]) -> str:
        """Name the code that refuses pages that open a WebSocket."""
        if grants.get(UNKNOWN_ORIGIN):
            return NO_CHECK
        if self.route.policy:
            return CORSBP
        return APP_CODE if self.status else NO_WRITER

    async def grant_for(self, origin: str) -> Entry | None:
        """Return what a page of this origin may do; None if nothing."""
        if self.route.websocket:
            opened = await Browser.using(self, origin, base_url=self.url).websocket(self.url)
            return {"opens": True} if opened.ok_for_page else None
        for credentials in (True, False):
            result = await self._fetch(origin, credentials)
            if self._passes(result):
                return await self._entry(origin, credentials, result)
        return None

    async def _entry(self, origin: str, credentials: bool, result: Result) -> Entry:
        with_headers = await self._fetch(origin, credentials, REQUEST_HEADERS)
        entry: dict[str, Any] = {
            "credentials": credentials,
            "headers": self._allowed_headers(with_headers, credentials),
        }
        if self.method == "GET":  # Other methods are held back, so that no response shows what it exposes.
            entry["exposes"] = _list_names(result, EXPOSE_HEADERS, credentials)
        return entry

    async def _fetch(
        self, origin: str, credentials: bool, headers: Mapping[str, str] | None = None
    ) -> Result:
        self.held_back = False
        browser = Browser.using(self, origin, base_url=self.url)
        return await browser.fetch(
            self.url,
            self.method,
            headers=headers or {},
            credentials="include" if credentials else "omit",
            redirect="error",
            # A listener on the upload makes a preflight necessary, which POST alone does not.
            upload_listener=self.method == "POST",
        )

    def _passes(self, result: Result) -> bool:
        """Return whether CORS allows the request; a redirect counts, and is not followed."""
        return result.ok_for_page or self.held_back or result.blocked_by == "redirect-refused"

    def _allowed_headers(self, result: Result, credentials: bool) -> str | list[str]:
        """Return the request headers that the response to the preflight allows."""
        if not self._passes(result) and result.blocked_by not in (
            "preflight-header",
            "preflight-authorization",
        ):
            return []
        names = _list_names(result, ALLOW_HEADERS, credentials)
        return "*" if ANY_HEADER in names else names


def _list_names(result: Result, header: str, credentials: bool) -> str | list[str]:
    """Return the names in a header of the first response; `"*"` for all, which it means without credentials.

    https://fetch.spec.whatwg.org/#http-access-control-allow-headers
    """
    response = result.sent[0].answer
    assert response is not None, "a call that passes has a response"
    names = {name.lower() for name in header_names(response, header) or ()}
    return "*" if "*" in names and not credentials else sorted(names)
