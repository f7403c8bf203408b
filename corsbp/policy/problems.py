"""What can be wrong with a policy: every fault has a stable id."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Final

from ..text import safe_repr

_PACKAGE: Final = __name__.partition(".")[0]


def ids(text: str) -> frozenset[str]:
    """The ids in a text, each with a row of its own in `corsbp/README.md`: what it means, and what to do."""
    return frozenset(text.split())


PROBLEMS: Final = ids("""
    bare-string not-a-collection star-not-alone entry-type not-a-bool

    origins-empty origin-function-arguments origin-regex origin-empty origin-null origin-several
    origin-network origin-pattern origin-whitespace origin-control-character
    origin-scheme-missing origin-scheme-invalid origin-scheme-never-sent origin-file
    origin-userinfo origin-trailing-slash origin-path origin-query origin-fragment
    origin-port-empty origin-port-invalid origin-port-default
    origin-host-missing origin-host-character origin-upper-case origin-unicode origin-punycode
    origin-label-empty origin-label-too-long origin-name-too-long origin-ip-invalid
    origin-wildcard-place origin-wildcard-ip

    credentials-any-origin credentials-any-exposed credentials-file credentials-insecure-origin
    credentials-public-suffix

    name-not-token name-wildcard method-forbidden header-forbidden header-of-response header-of-request
    header-of-preflight header-media-type header-set-cookie

    max-age-type max-age-fraction max-age-range origin-timeout-type origin-timeout-range
""")
"""Ids of what a policy is refused for."""

WARNINGS: Final = ids("""
    max-age-capped origin-covered header-set-by-browser header-safelisted method-case method-unserved
    section-empty route-open blueprint-twice group-forgotten two-layers
""")
"""Ids of what is legal but probably not meant."""


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
    """What stood there, or one entry of it where it is a collection: `"https://app.example/a"`."""

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


class CorsPolicyError(ValueError):
    """A policy that was refused.

        try:
            CorsPolicy(allow_origins=["https://app.example/"])
        except CorsPolicyError as error:
            print(error.problems[0].suggestion)  # https://app.example

    As a string, it shows all that is wrong, one on each line.
    """

    problems: tuple[Problem, ...]
    """All that is wrong with the policy: `[problem.id for problem in error.problems]`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)  # so that pickle and copy find the constructor's argument

    def __str__(self) -> str:
        count = len(self.problems)
        title = f"{count} problem{'' if count == 1 else 's'} in a CORS policy:"
        return "\n".join([title, *(f"- {problem}" for problem in self.problems)])


class CorsPolicyWarning(UserWarning):
    """A policy that is legal but probably not what was meant.

        import warnings
        warnings.simplefilter("error", CorsPolicyWarning)  # such an app does not start

    Issued where a policy is made, and at startup for what only the app's routes show.
    """

    problem: Problem
    """What is odd, and what was meant: `warning.message.problem.suggestion`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return str(self.problem)


def warn(problem: Problem) -> None:
    """Issue a `CorsPolicyWarning` that points to the line that called into corsbp, however deep we are."""
    _, depth = _find_caller()
    warnings.warn(CorsPolicyWarning(problem), stacklevel=depth)


def find_calling_line() -> str:
    """The file and line that called into corsbp, however deep we are."""
    frame, _ = _find_caller()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def _find_caller() -> tuple[FrameType | None, int]:
    """The frame that called into corsbp, and its distance from the function that asks."""
    frame: FrameType | None = sys._getframe(2)
    depth = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
        depth += 1
    return frame, depth
