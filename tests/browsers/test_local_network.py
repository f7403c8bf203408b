"""A public page that calls this machine: Chromium asks the user, and so does its model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from corsbp.testing.browser import Browser as Simulator
from corsbp.testing.result import Result

from .call_scenarios import gif
from .console import eventually
from .engine import ENGINES, Browser, browser
from .page import Pages
from .scenario import Call, Scenario
from .scenario_page import run_batch
from .scenario_server import ScenarioServer
from .scenario_simulator import MemorySender

CALLS = (
    Call(),
    Call(method="PUT"),
    Call(mode="no-cors"),
    Call(kind="socket"),
    Call("api/image", kind="image"),
    Call(kind="beacon", body="text"),
)
SCENARIO = Scenario("a public page", CALLS, {"api/image": gif()})
DENIED = "Permission was denied for this request to access the `loopback` address space"
ALLOW, BLOCK = 1, 2  # values of Chromium's settings


@pytest.fixture(scope="module", params=[ALLOW, BLOCK], ids=["allowed", "denied"])
def chromium(request: pytest.FixtureRequest, pages: Pages, folder: Path) -> Iterator[tuple[Browser, bool]]:
    """Chromium, for which the port of the page is public, and the user's choice."""
    (engine,) = (engine for engine in ENGINES if engine.name == "chromium")
    page = urlsplit(pages.origins["app"])

    def arguments(profile: Path) -> list[str]:
        usual = engine.arguments(profile)
        file = profile / "Default" / "Preferences"
        settings = json.loads(file.read_text())
        choice = {f"{pages.origins['app']},*": {"setting": request.param}}
        settings["profile"]["content_settings"] = {"exceptions": {"loopback_network": choice}}
        file.write_text(json.dumps(settings))
        return [*usual, f"--ip-address-space-overrides={page.netloc}=public"]

    public = replace(engine, name="chromium-public", arguments=arguments)
    with browser(public, pages, folder) as started:
        yield started, request.param == ALLOW


def test_user_is_asked(chromium: tuple[Browser, bool], server: ScenarioServer) -> None:
    """Without the permission, no request is sent: no preflight, no handshake, no image."""
    browser, allowed = chromium
    run = server.start(browser.name, int(allowed), SCENARIO)
    (seen,) = run_batch(browser, [run])
    if allowed:
        assert [each["type"] for each in seen[:3] if isinstance(each, dict)] == ["cors", "cors", "opaque"]
        assert seen[3:] == ["error", "load", "arrived"]  # there is no WebSocket, but the server is called
        assert len(run.logged) == 7
    else:
        assert seen == [*["TypeError"] * 3, "error", "error", "lost"]
        assert run.logged == []
        assert eventually(lambda: browser.output.read_text(errors="replace").count(f"{DENIED}.") >= 5)


def simulate(server: ScenarioServer, call: Call, local_network: bool) -> Result:
    """Send one call of a public page to a server on this machine, as Chromium."""
    simulator = Simulator.using(
        MemorySender(server),
        "https://app.example",
        base_url="http://127.0.0.1",
        engine="chromium",
        local_network=local_network,
    )
    if call.kind == "socket":
        return asyncio.run(simulator.websocket("/"))
    if call.kind in ("image", "beacon"):
        return asyncio.run(simulator.fetch_as(call.kind, "/", body=call.body))
    return asyncio.run(simulator.fetch("/", call.method, mode=call.mode))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.kind} {call.method} {call.mode}")
def test_model_has_the_words_of_chromium(server: ScenarioServer, call: Call) -> None:
    denied = simulate(server, call, local_network=False)
    assert (denied.blocked_by, denied.sent) == ("local-network", ())
    assert denied.steps[-1].text == DENIED
    allowed = simulate(server, call, local_network=True)
    assert "The user is asked for permission to access the `loopback` address space" in str(allowed)
    assert allowed.sent
