"""Programs and packages that a test needs and that may be missing here; values recorded for the summary."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest

ROOT = Path(__file__).parent.parent.parent
"""The folder of the project."""

WITHOUT_HTTP3 = os.fspath(Path(__file__).with_name("without_http3"))
"""A folder for `PYTHONPATH`: Sanic starts sooner without aioquic."""

SEARCH_PATH = os.pathsep.join((os.fspath(ROOT), WITHOUT_HTTP3))
"""The `PYTHONPATH` of processes that import the tests or the examples."""

RecordProperty: TypeAlias = Callable[[str, object], None]
"""The type of pytest's fixture `record_property`."""


def skip_or_fail(message: str) -> NoReturn:
    """Skip the test, because something is not installed; with `CORSBP_SKIP_NOTHING`, fail."""
    if os.environ.get("CORSBP_SKIP_NOTHING"):
        pytest.fail(message)
    pytest.skip(message)


def require_package(name: str) -> None:
    """Skip the test, or fail, unless a Python package is installed."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:  # a folder of that name is not a package
        skip_or_fail(f"{name} is not installed: pip install '.[dev]'")


def recorded_values(reporter: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    """Return the values that tests recorded under a name, in whichever process they ran."""
    for report in [*reporter.stats.get("passed", ()), *reporter.stats.get("failed", ())]:
        yield from (value for key, value in report.user_properties if key == name)
