"""An app's whole CORS surface on one screen: the app is read, not started."""

from __future__ import annotations

import argparse
import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sanic import Sanic

from corsbp.fields import name_of
from corsbp.policy import CorsPolicy, functions, named
from corsbp.surface import Served

from .findings import FINDINGS, Finding, find
from .loading import CommandError, aside, load
from .snapshot import changes, read, snapshot, written


def add_to(commands: Any) -> None:
    """Declare `corsbp audit`."""
    parser = commands.add_parser(
        "audit",
        help="every route, who may call it, and what is odd",
        description="Every route of an app, who may call it from other origins, and what is odd. The app "
        "is imported, and none of its listeners run. Exit status: 1 where a finding is an error, or where "
        "--check finds that something widened; 2 for what cannot be read.",
    )
    parser.add_argument("target", metavar="MODULE:APP", help="as for the command sanic")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--ignore", action="append", default=[], metavar="ID", help="a finding that is known")
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--snapshot", type=Path, metavar="FILE", help="write down who may do what")
    kept.add_argument("--check", type=Path, metavar="FILE", help="what changed since; status 1 if it widened")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Print the audit, write the snapshot, or compare with one."""
    if unknown := set(arguments.ignore) - set(FINDINGS):
        near = get_close_matches(min(unknown), FINDINGS, 1)
        meant = f"; meant: {near[0]}" if near else ""
        raise CommandError(f"--ignore: no finding is called {min(unknown)!r}{meant}")
    with aside(err, f"importing {arguments.target}"):
        app = load(arguments.target)
    served, found = find(app)
    if arguments.snapshot or arguments.check:
        if broken := [each for each in found if each.id == "two-sections"]:
            raise CommandError(broken[0].text)
        now = snapshot(served)
        return (
            _write(arguments.snapshot, now, err) if arguments.snapshot else _check(arguments.check, now, out)
        )
    found = [each for each in found if each.id not in arguments.ignore]
    if arguments.json:
        out.print(as_json(app, served, found), markup=False)
    else:
        _print(app, served, found, out)
    return int(any(each.error for each in found))


def _write(path: Path, now: dict[str, Any], err: Console) -> int:
    try:
        path.write_text(written(now))
    except OSError as error:
        raise CommandError(f"{path} could not be written: {error.strerror}") from error
    err.print(f"{path}: {_count(len(now['routes']), 'method')}", markup=False)
    return 0


def _check(path: Path, now: dict[str, Any], out: Console) -> int:
    try:
        before = read(path.read_text())
    except OSError as error:
        raise CommandError(f"{path} could not be read: {error.strerror}; make it with --snapshot") from error
    except ValueError as error:
        raise CommandError(f"{path} could not be read: {error}") from error
    found = changes(before, now)
    for change in found:
        out.print(Text(str(change), style="red" if change.wider else "green"))
    wider = sum(change.wider for change in found)
    out.print(
        f"{_count(len(found), 'change')}, {wider} of them wider" if found else "nothing changed", markup=False
    )
    return int(wider > 0)


def as_json(app: Sanic[Any, Any], served: list[Served], found: list[Finding]) -> str:
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
        }
        for route in served
    ]
    findings = [
        {"id": each.id, "level": level(each), "where": each.where, "text": each.text} for each in found
    ]
    return json.dumps({"app": app.name, "routes": routes, "findings": findings}, indent=2)


def _print(app: Sanic[Any, Any], served: list[Served], found: list[Finding], out: Console) -> None:
    hosts = any(route.host for route in served)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in ("methods", "path", *(["host"] if hosts else []), "section", "corsbp lets in"):
        table.add_column(name, no_wrap=not out.is_terminal, overflow="fold")
    for route in served:
        methods = "WebSocket" if route.websocket else ",".join(route.methods)
        host = [route.host or ""] if hosts else []
        who = in_short(route.policy) if route.policy else "nobody: no CORS" if route.section else "-"
        cells = [methods, route.path, *host, route.whose or "-", who]
        table.add_row(*map(Text, cells), style="" if route.whose else "dim")
    if out.is_terminal:
        out.print(table)
    else:
        with out.capture() as captured:
            out.print(table)
        lines = (line.strip() for line in captured.get().strip().splitlines())
        out.print("\n".join(lines), markup=False)
    for each in found:
        line = Text(f"{level(each)} ", style="bold red" if each.error else "yellow")
        out.print(line.append(f"{each.where}: {each.text} [{each.id}]", style="not bold default"))
    inside = sum(route.section is not None for route in served)
    errors = sum(each.error for each in found)
    warned = _count(len(found) - errors, "warning")
    counted = f"{_count(len(served), 'route')}, {inside} in sections; {_count(errors, 'error')}, {warned}"
    out.print(Text(f"{app.name}: {counted}", style="bold"))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def level(finding: Finding) -> str:
    """How bad it is."""
    return "error" if finding.error else "warning"


def _who(policy: CorsPolicy) -> str:
    if policy.allow_origins == "*":
        return "any origin"
    entries, asked = named(policy), [f"{name_of(each)}()" for each in functions(policy)]
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    who = [f"{', '.join(entries[:3])}{more}"] if entries else []
    who += [f"whom {' or '.join(asked)} allows"] if asked else []
    return ", or ".join(who)


def in_short(policy: CorsPolicy) -> str:
    """A policy in a line: whom it allows, and what differs from the defaults."""
    parts = [_who(policy), *(["credentials"] if policy.allow_credentials else [])]
    lists = {"methods": policy.allow_methods, "headers": policy.allow_headers}
    parts += (f"{name}: {','.join(names) or 'none'}" for name, names in lists.items() if names != "*")
    if policy.expose_headers:
        parts.append(f"exposes: {','.join(policy.expose_headers)}")
    return "; ".join(parts)
