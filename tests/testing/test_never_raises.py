"""Every call has a result whose text can be printed, whatever the page and the server send."""

from __future__ import annotations

import contextlib
import random
from typing import Any, get_args

from corsbp.testing.call_kinds import build_call, run_call
from corsbp.testing.engines import ENGINES
from corsbp.testing.exchanges import Exchanges
from corsbp.testing.fetch_algorithm import run_fetch
from corsbp.testing.fetch_arguments import EmbedderPolicy, FetchCall, Page
from corsbp.testing.result import Answer, CallKind, NoAnswer, Result, Sent
from corsbp.testing.set_cookie import NotKeptError
from corsbp.testing.websocket_handshake import run_handshake

from .exchange import make_page

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


class RandomText:
    """Calls, responses and cookies of random pieces."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, most: int = 6) -> str:
        return "".join(self.random.choice(PIECES) for _ in range(self.random.randrange(most)))

    def line(self, most: int = 6) -> str:
        """Return a header value."""
        return self.text(most).encode().decode("latin-1")

    def url(self) -> str:
        return self.random.choice([self.text(), self.text(), "/items"])

    def fetch(self) -> FetchCall:
        pick = self.random.choice
        headers = tuple((self.text(3), self.text()) for _ in range(self.random.randrange(3)))
        call: list[Any] = [self.url(), pick(["GET", "PUT", "POST", self.text()]), headers, None]
        call += [pick(["omit", "same-origin", "include"]), pick(["cors", "no-cors", "same-origin"])]
        call += [pick(["follow", "error", "manual"]), pick([True, False])]
        return FetchCall(*call)

    def exchanges(self, page: Page) -> Exchanges[Result]:
        """Return one call of the page: often `fetch()`."""
        kind = self.random.choice(["fetch", "fetch", "fetch", "websocket", *get_args(CallKind)])
        if kind == "fetch":
            return run_fetch(page, self.fetch())
        if kind == "websocket":
            return run_handshake(page, self.url())
        content_type = self.random.choice([None, self.text()]) if kind in ("beacon", "form") else None
        return run_call(page, kind, build_call(kind, self.url(), None, content_type, None))

    def answer(self, sent: Sent) -> Answer | NoAnswer:
        pick = self.random.choice
        grant = (
            ("access-control-allow-origin", dict(sent.headers).get("origin", "*")),
            ("access-control-allow-credentials", "true"),
        )
        if sent.preflight and pick([True, True, False]):
            return Answer(204, (*grant, ("access-control-allow-methods", "PUT")))
        headers = ((name, self.line()) for name in self.random.sample(HEADERS, 4))
        status = pick([101, 200, 204, 302, 302, 302, 307, 403])
        either: list[Answer | NoAnswer] = [Answer(status, (*grant, *headers), b"\xff"), NoAnswer(self.text())]
        return pick(either)


def run(exchanges: Exchanges[Result], text: RandomText) -> Result:
    try:
        sent = next(exchanges)
        while True:
            assert sent.url.isascii() and all(f"{value}".encode("latin-1") or 1 for _, value in sent.headers)
            sent = exchanges.send(text.answer(sent))
    except StopIteration as done:
        result: Result = done.value
        return result


def test_nothing_is_raised() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    text, stops = RandomText(seed), set()
    pick = text.random.choice
    for _ in range(ROUNDS):
        policy, allowed = pick(get_args(EmbedderPolicy)), pick([True, False])
        page = make_page(pick(PAGES), pick([*ENGINES]), embedder_policy=policy, local_network=allowed)
        with contextlib.suppress(NotKeptError):
            page.cookies.keep(page.base, text.line(8), page.origin)
        result = run(text.exchanges(page), text)
        assert f"{result}{result!r}".replace("\n", "").isprintable()
        assert isinstance(result.text, str)
        stops.add(result.blocked_by)
    assert len(stops) > 15
