"""The tables of ids on the pages: `python -m tests.docs.id_tables` writes them from the code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from corsbp.command.finding_ids import AUDIT_FINDINGS
from corsbp.ids import Explanation
from corsbp.policy.problems import PROBLEM_TABLES
from corsbp.policy.warning_ids import POLICY_WARNINGS, STARTUP_WARNINGS

ROOT = Path(__file__).parents[2]
PAGE = "corsbp/README.md"
TABLES = {
    "problems": [each for table in PROBLEM_TABLES for each in table.values()],
    "warnings": [*POLICY_WARNINGS.values(), *STARTUP_WARNINGS.values()],
    "findings": list(AUDIT_FINDINGS.values()),
}
"""By the marker on the page, `<!-- problems -->`: the rows of the table below it."""


def render(rows: Iterable[Explanation]) -> str:
    """Return a table in Markdown."""
    lines = ["| id | what it means | what to do |", "| --- | --- | --- |"]
    lines += [f"| `{row.id}` | {row.meaning} | {row.remedy} |" for row in rows]
    return "".join(f"{line}\n" for line in lines)


def fill(text: str) -> str:
    """Return the text of a page with its tables as the code has them."""
    for name, rows in TABLES.items():
        begin = f"<!-- {name} -->\n"
        before, _, behind = text.partition(begin)
        _, end, after = behind.partition("<!-- end -->")
        text = f"{before}{begin}{render(rows)}{end}{after}"
    return text


if __name__ == "__main__":
    page = ROOT / PAGE
    page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
