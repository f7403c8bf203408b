"""Scenarios in the simulator."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from email.message import Message
from typing import cast
from urllib.parse import parse_qsl

from corsbp.testing.browser import Browser as Simulator
from corsbp.testing.call_kinds import FORM_TYPE
from corsbp.testing.engines import EngineName
from corsbp.testing.forms import Enctype
from corsbp.testing.result import Answer, NoAnswer, Result, Sent
from corsbp.testing.transports import Sender
from corsbp.testing.urls import parse_url

from .scenario import Call, Outcome, Reply, Scenario
from .scenario_server import VISIT, Run, ScenarioServer


class MemorySender:
    """Calls the scenarios' server as `Simulator.at` would, without a network."""

    def __init__(self, server: ScenarioServer) -> None:
        self.server = server

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        url, headers = parse_url(sent.url), Message()
        assert url is not None
        for name, value in (("host", url.host_and_port), *sent.headers):
            headers[name] = value
        try:
            status, pairs, body = self.server.respond(sent.method, url.target, headers, sent.body)
        except (KeyError, StopIteration):
            return NoAnswer("no server has this address")
        stream = ("content-type", "text/event-stream") in pairs
        if not stream and status not in (101, 204, 304):
            pairs = (*pairs, ("content-length", str(len(body))))
        stripped = tuple((name, value.strip(" \t")) for name, value in pairs)
        empty = status in (101, 204, 304) or sent.method == "HEAD"
        return Answer(status, stripped, b"" if empty else body, complete=not stream)

    async def __aenter__(self) -> MemorySender:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close nothing."""


async def run_in_simulator(
    engine: EngineName,
    server: ScenarioServer,
    scenarios: Sequence[Scenario],
    *,
    sender: Sender | None = None,
    third_party_cookies: bool = True,
) -> dict[str, Outcome]:
    """Run the scenarios in the simulator: a new browser for each."""
    outcomes: dict[str, Outcome] = {}
    async with sender or MemorySender(server) as open_sender:
        for number, scenario in enumerate(scenarios):
            run = server.start(f"{engine}-simulated-{third_party_cookies}", number, scenario)
            simulator = Simulator.using(
                open_sender,
                run.origin,
                base_url=f"http://{run.hosts['home']}",
                engine=engine,
                third_party_cookies=third_party_cookies,
                embedder_policy="require-corp" if scenario.require_corp else "unsafe-none",
            )
            if run.cookie:
                simulator.set_cookie(run.cookie)
            for host, line in scenario.visits:
                keep_cookie(simulator, run, host, line)
            seen = [
                describe(call, await perform(simulator, call, run.url(call.to))) for call in scenario.calls
            ]
            outcomes[scenario.name] = run.outcome(seen)
    return outcomes


def keep_cookie(simulator: Simulator, run: Run, host: str, line: str) -> None:
    """Visit a host whose response has a Set-Cookie line, which may be one that no browser keeps."""
    (_, value) = run.fill(Reply((("set-cookie", line),))).headers[-1]
    with contextlib.suppress(ValueError):
        simulator.set_cookie(value.encode("latin-1").decode(), run.url(f"{host}/{VISIT}"))


async def perform(simulator: Simulator, call: Call, url: str) -> Result:
    match call.kind:
        case "socket":
            return await simulator.websocket(url)
        case "fetch" | "stream" | "upload":
            return await simulator.fetch(
                url,
                call.method,
                headers=call.headers,
                body=call.body,
                credentials=call.credentials,
                mode=call.mode,
                redirect=call.redirect,
                upload_listener=call.kind == "upload",
            )
    if call.kind == "form":
        fields = parse_qsl(call.body or "", keep_blank_values=True)
        return await simulator.submit(url, fields, enctype=cast(Enctype, call.content_type or FORM_TYPE))
    return await simulator.fetch_as(
        call.kind,
        url,
        body=call.body,
        content_type=call.content_type,
        crossorigin=call.crossorigin,
    )


WORDS = {
    "socket": ("open", "error"),
    "beacon": ("arrived", "lost"),
    "image": ("load", "error"),
    "script": ("load", "error"),
    "form": ("{}", "nothing"),
    "navigate": ("{}", "nothing"),
}
"""What a page sees of calls that work and that do not."""


def describe(call: Call, result: Result) -> object:
    """Return what the page sees of a result, as the functions of `scenario.js` do."""
    if result.blocked_by == "beacon-too-large":
        return "refused"
    if call.kind in WORDS:
        done, failed = WORDS[call.kind]
        return done.format(result.url) if result.ok_for_page else failed
    if result.type == "error":
        return "TypeError"
    seen: dict[str, object] = {
        "status": result.status,
        "url": result.url,
        "headers": dict(result.headers),
        "body": result.text,
    }
    return seen if call.kind == "upload" else {"type": result.type, **seen}
