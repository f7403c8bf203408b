"""`corsbp explain` of requests that `check_requests` refuses: of an app, and of a server."""

from __future__ import annotations

import asyncio
import logging
import shlex
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, redirect, text
from sanic.exceptions import Forbidden

from corsbp import CorsPolicy, CorsPolicyWarning, cors_group
from corsbp.app.forged_requests import MESSAGE
from corsbp.app.inventory import RouteInfo
from corsbp.command import main
from corsbp.command.advice import PageRequest
from corsbp.command.refused_requests import (
    RefusedRequest,
    collect_refused_requests,
    find_refused_request,
    suggest_changes,
)
from corsbp.log import cors_logger
from corsbp.testing import Result, Sent

from ..support import EVIL, ORIGIN, TWO, as_handler, new_app, run_server, serve

Explain = Callable[..., tuple[int, str]]
METHODS = ["GET", "HEAD", "POST", "PUT"]
COOKIE = "--cookie 'a=1; SameSite=None; Secure'"


async def handler(request: Request, ws: object = None) -> HTTPResponse:
    return text("served")


def make_app(**fields: Any) -> Sanic:
    """Return an app with one section, of a path that is checked and one that has a policy of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)
        policy = CorsPolicy(**{"allow_origins": [ORIGIN], "check_requests": "writes", **fields})
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", methods=METHODS, name="item")
    own = policy.replace(allow_origins=[TWO])
    bp.add_route(handler, "/own", methods=METHODS, name="own", ctx_cors=own)
    bp.add_route(
        handler, "/exempt", methods=["POST"], name="exempt", ctx_cors=own.replace(check_requests=False)
    )
    bp.add_websocket_route(handler, "/chat", name="chat")
    return new_app(cors_group(bp, policy=policy))


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explain:
    """Explain a call: the exit status, and the output with the name of the app cut."""

    def run(app: Sanic, call: str) -> tuple[int, str]:
        monkeypatch.setattr("corsbp.command.explain.arguments.load_app", lambda _: app)
        status = main(["explain", "shop:app", *shlex.split(call)])
        return status, capsys.readouterr().out.replace(f"{app.name}.", "")

    return run


LINE = "at tests/command/test_refused_requests.py:"
CROSS_ORIGIN = "Refused: request-cross-origin. The handler did not run."
EXEMPT = "instead, if pages of other sites have to send this request."
CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        f"/api/item POST --origin {EVIL}",
        {},
        [
            CROSS_ORIGIN,
            "Blocked: origin-other.",
            f"cors_group(api): a page of '{EVIL}' cannot make the request 'POST' '/api/item': "
            f"request-cross-origin: allow_origins leaves it out: it has '{ORIGIN}'",
            f"The route api.item (/api/item) {LINE}",
            f"Change: cors_group(api) {LINE}",
            f": allow_origins=['{ORIGIN}', '{EVIL}'], if {EVIL} is yours\n",
            f"Change: ctx_cors=POLICY.replace(check_requests=False) on api.item {LINE}",
            EXEMPT,
        ],
    ),
    (
        f"/api/own POST --origin {ORIGIN}",
        {},
        [
            CROSS_ORIGIN,
            f"Change: ctx_cors of api.own {LINE}",
            f": allow_origins=['{TWO}', '{ORIGIN}'], if {ORIGIN} is yours\n",
            EXEMPT,
        ],
    ),
    (
        f"/api/item POST --origin {EVIL} --as form",
        {},
        [
            CROSS_ORIGIN,
            f": allow_origins=['{ORIGIN}', '{EVIL}'], allow_credentials=True, if {EVIL} is yours\n",
        ],
    ),
    (
        f"/api/item POST --origin {ORIGIN}",
        {"allow_methods": ["PUT"]},
        [
            "Refused: request-method.",
            "The page reads status 403.",
            "request-method: allow_methods leaves out 'POST': it has PUT",
            f"Change: cors_group(api) {LINE}",
            ": allow_methods=['PUT', 'POST']\n",
        ],
    ),
    (
        f"/api/item POST --origin {ORIGIN} --credentials {COOKIE}",
        {},
        [
            "Refused: request-with-credentials.",
            "Blocked: credentials.",
            "send it with credentials: 'omit'",
            ": allow_credentials=True\n",
        ],
    ),
    (
        f"/api/item POST --origin {ORIGIN} --header 'authorization: Basic YTpi'",
        {},
        ["> preflight: ", "Refused: request-with-credentials.", ": allow_credentials=True\n"],
    ),
    (
        f"/api/item POST --origin {ORIGIN} --as form",
        {},
        ["Refused: request-with-credentials.", "a form is sent with cookies", ": allow_credentials=True\n"],
    ),
    (
        f"/api/item POST --origin {ORIGIN} --as beacon {COOKIE}",
        {},
        ["Refused: request-with-credentials.", "fetch with keepalive", ": allow_credentials=True\n"],
    ),
    (
        f"/api/item POST --origin {ORIGIN} --as form",
        {"allow_methods": ["PUT"]},
        [CROSS_ORIGIN, ": allow_credentials=True\n", ": allow_methods=['PUT', 'POST']\n"],
    ),
    (
        f"/api/item POST --origin {EVIL} --as form",
        {"allow_origins": "*"},
        [
            "Refused: request-with-credentials.",
            f": allow_origins=['{EVIL}'], allow_credentials=True, which denies",
        ],
    ),
    (
        f"/api/item --origin {ORIGIN} --as image",
        {"check_requests": "all"},
        [
            CROSS_ORIGIN,
            "if an allowed page loads it as an image or a script, write crossorigin in its tag",
            "Change: Write crossorigin in the tag, so that the browser sends the page's origin.\n",
        ],
    ),
    (
        f"wss://api.example/api/chat --origin {ORIGIN} {COOKIE}".replace("wss://api.example", ""),
        {},
        [
            "Refused: request-with-credentials.",
            "cannot open the WebSocket '/api/chat'",
            f"Change: cors_group(api) {LINE}",
            ": allow_credentials=True\n",
        ],
    ),
]


@pytest.mark.parametrize(("call", "fields", "parts"), CASES)
def test_a_refused_request_of_an_app(
    call: str, fields: dict[str, Any], parts: list[str], explain: Explain
) -> None:
    status, printed = explain(make_app(**fields), call)
    assert status == 1, printed
    for part in parts:
        assert part in printed, printed


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        (f"/api/item POST --origin {ORIGIN}", {}),
        (f"/api/item POST --origin {ORIGIN} --as beacon", {}),
        ("/api/item POST --origin https://api.example --as form", {}),
        (f"/api/item --origin {EVIL} --as navigate", {"check_requests": "all"}),
        (f"/api/exempt POST --origin {EVIL} --as form", {}),
        (f"/api/item POST --origin {EVIL} --as form", {"check_requests": False}),
    ],
)
def test_a_request_that_is_served(call: str, fields: dict[str, Any], explain: Explain) -> None:
    status, printed = explain(make_app(**fields), call)
    assert (status, "Refused" in printed) == (0, False), printed


def test_a_report_only_policy_refuses_nothing(explain: Explain) -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", methods=["POST"], name="item")
    policy = CorsPolicy(allow_origins=[ORIGIN])
    group = cors_group(bp, policy=policy, report_only=policy.replace(check_requests="writes"))
    status, printed = explain(new_app(group), f"/api/item POST --origin {EVIL} --as form")
    assert (status, "Refused" in printed) == (0, False)
    assert f"report-only: a page of '{EVIL}' could no longer make the request 'POST' '/api/item'" in printed


def test_an_error_handler_that_redirects(explain: Explain) -> None:
    """The route that refused the request is named, not that of the login."""
    app = make_app()
    app.add_route(handler, "/login", name="login")
    app.error_handler.add(Forbidden, lambda request, error: redirect("/login", status=303))
    status, printed = explain(app, f"/api/item POST --origin {EVIL} --as form")
    assert (status, CROSS_ORIGIN in printed) == (1, True)
    assert f"The route api.item (/api/item) {LINE}" in printed


def test_a_request_of_the_app_to_itself_is_not_taken_for_that_of_the_page() -> None:
    refused = [RefusedRequest("request-cross-origin", "/api/item", "")]
    for sent in [
        (),
        (Sent("OPTIONS", "https://api.example/api/item", (), preflight=True),),
        (Sent("POST", "https://api.example/other", ()),),
    ]:
        assert find_refused_request(refused, Result("error", "", 0, {}, b"", sent, ())) is None
    post = Sent("POST", "https://api.example/api/item?a=b", ())
    found = find_refused_request(refused, Result("form", "", 0, {}, b"", (post,), ()))
    assert found == (refused[0], post)


def test_the_logger_is_as_before_and_other_lines_are_not_collected() -> None:
    logger = cors_logger.logger
    before = logger.level, logger.handlers[:]
    with collect_refused_requests() as refused:
        logger.info("a line of the user's")
        cors_logger.log(logging.DEBUG, "another")
    assert (logger.level, logger.handlers, refused) == (*before, [])


def test_a_path_that_leads_to_no_route_any_more_has_no_advice() -> None:
    refused = RefusedRequest("request-method", "/gone", "")
    route = RouteInfo("/gone", ("POST",), None, "gone", None, None, None)
    for each in (None, route):
        changes = suggest_changes(
            each, refused, PageRequest(ORIGIN, "POST", (), False), Sent("POST", "/", ())
        )
        assert [*changes] == []


# --- a server ---


def explain_server(
    app: Sanic, capsys: pytest.CaptureFixture[str], path: str, *arguments: str
) -> tuple[int, str]:
    """Explain a call of an app that Sanic's own server serves."""

    async def talk(port: int) -> int:
        call = ["explain", f"http://127.0.0.1:{port}{path}", *arguments]
        return await asyncio.to_thread(main, call)

    status = run_server(serve(app, talk))
    return status, capsys.readouterr().out


