"""Why a call of the page was allowed or blocked, and what to change: by the browser of `corsbp.testing`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from corsbp.app.inventory import RouteInfo
from corsbp.command.advice import ORIGIN_STOPS, PageRequest, suggest_change, suggest_login
from corsbp.command.console_messages import console_messages
from corsbp.command.proxy_sender import ProxySender
from corsbp.command.route_match import RouteMatch, describe_route
from corsbp.command.server_responses import explain_redirect
from corsbp.testing.browser import Browser
from corsbp.testing.result import Answer, NoAnswer, Result, Sent
from corsbp.testing.transports import Sender, ServerSender

from .watching import Exchange, Watch

MAX_BODY: Final = 2000
"""Characters of a body that the page shows."""

EXAMPLE_ORIGIN: Final = "https://app.example"
"""The origin in advice: a policy should never name a page of `corsbp try`."""

_BY_ORIGIN: Final = ORIGIN_STOPS - {"credentials"}


class ReplaySender(ProxySender):
    """A sender that has the responses already: a second DELETE would change something.

    It sends a preflight that the browser remembered, and so did not send: a preflight changes nothing.
    """

    def __init__(self, exchanges: list[Exchange], app: str, sender: Sender) -> None:
        super().__init__(sender)
        self._exchanges, self._app = deque(exchanges), app
        self.used_remembered_preflight: bool = False

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Return the response of the next exchange, if it fits the request."""
        # The browser of corsbp.testing must get the very responses that the user's browser got.
        if self._exchanges and _fits(self._exchanges[0], sent):
            exchange = self._exchanges.popleft()
            if exchange.status is None:
                return NoAnswer("the app received the request, and did not respond")
            return Answer(exchange.status, tuple(exchange.response_headers or ()))
        if sent.preflight and sent.url.startswith(f"{self._app}/"):
            self.used_remembered_preflight = True
            return await super().send(sent)
        return NoAnswer("the app received no such request")


def _fits(exchange: Exchange, sent: Sent) -> bool:
    return (exchange.method, exchange.is_preflight) == (sent.method, sent.preflight)


