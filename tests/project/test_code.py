"""Rules for the code: maps, imports, exported names, header names, private names and ids."""

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
from corsbp import app, command, decision, live, policy, report, spec, testing
from corsbp.app import startup
from corsbp.command import audit, explain, try_page
from corsbp.decision import refusal_ids
from corsbp.policy import problems
from corsbp.spec import fetch

from ..support import ROOT, require_package

TYPE_ALIASES = ("OriginFunction", "Source")
PACKAGES = (
    command,
    try_page,
    explain,
    audit,
    testing,
    corsbp,
    app,
    startup,
    live,
    report,
    decision,
    policy,
    spec,
)
MAPS = {
    package.__name__: re.findall(r"^    (\w+)  +\S", package.__doc__ or "", re.M)  # outermost first
    for package in PACKAGES
}
ENTRIES = ("corsbp.testing", "corsbp.command")  # above all others, with maps of their own


def modules_of(package: str) -> Iterator[str]:
    """Return the modules of a package, outermost first; a subpackage stands for its modules."""
    for each in MAPS[package]:
        name = f"{package}.{each}"
        if name not in ENTRIES:
            yield from modules_of(name) if name in MAPS else [name]


MODULES = [module for package in (command, testing, corsbp) for module in modules_of(package.__name__)]
MODULES.remove("corsbp._pyinstaller")  # which PyInstaller imports, and nothing else
MODULES.remove("corsbp.pytest_plugin")
MODULES.insert(MODULES.index(f"corsbp.testing.{MAPS['corsbp.testing'][0]}"), "corsbp.pytest_plugin")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def source(module: str) -> str:
    return (ROOT / f"{module.replace('.', '/')}.py").read_text()


@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy"])
def test_linters_and_types_find_nothing(command: str) -> None:
    require_package(command.split(maxsplit=1)[0])
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", MAPS)
def test_each_module_is_on_the_map_of_its_package(package: str) -> None:
    folder = ROOT / package.replace(".", "/")
    found = [path.stem for path in folder.glob("*.py") if path.stem[:2] != "__"]
    found += [path.parent.name for path in folder.glob("*/__init__.py")]
    assert sorted(found) == sorted(MAPS[package])
    assert len(found) == len(set(MAPS[package])) > 1


@pytest.mark.parametrize("entry", [corsbp, testing])
def test_exported_names_are_documented(entry: ModuleType) -> None:
    assert len(entry.__all__) == len({*entry.__all__})
    values = [getattr(entry, name) for name in entry.__all__ if name not in TYPE_ALIASES]
    assert all(value.__doc__ for value in values if callable(value))


