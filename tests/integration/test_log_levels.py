"""The lines of the logger `corsbp` at each level, under each server (L1)."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from sanic import Blueprint

from corsbp import cors_group
from corsbp.log import cors_logger, enable_debug

from ..support import (
    ORIGIN,
    TWO,
    HttpRequest,
    new_app,
    request,
    require_package,
    reserve_port,
    send,
    text_handler,
)
from .test_servers import program

EVIL = "https://evil.example"

SITE = """
import logging
from sanic import Blueprint, Sanic, text
from corsbp import CorsPolicy, cors_group
{setup}

def broken(origin, request):
    raise LookupError("no database")

app = Sanic("site")
api, asked = Blueprint("api", url_prefix="/api"), Blueprint("asked", url_prefix="/asked")
for bp in (api, asked):
    bp.add_route(lambda _: text("item"), "/item", name="item")
report_only = CorsPolicy(allow_origins=[{one!r}])
app.blueprint(cors_group(api, allow_origins=[{one!r}, {two!r}], report_only=report_only))
app.blueprint(cors_group(asked, allow_origins=broken))

@app.get("/level/<level>")
async def level(_, level):
    logging.getLogger("corsbp").setLevel(level)
    return text("")
"""

REFUSED = (
    f"cors_group(api): a page of '{EVIL}' cannot read the response to 'GET' '/api/item': "
    f"origin-not-allowed: allow_origins leaves it out: it has '{ORIGIN}', '{TWO}'"
)
TRIED = (
    f"cors_group(api) report-only: a page of '{TWO}' could no longer read the response to 'GET' '/api/item': "
    f"origin-not-allowed: allow_origins leaves it out: it has '{ORIGIN}'"
)
FAILED = f"The origin function broken() failed for '{EVIL}': refused"
OF_FAILED = (
    f"cors_group(asked): a page of '{EVIL}' cannot read the response to 'GET' '/asked/item': "
    "origin-function-failed: broken() failed: see the error in the log"
)
LINES = {
    "ERROR": [f"ERROR {FAILED}"],
    "INFO": [f"INFO {TRIED}", f"ERROR {FAILED}"],
    "DEBUG": [f"DEBUG {REFUSED}", f"INFO {TRIED}", f"ERROR {FAILED}", f"DEBUG {OF_FAILED}"],
}
ASKED = [
    request("GET", "/api/item", EVIL),
    request("GET", "/api/item", TWO),
    request("GET", "/asked/item", EVIL),
]

OWN = """
logging.getLogger("corsbp").setLevel({level!r})
logging.basicConfig(format="%(levelname)s %(message)s", force=True)
"""


def lines(logged: str) -> list[str]:
    """Return level and message of the lines of `corsbp`, without what a handler puts before them."""
    found = re.findall(r"(DEBUG|INFO|ERROR):? ((?:cors_group\(|The origin function).*)", logged)
    return [f"{level} {message}" for level, message in found]


def log_of(folder: Path, server: str, setup: str, *requests: HttpRequest, debug: bool = False) -> str:
    (folder / "site_.py").write_text(SITE.format(setup=setup, one=ORIGIN, two=TWO))
    with reserve_port() as port:
        options = {
            "sanic": ["--port", f"{port}", "--no-motd", *(["--debug"] if debug else [])],
            "uvicorn": ["--port", f"{port}"],
            "hypercorn": ["--bind", f"127.0.0.1:{port}"],
        }[server]
        with program(folder, server, "site_:app", *options, port=port) as started:
            send(port, *requests)
            return started.output.read_text(errors="replace")


@pytest.mark.parametrize(
    ("server", "level"),
    [*(("sanic", level) for level in LINES), ("uvicorn", "DEBUG"), ("hypercorn", "DEBUG")],
)
def test_each_level_has_its_lines_once(tmp_path: Path, server: str, level: str) -> None:
    """Handlers of the user write them, or else those of Sanic: each line once."""
    require_package(server)
    assert lines(log_of(tmp_path, server, OWN.format(level=level), *ASKED)) == LINES[level]
    setup = f'logging.getLogger("corsbp").setLevel("{level}")'
    assert lines(log_of(tmp_path, server, setup, *ASKED)) == LINES[level]


@pytest.mark.parametrize("server", ["sanic", "uvicorn", "hypercorn"])
def test_the_level_can_change_while_the_app_runs(tmp_path: Path, server: str) -> None:
    require_package(server)
    louder = [
        *ASKED,
        request("GET", "/level/DEBUG", None),
        ASKED[0],
        request("GET", "/level/ERROR", None),
        ASKED[0],
    ]
    assert lines(log_of(tmp_path, server, "", *louder)) == [*LINES["ERROR"], f"DEBUG {REFUSED}"]


def test_the_debug_mode_of_sanic_shows_the_lines(tmp_path: Path) -> None:
    """The lines appear without any setup; a level that the user set stays."""
    assert lines(log_of(tmp_path, "sanic", "", *ASKED, debug=True)) == LINES["DEBUG"]
    setup = 'logging.getLogger("corsbp").setLevel("INFO")'
    assert lines(log_of(tmp_path, "sanic", setup, *ASKED, debug=True)) == LINES["INFO"]


def test_a_level_that_is_set_stays_in_debug_mode() -> None:
    for level, then in ((logging.NOTSET, logging.DEBUG), (logging.INFO, logging.INFO)):
        cors_logger.logger.setLevel(level)
        enable_debug()
        assert cors_logger.logger.level == then


def test_another_app_does_not_reset_it(caplog: pytest.LogCaptureFixture) -> None:
    """`Sanic(…)` resets the loggers below its own."""
    bp = Blueprint("api")
    bp.add_route(text_handler("item"), "/item", name="item")
    caplog.set_level("DEBUG", "corsbp")
    app = new_app(cors_group(bp, allow_origins=[ORIGIN, TWO]))
    new_app()
    send(app, request("GET", "/item", EVIL))
    assert [each.levelname for each in caplog.records if each.name == "corsbp"] == ["DEBUG"]


def test_it_is_a_logger_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    """With a handler of its own, or without propagation, lines do not go to the handlers of Sanic."""
    logger, root, sanics = cors_logger.logger, logging.getLogger(), logging.getLogger("sanic.root")
    before = logger.handlers[:], root.handlers[:], sanics.handlers[:], logger.propagate
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    try:
        root.handlers[:], sanics.handlers[:] = [], [handler]
        logger.warning("one")
        root.handlers[:] = [logging.NullHandler()]
        logger.warning("two")
        logger.propagate = False
        logger.warning("three")
        logger.addHandler(logging.NullHandler())
        logger.warning("four")
    finally:
        logger.handlers[:], root.handlers[:], sanics.handlers[:], logger.propagate = before
    assert messages == ["one", "three"]
    assert logger.name == "corsbp"
