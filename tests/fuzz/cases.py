"""Cases: bytes and a policy, kept in files, made at random, and changed a little.

The source of chance is either that of Hypothesis, which can repeat and shrink its choices, or that of the
campaign, which has a seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from .oracle import HOW, acceptable

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """The bytes of a connection, where they are cut, and the policy of `/fuzzed`; None: the large app."""

    raw: bytes
    policy: Mapping[str, Any] | None = None
    splits: tuple[int, ...] = ()
    early: bool = False  # whether pieces come before the server asks for more

    def pieces(self) -> list[bytes]:
        places = sorted({place for place in self.splits if 0 < place < len(self.raw)})
        return [
            self.raw[start:end]
            for start, end in zip([0, *places], [*places, len(self.raw)], strict=True)
            if end
        ]

    def to_bytes(self) -> bytes:
        """Return the content of a file: a line of JSON, then the bytes."""
        about = {"policy": self.policy, "splits": self.splits, "early": self.early}
        return json.dumps(about).encode() + b"\n" + self.raw

    @classmethod
    def from_bytes(cls, data: bytes) -> Case:
        """Read a case. Raises ValueError where it is not one, or its policy is not valid."""
        line, _, raw = data.partition(b"\n")
        try:
            about = json.loads(line)
            case = cls(raw, about["policy"], tuple(map(int, about["splits"])), about["early"] is True)
            good = case.policy is None or acceptable(case.policy)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("no case") from error
        if not good:
            raise ValueError("no policy")
        return case


# --- the pieces ---

ENTRIES = [
    "https://app.example",
    "https://two.example:8443",
    "https://*.tenants.example",
    "https://*.a.b:8443",
    "https://*.b:*",
    "http://localhost:*",
    "http://*.localhost",
    "http://[::1]:3000",
    "http://127.0.0.1:*",
    "capacitor://localhost",
    "https://xn--mnchen-3ya.example",
    f"https://*.{'l' * 63}.example",
]
LABELS = ["x", "a.b", "-", "_", "q" * 63, "q" * 64, "", "9", "0x1", "a.9", "X", "é", "a\x01"]
PORTS = ["", ":3000", ":443", ":80", ":0", ":65536", ":01", ":", ":٣"]
NAMES = ["x-one", "X-Two", "content-type", "authorization", "*", "x" * 70, "", " ", "\t", "a b", "é", "x\x01"]
METHODS = ["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "HEAD", "get", "BREW", "*", "NONE"]
PREFIXES = [
    *("public", "one", "list", "reflects", "patterns", "asks", "names", "fuzzed", "web", "list/inner"),
    *("shared", "t/acme", "t/a%2Fb", "n/7", "n/-0", "n/x", "hosted", "lists", "", "fuzzed%2f", "Public"),
]
ROUTES = [
    *(
        "item",
        "mixed",
        "own",
        "aside",
        "sets",
        "fails",
        "denied",
        "moved",
        "stream",
        "upload",
        "socket",
        "file",
    ),
    *("items/7", "items/-7", "items/x", "days/2026-01-31", "days/2026-02-31", "words/a%20b", "words/"),
    *("codes/ab1", "codes/ab1x", "none", "", "item/", "item//", "../item", "%69tem", f"items/{'9' * 30}"),
]
WORDS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b": ",
        b":",
        b" ",
        b"\t",
        b",",
        b";",
        b"\xff",
        b"\xc3\xa9",
        b"*",
        b"://",
    ),
    *(
        b"null",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"HTTP/2",
        b".evil.example",
        b"@",
        b"/",
        b"%0d%0a",
        b"\r\n\r\n",
        b"a.",
    ),
    *(b"Origin: ", b"Access-Control-Request-Method: ", b"Access-Control-Request-Headers: "),
    b"\xef\xbc\x90",
]
LINES = [
    *(
        b"X-Deny: 1",
        b"X-Raise: 1",
        b"X-Replace: 1",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Upgrade: websocket",
        b"Vary: *",
    ),
    *(b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: 90000", b"Content-Length: x"),
    *(
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Expect: more",
        b"Range: bytes=0-3",
        b"no colon",
    ),
    *(b"Access-Control-Allow-Origin: *", b"Cookie: a=b", b"Accept: application/json", b": nameless"),
]
BODIES = [b"", b"", b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"g\r\n", b"0\r\n\r\n", b"-1\r\n\r\n", b"5\r\nab"]


class Maker:
    """A source of random cases."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.small = False  # whether requests are for the app of `/fuzzed`
        self.known: list[str] = []  # the origins that its function allows

    def often(self, percent: int = 85) -> bool:
        return self.random.randrange(100) < percent

    def some(self, make: Callable[[], T], most: int) -> list[T]:
        return [make() for _ in range(self.random.randint(0, most))]

    def pick(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def entry(self) -> str:
        return self.pick(ENTRIES)

    def origin(self) -> str:
        """Make an origin that some policy allows, or a text that differs from one by little."""
        if self.known and self.often(60):
            return self.pick(self.known)
        entry = self.entry()
        label = self.pick(
            ["x", "a.b", "-", "_", "q" * 63, "q" * 64, "", "9", "0x1", "a.9", "X", "é", "a\x01"]
        )
        origin = entry.replace("*.", f"{label}.") if self.often() else entry
        origin = origin.replace(
            ":*", self.pick(["", ":3000", ":443", ":80", ":0", ":65536", ":01", ":", ":٣"])
        )
        if self.often(60):
            return origin
        place = self.random.randint(0, len(origin))
        word = self.pick(WORDS).decode("latin-1").strip("\r\n")
        dot = self.pick([at for at, character in enumerate(origin) if character == "."] or [0])
        changes = [
            origin + word,
            word + origin,
            origin[:place] + word + origin[place:],
            origin[:place] + origin[place + 1 :],
            origin.upper(),
            origin.replace(".", "", 1),
            origin[:dot] + ".x" + origin[dot + 1 :],
            entry.replace("*.", label),
            f"{origin}, {self.entry()}",
            "null",
            "",
            "https://" + "a." * self.pick([60, 130, 3000]) + "tenants.example",
            "https://" + "a" * self.pick([200, 230, 240, 7000]) + ".tenants.example",
        ]
        return self.pick(changes)

    def names(self) -> str:
        separator = self.pick([",", ", ", " ,\t", ",,"])
        return separator.join(self.some(lambda: self.pick(NAMES), 4)) + "," * self.pick(
            [0, 0, 0, 0, 1, 127, 130]
        )

    def header(self) -> bytes:
        kind = self.random.randrange(4)
        if kind == 0:
            line = f"{self.pick(['Origin', 'origin', 'ORIGIN', 'Origin '])}: {self.origin()}"
        elif kind == 1:
            line = f"Access-Control-Request-Method: {self.pick(METHODS)}"
        elif kind == 2:
            line = f"access-control-request-headers:{self.pick([' ', '', '  '])}{self.names()}"
        else:
            return self.pick(LINES)
        return line.encode("utf-8", "replace")

    def path(self) -> str:
        prefix = "fuzzed" if self.small and self.often() else self.pick(PREFIXES)
        return f"/{prefix}/{self.pick(ROUTES)}{self.pick(['', '', '', '?q=1', '#f', '/'])}"

    def version(self) -> str:
        return (
            "HTTP/1.1" if self.often(92) else self.pick(["HTTP/1.0", "HTTP/1.0", "HTTP/2", "HTTP/1.1 ", ""])
        )

    def request(self) -> bytes:
        """Make the bytes of a request: mostly of a page, now and then hardly a request."""
        method = self.pick(METHODS[:2] if self.often(70) else METHODS)
        path = (
            self.path() if self.often(95) else self.pick(["*", "http://a/one/item", "one/item", "//one/item"])
        )
        lines = [f"{method} {path} {self.version()}".encode()]
        if self.often():
            lines.append(f"Host: {self.pick(['api.example', 'two.example', 'x', ''])}".encode())
        if self.often():
            lines.append(f"Origin: {self.origin()}".encode("utf-8", "replace"))
        if method == "OPTIONS" and self.often(70):
            lines.append(f"Access-Control-Request-Method: {self.pick(METHODS)}".encode())
        lines += self.some(self.header, 3)
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.pick(BODIES)

    def policy(self) -> dict[str, Any]:
        """Make a policy that is valid."""
        fields: dict[str, Any] = {"dangerously_allow_public_suffixes": True}
        kind = self.random.randrange(8)
        if kind > 3:
            fields["allow_origins"] = [self.entry(), *self.some(self.entry, 3)]
            fields["dangerously_allow_insecure_origins"] = True
        elif kind:
            fields["allow_origins"] = {
                "function": [*self.some(self.origin, 3), *ENTRIES[:2]],
                "how": self.pick(HOW[:2] if self.often(70) else HOW),
            }
        if kind:
            fields["allow_credentials"] = self.often(50)
        if self.often(40):
            fields["allow_headers"] = self.some(lambda: self.pick(["X-One", "x-two", "authorization"]), 2)
        if self.often(30):
            fields["allow_methods"] = self.some(
                lambda: self.pick(["get", "PUT", "patch", "PATCH", "BREW"]), 3
            )
        if self.often(30):
            fields["expose_headers"] = ["X-Out", self.pick(["ETag", "x-more"])]
        if self.often(30):
            fields["max_age"] = self.pick([None, 0, 1, 86400])
        return fields

    def case(self) -> Case:
        case = Case(b"", self.policy() if self.often(50) else None)
        self.know(case)
        raw = b"".join([self.request(), *self.some(self.request, 1)])
        if self.often(20):
            raw = self.scratched(raw)
        return self.cut(replace(case, raw=raw))

    def know(self, case: Case) -> None:
        """Make requests that fit the policy of a case."""
        declared = (case.policy or {}).get("allow_origins")
        self.small = case.policy is not None
        self.known = [*declared["function"]] if isinstance(declared, Mapping) else []

    def cut(self, case: Case) -> Case:
        places = self.some(lambda: self.random.randint(0, len(case.raw)), 3)
        if self.often(2):
            places = list(range(min(len(case.raw), 300)))
        return replace(case, splits=tuple(sorted(set(places))), early=self.often(30))

    def scratched(self, raw: bytes) -> bytes:
        """Return the bytes with a few of them changed."""
        for _ in range(self.random.randint(1, 3)):
            place = self.random.randint(0, len(raw))
            word = self.pick(WORDS) if self.often(70) else bytes([self.random.randrange(256)])
            raw = raw[:place] + word + raw[place + self.pick([0, 0, 1, len(word), 9]) :]
        return raw

    def changed(self, case: Case) -> Case:
        """Return a case that differs from another one in one part."""
        self.know(case)
        lines = case.raw.split(b"\r\n")
        place = self.random.randrange(len(lines))
        kind = self.random.randrange(9)
        if kind == 0 and self.small:
            return replace(case, policy=self.policy())
        if kind < 2:
            return self.cut(case)
        if kind == 2:
            return replace(case, raw=case.raw + self.request())
        if kind == 3:
            return replace(case, raw=self.scratched(case.raw))
        if kind == 4:
            lines[0] = self.request().partition(b"\r\n")[0]
        elif kind == 5:
            lines[place : place + 1] = []
        elif kind == 6:
            lines.insert(place, lines[place])
        else:
            lines[max(place, 1) : place + (kind == 8)] = [self.header()]
        return replace(case, raw=b"\r\n".join(lines))
