"""A server that answers as a scenario says, and the scenario's fetches: in real pages, and in the simulator.

Both ask the same server, and all that is compared comes from outside of them: what a page gets to see, and
what the server wrote down. Each run of a scenario has addresses of its own, `/scripted/<who>/<number>/…`, so
that neither caches nor cookies mix; `path=` in a cookie keeps it there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from email.message import Message
from typing import Any, Literal, TypeAlias

from corsbp.testing.browser import Browser as Simulator
from corsbp.testing.engines import EngineName
from corsbp.testing.result import Answer as Received
from corsbp.testing.result import NoAnswer, Result, Sent
from corsbp.testing.transports import Sender
from corsbp.testing.urls import parse_url

from .engine import Browser

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Answer: TypeAlias = tuple[int, Pairs, bytes]

SCRIPTED = "/scripted"
ADDRESSES = {"home": "app", "api": "other", "third": "stranger", "shop": "shop"}
"""Where scenarios lead, by the names of the page's origins: its own, one of the same site, two of others."""
NAMES = {"home": "shop", "api": "inner", "third": "stranger", "shop": "app"}
"""The same for a page whose host has a name, with a domain that somebody could register."""


@dataclass(frozen=True)
class Reply:
    """An answer.

    In headers, `{origin}` is the page's, and `{home}`, `{api}`, `{third}`, `{shop}` are hosts with the run's
    `{folder}`; `{port}` and `{number}` are parts of those.
    """

    headers: Pairs = ()
    status: int = 200
    body: str = "text"  # of a stream of events, what comes at once; its end never comes


@dataclass(frozen=True)
class Route:
    """What one address answers: each reply in its turn, and the last from then on."""

    replies: tuple[Reply, ...]
    preflights: tuple[Reply, ...] = ()


@dataclass(frozen=True)
class Fetch:
    """The arguments of `fetch()`; with `upload`, of an XMLHttpRequest with a listener on its upload.

    Where `stream`, the page reads what comes at first, and goes on. Where `socket`, it opens a WebSocket.
    """

    to: str = "api/a"
    method: str = "GET"
    headers: Pairs = ()
    body: str | None = None
    credentials: Literal["omit", "same-origin", "include"] = "same-origin"
    mode: Literal["cors", "no-cors", "same-origin"] = "cors"
    redirect: Literal["follow", "error", "manual"] = "follow"
    upload: bool = False
    stream: bool = False
    socket: bool = False


OPEN_HEADERS: Pairs = (
    ("access-control-allow-origin", "{origin}"),
    ("access-control-allow-credentials", "true"),
)
OPEN = Route(
    (Reply(OPEN_HEADERS),),
    (
        Reply(
            (
                *OPEN_HEADERS,
                ("access-control-allow-methods", "PUT, PATCH, DELETE, patch"),
                ("access-control-allow-headers", "authorization, content-type, x-one, x-two"),
            ),
            status=204,
        ),
    ),
)
"""What an address answers that a scenario does not speak of: the page's origin may do what it likes."""


@dataclass(frozen=True)
class Scenario:
    """Fetches of one page, one after another, and what each address answers."""

    name: str
    fetches: tuple[Fetch, ...]
    routes: Mapping[str, Route] = field(default_factory=dict)
    cookie: bool = False  # there is one for the hosts "home" and "api"
    visits: Pairs = ()  # before: hosts whose own pages get such a Set-Cookie line
    metadata: bool = False  # what is told of the page by each browser is compared, too
    opaque: bool = False  # the page is a sandboxed frame
    named: bool = False  # the page's host has a name

    @property
    def hosts(self) -> Mapping[str, str]:
        return NAMES if self.named else ADDRESSES


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario: what the page saw of each fetch, and a line for each request."""

    saw: list[object]
    logged: list[str]


LOGGED = (
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
    "cookie",
    "authorization",
    "accept",
    "content-type",
    "content-language",
    "range",
    "x-one",
)
METADATA = ("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "referer", "accept-encoding")
VISIT = "visit"
"""Where a host's own pages get their cookies."""


