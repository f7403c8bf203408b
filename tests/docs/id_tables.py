"""The tables of ids on the pages: `python -m tests.docs.id_tables` writes them from the declarations."""

from __future__ import annotations

from collections.abc import Iterable

from corsbp.command.why import tables
from corsbp.ids import Explanation

from ..support import ROOT

TABLES = tables()
PAGES = list(dict.fromkeys(table.page for table in TABLES))


def render(rows: Iterable[Explanation]) -> str:
    """Return a table in Markdown."""
    lines = ["| id | what it means | what to do |", "| --- | --- | --- |"]
    lines += [f"| `{row.id}` | {row.meaning} | {row.remedy} |" for row in rows]
    return "".join(f"{line}\n" for line in lines)


def fill(page: str, text: str) -> str:
    """Return the text of a page with its tables as they are declared."""
    for table in TABLES:
        if table.page == page:
            marker = f"<!-- {table.name} -->\n"
            before, _, behind = text.partition(marker)
            _, end, after = behind.partition("<!-- end -->")
            text = f"{before}{marker}{render(table.rows)}{end}{after}"
    return text


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(fill(page, read(page)), encoding="utf-8")
