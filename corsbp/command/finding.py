"""One finding of an audit: an id, a level, and what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from corsbp.ids import Message

Level: TypeAlias = Literal["error", "warning", "info"]

LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "info")
"""An error makes the exit status 1. An information may be just what is meant."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    level: Level
    id: str
    where: str
    """The label of a section, a route, the address of a deployment, or the name of the app."""

    text: str
    paths: tuple[str, ...] = ()
    """The paths of all routes that the finding is about."""


def make_finding(
    level: Level, message: Message, where: str, paths: tuple[str, ...] = (), **values: object
) -> Finding:
    """Return a finding with a declared message, filled with `values`."""
    return Finding(level, message.id, where, message.fill(**values), paths)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, errors first, in the same order at each run."""
    return sorted(set(findings), key=lambda each: (LEVELS.index(each.level), each.id, each.where, each.text))