class Scripts:
    """The runs of all scenarios, with what was asked in each."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self.origins = origins
        self.runs: dict[str, Run] = {}

    def run(self, who: str, number: int, scenario: Scenario) -> Run:
        """Make ready for one run of a scenario."""
        folder = f"{SCRIPTED}/{who}/{number}"
        self.runs[folder] = Run(folder, self, scenario)
        return self.runs[folder]

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        """Write down a request, and answer it."""
        name = path.removeprefix(folder := "/".join(path.split("/", 4)[:4]))
        run = self.runs[folder]
        host = next(name for name, host in run.hosts.items() if host == headers["host"])
        asked = f"{host}{name}"
        reply = run.visited(host) if name == f"/{VISIT}" else run.reply(method, asked, headers, body.decode())
        return reply.status, reply.headers, reply.body.encode()


@dataclass
class Run:
    """One run of a scenario, by one browser or the simulator."""

    folder: str
    scripts: Scripts
    scenario: Scenario
    logged: list[str] = field(default_factory=list)
    asked: dict[tuple[str, bool], int] = field(default_factory=dict)

    @property
    def hosts(self) -> dict[str, str]:
        """Host and port of each place."""
        places = self.scenario.hosts.items()
        return {name: self.scripts.origins[origin].removeprefix("http://") for name, origin in places}

    @property
    def origin(self) -> str:
        return "null" if self.scenario.opaque else f"http://{self.hosts['home']}"

    @property
    def cookie(self) -> str | None:
        return f"session=ann; path={self.folder}" if self.scenario.cookie else None

    def visited(self, host: str) -> Reply:
        """The answer to a host's own page."""
        lines = [line for place, line in self.scenario.visits if place == host]
        return self.filled(Reply(tuple(("set-cookie", line) for line in lines)))

    def url(self, to: str) -> str:
        if to.startswith("data:"):
            return to
        host, _, name = to.partition("/")
        return f"http://{self.hosts[host]}{self.folder}/{name}"

    def named(self, text: str) -> str:
        """A text with its hosts by name, so that it is the same in each run."""
        for name, host in self.hosts.items():
            for before in ("//", "@"):
                text = text.replace(f"{before}{host}{self.folder}", f"{before}{name}")
            text = text.replace(f"http://{host}", name)
        return text

    def reply(self, method: str, to: str, headers: Message, body: str) -> Reply:
        """Write down a request; the reply whose turn it is."""
        names = (*LOGGED, *(METADATA if self.scenario.metadata else ()))
        sent = [f"{name}: {told(name, headers)}" for name in names if name in headers]
        self.logged.append(self.named(" | ".join([f"{method} {to}", *sent, *filter(None, [body])])))
        route = self.scenario.routes.get(to, OPEN)
        preflight = method == "OPTIONS" and "access-control-request-method" in headers
        replies = route.preflights if preflight else route.replies
        turn = self.asked[to, preflight] = self.asked.get((to, preflight), -1) + 1
        return self.filled(replies[min(turn, len(replies) - 1)])

    def filled(self, reply: Reply) -> Reply:
        """A reply for this run, which no HTTP cache keeps."""
        hosts = {name: f"{host}{self.folder}" for name, host in self.hosts.items()}
        port, number = self.hosts["home"].partition(":")[2], self.folder.rpartition("/")[2]
        words = {"origin": self.origin, "folder": self.folder, "port": port, "number": number, **hosts}
        lines = tuple((name, value.format_map(words)) for name, value in reply.headers)
        return replace(reply, headers=(("cache-control", "no-store"), *lines))

    def came(self, saw: Sequence[Any]) -> Outcome:
        return Outcome(
            [{**each, "url": self.named(each["url"])} if isinstance(each, dict) else each for each in saw],
            self.logged,
        )


def told(name: str, headers: Message) -> str:
    """The value of a header, as far as every browser has the same."""
    value = ", ".join(headers.get_all(name, []))
    match name:
        case "referer":
            return "/".join(value.split("/")[:3])  # the path of a page is that of its engine
        case "accept-encoding":
            return value if value == "identity" else "some"
    return value


