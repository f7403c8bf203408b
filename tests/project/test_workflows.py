"""Workflows and forms of GitHub: linters find nothing, and they call only what `.ci/run` calls."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ..support import ROOT, skip_or_fail

GITHUB, SCRIPTS = ROOT / ".github", ROOT / ".ci"
if not GITHUB.exists():
    pytest.skip("a source distribution has no workflows", allow_module_level=True)

WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
SCHEMAS = {
    "github-workflows": WORKFLOWS,
    "dependabot": [GITHUB / "dependabot.yml"],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "github-issue-forms": [GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml" for name in ("bug", "idea")],
}


def output_of(program: str, *arguments: str | Path) -> str:
    """Return the findings of a program beside this Python: none, if its status is 0."""
    path = Path(sys.executable).with_name(program)
    if not path.exists():
        skip_or_fail(f"{program} is not installed: pip install '.[dev]'")
    env = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run([path, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def actionlint(*paths: Path) -> str:
    return output_of("actionlint", *paths)


def zizmor(*paths: Path) -> str:
    return output_of("zizmor", "--offline", "--quiet", "--no-config", *paths)


def schema(name: str, *paths: Path) -> str:
    return output_of("check-jsonschema", "--builtin-schema", f"vendor.{name}", *paths)


def test_actionlint_finds_nothing() -> None:
    assert actionlint(*WORKFLOWS) == ""


def test_zizmor_finds_nothing() -> None:
    assert zizmor(GITHUB) == ""


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_match_their_schemas(name: str) -> None:
    assert schema(name, *SCHEMAS[name]) == ""


def test_every_file_is_checked() -> None:
    files = {path for path in GITHUB.rglob("*") if path.is_file()}
    assert files == {path for paths in SCHEMAS.values() for path in paths}


def test_the_linters_find_faults(tmp_path: Path) -> None:
    """An action by branch, untrusted text in a shell, and a step that GitHub does not have."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    wrong = folder / "wrong.yml"
    wrong.write_text(
        "on: pull_request\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - uses: actions/checkout@main\n"
        "      - run: echo ${{ github.event.pull_request.title }}\n"
    )
    assert "potentially untrusted" in actionlint(wrong)
    assert {"unpinned-uses", "artipacked", "template-injection"} <= {
        *re.findall(r"\[([a-z-]+)\]", zizmor(wrong))
    }
    wrong.write_text("on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    stepps: []\n")
    assert "stepps" in schema("github-workflows", wrong)


def test_workflows_call_the_scripts_of_ci() -> None:
    scripts = {path.name for path in SCRIPTS.iterdir() if path.is_file() and path.suffix != ".py"}
    assert all(os.access(SCRIPTS / name, os.X_OK) for name in scripts)
    commands = re.findall(r"run: (?:PATH=\S+ )?(\S+)", "".join(path.read_text() for path in WORKFLOWS))
    called = {command.removeprefix(".ci/") for command in commands}
    assert called == {"run", "install", "tests", "build", "newest", "apt-get", "git"}
    assert scripts == {"run", "sid", "newest"} | {
        *re.findall(r"^(?!#).* \.ci/(\w+)", (SCRIPTS / "run").read_text(), re.M)
    }


def test_nothing_runs_that_can_change() -> None:
    """Actions are pinned by commit, images by digest; `$/` is this repository at the same commit."""
    lines = "".join(path.read_text() for path in WORKFLOWS)
    for used in re.findall(r" uses: (\S+)", lines):
        assert re.fullmatch(r"\$/\.github/workflows/\w+\.yml|[\w/-]+@[0-9a-f]{40}", used), used
    images = re.findall(r" container: (\S+)", lines)
    assert images and all(re.fullmatch(r"\w+@sha256:[0-9a-f]{64}", each) for each in images)


def test_a_release_needs_the_tests_of_its_commit() -> None:
    jobs = re.split(r"^  (?=\w+:$)", (GITHUB / "workflows" / "release.yml").read_text(), flags=re.M)[-3:]
    needs = [re.findall(r"^    (?:uses|needs): (.+)$", each, re.M) for each in jobs]
    assert needs == [["$/.github/workflows/tests.yml"], ["tests"], ["build"]]
    assert "\n  workflow_call:" in (GITHUB / "workflows" / "tests.yml").read_text()


def test_the_lowest_versions_are_run() -> None:
    """`.ci/install` reads them from setup.cfg: those of the package, and of all its extras."""
    tests = (GITHUB / "workflows" / "tests.yml").read_text()
    assert '          - python: "3.10"\n            sanic: lowest\n' in tests
    (command,) = re.findall(r"sed .* setup\.cfg", (SCRIPTS / "install").read_text())
    output = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lists = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    lines = (line for text in lists for line in text.splitlines() if line and line[0] != "#")
    lowest: dict[str, str] = {}
    for requirement in map(Requirement, lines):
        if requirement.name != "corsbp":
            (bound,) = (each.version for each in requirement.specifier if each.operator == ">=")
            # two extras may need one package, and pip takes one version
            assert lowest.setdefault(requirement.name, bound) == bound
    assert {*output.splitlines()} == {f"{name}=={version}" for name, version in lowest.items()}


MAKES_A_PIP = """#!/bin/sh
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "$@" >"%s/arguments"\\n' "$3" >"$3/bin/pip"
chmod +x "$3/bin/pip"
"""


@pytest.mark.parametrize(
    ("version", "arguments"),
    [
        ("24.12.0", "sanic==24.12.0 .[test]"),
        ("25.12", "sanic~=25.12.0 .[test]"),
        ("lowest", "--constraint {venv}/lowest.txt .[test]"),
    ],
)
def test_which_versions_are_installed(version: str, arguments: str, tmp_path: Path) -> None:
    """Of a release, its newest fix; of a version, that one."""
    python, venv = tmp_path / "python", tmp_path / "venv"
    python.write_text(MAKES_A_PIP)
    python.chmod(0o755)
    subprocess.run([SCRIPTS / "install", python, version, "test", venv], capture_output=True, check=True)
    assert (venv / "arguments").read_text().endswith(f" {arguments.format(venv=venv)}\n")


def test_the_oldest_pair_has_the_lowest_versions() -> None:
    assert ' "$oldest" lowest test,servers ' in (SCRIPTS / "run").read_text()


def test_every_supported_python_is_run() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    promised = re.findall(r"Python :: (3\.\d+)", config["metadata"]["classifiers"])
    matrix = re.search(r"python: \[(.+)\]", (GITHUB / "workflows" / "tests.yml").read_text())
    tox = re.search(r"py\{([\d,]+)\}", (ROOT / "pyproject.toml").read_text())
    assert matrix and tox
    assert re.findall(r"3\.\d+", matrix[1]) == promised
    assert [f"3.{each[1:]}" for each in tox[1].split(",")] == promised


def test_the_bug_form_asks_for_the_output_of_explain() -> None:
    form = (GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text()
    assert "corsbp explain shop:app" in form
