"""The models without the engines: each quirk changes the outcome of a scenario."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import fields, replace

import pytest

from corsbp.testing.engines import ENGINES, STANDARD, EngineName
from corsbp.testing.quirks import Engine
from corsbp.testing.transports import ServerSender

from ..support import ROOT
from .differences import DIFFERENCES, EXCEPTIONS
from .engine import ENGINES as REAL
from .models import SCENARIOS, Simulated
from .scenario import Scenario
from .scenario_server import ScenarioServer
from .scenario_simulator import run_in_simulator

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
NAMES: list[EngineName] = ["chromium", "firefox", "webkit"]
# no scenario waits for ten minutes: tests/testing/test_engines.py has a clock;
# no page of a scenario is public: test_local_network.py has such pages
UNSEEN = {"longest_max_age", "asks_for_local_network"}
QUIRKS = [
    (name, field.name)
    for name in NAMES
    for field in fields(Engine)
    if getattr(ENGINES[name], field.name) != field.default and field.name not in UNSEEN
]


@pytest.fixture(scope="module")
def unlike(simulated: Simulated) -> dict[EngineName, list[Scenario]]:
    """The scenarios in which a model differs from the standard, by engine."""
    standard = simulated["standard"]
    return {
        engine: [BY_NAME[name] for name, outcomes in each.items() if outcomes != standard[name]]
        for engine, each in simulated.items()
    }


@pytest.mark.parametrize("engine", NAMES)
def test_outcomes_are_the_same_again(
    server: ScenarioServer,
    simulated: Simulated,
    unlike: Mapping[EngineName, list[Scenario]],
    engine: EngineName,
) -> None:
    """The control of the next test."""
    again = asyncio.run(run_in_simulator(engine, server, unlike[engine]))
    assert len(again) > 50 and all(each == simulated[engine][name] for name, each in again.items())


@pytest.mark.parametrize("which", QUIRKS, ids="-".join)
def test_each_quirk_is_shown_by_a_scenario(
    monkeypatch: pytest.MonkeyPatch,
    server: ScenarioServer,
    simulated: Simulated,
    unlike: Mapping[EngineName, list[Scenario]],
    which: tuple[EngineName, str],
) -> None:
    """Without it, the outcome of one of these scenarios is different."""
    engine, quirk = which
    without = replace(ENGINES[engine], **{quirk: getattr(STANDARD, quirk)})
    monkeypatch.setitem(ENGINES, engine, without)
    left = unlike[engine]
    while left:
        some, left = left[:10], left[10:]
        outcomes = asyncio.run(run_in_simulator(engine, server, some))
        if any(each != simulated[engine][name] for name, each in outcomes.items()):
            return
    pytest.fail(f"no scenario shows {quirk}")


def test_in_memory_as_over_a_server(server: ScenarioServer, simulated: Simulated) -> None:
    """Some of the scenarios have the same outcome with a real server."""
    with_server = asyncio.run(run_in_simulator("standard", server, SCENARIOS[::5], sender=ServerSender(0.5)))
    assert with_server == {name: simulated["standard"][name] for name in with_server}


def test_exceptions_name_scenarios() -> None:
    assert [engine.name for engine in REAL] == NAMES
    assert len(BY_NAME) == len(SCENARIOS)
    assert {*EXCEPTIONS} <= {(name, engine) for name in BY_NAME for engine in NAMES}
    assert len(EXCEPTIONS) == sum(len(each.names) for each in DIFFERENCES)


def test_numbers_of_the_readme(unlike: Mapping[EngineName, list[Scenario]]) -> None:
    page = " ".join((ROOT / "tests" / "README.md").read_text().split())
    runs = len(NAMES) * len(SCENARIOS)
    lines = {name: sum(engine == name for engine, _ in QUIRKS) for name in NAMES}
    assert f"in {len(SCENARIOS):,} scenarios" in page
    deviations = ", ".join(f"{len(unlike[name])} scenarios ({name}, {lines[name]} quirks)" for name in NAMES)
    counted = (
        f"Of {runs:,} runs, {runs - len(EXCEPTIONS):,} have the result of the browser's model, and "
        f"{len(EXCEPTIONS)} are exceptions"
    )
    assert counted in page
    assert f"differ from the standard's in {deviations.lower()}" in page.lower(), deviations
