"""The cases in three browser engines: what the page sees, and what the server logs."""

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
    """Return a function that runs the case with a kind of CORS, for the summary too."""
    record_property(ENGINE, [bench.browser.name, bench.browser.version])

    def of(kind: str) -> Verdict:
        outcome = bench.verdict(case, kind)
        record_property(VERDICT, [bench.browser.name, case.name, kind, [outcome.holds, outcome.seconds]])
        return outcome

    return of


@cases
def test_case_with_corsbp(bench: Bench, verdict: Callable[[str], Verdict], case: Case) -> None:
    outcome = verdict("corsbp")
    assert outcome.seen == case.sees_in(bench.browser.name)
    assert outcome.holds, f"the server logged {outcome.logged}, not {case.logged}"


@cases
def test_case_can_fail(bench: Bench, verdict: Callable[[str], Verdict], case: Case) -> None:
    """The control: without CORS, or with everything allowed, the outcome must be different."""
    unlike = [kind for kind in ("none", "everything") if not verdict(kind).holds]
    if bench.browser.name in case.exempt:
        assert not unlike, "this engine applies CORS here: it is exempt no longer"
    else:
        assert unlike, "it holds without CORS and with everything allowed: it shows nothing"
