"""The two consoles of the command, tables, and numbers of things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    out: Console,
    *,
    is_dim: Callable[[Sequence[str]], bool],
) -> None:
    """Print a table: within the width of a terminal, and for programs with one line for each row."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=not out.is_terminal, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row), style="dim" if is_dim(row) else "")
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    # Rich pads each line to the width of the table.
    lines = captured.get().strip().splitlines()
    out.print("\n".join(line.strip() for line in lines), markup=False)


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: `1 route`, `2 routes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class CommandConsole(Console):
    """A console that raises if its reader is gone; Rich would exit with a status of its own."""

    def on_broken_pipe(self) -> None:
        """Raise what `cli.run` catches."""
        raise BrokenPipeError


def open_console(stderr: bool = False) -> Console:
    """Open a console that breaks lines on a terminal only: programs read whole lines."""
    console = CommandConsole(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.soft_wrap = True
        console.width = 10_000
    return console
