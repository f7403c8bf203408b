"""What the code promises about itself."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import corsbp
from corsbp import command, errors, fetch, refusals, testing
from corsbp.command import attempt

from .support import ROOT, importable

MAPS = {
    door.__name__: re.findall(r"^    (\w+)  +\S", door.__doc__ or "", re.M)  # from the door inwards
    for door in (attempt, command, testing, corsbp)
}


def rooms_of(package: str) -> Iterator[str]:
    """The rooms on a map; those of a package in it stand in its place."""
    for room in MAPS[package]:
        name = f"{package}.{room}"
        yield from rooms_of(name) if name in MAPS else [name]


ROOMS = [room for door in (command, testing, corsbp) for room in rooms_of(door.__name__)]
ROOMS.remove("corsbp.pytest_plugin")
ROOMS.insert(ROOMS.index(f"corsbp.testing.{MAPS['corsbp.testing'][0]}"), "corsbp.pytest_plugin")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def source(room: str) -> str:
    return (ROOT / f"{room.replace('.', '/')}.py").read_text()


@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy"])
def test_tools(command: str) -> None:
    importable(command.split(maxsplit=1)[0])
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", MAPS)
def test_rooms_are_on_the_map(package: str) -> None:
    folder = ROOT / package.replace(".", "/")
    found = [path.stem for path in folder.glob("*.py") if path.stem[:2] != "__"]
    found += [path.parent.name for path in folder.glob("*/__init__.py") if package != "corsbp"]
    assert sorted(found) == sorted(MAPS[package])
    assert len(found) == len(set(MAPS[package])) > 4


@pytest.mark.parametrize("door", [corsbp, testing])
def test_exported_names(door: ModuleType) -> None:
    assert len(door.__all__) == len({*door.__all__})
    values = [getattr(door, name) for name in door.__all__]
    assert all(value.__doc__ for value in values if callable(value))


def test_the_door_opens_where_it_is_asked() -> None:
    """pytest imports the package at every start, and must not be made to import Sanic."""
    code = (
        "import sys, corsbp; assert 'sanic' not in sys.modules; assert corsbp.cors_group; "
        "assert 'sanic' in sys.modules; print(*corsbp.__all__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == corsbp.__all__
    for name in corsbp.__all__:
        value = getattr(corsbp, name)
        assert value is vars(corsbp)[name] and value.__name__ == name and value.__module__ in ROOMS
    assert {*corsbp.__all__, "__version__"} <= {*dir(corsbp)}
    with pytest.raises(AttributeError, match="module 'corsbp' has no attribute 'cors'"):
        corsbp.__getattr__("cors")


def imported(room: str) -> Iterator[str]:
    """The rooms that a room imports; a package stands for the first of its rooms."""
    package = room.rpartition(".")[0]
    for node in ast.walk(ast.parse(source(room))):
        if isinstance(node, ast.ImportFrom):
            inside = ".".join(package.split(".")[: 2 - node.level]) if node.level > 1 else package
            origin = ".".join(filter(None, [inside if node.level else "", node.module]))
            rooms = [name for alias in node.names if (name := f"{origin}.{alias.name}") in ROOMS]
            if origin in MAPS and origin != "corsbp" and not rooms:
                rooms = [f"{origin}.{MAPS[origin][0]}"]
            yield from rooms or [origin] * (origin in ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    for inner in imported(room):
        assert ROOMS.index(inner) > ROOMS.index(room), f"{room} imports {inner}"


def test_imports_are_seen() -> None:
    assert {*imported("corsbp.testing.checks")} == {
        *(f"corsbp.{room}" for room in ("fetch", "journal")),
        *(f"corsbp.testing.{room}" for room in ("engines", "result", "safelists")),
    }
    assert {*imported("corsbp.pytest_plugin")} == {"corsbp.testing.attacks", "corsbp.testing.sync"}
    assert "corsbp.origins" in {*imported("corsbp.policy")}


@pytest.mark.parametrize(("package", "first"), [("corsbp", "decision"), ("corsbp.testing", "fetching")])
def test_pure_rooms_import_neither_sanic_nor_httpx(package: str, first: str) -> None:
    """In a process of its own, with the package's door kept out, from the innermost room outwards."""
    pure = [f"{package}.{room}" for room in reversed(MAPS[package][MAPS[package].index(first) :])]
    code = (
        "import sys, types, importlib; door = types.ModuleType(sys.argv[1]); "
        f"door.__path__ = [{str(ROOT / package.replace('.', '/'))!r}]; sys.modules[sys.argv[1]] = door\n"
        "for room in sys.argv[2:]:\n"
        "    importlib.import_module(room)\n"
        "    assert not {'sanic', 'httpx'} & sys.modules.keys(), room"
    )
    command_line = [sys.executable, "-c", code, package, *pure]
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (len(pure) > 5, done.stderr) == (True, "")


def test_header_names_are_spelt_in_one_file() -> None:
    names = {value for value in vars(fetch).values() if isinstance(value, str) and "-" in value}
    assert "access-control-allow-origin" in names
    for room in ROOMS:
        if room not in ("corsbp.fetch", "corsbp.errors"):
            strings = {
                node.value
                for node in ast.walk(ast.parse(source(room)))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            assert not {string for string in strings if string.lower() in names}, room


def test_private_names_of_others_are_read_in_functions_that_say_why() -> None:
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
        known = {
            "corsbp.routing": {"_future_statics", "_future_routes", "_future_listeners"},
            "corsbp.errors": {"_getframe"},
            "corsbp.command.writers": {"_getframe"},
            "corsbp.testing.browser": {"_open"},  # its own
            "corsbp.policy": {"_named", "_functions"},  # its own
        }
        allowed = known.get(room, set())
        assert {name for _, name in found} <= allowed, (room, found)
        functions = {function for function, name in found if name.startswith("_future")}
        assert functions <= {"declared_uris", "forget_listener"}


def test_ids_are_unique_and_in_one_form() -> None:
    ids = [*errors.PROBLEMS, *errors.WARNINGS, *refusals.REFUSALS]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", each) for each in testing.STOPS)
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


def test_a_report_of_any_bytes_can_be_sent(tmp_path: Path) -> None:
    """From core to core: what fuzz tests send is in what Sanic logs."""
    importable("xdist")
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_runtest_makereport\n")
    (tmp_path / "test_it.py").write_text("def test_it(): __import__('logging').error('\\udcc6')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", "-p", "no:corsbp"]
    options: dict[str, Any] = {
        "cwd": tmp_path,
        "env": {**os.environ, "PYTHONPATH": os.fspath(ROOT)},
        "text": True,
    }
    done = subprocess.run([*command, "-c", os.devnull], capture_output=True, check=False, **options)
    assert "1 passed" in done.stdout, done.stdout
