"""`corsbp audit`: every route of an app with its policy. The app is imported, and not started.

With `--observed` the app is started in memory, and its responses are read: see `audit_observed`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text
from sanic import Sanic

from . import audit_declared, audit_observed
from .console import count_of
from .errors import CommandError
from .findings import FINDINGS, Finding, audit_app
from .loading import collect_sections, load_app, redirect_app_output
from .snapshot import Change, compare_snapshots, from_json, take_snapshot, to_json

UNREADABLE: Final = frozenset({"two-sections", "ctx-cors-invalid"})
"""Findings of an app that does not start: there are no routes to write into a file."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `corsbp audit`."""
    parser.description = (
        "List every route of an app, the origins that may call it, and what is odd. The app is imported, and "
        "its listeners do not run. Exit status: 1 if a finding is an error, or if --check finds that a route "
        "allows more than before; 2 if the app or a file cannot be read."
    )
    parser.add_argument("target", metavar="MODULE:APP", help="as for the command sanic")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="ID[@WHERE]",
        help="leave out a finding, everywhere or at one path, section or app",
    )
    parser.add_argument(
        "--observed",
        action="store_true",
        help="start the app in memory, listeners included, and send preflights and GET to each route as "
        "pages do. Shows what the responses say: of corsbp, of another package, or of the app's own code",
    )
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="with --observed: send requests as a page of this origin, too; can be repeated",
    )
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="PATH",
        help="with --observed: send no request to it, as in '/docs*'; can be repeated",
    )
    file = parser.add_mutually_exclusive_group()
    file.add_argument("--snapshot", type=Path, metavar="FILE", help="write the audit to a file")
    file.add_argument(
        "--check", type=Path, metavar="FILE", help="print what changed since; status 1 if more is allowed"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Print the audit, write it to a file, or compare it with a file; return the exit status."""
    for ignored in arguments.ignore:
        _check_id(ignored.partition("@")[0])
    if (arguments.origin or arguments.leave_out) and not arguments.observed:
        raise CommandError("--origin and --leave-out need --observed: without it, no request is sent")
    before = _read(arguments.check) if arguments.check else None
    with redirect_app_output(err, f"importing {arguments.target}"), collect_sections() as made:
        app = load_app(arguments.target)
    if arguments.observed:
        return _run_observed(app, arguments, before, out, err)
    routes, findings = audit_app(app, made)
    if arguments.snapshot or before is not None:
        for finding in findings:
            if finding.id in UNREADABLE:
                raise CommandError(finding.text)
        now = take_snapshot(routes)
        if before is None:
            return _write(arguments.snapshot, now, err)
        if "observed" in before:
            raise CommandError("the file was made with --observed: compare it with --observed")
        return _print_changes(compare_snapshots(before, now), out)
    findings = [each for each in findings if not _is_ignored(each, arguments.ignore)]
    if arguments.json:
        out.print(audit_declared.to_json(app, routes, findings), markup=False)
    else:
        audit_declared.print_audit(app, routes, findings, out)
    return int(any(each.is_error for each in findings))


def _run_observed(
    app: Sanic[Any, Any],
    arguments: argparse.Namespace,
    before: dict[str, Any] | None,
    out: Console,
    err: Console,
) -> int:
    """Do the same with what the app's responses say."""
    origins = arguments.origin
    if before is not None:
        origins = audit_observed.origins_of(before, arguments.origin)
    observed = audit_observed.observe(app, arguments.target, origins, arguments.leave_out, err)
    now = audit_observed.take_snapshot(observed)
    if arguments.snapshot:
        return _write(arguments.snapshot, now, err)
    if before is not None:
        status = _print_changes(audit_observed.compare_snapshots(before, now), out)
        out.print(audit_observed.describe_writers(before, now), markup=False)
        return status
    if arguments.json:
        out.print(audit_observed.to_json(app, observed), markup=False)
    else:
        audit_observed.print_table(app, observed, out)
    return 0


def _check_id(id_: str) -> None:
    """Raise CommandError for an id that no finding has."""
    if id_ not in FINDINGS:
        similar = get_close_matches(id_, FINDINGS, 1)
        suggestion = f"; meant: {similar[0]}" if similar else ""
        raise CommandError(f"--ignore: no finding has the id {id_!r}{suggestion}")


def _is_ignored(finding: Finding, ignored: Iterable[str]) -> bool:
    names = {finding.id, *(f"{finding.id}@{where}" for where in (finding.where, *finding.paths))}
    return not names.isdisjoint(ignored)


def _write(path: Path, snapshot: dict[str, Any], err: Console) -> int:
    try:
        path.write_text(to_json(snapshot))
    except OSError as error:
        raise CommandError(f"{path} could not be written: {error.strerror}") from error
    err.print(f"{path}: {count_of(len(snapshot['routes']), 'method')}", markup=False)
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        return from_json(path.read_text())
    except OSError as error:
        raise CommandError(f"{path} could not be read: {error.strerror}; make it with --snapshot") from error
    except ValueError as error:
        raise CommandError(f"{path} could not be read: {error}") from error


def _print_changes(changes: list[Change], out: Console) -> int:
    """Print the changes; return 1 if one of them is wider."""
    if not changes:
        out.print("nothing changed", markup=False)
        return 0
    for change in changes:
        out.print(Text(str(change), style="red" if change.is_wider else "green"))
    wider = sum(change.is_wider for change in changes)
    out.print(f"{count_of(len(changes), 'change')}, {wider} of them wider", markup=False)
    return int(wider > 0)
