"""A fleet of four workers on a real store, for seconds: `python -m tests.load.live` is the long form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support import require_package
from . import many_origins, tenants
from .fleet import EVIL, STEADY, Fleet, granted
from .live import CHANGING, main


@pytest.mark.parametrize(("store", "package"), [("postgres", "asyncpg"), ("valkey", "valkey")])
def test_a_fleet(
    store: str, package: str, capsys: pytest.CaptureFixture[str], print_at_end: Callable[[str], None]
) -> None:
    require_package(package)
    ended = main(["--store", store, "--changes=10", "--down=2", "--storm=1", "--patience=1"])
    said = capsys.readouterr().out
    print_at_end(said)
    assert ended == 0 and said.endswith("\n0 responses were wrong or late\n")
    assert "10 changes, from before COMMIT until every worker applies it: p50 " in said
    for what in (
        "the store was killed",
        "the network swallowed",
        "connections were reset",
        "the network was late",
    ):
        assert f"\n  | {what}" in said
    for what in ("late by 0.05 s", "1 % bad rows", "a storm", "emptied"):
        assert f"\n  {what}" in said


@pytest.mark.parametrize(
    ("origin", "lines", "right"),
    [
        (STEADY, granted(STEADY), True),
        (STEADY, {"vary": "origin"}, False),
        (EVIL, granted(EVIL), False),
        (CHANGING, granted(CHANGING), True),
        (CHANGING, {"vary": "origin"}, True),
        (CHANGING, granted(STEADY), False),
        (CHANGING, {}, False),
    ],
)
def test_what_is_wrong_is_seen(origin: str, lines: dict[str, str], right: bool) -> None:
    fleet = Fleet()
    fleet.steady = {STEADY: True, EVIL: False}
    fleet.check(origin, 200, lines, 0.1)
    assert (fleet.wrong == []) is right
    fleet.check(CHANGING, 500, {"vary": "origin"}, 0.1)
    fleet.check(CHANGING, 200, {"vary": "origin"}, 61)
    assert len(fleet.wrong) == 2 + (not right)


@pytest.mark.parametrize(("store", "package"), [("postgres", "asyncpg"), ("valkey", "valkey")])
def test_many_origins(store: str, package: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command itself: among few origins, to read all takes no longer."""
    require_package(package)
    many_origins.main(["--store", store, "--origins=500", "--changes=4"])
    printed = capsys.readouterr().out
    for way in ("changes", "all"):
        assert f"\n  {store}, 2 workers that read {way}: p50 " in printed


def test_tenants(capsys: pytest.CaptureFixture[str]) -> None:
    tenants.main(["--tenants=50", "--seconds=0.5", "--changes=2"])
    printed = capsys.readouterr().out
    for what in ("start: ", "idle for 0.5 s: ", "idle: ", "2 changes: ", "from before COMMIT"):
        assert f"\n  {what}" in printed
