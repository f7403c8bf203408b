"""The cost of declaring and starting large apps: time, and peak memory in a pass of its own.

``python -m tests.benchmarks.startup NAME ROUTES SECTIONS time|memory`` measures once, in a fresh process.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.blueprints import BlueprintGroup
from sanic.response import empty

from tests.benchmarks import driver, layers, tables
from tests.benchmarks.environment import run_module
from tests.benchmarks.tables import Goal

ROUTES = (100, 1_000, 3_000)
SECTIONS = (1, 10, 100)
BARE, CORSBP, RECIPE = NAMES = ("no CORS", "corsbp", "guide's recipe")
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


def _declare(app: Sanic, layer: str, wrap: Wrap, routes: int, sections: int) -> None:
    """Half of the routes are static, ``/s1/r2``, half have one parameter, ``/s1/r3/<item:int>``."""
    for number in range(sections):
        section = Blueprint(f"s{number}", url_prefix=f"/s{number}")
        for route in range(number, routes, sections):
            odd = (route // sections + number) % 2
            section.add_route(_handler, f"/r{route}/<item:int>" if odd else f"/r{route}", name=f"r{route}")
        app.blueprint(wrap(section))
    if layer == RECIPE:
        layers.install_recipe(app)


def _measure(layer: str, routes: int, sections: int, what: str) -> float:
    """CPU seconds, or the peak of the memory in bytes."""
    wrap = _wrapper(layer)
    loop = driver.new_event_loop()
    asyncio.set_event_loop(loop)
    gc.collect()
    if what == "memory":
        tracemalloc.start()
    started = time.process_time()
    app = driver.make_app("startup", lambda app: _declare(app, layer, wrap, routes, sections))
    loop.run_until_complete(driver.start(app))
    return tracemalloc.get_traced_memory()[1] if what == "memory" else time.process_time() - started


# -- the tables, in the parent -------------------------------------------------------------------------------


def run(*, quick: bool = False, rounds: int | None = None) -> None:
    sizes = [(20, 2)] if quick else [(routes, sections) for sections in SECTIONS for routes in ROUTES]
    rounds = rounds or (1 if quick else 3)

    def measure(what: str, name: str, size: Size) -> float:
        figure: float = run_module(sys.executable, "startup", name, *map(str, size), what)["figure"]
        return figure

    # Every size of every layer once, then all again: a bad minute of the machine does not hit only one.
    times: Figures = {}
    for _ in range(rounds):
        for size in sizes:
            for name in NAMES:
                times[name, size] = min(measure("time", name, size), times.get((name, size), float("inf")))
    peaks: Figures = {(name, size): measure("memory", name, size) for size in sizes for name in NAMES}

    notes = f"{tables.machine()}. Half of the routes static, half with an int."
    _report("time, ms of CPU", sizes, times, 1e3, f"{notes} The best of {rounds} processes.")
    _report("peak memory, MB", sizes, peaks, 1e-6, notes)
    tables.show_goals("Startup: goal, as a ratio of what the layers cost above no CORS", _goals(sizes, times))


def _above(figures: Figures, name: str, size: Size) -> float:
    return figures[name, size] - figures[BARE, size]


def _report(what: str, sizes: Sequence[Size], figures: Figures, unit: float, notes: str) -> None:
    rows = []
    for number, size in enumerate(sizes):
        row = [f"{size[0]:,} in {size[1]}"]
        row += [f"{figures[name, size] * unit:,.1f}" for name in NAMES]
        row += [f"{_above(figures, name, size) * unit:+,.1f}" for name in (CORSBP, RECIPE)]
        smaller = sizes[number - 1]
        if number and smaller[1] == size[1]:
            row.append(f"x{size[0] / smaller[0]:.1f}")
            row += [f"x{figures[name, size] / figures[name, smaller]:.1f}" for name in NAMES]
        rows.append(row)
    above = [f"{name}, above" for name in (CORSBP, RECIPE)]
    growth = ["growth: routes", *NAMES]
    tables.show(f"Startup: {what}", ["routes in sections", *NAMES, *above, *growth], rows, notes=notes)


def _goals(sizes: Sequence[Size], times: Figures) -> list[Goal]:
    return [
        Goal(
            f"{size[0]:,} routes in {size[1]}: {CORSBP} / {RECIPE}",
            _above(times, CORSBP, size) / _above(times, RECIPE, size),
            0.75,
        )
        for size in sizes
        if size[0] == max(size[0] for size in sizes)
    ]


if __name__ == "__main__":
    replies = driver.reply_channel()
    replies.write(
        json.dumps({"figure": _measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])})
    )
    replies.close()
