"""`module:app` as typed: the app, or a message that says what was found instead; never a traceback."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import warnings
from functools import partial
from importlib import import_module, util
from pathlib import Path
from typing import Any

import pytest
import sanic
from rich.console import Console
from sanic import Sanic

import corsbp
from corsbp import CorsPolicyWarning, command
from corsbp.command import cli, main
from corsbp.command.console import CommandConsole
from corsbp.command.errors import CommandError
from corsbp.command.loading import load_app, redirect_app_output

from ..support import ROOT

GOOD = """
from sanic import Sanic, text
app = Sanic("loaded")
def create(): return app
async def handler(request): return text("here")
other = 7
def broken(): raise OSError("no database")
"""
MODULES = {
    "good": GOOD,
    "syntax": "def:",
    "needs": "import nowhere_to_be_found",
    "policy": "from corsbp import CorsPolicy\nCorsPolicy(allow_origins=['app.example'])",
    "fails": "raise LookupError('at import')",
    "empty": "",
    "relative": "from . import sibling",
    "exits": "raise SystemExit('no DATABASE_URL')",
    "deep": "import json\n\nSETTINGS = json.loads('{')",
    "argv": """
import argparse, sys
from sanic import Sanic
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=1)
app = Sanic("argv")
app.ctx.port = parser.parse_args().port
app.add_route(lambda _: None, f"/{app.ctx.port}/{sys.argv[0].replace(':', '-')}", name="index")
""",
    "makes": """
def needs(name, *, port, debug=False, **more): ...
from builtins import dict
async def later(): ...
def leaves(): raise SystemExit('no DATABASE_URL')
from os import getcwd
def create_app(): ...
""",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in MODULES.items():
        (tmp_path / f"loading_{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, f"loading_{name}", raising=False)
    (tmp_path / "loading_package").mkdir()
    (tmp_path / "loading_package" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "target", ["loading_good:app", "loading_good", "loading_good:create", "loading_good:create()"]
)
def test_load_app(target: str) -> None:
    assert load_app(target).name == "loaded"
    assert load_app(target).name == "loaded"
    assert sys.path.count(str(Path.cwd())) == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("loading_good:ap", "loading_good has no 'ap'; apps there: app; meant: loading_good:app"),
        ("loading_empty:app", "loading_empty has no 'app'; there is no app in it"),
        (
            "loading_makes:app",
            "loading_makes has no 'app'; there is no app in it; meant: loading_makes:create_app",
        ),
        (
            "loading_makes:later",
            "loading_makes:later is a coroutine function: the function that makes the app cannot be async",
        ),
        (
            "loading_makes:needs",
            r"loading_makes:needs takes arguments; name a function without any, as in "
            r"def make_app\(\): return needs\(name=…, port=…\)",
        ),
        ("loading_makes:dict", "loading_makes:dict is .*, not a Sanic app"),
        (
            "loading_makes:leaves",
            r"loading_makes:leaves\(\) failed: SystemExit: no DATABASE_URL \(loading_makes.py, line 5\)",
        ),
        (
            "loading_exits:app",
            r"loading_exits could not be imported: SystemExit: no DATABASE_URL \(loading_exits.py, line 1\)",
        ),
        (
            "loading_good.app",
            "'loading_good.app' could not be imported: no module .*; meant: loading_good:app",
        ),
        ("http://127.0.0.1:8000", "a URL is for explain: corsbp explain URL --origin …"),
        ("loading_good:other", "loading_good:other is 7, not a Sanic app"),
        (
            "loading_good:broken",
            r"loading_good:broken\(\) failed: OSError: no database \(loading_good.py, line 7\)",
        ),
        (
            "loading_god:app",
            "'loading_god' could not be imported: no module 'loading_god', from .*; meant: loading_good",
        ),
        (
            "nothing_like_it",
            "'nothing_like_it' could not be imported: no module 'nothing_like_it', from [^;]*",
        ),
        (
            "loading_package.inner:app",
            "'loading_package.inner' could not be imported: no module .*; meant: loading_package",
        ),
        ("loading_good.py:app", "'loading_good.py' is a file; meant: loading_good:app"),
        ("./loading_good.py", "'./loading_good.py' is a file; meant: loading_good:app"),
        (
            "loading_needs:app",
            "loading_needs could not be imported: ModuleNotFoundError: No module named 'nowhere.*",
        ),
        (
            "loading_deep:app",
            r"loading_deep could not be imported: JSONDecodeError: .* \(loading_deep.py, line 3\)",
        ),
        ("loading_syntax:app", "loading_syntax could not be imported: SyntaxError: .*"),
        (
            "loading_fails:app",
            r"loading_fails could not be imported: LookupError: at import \(loading_fails.py, line 1\)",
        ),
        (
            "loading_policy:app",
            r"(?s)loading_policy could not be imported \(loading_policy.py, line 2\)\. "
            r"1 problem in a CORS policy:.*origin-scheme-missing.*",
        ),
        ("loading_relative:app", "loading_relative could not be imported: ImportError: .*"),
        (":app", "MODULE:APP has no module: write shop:app"),
    ],
)
def test_errors(target: str, expected: str) -> None:
    with pytest.raises(CommandError) as caught:
        load_app(target)
    assert re.fullmatch(expected, str(caught.value)), str(caught.value)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["audit", "loading_argv:app", "--json"], "/1/loading_argv:app"),
        (["audit", "loading_argv:app", "--json", "--", "--port", "80"], "/80/loading_argv:app"),
        (["audit", "--json", "loading_argv:app", "--"], "/1/loading_argv:app"),
    ],
)
def test_arguments_of_the_app(arguments: list[str], path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The app gets the arguments after `--`, and none of the command's own."""
    before = sys.argv
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["routes"][0]["path"] == path.replace(":", "-")
    assert sys.argv is before


