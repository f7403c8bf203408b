"""The cookies that an API gets back from a page of another origin, as examples/README.md has them."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support import reserve_port
from .bench import ROOT, Bench
from .engine import Browser
from .page import Pages
from .processes import running

LOG_IN = """
    const api = "http://%s", sent = {credentials: "include"};
    await fetch(api + "/login?kind=%s", {...sent, method: "POST"});
    return (await fetch(api + "/me?kind=%s", sent)).text();
"""
CHROMIUM, FIREFOX, WEBKIT = "chromium", "firefox", "webkit"
# Page, host of the API, kind of cookie: the engines from which the API gets it back, as they are delivered
# and where third parties are let have cookies. WebKit takes no Secure cookie over http.
CASES = {
    ("app", "127.0.0.1", "Lax"): (
        {CHROMIUM, FIREFOX, WEBKIT},
        {CHROMIUM, FIREFOX, WEBKIT},
    ),  # two ports, one site
    ("app", "localhost", "Lax"): (set(), set()),
    ("app", "127.0.0.1", "None"): ({CHROMIUM, FIREFOX}, {CHROMIUM, FIREFOX}),
    ("app", "localhost", "None"): ({FIREFOX}, {CHROMIUM, FIREFOX}),
    ("app", "localhost", "Partitioned"): ({CHROMIUM, FIREFOX}, {CHROMIUM, FIREFOX}),
    ("shop", "api.shop.localhost", "Lax"): ({CHROMIUM, FIREFOX}, {CHROMIUM, FIREFOX, WEBKIT}),
    ("shop", "api.other.localhost", "Lax"): (set(), set()),
}


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture(scope="module")
def port(pages: Pages, folder: Path) -> Iterator[int]:
    """The port of the API, which allows all pages, with cookies."""
    with reserve_port() as port:
        command = [sys.executable, "-m", "tests.browsers.third_party", str(port), *pages.origins.values()]
        with running(command, folder / "third-party", cwd=ROOT) as server:
            server.until(lambda: listens(port), "ready")
            yield port


def comes_back(browser: Browser, port: int, case: tuple[str, str, str]) -> bool:
    tab, host, kind = case
    script = LOG_IN % (f"{host}:{port}", kind, kind)
    seen = browser.run(tab, script, name=f"{host}-{kind}", api="", sockets="")
    assert seen in ("ann", "no cookie")
    return seen == "ann"


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_as_delivered(bench: Bench, as_delivered: Browser, port: int, case: tuple[str, str, str]) -> None:
    assert comes_back(as_delivered, port, case) == (bench.browser.name in CASES[case][0])


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_third_parties_allowed(bench: Bench, port: int, case: tuple[str, str, str]) -> None:
    assert comes_back(bench.browser, port, case) == (bench.browser.name in CASES[case][1])
