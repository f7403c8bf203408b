"""Random apps as data, with the rules that say which policy applies where.

The rules are those of the reference (S1, S4, S7, R5, R8, P5), written once more without a look at the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from corsbp import CorsPolicy

from ..support import CLEANS_NAMES

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY", "OPTIONS")
GOOD, TWO, EVIL = "https://app.example", "https://two.example", "https://evil.example"
HOSTS = ("h.example", "i.example", "j.example")
PUBLIC_HOST = "own.example"
"""The host that proxies, or the app's SERVER_NAME, give as the app's own."""


async def allows_good_later(origin: str, _: object) -> bool:
    """Allow GOOD, as an origin function that is a coroutine function."""
    return origin == GOOD


POLICIES: dict[str, dict[str, Any]] = {
    "public": {},
    "cookies": {"allow_origins": [GOOD], "allow_credentials": True},
    "list": {"allow_origins": [GOOD, TWO], "allow_headers": ["x-a"], "expose_headers": ["x-b"]},
    "methods": {"allow_origins": [TWO, GOOD], "allow_methods": ["GET", "DELETE"], "max_age": 7},
    "function": {"allow_origins": lambda origin, request: origin == GOOD},
    "async function": {"allow_origins": allows_good_later},
}
MADE = {name: CorsPolicy(**fields) for name, fields in POLICIES.items()}

URIS = (
    *(
        "/",
        "/x",
        "/x/",
        "/y",
        "/x/y",
        "/x//y",
        "/<n:int>",
        "/<n:int>/",
        "/<n:int>/y",
        "/<s:str>",
        "/<s:str>/x",
    ),
    *(
        "/<r:[a-z]{2}>",
        "/<r:[a-z]{2}>/y",
        "/<p:path>",
        "/f/<f:ext>",
        "/<d:ymd>",
        "/<u:uuid>/",
        "/<s:strorempty>",
    ),
    *("/<o:odd>", "/o/<o:odd>/y"),
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
    "odd": ("odd-1", "odd-broken", "odd-twice"),
}
PREFIXES = (None, "/a", "/a", "/a/b", "/b", "/<t:int>", "/a/<t:int>")
SLASHES = (2, 3, 10, 240, 300, *range(488, 496), 600)
"""Numbers of slashes at the end of a path; Sanic's router removes one in each recursion."""


# --- a type of parameters whose cast fails ---

casts: list[str] = []
"""The values that were cast since the last request, which forgets them."""


def cast_odd(value: str) -> str:
    """Cast a parameter of the type `odd`: one value fails always, another one when it is cast again."""
    if not value.startswith("odd-"):
        raise ValueError(value)
    casts.append(value)
    if value == "odd-broken" or (value == "odd-twice" and casts.count(value) > 1):
        raise KeyError(value)
    return value


# --- descriptions ---

PolicyOf: TypeAlias = tuple[str, str]
"""The policy of a route: the number of its section, or `own of` one, and the name of the policy."""


@dataclass
class RouteSpec:
    """A route; `cors` is its `ctx_cors`: the name of a policy, False, or nothing."""

    name: str
    uri: str
    methods: tuple[str, ...]
    cors: str | bool | None
    host: str | None
    strict: bool | None
    websocket: bool = False


@dataclass
class BlueprintSpec:
    """A blueprint; `before`: it is registered by itself before it is wrapped."""

    name: str
    prefix: str | None
    version: int | None
    host: str | None
    strict: bool | None
    routes: list[RouteSpec]
    before: bool


@dataclass
class GroupSpec:
    """A group: a section, which has a number, or a plain group."""

    members: list[BlueprintSpec | GroupSpec]
    section: str | None
    policy: str
    prefix: str | None = None
    version: int | None = None


Member: TypeAlias = "BlueprintSpec | GroupSpec"


class Owned(NamedTuple):
    """A prefix of paths without a route: on which host (None: any), its segments, and the policy there."""

    host: str | None
    prefix: tuple[str, ...]
    policy: PolicyOf | None