def test_unknown_arguments_of_the_app(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "loading_argv:app", "--", "--nonsense"]) == 2
    expected = capsys.readouterr().err
    assert "corsbp: loading_argv could not be imported: SystemExit: 2 (loading_argv.py, line 7)" in expected


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "corsbp", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_process() -> None:
    """In a process of its own: stdout, stderr and exit status."""
    good, bad, none = run("audit", "examples.versions"), run("audit", "examples.nowhere"), run()
    assert good.returncode == 0 and re.fullmatch(r"information: public suffix list of .*\n", good.stderr)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith(
        "corsbp: 'examples.nowhere' could not be imported: no module 'examples.nowhere'"
    )
    assert none.returncode == 2 and "required: COMMAND" in none.stderr
    assert "\x1b" not in good.stdout + bad.stderr


def test_main_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["corsbp", "audit", "examples.versions"])
    monkeypatch.delitem(sys.modules, "corsbp.__main__", raising=False)
    with pytest.raises(SystemExit, match="0"):
        import_module("corsbp.__main__")
    assert capsys.readouterr().out.startswith("methods")


def test_help_has_examples() -> None:
    for arguments in ([], ["audit"], ["explain"], ["try"]):
        done = run(*arguments, "--help")
        assert done.returncode == 0 and "usage: corsbp" in done.stdout
    assert "corsbp audit shop:app --check cors.json" in run("--help").stdout


def test_missing_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = util.find_spec
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "rich" else found(name))
    assert command.main(["audit", "examples.versions"]) == 2
    assert capsys.readouterr().err == 'corsbp: this needs the extra "cli" of corsbp: no rich\n'
    for option, expected in {
        "--version": f"corsbp {corsbp.__version__}\n",
        "--help": "usage: corsbp ",
    }.items():
        with pytest.raises(SystemExit, match="0"):
            command.main([option])
        assert capsys.readouterr().out.startswith(expected)


@pytest.mark.parametrize(("error", "status"), [(BrokenPipeError(), 2), (KeyboardInterrupt(), 130)])
def test_no_traceback(
    error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> Sanic:
        raise error

    monkeypatch.setattr("corsbp.command.audit.arguments.load_app", stop)
    assert command.main(["audit", "examples.versions"]) == status
    assert capsys.readouterr().out == ""


def test_output_that_is_not_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = io.StringIO()
    monkeypatch.setattr(sys, "stdout", expected)
    assert command.main(["audit", "examples.versions"]) == 0
    assert expected.getvalue().startswith("methods")


def test_closed_pipe() -> None:
    """`corsbp audit … | head`: no traceback, and not the exit status of an error."""
    with pytest.raises(BrokenPipeError):
        CommandConsole().on_broken_pipe()
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m corsbp audit tests.command.many | head -1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and re.fullmatch(r"information: public suffix list of .*\n", done.stderr)
    assert done.stdout.startswith("methods")


def test_output_of_the_app() -> None:
    for arguments in (
        ["audit", "tests.command.loud", "--json"],
        ["explain", "tests.command.loud", "/", "--origin", "null"],
    ):
        done = run(*arguments, env={**os.environ, "PYTHONIOENCODING": "latin-1"})
        assert "loud" not in done.stdout.replace('"loud"', "").replace("loud.", "")
        assert "LOUD at import" in done.stderr
        assert "Traceback" not in done.stderr


def test_ascii_terminal() -> None:
    done = run(
        "explain",
        "examples.quickstart",
        "/",
        "--origin",
        "https://app.example",
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 1 and r"\u2018Access-Control" in done.stdout and "Traceback" not in done.stderr


def test_warnings_of_corsbp_are_one_line() -> None:
    """Those of startup come from a line of Sanic, which is not to be changed."""
    with redirect_app_output(Console(file=io.StringIO()), "importing"):
        show = partial(warnings.formatwarning, "too long", lineno=7)
        assert (
            show(CorsPolicyWarning, __file__) == f"warning: too long ({os.path.relpath(__file__)}, line 7)\n"
        )
        assert show(CorsPolicyWarning, sanic.app.__file__) == "warning: too long\n"
        assert "UserWarning: too long" in show(UserWarning, __file__)
    assert "CorsPolicyWarning: " in warnings.formatwarning("too long", CorsPolicyWarning, __file__, 7)
