"""Each value of a source becomes the policy of the section (D1, D3): over HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from typing import Any

import pytest

from corsbp import CorsPolicy, CorsPolicyWarning
from corsbp.live import follower

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    REFUSED,
    TWO,
    new_app,
    preflight,
    preflight_headers,
    run_server,
    send_async,
    serve,
)
from .followed import (
    BY_EVIL,
    BY_TWO,
    CREDENTIALS,
    Cors,
    Store,
    do_not_wait,
    followed,
    follower_of,
    group_of,
    logged,
    put,
    run,
    sender,
    until,
)
from .test_values import MANY

# The warning that reconfigure() gives is tested by itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*reconfigure-followed")


def only_two(origin: str, request: object) -> bool:
    return origin == TWO


# --- a value takes effect ---


def test_a_change_takes_effect() -> None:
    group, store = group_of(allow_origins=[EVIL], max_age=7), Store([ORIGIN])
    assert group.live is None
    group.follow(store, keep=())
    assert group.live == (None, 1, "the source is not followed yet", 0, 0)

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, EVIL, None) == [GRANTED, REFUSED, REFUSED]
        await put(group, store, {ORIGIN, TWO})
        assert await cors(ORIGIN, TWO, EVIL) == [GRANTED, BY_TWO, REFUSED]
        await put(group, store, ("https://*.app.example", "https://*.app.example"))
        below = "https://a.app.example"
        assert await cors(below, ORIGIN) == [GRANTED | {"access-control-allow-origin": below}, REFUSED]
        assert group.live and group.live.error is None and group.live.age is not None and group.live.age < 20
        assert group.live.origins == 1
        assert group.policy.max_age == 7

    run(group, talk)
    assert (store.opened, store.closed) == (1, 1)


PUBLIC_AND_VARIES = {"access-control-allow-origin": "*", "vary": "origin"}
EXPOSES = {"access-control-expose-headers": "x-a"}

VALUES: dict[str, tuple[Any, list[dict[str, str]]]] = {
    # the headers for ORIGIN, for TWO, and for EVIL, which is declared
    "a list": ([ORIGIN], [GRANTED, REFUSED, BY_EVIL]),
    "one twice": ((ORIGIN, ORIGIN), [GRANTED, REFUSED, BY_EVIL]),
    "one that is declared": ([EVIL], [REFUSED, REFUSED, BY_EVIL]),
    "an empty list": ([], [REFUSED, REFUSED, BY_EVIL]),
    "star in a list": (["*"], [REFUSED, REFUSED, BY_EVIL]),
    "star beside others": (["*", ORIGIN], [GRANTED, REFUSED, BY_EVIL]),
    "star itself": ("*", [PUBLIC_AND_VARIES] * 3),
    "a function": (only_two, [REFUSED, BY_TWO, BY_EVIL]),
    "a function beside others": ([ORIGIN, only_two], [GRANTED, BY_TWO, BY_EVIL]),
    "a policy": (CorsPolicy(allow_origins=[TWO]), [REFUSED, BY_TWO, REFUSED]),
    "a policy of other fields": (
        CorsPolicy(**LISTED, expose_headers=["x-a"]),
        [GRANTED | EXPOSES, BY_TWO | EXPOSES, REFUSED],
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_values(case: str) -> None:
    """A collection stands beside what is declared; a policy replaces all. Responses vary."""
    value, expected = VALUES[case]
    group, _ = followed(value, keep=...)

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, TWO, EVIL) == expected

    run(group, talk)


DECLARED: dict[str, tuple[Any, Any, list[dict[str, str]]]] = {
    # what is declared, what is kept, and the headers for ORIGIN, which comes from the store, TWO and EVIL
    "a name": ([EVIL], ..., [GRANTED, REFUSED, BY_EVIL]),
    "a function": (only_two, ..., [GRANTED, BY_TWO, REFUSED]),
    "a name and a function": ([EVIL, only_two], ..., [GRANTED, BY_TWO, BY_EVIL]),
    "a pattern": ([f"{EVIL}:*"], ..., [GRANTED, REFUSED, BY_EVIL]),
    "star": ("*", ..., [GRANTED, REFUSED, REFUSED]),
    "a name, and nothing is kept": ([EVIL], (), [GRANTED, REFUSED, REFUSED]),
    "a function, and nothing is kept": (only_two, [], [GRANTED, REFUSED, REFUSED]),
    "a name, and another is kept": ([EVIL], {TWO}, [GRANTED, BY_TWO, REFUSED]),
    "a name, and a function is kept": ([EVIL], only_two, [GRANTED, BY_TWO, REFUSED]),
    "star, and a name is kept": ("*", [TWO], [GRANTED, BY_TWO, REFUSED]),
}


@pytest.mark.parametrize("case", DECLARED)
def test_what_is_declared_stays(case: str) -> None:
    """Beside each collection, also after a policy from the source had replaced everything (D3)."""
    declared, keep, expected = DECLARED[case]
    group, store = followed([ORIGIN], keep=keep, allow_origins=declared)

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, TWO, EVIL) == expected
        await put(group, store, [])
        assert await cors(ORIGIN, TWO, EVIL) == [REFUSED, *expected[1:]]
        await put(group, store, CorsPolicy(allow_origins=["https://b.example"], max_age=7))
        assert await cors(ORIGIN, TWO, EVIL) == [REFUSED, REFUSED, REFUSED]
        await put(group, store, [ORIGIN])
        assert await cors(ORIGIN, TWO, EVIL) == expected
        assert group.policy.max_age == 7
        assert await cors("https://b.example") == [REFUSED]

    run(group, talk)


def test_preflights_vary_too() -> None:
    group, _ = followed([ORIGIN])

    async def talk(port: int) -> None:
        responses = [await send_async(port, preflight("/api/item", origin=each)) for each in (ORIGIN, EVIL)]
        lists = preflight_headers("GET,PUT,OPTIONS")
        assert [response.cors for response in responses] == [GRANTED | lists, REFUSED]

    run_server(serve(new_app(group, TOUCHUP=False), talk))


def test_an_equal_value_changes_nothing() -> None:
    """The same object, or an equal one."""
    policy = CorsPolicy(allow_origins=[TWO])
    group, store = followed([ORIGIN, TWO])

    def copy(value: Any) -> Any:
        return value.replace() if isinstance(value, CorsPolicy) else type(value)(list(value))

    async def talk(_: Cors) -> None:
        for value in ([ORIGIN, TWO], (TWO, ORIGIN), frozenset({TWO}), policy):
            await put(group, store, value)
            compiled = group.section.active_policy.compiled
            for equal in (value, copy(value)):
                await put(group, store, equal)
                assert group.section.active_policy.compiled is compiled

    run(group, talk)


def test_a_list_or_set_that_the_source_changes_is_another_value() -> None:
    group, store = followed()
    do_not_wait(group)

    async def talk(cors: Cors) -> None:
        for value in ([ORIGIN], {ORIGIN}):
            await put(group, store, value)
            value.remove(ORIGIN)
            assert await cors(ORIGIN) == [GRANTED]
            await put(group, store, value)
            assert await cors(ORIGIN) == [REFUSED]

    run(group, talk)


@pytest.mark.no_cover
def test_many_origins_are_in_force_one_value_after_the_other() -> None:
    values = [MANY, [*MANY, ORIGIN], {*MANY[1:], ORIGIN}, [f"{origin}/" for origin in MANY], [ORIGIN]]
    group, store = followed([TWO])

    async def talk(cors: Cors) -> None:
        for value in values:
            await put(group, store, value)
        assert await cors(ORIGIN, MANY[0], TWO) == [GRANTED, REFUSED, REFUSED]

    run(group, talk)


# --- what is not valid ---


@pytest.mark.parametrize("cookies", [True, False])
def test_star_in_a_collection_is_a_bad_entry(cookies: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The last customer is deleted: its origin is not allowed any more, and neither is every other."""
    group, store = followed(["*", TWO], allow_origins=[EVIL], allow_credentials=cookies)
    credentials = CREDENTIALS if cookies else {}

    async def talk(cors: Cors) -> None:
        assert await cors(TWO, ORIGIN) == [BY_TWO | credentials, REFUSED]
        await put(group, store, ["*"])
        assert await cors(TWO, ORIGIN, EVIL) == [REFUSED, REFUSED, REFUSED]
        assert group.live and group.live[1:3] == (0, None)
        for value in ({"*"}, ("*", "*")):
            await put(group, store, value)
            assert await cors(TWO) == [REFUSED]

    run(group, talk)
    (line,) = logged(caplog, "left out of the live origins: ")
    assert "'*' is not an origin" in line and "[star-not-alone]" in line


