"""Scenarios in the pages of real browsers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .engine import Browser
from .scenario import OPEN, Call, Outcome, Reply, Route, Scenario
from .scenario_server import ARRIVED, FRAME, VISIT, Run, ScenarioServer

SOURCE = Path(__file__).with_name("scenario.js").read_text()
VISITS = "for (const url of %s) await fetch(url);"
PER_JOB = 20  # scenarios
CACHED = Scenario(
    "a cached preflight",
    (Call(method="PUT"), Call(method="PUT")),
    {
        "api/a": Route(
            OPEN.replies, (Reply((*OPEN.preflights[0].headers, ("access-control-max-age", "600"))),)
        )
    },
)


def run_in_page(
    browser: Browser, server: ScenarioServer, scenarios: Sequence[Scenario]
) -> dict[str, Outcome]:
    """Run the scenarios in a real browser, several in one job of its page."""
    for number in range(20):  # Firefox does not cache the first preflight
        run = server.start(f"{browser.name}-before", number, CACHED)
        run_batch(browser, [run])
        if len(run.logged) == 3:
            break
    runs = [server.start(browser.name, number, each) for number, each in enumerate(scenarios)]
    outcomes = {}
    for named in (False, True):
        chosen = [run for run in runs if run.scenario.named is named]
        for start in range(0, len(chosen), PER_JOB):
            batch = chosen[start : start + PER_JOB]
            for run, seen in zip(batch, run_batch(browser, batch), strict=True):
                outcomes[run.scenario.name] = run.outcome(seen)
    return outcomes


def run_batch(browser: Browser, runs: Sequence[Run]) -> list[list[object]]:
    """Return what the page saw of each call of each run, after its hosts' own pages got their cookies.

    Not of all runs at once: browsers keep no more than some 180 cookies of a host.
    """
    for host, tab in runs[0].scenario.hosts.items():
        visited = [run for run in runs if any(name == host for name, _ in run.scenario.visits)]
        urls = [run.url(f"{host}/{VISIT}") for run in visited]
        if urls:
            browser.run(tab, VISITS % json.dumps(urls), name="visits", api="", sockets="")
    jobs = [
        {
            "cookie": run.cookie,
            "frame": frame_of(run),
            "calls": [options(run, call) for call in run.scenario.calls],
        }
        for run in runs
    ]
    script = f"{SOURCE}\nreturn performJobs({json.dumps(jobs)}, {json.dumps(SOURCE)});"
    tab = runs[0].scenario.hosts["home"]
    seen = browser.run(tab, script, name="scenarios", api="", sockets="", patience=50_000)
    assert isinstance(seen, list), seen
    return seen


def frame_of(run: Run) -> str | None:
    """Return the URL of the frame in which a run takes place, "" for a sandboxed one, None for no frame."""
    if run.scenario.require_corp:
        return run.url(f"home/{FRAME}")
    return "" if run.scenario.opaque else None


def options(run: Run, call: Call) -> dict[str, object]:
    """Return a call as `performAll` takes it."""
    fields = {name: value for name, value in asdict(call).items() if value is not None}
    return {**fields, "url": run.url(fields.pop("to")), "arrived": run.url(f"home/{ARRIVED}")}
