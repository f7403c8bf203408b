"""What an app lets pages do, asked of the app itself: in memory, by nothing that changes anything.

A page's browser asks for each route: preflights for every method, and GET. What passes is judged by the
browser of `corsbp.testing`, whatever it is that answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final

from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_routes
from corsbp.spec.fetch import ALLOW_HEADERS, EXPOSE_HEADERS, PREFIX
from corsbp.testing import Answer, Browser, Result, Sent
from corsbp.testing.cors_check import names_in
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import GLANCE, AppSender, Sender

from .header_writers import OURS, OWN, Writers
from .proxy_sender import Through
from .snapshot import Entry

STRANGER: Final = "https://stranger.example"
"""The origin of a page that nobody has named."""

HOST: Final = "api.example"
"""Where the app is, for the browser, if its route names no host."""

PATIENCE: Final = 10.0
"""Seconds that an answer may take."""

ASKED_FOR: Final = {"authorization": "Bearer 0", "content-type": "application/json", "x-corsbp": "1"}
"""Request headers that a page asks for: two that most send, and one that only "any" allows."""
ANY_HEADER: Final = "x-corsbp"

NOBODY: Final = "nobody"
UNCHECKED: Final = "no check"
"""Of a WebSocket that a stranger's page opens."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What pages may do with one method of a route; `by`: whose answers say so, in words."""

    route: RouteInfo
    method: str
    by: str
    grants: Mapping[str, Entry | None]
    """By origin; None where its pages may do nothing."""

    status: int | None
    """Of the answer that the first origin was given: to GET, else to the preflight."""

    @property
    def key(self) -> str:
        """As snapshots name it."""
        return f"{self.method} {self.route.host or ''}{self.route.path}"


async def observe(
    app: Sanic[Any, Any], origins: Sequence[str], leave_out: Sequence[str] = ()
) -> list[Observed]:
    """Start an app in memory, and ask about each of its routes as pages of these origins.

    Args:
        leave_out: paths that are not asked, with `*` for anything: `"/docs*"`.

    Raises:
        RuntimeError: the app does not start.
        ValueError: one of the origins is none.
    """
    found = []
    with Writers() as writers:
        async with AppSender(app, GLANCE) as sender:
            for route in list_routes(app):
                if any(fnmatchcase(route.path, each) for each in leave_out):
                    continue
                for method in _methods(route):
                    asked = _Asked(route, method, sender, writers)
                    grants = {origin: await asked.grant(origin) for origin in origins}
                    found.append(Observed(route, method, asked.by(grants), grants, asked.status))
    return found


def _methods(route: RouteInfo) -> Iterable[str]:
    """The methods that differ: HEAD and OPTIONS come with GET, and are not asked where it is there."""
    if route.websocket or route.example is None:
        return ("WebSocket",) if route.websocket else ()
    return [each for each in route.methods if each not in ("HEAD", "OPTIONS")]


class _Asked(Through):
    """One method of a route, asked by pages; a sender that holds back what could change something."""

    def __init__(self, route: RouteInfo, method: str, sender: Sender, writers: Writers) -> None:
        super().__init__(sender)
        self.route, self.method, self.writers = route, method, writers
        self.url = f"https://{route.host or HOST}{route.example}"
        self.held_back = False
        self.wrote: dict[str, dict[str, None]] = {"preflight": {}, "answer": {}}
        """Whose headers of CORS there were, each once, in the order in which they came."""
        self.status: int | None = None

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        if not sent.preflight and sent.method != "GET":
            self.held_back = True
            return NoAnswer("it was held back")
        self.writers.last = None
        try:
            answer = await asyncio.wait_for(super().send(sent), PATIENCE)
        except asyncio.TimeoutError:
            return NoAnswer(f"nothing came within {PATIENCE:g} s")
        if isinstance(answer, Answer):
            self.status = self.status or answer.status
            has_cors = any(name.lower().startswith(PREFIX) for name, _ in answer.headers)
            if by := self.writers.last or (OWN if has_cors else None):
                self.wrote["preflight" if sent.preflight else "answer"][by] = None
        return answer

    def by(self, grants: Mapping[str, Entry | None]) -> str:
        """Whose answers they were: of methods that are held back, the preflights'."""
        if self.route.websocket:
            return self._checked_by(grants)
        answers, preflights = self.wrote["answer"], self.wrote["preflight"]
        if self.method != "GET":
            return " and ".join(preflights) or NOBODY
        others = " and ".join(each for each in preflights if each not in answers)
        return (" and ".join(answers) or NOBODY) + (f" (preflights: {others})" if others else "")

    def _checked_by(self, grants: Mapping[str, Entry | None]) -> str:
        """Who refuses pages that open a WebSocket."""
        if grants.get(STRANGER):
            return UNCHECKED
        if self.route.policy:
            return OURS
        return OWN if self.status else NOBODY

    async def grant(self, origin: str) -> Entry | None:
        """What a page of this origin may do; None where it may do nothing."""
        if self.route.websocket:
            opened = await Browser.using(self, origin, base_url=self.url).websocket(self.url)
            return {"opens": True} if opened.ok_for_page else None
        ask = partial(self._fetch, origin)
        for credentials in (True, False):
            result = await ask(credentials)
            if self._passed(result):
                headers = await ask(credentials, headers=ASKED_FOR)
                exposes = self.method == "GET"  # of all others the preflight decides, as they are held back
                exposed = {"exposes": _names(result, EXPOSE_HEADERS, credentials)} if exposes else {}
                allowed = self._headers(headers, credentials)
                return {"credentials": credentials, "headers": allowed, **exposed}
        return None

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
            upload_listener=self.method == "POST",  # which makes a preflight necessary
        )

    def _passed(self, result: Result) -> bool:
        """Whether nothing of CORS stood in the way; a redirect is not followed."""
        return result.ok_for_page or self.held_back or result.blocked_by == "redirect-refused"

    def _headers(self, result: Result, credentials: bool) -> str | list[str]:
        """The request headers that the answer to a preflight allows."""
        judged = ("preflight-header", "preflight-authorization")
        if not (self._passed(result) or result.blocked_by in judged):
            return []
        names = _names(result, ALLOW_HEADERS, credentials)
        return "*" if ANY_HEADER in names else names


def _names(result: Result, header: str, credentials: bool) -> str | list[str]:
    """The names in a header of the first answer; `"*"` where it stands for all, as without credentials."""
    answer = result.sent[0].answer
    names = {name.lower() for name in (names_in(answer, header) if answer else None) or ()}
    return "*" if "*" in names and not credentials else sorted(names)
