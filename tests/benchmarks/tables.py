"""Results as Markdown tables, so that the output can be pasted into a page."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sanic
from rich import box
from rich.console import Console
from rich.table import Table

console = Console(width=200, highlight=False, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class Goal:
    what: str
    measured: float | None
    """None: one of the layers was not there."""
    at_most: float
    unit: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "pass" if self.measured <= self.at_most else "MISS"


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, notes: str = "") -> None:
    table = Table(box=box.MARKDOWN, show_edge=True)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(f"\n### {title}\n")
    if notes:
        console.print(notes + "\n")
    with console.capture() as printed:
        console.print(table)
    # Without the blank lines that rich adds above and below.
    console.print(printed.get().strip())


def show_goals(title: str, goals: Sequence[Goal]) -> None:
    rows = [
        (
            goal.what,
            "-" if goal.measured is None else f"{goal.measured:.2f}{goal.unit}",
            f"{goal.at_most:.2f}{goal.unit}",
            goal.verdict,
        )
        for goal in goals
    ]
    show(title, ["Goal", "measured", "at most", ""], rows)


def machine() -> str:
    """Return the facts that a reader needs to compare with a table of their own."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = f"{len(names)} x {names[0]}" if names else model
    return f"{model}, {platform.system()}, Python {platform.python_version()}, Sanic {sanic.__version__}"
