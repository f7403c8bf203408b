"""Fixtures and hooks of all tests: no test leaves an app behind, or a Sanic that is not whole."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial

import pytest
from sanic import Sanic
from xdist.scheduler import LoadScopeScheduling

from corsbp.log import cors_logger

from .support import (
    WITHOUT_HTTP3,
    RecordProperty,
    compile_routers_once,
    explain_comparison,
    recorded_values,
    restore_sanic,
    touch_up_once,
)

pytest_plugins = ["corsbp.pytest_plugin"]
PRINTED = "printed at the end"
compile_routers_once()
touch_up_once()


@pytest.fixture(autouse=True)
def _no_apps_left() -> Iterator[None]:
    Sanic.test_mode = True
    before = set(Sanic._app_registry)
    cors_logger.counts = {}
    cors_logger.lines = 1_000_000  # tests refuse more pages in a second than the limit
    yield
    for name in set(Sanic._app_registry) - before:
        Sanic.unregister_app(Sanic._app_registry[name])
    restore_sanic()
    cors_logger.logger.setLevel(logging.NOTSET)  # the start of an app in debug mode sets it
    Sanic.test_mode = False


@pytest.fixture(scope="session", autouse=True)
def _short_starts() -> Iterator[None]:
    """Hide aioquic from the processes that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", WITHOUT_HTTP3, prepend=os.pathsep)
        yield


@pytest.fixture
def print_at_end(record_property: RecordProperty) -> Callable[[str], None]:
    """Print a text at the end of the run: what a process of pytest-xdist prints is lost."""
    return partial(record_property, PRINTED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if texts := [*recorded_values(terminalreporter, PRINTED)]:
        terminalreporter.section("printed by tests")
        terminalreporter.write_line("\n".join(texts))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Run the tests of a file in one process, and those of a browser, which starts once."""

    def together(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        engine = re.search(r"\[(chromium|firefox|webkit)\b", nodeid)
        return engine[1] if engine and file.startswith("tests/browsers/") else file

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = together
    return scheduler


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show the header that is wrong, where CORS headers are compared."""
    return explain_comparison(left, right) if op == "==" else None


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Let no tracer see a test with the marker `no_cover`.

    In a process of pytest-xdist, pytest-cov stops its own, and another goes on: one that it started before.
    """
    if not item.get_closest_marker("no_cover"):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make captured output UTF-8: it goes from process to process, and Sanic logs odd bytes as surrogates."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report
