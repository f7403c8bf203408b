"""Sanic keeps every app that was made: each test leaves none behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sanic import Sanic


@pytest.fixture(autouse=True)
def _no_apps_left() -> Iterator[None]:
    Sanic.test_mode = True
    before = set(Sanic._app_registry)
    yield
    for name in set(Sanic._app_registry) - before:
        Sanic.unregister_app(Sanic._app_registry[name])
    Sanic.test_mode = False
