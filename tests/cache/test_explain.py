"""`corsbp explain` of a server that is no Sanic: nginx with the recipe that everybody finds."""

from __future__ import annotations

import shlex

import pytest

from corsbp.command import main
from tests.docs.test_readme import PAGES, transcripts

from .conftest import Proxy

ADDRESS = "http://127.0.0.1:8080/recipe/"


def test_the_readme_is_what_it_prints(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    found = [step for page in PAGES for step in transcripts(page) if ADDRESS in step[0]]
    for command, output in found:
        status = main(shlex.split(command.replace("8080", str(proxy.port)))[1:])
        printed = capsys.readouterr().out.replace(str(proxy.port), "8080")
        assert status == 1
        assert printed.rstrip() == output.rstrip(), command
    assert found
