"""An app's whole CORS surface on one screen: the app is read, and not started; or asked, with --observed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from sanic import Sanic

from corsbp.app.inventory import RouteInfo
from corsbp.policy.fields import function_name
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_functions

from . import audit_observed
from .console import counted, print_table
from .errors import CommandError
from .findings import FINDINGS, Finding, find
from .loading import aside, groups, load
from .snapshot import Change, allows, changes, read, snapshot, written


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare `corsbp audit`."""
    parser.description = (
        "Every route of an app, who may call it from other origins, and what is odd. The app "
        "is imported, and none of its listeners run. Exit status: 1 where a finding is an error, or where "
        "--check finds that something widened; 2 for what cannot be read."
    )
    parser.add_argument("target", metavar="MODULE:APP", help="as for the command sanic")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="ID[@WHERE]",
        help="a finding that is known, everywhere or at one path, section or app",
    )
    parser.add_argument(
        "--observed",
        action="store_true",
        help="start the app in memory, listeners included, and ask each route as pages do: preflights, and "
        "GET. Whatever answers is shown: corsbp, another package, the app's own code",
    )
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="ask as a page of this origin too, not only as a stranger's; as often as need be",
    )
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="PATH", help="do not ask it: '/docs*'"
    )
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--snapshot", type=Path, metavar="FILE", help="write down who may do what")
    kept.add_argument("--check", type=Path, metavar="FILE", help="what changed since; status 1 if it widened")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Print the audit, write the snapshot, or compare with one."""
    for each in arguments.ignore:
        _known(each.partition("@")[0])
    if (arguments.origin or arguments.leave_out) and not arguments.observed:
        raise CommandError("--origin and --leave-out are for --observed: without it, nothing is asked")
    before = _read(arguments.check) if arguments.check else None
    with aside(err, f"importing {arguments.target}"), groups() as made:
        app = load(arguments.target)
    if arguments.observed:
        return _observed(app, arguments, before, out, err)
    served, found = find(app, made)
    if arguments.snapshot or before is not None:
        if broken := [each for each in found if each.id == "two-sections"]:
            raise CommandError(broken[0].text)
        now = snapshot(served)
        if before is None:
            return _write(arguments.snapshot, now, err)
        if "observed" in before:
            raise CommandError("the file was made with --observed: compare it with --observed")
        return _changed(changes(before, now), out)
    found = [each for each in found if not _is_ignored(each, arguments.ignore)]
    if arguments.json:
        out.print(as_json(app, served, found), markup=False)
    else:
        _print(app, served, found, out)
    return int(any(each.error for each in found))


def _observed(
    app: Sanic[Any, Any], arguments: argparse.Namespace, before: Any, out: Console, err: Console
) -> int:
    """The same of an app that is asked."""
    origins = arguments.origin if before is None else audit_observed.origins_of(before, arguments.origin)
    found = audit_observed.asked(app, arguments.target, origins, arguments.leave_out, err)
    now = audit_observed.snapshot(found)
    if arguments.snapshot:
        return _write(arguments.snapshot, now, err)
    if before is not None:
        status = _changed(audit_observed.changes(before, now), out)
        out.print(audit_observed.movement(before, now), markup=False)
        return status
    if arguments.json:
        out.print(json.dumps(audit_observed.as_data(app, found), indent=2), markup=False)
    else:
        audit_observed.show(app, found, out)
    return 0


def _known(id_: str) -> None:
    if id_ not in FINDINGS:
        near = get_close_matches(id_, FINDINGS, 1)
        meant = f"; meant: {near[0]}" if near else ""
        raise CommandError(f"--ignore: no finding is called {id_!r}{meant}")


def _is_ignored(finding: Finding, ignored: Iterable[str]) -> bool:
    names = {finding.id, *(f"{finding.id}@{where}" for where in (finding.where, *finding.paths))}
    return not names.isdisjoint(ignored)


def _write(path: Path, now: dict[str, Any], err: Console) -> int:
    try:
        path.write_text(written(now))
    except OSError as error:
        raise CommandError(f"{path} could not be written: {error.strerror}") from error
    err.print(f"{path}: {counted(len(now['routes']), 'method')}", markup=False)
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        return read(path.read_text())
    except OSError as error:
        raise CommandError(f"{path} could not be read: {error.strerror}; make it with --snapshot") from error
    except ValueError as error:
        raise CommandError(f"{path} could not be read: {error}") from error


def _changed(found: list[Change], out: Console) -> int:
    for change in found:
        out.print(Text(str(change), style="red" if change.wider else "green"))
    wider = sum(change.wider for change in found)
    out.print(
        f"{counted(len(found), 'change')}, {wider} of them wider" if found else "nothing changed",
        markup=False,
    )
    return int(wider > 0)


def as_json(app: Sanic[Any, Any], served: list[RouteInfo], found: list[Finding]) -> str:
    """The audit for machines."""
    routes = [
        {
            "path": route.path,
            "methods": list(route.methods),
            "host": route.host,
            "name": route.name,
            "websocket": route.websocket,
            "section": route.section,
            "policy": None if route.policy is None else in_short(route.policy),
            "report_only": None if route.report_only is None else in_short(route.report_only),
            "live": route.live,
        }
        for route in served
    ]
    findings = [
        {
            "id": each.id,
            "level": level(each),
            "where": each.where,
            "paths": list(each.paths),
            "text": each.text,
        }
        for each in found
    ]
    return json.dumps({"app": app.name, "routes": routes, "findings": findings}, indent=2)


def _print(app: Sanic[Any, Any], served: list[RouteInfo], found: list[Finding], out: Console) -> None:
    hosts = any(route.host for route in served)
    names = ("methods", "path", *(["host"] if hosts else []), "section", "corsbp lets in")
    rows = [row for route in served for row in _rows(route, hosts)]
    print_table(names, rows, out, dim=lambda row: row[-2] == "-")
    for each in found:
        line = Text(f"{level(each)} ", style="bold red" if each.error else "yellow")
        out.print(line.append(f"{each.where}: {each.text} [{each.id}]", style="not bold default"))
    inside = sum(route.section is not None for route in served)
    errors = sum(each.error for each in found)
    warned = counted(len(found) - errors, "warning")
    summary = f"{counted(len(served), 'route')}, {inside} in sections; {counted(errors, 'error')}, {warned}"
    out.print(Text(f"{app.name}: {summary}", style="bold"))


def _rows(route: RouteInfo, hosts: bool) -> Iterator[tuple[str, ...]]:
    """A route's row; two, where some of its methods are for nobody."""
    between = (route.path, *([route.host or ""] if hosts else []), route.whose or "-")
    policy, short = route.policy, who_opens if route.websocket else in_short
    more = "; until live origins come" if route.live else ""
    more += f"; report-only: {short(route.report_only)}" if route.report_only else ""
    if route.websocket or policy is None:
        methods = "WebSocket" if route.websocket else ",".join(route.methods)
        who = f"{who_opens(policy)}{more}" if policy else "nobody: no CORS" if route.section else "-"
        yield methods, *between, who
        return
    granted = [method for method in route.methods if allows(policy, method)]
    refused = [method for method in route.methods if method not in granted]
    if granted:
        yield ",".join(granted), *between, f"{in_short(policy)}{more}"
    if refused:
        yield ",".join(refused), *between, "nobody: not in allow_methods"


def level(finding: Finding) -> str:
    """How bad it is."""
    return "error" if finding.error else "warning"


def _who(policy: CorsPolicy) -> str:
    if policy.allow_origins == "*":
        return "any origin"
    entries, asked = origin_entries(policy), [f"{function_name(each)}()" for each in origin_functions(policy)]
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    who = [f"{', '.join(entries[:3])}{more}"] if entries else []
    who += [f"whom {' or '.join(asked)} allows"] if asked else []
    return ", or ".join(who)


def who_opens(policy: CorsPolicy) -> str:
    """Whose pages may open a WebSocket of this policy."""
    unchecked = not policy.check_websockets and policy.allow_origins != "*"
    return "any origin: check_websockets=False" if unchecked else _who(policy)


def in_short(policy: CorsPolicy) -> str:
    """A policy in a line: whom it allows, and what differs from the defaults."""
    parts = [_who(policy), *(["credentials"] if policy.allow_credentials else [])]
    lists = {"methods": policy.allow_methods, "headers": policy.allow_headers}
    parts += (f"{name}: {','.join(names) or 'none'}" for name, names in lists.items() if names != "*")
    if policy.expose_headers:
        parts.append(f"exposes: {','.join(policy.expose_headers)}")
    return "; ".join(parts)
