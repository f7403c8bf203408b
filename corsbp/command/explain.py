"""One fetch, step by step, as a browser has it; for an app, or for any server."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.text import Text
from sanic import Sanic

from corsbp.fetch import ALLOW, ORIGIN, PREFIX, VARY
from corsbp.surface import Served, surface
from corsbp.testing import Browser, Result, Sent

from .loading import CommandError, load, quiet
from .words import CONSOLES

BROWSERS: Final = ("Chromium", "Firefox", "Safari")
BASE: Final = "https://api.example"
"""Where an app in memory is, for the browser."""


def add_to(commands: Any) -> None:
    """Declare `corsbp explain`."""
    parser = commands.add_parser(
        "explain",
        help="why a page can, or cannot, read an answer",
        description="What a browser does when a page calls a route, check by check, and what to change. An "
        "app is started in memory, listeners included; of a server, the address is called. Exit status: 0 if "
        "the page could read the answer, 1 if not, 2 for a call that makes no sense or a server that does "
        "not answer.",
        usage="corsbp explain MODULE:APP /path [METHOD] | URL [METHOD]  --origin ORIGIN [options]",
    )
    parser.add_argument("target", metavar="TARGET", help="module:app, or an http(s) URL")
    parser.add_argument("rest", nargs="*", metavar="/path METHOD", help="the path, for an app; the method")
    parser.add_argument("--origin", required=True, help="the page's: https://app.example, or null")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="as often as need be"
    )
    parser.add_argument("--credentials", action="store_true", help="credentials: 'include'")
    parser.add_argument(
        "--cookie", action="append", default=[], metavar="NAME=VALUE", help="what the browser has"
    )
    parser.add_argument("--body", help="text")
    parser.add_argument("--engine", choices=("standard", "today"), default="standard")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Fetch as a page would, and say what happened."""
    url, method = _address(arguments.target, arguments.rest)
    headers = [_header(line) for line in arguments.header]
    app = None if url == arguments.target else load(arguments.target)

    async def fetched() -> tuple[Result, Served | None]:
        browser = (
            Browser.at(url, arguments.origin, engine=arguments.engine)
            if app is None
            else Browser(app, arguments.origin, base_url=BASE, engine=arguments.engine)
        )
        for cookie in arguments.cookie:
            browser.set_cookie(cookie, url)
        async with browser:
            result = await browser.fetch(
                url,
                method,
                headers=headers,
                body=arguments.body,
                credentials="include" if arguments.credentials else "same-origin",
            )
            return result, _route(app, url, method) if app else None

    with err.status(f"asking {arguments.target}"), quiet():
        try:
            result, route = asyncio.run(fetched())
        except (ValueError, RuntimeError) as error:  # an origin that is none; an app that does not start
            raise CommandError(str(error)) from error
    _print(result, out)
    if not result.ok_for_page:
        asked = Asked(arguments.origin, method, tuple(name for name, _ in headers), arguments.credentials)
        change = argument(route, f"{result.blocked_by}", asked) or result.steps[-1].change
        if app is not None:
            out.print(Text(whose(route)))
        if change:
            out.print(Text("Change: ", style="bold").append(change, style="not bold"))
    return 2 if result.blocked_by == "no-answer" else int(not result.ok_for_page)


def _address(target: str, rest: list[str]) -> tuple[str, str]:
    """The URL or path to fetch, and the method."""
    if target.startswith(("http://", "https://")):
        if len(rest) > 1:
            raise CommandError(f"a URL takes one METHOD, not {' '.join(rest)!r}")
        return target, rest[0] if rest else "GET"
    if not rest or not rest[0].startswith("/"):
        raise CommandError(f"{target!r} needs a path: corsbp explain {target} /path --origin …")
    if len(rest) > 2:
        raise CommandError(f"an app takes a path and one METHOD, not {' '.join(rest)!r}")
    return rest[0], rest[1] if len(rest) > 1 else "GET"


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise CommandError(f"--header takes 'name: value', not {line!r}")
    return name.strip(), value.strip()


