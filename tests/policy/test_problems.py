"""Problems, the error and the warning: ids, texts, pickles, and the line that a warning names."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from corsbp.command import finding_ids
from corsbp.decision import refusal_ids
from corsbp.ids import Message
from corsbp.policy import field_ids, host_ids, origin_ids, warning_ids
from corsbp.policy.problems import PROBLEMS, WARNINGS, CorsPolicyError, CorsPolicyWarning, Problem, warn
from corsbp.policy.warning_ids import POLICY_WARNINGS

from ..support import ROOT
from .test_entry_checks import PUBLIC
from .test_origin_diagnosis import BAD, TYPED
from .test_validation import REFUSED, WARNED

SLASH = Problem(
    "origin-trailing-slash", "allow_origins", "https://a.example/", "ends in a slash", "https://a.example"
)
EMPTY = Problem("origins-empty", "allow_origins", [], "allows no origin")


def test_each_problem_is_shown_by_a_case_in_a_table() -> None:
    shown = {problem_id for _, ids, _ in [*BAD, *TYPED, *PUBLIC] for problem_id in ids.split()}
    shown |= {problem_id for _, ids in REFUSED for problem_id in ids.split()}
    assert shown == set(PROBLEMS)


def test_each_warning_about_a_policy_is_shown_by_a_case_in_a_table() -> None:
    shown = {problem_id for _, ids in WARNED for problem_id in ids.split()}
    assert shown == set(POLICY_WARNINGS)


@pytest.mark.parametrize("module", [field_ids, finding_ids, host_ids, origin_ids, refusal_ids, warning_ids])
def test_each_declared_message_is_used(module: ModuleType) -> None:
    declared = [name for name, value in vars(module).items() if isinstance(value, Message)]
    sources = [
        file.read_text()
        for file in (ROOT / "corsbp").rglob("*.py")
        if file.stem != module.__name__.rpartition(".")[2]
    ]
    used = {name for source in sources for name in re.findall(r"\w+", source)}
    assert [name for name in declared if name not in used] == []


def test_ids_are_kebab_case_and_mean_one_thing() -> None:
    assert not PROBLEMS & WARNINGS
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", problem_id) for problem_id in PROBLEMS | WARNINGS)


def test_a_problem_with_an_unknown_id_cannot_be_made() -> None:
    with pytest.raises(LookupError, match="'no-such-id'"):
        Problem("no-such-id", "allow_origins", "x", "is wrong")


def test_a_problem_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SLASH.id = "origin-null"  # type: ignore[misc]  # frozen: it raises


def test_an_error_is_a_value_error_that_lists_all() -> None:
    error = CorsPolicyError([SLASH, EMPTY])
    assert isinstance(error, ValueError)
    assert error.problems == (SLASH, EMPTY)
    assert str(error).splitlines() == [
        "2 problems in a CORS policy:",
        "- allow_origins: 'https://a.example/' ends in a slash; meant: https://a.example"
        " [origin-trailing-slash]",
        "- allow_origins: [] allows no origin [origins-empty]",
    ]


def test_the_title_of_an_error_with_one_problem() -> None:
    assert str(CorsPolicyError([EMPTY])).startswith("1 problem in")


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("original", [CorsPolicyError([SLASH, EMPTY]), CorsPolicyWarning(SLASH)])
def test_errors_and_warnings_survive_copying_and_pickling(
    clone: Callable[[Any], Any], original: object
) -> None:
    cloned = clone(original)
    assert type(cloned) is type(original)
    assert vars(cloned) == vars(original)
    assert str(cloned) == str(original)


def test_values_are_escaped_and_cut() -> None:
    problem = Problem("origin-control-character", "allow_origins", "https://a\r\nb" + 1000 * "c", "is odd")
    assert r"'https://a\r\nbccc" in str(problem)
    assert "\n" not in str(problem)
    assert "… (1012 characters)" in str(problem)
    assert len(str(problem)) < 300


def test_a_warning_points_to_the_line_that_called_into_corsbp() -> None:
    inside: dict[str, Any] = {"__name__": "corsbp.deep.inside", "warn": warn, "problem": SLASH}
    exec("def outer():\n    inner()\ndef inner():\n    warn(problem)", inside)
    with pytest.warns(CorsPolicyWarning) as caught:
        inside["outer"]()
    assert caught[0].filename == __file__
    assert caught[0].lineno == sys._getframe().f_lineno - 2
    assert str(caught[0].message) == str(SLASH)


def test_a_package_of_a_similar_name_is_not_taken_for_corsbp() -> None:
    outside = {"__name__": "corsbp_contrib", "warn": warn, "problem": SLASH}
    with pytest.warns(CorsPolicyWarning) as caught:
        exec(compile("\n\nwarn(problem)", "contrib.py", "exec"), outside)
    assert (caught[0].filename, caught[0].lineno) == ("contrib.py", 3)
