"""The page of `corsbp try`, and the servers behind it.

The app is served by Sanic's own server, the page by one of Python's, on two ports and under several names of
this machine: a browser takes each for another origin. The page runs a fetch in a hidden frame of the origin
that was picked. What came and went is read from the app's signals, and explained by the browser of
`corsbp.testing`, which is given the answers that were seen: nothing is sent to the app a second time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import signal
import socket
import threading
import warnings
import webbrowser
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, cast

from rich.console import Console
from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP

from corsbp.errors import CorsPolicyWarning
from corsbp.fetch import ORIGIN, PREFIX, REQUEST_METHOD, VARY, in_order
from corsbp.policy import CorsPolicy, compiled
from corsbp.surface import Served, sections, surface
from corsbp.testing.browser import Browser
from corsbp.testing.result import Answer, NoAnswer, Result, Sent
from corsbp.testing.senders import Sender, ServerSender

from .advice import Asked, Place, place_of
from .advice import change as to_change
from .advice import whose as whose_it_is
from .loading import CommandError, load, quiet

HERE: Final = "127.0.0.1"
HTML: Final = Path(__file__).with_name("attempt.html")
FRAME: Final = """\
<!doctype html>
<meta charset="utf-8">
<title>corsbp try: a page of another origin</title>
<script nonce="{{nonce}}">
"use strict";
// Runs one fetch for the page around this frame, and says what a page of this origin gets of it.
const AROUND = {{around}};
const LONGEST = 2000, PATIENCE = 15000;

