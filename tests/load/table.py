"""What is asked of the app, and the right answers: written by hand from the README, not asked of corsbp."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

ONE, TWO, THREE = "https://app.example", "https://two.example", "https://three.example"
PARTNER = ".partner.example"
YES, LATER = "https://yes.example", "https://later.example"
"""The only origins that the app's origin function grants, at once and after a moment."""
NO = ("no", "odd", "raises", "raises-later", "cancelled")
LATE = ("slow", "hangs", "stubborn", "bitter")
"""Each of these takes the whole `origin_timeout`: only the section "waited" is asked, and not often."""

ORIGINS = (
    None,
    "null",
    ONE,
    TWO,
    THREE,
    "https://App.example",
    "https://app.example.evil.example",
    f"https://a.b{PARTNER}",
    "https://partner.example",
    "https://evilpartner.example",
    "http://localhost:3000",
    "http://localhost:03000",
    YES,
    LATER,
    *(f"https://{name}.example" for name in NO),
)
ASKED = "x-a,x-b"
"""The header names that every preflight asks for."""


class Rule(NamedTuple):
    """What a section's answers say, beside access-control-allow-origin."""

    grants: Callable[[str], bool]
    granted: Mapping[str, str]
    lists: Mapping[str, str]
    """Of a preflight, beside its methods."""
    static: bool = False
    varies: tuple[str, str] = ("origin", "origin")
    """`Vary` of the answer to a preflight, in order of the alphabet, and of every other."""

    def headers(self, origin: str | None, methods: str | None = None) -> dict[str, str]:
        """The CORS headers of an answer; `methods` of its path if it is a preflight's."""
        found = {}
        if self.static or (origin is not None and self.grants(origin)):
            more = (
                self.granted if methods is None else {"access-control-allow-methods": methods, **self.lists}
            )
            found = {"access-control-allow-origin": "*" if self.static else str(origin), **more}
        return found if self.static else {**found, "vary": self.varies[methods is None]}


CREDENTIALS = {"access-control-allow-credentials": "true"}
STAR = {"access-control-allow-headers": "*,authorization"}
RULES: dict[str, tuple[Rule, ...]] = {
    "public": (
        Rule(lambda _: True, {}, STAR | {"access-control-max-age": "600"}, static=True),
    ),
    "listed": (
        Rule(
            lambda origin: origin in {ONE, TWO},
            CREDENTIALS | {"access-control-expose-headers": "x-total"},
            CREDENTIALS | {"access-control-allow-headers": ASKED, "access-control-max-age": "60"},
            varies=("access-control-request-headers, origin", "origin"),
        ),
    ),
    "pattern": (
        Rule(lambda origin: origin.endswith(PARTNER) or origin == "http://localhost:3000", {}, STAR),
    ),
    "asked": (
        Rule(lambda origin: origin in {YES, LATER}, {}, STAR | {"access-control-max-age": "600"}),
    ),
    "waited": (
        # On a machine that is busy enough, a moment takes longer than the section's short timeout.
        Rule(lambda origin: origin in {YES, LATER}, {}, STAR),
        Rule(lambda origin: origin == YES, {}, STAR),
    ),
    "changing": (
        Rule(
            lambda origin: origin in {ONE, TWO},
            CREDENTIALS | {"access-control-expose-headers": "x-left"},
            CREDENTIALS | {"access-control-allow-headers": "x-left", "access-control-max-age": "1"},
        ),
        Rule(
            lambda origin: origin in {TWO, THREE},
            {"access-control-expose-headers": "x-right"},
            {"access-control-allow-headers": "x-right", "access-control-max-age": "2"},
        ),
    ),
}  # fmt: skip
OUTSIDE = "outside"
SECTIONS = (*RULES, OUTSIDE)

SOMEWHERE = "GET,POST,PUT,OPTIONS"
"""The methods that each section serves somewhere."""
PIECE = bytes(range(256)) * 128
"""What streams are made of: so many of it."""


class Kind(NamedTuple):
    """A kind of request: what is sent, and the status and body of the answer (None: any)."""

    method: str
    path: str
    status: int
    body: bytes | None = None
    methods: str | None = None
    """Of a preflight: those that the path serves."""


