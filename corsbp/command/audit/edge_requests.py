"""Requests to a running deployment, through its proxy and its cache, at a limited rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from corsbp.command import finding_ids
from corsbp.command.errors import CommandError
from corsbp.command.finding import Finding, make_finding
from corsbp.command.proxy_sender import ProxySender
from corsbp.spec.fetch import ALLOW_ORIGIN, ORIGIN
from corsbp.testing import Answer, Sent
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import SHORT_READING, Sender, ServerSender
from corsbp.testing.urls import parse_url

from .observed_method import UNKNOWN_ORIGIN, ObservedMethod, Target
from .probe import observe

DEFAULT_RATE: Final = 20.0
"""Requests in a second: fewer than a page with its images sends."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the responses of a deployment show."""

    observed: list[ObservedMethod]
    findings: list[Finding]
    """Faults of the whole deployment."""

    requests: int
    """How many requests were sent."""


class LimitedSender(ProxySender):
    """Send at most `rate` requests in a second, one after the other."""

    def __init__(self, sender: Sender, rate: float) -> None:
        super().__init__(sender)
        self._interval = 1 / rate
        self._next = 0.0
        self.count: int = 0

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Wait for the next turn, then send the request."""
        now = time.monotonic()
        # A negative delay is none: time that was not used is not saved up for a burst.
        await asyncio.sleep(self._next - now)
        self._next = max(now, self._next) + self._interval
        self.count += 1
        return await super().send(sent)


async def observe_deployment(
    targets: Sequence[Target], origins_for: Callable[[Target], Sequence[str]], rate: float
) -> Deployment:
    """Send requests to the targets as pages of the origins that `origins_for` returns.

    Raises:
        CommandError: the first request gets no response.
        ValueError: one of the origins is not an origin.
    """
    observed: list[ObservedMethod] = []
    sender = LimitedSender(ServerSender(SHORT_READING), rate)
    async with sender:
        # One redirect to https would be a finding for every route.
        is_http = bool(targets) and targets[0].url.startswith("http:")
        if is_http and (redirect := await _find_redirect(targets[0], sender)):
            return Deployment([], [redirect], sender.count)
        for target in targets:
            found = await observe(target, sender, [*origins_for(target)])
            # Only the first: a single route that never ends is a finding, not the end of the audit.
            if not observed and found.no_response and not found.exchanges:
                raise CommandError(f"{_origin_of(target.url)} did not respond: {found.no_response}")
            observed.append(found)
        http = await _find_http(observed[0], sender) if observed and not is_http else None
    return Deployment(observed, [http] if http else [], sender.count)


async def _find_redirect(target: Target, sender: LimitedSender) -> Finding | None:
    """Return a finding if a deployment on http redirects to https, where no other request makes sense."""
    # No browser: a browser on https would refuse to call http at all (mixed content).
    response = await sender.send(Sent("GET", target.url, ((ORIGIN, UNKNOWN_ORIGIN),)))
    location = response.get("location") if isinstance(response, Answer) else None
    if not location or not location.startswith("https:"):
        return None
    address = _origin_of(target.url)
    return make_finding("error", finding_ids.EDGE_REDIRECT, address, location=_origin_of(location))


async def _find_http(observed: ObservedMethod, sender: LimitedSender) -> Finding | None:
    """Return a finding if a deployment on https responds by http, too, with headers of CORS."""
    sent, _ = observed.exchanges[0]
    response = await sender.send(replace(sent, url=sent.url.replace("https:", "http:", 1)))
    if isinstance(response, NoAnswer) or response.get(ALLOW_ORIGIN) is None:
        return None
    return make_finding("info", finding_ids.EDGE_HTTP, _origin_of(sent.url))


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check_address(url: str) -> str:
    """Return the address of a deployment without a slash at the end.

    Raises:
        CommandError: it is not an http or https URL without a query.
    """
    parsed = parse_url(url)
    if parsed is None or not parsed.is_http or "?" in parsed.target:
        raise CommandError(f"--at takes the address of a deployment, https://api.example, not {url!r}")
    return str(parsed).rstrip("/")
