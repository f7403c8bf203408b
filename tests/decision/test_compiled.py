"""The table of cases, without an app: the pure code gives the same headers."""

from __future__ import annotations

from typing import Any

import pytest

from corsbp import CorsPolicy
from corsbp.decision.active_policy import ActivePolicy
from corsbp.decision.preflight import PathPolicies

from ..cases import CASES, LISTED, POLICIES, Case
from .test_preflight import text

SERVED = ("GET", "POST", "DELETE")


def decide(case: Case) -> dict[str, str]:
    follow = ActivePolicy(CorsPolicy(**POLICIES[case.policy]))
    rules = follow.compiled
    lists = PathPolicies(dict.fromkeys(SERVED, follow)).options_headers(follow, rules)
    grant = rules.grant(case.origins)
    assert (rules.static_headers or rules.response_headers(grant)) == rules.response_headers(grant)
    if grant is None and rules.needs_functions(case.origins):
        (origin,) = case.origins
        functions: Any = rules.functions  # none of which looks at the request
        grant = origin if any(function(origin, None) for function in functions) else None
    if case.kind == "GET":
        return text(rules.response_headers(grant))
    if case.kind == LISTED:
        return text(lists.preflight_headers(grant, case.asks[1]))
    return text(lists.plain_headers(grant))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.policy)
def test_headers(case: Case) -> None:
    assert decide(case) == case.headers
