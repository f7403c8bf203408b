"""The messages that the README explains are those that the browsers print."""

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
class Asked:
    """A request that is refused, and which of several messages in a cell it is for."""

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
    "missing": [Asked("/list/thing", tab="stranger"), Asked("/plain/thing"), Asked("/nothing")],
    "other": [Asked("/one/thing", tab="stranger")],
    "opaque": [Asked("/list/thing", script=SANDBOX % "/list/thing")],
    "wildcard": [Asked("/public/thing", COOKIES)],
    "cookies": [Asked("/one/thing", COOKIES)],
    "status": [Asked("/proxy/405", PUT)],
    "method": [Asked("/public/stays", PUT), Asked("/list/files/module.js", PUT)],
    "header": [Asked("/list/thing", {"headers": {"x-foo": "1"}})],
    "redirect": [Asked("/proxy/moved", PUT), Asked("/proxy/moved/readable", PUT, message=1)],
    "multiple": [Asked("/proxy/one-line"), Asked("/proxy/adds"), Asked("/proxy/capitals", message=1)],
}

# What else the README says of messages, a request for it, and what each engine's message then has.
ASIDES = {
    "Firefox and Safari add the status: 404.": (
        Asked("/nothing"),
        {"firefox": "Status code: 404", "webkit": "Status code: 404"},
    ),
    "Sanic responds with 405; Chromium and Firefox then complain about the missing header instead.": (
        Asked("/plain/thing", PUT),
        {
            "chromium": "preflight … No 'Access-Control-Allow-Origin' header is present",
            "firefox": "Access-Control-Allow-Origin … missing … Status code: 405",
            "webkit": "Preflight response is not successful. Status code: 405",
        },
    ),
    'After each preflight that failed, Firefox prints a second message, "CORS request did not succeed".': (
        Asked("/public/stays", PUT),
        {"firefox": "CORS request did not succeed"},
    ),
    "After a redirect, Chromium names the page's origin, although it sent `null`.": (
        Asked("/proxy/away"),
        {"chromium": f"redirected … from origin '{ALLOWED}'", "webkit": "Origin null is not allowed"},
    ),
    "If the browser prints `patch` in lower case": (
        Asked("/public/thing", {"method": "patch"}),
        {"chromium": "Method patch is not allowed", "webkit": "Method patch is not allowed"},
    ),
}


def quoted() -> list[dict[str, list[str]]]:
    """What each heading says that each engine prints; "Firefox, if so: …" is another message."""
    rows: list[dict[str, list[str]]] = []
    for part in CHAPTER.split("\n### ")[1:]:
        row: dict[str, list[str]] = {}
        for name, text in re.findall(r"^- (Chromium|Firefox|Safari)(?:, if [^:]+)?: (.*)$", part, re.M):
            row.setdefault(NAMES[name], []).append(text)
        if row:
            rows.append(row)
    return rows


TABLE = dict(zip(ROWS, quoted(), strict=True))


@contextmanager
def proxy(app: App, origin: str) -> Iterator[str]:
    """What may stand before an app, and answers itself or adds to what the app says."""
    header, capitals = "access-control-allow-origin", "Access-Control-Allow-Origin"
    away = f"http://127.0.0.1:{app.port}/list/thing"
    answers: dict[str, tuple[int, list[tuple[str, str]]]] = {
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
            status, headers = answers[path]
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, f"{value}?{query}" if name == "location" else value)
            self.end_headers()

        def do_OPTIONS(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """The browsers say what matters."""

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
    """Makes requests, and knows what the browser prints of them."""

    engine: str
    console: Console
    app: str
    proxy: str
    origin: str

    def sees(self, asked: Asked, case: str) -> object:
        api = self.proxy if asked.path.startswith("/proxy/") else self.app
        return self.console.browser.run(asked.tab, str(asked), name=case, api=api, sockets="")

    def check_refused(self, asked: Asked, case: str, text: str) -> None:
        """The request is refused, and the browser prints what is shortened to `text`."""
        assert REFUSED in str(self.sees(asked, case))
        said = eventually(lambda: any(self.is_short_for(text, line) for line in self.console.about(case)))
        assert said, f"not {text!r}, but {self.console.about(case)}"

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
    for number, asked in enumerate(ROWS[row]):
        page.check_refused(asked, f"{row}-{number}", texts[min(asked.message, len(texts) - 1)])


@pytest.mark.parametrize("sentence", ASIDES)
def test_what_is_said_around_it(page: Page, sentence: str) -> None:
    assert sentence in CHAPTER.replace("\n", " ")
    asked, texts = ASIDES[sentence]
    if page.engine in texts:
        page.check_refused(asked, f"aside-{[*ASIDES].index(sentence)}", texts[page.engine])


def test_granted_request_prints_nothing(page: Page) -> None:
    """The control. One that is refused comes after it: when that is printed, all is."""
    before = len(page.console.lines())
    for options, sees in [({}, "200 GET"), (PUT, "200 PUT")]:
        assert page.sees(Asked("/list/thing", options), "granted") == sees
    (asked,), (text,) = ROWS["wildcard"], TABLE["wildcard"][page.engine]
    page.check_refused(asked, "refused", text)
    lines = page.console.lines()[before:]
    texts = {text for row in TABLE.values() for text in row[page.engine] if text != NO_NULL}
    assert {each for each in texts if any(page.is_short_for(each, line) for line in lines)} == {text}
