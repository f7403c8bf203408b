"""Fixtures of the tests of the command."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sanic import Sanic

from corsbp.command import main


@pytest.fixture(scope="module", autouse=True)
def _collect_garbage() -> None:
    """Collect the tasks of earlier files: the command would print what asyncio logs about them."""
    gc.collect()


@pytest.fixture(autouse=True)
def _new_suffix_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Date the public suffix list today: an old list, as in the oldest environment, is a finding."""
    monkeypatch.setattr("corsbp.command.suffix_list.list_date", date.today)


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Audit an app, or the app of a function: the exit status, stdout and stderr."""

    def run(app: Sanic | Callable[[], Sanic], *options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(
            "corsbp.command.audit.arguments.load_app", lambda _: app if isinstance(app, Sanic) else app()
        )
        status = main(["audit", "x:app", *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
