"""`corsbp.testing` compared with real engines: pages must see the same, and servers get the same requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from corsbp.testing.engines import EngineName

from ..support import RecordProperty
from .bench import Bench
from .conftest import AGREEMENT, ENGINE
from .differences import EXCEPTIONS
from .engine import Browser
from .models import SCENARIOS, Simulated, agree
from .scenario import Outcome
from .scenario_page import run_in_page
from .scenario_server import ScenarioServer
from .scenario_simulator import run_in_simulator


@pytest.fixture(scope="package")
def real(bench: Bench, server: ScenarioServer) -> Mapping[str, Outcome]:
    return run_in_page(bench.browser, server, SCENARIOS)


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_engine_and_model_have_one_outcome(
    record_property: RecordProperty,
    bench: Bench,
    real: Mapping[str, Outcome],
    simulated: Simulated,
    name: str,
) -> None:
    """Every difference has a reason in `EXCEPTIONS`, and every reason there is a difference.

    The summary counts how often the standard and "today" have the engine's outcome too.
    """
    engine = cast(EngineName, bench.browser.name)
    record_property(ENGINE, [engine, bench.browser.version])
    reason = EXCEPTIONS.get((name, engine))
    models: dict[EngineName, str] = {"standard": "standard", "today": "today", engine: "its own model"}
    for kind, model in models.items():
        agreement = "exceptions" if reason else "explained"
        equal = agree(kind, simulated[kind][name], real[name])
        record_property(AGREEMENT, [model, "equal" if equal else agreement])
    same = simulated[engine][name] == real[name]
    both = f"simulated: {describe(simulated[engine][name])}\n\nreal: {describe(real[name])}"
    assert same or reason, both
    assert not (same and reason), f"no exception any longer: {reason}"


BLOCKED = [
    *(f"cookies: another site, {label}" for label in ("omit and same-origin", "methods", "no-cors")),
    *(f"cookies: a redirect from {start} to third" for start in ("api", "home")),
    *(f"cookies: {label}, one site" for label in ("no SameSite", "Lax", "Strict", "None", "Lax after None")),
    *(f"cookies: {label}, another site" for label in ("Lax", "Strict", "Partitioned")),
]


def test_engines_without_third_party_cookies(
    bench: Bench, as_delivered: Browser, server: ScenarioServer
) -> None:
    """The default of some engines. WebKit keeps none, but sends those that a visit has set."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name in BLOCKED]
    assert len(chosen) == len(BLOCKED)
    engine = cast(EngineName, bench.browser.name)
    simulated_outcomes = asyncio.run(run_in_simulator(engine, server, chosen, third_party_cookies=False))
    real_outcomes = run_in_page(as_delivered, server, chosen)
    different = {name for name in BLOCKED if simulated_outcomes[name] != real_outcomes[name]}
    assert bool(different) is (bench.browser.name == "webkit"), different


def describe(outcome: Outcome) -> str:
    return "\n    ".join(["", *map(str, outcome.seen), *outcome.logged])
