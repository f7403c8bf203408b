"""`corsbp audit`: every route of an app with its policy. The app is imported, and not started.

With `--observed` the app is started in memory, and its responses are read; with `--at`, a deployment's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from sanic import Sanic

from corsbp.app.section import Section
from corsbp.command.console import count_of
from corsbp.command.errors import CommandError
from corsbp.command.finding import Finding
from corsbp.command.loading import collect_sections, load_app, redirect_app_output
from corsbp.command.suffix_list import describe_suffix_list

from . import declared_policies, edge, observed_responses
from .edge_requests import DEFAULT_RATE
from .findings import FINDINGS, audit_app
from .report import Report, print_report
from .snapshot import compare_snapshots, from_json, take_snapshot, to_json
from .targets import list_targets, parse_queries

UNREADABLE: Final = frozenset({"two-sections", "ctx-cors-invalid"})
"""Findings of an app that does not start: there are no routes to write into a file."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `corsbp audit`."""
    parser.description = (
        "List every route of an app, the origins that may call it, and what is odd. The app is imported, and "
        "its listeners do not run. Exit status: 1 if a finding is an error, if --check finds that a route "
        "allows more than before, or if --at finds a difference; 2 if the app or a file cannot be read."
    )
    parser.add_argument("target", metavar="MODULE:APP", help="as for the command sanic")
    parser.add_argument(
        "--format", choices=("text", "json", "github"), default="text", help="github: annotations for Actions"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="the same as --format json"
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="ID[@WHERE]",
        help="leave out a finding, everywhere or at one path, section or app",
    )
    file = parser.add_mutually_exclusive_group()
    file.add_argument("--snapshot", type=Path, metavar="FILE", help="write the audit to a file")
    file.add_argument(
        "--check", type=Path, metavar="FILE", help="print what changed since; status 1 if more is allowed"
    )
    _add_observed(parser.add_argument_group("what responses say"))
    parser.set_defaults(run=run)


def _add_observed(parser: argparse._ArgumentGroup) -> None:
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
        help="send requests as a page of this origin, too; can be repeated",
    )
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="PATH",
        help="send no request to it, as in '/docs*'; can be repeated",
    )
    parser.add_argument(
        "--query",
        action="append",
        default=[],
        metavar="PATH=QUERY",
        help="send this query to a path, as in /socket.io=EIO=4; can be repeated",
    )
    parser.add_argument(
        "--at",
        metavar="URL",
        help="send the requests to a deployment, through its proxy and cache, and compare it with the app or "
        "the file of --check",
    )
    parser.add_argument(
        "--rate", type=float, metavar="N", help=f"with --at: requests in a second (default: {DEFAULT_RATE})"
    )


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Print the audit, write it to a file, or compare it with a file; return the exit status."""
    _check_options(arguments)
    before = _read(arguments.check) if arguments.check else None
    # An app may print as it is imported; stdout is for the report, which programs read.
    with redirect_app_output(err, f"importing {arguments.target}"), collect_sections() as made:
        app = load_app(arguments.target)
    if arguments.at:
        report = edge.audit_deployment(app, arguments, before, err)
    elif arguments.observed:
        report = _audit_observed(app, arguments, before, err)
    else:
        report = _audit_declared(app, arguments, before, made)
    report.findings = [each for each in report.findings if not _is_ignored(each, arguments.ignore)]
    if arguments.snapshot:
        return _write(arguments.snapshot, report.snapshot, err)
    if report.table and not arguments.observed:
        err.print(describe_suffix_list(), markup=False, soft_wrap=True)
    print_report(report, app, arguments.format, out)
    return report.status


def _check_options(arguments: argparse.Namespace) -> None:
    """Raise CommandError for an unknown id, and for options that do nothing without another one."""
    for ignored in arguments.ignore:
        _check_id(ignored.partition("@")[0])
    observing = arguments.origin or arguments.leave_out or arguments.query or arguments.at
    if observing and not arguments.observed:
        options = "--origin, --leave-out, --query and --at"
        raise CommandError(f"{options} need --observed: without it, no request is sent")
    if arguments.rate is not None and not arguments.at:
        raise CommandError("--rate needs --at: requests to an app in memory have no limit")
    if arguments.rate is not None and arguments.rate <= 0:
        raise CommandError(f"--rate takes a number above 0, not {arguments.rate:g}")
    # A snapshot says what an app allows. What a proxy made of it must not become what is expected.
    if arguments.at and arguments.snapshot:
        raise CommandError("--snapshot is for an app in memory: leave out --at")


def _audit_declared(
    app: Sanic[Any, Any], arguments: argparse.Namespace, before: dict[str, Any] | None, made: list[Section]
) -> Report:
    routes, findings = audit_app(app, made)
    if not arguments.snapshot and before is None:
        return declared_policies.make_report(app, routes, findings)
    for finding in findings:
        if finding.id in UNREADABLE:
            raise CommandError(finding.text)
    now = take_snapshot(routes)
    if before is None:
        return Report(snapshot=now)
    if "observed" in before:
        raise CommandError("the file was made with --observed: compare it with --observed")
    return Report(changes=compare_snapshots(before, now))


def _audit_observed(
    app: Sanic[Any, Any], arguments: argparse.Namespace, before: dict[str, Any] | None, err: Console
) -> Report:
    queries = parse_queries(arguments.query)
    origins = arguments.origin
    if before is not None:
        origins = observed_responses.origins_of(before, arguments.origin)
    targets = partial(list_targets, app, arguments.leave_out, queries)
    observed = observed_responses.observe_in_memory(app, arguments.target, targets, origins, err)
    now = observed_responses.take_snapshot(observed)
    if before is None:
        return observed_responses.make_report(app, observed, now)
    return Report(
        changes=observed_responses.compare_snapshots(before, now),
        summary=observed_responses.describe_writers(before, now),
    )


def _check_id(id_: str) -> None:
    """Raise CommandError for an id that no finding has."""
    if id_ not in FINDINGS:
        similar = get_close_matches(id_, FINDINGS, 1)
        suggestion = f"; meant: {similar[0]}" if similar else ""
        raise CommandError(f"--ignore: no finding has the id {id_!r}{suggestion}")


def _is_ignored(finding: Finding, ignored: Iterable[str]) -> bool:
    # A section has many paths: `--ignore ID@/feed` is for one of them.
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