@dataclass
class AppSpec:
    """An app, with the policy of each route by name, and the prefixes of paths without a route."""

    groups: list[Member]
    routes: list[RouteSpec]
    whole: GroupSpec | None
    middleware: list[tuple[str, str, int]]
    """Where, when, and the priority."""
    served_by_middleware: tuple[str, int] | None = None
    """A prefix below which middleware responds itself, and the status."""
    own_host: str | None = None
    """How the app knows its public host: `proxies`, `secret` or `name`."""
    listens: bool = False
    request_class: str | None = None
    wraps_finalize: bool = False
    """Another package wraps `router.finalize` between two registrations."""
    own_http: bool = False
    """The protocol has a subclass of Sanic's Http."""
    policies: Mapping[str, PolicyOf | None] = field(default_factory=dict)
    owned: list[Owned] = field(default_factory=list)

    def all_routes(self) -> Iterator[RouteSpec]:
        """Return the routes of the app and of all blueprints."""
        yield from self.routes
        for group in self.groups:
            yield from routes_of(group)

    def is_one_section(self) -> bool:
        """Return whether the app is wrapped as a whole, without another section or policy of a route (R9)."""
        own = any(route.cors is not None for route in self.all_routes())
        return self.whole is not None and not own and not any(map(has_section, self.groups))


def routes_of(member: Member) -> Iterator[RouteSpec]:
    """Return the routes of a blueprint or group; those for one host only by the blueprint have it too."""
    if isinstance(member, BlueprintSpec):
        yield from member.routes
    else:
        for each in member.members:
            yield from routes_of(each)


def has_section(member: Member) -> bool:
    """Return whether a member is a section or has one inside."""
    if isinstance(member, BlueprintSpec):
        return False
    return member.section is not None or any(map(has_section, member.members))


# --- the rules ---


class Place(NamedTuple):
    """The place of a member in groups: prefix and version there, and the prefixes that its section puts."""

    prefix: str = ""
    version: int | None = None
    alone: bool = True
    in_section: bool = False
    put_by_groups: tuple[tuple[int | None, tuple[str, ...]], ...] = ()


def apply_rules(spec: AppSpec) -> None:
    """Find the policy of each route (S1, S4, S7), and of each prefix without a route (R5, R8)."""
    policies: dict[str, PolicyOf | None] = {}
    owned: list[Owned] = []
    default = policy_of_section(spec.whole) if spec.whole else None
    owned.append(Owned(None, (), default))

    def policy_of(route: RouteSpec, around: PolicyOf | None) -> PolicyOf | None:
        if route.cors is None:
            return around
        return (f"own of {around and around[0]}", str(route.cors)) if route.cors else None

    def walk(member: Member, around: PolicyOf | None, place: Place) -> None:
        if isinstance(member, BlueprintSpec):
            # what is registered already cannot be moved, nor be in a plain group
            member.before = member.before and place.alone and not place.prefix and place.version is None
            version = place.version if place.version is not None else member.version
            whole = segments(f"/v{version}" if version else "", place.prefix, member.prefix or "")
            for route in member.routes:
                host = route.host or member.host
                policies[route.name] = policy_of(route, around)
                if whole:
                    owned.append(Owned(host, whole, around))
                owned.extend(
                    Owned(host, prefix, around) for own, prefix in place.put_by_groups if own == version
                )
            return
        inner = policy_of_section(member) if member.section else around
        prefix = place.prefix + (member.prefix or "")
        version = member.version or place.version
        # what a section, and plain groups inside it, put before their blueprints; not what is around them
        put_by_groups = () if member.section else place.put_by_groups
        if (member.section or place.in_section) and (member.prefix or member.version):
            put_by_groups += ((version, segments(f"/v{version}" if version else "", prefix)),)
        for each in member.members:
            # as Sanic's options do: what is around a group goes before what a member has
            outer = version if each.version is None else place.version
            alone = member.section is not None and version is None
            walk(
                each,
                inner,
                Place(prefix, outer, alone, place.in_section or bool(member.section), put_by_groups),
            )

    for route in spec.routes:
        policies[route.name] = policy_of(route, default)
    for group in spec.groups:
        walk(group, default, Place())
    spec.policies, spec.owned = policies, owned
    if not (spec.whole or any(map(has_section, spec.groups))):
        spec.policies, spec.owned = dict.fromkeys(policies), []  # nobody reads `ctx_cors`


def policy_of_section(group: GroupSpec) -> PolicyOf:
    """Return the policy of the routes of a section."""
    return (str(group.section), group.policy)


def segments(*parts: str) -> tuple[str, ...]:
    """Return the segments of a prefix in parts."""
    return tuple(part for part in "".join(parts).split("/") if part)


