"""The tables of ids on the pages are as declared, to the word."""

from __future__ import annotations

import re

import pytest

from corsbp.command.why import Table

from .id_tables import PAGES, TABLES, fill, read


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_as_declared(page: str) -> None:
    """If not, `python -m tests.docs.id_tables` writes them."""
    assert fill(page, read(page)) == read(page)


@pytest.mark.parametrize("page", PAGES)
def test_a_table_that_differs_is_written_anew(page: str) -> None:
    row = next(row for table in TABLES if table.page == page for row in table.rows)
    changed = read(page).replace(row.meaning, "Something else.")
    assert changed != read(page)
    assert fill(page, changed) == read(page)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_table_is_below_its_heading(table: Table) -> None:
    before, marker, _ = read(table.page).partition(f"<!-- {table.name} -->\n")
    assert marker
    assert re.findall(r"^## (.*)$", before, re.MULTILINE)[-1] == table.heading


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_meanings_and_remedies_are_sentences(table: Table) -> None:
    texts = [text for row in table.rows for text in (row.meaning, row.remedy)]
    assert [text for text in texts if not re.fullmatch(r"[A-Z`*].{6,}\.", text) or "|" in text] == []
