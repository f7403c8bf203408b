"""What is reported of a request beside a report-only policy that checks requests: one difference at most."""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

import pytest
from sanic import Blueprint, Request, Sanic

from corsbp import CorsGroup, CorsPolicy, cors_group

from ..app.test_websockets import handshake
from ..cases import EVIL, ONE, TWO
from ..forgery_cases import CROSS, NAVIGATION, OWN, SAME, sent
from ..support import HttpRequest, new_app, preflight, run_server, send, send_async, serve
from .test_refused import handler, routes_of
from .test_report_only import reports_of

LIST = CorsPolicy(allow_origins=[ONE, TWO])
COOKIES = LIST.replace(allow_credentials=True)
CHECKED = LIST.replace(check_requests="writes")
ALL = LIST.replace(check_requests="all")
NARROW = CorsPolicy(allow_origins=[ONE], check_requests="writes")
LEFT_OUT = f"allow_origins leaves it out: it has {ONE!r}, {TWO!r}"
PAGE = "cors_group(api) report-only: a page of "


def put(*origins: str, site: str | None = CROSS, **headers: str) -> HttpRequest:
    return HttpRequest("PUT", "/api/item", sent(*origins, site=site, **headers))


def get(*origins: str, site: str | None = CROSS, **headers: str) -> HttpRequest:
    return HttpRequest("GET", "/api/item", sent(*origins, site=site, **headers))


def app_of(now: CorsPolicy, report_only: CorsPolicy | None) -> tuple[Sanic, CorsGroup]:
    group = cors_group(routes_of(Blueprint("api", url_prefix="/api")), policy=now, report_only=report_only)
    app = new_app(group)
    app.add_route(handler, "/other", name="other")
    return app, group


def reports(
    now: CorsPolicy, report_only: CorsPolicy, one: HttpRequest | bytes, caplog: pytest.LogCaptureFixture
) -> list[str]:
    (found,) = reports_of(app_of(now, report_only)[0], [one], caplog)
    return [line.removeprefix(PAGE) for line in found]


def is_two(origin: str, request: object) -> bool:
    return origin == TWO


Reported: TypeAlias = tuple[CorsPolicy, CorsPolicy, HttpRequest | bytes, str | None, str | None]

CASES: list[Reported] = [
    # what it would refuse
    (
        LIST,
        CHECKED,
        put(EVIL),
        "request-cross-origin",
        f"{EVIL!r} could no longer make the request 'PUT' '/api/item': request-cross-origin: {LEFT_OUT}",
    ),
    (
        LIST,
        CHECKED,
        put(ONE, cookie="a=1"),
        "request-with-credentials",
        f"{ONE!r} could no longer make the request 'PUT' '/api/item': request-with-credentials: "
        "allow_credentials is False, and the request has the header Cookie: send it with credentials: "
        "'omit' (fetch with keepalive, not a beacon), or set allow_credentials=True",
    ),
    (
        LIST,
        CHECKED.replace(allow_methods=["GET"]),
        put(ONE),
        "request-method",
        f"{ONE!r} could no longer make the request 'PUT' '/api/item': request-method: allow_methods leaves "
        "out 'PUT': it has GET",
    ),
    (
        LIST,
        CHECKED,
        put(OWN),  # of the host, but of another site for the browser
        "request-cross-origin",
        f"{OWN!r} could no longer make the request 'PUT' '/api/item': request-cross-origin: Origin has the "
        "host of this server, but for the browser the page is 'cross-site': is it an http page, and the "
        "server https?",
    ),
    (
        LIST,
        ALL,
        get(),
        "request-cross-origin",
        "another site could no longer make the request 'GET' '/api/item': request-cross-origin: the request "
        "has no Origin, and Sec-Fetch-Site is 'cross-site'; if an allowed page loads it as an image or a "
        "script, write crossorigin in its tag",
    ),
    (
        LIST,
        CorsPolicy(allow_origins=is_two, check_requests="writes"),
        put(ONE),
        "request-cross-origin",
        f"{ONE!r} could no longer make the request 'PUT' '/api/item': request-cross-origin: is_two() did "
        "not return True",
    ),
    # it would refuse the request, and the response: one report, by one id
    (
        LIST,
        NARROW,
        put(TWO),
        "request-cross-origin",
        f"{TWO!r} could no longer make the request 'PUT' '/api/item': request-cross-origin: allow_origins "
        f"leaves it out: it has {ONE!r}",
    ),
    # it would serve the request, and refuse the response
    (
        LIST,
        NARROW,
        get(TWO),
        "origin-not-allowed",
        f"{TWO!r} could no longer read the response to 'GET' '/api/item': origin-not-allowed: allow_origins "
        f"leaves it out: it has {ONE!r}",
    ),
    (
        LIST,
        CorsPolicy(allow_origins=is_two, check_requests="writes"),
        get(ONE),
        "origin-function-refused",
        f"{ONE!r} could no longer read the response to 'GET' '/api/item': origin-function-refused: is_two() "
        "did not return True",
    ),
    # what it would serve
    (
        CHECKED,
        LIST,
        put(EVIL),
        None,
        f"{EVIL!r} could make the request 'PUT' '/api/item': request-cross-origin: {LEFT_OUT}",
    ),
    # sockets
    (
        LIST,
        CHECKED,
        handshake(ONE, path="/api/ws").replace(b"\r\n\r\n", b"\r\ncookie: a=1\r\n\r\n"),
        "request-with-credentials",
        f"{ONE!r} could no longer open the WebSocket '/api/ws': request-with-credentials: allow_credentials "
        "is False, and browsers send Cookie with every handshake: set allow_credentials=True, or serve the "
        "WebSocket on a host without cookies and passwords",
    ),
    # no difference
    (LIST, CHECKED, put(ONE), None, None),
    (LIST, CHECKED, get(ONE), None, None),
    (LIST, CHECKED, get(EVIL), None, None),
    (LIST, CHECKED, put(OWN, site=SAME), None, None),
    (LIST, CHECKED, put(OWN, site=None), None, None),
    (LIST, CHECKED, put(site=None), None, None),
    (LIST, CHECKED, put(EVIL, site=SAME), None, None),  # a proxy has changed Host
    (COOKIES, COOKIES.replace(check_requests="writes"), put(ONE, cookie="a=1"), None, None),
    (CHECKED, ALL, put(EVIL), None, None),
    (LIST, ALL, get(site=SAME), None, None),
    (LIST, ALL, get(**NAVIGATION), None, None),
    (LIST, ALL, preflight("/api/item", "PUT", origin=ONE), None, None),
    (LIST, ALL, HttpRequest("OPTIONS", "/api/own", sent(ONE)), None, None),
    (LIST, ALL, HttpRequest("GET", "/api/none", sent(ONE, cookie="a=1")), None, None),  # without a route
    (LIST, ALL, HttpRequest("PATCH", "/api/item", sent(ONE, cookie="a=1")), None, None),
    (LIST, ALL, HttpRequest("GET", "/other", sent(ONE, cookie="a=1")), None, None),
    (LIST, ALL, HttpRequest("POST", "/api/item", sent(ONE, cookie="a=1")), None, None),  # ctx_cors=False
    (LIST, CHECKED, handshake("http://api.example", path="/api/ws"), None, None),
    (LIST, ALL, handshake(path="/api/ws"), None, None),
]


