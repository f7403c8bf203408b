"""What corsbp promises, in three browser engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support import RecordProperty
from .bench import Bench, Verdict
from .cases import CASES, Case
from .conftest import ENGINE, VERDICT

cases = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@pytest.fixture
def verdict(bench: Bench, case: Case, record_property: RecordProperty) -> Callable[[str], Verdict]:
    """What comes of the case with a kind of CORS; the summary at the end tells of it."""
    record_property(ENGINE, [bench.browser.name, bench.browser.version])

    def of(kind: str) -> Verdict:
        came = bench.verdict(case, kind)
        record_property(VERDICT, [bench.browser.name, case.name, kind, [came.holds, came.seconds]])
        return came

    return of


@cases
def test_page_and_server_see_what_the_policy_says(
    bench: Bench, verdict: Callable[[str], Verdict], case: Case
) -> None:
    came = verdict("corsbp")
    assert came.saw == case.sees_in(bench.browser.name)
    assert came.holds, f"the server logged {came.logged}, not {case.logged}"


@cases
def test_case_can_fail(bench: Bench, verdict: Callable[[str], Verdict], case: Case) -> None:
    """The control: without CORS, or with CORS that allows everything, a case must come out differently."""
    unlike = [kind for kind in ("none", "everything") if not verdict(kind).holds]
    if bench.browser.name in case.exempt:
        assert not unlike, "this engine applies CORS here: it is exempt no longer"
    else:
        assert unlike, "it holds without CORS and with everything allowed: it shows nothing"
