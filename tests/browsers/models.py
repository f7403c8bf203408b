"""All scenarios, and their outcomes in the simulator with each model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeAlias, get_args

from corsbp.testing.engines import EngineName

from .call_scenarios import SCENARIOS as CALL_SCENARIOS
from .cors_scenarios import SCENARIOS as CORS_SCENARIOS
from .scenario import Outcome
from .scenario_server import ScenarioServer
from .scenario_simulator import run_in_simulator
from .site_scenarios import SCENARIOS as SITE_SCENARIOS

SCENARIOS = [*CORS_SCENARIOS, *SITE_SCENARIOS, *CALL_SCENARIOS]
Simulated: TypeAlias = Mapping[EngineName, Mapping[str, Outcome]]
"""The outcome of each scenario, by the name of the model and the scenario."""


def simulate_all(server: ScenarioServer) -> Simulated:
    """Run all scenarios with all models."""
    return {name: asyncio.run(run_in_simulator(name, server, SCENARIOS)) for name in get_args(EngineName)}


def agree(engine: str, simulated: Outcome, real: Outcome) -> bool:
    """Check whether both outcomes are equal. "today" sends every preflight; an engine may cache some."""
    if engine != "today" or simulated.seen != real.seen:
        return simulated == real
    rest = list(real.logged)
    for line in simulated.logged:
        if rest and rest[0] == line:
            rest.pop(0)
        elif "access-control-request-method" not in line:
            return False
    return not rest
