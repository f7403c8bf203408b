"""From the words of a browser's console to the line to change: each mistake of the table, in few steps."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from corsbp.command import main

from ..support import require_package
from .mistakes import BEHIND_NGINX, IN_THE_APP, IN_THE_PAGE, check

IN_MEMORY = IN_THE_APP | IN_THE_PAGE
MOST_STEPS = 2


def test_all_mistakes() -> None:
    assert len(IN_MEMORY) + len(BEHIND_NGINX) >= 25
    for mistake in (*IN_MEMORY.values(), *BEHIND_NGINX.values()):
        assert len(mistake.commands) <= MOST_STEPS


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the module `shop`, in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path / "shop.py"


@pytest.mark.filterwarnings("ignore::corsbp.CorsPolicyWarning")
@pytest.mark.parametrize("name", IN_MEMORY)
def test_mistake(name: str, shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    mistake = IN_MEMORY[name]
    if "AUTO_EXTEND = True" in mistake.code:
        require_package("sanic_ext")
    shop.write_text(mistake.module)

    def run(command: str) -> str:
        monkeypatch.delitem(sys.modules, "shop", raising=False)
        main(shlex.split(command))
        return "".join(capsys.readouterr())

    check(mistake, run, {"{line}": f"shop.py:{mistake.line}", "{number}": f"{mistake.line}"})
