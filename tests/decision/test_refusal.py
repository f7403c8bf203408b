"""The reasons to refuse an origin: the id, the value, and what would have matched."""

from __future__ import annotations

import pytest

from corsbp import CorsPolicy
from corsbp.decision.compiled import CompiledPolicy
from corsbp.decision.refusal import Refusal

from ..cases import EVIL, ONE
from .test_preflight import NARROW

LIST = CompiledPolicy(CorsPolicy(allow_origins=[f"https://{name}.example" for name in "abcdefg"]))
FUNCTION = CompiledPolicy(CorsPolicy(allow_origins=lambda origin, request: False))
FEW = "one of 'https://a.example', 'https://b.example', 'https://c.example', 'https://d.example', 'https://e.example'"


@pytest.mark.parametrize(
    ("rules", "origins", "failed", "expected"),
    [
        (LIST, [], False, None),
        (LIST, ["https://a.example"], False, None),
        (
            LIST,
            ["https://a.example"] * 2,
            False,
            ("origin-repeated", ["https://a.example"] * 2, "one Origin line"),
        ),
        (LIST, ["null"], False, ("origin-null", "null", f"{FEW} and 2 more")),
        (LIST, ["a"], False, ("origin-malformed", "a", f"{FEW} and 2 more")),
        (
            LIST,
            ["https://z.example"],
            False,
            ("origin-not-allowed", "https://z.example", f"{FEW} and 2 more"),
        ),
        (NARROW, ["https://z.example"], False, None),
    ],
)
def test_reasons_to_refuse_an_origin(
    rules: CompiledPolicy, origins: list[str], failed: bool, expected: tuple[object, ...] | None
) -> None:
    refusal = rules.refusal(origins, rules.grant(origins), failed)
    assert (refusal and refusal[:3]) == expected


@pytest.mark.parametrize(
    ("failed", "id_"), [(False, "origin-function-refused"), (True, "origin-function-failed")]
)
def test_reasons_of_a_function(failed: bool, id_: str) -> None:
    refusal = FUNCTION.refusal(["https://a.example"], None, failed)
    assert refusal is not None
    assert refusal[:3] == (id_, "https://a.example", "an origin for which <lambda>() returns True")


def refused(rules: CompiledPolicy, origin: str, failed: bool = False) -> Refusal:
    refusal = rules.refusal([origin], None, failed)
    assert refusal
    return refusal


def f(origin: str, request: object) -> bool:
    return bool(origin and request)


def g(origin: str, request: object) -> bool:
    return f(origin, request)


def test_the_refusal_names_what_would_have_matched() -> None:
    rules = CompiledPolicy(CorsPolicy(allow_origins=[ONE, f, g], allow_credentials=True))
    expected = f"one of {ONE!r}, or an origin for which f() or g() returns True"
    assert refused(rules, EVIL)[:3] == ("origin-function-refused", EVIL, expected)
    assert refused(rules, EVIL, True)[:3] == ("origin-function-failed", EVIL, expected)
    assert refused(rules, "file://")[:3] == ("origin-not-allowed", "file://", expected)
