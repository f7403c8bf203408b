"""Origin functions beside entries in the same policy (V9)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, cors_group
from corsbp.decision.compiled import CompiledPolicy

from ..cases import EVIL, ONE, SUB
from ..support import new_app, preflight, request, run_server, send, send_async, serve
from ..test_group import NAMED, PREVIEW, Function, is_preview, later, section
from .test_refusal import refused

# --- functions beside origins ---


@pytest.mark.parametrize(
    ("origin", "results", "called", "granted"),
    [
        # functions are not called for an origin that an entry allows
        (ONE, [True], "", True),
        (SUB, [True], "", True),
        # for others, in the declared order, up to the first True
        (PREVIEW, [is_preview, True], "f0", True),
        (PREVIEW, [False, later, True], "f0 f1", True),
        (EVIL, [is_preview, later], "f0 f1", False),
        # after one that fails, the next one is called
        (PREVIEW, [ValueError("boom"), is_preview], "f0 f1", True),
        (PREVIEW, ["yes", is_preview, False], "f0 f1", True),
        (EVIL, [ValueError("boom"), None], "f0 f1", False),
        # functions are called for valid origins only
        ("null", [True], "", False),
        (f"{ONE}/", [True], "", False),
    ],
)
@pytest.mark.parametrize("kind", ["request", "preflight", "404"])
def test_functions_are_called_for_origins_that_no_entry_allows(
    kind: str, origin: str, results: list[Any], called: str, granted: bool
) -> None:
    calls: list[tuple[str, str]] = []
    functions = [Function(f"f{number}", result, calls) for number, result in enumerate(results)]
    policy = CorsPolicy(allow_origins=[*functions[:1], *NAMED, *functions[1:]], allow_credentials=True)
    app, _ = section(policy)
    one = {
        "request": request("GET", "/bp/item", origin),
        "preflight": preflight("/bp/item", "POST", None, origin),
        "404": request("GET", "/bp/nothing", origin),
    }[kind]
    (response,) = send(app, one)
    assert calls == [(name, origin) for name in called.split()]
    assert response.cors.get("access-control-allow-origin") == (origin if granted else None)
    assert response.cors["vary"].startswith("origin")
    if kind == "request":
        assert response.body == f"{granted}".encode()


def test_each_failure_is_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[tuple[str, str]] = []
    functions = [Function("raises", ValueError("boom"), calls), Function("says_yes", "yes", calls)]
    app, _ = section(CorsPolicy(allow_origins=[ONE, *functions, lambda origin, request: True]))
    with caplog.at_level(logging.INFO):
        (response,) = send(app, request("GET", "/bp/item", EVIL))
    assert response.cors["access-control-allow-origin"] == EVIL
    assert [each.getMessage() for each in caplog.records if "corsbp" in each.name] == [
        f"The origin function raises() failed for {EVIL!r}: refused",
        f"The origin function says_yes() returned 'yes' for {EVIL!r}, which is not a bool: refused",
    ]


def test_an_entry_decides_without_a_turn_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    from corsbp.app.send import SendWrapper

    async def fail(*_: object) -> None:
        raise AssertionError("called")

    app, _ = section(CorsPolicy(allow_origins=[*NAMED, lambda origin, request: True]))

    async def talk(port: int) -> list[Any]:
        monkeypatch.setattr(SendWrapper, "decide_origin", fail)
        requests = [
            preflight("/bp/item", "POST", None, ONE),
            request("GET", "/bp/nothing", SUB),
            request("PUT", "/bp/item", ONE),
        ]
        return [await send_async(port, each) for each in requests]

    responses = run_server(serve(app, talk))
    seen = [(response.status, response.cors.get("access-control-allow-origin")) for response in responses]
    assert seen == [(204, ONE), (404, SUB), (405, ONE)]


def test_functions_are_called_between_middleware_and_handler() -> None:
    order: list[str] = []
    bp = Blueprint("bp", url_prefix="/bp")

    def function(*_: object) -> bool:
        order.append("function")
        return True

    @bp.get("/")
    def handler(_: Request) -> HTTPResponse:
        order.append("handler")
        return text("")

    app = new_app(cors_group(bp, allow_origins=[ONE, function]))
    app.on_request(lambda _: order.append("middleware"))
    send(app, request("GET", "/bp/", EVIL), request("GET", "/bp/", ONE))
    assert order == ["middleware", "function", "handler", "middleware", "handler"]


def test_files_are_not_allowed_with_credentials() -> None:
    calls: list[tuple[str, str]] = []
    function = Function("f", True, calls)
    for credentials in (True, False):
        policy = CorsPolicy(allow_origins=[ONE, function], allow_credentials=credentials)
        (response,) = send(section(policy)[0], request("GET", "/bp/item", "file://"))
        assert response.cors.get("access-control-allow-origin") == (None if credentials else "file://")
        assert len(calls) == (not credentials)
    (response,) = send(
        section(CorsPolicy(allow_origins=["file://"]))[0], request("GET", "/bp/item", "file://")
    )
    assert response.cors["access-control-allow-origin"] == "file://"
    assert refused(CompiledPolicy(policy), "file:///").id == "origin-malformed"
