"""Random apps, with sections and without: they differ in what a section adds, and no more.

``python -m tests.fuzz.differential --requests 1000000`` makes random tables of routes, and of each two apps:
in one, `cors_group()` is a plain group, and asks both the same. Whose a request is, the router of the
app without sections tells; whose a route is, the description does. Nothing else of corsbp's is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, TypeAlias

from sanic import Blueprint, Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import HTTPResponse, text
from sanic.router import Router
from sanic.server.protocols.http_protocol import HttpProtocol
from sanic_routing.exceptions import NoMethod, NotFound

from corsbp import CorsPolicy, cors_group
from tests.benchmarks.driver import start

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY", "OPTIONS")
GOOD, TWO, EVIL = "https://app.example", "https://two.example", "https://evil.example"
HOSTS = (None, None, None, "h.example", "i.example")

POLICIES: dict[str, dict[str, Any]] = {
    "public": {},
    "cookies": {"allow_origins": [GOOD], "allow_credentials": True},
    "list": {"allow_origins": [GOOD, TWO], "allow_headers": ["x-a"], "expose_headers": ["x-b"]},
    "methods": {"allow_origins": [TWO, GOOD], "allow_methods": ["GET", "DELETE"], "max_age": 7},
    "function": {"allow_origins": lambda origin, request: origin == GOOD},
}
MADE = {name: CorsPolicy(**fields) for name, fields in POLICIES.items()}

URIS = (
    *("/", "/x", "/x/", "/y", "/x/y", "/<n:int>", "/<n:int>/", "/<n:int>/y", "/<s:str>", "/<s:str>/x"),
    *(
        "/<r:[a-z]{2}>",
        "/<r:[a-z]{2}>/y",
        "/<p:path>",
        "/f/<f:ext>",
        "/<d:ymd>",
        "/<u:uuid>/",
        "/<s:strorempty>",
    ),
)
EXAMPLES = {
    "int": ("5", "-7", "x"),
    "str": ("ab", "5", "x y"),
    "[a-z]{2}": ("ab", "xyz"),
    "path": ("a/b", "x"),
    "ext": ("a.txt", "a"),
    "ymd": ("2026-11-26", "2026"),
    "uuid": ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "f47ac10b"),
    "strorempty": ("ab", ""),
}
PREFIXES = (None, "/a", "/a", "/a/b", "/b", "/<t:int>", "/a/<t:int>")


class QueryRouter(Router):
    """With HTTP's QUERY, as it is added to Sanic."""

    ALLOWED_METHODS: tuple[Any, ...] = METHODS


# --- what is described ---

Follow: TypeAlias = tuple[str, str]
"""What a route follows: whose (a section's number, or `own` of one), and the name of the policy."""


@dataclass
class RouteOf:
    name: str
    uri: str
    methods: tuple[str, ...]
    cors: str | bool | None  # a policy's name, False, or nothing
    host: str | None
    strict: bool | None


@dataclass
class Bp:
    name: str
    prefix: str | None
    version: int | None
    host: str | None
    strict: bool | None
    routes: list[RouteOf]
    before: bool  # registered by itself, before it is wrapped


@dataclass
class Group:
    members: list[Bp | Group]
    section: str | None  # its number, for a section
    policy: str
    prefix: str | None = None
    version: int | None = None


@dataclass
class Description:
    groups: list[Bp | Group]
    routes: list[RouteOf]
    whole: Group | None
    middleware: list[tuple[str, str, int]]  # where, when, priority
    names: Mapping[str, Follow | None] = field(default_factory=dict)
    owned: list[tuple[str | None, tuple[str, ...], Follow | None]] = field(default_factory=list)


