"""The wheel and the source distribution: built as for an upload, inspected, installed and tested."""

from __future__ import annotations

import csv
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from configparser import ConfigParser
from email import message_from_string
from importlib import import_module, metadata, util
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import corsbp

from ..docs.test_readme import FENCED, leads_somewhere, links, prose
from ..support import ROOT, require_package

FOLDERS = ("corsbp", "examples", "tests")
BACKEND = ROOT / ".ci" / "backend.py"
INSIDE = shutil.ignore_patterns("__pycache__", "*.py[cod]", ".*")
ABOUT = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}


class Built(NamedTuple):
    """A wheel and the source distribution that it was built from, with their files."""

    wheel: Path
    sdist: Path

    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def in_sdist(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {member.name.partition("/")[2] for member in archive if member.isfile()}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a Python module, and return its output; fail with it if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    return done.stdout


def copy_project(copy: Path) -> None:
    """Copy what a release is built from, with a module in `build` that no longer exists."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=INSIDE)
    (copy / ".ci").mkdir()
    for path in (BACKEND, *ROOT.iterdir()):
        if path == BACKEND or (path.is_file() and not path.name.startswith(".")):
            shutil.copy(path, copy / path.relative_to(ROOT))
    deleted = copy / "build" / "lib" / "corsbp" / "deleted.py"
    deleted.parent.mkdir(parents=True)
    deleted.touch()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build from a copy, so that no files are left here, and without isolation, which needs the network."""
    for name in ("build", "setuptools", "twine"):
        require_package(name)
    copy = tmp_path_factory.mktemp("build") / "copy"
    copy_project(copy)
    before = {path.name for path in copy.iterdir()}
    run("build", "--no-isolation", cwd=copy)
    assert {path.name for path in copy.iterdir()} == before | {"dist"}
    (wheel,), (sdist,) = (copy / "dist").glob("*.whl"), (copy / "dist").glob("*.tar.gz")
    return Built(wheel, sdist)


def files(*folders: str) -> set[str]:
    """Return the files of the project in some folders."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    names = (path.relative_to(ROOT) for path in found)
    return {
        name.as_posix() for name in names if not any(p == "__pycache__" or p[0] == "." for p in name.parts)
    }


def test_uploads_are_accepted(built: Built) -> None:
    run("twine", "check", "--strict", *built, cwd=ROOT)


def test_the_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    about = f"corsbp-{corsbp.__version__}.dist-info"
    assert built.in_wheel() == files("corsbp") | {f"{about}/{name}" for name in ABOUT}
    assert "corsbp/py.typed" in built.in_wheel()


def test_the_sdist_holds_what_its_tests_need(built: Built) -> None:
    names = {"README.md", "CHANGELOG.md", "LICENSE", "setup.cfg", "pyproject.toml", "PKG-INFO"}
    names.add(BACKEND.relative_to(ROOT).as_posix())
    assert not (names | files(*FOLDERS)) - built.in_sdist()
    assert not [name for name in built.in_sdist() if "__pycache__" in name or name.startswith("corsbp/.")]


def test_the_tests_of_the_sdist_pass(built: Built, tmp_path: Path) -> None:
    """Some tests that read files of the project, and one with an app."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    files = ("tests/integration/test_cases.py", "tests/docs/test_readme.py")
    chosen = "test_app or links or fields or every_id"
    options = ("-q", "-n", "0", "-p", "no:cacheprovider", "-k", chosen)
    assert re.search(r"^\d{2,} passed, \d+ deselected", run("pytest", *options, *files, cwd=folder), re.M)


def test_an_installed_wheel_works_without_the_clone(
    built: Built, tmp_path: Path, print_at_end: Callable[[str], None]
) -> None:
    """It has a bounded number of files and bytes, and the version of the package."""
    options = ("-q", "--no-deps", "--no-index", "--no-compile", "--target", tmp_path)
    run("pip", "install", *options, built.wheel, cwd=ROOT)
    (about,) = tmp_path.glob("corsbp-*.dist-info")
    with (about / "RECORD").open(newline="") as lines:
        sizes = [int(size or 0) for _, _, size in csv.reader(lines)]
    (installed,) = metadata.distributions(path=[str(tmp_path)])
    code = f"import corsbp; assert corsbp.__file__.startswith({str(tmp_path)!r}); print(corsbp.__version__)"
    output = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert installed.version == output.strip() == corsbp.__version__
    code = "import sys; sys.path.insert(0, sys.argv[1]); from corsbp.command import main; main(sys.argv[2:])"
    why = [sys.executable, "-c", code, str(tmp_path), "why", "origin-path"]
    output = subprocess.run(why, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert output.startswith("origin-path\n  An origin has no path.\n")
    print_at_end(f"pip install corsbp: {len(sizes)} files, {sum(sizes):,} bytes")


# --- the build backend ---


def call_backend(folder: Path, hook: str, output: Path) -> Path:
    """Return the file or folder that a hook of the backend makes in `output`."""
    require_package("setuptools")
    code = f"import sys; sys.path.insert(0, '.ci'); import backend; print(backend.{hook}(sys.argv[1]))"
    output.mkdir()
    command = [sys.executable, "-c", code, str(output)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output / f"{done.stdout.splitlines()[-1]}"


ADDRESS = "https://github.com/example/corsbp"
PAGES = [  # the address of the repository, the version, and where the links lead
    ("", "2.0", ""),
    (ADDRESS, "2.0", f"{ADDRESS}/blob/v2.0/"),
    (ADDRESS, "2.0.dev0", f"{ADDRESS}/blob/HEAD/"),  # it has no tag
]


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the folder of the links, or "", and the metadata that the backend makes with it."""
    folder = tmp_path_factory.mktemp("page")
    copy_project(folder)
    address, version, files = request.param
    replace_line(folder / "setup.cfg", r"address =.*", f"address = {address}")
    replace_line(folder / "corsbp" / "__init__.py", r"__version__ = .*", f'__version__ = "{version}"')
    about = call_backend(folder, "prepare_metadata_for_build_wheel", folder / "dist")
    return files, (about / "METADATA").read_text()


def replace_line(file: Path, pattern: str, line: str) -> None:
    """Replace the only line that matches a pattern."""
    text, count = re.subn(f"^{pattern}$", line, file.read_text(), flags=re.M)
    assert count == 1
    file.write_text(text)


def test_the_page_of_an_index_has_no_dead_link(page: tuple[str, str]) -> None:
    """Its links are absolute, and lead to a file or heading; without an address, they are plain text."""
    files, metadata_text = page
    text = metadata_text.partition("\n\n")[2]
    targets = re.findall(r"\]\(([^)]+)\)", prose(text))
    inner = [target.removeprefix(files) for target in targets if files and target.startswith(files)]
    assert all(target.startswith("https://") for target in targets)
    assert all(leads_somewhere(target) for target in inner)
    assert len(inner) == (len([*links("README.md")]) if files else 0)
    readme = (ROOT / "README.md").read_text()
    assert FENCED.findall(text) == FENCED.findall(readme)
    assert plain(text) == plain(readme)


def plain(text: str) -> str:
    """Return a page without its links, but with their text."""
    return re.sub(r"\[((?:`[^`]+`|[^][`])+)\]\([^)]+\)", r"\1", FENCED.sub("", text)).strip()


def test_the_metadata_is_complete(page: tuple[str, str]) -> None:
    files, text = page
    about = message_from_string(text)
    assert about["License-Expression"] == "MIT" and about["License-File"] == "LICENSE"
    assert about["Author"] and about["Keywords"] and about["Description-Content-Type"] == "text/markdown"
    assert [url.partition(", ")[0] for url in about.get_all("Project-URL", [])] == (
        ["Source", "Changelog"] if files else []
    )


def test_an_editable_install_is_a_path(tmp_path: Path) -> None:
    """Type checkers read paths in a .pth file; they do not run an import hook."""
    copy_project(tmp_path)
    with zipfile.ZipFile(call_backend(tmp_path, "build_editable", tmp_path / "dist")) as wheel:
        (pth,) = [name for name in wheel.namelist() if "dist-info" not in name]
        assert wheel.read(pth).decode().splitlines() == [str(tmp_path)]


def test_the_version_is_written_once() -> None:
    assert setup()["metadata"]["version"] == "attr: corsbp.__version__"
    assert "version" not in (ROOT / "pyproject.toml").read_text().partition("[tool.ruff]")[0]


def test_the_version_is_that_of_the_changelog() -> None:
    """While the changelog has changes without a release, it is a development version of the next one."""
    newest, before = re.findall(r"^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)[:2]
    version = Version(corsbp.__version__)
    if newest == "Unreleased":
        assert version.is_devrelease and version > Version(before)
    else:
        assert version == Version(newest)


def setup() -> ConfigParser:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def uncovered(version: Callable[[str], str]) -> list[str]:
    """Return the requirements that the installed packages do not meet."""
    lines = setup()["options"]["install_requires"].split("\n")
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert "sanic" in {requirement.name for requirement in requirements}
    return [
        f"{each}, not {version(each.name)}"
        for each in requirements
        if not each.specifier.contains(version(each.name), prereleases=True)
    ]


def test_the_metadata_covers_the_versions_that_are_installed() -> None:
    """Otherwise, tests would run with versions that are not supported."""
    assert not uncovered(metadata.version)
    python = ".".join(map(str, sys.version_info[:2]))
    assert SpecifierSet(setup()["options"]["python_requires"]).contains(python)
    assert f"Programming Language :: Python :: {python}" in setup()["metadata"]["classifiers"].split("\n")


@pytest.mark.parametrize("version", ["23.12.2", "24.6.0", "26.3.0", "27.6.1"])
def test_other_versions_of_sanic_are_noticed(version: str) -> None:
    (line,) = uncovered(lambda name: version if name == "sanic" else metadata.version(name))
    assert line.startswith("sanic") and line.endswith(f", not {version}")


# --- zipped, and frozen ---


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("why", "origin-path"), "An origin has no path."),
        (("why", "preflight-status"), "does not have an OK status"),
        (("--version",), "public suffix list of 2"),
    ],
)
def test_the_command_works_in_a_zip_file(arguments: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    """The ids of `corsbp.testing` and the public suffix list are read there, too."""
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for package in ("corsbp", "idna", "publicsuffixlist"):
            folder = Path(f"{import_module(package).__file__}").parent
            for path in (*folder.rglob("*.py"), *folder.rglob("*.dat")):
                file.write(path, path.relative_to(folder.parent))
    code = "import sys; sys.path.insert(0, 'all.zip'); from corsbp.command import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert expected in " ".join(done.stdout.split()), done.stderr


def test_pyinstaller_finds_hooks_that_name_what_exists() -> None:
    """`python -m tests.project.frozen` builds an app with them."""
    require_package("PyInstaller")
    (entry,) = re.findall(r"hook-dirs = (.+):(.+)", (ROOT / "setup.cfg").read_text())
    (folder,) = getattr(import_module(entry[0]), entry[1])()
    hooks = {path.stem: runpy.run_path(str(path)) for path in Path(folder).glob("hook-*.py")}
    assert set(hooks) == {"hook-corsbp", "hook-corsbp.command"}
    assert [Path(source).name for source, _ in hooks["hook-corsbp"]["datas"]] == ["public_suffix_list.dat"]
    names = {name for hook in hooks.values() for name in hook["hiddenimports"]}
    assert {"corsbp.group", "corsbp.command.why", "corsbp.testing.stops"} < names
    assert all(util.find_spec(name) for name in names)
