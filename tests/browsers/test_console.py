"""The messages that the README explains are the messages that browsers print."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .bench import ROOT, App, Bench
from .cases import REFUSED, SANDBOX
from .console import Console, console_of, eventually
from .page import Pages

README = (ROOT / "corsbp" / "README.md").read_text()
CHAPTER = README.partition("\n## Messages in the browser's console\n")[2].partition("\n## ")[0]
ALLOWED = "https://app.example"  # in the README, what is the page's own origin here
NAMES = {"Chromium": "chromium", "Firefox": "firefox", "Safari": "webkit"}
NO_NULL = "no message."


@dataclass(frozen=True)
class RefusedRequest:
    """A request that is refused, and the number of its message in a cell."""

    path: str
    options: Mapping[str, object] = field(default_factory=dict)
    tab: str = "app"
    script: str = ""
    message: int = 0

    def __str__(self) -> str:
        return self.script or f"return call({json.dumps(self.path)}, {json.dumps(self.options)})"


COOKIES = {"credentials": "include"}
PUT = {"method": "PUT"}

# What provokes each message of the README, in the order of its headings.
ROWS = {
    "missing": [
        RefusedRequest("/list/thing", tab="stranger"),
        RefusedRequest("/plain/thing"),
        RefusedRequest("/nothing"),
    ],
    "other": [RefusedRequest("/one/thing", tab="stranger")],
    "opaque": [RefusedRequest("/list/thing", script=SANDBOX % "/list/thing")],
    "wildcard": [RefusedRequest("/public/thing", COOKIES)],
    "cookies": [RefusedRequest("/one/thing", COOKIES)],
    "status": [RefusedRequest("/proxy/405", PUT)],
    "method": [RefusedRequest("/public/stays", PUT), RefusedRequest("/list/files/module.js", PUT)],
    "header": [RefusedRequest("/list/thing", {"headers": {"x-foo": "1"}})],
    "redirect": [
        RefusedRequest("/proxy/moved", PUT),
        RefusedRequest("/proxy/moved/readable", PUT, message=1),
    ],
    "multiple": [
        RefusedRequest("/proxy/one-line"),
        RefusedRequest("/proxy/adds"),
        RefusedRequest("/proxy/capitals", message=1),
    ],
}

# What else the README says of messages, a request for it, and what each engine's message then has.
ASIDES = {
    "Firefox and Safari add the status: 404.": (
        RefusedRequest("/nothing"),
        {"firefox": "Status code: 404", "webkit": "Status code: 404"},
    ),
    "Sanic responds with 405, and Chromium and Firefox print the message about the missing header instead.": (
        RefusedRequest("/plain/thing", PUT),
        {
            "chromium": "preflight … No 'Access-Control-Allow-Origin' header is present",
            "firefox": "Access-Control-Allow-Origin … missing … Status code: 405",
            "webkit": "Preflight response is not successful. Status code: 405",
        },
    ),
    'After each preflight that failed, Firefox prints a second message, "CORS request did not succeed".': (
        RefusedRequest("/public/stays", PUT),
        {"firefox": "CORS request did not succeed"},
    ),
    "After a redirect, Chromium prints the page's origin, although the request had `Origin: null`.": (
        RefusedRequest("/proxy/away"),
        {"chromium": f"redirected … from origin '{ALLOWED}'", "webkit": "Origin null is not allowed"},
    ),
    "If the browser prints `patch` in lower case": (
        RefusedRequest("/public/thing", {"method": "patch"}),
        {"chromium": "Method patch is not allowed", "webkit": "Method patch is not allowed"},
    ),
}


def read_messages() -> list[dict[str, list[str]]]:
    """Return the messages of each engine by heading. "Firefox, if so: …" is a second message."""
    rows: list[dict[str, list[str]]] = []
    for part in CHAPTER.split("\n### ")[1:]:
        row: dict[str, list[str]] = {}
        for name, text in re.findall(r"^- (Chromium|Firefox|Safari)(?:, if [^:]+)?: (.*)$", part, re.M):
            row.setdefault(NAMES[name], []).append(text)
        if row:
            rows.append(row)
    return rows


TABLE = dict(zip(ROWS, read_messages(), strict=True))


@contextmanager
def proxy(app: App, origin: str) -> Iterator[str]:
    """Start a server that responds like a proxy: by itself, or with more headers than the app."""
    header, capitals = "access-control-allow-origin", "Access-Control-Allow-Origin"
    away = f"http://127.0.0.1:{app.port}/list/thing"
    responses: dict[str, tuple[int, list[tuple[str, str]]]] = {
        "405": (405, [(header, "*")]),
        "moved": (307, [("location", "/")]),
        "moved/readable": (307, [(header, "*"), ("location", "/")]),
        "away": (307, [(header, "*"), ("location", away)]),
        "one-line": (200, [(header, f"{origin}, *")]),
        "adds": (200, [(header, origin), (capitals, "*")]),
        "capitals": (200, [(capitals, origin), (capitals, "*")]),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.removeprefix("/proxy/").partition("?")
            status, headers = responses[path]
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, f"{value}?{query}" if name == "location" else value)
            self.end_headers()

        def do_OPTIONS(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Page:
    """A page that makes requests, and the messages of its browser."""

    engine: str
    console: Console
    app: str
    proxy: str
    origin: str

    def sees(self, refused: RefusedRequest, case: str) -> object:
        api = self.proxy if refused.path.startswith("/proxy/") else self.app
        return self.console.browser.run(refused.tab, str(refused), name=case, api=api, sockets="")

    def check_refused(self, refused: RefusedRequest, case: str, text: str) -> None:
        """Check that the request is refused, and that the browser prints a message like `text`."""
        assert REFUSED in str(self.sees(refused, case))
        printed = eventually(lambda: any(self.is_short_for(text, line) for line in self.console.about(case)))
        assert printed, f"not {text!r}, but {self.console.about(case)}"

    def is_short_for(self, text: str, message: str) -> bool:
        if text == NO_NULL:
            return "null" not in message
        parts = text.replace(ALLOWED, self.origin).rstrip(".)").split("…")
        return re.search(".*".join(re.escape(part.strip()) for part in parts), message) is not None


@pytest.fixture(scope="module")
def page(bench: Bench, pages: Pages, folder: Path) -> Iterator[Page]:
    app, origin = bench.apps["corsbp"], pages.origins["app"]
    with console_of(bench.browser, pages, folder) as console, proxy(app, origin) as before:
        yield Page(bench.browser.name, console, f"http://127.0.0.1:{app.port}", before, origin)


@pytest.mark.parametrize("row", ROWS)
def test_table(page: Page, row: str) -> None:
    texts = TABLE[row][page.engine]
    for number, refused in enumerate(ROWS[row]):
        page.check_refused(refused, f"{row}-{number}", texts[min(refused.message, len(texts) - 1)])


@pytest.mark.parametrize("sentence", ASIDES)
def test_sentences_around_the_table(page: Page, sentence: str) -> None:
    assert sentence in CHAPTER.replace("\n", " ")
    refused, texts = ASIDES[sentence]
    if page.engine in texts:
        page.check_refused(refused, f"aside-{[*ASIDES].index(sentence)}", texts[page.engine])


def test_granted_request_prints_nothing(page: Page) -> None:
    """The control. A refused request comes after it: when its message is printed, all are."""
    before = len(page.console.lines())
    for options, sees in [({}, "200 GET"), (PUT, "200 PUT")]:
        assert page.sees(RefusedRequest("/list/thing", options), "granted") == sees
    (refused,), (text,) = ROWS["wildcard"], TABLE["wildcard"][page.engine]
    page.check_refused(refused, "refused", text)
    lines = page.console.lines()[before:]
    texts = {text for row in TABLE.values() for text in row[page.engine] if text != NO_NULL}
    assert {each for each in texts if any(page.is_short_for(each, line) for line in lines)} == {text}
