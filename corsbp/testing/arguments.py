"""Pure: the arguments of a browser's methods: checked, and as the other modules need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, get_args

from .result import Pairs

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


def check_argument(valid: bool, name: str, value: object, problem: str) -> None:
    """Raise ValueError with the name, the value and the problem, unless the argument is valid."""
    if not valid:
        raise ValueError(f"{name}: {value!r} is {problem}")


def check_choice(name: str, value: object, choices: Any) -> None:
    """Check that an argument is one of the values of a `Literal`."""
    known = get_args(choices)
    check_argument(value in known, name, value, f"none of {', '.join(known)}")


def check_text(name: str, value: object) -> None:
    """Check that an argument is a string."""
    check_argument(isinstance(value, str), name, value, "not a string")


def check_number(name: str, value: object) -> None:
    """Check that an argument is a number."""
    valid = isinstance(value, int | float) and not isinstance(value, bool)
    check_argument(valid, name, value, "not a number of seconds")


def check_body(body: object) -> None:
    """Check that a body is text, bytes or None."""
    valid = body is None or isinstance(body, str | bytes)
    check_argument(valid, "body", body, "neither text nor bytes; meant: json.dumps(…)")


def normalise_headers(headers: Headers) -> Pairs:
    """Return headers as pairs, without spaces around values. https://fetch.spec.whatwg.org/#concept-header-value-normalize"""
    pairs = normalise_pairs("headers", headers)
    return tuple((name, value.strip(" \t\r\n")) for name, value in pairs)


def normalise_pairs(argument: str, values: Mapping[str, str] | Iterable[tuple[str, str]]) -> Pairs:
    """Return a mapping, or names and values, as pairs."""
    # an iterator can be read only once
    pairs = tuple(values.items() if isinstance(values, Mapping) else values)
    for pair in pairs:
        is_pair = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        check_argument(is_pair, argument, pair, "not a name and a value, two strings")
    return pairs
