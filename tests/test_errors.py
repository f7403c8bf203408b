"""Every id is documented, errors can be read and pickled, and imports of the pure rooms run one way."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import corsbp.checks
import corsbp.errors
import corsbp.names
from corsbp.errors import PROBLEMS, WARNINGS, CorsPolicyError, CorsPolicyWarning, Problem, warn
from tests.test_origins import BAD, TYPED
from tests.test_policy import DOUBTED, REFUSED

SLASH = Problem(
    "origin-trailing-slash", "allow_origins", "https://a.example/", "ends in a slash", "https://a.example"
)
EMPTY = Problem("origins-empty", "allow_origins", [], "allows no origin")


def test_each_problem_is_shown_by_a_case_in_a_table() -> None:
    shown = {problem_id for _, ids, _ in [*BAD, *TYPED] for problem_id in ids.split()}
    shown |= {problem_id for _, ids in REFUSED for problem_id in ids.split()}
    assert shown == set(PROBLEMS)


def test_each_warning_about_a_policy_is_shown_by_a_case_in_a_table() -> None:
    shown = {problem_id for _, ids in DOUBTED for problem_id in ids.split()}
    rooms = [corsbp.checks, corsbp.names]
    source = "".join(inspect.getsource(room) for room in rooms)
    assert shown == {problem_id for problem_id in WARNINGS if f'"{problem_id}"' in source}


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


def test_one_problem_is_not_called_problems() -> None:
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
    inside: dict[str, Any] = {"__name__": "corsbp.deep.inside", "warn": warn, "doubt": SLASH}
    exec("def outer():\n    inner()\ndef inner():\n    warn(doubt)", inside)
    with pytest.warns(CorsPolicyWarning) as caught:
        inside["outer"]()
    assert caught[0].filename == __file__
    assert caught[0].lineno == sys._getframe().f_lineno - 2
    assert str(caught[0].message) == str(SLASH)


def test_a_package_of_a_similar_name_is_not_taken_for_corsbp() -> None:
    outside = {"__name__": "corsbp_contrib", "warn": warn, "doubt": SLASH}
    with pytest.warns(CorsPolicyWarning) as caught:
        exec(compile("\n\nwarn(doubt)", "contrib.py", "exec"), outside)
    assert (caught[0].filename, caught[0].lineno) == ("contrib.py", 3)


ROOMS = [
    "errors",
    "dialects",
    "fetch",
    "origins",
    "suffixes",
    "hosts",
    "diagnosis",
    "fields",
    "names",
    "checks",
    "policy",
]


def imports(body: list[ast.stmt]) -> Iterator[str]:
    """The modules that are imported at run time, also inside functions."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        yield from imports([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])


@pytest.mark.parametrize("room", ROOMS)
def test_imports_of_the_pure_rooms_run_one_way_and_never_to_sanic(room: str) -> None:
    source = Path(corsbp.errors.__file__).with_name(f"{room}.py").read_text(encoding="utf-8")
    found = set(imports(ast.parse(source).body))
    below = {f"corsbp.{other}" for other in ROOMS[: ROOMS.index(room)]}
    own = {name for name in found if name.split(".")[0] == "corsbp"} - {"corsbp"}
    assert {".".join(name.split(".")[:2]) for name in own} <= below
    assert "__future__" in found  # the walk sees something
    assert not [name for name in found if name.split(".")[0].startswith("sanic")]
