"""No test leaves an app behind, or half a Sanic."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator

import pytest
from sanic import Sanic

from corsbp.journal import journal

from .support import restore_sanic

pytest_plugins = ["corsbp.pytest_plugin"]


@pytest.fixture(autouse=True)
def _no_apps_left() -> Iterator[None]:
    Sanic.test_mode = True
    before = set(Sanic._app_registry)
    journal.lines = 1_000_000  # tests refuse more in a second than anyone should have to read
    yield
    for name in set(Sanic._app_registry) - before:
        Sanic.unregister_app(Sanic._app_registry[name])
    restore_sanic()
    journal.logger.setLevel(logging.NOTSET)  # in debug mode, an app's start sets it
    Sanic.test_mode = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was captured, as UTF-8: it is sent from core to core, and Sanic logs odd bytes as surrogates."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report