class Maker:
    """Makes descriptions, and requests for them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0
        # few, so that routes meet on a path
        self.uris = random.sample(URIS, random.choice((2, 4, len(URIS))))
        self.prefixes = random.sample(PREFIXES, random.choice((1, 2, len(PREFIXES))))

    def number(self) -> int:
        self.count += 1
        return self.count

    def some(self, chance: float) -> bool:
        return self.random.random() < chance

    def route(self) -> RouteOf:
        r = self.random
        methods = tuple(r.sample(METHODS, r.choice((1, 1, 1, 2, 3))))
        cors: str | bool | None = r.choice([*(None,) * 8, False, *POLICIES])
        strict = r.choice((None, None, True, False))
        return RouteOf(f"r{self.number()}", r.choice(self.uris), methods, cors, r.choice(HOSTS), strict)

    def blueprint(self) -> Bp:
        r = self.random
        routes = [self.route() for _ in range(r.randrange(1, 5))]
        if self.some(0.4):  # one that shares a path, and is left out
            other = r.choice(routes)
            methods = tuple(r.sample([method for method in METHODS if method not in other.methods], 2))
            routes.append(RouteOf(f"r{self.number()}", other.uri, methods, False, other.host, other.strict))
        version = r.choice((None, None, None, 1))
        host = r.choice((None,) * 6 + ("h.example",))
        name = f"b{self.number()}"
        return Bp(
            name, r.choice(self.prefixes), version, host, r.choice((None, True)), routes, self.some(0.1)
        )

    def group(self, depth: int) -> Bp | Group:
        r = self.random
        if depth == 0 or self.some(0.3):
            return self.blueprint()
        section = f"s{self.number()}" if self.some(0.7) else None
        members = [self.group(depth - 1) for _ in range(r.randrange(1, 3))]
        prefix, version = r.choice((None, None, "/a", "/c")), r.choice((None, None, None, 2))
        return Group(members, section, r.choice(list(POLICIES)), prefix, version)

    def description(self) -> Description:
        r = self.random
        groups = [self.group(2) for _ in range(r.randrange(1, 4))]
        routes = [self.route() for _ in range(r.randrange(0, 4))]
        whole = Group([], f"s{self.number()}", r.choice(list(POLICIES))) if self.some(0.15) else None
        middleware = [
            (r.choice(("app", "app", "bp")), r.choice(("request", "response")), r.choice((-5, 0, 5)))
            for _ in range(r.randrange(0, 4))
        ]
        made = Description(groups, routes, whole, middleware)
        made.names, made.owned = _told(made)
        return made

    def request(self, paths: Sequence[str]) -> Asked:
        r = self.random
        path = r.choice(paths)
        if self.some(0.2):
            path = r.choice(
                (path.rstrip("/") or "/", path + "/", path + "/none", path.rpartition("/")[0] or "/")
            )
        headers = {"Host": r.choice(("h.example", "i.example", "j.example"))}
        if self.some(0.8):
            headers["Origin"] = r.choice((GOOD, GOOD, TWO, EVIL, "null"))
        method = r.choice((*METHODS, "OPTIONS", "OPTIONS", "BREW"))
        if method == "OPTIONS" and self.some(0.8):
            headers["Access-Control-Request-Method"] = r.choice((*METHODS[:-1], "BREW"))
        if self.some(0.1):
            headers["X-Act"] = f"{r.randrange(4)} {r.choice(('answer', 'raise', 'cors'))}"
        return Asked(method, path.replace(" ", "%20"), headers)


class Asked(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]

    def raw(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{n}: {v}" for n, v in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode()


def _told(made: Description) -> tuple[dict[str, Follow | None], list[Any]]:
    """What each route follows, and which prefixes are whose, by the rules S1, S4, S7 and R5, R8."""
    names: dict[str, Follow | None] = {}
    owned: list[tuple[str | None, tuple[str, ...], Follow | None]] = []
    default = _of_section(made.whole) if made.whole else None
    owned.append((None, (), default))

    def follows(route: RouteOf, around: Follow | None) -> Follow | None:
        if route.cors is None:
            return around
        return (f"own of {around and around[0]}", str(route.cors)) if route.cors else None

    def walk(item: Bp | Group, around: Follow | None, prefix: str, version: int | None, alone: bool) -> None:
        if isinstance(item, Bp):
            # what is registered already cannot be moved, nor be in a plain group
            item.before = item.before and alone and not prefix and version is None
            version = version if version is not None else item.version
            whole = _segments(f"/v{version}" if version else "", prefix, item.prefix or "")
            for route in item.routes:
                names[route.name] = follows(route, around)
                if whole:
                    owned.append((route.host or item.host, whole, around))
            return
        inner = _of_section(item) if item.section else around
        prefix = prefix + (item.prefix or "")
        own = item.version or version
        if item.section and (item.prefix or item.version):
            owned.append((None, _segments(f"/v{own}" if own else "", prefix), inner))
        for member in item.members:
            # as Sanic's options do: what is around a group goes before what a member has
            its = own if member.version is None else version
            walk(member, inner, prefix, its, alone=item.section is not None and own is None)

    for route in made.routes:
        names[route.name] = follows(route, default)
    for group in made.groups:
        walk(group, default, "", None, alone=True)
    if not (made.whole or any(map(_has_section, made.groups))):
        return dict.fromkeys(names), []  # nobody reads `ctx_cors`
    return names, owned


def _has_section(item: Bp | Group) -> bool:
    return isinstance(item, Group) and (item.section is not None or any(map(_has_section, item.members)))


def _of_section(group: Group) -> Follow:
    return (str(group.section), group.policy)


def _segments(*parts: str) -> tuple[str, ...]:
    return tuple(part for part in "".join(parts).split("/") if part)


def owner(made: Description, path: str, host: str | None) -> Follow | None:
    """Whose a path without any route is: the longest prefix decides, unless several share it."""
    segments = path[1:].split("/")
    best, whose = -1, set[Follow | None]()
    for its_host, prefix, follow in made.owned:
        if its_host not in (None, host) or len(prefix) > len(segments):
            continue
        pairs = zip(prefix, segments, strict=False)
        if all(re.fullmatch(r"-?\d+", have) if want == "<t:int>" else want == have for want, have in pairs):
            if len(prefix) > best:
                best, whose = len(prefix), set()
            if len(prefix) == best:
                whose.add(follow)
    return next(iter(whose)) if len(whose) == 1 else None


# --- what is built ---


def build(made: Description, wrapped: bool) -> tuple[Sanic, list[str]]:
    """The app of a description, and the list in which its middleware notes what it does."""
    app = Sanic(f"app{'ours' if wrapped else 'bare'}", router=QueryRouter(), configure_logging=False)
    Sanic._app_registry.clear()
    app.config.update(
        AUTO_EXTEND=False, MOTD=False, ACCESS_LOG=False, TOUCHUP=False, FALLBACK_ERROR_FORMAT="text"
    )
    events: list[str] = []
    blueprints: list[Blueprint] = []

    def declare(where: Any, route: RouteOf) -> None:
        def handler(request: Request, **_: object) -> HTTPResponse:
            act = request.headers.get("x-act", "")
            if act == "0 raise":
                raise SanicException("the handler", 418)
            headers = {"vary": "Cookie", "access-control-allow-origin": EVIL} if act == "0 cors" else {}
            return text(route.name, headers=headers)

        more: dict[str, Any] = {}
        if route.cors is not None:
            more["ctx_cors"] = MADE[str(route.cors)] if route.cors else False
        where.add_route(
            handler,
            route.uri,
            methods=route.methods,
            name=route.name,
            host=route.host,
            strict_slashes=route.strict,
            **more,
        )

    def bp_of(item: Bp) -> Blueprint:
        bp = Blueprint(
            item.name,
            url_prefix=item.prefix,
            version=item.version,
            host=item.host,
            strict_slashes=item.strict,
        )
        for route in item.routes:
            declare(bp, route)
        add_middleware(bp, "bp", made, events)
        if item.before:
            app.blueprint(bp)
        blueprints.append(bp)
        return bp

    def group_of(item: Bp | Group) -> Any:
        if isinstance(item, Bp):
            return bp_of(item)
        members = [group_of(member) for member in item.members]
        if item.section and wrapped:
            return cors_group(
                *members, policy=MADE[item.policy], url_prefix=item.prefix, version=item.version
            )
        kept = [each for each in members if each not in app.blueprints.values()]
        return Blueprint.group(*kept, url_prefix=item.prefix, version=item.version)

    add_middleware(app, "app", made, events)
    if made.whole and wrapped:
        app.blueprint(cors_group(app, policy=MADE[made.whole.policy]))
    for group in made.groups:
        built = group_of(group)
        if built not in app.blueprints.values():
            app.blueprint(built)
    for route in made.routes:
        declare(app, route)
    return app, events


def add_middleware(where: Any, kind: str, made: Description, events: list[str]) -> None:
    """What a description has for an app, or for a blueprint."""
    for number, (place, when, priority) in enumerate(made.middleware, 1):
        if place != kind:
            continue

        def act(request: Request, response: Any = None, number: int = number) -> HTTPResponse | None:
            events.append(f"{number} {request.method} {request.route is None}")
            wanted, _, what = request.headers.get("x-act", "").partition(" ")
            if wanted == str(number):
                if what == "raise":
                    raise SanicException("the middleware", 401)
                if what == "answer":
                    return text("answered", 203)
                if response is not None:
                    response.headers["access-control-allow-origin"] = EVIL
                    response.headers["x-seen"] = "1"
            return None

        if when == "request":
            where.on_request(priority=priority)(lambda request, act=act: act(request))
        else:
            where.on_response(priority=priority)(act)


# --- what is asked and judged ---


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def cors(self) -> list[tuple[str, str]]:
        return sorted(line for line in self.headers if line[0].startswith("access-control-"))

    def vary(self) -> list[str]:
        lines = ",".join(value for name, value in self.headers if name == "vary").lower()
        return sorted(filter(None, (token.strip() for token in lines.split(","))))

    def rest(self) -> list[tuple[str, str]]:
        apart = ("access-control-", "vary", "allow")
        return sorted(line for line in self.headers if not line[0].startswith(apart))

    def allow(self) -> set[str]:
        return {method for name, value in self.headers if name == "allow" for method in value.split(", ")}

    def settled(self) -> tuple[Any, ...]:
        """All of it, but for the order in which Sanic takes methods out of a set."""
        return self.status, self.rest(), self.cors(), self.vary(), sorted(self.allow()), self.body


class Wire(asyncio.Transport):
    """A connection in memory that is kept alive: one request at a time."""

    def __init__(self, app: Sanic) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 80)})
        self.app = app
        self.open()

    def open(self) -> None:
        self.closing, self.data, self.idle = False, b"", asyncio.Event()
        protocol: Any = HttpProtocol(loop=asyncio.get_running_loop(), app=self.app, connections=set())
        self.protocol = protocol
        protocol.connection_made(self)

    async def ask(self, raw: bytes) -> Answer:
        if self.closing:
            self.open()
        await self.idle.wait()
        self.data = b""
        self.idle.clear()
        self.protocol.data_received(raw)
        await self.idle.wait()
        head, _, body = self.data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        return Answer(int(status.split()[1]), [(name.lower(), value) for name, _, value in pairs], body)

    async def end(self) -> None:
        self.protocol.close()
        self.protocol.connection_lost(None)
        await asyncio.sleep(0)

    def resume_reading(self) -> None:
        self.idle.set()

    def pause_reading(self) -> None: ...

    def write(self, data: Any) -> None:
        self.data += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.idle.set()

    abort = close

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class Seen(NamedTuple):
    """An answer, and what the app's middleware noted meanwhile."""

    answer: Answer
    events: list[str]


