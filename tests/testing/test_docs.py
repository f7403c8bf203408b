"""corsbp/testing/README.md: its tests run, and its tables are those of the code."""

from __future__ import annotations

import ast
import inspect
import os
import re
from dataclasses import fields
from itertools import pairwise

import pytest

from corsbp.testing import Browser, Result, engines, quirks

from ..support import ROOT, SEARCH_PATH, sanic_process

TEXT = (ROOT / "corsbp" / "testing" / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
pytest_plugins = ["pytester"]


def test_a_users_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run with the plugins of the extra only, and one of them calls a server."""
    names = [re.findall(r"def (test_\w+)", block)[0] for block in BLOCKS]
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("SANIC_AUTO_EXTEND", "false")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (SEARCH_PATH, ROOT / "examples"))))
    with sanic_process("examples.guarded_api:app") as port:
        blocks = [block.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for block in BLOCKS]
        pytester.makepyfile(**dict(zip(names, blocks, strict=True)))
        plugins = ("-p", "corsbp.pytest_plugin", "-p", "anyio.pytest_plugin", "-p", "no:cacheprovider")
        done = pytester.runpytest_subprocess(*plugins, "-W", "error::pytest.PytestWarning")
    done.assert_outcomes(passed=len(BLOCKS))


def test_every_block_is_a_test() -> None:
    assert len(BLOCKS) == 7 and all(block.count("def test_") == 1 for block in BLOCKS)


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    lines = re.findall(r"^\|(.*)\|$", section, re.M)[2:]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def test_tables() -> None:
    arguments = [row[0].strip("`") for row in rows("The fixture")]
    assert arguments == [name for name in inspect.signature(Browser.fetch).parameters if name != "self"]
    fields = {name for row in rows("The result") for name in re.findall(r"`(\w+)(?:\(\))?`", row[0])}
    public = {name for name in dir(Result) if name[0] != "_"}
    assert fields == public


def test_table_of_engines() -> None:
    """Its rows are the docstrings of the quirks."""
    lines = ast.parse(inspect.getsource(quirks.Engine)).body[0]
    assert isinstance(lines, ast.ClassDef)
    quirk_names = {
        ast.literal_eval(text.value): field.target.id
        for field, text in pairwise(lines.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
    }
    assert {*quirk_names.values()} == {field.name for field in fields(quirks.Engine)}
    table = rows("Which browsers")
    assert len(table) > 8
    for text, *cells in table:
        for browser, word in zip(("chromium", "firefox", "webkit"), cells, strict=True):
            value = getattr(engines.ENGINES[browser], quirk_names[text])
            assert word == ({True: "yes", False: ""}[value] if isinstance(value, bool) else f"{value}")


def test_links_are_valid() -> None:
    for target in re.findall(r"\]\(([^)#h][^)]*)\)", TEXT):
        file, _, heading = target.partition("#")
        page = ROOT / "corsbp" / "testing" / file
        assert page.exists(), target
        if heading:
            words = r"[^\n]*".join(heading.split("-"))
            assert re.search(rf"^#+ {words}", page.read_text(), re.M | re.I), target
