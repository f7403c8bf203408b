"""Fixtures: one browser for each engine, and the app with each kind of CORS; and a report of all outcomes."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ..support import recorded_values
from . import page
from .bench import App, Bench, serving
from .cases import CASES
from .engine import ENGINES, Browser, browser
from .mixed_port import MixedPort, serving_both
from .models import Simulated, simulate_all
from .page import Pages
from .scenario_server import FOLDER, ScenarioServer

KINDS = ("corsbp", "none", "everything")
ENGINE, VERDICT, AGREEMENT = "engine", "verdict", "agreement"  # what tests record, for the summary


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="package")
def pages() -> Iterator[page.Pages]:
    with page.served() as pages:
        yield pages


@pytest.fixture(scope="package")
def server(pages: Pages) -> ScenarioServer:
    """The server of the scenarios, on the ports of the pages."""
    server = ScenarioServer(pages.origins)
    pages.handlers[FOLDER] = server.respond
    return server


@pytest.fixture(scope="package")
def simulated(server: ScenarioServer) -> Simulated:
    return simulate_all(server)


@pytest.fixture(scope="package")
def apps(pages: page.Pages, folder: Path) -> Iterator[dict[str, App]]:
    with serving(KINDS, pages.origins, folder) as started:
        yield started


@pytest.fixture(scope="package")
def mixed_port(pages: page.Pages, folder: Path) -> Iterator[MixedPort]:
    """A port for http and https, whose certificate the browsers accept."""
    with serving_both(folder) as mixed:
        pages.certificate_exceptions = mixed.firefox_exception
        yield mixed


@pytest.fixture(scope="package", params=ENGINES, ids=lambda engine: engine.name)
def bench(
    request: pytest.FixtureRequest,
    pages: page.Pages,
    apps: dict[str, App],
    mixed_port: MixedPort,
    folder: Path,
) -> Iterator[Bench]:
    with browser(request.param, pages, folder) as started:
        yield Bench(started, apps)


@pytest.fixture(scope="package")
def as_delivered(bench: Bench, pages: Pages, folder: Path) -> Iterator[Browser]:
    """The same engine with its own default for third-party cookies."""
    (engine,) = (engine for engine in ENGINES if engine.name == bench.browser.name)

    def arguments(profile: Path) -> list[str]:
        usual = engine.arguments(profile)
        for file in profile.rglob("*"):
            if file.is_file():
                lines = file.read_text().splitlines(keepends=True)
                file.write_text("".join(line for line in lines if "cookie" not in line))
        return [each for each in usual if "cookies" not in each]

    name = f"{engine.name}-as-delivered"
    with browser(replace(engine, name=name, arguments=arguments), pages, folder) as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the engines, and the outcome of each case with each kind of CORS."""
    engines = dict(recorded_values(terminalreporter, ENGINE))
    if not engines:
        return
    write = terminalreporter.write_line
    terminalreporter.section("browsers")
    verdicts = {(engine, *of): outcome for engine, *of, outcome in recorded_values(terminalreporter, VERDICT)}
    for engine, version in engines.items():
        seconds = [took for (of, *_), (_, took) in verdicts.items() if of == engine]
        write(f"{engine:9} {version}: {len(seconds)} runs of cases in {sum(seconds):.1f} s")
    agreement: dict[str, Counter[str]] = {}
    for model, outcome in recorded_values(terminalreporter, AGREEMENT):
        agreement.setdefault(model, Counter())[outcome] += 1
    for model, counts in agreement.items():
        counted = ", ".join(f"{counts[word]} {word}" for word in sorted(counts))
        write(f"{counts.total() // len(engines)} scenarios in {len(engines)} engines, as {model}: {counted}")
    if not verdicts:
        return
    kinds = " ".join(f"{kind:10}" for kind in KINDS)
    width = max(len(case.name) for case in CASES) + 2
    write("")
    write(f"{'':{width}}" + "   ".join(f"{version:40}" for version in engines.values()).rstrip())
    write(f"{'case':{width}}" + "   ".join(f"{kinds} seconds" for _ in engines))
    for case in CASES:
        cells = []
        for engine in engines:
            outcome = [verdicts.get((engine, case.name, kind)) for kind in KINDS]
            words = [("holds" if each[0] else "fails") if each else "-" for each in outcome]
            seconds = sum(each[1] for each in outcome if each)
            cells.append(" ".join(f"{word:10}" for word in words) + f"{seconds:8.2f}")
        write(f"{case.name:{width}}" + "   ".join(cells))