def test_a_bad_entry_is_left_out_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    bad = ["https://a.example/", "b.example", 7, lambda: True, "http://c.example", "https://ä\n.example"]
    bad.append("https://a/" * 100_000)
    group, store = followed([ORIGIN, *bad], allow_origins=[EVIL], allow_credentials=True)
    granted = GRANTED | CREDENTIALS

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, EVIL, "https://a.example", "http://c.example") == [granted, *[REFUSED] * 3]
        assert group.live and group.live[1:] == (1, None, len(bad), 0)
        named = logged(caplog, "left out of the live origins: ")
        assert len(named) == len(bad)
        assert "'https://a.example/' ends in a slash" in named[0] and "meant: https://a.example [" in named[0]
        assert "meant: https://b.example [" in named[1]
        assert "https://ä\\n.example" in named[5] and "\n" not in "".join(named)
        assert re.fullmatch(r"left out .*…  ?\(1000000 characters\) is too long", named[6])
        for value in ([ORIGIN, TWO, *bad], [ORIGIN, TWO, *bad, "d.example"], [ORIGIN]):
            await put(group, store, value)
        assert ["d.example" in line for line in logged(caplog, "left out")] == [False] * len(bad) + [True]
        assert group.live.rejected == 0
        await put(group, store, [ORIGIN, "d.example"])  # which was not in the value before
        assert len(logged(caplog, "left out")) == len(bad) + 2
        assert group.live.rejected == 1

    run(group, talk)


