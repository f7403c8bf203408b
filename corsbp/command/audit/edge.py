"""`corsbp audit --observed --at URL`: a running deployment, through its proxy and cache, beside the app."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from sanic import Sanic

from corsbp.app.inventory import list_routes
from corsbp.command.console import count_of
from corsbp.command.errors import CommandError
from corsbp.command.finding import sort_findings
from corsbp.command.loading import redirect_app_output

from . import observed_responses
from .edge_checks import check_edge
from .edge_comparison import Expectations, compare_deployment
from .edge_requests import DEFAULT_RATE, Deployment, check_address, observe_deployment
from .report import Report, count_findings
from .snapshot import take_snapshot
from .targets import list_targets, parse_queries

NOT_CHECKED: Final = (
    "not checked: limits of a body (413), as no body is sent; WebSockets, as their handlers would run"
)


def audit_deployment(
    app: Sanic[Any, Any], arguments: argparse.Namespace, before: Mapping[str, Any] | None, err: Console
) -> Report:
    """Compare a deployment with a snapshot, or with the declared policies of the app.

    Raises:
        CommandError: the deployment does not respond, or an option is wrong.
    """
    base_url = check_address(arguments.at)
    if before is not None and "observed" in before:
        observed_responses.origins_of(before, arguments.origin)
    try:
        # Without a file, the declared policies are what is expected: the app need not start here.
        expected = Expectations(before or take_snapshot(list_routes(app)), arguments.origin)
    except ValueError as error:
        raise CommandError(f"{error}") from error
    targets = list_targets(app, arguments.leave_out, parse_queries(arguments.query), base_url)
    silent = observed_responses.list_unknown(before or {"routes": {}})
    # A handshake starts the handler, with its side effects; in memory, it is stopped before that.
    targets = [each for each in targets if not each.route.websocket and each.key not in silent]
    with redirect_app_output(err, f"sending requests to {base_url}"):
        try:
            deployment = asyncio.run(
                observe_deployment(targets, expected.origins_for, arguments.rate or DEFAULT_RATE)
            )
        except ValueError as error:
            raise CommandError(f"{error}".replace("allow_origins: ", "--origin: ")) from error
    own_pages = sorted({origin for each in deployment.observed for origin in each.own_pages})
    notes = [
        _note("these are the deployment's own pages", own_pages),
        _note("the app did not respond in memory either", silent),
        _note("the app does not declare it, or only at its startup", _list_undeclared(app, before)),
    ]
    return _make_report(deployment, expected, base_url, notes, with_table=before is None)


def _list_undeclared(app: Sanic[Any, Any], before: Mapping[str, Any] | None) -> list[str]:
    """List the methods of a snapshot that the app does not declare: it is not started."""
    if before is None:
        return []
    declared = {target.key for target in list_targets(app)}  # Paths without a route are among the targets.
    for route in list_routes(app):
        place = f"{route.host or ''}{route.path}"
        declared |= {f"{method} {place}" for method in route.methods}
    return [key for key in before["routes"] if key not in declared]


def _note(reason: str, keys: Sequence[str]) -> str:
    return f"not compared, as {reason}: {', '.join(keys)}" if keys else ""


def _make_report(
    deployment: Deployment, expected: Expectations, base_url: str, notes: list[str], *, with_table: bool
) -> Report:
    observed = deployment.observed
    findings = sort_findings(
        [*deployment.findings, *check_edge(observed, base_url), *compare_deployment(expected, observed)]
    )
    requests = f"{count_of(len(observed), 'method')}, {count_of(deployment.requests, 'request')}"
    unknown = [each.key for each in observed if not expected.has(each.target) and each.route.name]
    notes = [NOT_CHECKED, *notes, _note("the file has no such route", unknown)]
    lines = [f"{urlsplit(base_url).netloc}: {requests}; {count_findings(findings)}", *filter(None, notes)]
    return Report(
        table=observed_responses.make_table(observed, "server") if with_table else None,
        findings=findings,
        summary="\n".join(lines),
        data={"at": base_url, "routes": [observed_responses.to_dict(each) for each in observed]},
    )