class DifferenceError(Exception):
    """Two answers differ where they must not."""


class Judge:
    """Knows what the app with sections must answer, given what the one without answers."""

    def __init__(self, made: Description, bare: Sanic) -> None:
        self.made = made
        self.router = bare.router
        routed = {method for route in bare.router.routes for method in route.methods}
        self.unknown = [method for method in METHODS if method != "QUERY" or method in routed]
        self.served_at: dict[tuple[str, str], dict[str, Follow | None]] = {}

    def served(self, path: str, host: str) -> dict[str, Follow | None]:
        """The methods of a path, each with what its route follows, by the router without sections."""
        key = (path, host)
        if key not in self.served_at:
            found = self.served_at[key] = {}
            for method in METHODS:
                try:
                    route, *_ = self.router.resolve(path, method=method, extra={"host": host})
                except Exception:
                    continue
                found[method] = self.made.names[route.name.rpartition(".")[2]]
        return self.served_at[key]

    def confuses(self, path: str, method: str, host: str) -> bool:
        """Whether Sanic's router cannot read a path."""
        try:
            self.router.resolve(path, method=method, extra={"host": host})
        except (NotFound, NoMethod):
            return False
        except Exception:
            return True
        return False

    def judge(self, asked: Asked, without: Seen, within: Seen) -> str:
        """The kind of request that it was. Raises DifferenceError."""
        (bare, noted), (ours, mine) = without, within
        host, origin = asked.headers["Host"], asked.headers.get("Origin")
        wanted = asked.headers.get("Access-Control-Request-Method")
        served = self.served(asked.path, host)
        acts = "X-Act" in asked.headers
        known = bool(served)
        if not known:
            whose = owner(self.made, asked.path, host)
            served = dict.fromkeys(self.unknown, whose)
        follows = [follow for follow in served.values() if follow]
        if not follows or self.confuses(asked.path, asked.method, host):  # then Sanic answers 500
            return self.same("outside", without, within)
        default = follows[0]
        preflight = asked.method == "OPTIONS" and origin is not None and wanted is not None
        if preflight:
            follow = served.get(str(wanted), default)
            if follow is not None:
                expect(
                    "preflight", ours.status == 204 and ours.body == b"" and mine == [], "not outside of all"
                )
                self.listed(follow, served, asked, ours)
                return "preflight"
            if "OPTIONS" not in served:
                granting = [line for line in ours.cors() if line[1] != EVIL]
                expect("preflight outside", not granting, "granted")
                if not acts:
                    seen = (ours.status, ours.cors(), ours.vary())
                    expect(
                        "preflight outside", seen == (204, [], ["access-control-request-method"]), "not 204"
                    )
                return "preflight outside"
        if known and asked.method == "OPTIONS" and "OPTIONS" not in served:
            both = [sorted(event.split()[0] for event in events) for events in (noted, mine)]
            expect("options", both[0] == both[1] or acts, "middleware")
            if not acts:
                allow = {*served, "OPTIONS"}
                expect("options", (ours.status, ours.body, ours.allow()) == (204, b"", allow), "not 204")
            # where middleware answers, it is an ordinary answer, unless ours was there before
            listed = any(name == "access-control-allow-methods" for name, _ in ours.cors())
            self.granted(default, origin, ours, options=served if ours.status == 204 or listed else None)
            return "options"
        follow = served.get(asked.method, default) if known else default
        if follow is None:
            return self.same("outside beside", without, within)
        kind = "inside" if asked.method in served and known else "error"
        same = (ours.status, ours.body, ours.rest()) == (bare.status, bare.body, bare.rest())
        expect(kind, same, "the answer differs")
        expect(kind, noted == mine, "the middleware differs")
        if ours.status == 405 and known:
            expect(kind, ours.allow() == {*served, "OPTIONS"}, "Allow")
        else:
            expect(kind, ours.allow() == bare.allow(), "Allow")
        self.granted(follow, origin, ours, bare)
        return kind

    def same(self, kind: str, without: Seen, within: Seen) -> str:
        (bare, noted), (ours, mine) = without, within
        expect(kind, ours.settled() == bare.settled(), "the answer differs")
        expect(kind, noted == mine, "the middleware differs")
        return kind

    def granted(
        self,
        follow: Follow,
        origin: str | None,
        ours: Answer,
        bare: Answer | None = None,
        options: Mapping[str, Follow | None] | None = None,
    ) -> None:
        """Exactly the grant of the policy, and its Vary beside that of the app."""
        fields = POLICIES[follow[1]]
        static, grant = _grant(fields, origin)
        cors = {"access-control-allow-origin": grant} if grant else {}
        if grant and fields.get("allow_credentials"):
            cors["access-control-allow-credentials"] = "true"
        if grant and fields.get("expose_headers"):
            cors["access-control-expose-headers"] = ",".join(fields["expose_headers"])
        vary = set(bare.vary() if bare else ()) | (set() if static else {"origin"})
        if options and static:
            more, varies = _lists(follow, options)
            cors.update(more if grant else {})
            vary |= varies
        expect("grant", ours.cors() == sorted(cors.items()), f"not {cors}")
        expect("vary", set(ours.vary()) == vary, f"not {vary}")

    def listed(self, follow: Follow, served: Mapping[str, Follow | None], asked: Asked, ours: Answer) -> None:
        """Exactly the lists of the policy, with the methods that the path serves under it."""
        fields = POLICIES[follow[1]]
        static, grant = _grant(fields, asked.headers.get("Origin"))
        more, vary = _lists(follow, served)
        if not static:
            vary |= {"origin"}
        cors = {}
        if grant:
            cors = {"access-control-allow-origin": grant, **more}
            if fields.get("allow_credentials"):
                cors["access-control-allow-credentials"] = "true"
        expect("lists", ours.cors() == sorted(cors.items()), f"not {cors}")
        expect("vary", set(ours.vary()) == vary, f"not {vary}")


