"""Sources that fail are run again soon, so that no test has to wait."""

from __future__ import annotations

import pytest

from corsbp.live import retry


@pytest.fixture(autouse=True)
def _short_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.005)
