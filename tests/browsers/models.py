"""All scenarios, and what comes of them in the simulator as each of the engines."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeAlias, get_args

from corsbp.testing.engines import EngineName

from .scripted import Outcome, Scripts, in_simulator
from .simulated import SCENARIOS as OF_CORS
from .sites import SCENARIOS as OF_SITES

SCENARIOS = [*OF_CORS, *OF_SITES]
Simulated: TypeAlias = Mapping[EngineName, Mapping[str, Outcome]]
"""What comes of each scenario, by what is simulated and the scenario's name."""


def modelled(scripts: Scripts) -> Simulated:
    """All scenarios as all engines."""
    return {name: asyncio.run(in_simulator(name, scripts, SCENARIOS)) for name in get_args(EngineName)}


def agree(engine: str, simulated: Outcome, real: Outcome) -> bool:
    """Whether both came out the same; "today" sends every preflight, an engine may remember some."""
    if engine != "today" or simulated.saw != real.saw:
        return simulated == real
    rest = list(real.logged)
    for line in simulated.logged:
        if rest and rest[0] == line:
            rest.pop(0)
        elif "access-control-request-method" not in line:
            return False
    return not rest
