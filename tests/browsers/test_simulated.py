"""`corsbp.testing` against real engines: what pages see and what the server is asked must be the same."""

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
def test_engine_does_as_its_model_does(
    record_property: RecordProperty,
    bench: Bench,
    real: Mapping[str, Outcome],
    simulated: Simulated,
    name: str,
) -> None:
    """A difference has its reason in `EXCEPTIONS`, and a reason there its difference.

    How often the standard and "today" come out as the engine is counted, too: where one of them does not, the
    engine's model does not either, and its quirks say why.
    """
    engine = cast(EngineName, bench.browser.name)
    record_property(ENGINE, [engine, bench.browser.version])
    reason = EXCEPTIONS.get((name, engine))
    models: dict[EngineName, str] = {"standard": "standard", "today": "today", engine: "its own model"}
    for kind, told in models.items():
        came = "exceptions" if reason else "explained"
        equal = agree(kind, simulated[kind][name], real[name])
        record_property(AGREEMENT, [told, "equal" if equal else came])
    same = simulated[engine][name] == real[name]
    both = f"simulated: {story(simulated[engine][name])}\n\nreal: {story(real[name])}"
    assert same or reason, both
    assert not (same and reason), f"no exception any longer: {reason}"


BLOCKED = [
    *(f"cookies: another site, {label}" for label in ("omit and same-origin", "methods", "no-cors")),
    *(f"cookies: a redirect from {start} to third" for start in ("api", "home")),
    *(f"cookies: {label}, one site" for label in ("no SameSite", "Lax", "Strict", "None", "Lax after None")),
    *(f"cookies: {label}, another site" for label in ("Lax", "Strict", "Partitioned")),
]


def test_engines_that_let_third_parties_have_no_cookies(
    bench: Bench, as_delivered: Browser, server: ScenarioServer
) -> None:
    """As some are delivered. WebKit takes none from third parties, but sends what they set themselves."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name in BLOCKED]
    assert len(chosen) == len(BLOCKED)
    engine = cast(EngineName, bench.browser.name)
    mine = asyncio.run(run_in_simulator(engine, server, chosen, third_party_cookies=False))
    theirs = run_in_page(as_delivered, server, chosen)
    different = {name for name in BLOCKED if mine[name] != theirs[name]}
    assert bool(different) is (bench.browser.name == "webkit"), different


def story(outcome: Outcome) -> str:
    return "\n    ".join(["", *map(str, outcome.seen), *outcome.logged])
