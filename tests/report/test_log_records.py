"""Each record of the logger `corsbp` carries its facts: `record.corsbp`, for formatters (L5)."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic

from corsbp import CorsPolicy, cors_group
from corsbp.log import NO_FACTS, cors_logger
from corsbp.report.signals import MAX_CONCURRENT, SIGNAL

from ..app.test_websockets import handshake, opened
from ..cases import EVIL, ONE, TWO
from ..support import HttpRequest, as_handler, new_app, preflight, request, run_server, send_async, serve
from .test_refused import is_broken, routes_of

NAMES = {"section", "origin", "id", "method", "path", "report_only"}


def facts(id_: str | None = "origin-not-allowed", **others: Any) -> dict[str, Any]:
    """Return the facts of a refused GET, with others in their place."""
    usual = {"section": "cors_group(api)", "origin": EVIL, "method": "GET", "path": "/api/item"}
    return {**usual, "id": id_, "report_only": False, **others}


def records_of(
    caplog: pytest.LogCaptureFixture, app: Sanic, *messages: HttpRequest | bytes
) -> list[logging.LogRecord]:
    """Return the records of requests, each of which carries facts in JSON and of limited size."""

    async def talk(port: int) -> None:
        for message in messages:
            if isinstance(message, bytes) and b"upgrade" in message:
                await opened(port, message)
            else:
                await send_async(port, message)
        for _ in range(5):
            await asyncio.sleep(0)

    caplog.set_level(logging.DEBUG, "corsbp")
    run_server(serve(app, talk))
    records = [each for each in caplog.records if each.name == "corsbp"]
    for record in records:
        found = facts_of(record)
        assert found.keys() == NAMES
        assert len(json.dumps(found)) < 4000
    return records


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    found = record.corsbp  # type: ignore[attr-defined]
    assert isinstance(found, dict)
    return found


def app_of(*, report_only: CorsPolicy | None = None, **fields: Any) -> Sanic:
    return new_app(
        cors_group(routes_of(Blueprint("api", url_prefix="/api")), report_only=report_only, **fields)
    )


LIST = CorsPolicy(allow_origins=[ONE, TWO], allow_methods=["GET"], allow_headers=["x-a"])
ROWS: list[tuple[HttpRequest | bytes, dict[str, Any]]] = [
    (request("GET", "/api/item", EVIL), facts()),
    (request("GET", "/api/item?a=b", EVIL), facts()),
    (
        request("PATCH", "/api/nothing", "null"),
        facts("origin-null", origin="null", method="PATCH", path="/api/nothing"),
    ),
    (request("OPTIONS", "/api/item", EVIL), facts(method="OPTIONS")),
    # of a preflight: the method that the page wants to use
    (preflight("/api/item", "PUT", origin=EVIL), facts(method="PUT")),
    (preflight("/api/item", "DELETE", origin=TWO), facts("method-not-allowed", origin=TWO, method="DELETE")),
    (preflight("/api/item", "POST", origin=TWO), facts("method-elsewhere", origin=TWO, method="POST")),
    (preflight("/api/item", "GET", "x-b", origin=TWO), facts("header-not-allowed", origin=TWO)),
    (handshake(EVIL, path="/api/ws"), facts(path="/api/ws")),
]


@pytest.mark.parametrize(("message", "expected"), ROWS)
def test_refused_pages(
    message: HttpRequest | bytes, expected: object, caplog: pytest.LogCaptureFixture
) -> None:
    (record,) = records_of(caplog, app_of(policy=LIST), message)
    assert facts_of(record) == expected


def test_a_report_only_policy(caplog: pytest.LogCaptureFixture) -> None:
    records = records_of(caplog, app_of(report_only=LIST), preflight("/api/item", "PUT", origin=EVIL))
    assert [facts_of(each) for each in records] == [facts(method="PUT", report_only=True)]


def test_an_origin_function_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    failed, refused = records_of(caplog, app_of(allow_origins=is_broken), request("GET", "/api/item", EVIL))
    assert facts_of(failed) == facts_of(refused) == facts("origin-function-failed")
    failed, reported = records_of(
        caplog,
        app_of(report_only=CorsPolicy(allow_origins=is_broken)),
        preflight("/api/item", "PUT", origin=EVIL),
    )[2:]
    expected = facts("origin-function-failed", method="PUT", report_only=True)
    assert facts_of(failed) == facts_of(reported) == expected


def test_an_origin_function_that_returns_no_bool(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(allow_origins=lambda origin, request: "yes")
    failed, _ = records_of(caplog, app, request("GET", "/api/item", EVIL))
    assert facts_of(failed) == facts("origin-function-failed")


def test_a_listener_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(policy=LIST)

    @app.signal(SIGNAL)
    @as_handler
    def listener(**_: Any) -> None:
        raise LookupError("no counter")

    records = records_of(caplog, app, request("GET", "/api/item", EVIL))
    assert [(each.levelname, facts_of(each)) for each in records] == [("DEBUG", facts()), ("ERROR", facts())]


def test_functions_of_a_report_only_policy_that_hang(caplog: pytest.LogCaptureFixture) -> None:
    async def hangs(origin: str, request: Request) -> bool:
        await asyncio.Event().wait()
        return True

    app = app_of(report_only=CorsPolicy(allow_origins=hangs, origin_timeout=60))
    (record,) = records_of(caplog, app, *[request("GET", "/api/item", EVIL)] * (MAX_CONCURRENT + 1))
    assert facts_of(record) == facts(None, report_only=True)


def test_lines_without_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """The number of lines that were left out, and a list that is cut."""
    app = app_of(report_only=CorsPolicy(allow_origins=[ONE]))
    cors_logger.lines = 1
    pages = [request("GET", "/api/item", f"https://{number}.example") for number in range(60)]
    caplog.set_level(logging.INFO)
    records = records_of(caplog, app, *pages)
    others = [each for each in records if "a page of" not in each.getMessage()]
    for each in others:
        assert facts_of(each) == NO_FACTS, each.getMessage()
    assert dict.fromkeys(NAMES) == NO_FACTS


def test_the_value_of_a_malformed_header_is_in_its_line(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(allow_origins=[ONE, TWO], allow_credentials=True)
    names, origin = (
        preflight("/api/item", "GET", "x y\x07"),
        request("GET", "/api/item", "app.example/\x1b[31m"),
    )
    found = [each.getMessage() for each in records_of(caplog, app, names, origin)]
    assert "headers-malformed" in found[0] and r"'x y\x07'" in found[0]
    assert "origin-malformed" in found[1] and r"'app.example/\x1b[31m'" in found[1]
    assert all(line.isprintable() for line in found)


def test_values_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(policy=LIST)
    long = "x" * 3000
    (record,) = records_of(caplog, app, request("GET", f"/api/{long}", f"https://{long}.example"))
    assert facts_of(record)["path"] == f"/api/{long[:195]}… (3005 characters)"
    assert facts_of(record)["origin"] == f"https://{long[:192]}… (3016 characters)"