def _route(app: Sanic[Any, Any], path: str, method: str) -> Served | None:
    """The route that a path leads to; where the method has none, any of that path."""
    names: dict[str, None] = {}
    for each in (method.upper(), "GET", "POST", "PUT", "PATCH", "DELETE"):
        try:
            route, *_ = app.router.get(path.partition("?")[0], each, "api.example")
        except Exception:  # NotFound and MethodNotAllowed, and what a router does with an odd path
            continue
        names.setdefault(route.name, None)
    served = {each.name: each for each in surface(app)}
    return next((served[name] for name in names if name in served), None)


# --- what is printed ---


def _print(result: Result, out: Console) -> None:
    for sent in result.sent:
        _print_sent(sent, out)
    for step in result.steps:
        mark, style = ("x", "red") if step.stop else (".", "dim")
        out.print(Text(f"  {mark} ", style=style).append(step.text, style="not dim" if step.stop else style))
    if result.ok_for_page:
        out.print(Text(f"The page reads status {result.status}.", style="bold green"))
        if names := ", ".join(result.headers):
            out.print(Text(f"It can read the headers {names}."))
        return
    out.print(Text(f"Blocked: {result.blocked_by}.", style="bold red"))
    for browser, said in zip(BROWSERS, CONSOLES.get(str(result.blocked_by), ()), strict=False):
        out.print(Text(f"  {browser}: ", style="dim").append(said))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page wanted."""

    origin: str
    method: str
    headers: tuple[str, ...]
    credentials: bool


def argument(route: Served | None, stop: str, asked: Asked) -> str | None:
    """The argument to change, and of which section; None where no argument is to blame."""
    policy = route.policy if route else None
    if route is None or policy is None:
        return None
    more: dict[str, object] = {}
    allowed = policy.allow_origins
    if stop.removeprefix("preflight-") in ("origin-missing", "origin-other", "origin-any", "credentials"):
        if callable(allowed):
            name = getattr(allowed, "__qualname__", repr(allowed))
            return f"{route.section}: {name}() has to return True for {asked.origin!r}"
        origins = () if isinstance(allowed, str) else allowed
        if asked.origin not in origins and asked.origin != "null":
            more["allow_origins"] = [*origins, asked.origin]
        if asked.credentials and not policy.allow_credentials:
            more["allow_credentials"] = True
    elif (
        stop == "preflight-method"
        and policy.allow_methods != "*"
        and asked.method not in policy.allow_methods
    ):
        more["allow_methods"] = [*policy.allow_methods, asked.method]
    elif stop == "preflight-header" and policy.allow_headers != "*":
        names = [name.lower() for name in asked.headers if name.lower() not in policy.allow_headers]
        more["allow_headers"] = [*policy.allow_headers, *names]
    changed = ", ".join(f"{name}={value!r}" for name, value in more.items())
    return f"{route.section}: {changed}" if changed else None


def whose(route: Served | None) -> str:
    """Whose route it is that was called."""
    if route is None:
        return "No route has this path; a 404 belongs to a section by its url_prefix."
    if route.section is None:
        return f"The route {route.name} ({route.path}) is in no section: wrap its blueprint in cors_group()."
    if route.policy is None:
        return f"The route {route.name} ({route.path}) is in {route.section}, and left out by ctx_cors=False."
    return f"The route {route.name} ({route.path}) is in {route.section}: {route.policy!r}."


def _print_sent(sent: Sent, out: Console) -> None:
    """A request and its answer, with the headers that matter."""
    kind = "preflight: " if sent.preflight else ""
    out.print(Text(f"> {kind}{sent.method} {sent.url}", style="bold"))
    for name, value in sent.headers:
        if name == ORIGIN or name.lower() in ("cookie", "authorization") or name.startswith(PREFIX):
            out.print(Text(f">   {name.lower()}: {value}"))
    if sent.answer is None:
        out.print(Text("< remembered, not sent" if sent.cached else "< no answer"))
        return
    out.print(Text(f"< {sent.answer.status}", style="bold"))
    for name, value in sent.answer.headers:
        if name.lower().startswith(PREFIX) or name.lower() in (VARY, ALLOW, "location"):
            out.print(Text(f"<   {name}: {value}"))
