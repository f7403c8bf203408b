"""Values of requests as safe text: escaped, and cut to a length."""

from __future__ import annotations

import pytest

from corsbp.text import MAX_SHOWN, safe_repr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ("a\r\nb\x1b", r"'a\r\nb\x1b'"),
        ("a" * 198, "'" + "a" * 198 + "'"),
        ("a" * 199, "'" + "a" * 199 + "… (201 characters)"),
        ("a" * 5000, "'" + "a" * 199 + "… (5000 characters)"),
        ("\0" * 5000, "'" + "\\x00" * 49 + "\\x0… (5000 characters)"),
        (["a" * 300], "['" + "a" * 198 + "… (304 characters)"),
        (None, "None"),
    ],
)
def test_values_are_escaped_and_cut(value: object, text: str) -> None:
    assert safe_repr(value) == text
    assert len(safe_repr(value)) < MAX_SHOWN + 30


class Shy:
    """A value whose repr() fails."""

    def __repr__(self) -> str:
        raise LookupError("no connection")


def test_a_value_whose_repr_fails_is_named_by_its_type() -> None:
    """An origin function that returned it once caused a 500; an exception of a source ended its task."""
    assert safe_repr(Shy()) == "<a Shy that cannot be shown>"
    assert safe_repr(10**5000) == "<a int that cannot be shown>"  # Python does not print so many digits
