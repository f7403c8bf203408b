"""The cost of declaring and starting large apps: time, peak memory in a pass of its own, and `reconfigure`.

Everything beyond the import of Sanic is counted, the import of corsbp too.
``python -m tests.benchmarks.startup NAME ROUTES SECTIONS time|memory`` measures once, in a fresh process.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.blueprints import BlueprintGroup
from sanic.response import empty

from tests.benchmarks import driver, layers, tables
from tests.benchmarks.environment import run_module
from tests.benchmarks.tables import Goal

SIZES = ((100, 10), (1_000, 10), (3_000, 10), (3_000, 1), (3_000, 100))
"""Routes, in so many sections."""
BARE, CORSBP, RECIPE = NAMES = ("no CORS", "corsbp", "guide's recipe")
RECIPE_SIZE = (3_000, 10)
"""Where the recipe, which is slow, is measured; and at the smallest size."""
RECONFIGURED = 101
Size = tuple[int, int]
Figures = dict[tuple[str, Size], float]
Wrap = Callable[[Blueprint], Blueprint | BlueprintGroup]


# -- one measurement, in the child ---------------------------------------------------------------------------


def _wrapper(layer: str) -> Wrap:
    if layer != CORSBP:
        return lambda section: section

    from corsbp import cors_group

    def wrap(section: Blueprint) -> BlueprintGroup:
        return cors_group(
            section,
            allow_origins=[layers.ORIGIN, "https://other.example"],
            allow_credentials=True,
            allow_headers=layers.ASKED_HEADERS,
            expose_headers=[layers.EXPOSED],
            max_age=layers.MAX_AGE,
        )

    return wrap


async def _handler(request: Request, item: int = 0) -> HTTPResponse:
    return empty()


def _declare(app: Sanic, layer: str, wrap: Wrap, routes: int, sections: int) -> Iterator[BlueprintGroup]:
    """Declare the sections: half of the routes are static, ``/s1/r2``, half ``/s1/r3/<item:int>``."""
    for number in range(sections):
        section = Blueprint(f"s{number}", url_prefix=f"/s{number}")
        for route in range(number, routes, sections):
            odd = (route // sections + number) % 2
            section.add_route(_handler, f"/r{route}/<item:int>" if odd else f"/r{route}", name=f"r{route}")
        wrapped = wrap(section)
        app.blueprint(wrapped)
        if isinstance(wrapped, BlueprintGroup):
            yield wrapped
    if layer == RECIPE:
        layers.install_recipe(app)


def _measure(layer: str, routes: int, sections: int, what: str) -> dict[str, float]:
    """Return the CPU seconds of a start and of a `reconfigure`; or the memory at the peak and the end."""
    loop = driver.new_event_loop()
    asyncio.set_event_loop(loop)
    gc.collect()
    if what == "memory":
        tracemalloc.start()
    started = time.process_time()
    wrap = _wrapper(layer)
    groups: list[BlueprintGroup] = []

    def declare(app: Sanic) -> None:
        groups.extend(_declare(app, layer, wrap, routes, sections))

    app = driver.make_app("startup", declare)
    loop.run_until_complete(driver.start(app))
    if what == "memory":
        peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        return {"peak": peak, "held": tracemalloc.get_traced_memory()[0]}
    return {"time": time.process_time() - started} | ({"reconfigure": _reconfigure(groups)} if groups else {})


def _reconfigure(groups: Sequence[BlueprintGroup]) -> float:
    """Return the CPU seconds to make another policy of one section and to use it: the median of several."""
    seconds = []
    for number in range(RECONFIGURED):
        group: Any = groups[number % len(groups)]
        started = time.process_time()
        group.reconfigure(group.policy.replace(max_age=number))
        seconds.append(time.process_time() - started)
    return median(seconds)


# -- the tables, in the parent -------------------------------------------------------------------------------


def run(*, quick: bool = False, rounds: int | None = None) -> None:
    sizes = [(20, 2)] if quick else SIZES
    rounds = rounds or (1 if quick else 3)
    best: dict[str, Figures] = {"time": {}, "peak": {}, "held": {}, "reconfigure": {}}

    def measure(what: str, name: str, size: Size) -> None:
        figures = run_module(sys.executable, "startup", name, *map(str, size), what)
        for kind, figure in figures.items():
            best[kind][name, size] = min(figure, best[kind].get((name, size), float("inf")))

    # Every size of every layer once, then all again, so that a slow minute does not hit only one.
    for turn in range(rounds):
        for size in sizes:
            for name in NAMES[:: 1 if turn % 2 else -1]:
                if name != RECIPE or size in (sizes[0], RECIPE_SIZE):
                    measure("time", name, size)
    for size in _largest(sizes):
        for name in (BARE, CORSBP):
            measure("memory", name, size)

    notes = (
        f"{tables.machine()}. Half of the routes static, half with an int; "
        "with corsbp's import, without Sanic's."
    )
    _report("time, ms of CPU", NAMES, best["time"], 1e3, f"{notes} The best of {rounds} processes.")
    for kind, what in (("peak", "memory at its peak"), ("held", "memory held")):
        _report(f"{what}, MB", (BARE, CORSBP), best[kind], 1e-6, notes)
    tables.show(
        "One `reconfigure`, µs of CPU",
        ["routes in sections", CORSBP],
        [[_shown(size), f"{best['reconfigure'][CORSBP, size] * 1e6:,.1f}"] for size in sizes],
        notes="Another policy for one section: made, and followed.",
    )
    tables.show_goals("Startup: goals", _goals(sizes, best))


def _shown(size: Size) -> str:
    return f"{size[0]:,} in {size[1]}"


def _largest(sizes: Sequence[Size]) -> list[Size]:
    return [size for size in sizes if size[0] == max(routes for routes, _ in sizes)]


def _report(what: str, names: Sequence[str], figures: Figures, unit: float, notes: str) -> None:
    rows = []
    for size in dict.fromkeys(size for _, size in figures):
        row = [_shown(size)]
        row += [f"{figures[name, size] * unit:,.1f}" if (name, size) in figures else "" for name in names]
        row += [f"{_ratio(figures, CORSBP, size):.2f}"]
        rows.append(row)
    columns = ["routes in sections", *names, f"{CORSBP} / {BARE}"]
    tables.show(f"Startup: {what}", columns, rows, notes=notes)


def _ratio(figures: Figures, name: str, size: Size) -> float:
    return figures[name, size] / figures[BARE, size]


def _goals(sizes: Sequence[Size], best: Mapping[str, Figures]) -> list[Goal]:
    times, largest = best["time"], _largest(sizes)
    kinds = {"time": ("time", 1.10), "peak": ("memory at its peak", 1.15), "held": ("memory held", 1.15)}
    return [
        *(
            Goal(f"{what}: {_shown(size)}: {CORSBP} / {BARE}", _ratio(best[kind], CORSBP, size), at_most)
            for kind, (what, at_most) in kinds.items()
            for size in largest
        ),
        *(
            Goal(
                f"time above {BARE}: {_shown(size)}: {CORSBP} / {RECIPE}",
                (times[CORSBP, size] - times[BARE, size]) / (times[RECIPE, size] - times[BARE, size]),
                0.75,
            )
            for size in largest
            if (RECIPE, size) in times
        ),
        *(
            Goal(f"reconfigure: {_shown(size)}", best["reconfigure"][CORSBP, size] * 1e3, 1, " ms")
            for size in largest
        ),
    ]


if __name__ == "__main__":
    replies = driver.reply_channel()
    replies.write(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])) + "\n")
    replies.close()
