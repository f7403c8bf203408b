"""What an id means, and what to do: its row in the documentation that is installed with the package."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import corsbp

from .errors import CommandError

TABLE: Final = re.compile(r"^## ([^\n]*)\n(?:(?!^## ).)*?^<!-- \w+ -->\n(.*?)^<!-- end -->$", re.M | re.S)
"""A heading, and the table of ids below it."""
ROW: Final = re.compile(r"^\| `([a-z-]+)` \| (.*) \|$", re.M)
PAGES: Final = ("README.md", "testing/README.md")
"""Where the tables of ids are, beside the code that says them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An id in a table: under which heading of which page, what it means, and what to do."""

    id: str
    page: str
    heading: str
    means: str
    todo: str


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare `corsbp why`."""
    parser.description = (
        "What an id means that stands in an error, a warning, a finding or a log line, and what to do. "
        "Without an id: all of them. Needs no extra."
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="as it is printed: origin-trailing-slash")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, *_: object) -> int:
    """Print an id's row, or the list of all ids."""
    known = list(entries())
    if arguments.id is None:
        for heading in dict.fromkeys(each.heading for each in known):
            print(f"{heading}:")
            print(*(f"  {each.id}" for each in known if each.heading == heading), "", sep="\n")
        return 0
    id_ = arguments.id.strip("[]`")
    found = [each for each in known if each.id == id_]
    if not found:
        near = get_close_matches(id_, [each.id for each in known], 1)
        meant = f"; meant: {near[0]}" if near else "; corsbp why lists them"
        raise CommandError(f"no id is called {id_!r}{meant}")
    print(*map(_shown, found), sep="\n\n")
    return 0


def entries() -> Iterator[Entry]:
    """Every id of the documentation, in its order."""
    folder = Path(corsbp.__file__).parent
    for page in PAGES:
        text = (folder / page).read_text(encoding="utf-8")
        for heading, table in re.findall(
            r"^## ([^\n]*)\n(?:(?!^## ).)*?^<!-- \w+ -->\n(.*?)^<!-- end -->$", text, re.M | re.S
        ):
            for id_, row in ROW.findall(table):
                means, _, todo = row.partition(" | ")
                yield Entry(id_, f"corsbp/{page}", _plain(heading), _plain(means), _plain(todo))


def _shown(entry: Entry) -> str:
    width = min(shutil.get_terminal_size().columns, 100)
    todo = entry.todo or "corsbp explain says what to change, of your app or your server."
    lines = [
        entry.id,
        *textwrap.wrap(entry.means, width, initial_indent="  ", subsequent_indent="  "),
        *textwrap.wrap(f"What to do: {todo}", width, initial_indent="  ", subsequent_indent="  "),
        f"  ({entry.page}: {entry.heading})",
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Without what Markdown marks code with, and links."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("`", "")
