"""Cases in a browser against an app, compared by what the page sees and what the server logs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .cases import EARLIER, Case
from .engine import Browser
from .processes import running

ROOT = Path(__file__).parents[2]
WORKERS = 2


@dataclass(frozen=True)
class App:
    """A running app under test."""

    port: int
    log: Path

    def logged(self, name: str, at_least: int, seconds: float = 60) -> list[str]:
        """Return the log of one case. Streams and sockets are logged after the page has seen them."""
        deadline = time.monotonic() + seconds
        while True:
            lines = [json.loads(line) for line in self.log.read_text().splitlines()]
            entries = [line["entry"] for line in lines if line["case"] == name]
            if len(entries) >= at_least or time.monotonic() > deadline:
                return entries
            time.sleep(0.01)


def all_ready(file: Path) -> bool:
    return file.exists() and file.read_text().count("\n") == WORKERS


@contextmanager
def serving(kinds: Sequence[str], origins: Mapping[str, str], folder: Path) -> Iterator[dict[str, App]]:
    """Serve the app once for each kind of CORS: Sanic's own server, two workers each, free ports."""
    with ExitStack() as stack:
        servers = {}
        for kind in kinds:
            files = folder / kind
            files.mkdir()
            (files / "log").touch()
            settings = {"cors": kind, "origins": origins, "folder": os.fspath(files)}
            command = [sys.executable, "-m", "tests.browsers.app", json.dumps(settings)]
            env = {**os.environ, "TMPDIR": os.fspath(files)}
            servers[kind] = stack.enter_context(running(command, files / "output", cwd=ROOT, env=env))
        for kind, server in servers.items():
            server.until(partial(all_ready, folder / kind / "ready"), "ready")
        yield {kind: App(int((folder / kind / "port").read_text()), folder / kind / "log") for kind in kinds}


@dataclass(frozen=True)
class Verdict:
    """The outcome of a case."""

    seen: object
    logged: list[str]
    holds: bool
    seconds: float


@dataclass
class Bench:
    """One browser, all apps, and the outcomes of the cases so far."""

    browser: Browser
    apps: Mapping[str, App]
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)

    def verdict(self, case: Case, cors: str) -> Verdict:
        """Run a case against the app with that kind of CORS, once."""
        if (case.name, cors) not in self.verdicts:
            self.verdicts[case.name, cors] = self._run(case, self.apps[cors])
        return self.verdicts[case.name, cors]

    def _run(self, case: Case, app: App) -> Verdict:
        begin = time.perf_counter()
        name = f"{case.name} ({self.browser.name})"
        where = f"127.0.0.1:{app.port}"
        seen_by_tabs = [
            self.browser.run(tab, script, name=name, api=f"http://{where}", sockets=f"ws://{where}")
            for tab, script in case.steps
        ]
        seen = seen_by_tabs if len(seen_by_tabs) > 1 else seen_by_tabs[0]
        right = seen == case.sees_in(self.browser.name)
        expected = [entry for entry in case.logged if entry != EARLIER]
        logged = app.logged(name, at_least=len(expected) if right else 0)
        compared = logged if expected == case.logged else logged[-len(expected) :]
        return Verdict(seen, logged, right and compared == expected, time.perf_counter() - begin)
