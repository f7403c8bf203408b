"""The report of an audit: a table, findings and changes, as text, as JSON, or as annotations of GitHub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.text import Text
from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_routes
from corsbp.command.console import count_of, print_table
from corsbp.command.finding import Finding, Level
from corsbp.command.source_lines import locate_handler

from .annotations import format_annotation
from .snapshot import Change

MAX_EQUAL_LINES: Final = 3
"""Lines for the same change of several methods; more methods share one line."""

STYLES: Final[dict[Level, str]] = {"error": "bold red", "warning": "yellow", "info": "cyan"}


@dataclass(slots=True)
class Table:
    """A table for people; `is_dim` tells rows that matter less."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_dim: Callable[[Sequence[str]], bool]


@dataclass(slots=True)
class Report:
    """What an audit found."""

    table: Table | None = None
    findings: list[Finding] = field(default_factory=list)
    changes: list[Change] | None = None
    """What changed since a file was written; None if nothing was compared."""

    summary: str = ""
    """The last line of the text."""

    data: Mapping[str, Any] = field(default_factory=dict)
    """The routes, for JSON."""

    snapshot: dict[str, Any] = field(default_factory=dict)
    """What `--snapshot` writes."""

    @property
    def status(self) -> int:
        """The exit status."""
        has_error = any(finding.level == "error" for finding in self.findings)
        return int(has_error or any(change.is_wider for change in self.changes or ()))


def print_report(report: Report, app: Sanic[Any, Any], form: str, out: Console) -> None:
    """Print a report in one of the forms of `--format`."""
    if form == "json":
        out.print(json.dumps({"app": app.name, **_to_dict(report)}, indent=2), markup=False)
    elif form == "github":
        for line in _annotate(report, _lines_by_place(app)):
            out.print(line, markup=False)
    else:
        _print_text(report, out)


# --- text ---


def _print_text(report: Report, out: Console) -> None:
    table = report.table
    if table:
        print_table(table.columns, table.rows, out, is_dim=table.is_dim)
    for finding in report.findings:
        text = f"{finding.where}: {finding.text} [{finding.id}]"
        level = Text(f"{finding.level} ", style=STYLES[finding.level])
        out.print(level.append(text, style="not bold default"))
    if report.changes is not None:
        _print_changes(report.changes, out)
    if report.summary:
        out.print(Text(report.summary, style="bold"))


def _print_changes(changes: Sequence[Change], out: Console) -> None:
    if not changes:
        out.print("nothing changed", markup=False)
        return
    counts = Counter((change.text, change.is_wider) for change in changes)
    shared = [each for each, count in counts.items() if count > MAX_EQUAL_LINES]
    for text, is_wider in shared:
        routes = [change.route for change in changes if (change.text, change.is_wider) == (text, is_wider)]
        out.print(Text(f"{count_of(len(routes), 'method')}: {text}", style=_style_of(is_wider)))
        out.print(Text(f"  {', '.join(routes)}"))
    for change in changes:
        if (change.text, change.is_wider) not in shared:
            out.print(Text(str(change), style=_style_of(change.is_wider)))
    wider = sum(change.is_wider for change in changes)
    out.print(f"{count_of(len(changes), 'change')}, {wider} of them wider", markup=False)


def _style_of(is_wider: bool) -> str:
    return "red" if is_wider else "green"


def count_findings(findings: Iterable[Finding]) -> str:
    """Count the errors and warnings among findings."""
    levels = [finding.level for finding in findings]
    return f"{count_of(levels.count('error'), 'error')}, {count_of(levels.count('warning'), 'warning')}"


# --- JSON ---


def _to_dict(report: Report) -> dict[str, Any]:
    found = {**report.data, "findings": [_finding_to_dict(finding) for finding in report.findings]}
    if report.changes is not None:
        found["changes"] = [
            {"route": each.route, "text": each.text, "wider": each.is_wider} for each in report.changes
        ]
    return found


def _finding_to_dict(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "level": finding.level,
        "where": finding.where,
        "paths": list(finding.paths),
        "text": finding.text,
    }


# --- annotations ---


def _lines_by_place(app: Sanic[Any, Any]) -> dict[str, str]:
    """Return the lines of sections by label, and of routes by `GET /path`."""
    lines: dict[str, str] = {}
    try:
        routes = list_routes(app)
    # An annotation without a line is better than none: the finding says what is wrong.
    except ValueError:  # An app that does not start has no bound routes.
        return lines
    for route in routes:
        if route.section and route.section_line:
            lines[route.section] = route.section_line
        for name in _names_of(route):
            if line := locate_handler(route.handler):
                lines[name] = line
    return lines


def _names_of(route: RouteInfo) -> Iterable[str]:
    """Return the names of a route in findings and changes."""
    host = route.host or ""
    if route.websocket:
        return [f"WebSocket {host}{route.path}"]
    methods = [*route.methods, ",".join(route.methods)]
    return [f"{method} {place}" for method in methods for place in (f"{host}{route.path}", route.path)]


def _annotate(report: Report, lines: Mapping[str, str]) -> Iterable[str]:
    for finding in report.findings:
        text = f"{finding.where}: {finding.text}"
        yield format_annotation(finding.level, f"corsbp {finding.id}", text, lines.get(finding.where))
    for change in report.changes or ():
        level: Level = "error" if change.is_wider else "info"
        yield format_annotation(level, "corsbp audit", str(change), lines.get(change.route))
