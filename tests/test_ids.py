"""The table of ids: each is declared once."""

from __future__ import annotations

import pytest

from corsbp.ids import Explanation, IdTable


def declared() -> IdTable:
    table = IdTable()
    table.declare("second-id", "has {count} parts", meaning="Too many parts.", remedy="Remove some.")
    table.declare("first-id", "is odd", meaning="It is odd.", remedy="Remove it.")
    return table


def test_a_table_keeps_the_order_of_its_declarations() -> None:
    table = declared()
    assert list(table) == ["second-id", "first-id"]
    assert len(table) == 2
    assert table["first-id"] == Explanation("first-id", "It is odd.", "Remove it.")


def test_a_message_is_filled_with_its_values_which_are_never_templates() -> None:
    message = IdTable().declare("an-id", "has {value} in it", meaning="It has.", remedy="Remove it.")
    assert message.fill(value="{value}") == "has {value} in it"
    assert message.variant("is {value}").fill(value=3) == "is 3"
    assert message.variant("is {value}").id == "an-id"


def test_an_id_is_declared_once() -> None:
    with pytest.raises(ValueError, match="first-id is declared twice"):
        declared().declare("first-id", "is odd", meaning="It is odd.", remedy="Remove it.")
