"""The tables of ids are those of the code, to the word."""

from __future__ import annotations

from .id_tables import PAGE, ROOT, TABLES, fill


def test_the_tables_are_those_of_the_code() -> None:
    """If not, `python -m tests.docs.id_tables` writes them."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert fill(text) == text
    assert all(text.count(f"<!-- {name} -->\n") == 1 for name in TABLES)


def test_a_table_that_differs_is_written_anew() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert fill(text.replace("Remove the slash.", "Do not.")) == text
