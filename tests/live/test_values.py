"""Many origins are validated in steps (D1): the event loop is not held up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from typing import Any

import pytest

from corsbp import CorsPolicy
from corsbp.live import values

from ..support import ORIGIN

MANY = [f"https://{number}.example" for number in range(100_000)]


async def turns_during(work: Awaitable[Any]) -> int:
    """Count how often other tasks have a turn while something is at work."""
    count = 0

    async def others() -> None:
        nonlocal count
        while True:
            await asyncio.sleep(0)
            count += 1

    task = asyncio.create_task(others())
    await asyncio.sleep(0)
    await work
    task.cancel()
    return count


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "value",
    [MANY, [*MANY[1:], ORIGIN], [f"{origin}/" for origin in MANY]],
    ids=["valid", "one is new", "not valid"],
)
@pytest.mark.parametrize("known", [False, True])
def test_many_origins_are_validated_in_steps(
    value: Any, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have a turn after each step; here, each look at the clock finds that a step is over."""
    monkeypatch.setattr(values, "STEP", -1)
    policy = CorsPolicy(allow_origins=MANY) if known else CorsPolicy()

    async def talk() -> None:
        chunks = math.ceil(len(value) / values.CHUNK)
        # one more before the policy is made: its list and its set are two copies
        assert await turns_during(values.apply_value(value, policy)) == chunks + 1
        assert await turns_during(values.clear_in_steps([*value])) == 10

    asyncio.run(talk())


@pytest.mark.no_cover
def test_a_step_is_short() -> None:
    """No machine validates so many origins within a few steps, and a slow one needs more."""
    assert asyncio.run(turns_during(values.apply_value(MANY, CorsPolicy()))) >= 5


class Pretender(str):
    """A string that is equal to another."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other == ORIGIN

    def __hash__(self) -> int:
        return hash(ORIGIN)


ENTRIES: dict[str, tuple[list[Any], tuple[Any, ...], list[Any]]] = {
    "in the order given": (["https://b.example", ORIGIN], ("https://b.example", ORIGIN), []),
    "each once": ([ORIGIN, "https://b.example", ORIGIN], (ORIGIN, "https://b.example"), []),
    "known ones, each once": ([ORIGIN, ORIGIN], (ORIGIN,), []),
    "patterns after origins": (["http://localhost:*", ORIGIN], (ORIGIN, "http://localhost:*"), []),
    "a pattern once": (["https://*.a.example"] * 2, ("https://*.a.example",), []),
    "a string of a subclass": ([Pretender("https://b.example")], ("https://b.example",), []),
    "what is no string": ([7, None, b"", [], ORIGIN], (ORIGIN,), [7, None, b"", []]),
    "star": (["*"], (), ["*"]),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_entries(case: str) -> None:
    entries, allowed, left_out = ENTRIES[case]
    applied = asyncio.run(values.apply_value(entries, CorsPolicy(allow_origins=[ORIGIN])))
    assert applied.policy.allow_origins == allowed
    assert applied.left_out == left_out
    assert applied.is_empty is (allowed == ())
    assert all(type(entry) is str for entry in allowed)


def test_a_set_has_the_same_entries_as_a_list() -> None:
    """It takes a shorter way: the origins that the policy allows already are not looked at one by one."""
    known = [f"https://{number}.example" for number in range(10)]
    policy = CorsPolicy(allow_origins=[*known, "https://*.a.example"])
    value = {*known[:7], ORIGIN, "https://*.a.example", "https://*.b.example", "*", "https://c.example/", 7}
    kept = [known[9], "https://kept.example"]
    one, other = (
        asyncio.run(values.apply_value(values.unify_value(entries), policy, kept))
        for entries in (value, list(value))
    )
    allowed, same = one.policy.allow_origins, other.policy.allow_origins
    assert isinstance(allowed, tuple) and isinstance(same, tuple)
    assert set(allowed) == set(same) and len(allowed) == len(same) == 12
    assert set(one.left_out) == set(other.left_out) == {"*", "https://c.example/", 7}
    assert not one.is_empty


@pytest.mark.parametrize("value", [set(), {ORIGIN}, {"*"}, {ORIGIN, "*"}])
def test_a_set_is_empty_without_a_valid_entry(value: set[object]) -> None:
    policy = CorsPolicy(allow_origins=[ORIGIN])
    applied = asyncio.run(values.apply_value(values.unify_value(value), policy, ["https://kept.example"]))
    assert applied.is_empty is (ORIGIN not in value)


def test_a_function_is_called_once_where_it_is_kept_and_yielded() -> None:
    def function(origin: str, request: object) -> bool:
        return True

    value = values.unify_value(function)
    applied = asyncio.run(values.apply_value(value, CorsPolicy(), [function, ORIGIN]))
    assert applied.policy.allow_origins == (ORIGIN, function)