@dataclass(frozen=True, slots=True)
class Call:
    """A fetch that the page ran, or that it wants simulated."""

    since: int
    """The number of the last request before the call."""

    origin: str
    url: str
    method: str
    headers: list[tuple[str, str]]
    credentials: str
    cookie: str
    body: str | None
    readable: bool | None
    """The page could read the response; None before a simulation."""

    @classmethod
    def from_json(cls, data: Any) -> Call:
        """Read a call. Raises ValueError, TypeError or KeyError for data of another form."""
        texts = {name: str(data[name]) for name in ("origin", "url", "method", "credentials", "cookie")}
        return cls(
            since=int(data["since"]),
            headers=[(str(name), str(value)) for name, value in data["headers"]],
            body=None if data["body"] is None else str(data["body"]),
            readable=None if data["readable"] is None else bool(data["readable"]),
            **texts,
        )

    async def run(self, sender: Sender, app: str) -> Result:
        """Make the call as a page would, in a browser that is like the user's: those of today."""
        # The user's browser is not known: this model does what all three browsers do.
        browser = Browser.using(sender, self.origin, base_url=app, engine="today")
        if self.cookie and self.readable is None:
            browser.set_cookie(self.cookie, app)
        return await browser.fetch(
            self.url,
            self.method,
            headers=self.headers,
            body=self.body,
            credentials=cast(Literal["omit", "same-origin", "include"], self.credentials),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """What is needed to explain the calls of the page."""

    app: str
    own_origin: str
    origins: Collection[str]
    """The origins of the page and its frames: advice never adds them to a policy."""

    allow: bool
    """The option `--allow`."""

    target: str
    match: Callable[[str, str], RouteMatch]
    watch: Watch

    async def explain(self, call: Call) -> dict[str, Any]:
        """Explain a call that the user's browser made, by the responses that the app sent."""
        exchanges = self.watch.exchanges_after(call.since, call.origin)
        replay = ReplaySender(exchanges, self.app, ServerSender())
        async with replay:
            result = await call.run(replay, self.app)
        explanation = self._explain_result(call, result, exchanges)
        return explanation | {"remembered": replay.used_remembered_preflight}

    async def simulate(self, call: Call) -> dict[str, Any]:
        """Make a call as a page that this machine cannot have, and explain it."""
        async with ServerSender() as sender:
            result = await call.run(sender, self.app)
        exchanges = self.watch.exchanges_after(call.since, call.origin)
        explanation = self._explain_result(call, result, exchanges)
        return explanation | {"remembered": False, "outcome": _outcome(call, result)}

    def _explain_result(self, call: Call, result: Result, exchanges: list[Exchange]) -> dict[str, Any]:
        typed = tuple(name for name, _ in call.headers)
        # A cookie that is not sent or not kept stops nothing, but has a change.
        changes = [step.change for step in result.steps if step.change]
        route, change = None, changes[-1] if changes else None
        refused = next((each.refusal for each in reversed(exchanges) if each.refusal), None)
        is_blocked = result.blocked_by not in (None, "no-answer")
        # After redirects, the last response is that of another route.
        url = result.sent[-1].url if result.sent else call.url
        if url.startswith(f"{self.app}/"):
            match = self.match(url, call.method)
            if is_blocked or refused:
                route = describe_route(match, call.method)
            # The reason of a refusal says what to change.
            if is_blocked:
                change = self._suggest_change(call, result, match)
            elif result.status == 401:
                change = suggest_login(match, self._page_request(call), result) or change
        return {
            "seen": [each.to_dict({name.lower() for name in typed}) for each in exchanges],
            "steps": [
                {"text": step.text, "stop": step.stop, "lost": bool(step.change and not step.stop)}
                for step in result.steps
            ],
            "messages": [
                " ".join((f"{name}:", text)) for name, text in console_messages(result, call.method)
            ],
            "refused": refused,
            "route": route,
            "change": change,
            "blockedBy": result.blocked_by,
            "agrees": call.readable is None or result.ok_for_page == call.readable,
        }

    def _suggest_change(self, call: Call, result: Result, match: RouteMatch) -> str | None:
        """Suggest a change of the app that still makes sense after `corsbp try` has ended."""
        stop = f"{result.blocked_by}"
        is_by_origin = stop.removeprefix("preflight-") in _BY_ORIGIN
        is_own = call.origin in self.origins
        if is_by_origin and is_own and match.route and _is_restricted(match.route):
            return self._suggest_for_own_page(call, match.route)
        is_preflight = any(sent.preflight for sent in result.sent[-1:])
        if not is_preflight and (redirect := explain_redirect(result)):
            return " ".join(filter(None, redirect))
        change = suggest_change(match, stop, self._page_request(call))
        if change is None and not is_by_origin:
            return result.steps[-1].change
        return change

    def _page_request(self, call: Call) -> PageRequest:
        # Advice is copied: the address of this page must not end up in a policy.
        origin = EXAMPLE_ORIGIN if call.origin in self.origins else call.origin
        names = tuple(name for name, _ in call.headers)
        return PageRequest(origin, call.method, names, call.credentials == "include")

    def _suggest_for_own_page(self, call: Call, route: RouteInfo) -> str:
        """Say what to do if a policy does not name an origin of this machine."""
        if call.origin != self.own_origin:
            return (
                "None: this origin stands for one that is not allowed, and the policy names those that are."
            )
        if self.allow and route.has_own_policy:
            return "None: --allow adds this page to sections, and this route has its own policy."
        return (
            f"corsbp try {self.target} --allow allows this page while the command runs. "
            "Or choose an origin that a policy names: it is simulated."
        )


def _outcome(call: Call, result: Result) -> dict[str, Any]:
    """Return what the page gets of a simulated call."""
    if not result.ok_for_page:
        return {"error": "TypeError: Failed to fetch"}
    body = result.text
    return {
        "status": result.status,
        "url": result.url,
        "headers": [*result.headers.items()],
        "redirected": result.url != call.url,
        "body": body if len(body) <= MAX_BODY else f"{body[:MAX_BODY]}…",
    }


def _is_restricted(route: RouteInfo) -> bool:
    return route.policy is not None and route.policy.allow_origins != "*"
