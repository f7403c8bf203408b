"""Forged requests in a real browser, and in its model: what the app logs of each."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

from corsbp.testing.browser import Browser as Simulator
from corsbp.testing.engines import EngineName
from corsbp.testing.transports import AppSender

from .bench import ROOT
from .engine import Browser
from .forgeries import INSECURE, OWN, SANDBOXED, Forgery
from .forgery_app import create, redirect_of
from .mixed_port import MixedPort
from .page import Pages
from .processes import running
from .scenario import Call
from .scenario_page import SOURCE
from .scenario_simulator import perform

Entry: TypeAlias = Mapping[str, Any]
"""A line of the app's log."""

COOKIE = "forged=1; path=/"
ALLOWED = ("app", "shop")
PATIENCE = 20
"""Seconds until a request that has not arrived counts as not sent."""


@dataclass(frozen=True)
class ForgeryServer:
    """The running app: also `strict` with a low limit for bodies, and `mixed` and `secure` at one port."""

    origins: Mapping[str, str]
    folder: Path

    def url(self, forgery: Forgery, case: str) -> str:
        return forgery.call.to.format(**self.origins, case=f"case={case}")

    def entries(self, case: str, at_least: int = 1) -> list[Entry]:
        """Return the log of a case. A page does not wait for a beacon, or for the end of a connection."""
        return self.all_entries({case: case}, at_least)[case]

    def all_entries(self, cases: Mapping[str, str], at_least: int = 1) -> dict[str, list[Entry]]:
        """Return the log of each case, when all have entries, or after a time."""
        deadline = time.monotonic() + PATIENCE
        while True:
            lines = [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]
            arrived = Counter(entry["case"] for entry in lines)
            if all(arrived[case] >= at_least for case in cases.values()) or time.monotonic() > deadline:
                return {
                    name: [self.shorten(entry) for entry in lines if entry["case"] == case]
                    for name, case in cases.items()
                }
            time.sleep(0.01)

    def shorten(self, entry: Entry) -> Entry:
        """Replace origins by their names, and leave out the case."""
        names = {origin: name for name, origin in self.origins.items()}
        return {key: names.get(value, value) for key, value in entry.items() if key != "case"}


@contextmanager
def serving(pages: Pages, mixed: MixedPort, folder: Path) -> Iterator[ForgeryServer]:
    """Serve the app; the server of the pages redirects to it, as the app itself does."""

    def redirect(_: str, path: str, *__: object) -> tuple[int, list[tuple[str, str]], bytes]:
        status, headers = redirect_of(*path.split("?", 1))
        return status, [*headers.items()], b""

    pages.handlers["/moved"] = redirect
    folder.mkdir()
    (folder / "log").touch()
    origins = [pages.origins[name] for name in ALLOWED]
    files = (folder, mixed.certificate, mixed.key)
    command = [sys.executable, "-m", "tests.browsers.forgery_app", *map(os.fspath, files), *origins]
    with running(command, folder / "output", cwd=ROOT) as server:
        own, strict, secure = server.until(partial(read_ports, folder / "ports"), "ready")
        mixed.http, mixed.https = own, secure
        urls = {
            OWN: f"http://127.0.0.1:{own}",
            "strict": f"http://127.0.0.1:{strict}",
            INSECURE: f"http://127.0.0.1:{mixed.port}",
            "secure": f"https://127.0.0.1:{mixed.port}",
        }
        yield ForgeryServer({**pages.origins, **urls}, folder)


def read_ports(file: Path) -> list[int] | None:
    text = file.read_text() if file.exists() else ""
    return cast("list[int]", json.loads(text)) if text.endswith("\n") else None


