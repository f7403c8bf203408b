"""The field `check_requests`: its values, what other words mean, and the warning beside `"*"`."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from corsbp import CorsPolicy, CorsPolicyError, CorsPolicyWarning

APP = "https://app.example"


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        (True, "writes"),
        ("unsafe", "writes"),
        ("WRITES", "writes"),
        ("Unsafe_Methods", "writes"),
        ("post", "writes"),
        ("*", "all"),
        ("every", "all"),
        (None, "False"),
        ("false", "False"),
        (1, None),
        ("sometimes", None),
        (["writes"], None),
    ],
)
def test_other_values_are_errors_that_name_the_value_that_was_meant(
    value: Any, suggestion: str | None
) -> None:
    with pytest.raises(CorsPolicyError) as caught:
        CorsPolicy(allow_origins=[APP], check_requests=value)
    (problem,) = caught.value.problems
    assert (problem.id, problem.field, problem.value) == ("check-requests-value", "check_requests", value)
    assert problem.suggestion == suggestion
    assert 'is neither False, "writes" nor "all"' in str(problem)


@pytest.mark.parametrize("value", ["writes", "all"])
def test_a_check_beside_any_origin_warns_when_it_is_declared(value: Any) -> None:
    with pytest.warns(CorsPolicyWarning, match="requests-any-origin") as caught:
        assert CorsPolicy(check_requests=value).check_requests == value
    (warning,) = caught
    assert isinstance(warning.message, CorsPolicyWarning)
    assert (warning.message.problem.field, warning.message.problem.value) == ("check_requests", value)
    with pytest.warns(CorsPolicyWarning, match="requests-any-origin"):
        CorsPolicy().replace(check_requests=value)


@pytest.mark.parametrize("origins", [[APP], ["https://*.app.example"], lambda origin, request: True])
@pytest.mark.parametrize("value", [False, "writes", "all"])
def test_a_check_beside_named_origins_does_not_warn(origins: Any, value: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CorsPolicy(allow_origins=origins, check_requests=value)
        CorsPolicy()
