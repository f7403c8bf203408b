"""What corsbp promises, in three browser engines."""

from __future__ import annotations

import pytest

from .bench import Bench
from .cases import CASES, Case

cases = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@cases
def test_page_and_server_see_what_the_policy_says(bench: Bench, case: Case) -> None:
    verdict = bench.verdict(case, "corsbp")
    assert verdict.saw == case.sees_in(bench.browser.name)
    assert verdict.holds, f"the server logged {verdict.logged}, not {case.logged}"


@cases
def test_case_can_fail(bench: Bench, case: Case) -> None:
    """The control: without CORS, or with CORS that allows everything, a case must come out differently."""
    unlike = [kind for kind in ("none", "everything") if not bench.verdict(case, kind).holds]
    if bench.browser.name in case.exempt:
        assert not unlike, "this engine applies CORS here: it is exempt no longer"
    else:
        assert unlike, "it holds without CORS and with everything allowed: it shows nothing"