def test_of_many_bad_entries_a_few_are_named(caplog: pytest.LogCaptureFixture) -> None:
    group, _ = followed([ORIGIN, *(f"{number}.example/" for number in range(5000))])

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, "https://7.example") == [GRANTED, REFUSED]

    run(group, talk)
    named = logged(caplog, "left out")
    assert len(named) == follower.MAX_NAMED + 1 and named[-1] == "left out of the live origins: 5000 in all"


EMPTY = {
    (): "the source gave no origin: no other origin is allowed any more",
    (TWO,): "the source gave no origin: only those that are kept are allowed",
}


@pytest.mark.parametrize("keep", EMPTY)
def test_an_empty_store_is_a_warning(keep: Any, caplog: pytest.LogCaptureFixture) -> None:
    group, store = followed([ORIGIN], keep=keep)

    async def talk(cors: Cors) -> None:
        for empty in ([], ["nothing good/"]):
            await put(group, store, [ORIGIN])
            assert await cors(ORIGIN) == [GRANTED]
            await put(group, store, empty)
            await put(group, store, empty)
            assert await cors(ORIGIN, EVIL, TWO) == [REFUSED, REFUSED, BY_TWO if keep else REFUSED]
            assert group.live and group.live[1:3] == (len(keep), None)

    run(group, talk)
    assert logged(caplog, "the source gave") == [EMPTY[keep]] * 2


def test_no_origin_at_all(caplog: pytest.LogCaptureFixture) -> None:
    """A policy without an origin can come from a source only; `replace` keeps it if the origins stay."""
    group, _ = followed([])
    caplog.set_level(logging.DEBUG, "corsbp")

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, EVIL) == [REFUSED, REFUSED]
        with pytest.raises(ValueError, match="origins-empty"):
            group.policy.replace(allow_credentials=True)
        assert group.policy.replace(max_age=5).allow_origins == ()

    run(group, talk)
    assert len(logged(caplog, "origin-not-allowed: allow_origins is empty: no origin is allowed")) == 2


REFUSED_VALUES = {
    "*": "credentials-any-origin",
    "https://app.example": "bare-string",
    7: "not-a-collection",
    b"https://app.example": "not-a-collection",
}