CERTAIN = "The body of the response is that of check_requests: corsbp refused the request."
SERVER_CASES: list[tuple[list[str], dict[str, Any], list[str]]] = [
    (
        ["POST", "--origin", EVIL],
        {},
        [
            "Refused: check_requests.",
            CERTAIN,
            f"Change: the policy does not allow {EVIL} (request-cross-origin): add it",
        ],
    ),
    (
        ["POST", "--origin", ORIGIN],
        {"allow_methods": ["PUT"]},
        [CERTAIN, "Change: add POST to allow_methods"],
    ),
    (
        ["POST", "--origin", "http://localhost:3000", "--as", "form"],
        {"allow_origins": ["http://localhost:3000"]},
        [
            CERTAIN,
            "Change: send the request without cookies, passwords and forms, or write allow_credentials",
        ],
    ),
    (
        ["POST", "--origin", ORIGIN, "--as", "form"],  # from https to http
        {},
        [
            CERTAIN,
            "Change: no list can name null, which sandboxed frames, files and forms from https to http",
        ],
    ),
    (
        ["--origin", ORIGIN, "--as", "image"],
        {"check_requests": "all"},
        [CERTAIN, "Change: the browser sends no Origin here (request-cross-origin): write crossorigin"],
    ),
]


@pytest.mark.parametrize(("arguments", "fields", "parts"), SERVER_CASES)
def test_a_server_with_corsbp(
    arguments: list[str], fields: dict[str, Any], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed = explain_server(make_app(**fields), capsys, "/api/item", *arguments)
    assert status == 1, printed
    for part in parts:
        assert part in printed, printed


def app_with_own_errors(**fields: Any) -> Sanic:
    app = make_app(**fields)
    app.error_handler.add(Forbidden, lambda request, error: text("No.", 403))
    return app


LOGIN = "by a login, a firewall or a list of addresses"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (
            "POST",
            [
                f"refused: {LOGIN}; or by check_requests of corsbp",
                "If corsbp refused it: the policy does not allow",
            ],
        ),
        (
            "GET",
            [
                "without Origin and Sec-Fetch-* got status 200",
                "If corsbp refused it: the policy does not allow",
            ],
        ),
        (
            "HEAD",
            [
                "without Origin and Sec-Fetch-* got status 200",
                "If corsbp refused it: the policy does not allow",
            ],
        ),
    ],
)
def test_a_server_whose_error_handler_writes_the_body(
    method: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What the response shows is claimed, and no more."""
    app = app_with_own_errors(check_requests="all")
    status, printed = explain_server(app, capsys, "/api/item", method, "--origin", EVIL)
    assert (status, "Refused" in printed) == (1, False)
    for part in expected:
        assert part in printed, printed


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_403_is_not_taken_for_a_refusal(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A login refuses the same request without the page, too; its 403 may be stored."""
    app, calls = new_app(), list[str]()

    async def refuse(request: Request) -> HTTPResponse:
        calls.append(request.method)
        return text("No.", 403)

    app.add_route(refuse, "/item", methods=["GET", "POST"], name="item")
    _, printed = explain_server(app, capsys, "/item", method, "--origin", EVIL)
    assert "check_requests" not in printed
    assert f"refused: {LOGIN}." in printed
    assert calls == (["GET", "GET"] if method == "GET" else ["POST"])  # a write is not sent a second time


def test_a_server_that_does_not_respond_a_second_time(capsys: pytest.CaptureFixture[str]) -> None:
    app, calls = new_app(), list[str]()

    def refuse(request: Request) -> HTTPResponse:
        calls.append(request.method)
        if len(calls) > 1:
            request.transport.close()
        return text("No.", 403)

    app.add_route(as_handler(refuse), "/item", name="item")
    _, printed = explain_server(app, capsys, "/item", "--origin", EVIL)
    assert "check_requests" not in printed and len(calls) > 1


@pytest.mark.parametrize(("status", "is_refusal"), [(418, True), (200, False)])
def test_the_body_of_a_refusal_with_another_status(
    status: int, is_refusal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error handler can change the status; a page of the documentation can have the same text."""
    app = new_app()
    app.add_route(as_handler(lambda _: text(MESSAGE, status)), "/item", methods=["POST"], name="item")
    _, printed = explain_server(app, capsys, "/item", "POST", "--origin", EVIL)
    assert (CERTAIN in printed, "Refused: check_requests." in printed) == (is_refusal, is_refusal)


def test_a_preflight_that_is_refused_is_no_refusal_of_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = explain_server(make_app(), capsys, "/api/item", "PUT", "--origin", EVIL)
    assert (status, "check_requests" in printed) == (1, False)