# In a page

BATCH = """
async function perform({ url, upload, stream, socket, ...options }) {
  try {
    if (socket) return await connect(url.replace("http", "ws"));
    if (upload) return await send(url, options);
    const response = await fetch(url, options);
    const { type, status } = response;
    const headers = Object.fromEntries(response.headers);
    const body = stream ? await first(response) : await response.text();
    return { type, status, url: response.url, headers, body };
  } catch (error) {
    return error.name;
  }
}
async function first(response) {
  const reader = response.body.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}
function connect(url) {
  const socket = new WebSocket(url);
  return new Promise((resolve) => {
    socket.onerror = () => resolve("error");
    socket.onopen = () => resolve("open");
  }).finally(() => socket.close());
}
function send(url, { method, headers, body, credentials }) {
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", () => {});
  request.open(method, url);
  request.withCredentials = credentials === "include";
  for (const [name, value] of headers) request.setRequestHeader(name, value);
  return new Promise((resolve) => {
    request.addEventListener("error", () => resolve("TypeError"));
    request.addEventListener("load", () => {
      const lines = request.getAllResponseHeaders().trim().split(/[^ -~]+/);
      const headers = Object.fromEntries(lines.map((line) => line.split(": ")));
      const { status, responseURL, responseText } = request;
      resolve({ status, url: responseURL, headers, body: responseText });
    });
    request.send(body);
  });
}
async function performAll(fetches) {
  const saw = [];
  for (const each of fetches) saw.push(await perform(each));
  return saw;
}
function inFrame(fetches) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = `<script>${perform} ${first} ${connect} ${send} ${performAll}
    performAll(${JSON.stringify(fetches)}).then((saw) => parent.postMessage(saw, "*"));
  </${"script"}>`;
  const saw = settled(window, "message", "messageerror");
  document.body.append(frame);
  return saw.finally(() => frame.remove());
}
const all = [];
for (const { cookie, opaque, fetches } of %s) {
  if (cookie) document.cookie = cookie;
  all.push(await (opaque ? inFrame(fetches) : performAll(fetches)));
}
return all;
"""
VISITS = "for (const url of %s) await fetch(url);"
PER_JOB = 20  # scenarios
MEMORY = Scenario(
    "a preflight that is remembered",
    (Fetch(method="PUT"), Fetch(method="PUT")),
    {
        "api/a": Route(
            OPEN.replies, (Reply((*OPEN.preflights[0].headers, ("access-control-max-age", "600"))),)
        )
    },
)


def in_page(browser: Browser, scripts: Scripts, scenarios: Sequence[Scenario]) -> dict[str, Outcome]:
    """Run the scenarios in a real browser, several in one job of its page."""
    for number in range(20):  # Firefox forgets the first preflight that it should remember
        run = scripts.run(f"{browser.name}-before", number, MEMORY)
        saw_all(browser, [run])
        if len(run.logged) == 3:
            break
    runs = [scripts.run(browser.name, number, each) for number, each in enumerate(scenarios)]
    outcomes = {}
    for named in (False, True):
        chosen = [run for run in runs if run.scenario.named is named]
        for start in range(0, len(chosen), PER_JOB):
            batch = chosen[start : start + PER_JOB]
            for run, saw in zip(batch, saw_all(browser, batch), strict=True):
                outcomes[run.scenario.name] = run.came(saw)
    return outcomes


def saw_all(browser: Browser, runs: Sequence[Run]) -> list[list[object]]:
    """What the page saw of each fetch of each of the runs, after its hosts' own pages got their cookies.

    Not all of those at first: browsers keep no more than some 180 cookies of a host.
    """
    for host, tab in runs[0].scenario.hosts.items():
        visited = [run for run in runs if any(each == host for each, _ in run.scenario.visits)]
        urls = [run.url(f"{host}/{VISIT}") for run in visited]
        if urls:
            browser.run(tab, VISITS % json.dumps(urls), name="visits", api="", sockets="")
    jobs = [{"cookie": run.cookie, "opaque": run.scenario.opaque, "fetches": asked(run)} for run in runs]
    tab = runs[0].scenario.hosts["home"]
    saw = browser.run(tab, BATCH % json.dumps(jobs), name="scripted", api="", sockets="")
    assert isinstance(saw, list), saw
    return saw


