"""The server of the scenarios: it responds as a scenario says, and logs each request.

Real pages and the simulator call the same server. What is compared comes from outside of both: what the page
sees, and what the server logs. Each run of a scenario has addresses of its own,
`/scenario/<browser>/<number>/…`, so that neither caches nor cookies mix; `path=` in a cookie keeps it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from threading import Event
from typing import Any, TypeAlias

from .scenario import OPEN, Outcome, Pairs, Reply, Scenario

Response: TypeAlias = tuple[int, Pairs, bytes]

FOLDER = "/scenario"
VISIT = "visit"
"""The address of a host at which its own pages get their cookies."""
FRAME = "frame"
"""The address of a frame with an embedder policy, on the page's own host."""
ARRIVED = "arrived"
"""The address at which a page learns whether its beacon arrived."""
BEACON_SECONDS = 0.5

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
METADATA = (
    *("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"),
    *("referer", "accept-encoding", "upgrade-insecure-requests"),
)
REDIRECTS = (301, 302, 303, 307, 308)


class ScenarioServer:
    """The runs of all scenarios, each with its log."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self.origins = origins
        self.runs: dict[str, Run] = {}

    def start(self, browser: str, number: int, scenario: Scenario) -> Run:
        """Start one run of a scenario."""
        folder = f"{FOLDER}/{browser}/{number}"
        self.runs[folder] = Run(folder, self, scenario)
        return self.runs[folder]

    def respond(self, method: str, path: str, headers: Message, body: bytes) -> Response:
        """Log a request, and return its response."""
        folder = "/".join(path.split("/", 4)[:4])
        name = path.removeprefix(f"{folder}/")
        run = self.runs[folder]
        host = next(name for name, host in run.hosts.items() if host == headers["host"])
        if name == VISIT:
            reply = run.visit(host)
        elif name == FRAME:
            reply = run.fill(FRAME_REPLY)
        elif name == ARRIVED:
            arrived = run.beacon.wait(BEACON_SECONDS)
            outcome = "arrived" if arrived else "lost"
            reply = run.fill(Reply((("access-control-allow-origin", "*"),), body=outcome))
        else:
            reply = run.reply(method, f"{host}/{name}", headers, body.decode())
        return reply.status, reply.headers, reply.body.encode()


FRAME_REPLY = Reply(
    (("content-type", "text/html"), ("cross-origin-embedder-policy", "require-corp")), body="<!doctype html>"
)


@dataclass
class Run:
    """One run of a scenario, in one browser or in the simulator."""

    folder: str
    server: ScenarioServer
    scenario: Scenario
    logged: list[str] = field(default_factory=list)
    beacon: Event = field(default_factory=Event)
    """Set when a POST has arrived that is not redirected."""
    turns: dict[tuple[str, bool], int] = field(default_factory=dict)

    @property
    def hosts(self) -> dict[str, str]:
        """Host and port by the names of a scenario."""
        names = self.scenario.hosts.items()
        return {name: self.server.origins[origin].removeprefix("http://") for name, origin in names}

    @property
    def origin(self) -> str:
        return "null" if self.scenario.opaque else f"http://{self.hosts['home']}"

    @property
    def cookie(self) -> str | None:
        return f"session=ann; path={self.folder}" if self.scenario.cookie else None

    def visit(self, host: str) -> Reply:
        """Return the response to a host's own page, which sets its cookies."""
        lines = [line for name, line in self.scenario.visits if name == host]
        return self.fill(Reply(tuple(("set-cookie", line) for line in lines)))

    def url(self, to: str) -> str:
        if to.startswith("data:"):
            return to
        host, _, name = to.partition("/")
        return f"http://{self.hosts[host]}{self.folder}/{name}"

    def shorten(self, text: str) -> str:
        """Replace the hosts of a text by their names, so that it is the same in every run."""
        for name, host in self.hosts.items():
            for before in ("//", "@"):
                text = text.replace(f"{before}{host}{self.folder}", f"{before}{name}")
            text = text.replace(f"http://{host}", name)
        return text

    def reply(self, method: str, to: str, headers: Message, body: str) -> Reply:
        """Log a request, and return the next reply of its address."""
        names = (*LOGGED, *(METADATA if self.scenario.metadata else ()))
        if boundary := headers.get_boundary():
            body = body.replace(boundary, "BOUNDARY")
        sent = [f"{name}: {normalise(name, headers)}" for name in names if name in headers]
        self.logged.append(self.shorten(" | ".join([f"{method} {to}", *sent, *filter(None, [body.strip()])])))
        route = self.scenario.routes.get(to, OPEN)
        preflight = method == "OPTIONS" and "access-control-request-method" in headers
        replies = route.preflights if preflight else route.replies
        turn = self.turns[to, preflight] = self.turns.get((to, preflight), -1) + 1
        reply = replies[min(turn, len(replies) - 1)]
        if method == "POST" and reply.status not in REDIRECTS:
            self.beacon.set()
        return self.fill(reply)

    def fill(self, reply: Reply) -> Reply:
        """Return a reply with the values of this run, which no HTTP cache keeps."""
        hosts = {name: f"{host}{self.folder}" for name, host in self.hosts.items()}
        port, number = self.hosts["home"].partition(":")[2], self.folder.rpartition("/")[2]
        words = {"origin": self.origin, "folder": self.folder, "port": port, "number": number, **hosts}
        lines = tuple((name, value.format_map(words)) for name, value in reply.headers)
        return replace(reply, headers=(("cache-control", "no-store"), *lines))

    def outcome(self, seen: Sequence[Any]) -> Outcome:
        """Return what the page saw, and what the server logged."""
        return Outcome([self._shorten_seen(each) for each in seen], self.logged)

    def _shorten_seen(self, seen: Any) -> Any:
        if isinstance(seen, dict):
            return {**seen, "url": self.shorten(seen["url"])}
        return self.shorten(seen)


def normalise(name: str, headers: Message) -> str:
    """Return the value of a header, without the parts in which browsers differ."""
    value = ", ".join(headers.get_all(name, []))
    match name:
        case "referer":
            return "/".join(value.split("/")[:3])  # the path of a page has the name of its engine
        case "accept-encoding":
            return value if value == "identity" else "some"
        case "content-type":
            return value.partition("boundary=")[0]
        case "accept" if value.startswith(("text/html,", "image/")):
            return value.partition("/")[0]
    return value