def _grant(fields: Mapping[str, Any], origin: str | None) -> tuple[bool, str | None]:
    """Whether a policy does not look at Origin, and its access-control-allow-origin."""
    declared = fields.get("allow_origins", "*")
    if declared == "*":
        return True, "*"
    if callable(declared):
        return False, GOOD if origin == GOOD else None
    if len(declared) == 1:
        return True, declared[0]
    return False, origin if origin in declared else None


def _lists(follow: Follow, served: Mapping[str, Follow | None]) -> tuple[dict[str, str], set[str]]:
    """The lists of a preflight, and what of its Vary is not the origin."""
    fields = POLICIES[follow[1]]
    allowed = fields.get("allow_methods", METHODS)
    methods = [m for m in METHODS[:-1] if m in served and served[m] == follow and m in allowed]
    reflects = bool(fields.get("allow_credentials"))
    lists = {
        "access-control-allow-methods": ",".join([*methods, "OPTIONS"]),
        "access-control-max-age": str(fields.get("max_age", 600)),
    }
    if not reflects:
        lists["access-control-allow-headers"] = ",".join(fields.get("allow_headers", ["*", "authorization"]))
    vary = {"access-control-request-method"} if len(set(served.values())) > 1 else set()
    return lists, vary | ({"access-control-request-headers"} if reflects else set())