def test_import_corsbp_does_not_import_sanic() -> None:
    """pytest imports corsbp at every start, and that must not import Sanic."""
    code = (
        "import sys, corsbp; assert 'sanic' not in sys.modules; assert corsbp.cors_group; "
        "assert 'sanic' in sys.modules and 'prometheus_client' not in sys.modules; print(*corsbp.__all__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == corsbp.__all__
    for name in corsbp.__all__:
        value = getattr(corsbp, name)
        assert value is vars(corsbp)[name]
        if name not in TYPE_ALIASES:
            assert value.__name__ == name and value.__module__ in MODULES
    assert {*corsbp.__all__, "__version__"} <= {*dir(corsbp)}
    with pytest.raises(AttributeError, match="module 'corsbp' has no attribute 'cors'"):
        corsbp.__getattr__("cors")


NEEDED_LATER = ("sanic", "publicsuffixlist", "idna", "corsbp.app", "corsbp.live", "corsbp.report")
IMPORTS = """
import sys
from corsbp import CorsPolicy, origin_problems

def loaded():
    return [name for name in sys.argv[1:] if name in sys.modules]

CorsPolicy(allow_origins=["https://app.example", "https://*.example.com", print])
print(*loaded(), sep=",")
origin_problems("https://münchen.example")
print(*loaded(), sep=",")
CorsPolicy(allow_origins=["https://*.example.com"], allow_credentials=True)
print(*loaded(), sep=",")
"""


def test_a_policy_loads_what_it_needs_and_when_it_needs_it() -> None:
    """The list of public suffixes is for patterns with credentials, `idna` for names that are not ASCII."""
    command = [sys.executable, "-c", IMPORTS, *NEEDED_LATER]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["", "idna", "publicsuffixlist,idna", ""]


def imported(module: str) -> Iterator[str]:
    """Return the modules that a module imports; a package stands for its first module."""
    parts = module.split(".")
    for node in ast.walk(ast.parse(source(module))):
        if isinstance(node, ast.ImportFrom):
            inside = parts[: len(parts) - node.level] if node.level else []
            origin = ".".join([*inside, *([node.module] if node.module else [])])
            modules = [name for alias in node.names if (name := f"{origin}.{alias.name}") in MODULES]
            if origin in MAPS and origin != "corsbp" and not modules:
                modules = [f"{origin}.{MAPS[origin][0]}"]
            yield from modules or [origin] * (origin in MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    for inner in imported(module):
        assert MODULES.index(inner) > MODULES.index(module), f"{module} imports {inner}"
        # two packages side by side
        assert {module.split(".")[1], inner.split(".")[1]} != {"live", "report"}


def test_imports_are_found() -> None:
    assert {*imported("corsbp.testing.preflight_needed")} == {
        "corsbp.spec.fetch",
        *(f"corsbp.testing.{module}" for module in ("quirks", "result", "safelists")),
    }
    assert {*imported("corsbp.pytest_plugin")} == {"corsbp.testing.attacks", "corsbp.testing.sync"}
    assert "corsbp.spec.origins" in {*imported("corsbp.policy.policy")}
    assert "corsbp.decision.compiled" in {*imported("corsbp.app.send")}


PURE = [
    module for module in MODULES if module.split(".")[1] not in ("pytest_plugin", "group", "app", "command")
]
OUTER = ("pytest_plugin", "metrics", "group", "app", *(each.rpartition(".")[2] for each in ENTRIES))
PURE = [module for module in MODULES if module.split(".")[1] not in OUTER]


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("corsbp", PURE),
        (
            "corsbp.testing",
            [f"corsbp.testing.{each}" for each in MAPS["corsbp.testing"]][
                MAPS["corsbp.testing"].index("fetch_algorithm") :
            ],
        ),
    ],
)
def test_pure_modules_import_neither_sanic_nor_httpx(package: str, modules: list[str]) -> None:
    """They are imported in another process without the package's `__init__`, innermost first."""
    code = (
        "import sys, types, importlib; entry = types.ModuleType(sys.argv[1]); "
        f"entry.__path__ = [{str(ROOT / package.replace('.', '/'))!r}]; sys.modules[sys.argv[1]] = entry\n"
        "for module in sys.argv[2:]:\n"
        "    importlib.import_module(module)\n"
        "    assert not {'sanic', 'httpx'} & sys.modules.keys(), module"
    )
    command_line = [sys.executable, "-c", code, package, *reversed(modules)]
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (len(modules) > 5, done.stderr) == (True, "")


def test_header_names_are_written_in_one_file() -> None:
    names = {value for value in vars(fetch).values() if isinstance(value, str) and "-" in value}
    assert "access-control-allow-origin" in names
    for module in MODULES:
        if module not in ("corsbp.spec.fetch", "corsbp.policy.problems"):
            strings = {
                node.value
                for node in ast.walk(ast.parse(source(module)))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            assert not {string for string in strings if string.lower() in names}, module


def test_private_names_of_sanic_are_read_in_two_functions() -> None:
    for module in MODULES:
        found = []
        tree = ast.parse(source(module))
        for function in (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)):
            found += [
                (function.name, node.attr)
                for node in ast.walk(function)
                if isinstance(node, ast.Attribute)
                and re.match(r"_[a-z]", node.attr)
                and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "super"))
            ]
        # `sys._getframe` belongs to Python, and is documented
        known = {
            "corsbp.app.routes": {"_future_statics", "_future_routes", "_future_listeners"},
            "corsbp.policy.problems": {"_getframe"},
            "corsbp.command.audit.header_writers": {"_getframe"},
            "corsbp.testing.browser": {"_sender", "_clock", "_page"},  # its own
            "corsbp.policy.policy": {"_named", "_functions"},  # its own
        }
        allowed = known.get(module, set())
        assert {name for _, name in found} <= allowed, (module, found)
        functions = {function for function, name in found if name.startswith("_future")}
        assert functions <= {"declared_uris", "remove_listener"}


def test_ids_are_unique_and_in_one_form() -> None:
    ids = [*problems.PROBLEMS, *problems.WARNINGS, *refusal_ids.REFUSALS]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", each) for each in testing.STOPS)
    shared = {"origin-null"}  # the same fault in a policy and in a request
    assert len(ids) - len(set(ids)) == len(shared)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", each) for each in ids)


def test_no_file_names_the_machine_where_it_was_made() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    for name in files.split():
        if name != "tests/project/test_code.py":
            text = (ROOT / name).read_text("latin-1")
            assert not re.search(r"/(work|root|tmp/env)/|pypi\.org/simple", text), name


def test_each_promise_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 15
    for file, name in named:
        source = (ROOT / file).read_text()
        assert f"def {name}(" in source if name else "def test_" in source, (file, name)


def test_a_report_of_any_bytes_can_be_sent(tmp_path: Path) -> None:
    """pytest-xdist sends it between processes; Sanic logs odd bytes that fuzz tests send."""
    require_package("xdist")
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
