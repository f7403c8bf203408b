"""Whatever a page names and a server sends, a fetch has a result, whose text can be printed."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Generator
from typing import Any

from corsbp.testing.engines import ENGINES
from corsbp.testing.fetch_algorithm import run_fetch
from corsbp.testing.fetch_arguments import FetchCall, Page
from corsbp.testing.result import Answer, NoAnswer, Result, Sent
from corsbp.testing.set_cookie import NotKeptError
from corsbp.testing.websocket_handshake import run_handshake

from .script import page

PIECES = [
    *(
        "",
        "a",
        "=",
        ";",
        ",",
        ".",
        "..",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "@",
        ":",
        "[",
        "]",
        "*",
        "%",
        "%zz",
        "%00",
    ),
    *(
        "http://",
        "https://",
        "ftp://",
        "data:",
        "base64,",
        "text/plain",
        "api.example",
        "localhost",
        "127.0.0.1",
    ),
    *(
        "[::1]",
        "0x7f.1",
        "1.2.3.4.5",
        "70000",
        "xn--",
        "xn--n3h",
        "ä",
        "☃",
        "\U0001f600",
        "\u200d",
        "İ",
        "。",
    ),
    *(
        "__Host-",
        "__secure-",
        "Secure",
        "SameSite=None",
        "Domain=",
        "Path=/",
        "Max-Age=",
        "Expires=",
        "Partitioned",
    ),
    *(
        "Sat, 01 Jan 2000 00:00:00 GMT",
        "99 Jan 99999 99:99:99",
        "-1",
        "9" * 30,
        "a" * 70,
        "null",
        "true",
        "PUT",
    ),
    *("\t", " ", "\r", "\n", "\0", "\x7f"),
]
HEADERS = [
    *("set-cookie", "location", "cross-origin-resource-policy", "content-type", "access-control-max-age"),
    *("access-control-allow-methods", "access-control-allow-headers", "access-control-expose-headers"),
]
PAGES = ["https://app.example", "null", "http://localhost:8000", "capacitor://localhost", "https://[::1]"]
ROUNDS = 2000


class Odd:
    """What is odd, by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, most: int = 6) -> str:
        return "".join(self.random.choice(PIECES) for _ in range(self.random.randrange(most)))

    def call(self) -> FetchCall:
        pick = self.random.choice
        headers = tuple((self.text(3), self.text()) for _ in range(self.random.randrange(3)))
        url = pick([self.text(), self.text(), "/items"])
        call: list[Any] = [url, pick(["GET", "PUT", "POST", self.text()]), headers, None]
        call += [pick(["omit", "same-origin", "include"]), pick(["cors", "no-cors", "same-origin"])]
        call += [pick(["follow", "error", "manual"]), pick([True, False])]
        return FetchCall(*call)

    def answer(self, sent: Sent) -> Answer | NoAnswer:
        pick = self.random.choice
        grant = (
            ("access-control-allow-origin", dict(sent.headers).get("origin", "*")),
            ("access-control-allow-credentials", "true"),
        )
        if sent.preflight and pick([True, True, False]):
            return Answer(204, (*grant, ("access-control-allow-methods", "PUT")))
        odd = ((name, self.text().encode().decode("latin-1")) for name in self.random.sample(HEADERS, 4))
        status = pick([101, 200, 204, 302, 302, 302, 307, 403])
        either: list[Answer | NoAnswer] = [Answer(status, (*grant, *odd), b"\xff"), NoAnswer(self.text())]
        return pick(either)


def result_of(exchanges: Generator[Sent, Answer | NoAnswer, Result], odd: Odd) -> Result:
    try:
        sent = next(exchanges)
        while True:
            assert sent.url.isascii() and all(f"{value}".encode("latin-1") or 1 for _, value in sent.headers)
            sent = exchanges.send(odd.answer(sent))
    except StopIteration as done:
        result: Result = done.value
        return result


def visited(who: Page, odd: Odd) -> None:
    with contextlib.suppress(NotKeptError):
        who.cookies.keep(who.base, odd.text(8).encode().decode("latin-1"), who.origin)


def test_nothing_is_raised() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    odd, stops = Odd(seed), set()
    for _ in range(ROUNDS):
        who = page(odd.random.choice(PAGES), odd.random.choice([*ENGINES]))
        visited(who, odd)
        call = odd.call()
        exchanges = odd.random.choice(
            [run_fetch(who, call), run_fetch(who, call), run_handshake(who, call.url)]
        )
        result = result_of(exchanges, odd)
        assert f"{result}{result!r}".replace("\n", "").isprintable()
        assert isinstance(result.text, str)
        stops.add(result.blocked_by)
    assert len(stops) > 15
