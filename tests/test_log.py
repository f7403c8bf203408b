"""What is said in the log is bounded: in length and in number."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from sanic import Blueprint

from corsbp import cors_group
from corsbp.log import LINES_PER_SECOND, RateLimitedLogger, cors_logger
from corsbp.text import MAX_SHOWN, safe_repr

from .support import EVIL, new_app, request, run_server, send_async, serve, text_handler


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ("a\r\nb\x1b", r"'a\r\nb\x1b'"),
        ("a" * 198, "'" + "a" * 198 + "'"),
        ("a" * 199, "'" + "a" * 199 + "… (201 characters)"),
        ("a" * 5000, "'" + "a" * 199 + "… (5000 characters)"),
        ("\0" * 5000, "'" + "\\x00" * 49 + "\\x0… (5000 characters)"),
        (["a" * 300], "['" + "a" * 198 + "… (304 characters)"),
        (None, "None"),
    ],
)
def test_values_are_escaped_and_cut(value: object, text: str) -> None:
    assert safe_repr(value) == text
    assert len(safe_repr(value)) < MAX_SHOWN + 30


class Shy:
    """Nobody can look at it."""

    def __repr__(self) -> str:
        raise LookupError("no connection")


def test_what_cannot_be_shown_is_named_by_its_type() -> None:
    """An origin function that returned it made an answer of 500; a source's exception ended the following."""
    assert safe_repr(Shy()) == "<a Shy that cannot be shown>"
    assert safe_repr(10**5000) == "<a int that cannot be shown>"  # Python does not write so many digits


def test_so_many_lines_a_second(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.9]
    bounded = RateLimitedLogger(logging.getLogger("bounded"), lines=3, clock=lambda: now[0])
    caplog.set_level(logging.INFO)
    for second in (100.9, 101.0, 103.5, 104.2):
        now[0] = second
        for number in range(5 if second < 103 else 2):
            bounded.write(logging.INFO, "%s", number)
        bounded.write(logging.DEBUG, "not even counted")
    left_out = "2 more lines like the last were left out"
    assert caplog.messages == [*"012", left_out, *"012", left_out, *"01", *"01"]


@pytest.fixture
def usual_limit() -> Iterator[None]:
    cors_logger.lines, cors_logger.counts = LINES_PER_SECOND, {}
    yield
    cors_logger.counts = {}


@pytest.mark.usefixtures("usual_limit")
@pytest.mark.parametrize("kind", ["refused", "broken"])
def test_an_attacker_does_not_fill_the_disk(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many refusals in one second, and what the log holds of them."""

    def broken(origin: str, request: object) -> bool:
        raise LookupError("no database")

    api = Blueprint("api")
    api.add_route(text_handler("here"), "/item", name="item")
    origins = broken if kind == "broken" else ["https://app.example", "https://two.example"]
    app = new_app(cors_group(api, allow_origins=origins))
    now = [7.0]
    monkeypatch.setattr(cors_logger, "clock", lambda: now[0])
    caplog.set_level(logging.DEBUG if kind == "refused" else logging.ERROR)

    async def talk(port: int) -> None:
        for second, times in ((7.0, 120), (8.0, 1)):
            now[0] = second
            for _ in range(times):
                await send_async(port, request("GET", "/item", EVIL, x_long="x" * 5000))

    run_server(serve(app, talk, debug=kind == "refused"))
    lines = [record.getMessage() for record in caplog.records if record.name == "corsbp"]
    assert len(lines) == LINES_PER_SECOND + 2
    assert lines[-2] == f"{120 - LINES_PER_SECOND} more lines like the last were left out"
    assert all(repr(EVIL) in line for line in [*lines[:-2], lines[-1]])
    assert all(len(line) < 1000 for line in lines)
