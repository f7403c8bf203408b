"""Which cookies an API gets back from a page of another origin: what examples/README.md says of sites."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .bench import ROOT, Bench
from .page import Pages
from .processes import running

LOG_IN = """
    const api = "http://%s", sent = {credentials: "include"};
    await fetch(api + "/login?kind=%s", {...sent, method: "POST"});
    return (await fetch(api + "/me?kind=%s", sent)).text();
"""
# Page, host of the API, kind of cookie: the engines from which the API gets it back.
CASES = {
    ("app", "127.0.0.1", "Lax"): "chromium firefox webkit",  # two ports of one host are one site
    ("app", "localhost", "Lax"): "",
    ("app", "127.0.0.1", "None"): "chromium firefox",  # WebKit takes no Secure cookie over http
    ("app", "localhost", "None"): "firefox",
    ("app", "localhost", "Partitioned"): "chromium firefox",
    ("shop", "api.shop.localhost", "Lax"): "chromium firefox",  # WebKit: each name is a site
    ("shop", "api.other.localhost", "Lax"): "",
}


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture(scope="module")
def port(pages: Pages, folder: Path) -> Iterator[int]:
    """A server of the API that allows all pages, with cookies."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    command = [sys.executable, "-m", "tests.browsers.third_party", str(port), *pages.origins.values()]
    with running(command, folder / "third-party", cwd=ROOT) as server:
        server.until(lambda: listens(port), "ready")
        yield port


@pytest.mark.parametrize(("tab", "host", "kind"), CASES)
def test_cookies_by_site(bench: Bench, port: int, tab: str, host: str, kind: str) -> None:
    script = LOG_IN % (f"{host}:{port}", kind, kind)
    saw = bench.browser.run(tab, script, name=f"third-party-{host}-{kind}", api="", sockets="")
    comes_back = bench.browser.name in CASES[tab, host, kind].split()
    assert saw == ("ann" if comes_back else "nobody")
