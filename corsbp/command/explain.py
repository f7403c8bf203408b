"""One fetch, step by step, as a browser has it; for an app, or for any server."""

from __future__ import annotations

import argparse
import asyncio
import re
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from corsbp.spec.fetch import ALLOW, ORIGIN, PREFIX, VARY
from corsbp.testing import Answer, Browser, Result, Sent
from corsbp.testing.engines import ENGINES
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import GLANCE, AppSender, Sender, ServerSender

from . import websockets
from .advice import Asked, Place, change, place_of, whose
from .console_messages import CONSOLES
from .errors import CommandError
from .loading import aside, load, quiet
from .proxy_sender import Through
from .tried import in_words, settled, tried

BROWSERS: Final = ("Chromium", "Firefox", "Safari")
BASE: Final = "https://api.example"
"""Where an app in memory is, for the browser."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare `corsbp explain`."""
    parser.description = (
        "What a browser does when a page calls a route, check by check, and what to change. An "
        "app is started in memory, listeners included; of a server, the address is called. Exit status: 0 if "
        "the page could read the answer, 1 if not, 2 for a call that makes no sense or a server that does "
        "not answer."
    )
    parser.usage = "corsbp explain MODULE:APP /path [METHOD] | URL [METHOD]  --origin ORIGIN [options]"
    parser.add_argument("target", metavar="TARGET", help="module:app, or an http(s) URL")
    parser.add_argument("rest", nargs="*", metavar="/path METHOD", help="the path, for an app; the method")
    parser.add_argument("--origin", required=True, help="the page's: https://app.example, or null")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="as often as need be"
    )
    parser.add_argument("--credentials", action="store_true", help="credentials: 'include'")
    parser.add_argument(
        "--cookie",
        action="append",
        default=[],
        metavar="COOKIE",
        help="what the API has set: 'session=ann; SameSite=None; Secure'",
    )
    parser.add_argument("--body", help="text")
    parser.add_argument("--engine", choices=tuple(ENGINES), default="standard", help="default: standard")
    parser.add_argument(
        "--base-url", default=BASE, metavar="URL", help=f"where the app is, for the browser (default: {BASE})"
    )
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="default: 30")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Fetch as a page would, and say what happened."""
    url, method = _address(arguments.target, arguments.rest)
    headers = tuple(map(_header, arguments.header))
    for cookie in arguments.cookie:
        if "=" not in cookie:
            raise CommandError(f"--cookie takes NAME=VALUE, not {cookie!r}")
    app = None
    if url != arguments.target:
        with aside(err, f"importing {arguments.target}"):
            app = load(arguments.target)

    with (
        aside(err, f"asking {arguments.target}"),
        quiet() as failures,
        tried(arguments.origin) as found,
    ):
        try:
            told = _told(arguments, app, url, method, headers)
            story = asyncio.run(asyncio.wait_for(told, arguments.timeout))
        except asyncio.TimeoutError as error:
            raise CommandError(f"{arguments.target} did not answer within {arguments.timeout:g} s") from error
        except (ValueError, RuntimeError) as error:  # an origin that is none; an app that does not start
            raise CommandError(f"{error}".replace("allow_origins: ", "--origin: ")) from error
    for failure in failures:
        err.print(f"logged: {failure}", markup=False)
    _print(story, out)
    for line in in_words(found, place_of(app, url, method).route) if app else ():
        out.print(Text(line))
    result = story.result
    unanswered = result.blocked_by == "no-answer" and not (result.sent and result.sent[0].status)
    return 2 if unanswered else int(not result.ok_for_page)


@dataclass(frozen=True, slots=True)
class Story:
    """What came of a fetch or a handshake, whose the route is, and what to change."""

    result: Result
    whose: str | None = None
    change: str | None = None
    open_to_all: bool = False
    """Whether a stranger's page can open the socket, too."""