KINDS = {
    "get": Kind("GET", "item", 200, b"item"),
    "put": Kind("PUT", "item", 200, b"put"),
    "preflight": Kind("OPTIONS", "item", 204, b"", "GET,PUT,OPTIONS"),
    "preflight of an upload": Kind("OPTIONS", "upload", 204, b"", "POST,OPTIONS"),
    "preflight of nothing": Kind("OPTIONS", "none", 204, b"", SOMEWHERE),
    "not found": Kind("GET", "none", 404),
    "not allowed": Kind("DELETE", "item", 405),
    "error": Kind("GET", "error", 500),
    "stream": Kind("GET", "stream/3", 200, PIECE * 3),
    "upload": Kind("POST", "upload", 200),
    "chunked upload": Kind("POST", "upload", 200),
}
LONG = Kind("GET", "stream/64", 200, PIECE * 64)
"""For slow readers: more than what fits between two sockets."""


class Ask(NamedTuple):
    """A request with its right answers: more than one while the policy may be either."""

    section: str
    name: str
    raw: bytes
    method: str
    status: int
    body: bytes | None
    cors: tuple[dict[str, str], ...]

    def wrong(self, status: int, cors: list[tuple[str, str]], body: bytes) -> str | None:
        """What is wrong with an answer, given its `access-control-*` and `vary` lines."""
        found = {name: _sorted(value) if name == "vary" else value for name, value in cors}
        if status != self.status:
            wrong = f"{status}, not {self.status}"
        elif len(found) != len(cors) or found not in self.cors:
            wrong = f"{cors}, not {' or '.join(map(str, self.cors))}"
        elif self.body is not None and body != self.body:
            wrong = f"the body is another: {body[:80]!r} ({len(body)} bytes)"
        else:
            return None
        return f"{self.section}, {self.name}: {wrong}"


def ask(
    section: str, kind: str | Kind, origin: str | None, *, body: bytes = b"", rule: int | None = None
) -> Ask:
    """A request to a section. Of a section with two policies, `rule` tells which it has to be."""
    name, one = (kind, KINDS[kind]) if isinstance(kind, str) else (f"{kind.method} {kind.path}", kind)
    lines = [f"{one.method} /{section}/{one.path} HTTP/1.1", "Host: api.example"]
    if origin is not None:
        lines.append(f"Origin: {origin}")
    preflight = one.methods is not None and origin is not None
    if preflight:
        lines += ["Access-Control-Request-Method: PUT", f"Access-Control-Request-Headers: {ASKED}"]
    right = one.body
    if name == "chunked upload":
        lines.append("Transfer-Encoding: chunked")
        right, body = _sum(body), b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in _parts(body)) + b"0\r\n\r\n"
    elif name == "upload":
        lines.append(f"Content-Length: {len(body)}")
        right = _sum(body)
    else:
        body = b""
    rules = RULES.get(section, ())
    if rule is not None:
        rules = rules[rule : rule + 1]
    status, cors = (
        one.status,
        tuple(each.headers(origin, one.methods if preflight else None) for each in rules),
    )
    if section == OUTSIDE:
        cors = ({},)
        if preflight:  # as without corsbp
            status, right = (404 if one.path == "none" else 405), None
    raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return Ask(section, f"{name} of {origin}", raw, one.method, status, right, cors)


def any_ask(random: Random, kinds: tuple[str, ...] = tuple(KINDS)) -> Ask:
    """One of all that can be asked; every few requests are of an origin that nobody has seen before."""
    section, kind = random.choice(SECTIONS), random.choice(kinds)
    chance = random.random()
    origin: str | None
    if chance < 0.01:
        section, origin = "waited", f"https://{random.choice(LATE)}.example"
    elif chance < 0.3:
        end = random.choice((PARTNER, ".example", "-partner.example"))
        origin = f"https://x{random.getrandbits(64):x}{end}"
    else:
        origin = random.choice(ORIGINS)
    if KINDS[kind].methods is not None and origin is None:
        origin = ONE  # without Origin it is no preflight
    return ask(section, kind, origin, body=random.randbytes(random.randrange(1, 40_000)))


def _sorted(vary: str) -> str:
    return ", ".join(sorted(vary.lower().split(", ")))


def _parts(body: bytes) -> list[bytes]:
    return [body[start : start + 7000] for start in range(0, len(body), 7000)]


def _sum(body: bytes) -> bytes:
    """What the app says of an upload."""
    return f"{len(body)} {zlib.crc32(body)}".encode()
