"""One browser for each engine, the app with each kind of CORS, and a report of what came of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from . import page
from .bench import App, Bench, serving
from .cases import CASES
from .engine import ENGINES, Browser, browser
from .models import Simulated, modelled
from .page import Pages
from .scripted import SCRIPTED, Scripts

KINDS = ("corsbp", "none", "everything")
BENCHES = pytest.StashKey[list[Bench]]()
AGREEMENT = pytest.StashKey[dict[str, list[str]]]()  # of the simulator with engines, scenario by scenario


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def pages() -> Iterator[page.Pages]:
    with page.served() as pages:
        yield pages


@pytest.fixture(scope="session")
def scripts(pages: Pages) -> Scripts:
    """The server of the scenarios: on those pages' ports."""
    scripts = Scripts(pages.origins)
    pages.others[SCRIPTED] = scripts.answer
    return scripts


@pytest.fixture(scope="session")
def simulated(scripts: Scripts) -> Simulated:
    return modelled(scripts)


@pytest.fixture(scope="session")
def apps(pages: page.Pages, folder: Path) -> Iterator[dict[str, App]]:
    with serving(KINDS, pages.origins, folder) as started:
        yield started


@pytest.fixture(scope="session", params=ENGINES, ids=lambda engine: engine.name)
def bench(
    request: pytest.FixtureRequest, pages: page.Pages, apps: dict[str, App], folder: Path
) -> Iterator[Bench]:
    begin = time.perf_counter()
    with browser(request.param, pages, folder) as started:
        bench = Bench(started, apps, time.perf_counter() - begin)
        request.config.stash.setdefault(BENCHES, []).append(bench)
        yield bench


@pytest.fixture(scope="session")
def as_delivered(bench: Bench, pages: Pages, folder: Path) -> Iterator[Browser]:
    """The same engine without what the others are told: to let third parties have cookies."""
    (engine,) = (engine for engine in ENGINES if engine.name == bench.browser.name)

    def arguments(profile: Path) -> list[str]:
        told = engine.arguments(profile)
        for file in profile.rglob("*"):
            if file.is_file():
                lines = file.read_text().splitlines(keepends=True)
                file.write_text("".join(line for line in lines if "cookie" not in line))
        return [each for each in told if "cookies" not in each]

    name = f"{engine.name}-as-delivered"
    with browser(replace(engine, name=name, arguments=arguments), pages, folder) as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The engines, and the control's table: what came of each case with each kind of CORS."""
    benches = config.stash.get(BENCHES, [])
    if not benches:
        return
    write = terminalreporter.write_line
    terminalreporter.section("browsers")
    for bench in benches:
        seconds = sum(verdict.seconds for verdict in bench.verdicts.values())
        write(
            f"{bench.browser.name:9} {bench.browser.version}: started in {bench.start:.1f} s, "
            f"{len(bench.verdicts)} runs of cases in {seconds:.1f} s"
        )
    for told, came in config.stash.get(AGREEMENT, {}).items():
        counted = ", ".join(f"{came.count(word)} {word}" for word in sorted({*came}))
        write(f"{len(came) // len(benches)} scenarios in {len(benches)} engines, as {told}: {counted}")
    if not any(bench.verdicts for bench in benches):
        return
    kinds = " ".join(f"{kind:10}" for kind in KINDS)
    width = max(len(case.name) for case in CASES) + 2
    write("")
    write(f"{'':{width}}" + "   ".join(f"{bench.browser.name:40}" for bench in benches).rstrip())
    write(f"{'case':{width}}" + "   ".join(f"{kinds} seconds" for _ in benches))
    for case in CASES:
        cells = []
        for bench in benches:
            verdicts = [bench.verdicts.get((case.name, kind)) for kind in KINDS]
            words = [("holds" if verdict.holds else "fails") if verdict else "-" for verdict in verdicts]
            seconds = sum(verdict.seconds for verdict in verdicts if verdict)
            cells.append(" ".join(f"{word:10}" for word in words) + f"{seconds:8.2f}")
        write(f"{case.name:{width}}" + "   ".join(cells))
