"""Why a call came out as it did, and what to change: by the browser of `corsbp.testing`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, cast

from corsbp.app.inventory import RouteInfo
from corsbp.command.advice import ORIGINS, Asked, Place, change, whose
from corsbp.command.proxy_sender import Through
from corsbp.testing.browser import Browser
from corsbp.testing.result import Answer, NoAnswer, Result, Sent
from corsbp.testing.transports import Sender, ServerSender

from .watching import Exchange, Watch

LONGEST_BODY = 2000
"""Characters of an answer that are shown."""
SOMEBODY = "https://app.example"
"""In advice, the page that a list should name: never the one of `corsbp try`."""


class Replay(Through):
    """A sender that has the answers already: a second DELETE would be none of its business.

    A preflight that the browser remembered, and so did not send, is sent: it changes nothing.
    """

    def __init__(self, seen: list[Exchange], app: str, sender: Sender) -> None:
        super().__init__(sender)
        self._seen, self._app = deque(seen), app
        self.remembered = False

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        if self._seen and (self._seen[0].method, self._seen[0].preflight) == (sent.method, sent.preflight):
            exchange = self._seen.popleft()
            if exchange.status is None:
                return NoAnswer("the app saw the request, and did not answer")
            return Answer(exchange.status, tuple(exchange.answered or ()))
        if sent.preflight and sent.url.startswith(f"{self._app}/"):
            self.remembered = True
            return await super().send(sent)
        return NoAnswer("the app saw no such request")


@dataclass(frozen=True, slots=True)
class Call:
    """A fetch as the page ran it, or wants it run: `readable` is None then."""

    since: int
    origin: str
    url: str
    method: str
    headers: list[tuple[str, str]]
    credentials: str
    cookie: str
    body: str | None
    readable: bool | None

    @classmethod
    def of(cls, told: Any) -> Call:
        """From what the page says. Raises ValueError, TypeError or KeyError for anything else."""
        texts = {name: str(told[name]) for name in ("origin", "url", "method", "credentials", "cookie")}
        headers = [(str(name), str(value)) for name, value in told["headers"]]
        body = None if told["body"] is None else str(told["body"])
        readable = None if told["readable"] is None else bool(told["readable"])
        return cls(since=int(told["since"]), headers=headers, body=body, readable=readable, **texts)

    async def run(self, sender: Sender, app: str) -> Result:
        """Fetch as a page would. "today": it stands beside what a browser of today did."""
        browser = Browser.using(sender, self.origin, base_url=app, engine="today")
        if self.cookie and self.readable is None:
            browser.set_cookie(self.cookie, app)
        return await browser.fetch(
            self.url,
            self.method,
            headers=self.headers,
            body=self.body,
            credentials=cast(Any, self.credentials),
        )


@dataclass(frozen=True, slots=True)
class Reasons:
    """What it takes to know why; `origins` are those of the page and its frames, to be in no list."""

    app: str
    own: str
    origins: Collection[str]
    allowed: bool
    target: str
    find: Callable[[str, str], Place]
    watch: Watch

    async def explained(self, call: Call) -> dict[str, Any]:
        """What the app saw of a call, and why the page can read the answer, or what to change that it can."""
        seen = self.watch.since(call.since, call.origin)
        async with Replay(seen, self.app, ServerSender()) as sender:
            result = await call.run(sender, self.app)
        return self._told(call, result, seen) | {"remembered": cast(Replay, sender).remembered}

    async def simulated(self, call: Call) -> dict[str, Any]:
        """The same of a page that this machine cannot have: the browser of `corsbp.testing` calls the app."""
        async with ServerSender() as sender:
            result = await call.run(sender, self.app)
        outcome: dict[str, Any] = {"error": "TypeError: Failed to fetch"}
        if result.ok_for_page:
            body = result.text if len(result.text) <= LONGEST_BODY else f"{result.text[:LONGEST_BODY]}…"
            outcome = {"status": result.status, "url": result.url, "headers": [*result.headers.items()]}
            outcome |= {"redirected": result.url != call.url, "body": body}
        seen = self.watch.since(call.since, call.origin)
        return self._told(call, result, seen) | {"remembered": False, "outcome": outcome}

    def _told(self, call: Call, result: Result, seen: list[Exchange]) -> dict[str, Any]:
        names = tuple(name for name, _ in call.headers)
        told_whose, to_change = None, result.steps[-1].change
        stop = f"{result.blocked_by}"
        if result.blocked_by not in (None, "no-answer") and call.url.startswith(f"{self.app}/"):
            place = self.find(call.url, call.method)
            told_whose = whose(place, call.method)
            origin = SOMEBODY if call.origin in self.origins else call.origin
            asked = Asked(origin, call.method, names, call.credentials == "include")
            by_origin = stop.removeprefix("preflight-") in ORIGINS - {"credentials"}
            route = place.route
            if by_origin and origin != call.origin and route and _is_restricted(route):
                to_change = self._for_own_pages(call, route)
            else:
                to_change = change(place, stop, asked) or (None if by_origin else to_change)
        return {
            "seen": [each.in_short({name.lower() for name in names}) for each in seen],
            "steps": [{"text": step.text, "stop": step.stop} for step in result.steps],
            "whose": told_whose,
            "change": to_change,
            "blockedBy": result.blocked_by,
            "agrees": call.readable is None or result.ok_for_page == call.readable,
        }

    def _for_own_pages(self, call: Call, route: RouteInfo) -> str:
        """What to do where a policy does not know a page of this machine: nothing that outlives the try."""
        if call.origin != self.own:
            return "None: this origin stands for a stranger, and the policy names those whom it lets in."
        if self.allowed and route.own:
            return "None: --allow lets this page into sections, and this route has a policy of its own."
        again = f"corsbp try {self.target} --allow lets this page in while you try"
        return f"{again}. Or pick an origin that a policy names: it is simulated."


def _is_restricted(route: RouteInfo) -> bool:
    return route.policy is not None and route.policy.allow_origins != "*"
