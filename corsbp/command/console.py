"""The two consoles of the command, tables, and numbers of things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP: Final = 3
"""Characters that Rich leaves between two columns of a table."""

MARGINS: Final = 2
"""Characters beside the table, on both sides together."""


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    out: Console,
    *,
    is_dim: Callable[[Sequence[str]], bool],
) -> None:
    """Print a table: within the width of a terminal, and for programs with one line for each row."""
    rows = [*rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    widths = _fit_widths(columns, rows, out.width) if out.is_terminal else None
    for place, column in enumerate(columns):
        table.add_column(
            column, width=widths[place] if widths else None, no_wrap=not out.is_terminal, overflow="fold"
        )
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


def _fit_widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return widths of columns that break no word; if the words have no room, the longest ones are broken."""
    cells = [[column, *(row[place] for row in rows)] for place, column in enumerate(columns)]
    wanted = [max(map(len, column)) for column in cells]
    widths = [max(len(word) for cell in column for word in cell.split() or [""]) for column in cells]
    room = width - GAP * (len(columns) - 1) - MARGINS - sum(widths)
    for _ in range(min(-room, sum(widths) - len(widths))):
        widths[widths.index(max(widths))] -= 1
    # The column that lacks most gets the next character.
    for _ in range(min(room, sum(wanted) - sum(widths))):
        missing = [most - given for most, given in zip(wanted, widths, strict=True)]
        widths[missing.index(max(missing))] += 1
    return widths


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
        # Programs read lines: a path or a list of origins that is broken in two is not found by `grep`.
        console.soft_wrap = True
        console.width = 10_000
    return console
