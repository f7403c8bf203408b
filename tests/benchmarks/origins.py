"""The cost of many origins: to declare them, to bind a section, to reconfigure it, and to match one."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.response import empty

from tests.benchmarks import tables
from tests.benchmarks.tables import Goal

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK = (100, 1_000)
BIG = 100_000
"""The size that the goals are about."""
KINDS: dict[str, Callable[[int], str]] = {
    "exact": "https://tenant-{}.example.com".format,
    "patterns": "https://*.tenant-{}.example.com".format,
    "international": "https://tenant-{}.xn--mnchen-3ya.example".format,
}
ASKED = 10_000
FEW = 100
"""What a quick run asks."""


async def _handler(_: Request) -> HTTPResponse:
    return empty()


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _measure(kind: str, size: int, asked: int) -> dict[str, float]:
    """Return the seconds to declare, bind and reconfigure; and the microseconds to match once."""
    from corsbp import CorsPolicy, cors_group

    origins = [KINDS[kind](number) for number in range(size)]
    made: list[CorsPolicy] = []
    found = {
        "declare": _seconds(lambda: made.append(CorsPolicy(allow_origins=origins, allow_credentials=True)))
    }
    (policy,) = made
    blueprint = Blueprint("many", url_prefix="/many")
    blueprint.add_route(_handler, "/item", name="item")
    app: Sanic[Any, Any] = Sanic(f"{kind}-{size}-{time.monotonic_ns()}")
    group = cors_group(blueprint, policy=policy)

    def bind() -> None:
        app.blueprint(group)
        app.router.finalize()

    found["bind"] = _seconds(bind)
    other = policy.replace(max_age=5)
    found["reconfigure"] = _seconds(lambda: group.reconfigure(other))
    granted = KINDS[kind](size - 1).replace("*", "a")

    def ask(origin: str) -> None:
        for _ in range(asked):
            policy.allows(origin)

    for name, origin in (("granted", granted), ("refused", "https://evil.example")):
        assert policy.allows(origin) is (name == "granted")
        found[name] = _seconds(partial(ask, origin)) / asked * 1e6
    Sanic.unregister_app(app)
    return found


def run(*, quick: bool, rounds: int | None = None) -> None:
    sizes = QUICK if quick else SIZES
    figures: dict[tuple[str, int], dict[str, float]] = {}
    rows = []
    for kind in KINDS:
        for size in sizes:
            times = rounds or (1 if quick or size > BIG else 3)
            measured = [_measure(kind, size, FEW if quick else ASKED) for _ in range(times)]
            best = figures[kind, size] = {
                name: median(each[name] for each in measured) for name in measured[0]
            }
            cells = [f"{best[name]:.3f}" for name in ("declare", "bind", "reconfigure", "granted", "refused")]
            rows.append([f"{size:,} {kind}", *cells])
    columns = [
        "origins, with credentials",
        "declare, s",
        "bind, s",
        "reconfigure, s",
        "granted, µs",
        "refused, µs",
    ]
    tables.show("Many origins", columns, rows, notes=tables.machine())

    def of(kind: str, name: str, size: int = BIG) -> float | None:
        return figures[kind, size][name] if (kind, size) in figures else None

    goals = [
        *(Goal(f"{BIG:,} {kind}: declare", of(kind, "declare"), 1, " s") for kind in KINDS),
        Goal(f"{BIG:,} exact: bind", of("exact", "bind"), 0.2, " s"),
        Goal(f"{BIG:,} exact: reconfigure", of("exact", "reconfigure"), 0.2, " s"),
    ]
    many, big = of("exact", "declare", 10 * BIG), of("exact", "declare")
    growth = many / big if many and big else None
    goals.append(Goal("ten times as many: times the work", growth, 15))
    tables.show_goals("Goals for many origins", goals)
