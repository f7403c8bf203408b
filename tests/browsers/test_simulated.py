"""`corsbp.testing` against real engines: what pages see and what the server is asked must be the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import get_args

import pytest

from corsbp.testing.browser import EngineName

from .bench import Bench
from .conftest import AGREEMENT
from .differences import EXCEPTIONS
from .engine import ENGINES, Browser
from .page import Pages
from .scripted import SCRIPTED, Outcome, Scripts, in_page, in_simulator
from .simulated import SCENARIOS as OF_CORS
from .sites import SCENARIOS as OF_SITES

Outcomes = Mapping[str, Outcome]
SIMULATED: tuple[EngineName, ...] = get_args(EngineName)
SCENARIOS = [*OF_CORS, *OF_SITES]
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="session")
def scripts(pages: Pages) -> Scripts:
    scripts = Scripts(pages.origins)
    pages.others[SCRIPTED] = scripts.answer
    return scripts


@pytest.fixture(scope="session")
def simulated(scripts: Scripts) -> dict[EngineName, Outcomes]:
    return {engine: asyncio.run(in_simulator(engine, scripts, SCENARIOS)) for engine in SIMULATED}


@pytest.fixture(scope="session")
def real(bench: Bench, scripts: Scripts) -> Outcomes:
    return in_page(bench.browser, scripts, SCENARIOS)


def agree(engine: EngineName, simulated: Outcome, real: Outcome) -> bool:
    """Whether both came out the same; "today" sends every preflight, an engine may remember some."""
    if simulated.saw != real.saw:
        return False
    rest = list(real.logged)
    for line in simulated.logged:
        if rest and rest[0] == line:
            rest.pop(0)
        elif engine == "standard" or "access-control-request-method" not in line:
            return False
    return not rest


@pytest.mark.parametrize("name", NAMES)
def test_simulator_does_as_the_engine_does(
    request: pytest.FixtureRequest,
    bench: Bench,
    real: Outcomes,
    simulated: Mapping[EngineName, Outcomes],
    name: str,
) -> None:
    """A difference has its reason in `EXCEPTIONS`, and a reason there its difference."""
    counts = request.config.stash.setdefault(AGREEMENT, {})
    wrong = []
    for engine in SIMULATED:
        same = agree(engine, simulated[engine][name], real[name])
        reason = EXCEPTIONS[engine].get((name, bench.browser.name))
        counts.setdefault(engine, []).append(same)
        if same and reason:
            wrong.append(f"{engine}: no exception any longer: {reason}")
        elif not same and not reason:
            wrong.append(f"{engine}: {story(simulated[engine][name])}")
    assert not wrong, "\n\n".join([*wrong, f"{bench.browser.name}: {story(real[name])}"])


BLOCKED = [
    *(f"cookies: another site, {label}" for label in ("omit and same-origin", "methods", "no-cors")),
    *(f"cookies: a redirect from {start} to third" for start in ("api", "home")),
    *(f"cookies: {label}, one site" for label in ("no SameSite", "Lax", "Strict", "None", "Lax after None")),
    *(f"cookies: {label}, another site" for label in ("Lax", "Strict", "Partitioned")),
]


def test_engines_that_let_third_parties_have_no_cookies(
    bench: Bench, as_delivered: Browser, scripts: Scripts
) -> None:
    """As some are delivered. WebKit takes none from third parties, but sends what they set themselves."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name in BLOCKED]
    assert len(chosen) == len(BLOCKED)
    mine = asyncio.run(in_simulator("standard", scripts, chosen, third_party_cookies=False))
    theirs = in_page(as_delivered, scripts, chosen)
    different = {name for name in BLOCKED if mine[name] != theirs[name]}
    assert bool(different) is (bench.browser.name == "webkit"), different


def story(outcome: Outcome) -> str:
    return "\n    ".join(["", *map(str, outcome.saw), *outcome.logged])


def test_exceptions_are_of_scenarios() -> None:
    assert len(set(NAMES)) == len(NAMES) > 500
    known = {(name, engine.name) for name in NAMES for engine in ENGINES}
    assert known >= {*EXCEPTIONS["standard"], *EXCEPTIONS["today"]}
    assert {*EXCEPTIONS["standard"]} > {*EXCEPTIONS["today"]}
