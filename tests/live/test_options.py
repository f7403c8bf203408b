"""The arguments of follow() are checked as it is called."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from corsbp import CorsPolicyError
from corsbp.live.options import FollowOptions

from ..support import ORIGIN
from .followed import Store, followed, follower_of, group_of


async def coroutine(app: Sanic) -> list[str]:
    return []


def generator(app: Sanic) -> Any:
    yield []


@pytest.mark.parametrize("source", [coroutine, generator, ["https://app.example"]])
def test_what_is_not_a_source(source: Any) -> None:
    with pytest.raises(TypeError, match=r"async generator function, not .*\. Meant: async def source\(app\)"):
        group_of().follow(source)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("wait", "retry", "stale_after") for value in (-1, "1", True)),
        *((name, float("inf")) for name in ("wait", "retry", "stale_after")),
        ("wait", None),
        ("wait", float("nan")),
        pytest.param("wait", 10**400, id="wait-huge"),
        ("retry", None),
        ("retry", 0),
        ("stale_after", 0),
        ("stale_after", timedelta(0)),
    ],
)
def test_what_is_not_a_time(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(TypeError, match=f"{name}= takes a number of seconds.* timedelta.*, not "):
        group_of().follow(Store(), **options)


def test_times_are_numbers_or_timedeltas() -> None:
    group = group_of()
    second = timedelta(seconds=1)
    group.follow(Store(), wait=second, retry=second, stale_after=second)
    assert follower_of(group).options == FollowOptions(1, False, 1, 1)
    group = group_of()
    group.follow(Store())
    assert follower_of(group).options == FollowOptions(10, False, 10, None)


@pytest.mark.parametrize("keep", ["*", ["*"]])
def test_star_cannot_be_kept(keep: Any) -> None:
    with pytest.raises(TypeError, match="keep= takes a collection of origins, patterns and functions, not "):
        group_of().follow(Store(), keep=keep)


@pytest.mark.parametrize(
    ("keep", "ids"),
    [
        ("https://app.example", ["bare-string"]),
        (["https://app.example/", 7], ["origin-trailing-slash", "entry-type"]),
        (["http://app.example", ORIGIN], ["credentials-insecure-origin"]),
        (lambda: True, ["origin-function-arguments"]),
    ],
)
def test_entries_that_cannot_be_kept(keep: Any, ids: list[str]) -> None:
    group = group_of(allow_origins=[ORIGIN], allow_credentials=True)
    with pytest.raises(CorsPolicyError) as caught:
        group.follow(Store(), keep=keep)
    assert [problem.id for problem in caught.value.problems] == ids
    assert {problem.field for problem in caught.value.problems} == {"keep"}
    assert group.live is None


def test_a_group_follows_one_source() -> None:
    group, _ = followed()
    with pytest.raises(ValueError, match=r"cors_group\(api\) follows .* already"):
        group.follow(Store())