# What `scenario.js` does otherwise: nothing waits for a beacon, and all calls but windows are made at once.
AT_ONCE = """
calls.beacon = async (url, { body, content_type }) =>
  navigator.sendBeacon(url, content_type ? new Blob([body], { type: content_type }) : body);
performAll = (all) => {
  let window = Promise.resolve();
  return Promise.all(all.map(({ kind, url, ...options }) => {
    const call = () => calls[kind](url, options).catch((error) => error.name);
    if (kind !== "form" && kind !== "navigate") return call();
    return (window = window.then(call));
  }));
};
"""
# Nothing waits for a window, either. But WebKit submits only one form of a page at a time.
WINDOWS_AT_ONCE = "openWindow = async (open) => void open(`forgery-${Date.now()}-${windows++}`);"
RUN_IN_WINDOW = """
  const url = %s;
  window.opened ??= {};
  if (!opened[url]) {
    opened[url] = open(url, url);
    await settled(window, "message", "messageerror");
  }
  const seen = settled(window, "message", "messageerror");
  opened[url].postMessage({ script: %s }, "*");
  return (await seen).seen;
"""


def run_in_own_page(browser: Browser, server: ForgeryServer, script: str, page: str = OWN) -> object:
    """Run a script in a page of the app itself, a window of the page `app`."""
    url = f"{server.origins[page]}/page"
    return run(browser, "app", RUN_IN_WINDOW % (json.dumps(url), json.dumps(script)))


# The cookie, and a window in front of the page, would change other tests.
LEAVE = """
  document.cookie = "forged=; path=/; max-age=0";
  for (const each of await navigator.serviceWorker.getRegistrations()) await each.unregister();
  return document.cookie;
"""
CLOSE = """
  for (const each of Object.values(opened)) each.close();
  delete window.opened;
"""


def leave(browser: Browser, server: ForgeryServer) -> None:
    """Remove what other tests would meet in the browser."""
    assert run_in_own_page(browser, server, LEAVE) == ""
    run(browser, "app", CLOSE)


def run(browser: Browser, page: str, script: str) -> object:
    return browser.run(page, script, name="forgeries", api="", sockets="", patience=50_000)


def run_in_browser(
    browser: Browser, server: ForgeryServer, forgeries: Sequence[Forgery]
) -> dict[str, list[Entry]]:
    """Run the calls in the pages of a browser, and return the log of each."""
    run_in_own_page(browser, server, f"document.cookie = {json.dumps(COOKIE)};")
    windows = "" if browser.name == "webkit" else WINDOWS_AT_ONCE
    cases = {each.name: f"{browser.name}-{number}" for number, each in enumerate(forgeries)}
    for page in dict.fromkeys(each.page for each in forgeries):
        jobs = [
            options(each.call, server.url(each, cases[each.name])) for each in forgeries if each.page == page
        ]
        script = f"{SOURCE}\n{AT_ONCE}\n{windows}\nreturn performAll({json.dumps(jobs)});"
        if page in (OWN, INSECURE):
            seen = run_in_own_page(browser, server, script, page)
        elif page == SANDBOXED:
            # The frame goes away after its last call: here, each call waits.
            framed = f'{SOURCE}\nreturn performInFrame({json.dumps(jobs)}, {json.dumps(SOURCE)}, "");'
            seen = run(browser, "app", framed)
        else:
            seen = run(browser, page, script)
        assert isinstance(seen, list), seen
    return server.all_entries(cases)


def options(call: Call, url: str) -> dict[str, Any]:
    """Return a call as `performAll` takes it; the page does not ask whether a beacon has arrived."""
    fields = {name: value for name, value in asdict(call).items() if value is not None}
    return {**fields, "url": url, "arrived": "data:,"}


async def run_in_model(
    engine: EngineName, server: ForgeryServer, forgeries: Sequence[Forgery]
) -> dict[str, list[Entry]]:
    """Run the calls in the model of a browser, with the app in memory, and return the log of each."""
    logged: list[Entry] = []
    app = create(f"forgeries-{engine}", [server.origins[name] for name in ALLOWED], logged.append)
    outcomes = {}
    async with AppSender(app) as sender:
        for each in forgeries:
            origin = "null" if each.page == SANDBOXED else server.origins[each.page]
            simulator = Simulator.using(sender, origin, base_url=server.origins[OWN], engine=engine)
            simulator.set_cookie(COOKIE)
            await perform(simulator, each.call, server.url(each, "model"))
            outcomes[each.name] = [server.shorten(entry) for entry in logged]
            logged.clear()
    return outcomes
