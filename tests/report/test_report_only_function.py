"""`report_only=` as a function: it makes the report-only policy of each policy in force."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sanic import Blueprint, Sanic

from corsbp import CorsGroup, CorsPolicy, CorsPolicyError, Difference, cors_group

from ..cases import EVIL, ONE, TWO
from ..support import new_app, preflight, request, run_server, send_async, serve
from .test_refused import routes_of


def only_get(policy: CorsPolicy) -> CorsPolicy:
    return policy.replace(allow_methods=["GET"])


def app_of(report_only: Any, **fields: Any) -> tuple[Sanic, CorsGroup]:
    group = cors_group(routes_of(Blueprint("api", url_prefix="/api")), report_only=report_only, **fields)
    return new_app(group), group


def test_it_is_called_for_each_policy() -> None:
    _, group = app_of(only_get, allow_origins=[ONE, TWO])
    assert group.report_only == CorsPolicy(allow_origins=[ONE, TWO], allow_methods=["GET"])
    group.reconfigure(CorsPolicy(max_age=5))
    assert group.report_only == CorsPolicy(max_age=5, allow_methods=["GET"])
    group.reconfigure(CorsPolicy(), report_only=lambda policy: policy.replace(max_age=7))
    assert group.report_only == CorsPolicy(max_age=7)
    group.reconfigure(CorsPolicy(), report_only=CorsPolicy(max_age=8))
    group.reconfigure(CorsPolicy(max_age=9))
    assert group.report_only == CorsPolicy(max_age=8)
    group.reconfigure(CorsPolicy(), report_only=only_get)
    group.reconfigure(CorsPolicy(), report_only=None)
    assert group.report_only is None


def raises(policy: CorsPolicy) -> CorsPolicy:
    raise LookupError("no policy")


async def is_async(policy: CorsPolicy) -> CorsPolicy:
    return policy


WRONG = {
    "raises": (
        raises,
        ValueError,
        r"the function raises\(\) of report_only= failed: LookupError\('no policy'\)",
    ),
    "returns None": (
        lambda policy: None,
        TypeError,
        r"report_only= returned None, which is not a CorsPolicy",
    ),
    "returns a list": (lambda policy: [ONE], TypeError, r"returned \['https://app.example'\], which is not"),
    "is async": (is_async, TypeError, r"is_async\(\) of report_only= returned <coroutine .*which is not"),
    "makes a policy that cannot work": (
        lambda policy: policy.replace(allow_credentials=True),
        ValueError,
        r"report_only= failed: CorsPolicyError",
    ),
    "is a class": (CorsPolicy, ValueError, r"the function CorsPolicy\(\) of report_only= failed"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_one_that_fails_is_an_error_where_it_is_given(kind: str) -> None:
    function, error, message = WRONG[kind]
    with pytest.raises(error, match=message):
        cors_group(Blueprint("api"), report_only=function)  # type: ignore[arg-type]  # wrong on purpose
    before, beside = CorsPolicy(max_age=1), CorsPolicy(max_age=2)
    group = cors_group(Blueprint("api"), policy=before, report_only=beside)
    with pytest.raises(error, match=message):
        group.reconfigure(CorsPolicy(), report_only=function)  # type: ignore[arg-type]
    assert (group.policy, group.report_only) == (before, beside)


def test_the_error_has_its_cause() -> None:
    with pytest.raises(ValueError, match="failed") as caught:
        cors_group(Blueprint("api"), report_only=lambda policy: policy.replace(allow_credentials=True))
    assert isinstance(caught.value.__cause__, CorsPolicyError)


def test_one_that_fails_for_another_policy_changes_nothing() -> None:
    def needs_names(policy: CorsPolicy) -> CorsPolicy:
        return policy.replace(allow_credentials=True)

    _, group = app_of(needs_names, allow_origins=[ONE])
    with pytest.raises(ValueError, match="failed"):
        group.reconfigure(CorsPolicy())
    assert group.policy == CorsPolicy(allow_origins=[ONE])
    assert group.report_only == CorsPolicy(allow_origins=[ONE], allow_credentials=True)


class Live:
    """A source whose values a test gives."""

    def __init__(self) -> None:
        self.values: asyncio.Queue[Any] = asyncio.Queue()

    async def source(self, app: Sanic) -> AsyncIterator[Any]:
        yield [ONE]
        while True:
            yield await self.values.get()

    async def give(self, group: CorsGroup, value: Any, expected: object) -> None:
        await self.values.put(value)
        while group.policy.allow_origins != expected:
            await asyncio.sleep(0.01)


def test_it_follows_live_origins() -> None:
    """A new origin is reported by its method, and not as an origin that the report-only policy lacks."""
    app, group = app_of(only_get, allow_origins=[ONE])
    live = Live()
    group.follow(live.source, keep=())

    async def talk(port: int) -> None:
        await live.give(group, [ONE, TWO], (ONE, TWO))
        await send_async(port, preflight("/api/item", "PUT", origin=TWO))
        await live.give(group, [TWO], (TWO,))
        await send_async(port, preflight("/api/item", "PUT", origin=TWO))
        await send_async(port, request("GET", "/api/item", TWO))
        await live.give(group, [], ())
        await send_async(port, request("GET", "/api/item", TWO))

    run_server(asyncio.wait_for(serve(app, talk), 60))
    assert group.differences() == (Difference("refuse-send", TWO, "method-not-allowed", 2),)


def test_one_that_fails_for_live_origins_is_logged_and_the_last_policy_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails_for_two(policy: CorsPolicy) -> CorsPolicy:
        if policy.allow_origins == (ONE, EVIL):
            raise LookupError("no\npolicy")
        return only_get(policy)

    app, group = app_of(fails_for_two, allow_origins=[ONE])
    live = Live()
    group.follow(live.source)
    caplog.set_level(logging.ERROR)

    async def talk(port: int) -> None:
        await live.give(group, [ONE, EVIL], (ONE, EVIL))  # they are in force, whatever the function does
        answer = await send_async(port, request("GET", "/api/item", EVIL))
        assert answer.cors["access-control-allow-origin"] == EVIL
        assert group.report_only == CorsPolicy(allow_origins=[ONE], allow_methods=["GET"])
        await live.give(group, [ONE, TWO], (ONE, TWO))
        assert group.report_only == CorsPolicy(allow_origins=[ONE, TWO], allow_methods=["GET"])

    run_server(asyncio.wait_for(serve(app, talk), 60))
    (record,) = [each for each in caplog.records if each.name == "corsbp"]
    name = fails_for_two.__qualname__
    assert record.getMessage() == (
        f"cors_group(api) report-only: the function {name}() of report_only= failed: "
        "LookupError('no\\npolicy'): the last report-only policy stays"
    )
    assert record.corsbp["section"] == "cors_group(api)"  # type: ignore[attr-defined]