def owner_of(spec: AppSpec, path: str, host: str | None) -> PolicyOf | None:
    """Return the policy of a path without a route: the longest prefix decides, unless several share it."""
    found = path[1:].split("/")
    longest, policies = -1, set[PolicyOf | None]()
    for owned in spec.owned:
        if owned.host not in (None, host) or len(owned.prefix) > len(found):
            continue
        pairs = zip(owned.prefix, found, strict=False)
        if all(re.fullmatch(r"-?\d+", got) if want == "<t:int>" else want == got for want, got in pairs):
            if len(owned.prefix) > longest:
                longest, policies = len(owned.prefix), set()
            if len(owned.prefix) == longest:
                policies.add(owned.policy)
    return next(iter(policies)) if len(policies) == 1 else None


# --- random descriptions and requests ---


class RequestSpec(NamedTuple):
    """A request; `raw_bytes` replaces it where the request cannot be read."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw_bytes: bytes = b""

    def raw(self) -> bytes:
        """Return the bytes of the request."""
        if self.raw_bytes:
            return self.raw_bytes
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{n}: {v}" for n, v in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode()

    @property
    def is_handshake(self) -> bool:
        """Whether the request opens a WebSocket."""
        return "Upgrade" in self.headers

    def short(self) -> str:
        """Return the request for messages, with long runs of slashes counted."""
        path = re.sub(r"/{9,}", lambda found: f"/ * {len(found[0])}", self.path)
        return f"{self.method} {path} {dict(self.headers)} {self.raw_bytes[:60]!r}"


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
}
ACTS = ("respond", "raise", "cors", "proxy")
"""What middleware does for `X-Act: NUMBER WORD`."""
HANDLER_ACTS = (
    *("raise", "cors", "nul", "own class", "stream", "mended", "concurrent"),
    *["crlf"] * CLEANS_NAMES,  # otherwise, Sanic sends two heads
)
"""What handlers do for `X-Act: 0 WORD`."""


class Maker:
    """A source of random descriptions, and of requests for them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0
        # few, so that routes meet on a path
        self.uris = random.sample(URIS, random.choice((2, 4, len(URIS))))
        self.prefixes = random.sample(PREFIXES, random.choice((1, 2, len(PREFIXES))))

    def number(self) -> int:
        """Return the next number."""
        self.count += 1
        return self.count

    def chance(self, share: float) -> bool:
        """Return True so often."""
        return self.random.random() < share

    def host(self, share: float) -> str | None:
        """Return a host so often, else None."""
        return self.random.choice(HOSTS[:2]) if self.chance(share) else None

    def route(self) -> RouteSpec:
        """Make a route."""
        r = self.random
        methods = tuple(r.sample(METHODS, r.choice((1, 1, 1, 2, 3))))
        cors: str | bool | None = r.choice([*(None,) * 8, False, *POLICIES])
        strict = r.choice((None, None, True, False))
        websocket = self.chance(0.1)
        uri = r.choice(self.uris)
        return RouteSpec(
            f"r{self.number()}",
            uri,
            ("GET",) if websocket else methods,
            cors,
            self.host(0.4),
            strict,
            websocket,
        )

    def blueprint(self) -> BlueprintSpec:
        """Make a blueprint."""
        r = self.random
        routes = [self.route() for _ in range(r.randrange(1, 5))]
        if self.chance(0.4):  # one that shares a path, and is left out
            other = r.choice(routes)
            methods = tuple(r.sample([method for method in METHODS if method not in other.methods], 2))
            routes.append(RouteSpec(f"r{self.number()}", other.uri, methods, False, other.host, other.strict))
        version = r.choice((None, None, None, 1))
        name = f"b{self.number()}"
        strict = r.choice((None, True))
        return BlueprintSpec(
            name, r.choice(self.prefixes), version, self.host(0.15), strict, routes, self.chance(0.1)
        )

    def group(self, depth: int) -> Member:
        """Make a blueprint or a group, with groups inside up to a depth."""
        r = self.random
        if depth == 0 or self.chance(0.3):
            return self.blueprint()
        section = f"s{self.number()}" if self.chance(0.7) else None
        members = [self.group(depth - 1) for _ in range(r.randrange(1, 3))]
        prefix, version = r.choice((None, None, "/a", "/c")), r.choice((None, None, None, 2))
        return GroupSpec(members, section, r.choice(list(POLICIES)), prefix, version)

    def app(self) -> AppSpec:
        """Make an app."""
        r = self.random
        whole = GroupSpec([], f"s{self.number()}", r.choice(list(POLICIES))) if self.chance(0.15) else None
        if whole and self.chance(0.5):  # the whole app is one section (R9)
            groups, routes = [], [self.route() for _ in range(r.randrange(1, 5))]
            for route in routes:
                route.cors = None
        else:
            groups = [self.group(2) for _ in range(r.randrange(1, 4))]
            routes = [self.route() for _ in range(r.randrange(0, 4))]
        middleware = [
            (r.choice(("app", "app", "bp")), r.choice(("request", "response")), r.choice((-5, 0, 5)))
            for _ in range(r.randrange(0, 4))
        ]
        made = AppSpec(groups, routes, whole, middleware)
        if self.chance(0.3):
            prefix = "".join(f"/{part}" for part in segments(r.choice(("/a", "/a/legacy", "/c", "/v1", "/"))))
            made.served_by_middleware = prefix, r.choice((200, 200, 404))
        made.own_host = r.choice((None, None, "proxies", "secret", "name"))
        made.listens = self.chance(0.5)
        made.request_class = r.choice((*(None,) * 6, "equal", "unhashable"))
        made.wraps_finalize = self.chance(0.1)
        made.own_http = self.chance(0.1)
        apply_rules(made)
        return made

    def request(self, spec: AppSpec, paths: Sequence[str]) -> RequestSpec:
        """Make a request for an app that has routes on some of these paths."""
        r = self.random
        path = r.choice(paths)
        if self.chance(0.2):
            path = r.choice(
                (path.rstrip("/") or "/", path + "/", path + "/none", path.rpartition("/")[0] or "/")
            )
        if self.chance(0.01):
            path += "/" * r.choice(SLASHES)
        path = path.replace(" ", "%20")
        if self.chance(0.05):
            path = self.escaped(path)
        headers = {"Host": r.choice(HOSTS)}
        if spec.own_host and self.chance(0.7):
            headers |= self.forwarded(spec.own_host)
        if self.chance(0.8):
            own = [
                f"{scheme}://{host}"
                for scheme in ("http", "https")
                for host in (headers["Host"], PUBLIC_HOST)
            ]
            headers["Origin"] = r.choice((*(GOOD,) * 4, *(TWO,) * 2, *(EVIL,) * 2, *("null",) * 2, *own))
        method = r.choice((*METHODS, "OPTIONS", "OPTIONS", "BREW"))
        if method == "OPTIONS" and self.chance(0.8):
            headers["Access-Control-Request-Method"] = r.choice((*METHODS[:-1], "BREW"))
        elif self.chance(0.1) or (method == "GET" and self.chance(0.4)):
            method = "GET"
            headers |= HANDSHAKE
        if self.chance(0.1):
            headers["X-Act"] = f"{r.randrange(1, 4)} {r.choice(ACTS)}"
        elif self.chance(0.1):
            headers["X-Act"] = f"0 {r.choice(HANDLER_ACTS)}"
        return RequestSpec(method, path, headers, self.unreadable() if self.chance(0.01) else b"")

    def escaped(self, path: str) -> str:
        """Return a path with one of its characters percent-encoded."""
        place = self.random.randrange(1, len(path)) if len(path) > 1 else 0
        if path[place] in "/%" and place == 0:
            return path + "%2F"
        coded = f"%{ord(path[place]):02X}" if path[place] != "%" else "%25"
        return quote(path[:place], safe="/%") + coded + path[place + 1 :]

    def forwarded(self, own_host: str) -> dict[str, str]:
        """Return the headers of a proxy."""
        scheme = self.random.choice(("http", "https", "wss"))
        if own_host == "secret":
            return {"Forwarded": f'for=10.0.0.1;host={PUBLIC_HOST};proto={scheme};secret="s3cret"'}
        return {
            "X-Forwarded-For": "10.0.0.1",
            "X-Forwarded-Host": PUBLIC_HOST,
            "X-Forwarded-Proto": scheme,
        }

    def unreadable(self) -> bytes:
        """Return a request that Sanic refuses before it has read the head."""
        return self.random.choice(
            (
                b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h.example\r\n\r\n",
                b"GET /a HTTP/1.1\r\nHost: h.example\r\nOrigin: https://app.example\r\nX-Long: "
                + b"a" * 9000
                + b"\r\n\r\n",
                b"nonsense\r\n\r\n",
                b"GET /a HTTP/1.1\r\nno colon\r\n\r\n",
                b"GET /a HTTP/9.9\r\nHost: h.example\r\n\r\n",
            )
        )