@pytest.mark.parametrize("value", REFUSED_VALUES)
def test_the_last_valid_value_stays_where_one_is_not_valid(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    group, store = followed([ORIGIN], allow_origins=[EVIL], allow_credentials=True)

    async def talk(cors: Cors) -> None:
        store.put(value, value)
        await until(lambda: group.live and group.live.error)
        await until(store.values.empty)
        assert group.live and REFUSED_VALUES[value] in str(group.live.error)
        assert await cors(ORIGIN, EVIL) == [GRANTED | CREDENTIALS, REFUSED]
        await put(group, store, [ORIGIN])  # as before
        assert group.live and group.live.error is None and group.live.failures == 2

    run(group, talk)
    assert len(logged(caplog, "gave a value that is not valid: ")) == 1
    assert (store.opened, store.closed) == (1, 1)


# --- reconfigure() ---


def test_the_declared_origins_vary_before_the_first_value() -> None:
    group, store = followed(allow_origins=[ORIGIN], allow_headers=["x-a"])
    do_not_wait(group)

    async def talk(cors: Cors) -> None:
        assert await cors(ORIGIN, TWO) == [GRANTED, REFUSED]
        group.reconfigure(CorsPolicy(allow_origins=[TWO]), report_only=CorsPolicy())
        assert await cors(ORIGIN, TWO) == [REFUSED, BY_TWO]
        await put(group, store, [ORIGIN])
        assert await cors(ORIGIN, TWO) == [GRANTED, REFUSED]

    run(group, talk)


def test_what_the_source_gave_is_never_declared() -> None:
    """Also not by reconfigure(group.policy.replace(...)), which has it in its allow_origins (D3)."""
    group, store = followed([ORIGIN], keep=..., allow_origins=[EVIL])

    async def talk(cors: Cors) -> None:
        group.reconfigure(group.policy.replace(max_age=7))
        assert await cors(ORIGIN, TWO, EVIL) == [GRANTED, REFUSED, BY_EVIL]
        await put(group, store, [TWO])
        assert await cors(ORIGIN, TWO, EVIL) == [REFUSED, BY_TWO, BY_EVIL]
        assert group.policy.max_age == 7

    run(group, talk)


def test_what_is_kept_is_checked_again_for_another_policy(caplog: pytest.LogCaptureFixture) -> None:
    insecure = "http://app.example"
    group, store = followed([ORIGIN], keep=..., allow_origins=[insecure, EVIL])

    async def talk(cors: Cors) -> None:
        assert await cors(insecure) == [GRANTED | {"access-control-allow-origin": insecure}]
        group.reconfigure(CorsPolicy(allow_origins=[TWO], allow_credentials=True))
        await put(group, store, [ORIGIN])
        assert await cors(insecure, TWO, EVIL) == [REFUSED, REFUSED, BY_EVIL | CREDENTIALS]

    run(group, talk)
    (line,) = logged(caplog, "left out of the live origins")
    assert insecure in line and "[credentials-insecure-origin]" in line


def test_reconfigured_while_a_value_is_validated() -> None:
    """Origins that are valid without credentials are validated again for a policy with them."""
    many = [f"http://{number}.example" for number in range(20_000)]
    group, store = followed([ORIGIN])

    async def talk(cors: Cors) -> None:
        store.put([ORIGIN, *many])
        await until(store.values.empty)
        group.reconfigure(CorsPolicy(allow_origins=[TWO], allow_credentials=True))
        await until(lambda: group.policy.allow_origins == (ORIGIN,))
        assert await cors(many[0]) == [REFUSED]

    run(group, talk)


@pytest.mark.filterwarnings("error")
def test_reconfigure_warns_once_that_the_next_value_replaces_it() -> None:
    group, _ = followed([ORIGIN])
    policy = CorsPolicy(allow_origins=[TWO])
    with pytest.warns(
        CorsPolicyWarning, match=r"its next value replaces .* \[reconfigure-followed\]"
    ) as caught:
        group.reconfigure(policy)
    assert caught[0].filename == __file__
    assert group.policy == policy
    group.reconfigure(policy)
    with warnings.catch_warnings():
        group_of().reconfigure(policy)


# --- an app is started again ---


@pytest.mark.parametrize("reconfigured", [False, True])
def test_each_start_begins_with_the_declared_origins(reconfigured: bool) -> None:
    group, store = followed([ORIGIN], keep=...)
    app = new_app(group, TOUCHUP=False)

    async def first(port: int) -> None:
        assert await sender(port)(ORIGIN, EVIL) == [GRANTED, BY_EVIL]
        if reconfigured:
            group.reconfigure(group.policy.replace(max_age=7))

    run_server(serve(app, first))
    do_not_wait(group)
    store.values = asyncio.Queue()

    async def second(port: int) -> None:
        assert await sender(port)(ORIGIN, EVIL) == [REFUSED, BY_EVIL]
        assert group.policy.max_age == (7 if reconfigured else 600)

    run_server(serve(app, second))
    assert (store.opened, store.closed) == (2, 2)


def test_a_policy_that_came_before_any_value_stays_at_a_start() -> None:
    group, _ = followed()
    do_not_wait(group)
    group.reconfigure(CorsPolicy(allow_origins=[TWO]))

    async def talk(cors: Cors) -> None:
        assert await cors(TWO, EVIL) == [BY_TWO, REFUSED]

    run(group, talk)


# --- the health check ---


def test_silence_is_an_error_after_a_while() -> None:
    group, store = group_of(allow_origins=[EVIL]), Store([ORIGIN])
    group.follow(store, stale_after=0.3)

    async def talk(cors: Cors) -> None:
        assert group.live and group.live.error is None
        await until(lambda: group.live and group.live.error)
        assert group.live.error == "gave nothing for 0 s" and group.live.origins == 2
        assert await cors(ORIGIN) == [GRANTED]
        await put(group, store, [ORIGIN])
        assert group.live.error is None
        store.put("*", 7)  # a value that is not valid ends the silence, and is an error of its own
        await until(lambda: "not valid" in str(group.live and group.live.error))

    run(group, talk)


def test_a_source_without_a_first_value_is_silent_from_its_start_on() -> None:
    group, store = group_of(allow_origins=[EVIL]), Store()
    group.follow(store, wait=0, stale_after=0.1)

    async def talk(_: Cors) -> None:
        await until(lambda: group.live and group.live.error == "gave nothing for 0 s")

    run(group, talk)
    assert follower_of(group).received_at is None


def test_silence_is_no_error_unless_stale_after_says_so() -> None:
    group, _ = followed([ORIGIN])

    async def talk(_: Cors) -> None:
        await asyncio.sleep(0.1)
        assert group.live and group.live.error is None

    run(group, talk)