def expect(kind: str, right: bool, what: str) -> None:
    if not right:
        raise DifferenceError(f"{kind}: {what}")


def paths_of(made: Description, bare: Sanic, random: Random) -> list[str]:
    """Paths that lead to the routes, or nearly, and some that lead nowhere."""
    found = ["/", "/a", "/a/b/none", "/c/none", "/v1/none", "/v2/a", "/5/none", "/none"]
    for route in bare.router.routes:
        for _ in range(2):
            parts = (
                random.choice(EXAMPLES.get(part[1:-1].partition(":")[2], ("ab",)))
                if part.startswith("<")
                else part
                for part in route.parts
            )
            found.append("/" + "/".join(parts))
    return found


async def compare(made: Description, random: Random, count: int, kinds: Counter[str]) -> None:
    """Ask two apps of one description the same, so often. Raises DifferenceError."""
    try:
        bare, noted = build(made, wrapped=False)
        await start(bare)
    except Exception:  # Sanic takes no such table
        kinds["apps that Sanic refuses"] += 1
        return
    ours, mine = build(made, wrapped=True)
    await start(ours)
    kinds["apps"] += 1
    judge, maker = Judge(made, bare), Maker(random)
    wires = Wire(bare), Wire(ours)
    paths = paths_of(made, bare, random)
    try:
        for _ in range(count):
            asked = maker.request(paths)
            noted.clear()
            mine.clear()
            both = zip(wires, (noted, mine), strict=True)
            without, within = [Seen(await wire.ask(asked.raw()), events) for wire, events in both]
            try:
                kinds[judge.judge(asked, without, within)] += 1
            except DifferenceError as difference:
                about = f"{asked}\nwithout {without}\nwith    {within}\n{made}"
                raise DifferenceError(f"{difference}\n{about}") from None
    finally:
        for wire in wires:
            await wire.end()


def run(requests: int, seed: int, each: int = 400, says: bool = False) -> Counter[str]:
    """Compare random apps until so many requests were asked of both."""
    kinds: Counter[str] = Counter()
    loop, began, number = asyncio.new_event_loop(), time.monotonic(), 0
    try:
        while _asked(kinds) < requests:
            number += 1
            random = Random(f"{seed}/{number}")
            made = Maker(random).description()
            try:
                loop.run_until_complete(compare(made, random, each, kinds))
            except DifferenceError as difference:
                raise DifferenceError(f"seed {seed}, app {number}: {difference}") from None
            if says and number % 200 == 0:
                print(
                    f"{_asked(kinds):,} requests, {kinds['apps']:,} apps, {time.monotonic() - began:.0f} s",
                    flush=True,
                )
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    return kinds


def _asked(kinds: Mapping[str, int]) -> int:
    return sum(number for kind, number in kinds.items() if not kind.startswith("apps"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.differential", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="of each of the two apps")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(arguments)
    seed = Random().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}")
    logging.disable()
    warnings.simplefilter("ignore")
    try:
        kinds = run(options.requests, seed, says=True)
    except DifferenceError as difference:
        print(difference)
        return 1
    for kind, number in sorted(kinds.items()):
        print(f"{kind:24} {number:10,}")
    print(f"{_asked(kinds):,} requests, 0 differences")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