async function start(body) { // of an answer: it may never end
  const reader = body.getReader(), decoder = new TextDecoder();
  const enough = new Promise((resolve) => setTimeout(resolve, 2000, { done: true }));
  let text = "";
  while (text.length <= LONGEST) {
    const { value, done } = await Promise.race([reader.read(), enough]);
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader.cancel().catch(() => {});
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

async function attempt({ url, options }) {
  const controller = new AbortController();
  const late = setTimeout(() => controller.abort(), PATIENCE);
  try {
    const response = await fetch(url, { ...options, signal: controller.signal });
    const { status, statusText, redirected } = response;
    const body = response.body ? await start(response.body) : "";
    return { status, statusText, redirected, url: response.url, headers: [...response.headers], body };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  } finally {
    clearTimeout(late);
  }
}

addEventListener("message", async (event) => {
  if (event.source !== parent || event.origin !== AROUND || !event.ports.length) return;
  event.ports[0].postMessage(await attempt(event.data));
});
parent.postMessage("ready", AROUND);
</script>
"""
EXAMPLES: Final = """\
examples:
  corsbp try shop:app                        # then open http://127.0.0.1:8001
  corsbp try shop:app --allow                # and let that page in, to see the difference
  corsbp try shop:app --page-port 3000       # if the policy names http://localhost:3000
"""
SEEN_AT_MOST: Final = 200
"""Exchanges that are remembered: a call of the page is asked about as soon as it is over."""
LONGEST_BODY: Final = 1_000_000
"""Bytes of what the page says to its server."""
ASKED: Final = {"authorization", "content-type", "cookie", ORIGIN}
ANSWERED: Final = {"location", "set-cookie", VARY}
"""Headers that are shown with an exchange, beside those of CORS and those that were typed in."""
SECRET: Final = {"authorization", "cookie", "set-cookie"}
"""Headers of which it only matters that they came: the page may end up in a screenshot."""


def add_to(commands: Any) -> None:
    """Declare `corsbp try`."""
    parser = commands.add_parser(
        "try",
        help="call an app's routes from a page in your own browser",
        description="Serve an app, and on other ports, and so of other origins, a page that calls its routes "
        "with fetch: what your own browser allows and blocks, and why. Both listen on this machine only.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="MODULE:APP", help="the app, or a function that makes it")
    parser.add_argument(
        "--port", type=port, default=8000, metavar="N", help="of the app, 0 for a free one (default: 8000)"
    )
    parser.add_argument(
        "--page-port",
        type=port,
        default=8001,
        metavar="N",
        help="of the page, 0 for a free one (default: 8001); the port after it gives one more origin",
    )
    parser.add_argument(
        "--allow",
        action="store_true",
        help="add the page's own origin to every section's policy: without it, the app knows nothing of it",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the default browser")
    parser.set_defaults(run=run)


def port(text: str) -> int:
    """A port, for argparse."""
    number = int(text)
    if not 0 <= number < 65535:  # the one after it is needed, too
        raise ValueError
    return number


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Serve the app and the page until Ctrl-C."""
    app = load(arguments.target)
    with ExitStack() as stack:
        ours, page = arguments.port, arguments.page_port
        sockets = [
            stack.enter_context(listening(number, option))
            for number, option in (
                (ours, "--port"),
                (page, "--page-port"),
                (page and page + 1, "--page-port"),
            )
        ]
        with suppress(KeyboardInterrupt):  # where signals have no handlers: on Windows
            asyncio.run(attempt(app, sockets, arguments, out))
    return 0


def listening(port: int, option: str) -> socket.socket:
    """A socket on a port of this machine that nobody else can reach."""
    try:
        return socket.create_server((HERE, port))
    except OSError as error:
        free = f"{option} 0 takes a free one"
        raise CommandError(f"port {port} of {HERE}: {error.strerror or error}; {free}") from error


async def attempt(
    app: Sanic[Any, Any], sockets: list[socket.socket], arguments: argparse.Namespace, out: Console
) -> None:
    """Serve both until a signal comes."""
    watch = Watch()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(app, sockets[0], watch, arguments.target))
        if arguments.allow:
            allow(app, origin_of(HERE, sockets[1].getsockname()[1]))
        page = Page.of(app, sockets, arguments, watch)
        stack.enter_context(pages(page, sockets[1:]))
        out.print(f"The app:  {page.app} ({arguments.target})", markup=False)
        out.print(f"The page: {page.own}", markup=False)
        out.print(f"Both listen on {HERE}, for this machine only. Ctrl-C ends them.", markup=False)
        if arguments.open:
            webbrowser.open(page.own)
        await ended()


async def ended() -> None:
    """Wait for Ctrl-C or SIGTERM. From then on they do what they always do, should the app refuse to stop."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError):
        for number in signals:
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in signals:
        loop.remove_signal_handler(number)


# --- the app ---


@asynccontextmanager
async def serving(
    app: Sanic[Any, Any], sock: socket.socket, watch: Watch, target: str
) -> AsyncIterator[None]:
    """Serve an app with Sanic's own server, watched."""
    app.config.MOTD = False
    host, number = sock.getsockname()
    # what `sanic` notes of its own servers: without it, answers get an empty alt-svc
    settings = {"host": host, "port": number, "version": HTTP.VERSION_1, "sock": sock}
    app.state.server_info.append(ApplicationServerInfo(settings))
    watch.over(app)
    try:
        with quiet():
            server: Any = await app.create_server(sock=sock, return_asyncio_server=True, access_log=False)
            await server.startup()
            await server.before_start()
            await server.start_serving()
            await server.after_start()
    except Exception as error:
        raise CommandError(f"{target} did not start: {type(error).__name__}: {error}") from error
    try:
        yield
    finally:
        await server.before_stop()
        server.close()
        for connection in list(server.connections):  # browsers keep theirs open
            connection.close()
        await server.wait_closed()
        await server.after_stop()


def allow(app: Sanic[Any, Any], origin: str) -> None:
    """Add an origin to the policy of every section; routes with a policy of their own keep it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)  # they were given when the policy was made
        for section in sections(app):
            section.reconfigure(with_origin(section.policy, origin))


def with_origin(policy: CorsPolicy, origin: str) -> CorsPolicy:
    """A policy that allows one more origin."""
    if policy.allow_origins == "*" or origin in compiled(policy):
        return policy
    allowed = policy.allow_origins
    return policy.replace(allow_origins=[*([allowed] if callable(allowed) else allowed), origin])


# --- what the app sees ---


@dataclass(slots=True)
class Exchange:
    """A request as it came, and its answer as it went."""

    number: int
    method: str
    target: str
    asked: list[tuple[str, str]]
    status: int | None = None
    answered: list[tuple[str, str]] | None = None

    @property
    def preflight(self) -> bool:
        return self.method == "OPTIONS" and self.asks(REQUEST_METHOD) is not None

    def asks(self, name: str) -> str | None:
        """The value of a request header."""
        return next((value for key, value in self.asked if key == name), None)

    def in_short(self, more: set[str]) -> dict[str, Any]:
        """What of it matters for CORS, for the page; `more`: headers that it set."""
        return {
            "method": self.method,
            "target": self.target,
            "preflight": self.preflight,
            "asked": _telling(self.asked, ASKED | more),
            "status": self.status,
            "answered": _telling(self.answered or [], ANSWERED),
        }


def _telling(headers: list[tuple[str, str]], names: set[str]) -> list[tuple[str, str]]:
    return [
        (name, "(sent, not shown here)" if name in SECRET else value)
        for name, value in headers
        if name in names or name.startswith(PREFIX)
    ]


class Watch:
    """The last requests and answers of an app, byte for byte as they came and went, errors included.

    Sanic tells of both in the task of their connection, so that an answer finds its request by the context.
    """

    def __init__(self) -> None:
        self.seen: deque[Exchange] = deque(maxlen=SEEN_AT_MOST)
        self.count = 0
        self._now: ContextVar[Exchange | None] = ContextVar("now", default=None)

    def over(self, app: Sanic[Any, Any]) -> None:
        """Watch an app that does not run yet."""
        app.add_signal(self.came, "http.lifecycle.read_head")
        app.add_signal(self.went, "http.lifecycle.send")

    async def came(self, head: bytes, **_: Any) -> None:
        """The head of a request."""
        line, headers = parsed(head)
        method, target, *_rest = line.split(" ")
        self.count += 1
        exchange = Exchange(self.count, method, target, headers)
        self._now.set(exchange)
        self.seen.append(exchange)

    async def went(self, data: bytes, **_: Any) -> None:
        """A part of an answer, the first of which is its head."""
        exchange = self._now.get()
        data = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        if exchange is not None and exchange.status is None and data:
            line, exchange.answered = parsed(data.partition(b"\r\n\r\n")[0])
            exchange.status = int(line.split(" ")[1])

    def since(self, number: int, origin: str) -> list[Exchange]:
        """What a page of this origin asked for after the request with this number."""
        known = {origin, "null"}  # which it becomes by a redirect
        return [each for each in self.seen.copy() if each.number > number and each.asks(ORIGIN) in known]


def parsed(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """The first line of a request or an answer, and its headers, their names in lower case."""
    line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in lines)
    return line, [(name.lower(), value.strip()) for name, _, value in pairs]


# --- why ---


class Replay:
    """A sender that has the answers already: a second DELETE would be none of its business.

    A preflight that the browser remembered, and so did not send, is sent by `asker`: it changes nothing.
    """

    def __init__(self, seen: list[Exchange], app: str, asker: Sender) -> None:
        self._seen, self._app, self._asker = deque(seen), app, asker
        self.remembered = False

    async def __aenter__(self) -> Replay:
        await self._asker.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._asker.__aexit__(*error)

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        if self._seen and (self._seen[0].method, self._seen[0].preflight) == (sent.method, sent.preflight):
            exchange = self._seen.popleft()
            if exchange.status is None:
                return NoAnswer("the app saw the request, and did not answer")
            return Answer(exchange.status, tuple(exchange.answered or ()))
        if sent.preflight and sent.url.startswith(f"{self._app}/"):
            self.remembered = True
            return await self._asker.send(sent)
        return NoAnswer("the app saw no such request")


@dataclass(frozen=True, slots=True)
class Call:
    """A fetch as the page ran it."""

    since: int
    origin: str
    url: str
    method: str
    headers: list[tuple[str, str]]
    credentials: str
    body: str | None
    readable: bool

    @classmethod
    def of(cls, told: Any) -> Call:
        """From what the page says. Raises ValueError, TypeError or KeyError for anything else."""
        texts = {name: str(told[name]) for name in ("origin", "url", "method", "credentials")}
        headers = [(str(name), str(value)) for name, value in told["headers"]]
        body = None if told["body"] is None else str(told["body"])
        return cls(
            since=int(told["since"]), headers=headers, body=body, readable=bool(told["readable"]), **texts
        )


async def explained(call: Call, page: Page) -> dict[str, Any]:
    """What the app saw of a call, and why the page can read the answer, or what to change that it can."""
    seen = page.watch.since(call.since, call.origin)
    sender = Replay(seen, page.app, ServerSender())
    async with sender:
        # "today": the reason stands beside what a browser of today did
        browser = Browser.using(sender, call.origin, base_url=page.app, engine="today")
        result: Result = await browser.fetch(
            call.url,
            call.method,
            headers=call.headers,
            body=call.body,
            credentials=cast(Any, call.credentials),
        )
    names = [name for name, _ in call.headers]
    whose, change = None, result.steps[-1].change
    if result.blocked_by not in (None, "no-answer") and call.url.startswith(f"{page.app}/"):
        place = page.find(call.url, call.method)
        asked = Asked(call.origin, call.method, tuple(names), call.credentials == "include")
        whose, change = (
            whose_it_is(place, asked.method),
            to_change(place, f"{result.blocked_by}", asked) or change,
        )
    return {
        "seen": [each.in_short({name.lower() for name in names}) for each in seen],
        "steps": [{"text": step.text, "stop": step.stop} for step in result.steps],
        "whose": whose,
        "change": change,
        "blockedBy": result.blocked_by,
        "remembered": sender.remembered,
        "agrees": result.ok_for_page == call.readable,
    }


# --- the page ---


@dataclass(frozen=True, slots=True)
class Page:
    """What the page is about, and what it can ask."""

    target: str
    app: str
    own: str
    origins: Mapping[str, str]
    """Those that it has frames of, each with a word on it."""

    routes: list[dict[str, Any]]
    find: Callable[[str, str], Place]
    """Where a URL and a method lead."""

    watch: Watch
    token: str = field(default_factory=partial(secrets.token_urlsafe, 16))
    shown: deque[str] = field(default_factory=partial(deque, maxlen=100))
    """What it showed of calls that ran by themselves: for tests, which cannot look into it."""

    @classmethod
    def of(
        cls, app: Sanic[Any, Any], sockets: list[socket.socket], arguments: argparse.Namespace, watch: Watch
    ) -> Page:
        """The page for an app that is being served."""
        ours, first, second = (sock.getsockname()[1] for sock in sockets)
        own = origin_of(HERE, first)
        origins = {
            own: "this page" + (", let in" if arguments.allow else ""),
            origin_of("localhost", first): "other name",
            origin_of("shop.localhost", first): "subdomain",
            origin_of(HERE, second): "other port",
            "null": "sandboxed frame",
        }
        served = surface(app)
        return cls(
            arguments.target, origin_of(HERE, ours), own, origins, rows(served), partial(place_of, app), watch
        )

    @property
    def hosts(self) -> set[str]:
        """What browsers that mean these servers say in Host: a name that was made to lead here is none."""
        return {origin.partition("://")[2] for origin in self.origins if origin != "null"}

    def answer(self, method: str, path: str, told: Any) -> object:
        """What the page asks its own server; None for what it never asks. Raises as `Call.of`."""
        match method, path:
            case "GET", "/app":
                names = [{"origin": origin, "word": word} for origin, word in self.origins.items()]
                return {"target": self.target, "app": self.app, "origins": names, "routes": self.routes}
            case "POST", "/begin":
                return {"since": self.watch.count}
            case "POST", "/end":
                return asyncio.run(explained(Call.of(told), self))
            case "POST", "/shown":
                self.shown.append(str(told["text"]))
                return {}
            case "GET", "/shown":
                return [*self.shown]
        return None

    def html(self) -> tuple[str, str]:
        """The page, and its Content-Security-Policy: its own code, frames of its origins, nothing else."""
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
            f"connect-src 'self'; frame-src {' '.join(sorted(self.origins.keys() - {'null'}))}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        text = HTML.read_text(encoding="utf-8")
        return text.replace("{{nonce}}", nonce).replace("{{token}}", self.token), policy

    def frame(self) -> tuple[str, str]:
        """A frame of another origin: it calls whom it is told to, by the page and nobody else."""
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src *; frame-ancestors {self.own}; "
            "base-uri 'none'; form-action 'none'"
        )
        return FRAME.replace("{{nonce}}", nonce).replace("{{around}}", json.dumps(self.own)), policy


def rows(served: list[Served]) -> list[dict[str, Any]]:
    """The routes for the page: what differs in nothing but the method is one; what is nobody's comes last."""
    found: dict[Any, set[str]] = {}
    for route in sorted(served, key=lambda each: each.whose is None):
        policy = repr(route.policy) if route.policy else None
        row = (route.path, route.example, route.host, route.whose, policy, route.websocket)
        found.setdefault(row, set()).update(route.methods)
    names = ("path", "example", "host", "section", "policy", "websocket")
    return [
        {**dict(zip(names, row, strict=True)), "methods": in_order(methods)} for row, methods in found.items()
    ]


def origin_of(host: str, port: int) -> str:
    """An origin as browsers write it."""
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


class Handler(BaseHTTPRequestHandler):
    """Answers the page, and its frames. Nothing that it says has CORS: other pages cannot read it."""

    timeout = 30

    def __init__(self, page: Page, *args: Any) -> None:
        self.page = page
        super().__init__(*args)

    def do_GET(self) -> None:
        path, page = self.path.partition("?")[0], self.page
        host = self.headers.get("host", "")
        if host not in page.hosts:
            self.tell(403, {"error": f"the page of corsbp try is at {page.own}"})
        elif path == "/frame":
            self.show(*page.frame())
        elif path != "/":
            self.answer(path)
        elif f"http://{host}" == page.own:
            self.show(*page.html())
        else:
            self.say(307, b"", {"location": f"{page.own}/"})

    def do_POST(self) -> None:
        self.answer(self.path)

    def answer(self, path: str) -> None:
        """Answer the page itself, which knows the token."""
        page = self.page
        token = self.headers.get("x-token", "").encode()
        if f"http://{self.headers.get('host')}" != page.own or not secrets.compare_digest(
            token, page.token.encode()
        ):
            self.tell(
                403, {"error": "only the page itself is answered: reload it, if corsbp try was started anew"}
            )
            return
        try:
            said = page.answer(self.command, path, self.told() if self.command == "POST" else None)
        except (ValueError, TypeError, KeyError) as error:
            self.tell(400, {"error": f"{type(error).__name__}: {error}"})
        else:
            self.tell(404 if said is None else 200, said)

    def told(self) -> Any:
        """What the page says. Raises ValueError."""
        length = int(self.headers.get("content-length", ""))
        if not 0 <= length <= LONGEST_BODY:
            raise ValueError(f"{length} bytes")
        return json.loads(self.rfile.read(length))

    def tell(self, status: int, said: object) -> None:
        self.say(status, json.dumps(said).encode(), {"content-type": "application/json"})

    def show(self, text: str, policy: str) -> None:
        content_type = "text/html; charset=utf-8"
        self.say(200, text.encode(), {"content-type": content_type, "content-security-policy": policy})

    def say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.send_header("x-content-type-options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """The page shows what there is to see."""


class PageServer(ThreadingHTTPServer):
    """Serves the page on a socket that listens already."""

    def __init__(self, sock: socket.socket, page: Page) -> None:
        super().__init__(sock.getsockname(), partial(Handler, page), bind_and_activate=False)
        self.socket.close()
        self.socket = sock

    def handle_error(self, *_: Any) -> None:
        """A browser may leave before it has its answer."""


@contextmanager
def pages(page: Page, sockets: list[socket.socket]) -> Iterator[None]:
    """Serve the page in threads of its own."""
    with ExitStack() as stack:
        for sock in sockets:
            server = stack.enter_context(PageServer(sock, page))
            thread = threading.Thread(target=server.serve_forever, args=[0.1], daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield
