"""`corsbp explain`: one call of a page, step by step, as a browser makes it; of an app, or of any server."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence
from typing import Any, get_args

from rich.console import Console
from sanic import Sanic

from corsbp.app.inventory import list_sections
from corsbp.command.app_address import BASE_URL, PORT, assume_address
from corsbp.command.audit.findings import check_ctx_cors_values
from corsbp.command.errors import CommandError
from corsbp.command.loading import collect_errors, load_app, redirect_app_output
from corsbp.testing.engines import ENGINES
from corsbp.testing.fetch_arguments import EmbedderPolicy
from corsbp.testing.result import CallKind

from .call import explain_call
from .explanation import Call, Explanation
from .output import print_explanation
from .report_only import collect_reports, describe_reports


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `corsbp explain`."""
    parser.description = (
        "Show what a browser does when a page calls a route, check by check, and what to change. An app is "
        "started in memory, listeners included; a server is called at its address. Exit status: 0 if the "
        "page can read the response, 1 if not, 2 for wrong arguments or a server that does not respond."
    )
    parser.usage = "corsbp explain MODULE:APP /path [METHOD] | URL [METHOD]  --origin ORIGIN [options]"
    parser.add_argument("target", metavar="TARGET", help="module:app, or an http(s) URL")
    parser.add_argument("rest", nargs="*", metavar="/path METHOD", help="for an app: the path; the method")
    parser.add_argument("--origin", required=True, help="the page's origin: https://app.example, or null")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="can be repeated"
    )
    parser.add_argument("--credentials", action="store_true", help="credentials: 'include'")
    parser.add_argument(
        "--cookie",
        action="append",
        default=[],
        metavar="COOKIE",
        help="a cookie that the API has set: 'session=ann; SameSite=None; Secure'",
    )
    parser.add_argument("--body", help="text")
    parser.add_argument(
        "--as",
        dest="kind",
        choices=get_args(CallKind),
        help="send it in another way than fetch: sendBeacon(), a form with method POST, an <img>, a module "
        "script, or a link. Status 0 if it does its work",
    )
    parser.add_argument(
        "--coep",
        choices=get_args(EmbedderPolicy),
        default="unsafe-none",
        help="the page's Cross-Origin-Embedder-Policy (default: unsafe-none)",
    )
    parser.add_argument(
        "--no-local-network",
        action="store_true",
        help="with --engine chromium: the user does not allow the page to call the local network",
    )
    parser.add_argument("--engine", choices=tuple(ENGINES), default="standard", help="default: standard")
    parser.add_argument(
        "--base-url",
        metavar="URL",
        help=f"the address of the app, for the browser (default: {BASE_URL}; for a page of this machine, the "
        f"page's host with port {PORT})",
    )
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="default: 30")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Make the call as a page would, print what happened, and return the exit status."""
    url, method = _parse_address(arguments.target, arguments.rest)
    # These calls have the method of their element: <img> is GET, a beacon is POST.
    if arguments.kind:
        method = _check_kind(arguments, method)
    if arguments.no_local_network and arguments.engine != "chromium":
        raise CommandError("--no-local-network needs --engine chromium: no other browser asks the user")
    call = Call(
        url=url,
        method=method,
        origin=arguments.origin,
        headers=tuple(map(_parse_header, arguments.header)),
        credentials=arguments.credentials,
        cookies=tuple(map(_check_cookie, arguments.cookie)),
        body=arguments.body,
        engine=arguments.engine,
        base_url=arguments.base_url or assume_address(arguments.origin),
        kind=arguments.kind,
        embedder_policy=arguments.coep,
        local_network=not arguments.no_local_network,
    )
    app = None
    if url != arguments.target:
        with redirect_app_output(err, f"importing {arguments.target}"):
            app = load_app(arguments.target)
        # The error of the startup has no line; the audit knows it.
        _check_ctx_cors(app)
    with (
        redirect_app_output(err, f"calling {arguments.target}"),
        collect_errors() as errors,
        collect_reports(call.origin) as reports,
    ):
        explanation = _explain(call, app, arguments.target, arguments.timeout)
    for error in errors:
        err.print(f"logged: {error}", markup=False)
    if app and not arguments.base_url:
        out.print(f"Assumed: the app is at {call.base_url} (--base-url)", markup=False)
    print_explanation(explanation, method, out)
    for line in describe_reports(reports, explanation.route):
        out.print(line, markup=False)
    return _exit_status(explanation)


def _check_ctx_cors(app: Sanic[Any, Any]) -> None:
    """Raise CommandError with the lines, if a `ctx_cors` is not a policy: the app would not start."""
    if list_sections(app) and (wrong := [*check_ctx_cors_values(app)]):
        raise CommandError("; ".join(f"{each.where}: {each.text} [{each.id}]" for each in wrong))


def _explain(call: Call, app: Sanic[Any, Any] | None, target: str, timeout: float) -> Explanation:
    try:
        return asyncio.run(asyncio.wait_for(explain_call(call, app), timeout))
    except asyncio.TimeoutError as error:
        raise CommandError(f"{target} did not respond within {timeout:g} s") from error
    except (ValueError, RuntimeError) as error:  # a wrong origin; an app that does not start
        raise CommandError(f"{error}".replace("allow_origins: ", "--origin: ")) from error


def _exit_status(explanation: Explanation) -> int:
    result = explanation.result
    if explanation.refused:
        return 1
    if result.ok_for_page:
        return 0
    # Only the first request: if a redirect leads to a server that is down, that is the result.
    has_response = any(sent.status for sent in result.sent[:1])
    return 2 if result.blocked_by == "no-answer" and not has_response else 1


# --- arguments ---


def _parse_address(target: str, rest: Sequence[str]) -> tuple[str, str]:
    """Return the URL or path to call, and the method."""
    if re.match("(http|ws)s?://", target):
        if rest and rest[0].startswith("/"):
            raise CommandError(f"the path is part of the URL: write {target.rstrip('/')}{rest[0]}")
        if len(rest) > 1:
            raise CommandError(f"a URL takes one METHOD, not {' '.join(rest)!r}")
        return target, rest[0] if rest else "GET"
    # `localhost:8000` looks like `module:app`, and no module has a number for an app.
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", target):
        raise CommandError(f"{target!r} is not an app; meant: http://{target}")
    if target.startswith("/"):
        raise CommandError(
            f"{target!r} is a path: write the app before it: corsbp explain MODULE:APP {target}"
        )
    if "://" in target:
        raise CommandError(f"{target!r} is not a URL of http, https, ws or wss")
    if len(rest) > 1 and rest[1].startswith("/"):
        raise CommandError(f"the method comes after the path: write {target} {rest[1]} {rest[0]}")
    if not rest or not rest[0].startswith("/"):
        raise CommandError(
            f"{target!r} needs a path, which begins with /: corsbp explain {target} /path [METHOD] --origin …"
        )
    if len(rest) > 2:
        raise CommandError(f"an app takes a path and one METHOD, not {' '.join(rest)!r}")
    return rest[0], rest[1] if len(rest) > 1 else "GET"


def _check_kind(arguments: argparse.Namespace, method: str) -> str:
    """Return the method of a beacon, a form … Raises CommandError for options that it does not take."""
    kind: CallKind = arguments.kind
    sends_body = kind in ("beacon", "form")
    own_method = "POST" if sends_body else "GET"
    if method not in ("GET", own_method):  # GET is the default of the argument.
        raise CommandError(f"--as {kind} sends {own_method}, not {method}")
    names = [line.partition(":")[0].strip().lower() for line in arguments.header]
    if names and (not sends_body or names != ["content-type"]):
        raise CommandError("--as takes no --header, except content-type of a beacon or a form")
    return own_method


def _parse_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise CommandError(f"--header takes 'name: value', not {line!r}")
    return name.strip(), value.strip()


def _check_cookie(cookie: str) -> str:
    if "=" not in cookie:
        raise CommandError(f"--cookie takes NAME=VALUE, not {cookie!r}")
    return cookie
