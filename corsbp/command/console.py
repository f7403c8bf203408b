"""What is printed, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    out: Console,
    *,
    dim: Callable[[Sequence[str]], bool],
) -> None:
    """Print a table: within the width of a terminal; for programs as wide as it is."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=not out.is_terminal, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row), style="dim" if dim(row) else "")
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    out.print("\n".join(line.strip() for line in captured.get().strip().splitlines()), markup=False)


def counted(number: int, what: str) -> str:
    """A number of things: `1 route`, `2 routes`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


class Terminal(Console):
    """A console that leaves it to the command what happens when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(stderr: bool = False) -> Console:
    """A console whose lines are as long as need be where a program reads them."""
    made = Terminal(stderr=stderr, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = 10_000
    return made
