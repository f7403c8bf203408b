"""Problems of a policy, each with a stable id: the error, the warning, and the line that they point to."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Final

from ..ids import Message
from ..text import safe_repr
from .field_ids import CREDENTIALS_PROBLEMS, FIELD_PROBLEMS, NAME_PROBLEMS, TIME_PROBLEMS
from .host_ids import HOST_PROBLEMS
from .origin_ids import ORIGIN_PROBLEMS
from .warning_ids import POLICY_WARNINGS, STARTUP_WARNINGS

PROBLEM_TABLES: Final = (
    FIELD_PROBLEMS,
    ORIGIN_PROBLEMS,
    HOST_PROBLEMS,
    CREDENTIALS_PROBLEMS,
    NAME_PROBLEMS,
    TIME_PROBLEMS,
)
PROBLEMS: Final = frozenset(id_ for table in PROBLEM_TABLES for id_ in table)
"""The ids of the problems for which a policy is refused."""

WARNINGS: Final = frozenset([*POLICY_WARNINGS, *STARTUP_WARNINGS])
"""The ids of what is legal but probably not meant."""


_PACKAGE: Final = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a policy.

        problem = Problem("origin-path", "allow_origins", "https://app.example/a", "has a path")
        print(problem)  # allow_origins: 'https://app.example/a' has a path [origin-path]

    Raises LookupError for an id that is neither in `PROBLEMS` nor in `WARNINGS`.
    """

    id: str
    """One of `PROBLEMS` or `WARNINGS`, which never changes its meaning: `"origin-path"`."""

    field: str
    """The policy's field: `"allow_origins"`."""

    value: object
    """The declared value, or one entry of it where it is a collection: `"https://app.example/a"`."""

    message: str
    """What is wrong with the value, as the rest of a sentence that begins with it: `"has a path"`."""

    suggestion: str | None = None
    """The value that was probably meant, if there is one: `"https://app.example"`."""

    def __post_init__(self) -> None:
        if self.id not in PROBLEMS and self.id not in WARNINGS:
            raise LookupError(f"no such problem id: {self.id!r}")

    def __str__(self) -> str:
        meant = "" if self.suggestion is None else f"; meant: {self.suggestion}"
        return f"{self.field}: {safe_repr(self.value)} {self.message}{meant} [{self.id}]"


def make_problem(
    message: Message, field: str, value: object, suggestion: str | None = None, **values: object
) -> Problem:
    """Return a problem with a declared message, filled with `values`."""
    return Problem(message.id, field, value, message.fill(**values), suggestion)


class CorsPolicyError(ValueError):
    """An error that lists all problems of a policy.

        try:
            CorsPolicy(allow_origins=["https://app.example/"])
        except CorsPolicyError as error:
            print(error.problems[0].suggestion)  # https://app.example

    As a string, it has one problem on each line.
    """

    problems: tuple[Problem, ...]
    """All problems of the policy: `[problem.id for problem in error.problems]`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        # pickle and copy call the constructor with `args`, which `Exception` sets
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        title = f"{count} problem{'' if count == 1 else 's'} in a CORS policy:"
        return "\n".join([title, *(f"- {problem}" for problem in self.problems)])


class CorsPolicyWarning(UserWarning):
    """A warning about a policy that is legal but probably not meant.

        import warnings
        warnings.simplefilter("error", CorsPolicyWarning)  # such an app does not start

    It is issued where a policy is made, and at startup for what depends on the routes of the app.
    """

    problem: Problem
    """The problem, with what was meant: `warning.message.problem.suggestion`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return str(self.problem)


def warn(problem: Problem) -> None:
    """Issue a `CorsPolicyWarning` that points to the line that called into corsbp."""
    _, depth = _find_caller()
    warnings.warn(CorsPolicyWarning(problem), stacklevel=depth)


def find_calling_line() -> str:
    """Return the file and line that called into corsbp; "?" if there is none."""
    frame, _ = _find_caller()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def _find_caller() -> tuple[FrameType | None, int]:
    """Return the frame that called into corsbp, and its distance from the caller of this function."""
    # The depth is not fixed: `CorsPolicy(…)`, `replace()` and a reload from a store come different ways.
    frame: FrameType | None = sys._getframe(2)
    depth = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
        depth += 1
    return frame, depth
