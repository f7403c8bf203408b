"""What the tests of the command share."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Sanic

from corsbp.command import main


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_by_others() -> None:
    """The command prints what is logged: not what asyncio has to say of an earlier file's tasks."""
    gc.collect()


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Audit an app, or what makes one: the status, what was printed, and what was said beside it."""

    def run(app: Sanic | Callable[[], Sanic], *options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(
            "corsbp.command.audit.load_app", lambda _: app if isinstance(app, Sanic) else app()
        )
        status = main(["audit", "x:app", *options])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
