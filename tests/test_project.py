"""What the code promises about itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import corsbp
from corsbp import decision, errors, fetch

ROOT = Path(__file__).parent.parent
ROOMS = re.findall(r"^    (\w+)  +\S", corsbp.__doc__ or "", re.M)  # from the door inwards
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PURE = ROOMS[ROOMS.index("decision") :]


def source(room: str) -> str:
    return (ROOT / "corsbp" / f"{room}.py").read_text()


@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy"])
def test_tools(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rooms_are_on_the_map() -> None:
    assert sorted(path.stem for path in (ROOT / "corsbp").glob("*.py")) == sorted([*ROOMS, "__init__"])
    assert len(ROOMS) == len(set(ROOMS)) > 10


def test_exported_names() -> None:
    assert sorted(corsbp.__all__) == corsbp.__all__
    assert all(getattr(corsbp, name).__doc__ for name in corsbp.__all__)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    for node in ast.walk(ast.parse(source(room))):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("corsbp")):
            names = [node.module] if node.level and node.module else [alias.name for alias in node.names]
            for name in names:
                inner = (name or "").removeprefix("corsbp.")
                if inner in ROOMS:
                    assert ROOMS.index(inner) > ROOMS.index(room), f"{room} imports {inner}"


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_without_sanic(room: str) -> None:
    """In a process of its own, with the package's door kept out: `corsbp/__init__` itself needs Sanic."""
    code = (
        "import sys, types; package = types.ModuleType('corsbp'); "
        f"package.__path__ = [{str(ROOT / 'corsbp')!r}]; sys.modules['corsbp'] = package; "
        f"import corsbp.{room}; sys.exit('sanic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_header_names_are_spelt_in_one_file() -> None:
    names = {value for value in vars(fetch).values() if isinstance(value, str) and "-" in value}
    assert "access-control-allow-origin" in names
    for room in ROOMS:
        if room not in ("fetch", "errors"):
            strings = {
                node.value
                for node in ast.walk(ast.parse(source(room)))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            assert not {string for string in strings if string.lower() in names}, room


def test_private_names_of_others_are_read_in_one_function() -> None:
    for room in ROOMS:
        found = []
        tree = ast.parse(source(room))
        for function in (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)):
            found += [
                (function.name, node.attr)
                for node in ast.walk(function)
                if isinstance(node, ast.Attribute)
                and re.match(r"_[a-z]", node.attr)
                and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "super"))
            ]
        # `sys._getframe` is Python's own, and documented
        known = {"routing": {"_future_statics", "_future_routes"}, "errors": {"_getframe"}}
        allowed = known.get(room, set())
        assert {name for _, name in found} <= allowed, (room, found)
        assert {function for function, name in found if name.startswith("_future")} <= {"declared_uris"}


def test_ids_are_unique_and_in_one_form() -> None:
    ids = [*errors.PROBLEMS, *errors.WARNINGS, *decision.REFUSALS]
    shared = {"origin-null"}  # what is wrong in a policy is what is refused in a request
    assert len(ids) - len(set(ids)) == len(shared)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", each) for each in ids)


def test_nothing_tells_where_it_was_made() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    for name in files.split():
        if name != "tests/test_project.py":
            text = (ROOT / name).read_text("latin-1")
            assert not re.search(r"/(work|root|tmp/env)/|pypi\.org/simple", text), name


def test_each_promise_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 15
    for file, name in named:
        source = (ROOT / file).read_text()
        assert f"def {name}(" in source if name else "def test_" in source, (file, name)