def asked(run: Run) -> list[dict[str, object]]:
    """The fetches of a run, as `perform` takes them."""
    fetches: list[dict[str, object]] = []
    for each in run.scenario.fetches:
        options = {name: value for name, value in asdict(each).items() if value is not None}
        fetches.append({**options, "url": run.url(options.pop("to"))})
    return fetches


# In the simulator


class InMemory:
    """Asks the scripts as `Simulator.at` would, without a network."""

    def __init__(self, scripts: Scripts) -> None:
        self.scripts = scripts

    async def send(self, sent: Sent) -> Received | NoAnswer:
        url, headers = parse_url(sent.url), Message()
        assert url is not None
        for name, value in (("host", url.host_and_port), *sent.headers):
            headers[name] = value
        try:
            status, pairs, body = self.scripts.answer(sent.method, url.target, headers, sent.body)
        except (KeyError, StopIteration):
            return NoAnswer("nobody is there")
        stream = ("content-type", "text/event-stream") in pairs
        if not stream and status not in (101, 204, 304):
            pairs = (*pairs, ("content-length", str(len(body))))
        stripped = tuple((name, value.strip(" \t")) for name, value in pairs)
        empty = status in (101, 204, 304) or sent.method == "HEAD"
        return Received(status, stripped, b"" if empty else body, complete=not stream)

    async def __aenter__(self) -> InMemory:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""


async def in_simulator(
    engine: EngineName,
    scripts: Scripts,
    scenarios: Sequence[Scenario],
    *,
    sender: Sender | None = None,
    third_party_cookies: bool = True,
) -> dict[str, Outcome]:
    """Run the scenarios in the simulator: a new browser for each."""
    outcomes: dict[str, Outcome] = {}
    async with sender or InMemory(scripts) as open_sender:
        for number, scenario in enumerate(scenarios):
            run = scripts.run(f"{engine}-simulated-{third_party_cookies}", number, scenario)
            simulator = Simulator.using(
                open_sender,
                run.origin,
                base_url=f"http://{run.hosts['home']}",
                engine=engine,
                third_party_cookies=third_party_cookies,
            )
            if run.cookie:
                simulator.set_cookie(run.cookie)
            for host, line in scenario.visits:
                keep(simulator, run, host, line)
            saw = [seen(each, await perform(simulator, run, each)) for each in scenario.fetches]
            outcomes[scenario.name] = run.came(saw)
    return outcomes


def keep(simulator: Simulator, run: Run, host: str, line: str) -> None:
    """Visit a host whose answer has a Set-Cookie line, which may be one that no browser keeps."""
    (_, value) = run.filled(Reply((("set-cookie", line),))).headers[-1]
    with contextlib.suppress(ValueError):
        simulator.set_cookie(value.encode("latin-1").decode(), run.url(f"{host}/{VISIT}"))


async def perform(simulator: Simulator, run: Run, fetch: Fetch) -> Result:
    if fetch.socket:
        return await simulator.websocket(run.url(fetch.to))
    return await simulator.fetch(
        run.url(fetch.to),
        fetch.method,
        headers=fetch.headers,
        body=fetch.body,
        credentials=fetch.credentials,
        mode=fetch.mode,
        redirect=fetch.redirect,
        upload_listener=fetch.upload,
    )


def seen(fetch: Fetch, result: Result) -> object:
    """A result as the page's `perform` tells it."""
    if fetch.socket:
        return "open" if result.ok_for_page else "error"
    if result.type == "error":
        return "TypeError"
    told: dict[str, object] = {
        "status": result.status,
        "url": result.url,
        "headers": dict(result.headers),
        "body": result.text,
    }
    return told if fetch.upload else {"type": result.type, **told}
