"""The pytest plugin: the fixture, the report of a failed test, and its cost for other tests."""

from __future__ import annotations

import importlib
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

import corsbp.testing

from ..support import ROOT

pytest_plugins = ["pytester"]

APP = """
    import pytest
    from sanic import Blueprint, Sanic, text
    from corsbp import cors_group

    EVENTS = []

    @pytest.fixture
    def app(request):
        app = Sanic(f"plugin-{request.node.name}")
        api = Blueprint("api", url_prefix="/api")
        api.add_route(lambda request: text("item"), "/item", methods=["GET", "PUT"], name="item")
        app.blueprint(cors_group(api, allow_origins=["https://app.example"]))
        app.config.AUTO_EXTEND = False

        @app.before_server_start
        async def start(app):
            EVENTS.append("start")

        @app.after_server_stop
        async def stop(app):
            EVENTS.append("stop")

        yield app
        Sanic.unregister_app(app)
"""
TESTS = {
    "without_async": (
        """
    def test_it(app, cors_browser):
        assert EVENTS == []
        allowed, denied = cors_browser(app), cors_browser(app, "https://evil.example", engine="today")
        assert allowed.fetch("/api/item", "PUT").text == "item"
        assert denied.fetch("/api/item").blocked_by == "origin-other"
        assert EVENTS == ["start"]

    def test_all_is_stopped():
        assert EVENTS == ["start", "stop"]

    def test_a_thousand(app, cors_browser):
        results = [cors_browser(app).fetch("/api/item") for _ in range(1000)]
        assert all(result.ok_for_page for result in results)
        assert EVENTS == ["start", "stop", "start"]

    def test_one_that_waits_longer(app, cors_browser):
        assert cors_browser(app).fetch("/api/item").ok_for_page
        assert cors_browser(app, reading=9).fetch("/api/item").ok_for_page
    """,
        {"passed": 4},
    ),
    "async": (
        """
    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.anyio
    async def test_it(app, cors_browser):
        assert cors_browser(app).fetch("/api/item").ok_for_page
    """,
        {"passed": 1},
    ),
    "no_start": (
        """
    def test_it(app, cors_browser):
        app.before_server_start(lambda app: 1 / 0)
        with pytest.raises(RuntimeError, match="failed at its startup: division by zero"):
            cors_browser(app)
    """,
        {"passed": 1},
    ),
    "no_origin": (
        """
    def test_it(app, cors_browser):
        with pytest.raises(ValueError, match="meant: https://app.example"):
            cors_browser(app, "https://app.example/")
    """,
        {"passed": 1},
    ),
}


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tests: str) -> pytest.RunResult:
    pytester.makepyfile(APP + tests)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester.runpytest_inprocess("-p", "corsbp.pytest_plugin", "-p", "anyio.pytest_plugin")


@pytest.mark.parametrize("name", TESTS)
def test_the_fixture(name: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    tests, outcomes = TESTS[name]
    run(pytester, monkeypatch, tests).assert_outcomes(**outcomes)


FAILING = """
    def test_reads(app, cors_browser):
        cors_browser(app).fetch("/api/item")

    def test_fails(app, cors_browser):
        browsers = [cors_browser(app, origin) for origin in ("https://app.example", "https://evil.example")]
        results = [browser.fetch("/api/item", "PUT") for browser in browsers]
        assert all(result.ok_for_page for result in results)

    @pytest.fixture
    def item(app, cors_browser):
        result = cors_browser(app, "null").fetch("/api/item")
        assert result.ok_for_page

    def test_cannot_be_set_up(item):
        pass

    def test_fails_without_a_browser(app):
        raise AssertionError
"""


def test_report_of_a_failed_test(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fetch of this test's browsers, step by step."""
    result = run(pytester, monkeypatch, FAILING)
    result.assert_outcomes(passed=1, failed=2, errors=1)
    sections = [line.strip(" -") for line in result.outlines if line.strip(" -").startswith("cors_browser, ")]
    assert sections == ["cors_browser, fetch 1"] * 3
    lines = [
        "  x access-control-allow-origin: 'https://app.example' is not the origin https://evil.example",
        "Blocked: preflight-origin-other.",
        "Send access-control-allow-origin: https://evil.example. With corsbp: *",
    ]
    result.stdout.fnmatch_lines(
        ["*assert all(*", "* cors_browser, fetch 1 *", "The page reads status 200.", *lines]
    )
    result.stdout.fnmatch_lines(["*ERROR at setup of test_cannot_be_set_up*", "Blocked: origin-other."])
    result.stdout.fnmatch_lines(
        ["E * assert False", "E * where False = <Result blocked_by='origin-other', GET *"]
    )


@pytest.mark.parametrize(
    ("test", "imported"), [("pass", []), ("cors_browser(Sanic('x'))", ["httpx", "sanic"])]
)
def test_it_imports_nothing_unless_it_is_used(test: str, imported: list[str], tmp_path: Path) -> None:
    imports = "" if test == "pass" else "from sanic import Sanic\n"
    (tmp_path / "test_it.py").write_text(
        f"{imports}def test_it({'' if test == 'pass' else 'cors_browser'}):\n    {test}\n"
    )
    code = (
        "import sys, pytest; "
        "status = pytest.main(['-p', 'corsbp.pytest_plugin', '-q', 'test_it.py']); "
        "print('imported', sorted({'httpx', 'sanic'} & sys.modules.keys()), status == 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == f"imported {imported} True"


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("httpx", r'corsbp\.testing needs the extra "testing" of corsbp: no httpx'),
        ("anyio.from_thread", r'corsbp\.testing needs the extra "testing" of corsbp: no anyio\.from_thread'),
        ("sanic", "import of sanic halted"),
    ],
)
def test_without_the_extra(missing: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra to install, not the missing module."""
    for room in [name for name in sys.modules if name.startswith("corsbp.testing.")]:
        monkeypatch.delitem(sys.modules, room)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError, match=message):
        importlib.reload(corsbp.testing)


def test_the_fixture_without_the_extra(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "corsbp.testing.sync", None)
    result = run(pytester, monkeypatch, "\n    def test_it(cors_browser):\n        pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["import of corsbp.testing.sync halted; None in sys.modules"])


def test_the_entry_point_names_it() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["options.entry_points"]["pytest11"].split() == ["corsbp", "=", "corsbp.pytest_plugin"]
