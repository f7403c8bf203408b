"""Requests to one method of a route, as pages send them; none of them changes anything.

The browser of `corsbp.testing` sends preflights for every method, and GET. It judges the responses, whatever
code wrote them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from corsbp.command.proxy_sender import ProxySender
from corsbp.spec.fetch import ALLOW_HEADERS, EXPOSE_HEADERS, PREFIX
from corsbp.testing import Answer, Browser, Result, Sent
from corsbp.testing.response_headers import header_names
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import Sender

from .header_writers import APP_CODE, CORSBP, HeaderWriters
from .observed_method import NO_CHECK, NO_WRITER, UNKNOWN_ORIGIN, ObservedMethod, Target
from .snapshot import AUTHORIZATION, Entry

TIMEOUT: Final = 10.0
"""Seconds that a response may take."""

ANY_HEADER: Final = "x-corsbp"
REQUEST_HEADERS: Final = {AUTHORIZATION: "Bearer 0", "content-type": "application/json", ANY_HEADER: "1"}
"""Request headers of the page: two that most pages send, and one that only "any header" allows."""


async def observe(
    target: Target, sender: Sender, origins: list[str], writers: HeaderWriters | None = None
) -> ObservedMethod:
    """Send requests to a target as pages of these origins.

    Args:
        writers: knows who wrote the headers of an app in memory; of a deployment, servers name themselves.
    """
    probe = _Probe(target, sender, writers)
    grants: dict[str, Entry | None] = {}
    own_pages = [origin for origin in origins if target.is_own_page(origin)]
    for origin in origins:
        if origin in own_pages:
            continue
        # A handler that never responds would cost the timeout once for each origin and request.
        grants[origin] = None if probe.no_response else await probe.grant_for(origin)
    writer = probe.describe_writer(grants)
    return ObservedMethod(
        target=target,
        writer=writer,
        grants=grants,
        own_pages=own_pages,
        status=probe.status,
        blocked=probe.blocked,
        exchanges=tuple(probe.exchanges),
        no_response=probe.no_response,
    )


class _Probe(ProxySender):
    """A sender that holds back requests that could change something, and notes the responses."""

    def __init__(self, target: Target, sender: Sender, writers: HeaderWriters | None) -> None:
        super().__init__(sender)
        self.target, self.writers = target, writers
        self.held_back = False
        self.no_response: str | None = None
        self.status: int | None = None
        self.blocked: dict[str, str] = {}
        self.exchanges: list[tuple[Sent, Answer]] = []
        # Dictionaries without values, as they keep the order in which the writers were found.
        self.preflight_writers: dict[str, None] = {}
        self.response_writers: dict[str, None] = {}

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Send preflights and GET only; note the response and the writer of its CORS headers."""
        # A preflight changes nothing, and a GET should not. Everything else may.
        if not sent.preflight and sent.method != "GET":
            self.held_back = True
            return NoAnswer("it was held back")
        if self.writers:
            self.writers.last = None
        try:
            response = await asyncio.wait_for(super().send(sent), TIMEOUT)
        except asyncio.TimeoutError:
            response = NoAnswer(f"nothing came within {TIMEOUT:g} s")
        if isinstance(response, NoAnswer):
            self.no_response = response.reason
            return response
        self.exchanges.append((sent, response))
        self.status = self.status or response.status
        if writer := self._writer_of(response):
            found = self.preflight_writers if sent.preflight else self.response_writers
            found[writer] = None
        return response

    def _writer_of(self, response: Answer) -> str | None:
        if self.writers is None:
            return response.get("via") or response.get("server")
        if self.writers.last:
            return self.writers.last
        has_cors = any(name.lower().startswith(PREFIX) for name, _ in response.headers)
        return APP_CODE if has_cors else None

    def describe_writer(self, grants: Mapping[str, Entry | None]) -> str:
        """Name the code that wrote the CORS headers; for methods that are held back, those of preflights."""
        if self.target.route.websocket:
            return self._describe_check(grants)
        preflights, responses = self.preflight_writers, self.response_writers
        if self.target.method != "GET":
            return " and ".join(preflights) or NO_WRITER
        text = " and ".join(responses) or NO_WRITER
        others = " and ".join(each for each in preflights if each not in responses)
        return f"{text} (preflights: {others})" if others else text

    def _describe_check(self, grants: Mapping[str, Entry | None]) -> str:
        """Name the code that refuses pages that open a WebSocket."""
        if grants.get(UNKNOWN_ORIGIN):
            return NO_CHECK
        if self.target.route.policy:
            return CORSBP
        return APP_CODE if self.status else NO_WRITER

    async def grant_for(self, origin: str) -> Entry | None:
        """Return what a page of this origin may do; None for nothing."""
        if self.target.route.websocket:
            browser = Browser.using(self, origin, base_url=self.target.url)
            opened = await browser.websocket(self.target.url)
            return {"opens": True} if opened.ok_for_page else None
        # With credentials first: what allows them allows the page without them, too.
        for credentials in (True, False):
            result = await self._fetch(origin, credentials)
            if self._passes(result):
                return await self._entry(origin, credentials, result)
            self.blocked[origin] = f"{result.blocked_by}"
            if self.no_response:
                break
        return None

    async def _entry(self, origin: str, credentials: bool, result: Result) -> Entry:
        with_headers = await self._fetch(origin, credentials, REQUEST_HEADERS)
        entry: dict[str, Any] = {
            "credentials": credentials,
            "headers": self._allowed_headers(with_headers, credentials),
        }
        if self.target.method == "GET":  # Other methods are held back: no response shows what it exposes.
            names = _list_names(result, EXPOSE_HEADERS)
            entry["exposes"] = "*" if "*" in names and not credentials else sorted(names)
        return entry

    async def _fetch(
        self, origin: str, credentials: bool, headers: Mapping[str, str] | None = None
    ) -> Result:
        self.held_back = False
        browser = Browser.using(self, origin, base_url=self.target.url)
        return await browser.fetch(
            self.target.url,
            self.target.method,
            headers=headers or {},
            credentials="include" if credentials else "omit",
            redirect="error",
            # A listener on the upload makes a preflight necessary, which POST alone does not.
            upload_listener=self.target.method == "POST",
        )

    def _passes(self, result: Result) -> bool:
        """Return whether CORS allows the request; a redirect counts, and is not followed."""
        return result.ok_for_page or self.held_back or result.blocked_by == "redirect-refused"

    def _allowed_headers(self, result: Result, credentials: bool) -> str | list[str]:
        """Return the request headers that the response to the preflight allows.

        `"*"` stands for every header, `["*"]` for every header but Authorization, which a wildcard alone does
        not allow. https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
        """
        stops = ("preflight-header", "preflight-authorization")
        if not self._passes(result) and result.blocked_by not in stops:
            return []
        names = _list_names(result, ALLOW_HEADERS)
        # With credentials, a wildcard is the name of a header that no page sends.
        if ANY_HEADER in names or ("*" in names and not credentials):
            return "*" if AUTHORIZATION in names else ["*"]
        return sorted(names - {"*"})


def _list_names(result: Result, header: str) -> set[str]:
    """Return the names in a header of the first response, in lower case."""
    response = result.sent[0].answer
    assert response is not None, "a call that passes has a response"
    return {name.lower() for name in header_names(response, header) or ()}
