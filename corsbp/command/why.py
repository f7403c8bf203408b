"""`corsbp why ID`: what an id, or a message in a browser's console, means, and what to do."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any, NamedTuple

import corsbp
from corsbp.decision.refusal_ids import REFUSALS
from corsbp.ids import Explanation
from corsbp.policy.problems import PROBLEM_TABLES
from corsbp.policy.warning_ids import POLICY_WARNINGS, STARTUP_WARNINGS

from .errors import CommandError
from .finding_ids import AUDIT_FINDINGS


class Table(NamedTuple):
    """The table of one kind of ids, as it is on its page."""

    name: str
    """The marker above the table: `<!-- problems -->`."""

    page: str
    heading: str
    rows: tuple[Explanation, ...]


def tables() -> list[Table]:
    """Return the tables of all ids, from their declarations."""
    page, page_of_testing = "corsbp/README.md", "corsbp/testing/README.md"
    return [
        Table("problems", page, "Errors in a policy", _rows(*PROBLEM_TABLES)),
        Table("warnings", page, "Warnings", _rows(POLICY_WARNINGS, STARTUP_WARNINGS)),
        Table("refusals", page, "Reasons to refuse a page", _rows(REFUSALS)),
        Table("findings", page, "Findings of `corsbp audit`", _rows(AUDIT_FINDINGS)),
        Table("stops", page_of_testing, "What can stop a page", _rows(_load_stops())),
    ]


def _rows(*explanations: Mapping[str, Explanation]) -> tuple[Explanation, ...]:
    """Return the explanations of several tables, one after the other."""
    return tuple(each for table in explanations for each in table.values())


def _load_stops() -> Mapping[str, Explanation]:
    """Return the ids of `corsbp.testing`, without that package: it needs the extra, and imports Sanic."""
    # Only this module is loaded: to import a module is to import its package.
    folders = [f"{folder}/testing" for folder in corsbp.__path__]
    spec: Any = PathFinder.find_spec("corsbp.testing.stops", folders)  # also in a zip file or a frozen app
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    stops: Mapping[str, Explanation] = module.STOP_IDS
    return stops


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare `corsbp why`."""
    parser.description = (
        "Explain an id of an error, a warning, a finding or a log line, or a message in a browser's console: "
        "what it means, and what to do. Without an id, list all ids. Ids need no extra."
    )
    parser.add_argument(
        "id", nargs="*", metavar="ID", help="as it is printed: origin-trailing-slash; or a message in quotes"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, *_: object) -> int:
    """Print the explanation of an id, or the list of all ids."""
    known = tables()
    typed = " ".join(arguments.id)  # of a message without quotes, the shell makes words
    if not typed.strip():
        for table in known:
            print(f"{_plain(table.heading)}:", *(f"  {row.id}" for row in table.rows), "", sep="\n")
        return 0
    if " " in typed.strip():
        return _explain_message(typed, known)
    id_ = typed.strip("[]` ")
    # One id can be in two tables: `origin-null` is an error in a policy, and a reason to refuse a page.
    found = list(_explain(id_, known))
    if not found:
        close = get_close_matches(id_, [row.id for table in known for row in table.rows], n=1)
        hint = f"meant: {close[0]}" if close else "corsbp why lists them"
        raise CommandError(f"no id is called {id_!r}; {hint}")
    print(*found, sep="\n\n")
    return 0


def _explain_message(message: str, known: list[Table]) -> int:
    """Print the explanation of a message in a browser's console, and the command that shows each step."""
    try:
        from .console_messages import EVERY_FAILURE, find_stops, suggest_commands  # noqa: PLC0415  # needs the extra
    except ModuleNotFoundError as error:
        raise CommandError('the message of a browser needs the extra "cli" of corsbp') from error
    stops = find_stops(message)
    if not stops and EVERY_FAILURE.search(message):
        raise CommandError("every failed call has these words; copy the message above them in the console")
    if not stops:
        page = "corsbp/README.md: Messages in the browser's console"
        raise CommandError(f"no message about CORS has these words; see {page}")
    server, app = suggest_commands(message, stops)
    print(*(text for stop in stops for text in _explain(stop, known)), sep="\n\n")
    print(f"\nEach step:          {server}\nThe line to change: {app}")
    print("Add what the message leaves out: the call's method, headers, cookies and credentials.")
    return 0


def _explain(id_: str, known: list[Table]) -> Iterator[str]:
    """Yield the text for an id, once for each table that has it."""
    width = min(shutil.get_terminal_size().columns, 100)
    for table in known:
        for row in table.rows:
            if row.id == id_:
                paragraphs = [_plain(row.meaning), f"What to do: {_plain(row.remedy)}"]
                wrapped = (
                    textwrap.fill(each, width, initial_indent="  ", subsequent_indent="  ")
                    for each in paragraphs
                )
                yield "\n".join([id_, *wrapped, f"  ({table.page}: {_plain(table.heading)})"])


def _plain(text: str) -> str:
    """Return a text without the marks that Markdown has for code and links."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("`", "")
