"""Mistakes of nginx in front of an app: from the browser's words to the line to change."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from corsbp.command import main
from tests.command.mistakes import BEHIND_NGINX, check

from .conftest import nginx_servers


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "users").write_text("ann:{PLAIN}secret\n")
        servers = {key: each.server for key, each in BEHIND_NGINX.items()}
        with nginx_servers(servers, folder) as numbers:
            yield numbers


@pytest.mark.parametrize("name", BEHIND_NGINX)
def test_mistake(name: str, ports: dict[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    host = f"127.0.0.1:{ports[name]}"

    def run(command: str) -> str:
        main(shlex.split(command))
        return "".join(capsys.readouterr())

    check(BEHIND_NGINX[name], run, {"{at}": f"http://{host}", "{host}": host})