async def _told(
    arguments: argparse.Namespace, app: Any, url: str, method: str, headers: tuple[tuple[str, str], ...]
) -> Story:
    """Fetch, or open a socket, and say what there is to say of it."""
    base = arguments.base_url if app else url.replace("ws", "http", 1) if websockets.is_socket(url) else url
    sender = OneServer(AppSender(app, GLANCE), base) if app else OneServer(ServerSender())
    origin, cookies = arguments.origin, arguments.cookie
    async with sender, settled():
        place = place_of(app, url, method) if app else Place(None)
        browser = Browser.using(sender, origin, base_url=base, engine=arguments.engine)
        for cookie in cookies:
            browser.set_cookie(cookie, url)
        if websockets.is_socket(url) or (place.route and place.route.websocket):
            result = await browser.websocket(url)
            open_to_all = result.ok_for_page and await websockets.is_open_to_all(sender, url, base, cookies)
            if place.route is None:
                return Story(result, None, result.steps[-1].change, open_to_all)
            to_change = websockets.change(place.route, result, origin, open_to_all)
            return Story(result, whose(place, "GET"), to_change, open_to_all)
        credentials = "include" if arguments.credentials else "same-origin"
        result = await browser.fetch(
            url, method, headers=headers, body=arguments.body, credentials=cast(Any, credentials)
        )
        theirs = result.steps[-1].change
        if sender.elsewhere:
            return Story(result, *_away(sender.elsewhere, result))
        if app is None or result.blocked_by in (None, "no-answer"):
            return Story(result, None, theirs)
        last, status = (result.sent[-1].url, result.sent[-1].status) if result.sent else (url, None)
        place = place_of(app, last, method)
        asked = Asked(origin, method, tuple(name for name, _ in headers), arguments.credentials)
        ours = change(place, f"{result.blocked_by}", asked)
        return Story(result, whose(place, method), ours or (theirs if place.route or status != 404 else None))


class OneServer(Through):
    """An app in memory, at its own address only: where it redirects to is somebody else's.

    Without a base, whatever server is there.
    """

    def __init__(self, sender: Sender, base: str | None = None) -> None:
        super().__init__(sender)
        self._netloc = base and urlsplit(base).netloc
        self.elsewhere: str | None = None
        """Where a redirect leads that leaves the app."""

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        netloc = urlsplit(sent.url).netloc
        if self._netloc is not None and netloc != self._netloc:
            self.elsewhere = sent.url
            return NoAnswer(f"{netloc} is not the app at {self._netloc}, and is not asked")
        return await super().send(sent)


def _address(target: str, rest: list[str]) -> tuple[str, str]:
    """The URL or path to fetch, and the method."""
    if re.match("(http|ws)s?://", target):
        if rest and rest[0].startswith("/"):
            raise CommandError(f"a URL has its path in it: {target.rstrip('/')}{rest[0]}")
        if len(rest) > 1:
            raise CommandError(f"a URL takes one METHOD, not {' '.join(rest)!r}")
        return target, rest[0] if rest else "GET"
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", target):
        raise CommandError(f"{target!r} is no app; meant: http://{target}")
    if not rest or not rest[0].startswith("/"):
        raise CommandError(
            f"{target!r} needs a path, which begins with /: corsbp explain {target} /path [METHOD] --origin …"
        )
    if len(rest) > 2:
        raise CommandError(f"an app takes a path and one METHOD, not {' '.join(rest)!r}")
    return rest[0], rest[1] if len(rest) > 1 else "GET"


def _away(there: str, result: Result) -> tuple[str, str]:
    """A redirect that leaves the app: what the page is there, and what to do instead."""
    here = result.sent[0].url
    name = urlsplit(there).netloc
    tainted = "the page asks there as the origin null, which only a server answers that lets everyone in"
    return (
        f"{here} redirects to {name}, another origin: {tainted} (access-control-allow-origin: *).",
        f"Navigate, where a person is to go there: location.assign({here!r}). Or call {there} in the page.",
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise CommandError(f"--header takes 'name: value', not {line!r}")
    return name.strip(), value.strip()


# --- what is printed ---


def _print(story: Story, out: Console) -> None:
    result = story.result
    for sent in result.sent:
        _print_sent(sent, out)
    for step in result.steps:
        mark, style = ("x", "red") if step.stop else (".", "dim")
        out.print(Text(f"  {mark} ", style=style).append(step.text, style="not dim" if step.stop else style))
    if not result.ok_for_page:
        out.print(Text(f"Blocked: {result.blocked_by}.", style="bold red"))
        for browser, said in zip(BROWSERS, CONSOLES.get(str(result.blocked_by), ()), strict=False):
            out.print(Text(f"  {browser}: ", style="dim").append(said))
    elif result.type == "websocket":
        out.print(Text("The page can open it.", style="bold green"))
    else:
        out.print(Text(f"The page reads status {result.status}.", style="bold green"))
        if names := ", ".join(result.headers):
            out.print(Text(f"It can read the headers {names}."))
    if story.open_to_all:
        out.print(Text(websockets.OPEN_TO_ALL, style="bold"))
    if story.whose:
        out.print(Text(story.whose))
    if story.change:
        out.print(Text("Change: ", style="bold").append(story.change, style="not bold"))


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