@pytest.mark.parametrize("case", CASES)
def test_one_difference_is_reported(case: Reported, caplog: pytest.LogCaptureFixture) -> None:
    now, report_only, one, signal, line = case
    expected = [f"signal: {signal}"] if signal else []
    expected += [line] if line else []
    assert reports(now, report_only, one, caplog) == expected


def test_nothing_is_refused_and_the_differences_are_counted() -> None:
    app, group = app_of(LIST, CHECKED)
    requests = [put(EVIL), put(EVIL), put(ONE, cookie="a=1"), put(ONE), put(site=None), get(EVIL)]
    plain, _ = app_of(LIST, None)
    beside = [(response.status, response.headers, response.body) for response in send(app, *requests)]
    assert beside == [(each.status, each.headers, each.body) for each in send(plain, *requests)]
    assert {status for status, _, _ in beside} == {200}
    assert [(each.kind, each.origin, each.id, each.count) for each in group.differences()] == [
        ("refuse-request", EVIL, "request-cross-origin", 2),
        ("refuse-request", ONE, "request-with-credentials", 1),
    ]


def test_functions_of_a_report_only_policy_are_called_after_the_response_and_not_for_own_pages() -> None:
    calls: list[str] = []
    handled: list[int] = []

    def decide(origin: str, request: Request) -> bool:
        calls.append(origin)
        return False

    bp = Blueprint("api", url_prefix="/api")

    @bp.put("/item")
    async def item(request: Request) -> Any:
        handled.append(len(calls))
        return await handler(request)

    group = cors_group(bp, policy=LIST, report_only=CorsPolicy(allow_origins=decide, check_requests="writes"))
    requests = [put(ONE), put(OWN, site=SAME), put(OWN, site=None), put("null"), put(ONE, ONE)]

    async def talk(port: int) -> None:
        for one in requests:
            assert (await send_async(port, one)).status == 200

    run_server(serve(new_app(group), talk))
    assert calls == [ONE]
    assert handled == [0, 1, 1, 1, 1]
    counted = {(each.origin, each.id) for each in group.differences()}
    assert counted == {(ONE, "request-cross-origin"), ("null", "request-cross-origin")}


def test_a_refused_request_is_one_line_and_one_record(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = app_of(CHECKED, None)
    caplog.set_level(logging.DEBUG)
    send(app, put(EVIL), put(ONE), put(OWN, site=SAME))
    (record,) = [each for each in caplog.records if each.name == "corsbp"]
    facts: Any = vars(record)["corsbp"]
    assert facts == {
        "section": "cors_group(api)",
        "origin": EVIL,
        "id": "request-cross-origin",
        "method": "PUT",
        "path": "/api/item",
        "report_only": False,
    }
