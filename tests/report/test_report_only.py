"""A report-only policy (L3): what it would decide differently is reported, and responses stay the same."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsGroup, CorsPolicy, cors_group
from corsbp.decision import compiled, refusal
from corsbp.decision.active_policy import ActivePolicy
from corsbp.report.report_only import MAX_LOGGED
from corsbp.report.signals import MAX_CONCURRENT, SIGNAL

from ..app.test_websockets import handshake, opened
from ..cases import EVIL, ONE, TWO
from ..support import (
    HttpRequest,
    as_handler,
    new_app,
    preflight,
    request,
    run_server,
    send_async,
    send_bytes,
    serve,
)
from .test_refused import (
    ELSEWHERE,
    GRANTED,
    NASTY,
    POLICIES,
    REFUSED,
    handler,
    nasty_requests,
    routes_of,
    twice,
)

NEXT: dict[str, CorsPolicy] = {
    "none": CorsPolicy(allow_origins=["https://nobody.example"]),
    "any": CorsPolicy(allow_methods=["GET"], allow_headers=["x-a"]),
    "two": CorsPolicy(allow_origins=[ONE, TWO], allow_credentials=True, max_age=5),
    "function": CorsPolicy(allow_origins=lambda origin, request: origin == TWO),
    "checked": CorsPolicy(allow_origins=[TWO], check_requests="all"),
    "open sockets": CorsPolicy(allow_origins=[TWO, EVIL], check_websockets=False),
}


def reports_of(
    app: Sanic,
    requests: Iterable[HttpRequest | bytes],
    caplog: pytest.LogCaptureFixture,
    level: int = logging.INFO,
) -> list[list[str]]:
    """Send requests; return the report of each: lines at INFO, and `signal: id` for the signal."""
    found: list[list[str]] = []

    @app.signal(SIGNAL)
    @as_handler
    def listener(refusal: Any, report_only: bool, **_: Any) -> None:
        if report_only:
            found[-1].append(f"signal: {refusal.id}")

    async def talk(port: int) -> None:
        for one in requests:
            caplog.clear()
            found.append([])
            if isinstance(one, bytes):
                await opened(port, one)
            else:
                await send_async(port, one)
            for _ in range(5):
                await asyncio.sleep(0)
            lines = [each for each in caplog.records if (each.name, each.levelname) == ("corsbp", "INFO")]
            found[-1] += [each.getMessage() for each in lines]

    caplog.set_level(level)
    run_server(serve(app, talk))
    return found


# --- differences ---

LIST = CorsPolicy(allow_origins=[ONE, TWO])
ONLY = CorsPolicy(allow_origins=[ONE])
ANY = CorsPolicy()
NARROW = CorsPolicy(allow_methods=["GET"], allow_headers=["x-a"])
UNCHECKED = CorsPolicy(allow_origins=[ONE, TWO], check_websockets=False)
OUT = f"origin-not-allowed: allow_origins leaves it out: it has {ONE!r}"
HAS_BOTH = f"origin-not-allowed: allow_origins leaves it out: it has {ONE!r}, {TWO!r}"
REPORT_ONLY = "cors_group(api) report-only: a page of "


class Row(NamedTuple):
    """A policy, the report-only policy beside it, a request, and its report."""

    now: CorsPolicy
    report_only: CorsPolicy
    ask: HttpRequest | bytes
    signal: str | None
    line: str | None


def is_one(origin: str, request: object) -> bool:
    return origin == ONE


def is_broken(origin: str, request: object) -> bool:
    raise LookupError("no database")


READ = "read the response to 'GET' '/api/item'"
ROWS = [
    # what it would refuse
    Row(
        LIST,
        ONLY,
        request("GET", "/api/item", TWO),
        "origin-not-allowed",
        f"{TWO!r} could no longer {READ}: {OUT}",
    ),
    Row(
        ANY,
        ONLY,
        request("GET", "/api/item", EVIL),
        "origin-not-allowed",
        f"{EVIL!r} could no longer {READ}: {OUT}",
    ),
    Row(
        ANY,
        LIST,
        request("GET", "/api/none", "null"),
        "origin-null",
        "'null' could no longer read the response to 'GET' '/api/none': origin-null: allow_origins cannot "
        "name an opaque origin: a sandboxed frame, a file, a redirect between sites",
    ),
    Row(
        ANY,
        ONLY,
        twice("/api/item"),
        "origin-repeated",
        f"{ONE!r} could no longer {READ}: origin-repeated: the request has 2 Origin lines: {ONE!r}, {EVIL!r}",
    ),
    Row(
        ANY,
        CorsPolicy(allow_origins=is_one),
        request("GET", "/api/item", TWO),
        "origin-function-refused",
        f"{TWO!r} could no longer {READ}: origin-function-refused: is_one() did not return True",
    ),
    Row(
        CorsPolicy(allow_origins=[is_one, TWO]),
        CorsPolicy(allow_origins=[is_broken, ONE]),
        request("GET", "/api/item", TWO),
        "origin-function-failed",
        f"{TWO!r} could no longer {READ}: origin-function-failed: "
        "is_broken() failed: see the error in the log",
    ),
    Row(
        LIST,
        ONLY,
        preflight("/api/item", "PUT", origin=TWO),
        "origin-not-allowed",
        f"{TWO!r} could no longer send 'PUT' '/api/item': {OUT}",
    ),
    Row(
        ANY,
        NARROW,
        preflight("/api/item", "PUT"),
        "method-not-allowed",
        f"{ONE!r} could no longer send 'PUT' '/api/item': method-not-allowed: this path serves PUT, "
        "but allow_methods leaves it out",
    ),
    Row(
        ANY,
        NARROW,
        preflight("/api/item", "GET", "x-b"),
        "header-not-allowed",
        f"{ONE!r} could no longer send 'GET' '/api/item': header-not-allowed: "
        "allow_headers leaves out 'x-b': it has x-a",
    ),
    Row(
        LIST,
        ONLY,
        handshake(TWO, path="/api/ws"),
        "origin-not-allowed",
        f"{TWO!r} could no longer open the WebSocket '/api/ws': {OUT}",
    ),
    Row(
        UNCHECKED,
        ONLY,
        handshake(EVIL, path="/api/ws"),
        "origin-not-allowed",
        f"{EVIL!r} could no longer open the WebSocket '/api/ws': {OUT}",
    ),
    Row(
        ANY,
        CorsPolicy(allow_origins=is_one),
        handshake(EVIL, path="/api/ws"),
        "origin-function-refused",
        f"{EVIL!r} could no longer open the WebSocket '/api/ws': origin-function-refused: "
        "is_one() did not return True",
    ),
    # what it would grant
    Row(ONLY, LIST, request("GET", "/api/item", TWO), None, f"{TWO!r} could {READ}: {OUT}"),
    Row(LIST, ANY, request("GET", "/api/item", EVIL), None, f"{EVIL!r} could {READ}: {HAS_BOTH}"),
    Row(
        ONLY,
        LIST,
        preflight("/api/item", "PUT", origin=TWO),
        None,
        f"{TWO!r} could send 'PUT' '/api/item': {OUT}",
    ),
    Row(
        ONLY, LIST, handshake(TWO, path="/api/ws"), None, f"{TWO!r} could open the WebSocket '/api/ws': {OUT}"
    ),
    Row(
        ONLY,
        UNCHECKED,
        handshake(EVIL, path="/api/ws"),
        None,
        f"{EVIL!r} could open the WebSocket '/api/ws': {OUT}",
    ),
    Row(
        ONLY,
        CorsPolicy(allow_origins=lambda origin, request: True),
        request("GET", "/api/item", TWO),
        None,
        f"{TWO!r} could {READ}: {OUT}",
    ),
    # no difference
    Row(LIST, ONLY, request("GET", "/api/item", ONE), None, None),
    Row(LIST, ONLY, request("GET", "/api/item", EVIL), None, None),
    Row(LIST, ONLY, request("GET", "/api/item", None), None, None),
    Row(ONLY, ANY, request("GET", "/api/item", ONE), None, None),
    Row(
        NARROW, ONLY, preflight("/api/item", "PUT", origin=TWO), None, None
    ),  # for other reasons, but refused
    Row(LIST, ONLY, preflight("/api/item", "POST", origin=TWO), None, None),  # has no CORS
    Row(LIST, ONLY, request("POST", "/api/item", TWO), None, None),
    Row(LIST, ONLY, request("GET", "/other", TWO), None, None),
    Row(LIST, ONLY, request("GET", "/api/theirs", TWO), None, None),  # has a policy of its own
    Row(LIST, ONLY, handshake("http://127.0.0.1", path="/api/ws"), None, None),
    Row(LIST, ONLY, handshake(path="/api/ws"), None, None),
    Row(
        CorsPolicy(allow_origins=is_one),
        CorsPolicy(allow_origins=is_one),
        request("GET", "/api/item", TWO),
        None,
        None,
    ),
]


def lines_of(group: CorsGroup) -> dict[str, set[str]]:
    """Return the differences of the report-only policy that have a line in the log."""
    report_only = group.section.active_policy.compiled.report_only
    assert report_only is not None
    return report_only.differences.logged


def app_of(now: CorsPolicy, report_only: CorsPolicy | None) -> tuple[Sanic, CorsGroup]:
    bp = routes_of(Blueprint("api", url_prefix="/api"))
    bp.add_route(handler, "/theirs", name="theirs", ctx_cors=CorsPolicy(allow_origins=[TWO, EVIL]))
    group = cors_group(bp, policy=now, report_only=report_only)
    app = new_app(group)
    app.add_route(handler, "/other", name="other")
    return app, group


@pytest.mark.parametrize("row", ROWS)
def test_each_difference_is_reported(row: Row, caplog: pytest.LogCaptureFixture) -> None:
    app, _ = app_of(row.now, row.report_only)
    ((*found,),) = reports_of(app, [row.ask], caplog)
    expected = [f"signal: {row.signal}"] if row.signal else []
    expected += [f"{REPORT_ONLY}{row.line}"] if row.line else []
    assert found == expected


def test_the_log_names_50_pages_of_each_kind_once(caplog: pytest.LogCaptureFixture) -> None:
    """The signal is sent for each request."""
    app, _ = app_of(ANY, ONLY)
    origins = [f"https://{number}.example" for number in range(MAX_LOGGED + 3)]
    requests = [request("GET", "/api/item", origin) for origin in [*origins[:1] * 3, *origins[1:], *origins]]
    found = reports_of(app, [*requests, preflight("/api/item", "GET", origin=EVIL)], caplog)
    assert all(each.pop(0) == "signal: origin-not-allowed" for each in found)
    lines = [line for each in found for line in each]
    assert [line.split("'")[1] for line in lines[:MAX_LOGGED]] == origins[:MAX_LOGGED]
    assert lines[MAX_LOGGED:] == [
        f"cors_group(api) report-only: more than {MAX_LOGGED} pages could no longer read the response to … "
        "(origin-not-allowed): group.differences() counts all of them",
        f"{REPORT_ONLY}{EVIL!r} could no longer send 'GET' '/api/item': {OUT}",
    ]


def test_long_origins_are_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    app, group = app_of(ANY, ONLY)
    reports_of(app, [request("GET", "/api/item", "https://" + "a" * 4000)], caplog)
    (lines,) = lines_of(group).values()
    assert max(map(len, lines)) < 500


def test_control_characters_are_escaped(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = app_of(ANY, CorsPolicy(allow_origins=[ONE], allow_headers=["x-a"]))
    calls = [raw for character in NASTY for raw in nasty_requests(character)]
    calls = [raw.replace(b"/list/", b"/api/").replace(b"/reflects/", b"/api/") for raw in calls]

    async def talk(port: int) -> None:
        for each in calls:
            await send_bytes(port, each)

    caplog.set_level(logging.INFO)
    run_server(serve(app, talk))
    lines = [each.getMessage() for each in caplog.records if each.name == "corsbp"]
    assert len(lines) > 10
    assert all(line.isprintable() for line in lines)


def test_every_difference_is_counted_without_log_and_listener(caplog: pytest.LogCaptureFixture) -> None:
    """Functions are called for it. A difference that a level left out is logged at another level."""
    origins: list[str] = []

    def function(origin: str, request: object) -> bool:
        origins.append(origin)
        return False

    app, group = app_of(ANY, CorsPolicy(allow_origins=function))

    async def talk(port: int) -> None:
        for level in (logging.WARNING, logging.INFO):
            caplog.set_level(level)
            for one in (request("GET", "/api/item", TWO), preflight("/api/item", origin=TWO)):
                await send_async(port, one)
                await asyncio.sleep(0)

    run_server(serve(app, talk))
    assert origins == [TWO] * 4
    assert [each.count for each in group.differences()] == [2, 2]
    assert len([each for each in caplog.records if each.name == "corsbp"]) == 2


def test_words_are_made_only_for_a_difference(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a page that both policies refuse, the reason is not needed."""
    explained_origins: list[str] = []

    def origin_refusal(policy: CorsPolicy, origins: list[str], failed: bool) -> refusal.Refusal:
        explained_origins.extend(origins)
        return refusal.origin_refusal(policy, origins, failed)

    monkeypatch.setattr(compiled, "origin_refusal", origin_refusal)
    app, _ = app_of(LIST, ONLY)
    caplog.set_level(logging.INFO)

    async def talk(port: int) -> None:
        for page in (EVIL, TWO, EVIL):
            await send_async(port, request("GET", "/api/item", page))

    run_server(serve(app, talk))
    assert len([each for each in caplog.records if each.name == "corsbp"]) == 1
    assert explained_origins == [TWO]


def test_listeners_are_called_where_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app, group = app_of(ANY, ONLY)
    caplog.set_level(logging.WARNING, "corsbp")
    assert reports_of(app, [request("GET", "/api/item", TWO)], caplog, logging.WARNING) == [
        ["signal: origin-not-allowed"]
    ]
    assert lines_of(group) == {}


# --- responses stay the same ---


async def raw(port: int, one: HttpRequest | bytes) -> Any:
    if isinstance(one, HttpRequest):
        return await send_bytes(port, one.raw())
    response = await opened(port, one)  # it stays open, and has a date
    return response.status, [pair for pair in response.headers if pair[0].lower() != "date"], response.body


def responses_of(report_only: CorsPolicy | None, *, has_listener: bool) -> list[Any]:
    app = new_app()
    for name, policy in POLICIES.items():
        bp = routes_of(Blueprint(name, url_prefix=f"/{name}"))
        app.blueprint(cors_group(bp, policy=policy, report_only=report_only))
    if has_listener:

        @app.signal(SIGNAL)
        @as_handler
        def listener(**_: Any) -> None:
            pass

    calls = [*(line.ask for line in [*REFUSED, *ELSEWHERE]), *GRANTED]

    async def talk(port: int) -> list[Any]:
        return [await raw(port, one) for one in calls]

    return list(run_server(serve(app, talk)))


@pytest.mark.no_cover
@pytest.mark.parametrize("has_listener", [True, False])
def test_responses_are_the_same_byte_for_byte(has_listener: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG if has_listener else logging.ERROR)
    without = responses_of(None, has_listener=False)
    assert len(without) > 60
    for name, report_only in NEXT.items():
        assert responses_of(report_only, has_listener=has_listener) == without, name


# --- functions ---


@pytest.mark.parametrize("beside", [True, False], ids=["with entries", "alone"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_function_of_both_policies_is_called_once(
    kind: str, beside: bool, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def function(origin: str, request: object) -> Any:
        calls.append(origin)
        return origin == TWO if kind == "sync" else later(origin)

    async def later(origin: str) -> bool:
        await asyncio.sleep(0)
        return origin == TWO

    def other(origin: str, request: object) -> bool:
        return False

    def another(origin: str, request: object) -> bool:
        return False

    now = CorsPolicy(allow_origins=[function, *([ONE] if beside else [])])
    report_only = CorsPolicy(allow_origins=[other, function, another, EVIL])
    app, _ = app_of(now, report_only)
    requests: list[HttpRequest | bytes] = [
        *(request("GET", "/api/item", origin) for origin in (TWO, EVIL, "https://c.example")),
        *(preflight("/api/item", "PUT", origin=origin) for origin in (TWO, "https://c.example")),
        handshake(TWO, path="/api/ws"),
        handshake("https://c.example", path="/api/ws"),
    ]
    found = reports_of(app, requests, caplog)
    assert calls == [TWO, EVIL, *["https://c.example", TWO] * 2, "https://c.example"]
    assert [len(each) for each in found] == [0, 1, 0, 0, 0, 0, 0]


class HasMethod:
    """A function that is a method: each access makes another object."""

    def __init__(self) -> None:
        self.calls = 0

    def allows(self, origin: str, request: object) -> bool:
        self.calls += 1
        return False


def test_a_method_of_both_policies_is_called_once(caplog: pytest.LogCaptureFixture) -> None:
    instance = HasMethod()
    app, _ = app_of(
        CorsPolicy(allow_origins=instance.allows), CorsPolicy(allow_origins=[instance.allows, ONE])
    )
    reports_of(app, [request("GET", "/api/item", EVIL)], caplog)
    assert instance.calls == 1


@pytest.mark.parametrize(
    "one",
    [request("GET", "/api/item", TWO), preflight("/api/item", origin=TWO), handshake(TWO, path="/api/ws")],
    ids=["response", "preflight", "handshake"],
)
def test_a_function_of_the_report_only_policy_is_called_after_the_response(one: HttpRequest | bytes) -> None:
    is_after_response: list[bool] = []

    async def function(origin: str, request: Request) -> bool:
        stream, websocket = request.stream, getattr(request.protocol, "websocket", None)
        is_after_response.append(websocket is not None or stream is None or stream.response is None)
        await asyncio.Event().wait()
        return True

    app, _ = app_of(LIST, CorsPolicy(allow_origins=function))

    @app.signal(SIGNAL)
    @as_handler
    def listener(**_: Any) -> None: ...

    @app.on_request
    async def slow(request: Request) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def talk(port: int) -> int:
        response = await opened(port, one) if isinstance(one, bytes) else await send_async(port, one)
        return response.status

    assert run_server(serve(app, talk)) in (101, 200, 204)
    assert is_after_response == [True]


def test_64_functions_run_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Other requests are not evaluated, and the log says so; no response waits."""
    calls = 0

    async def function(origin: str, request: object) -> bool:
        nonlocal calls
        calls += 1
        await asyncio.Event().wait()
        return True

    app, _ = app_of(LIST, CorsPolicy(allow_origins=function, origin_timeout=60))
    found = reports_of(app, [request("GET", "/api/item", TWO)] * (MAX_CONCURRENT + 2), caplog)
    assert calls == MAX_CONCURRENT
    busy = f"{MAX_CONCURRENT} functions are being called"
    line = f"cors_group(api) report-only: {busy}, so that a request was not evaluated"
    assert found == [[]] * MAX_CONCURRENT + [[line]] * 2


# --- changes ---


def test_reconfigure_changes_both_policies() -> None:
    _, group = app_of(LIST, ONLY)
    assert (group.policy, group.report_only) == (LIST, ONLY)
    group.reconfigure(ANY)
    assert (group.policy, group.report_only) == (ANY, ONLY)
    group.reconfigure(LIST, report_only=NARROW)
    assert (group.policy, group.report_only) == (LIST, NARROW)
    report_only = group.report_only
    assert report_only
    group.reconfigure(report_only, report_only=None)
    assert (group.policy, group.report_only) == (NARROW, None)
    assert app_of(LIST, None)[1].report_only is None
    with pytest.raises(TypeError, match="report_only= takes a CorsPolicy"):
        group.reconfigure(ANY, report_only=1)  # type: ignore[arg-type]  # wrong on purpose
    assert (group.policy, group.report_only) == (NARROW, None)


def test_policy_and_report_only_change_in_one_step() -> None:
    class Seen(ActivePolicy):
        __slots__ = ("seen",)
        seen: list[object]

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "compiled" and hasattr(self, "seen"):
                self.seen.append((value.policy, self.report_only))

    _, group = app_of(LIST, ONLY)
    group.section.active_policy = follow = Seen(LIST, report_only=ONLY)
    follow.seen = []
    group.reconfigure(ANY, report_only=NARROW)
    group.reconfigure(NARROW, report_only=None)
    assert follow.seen == [(ANY, NARROW), (NARROW, None)]


def test_another_policy_in_force_leaves_the_report_only_policy_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, group = app_of(LIST, ONLY)
    steps: Iterator[Any] = iter(
        [
            lambda: None,
            lambda: group.reconfigure(ANY),
            lambda: group.reconfigure(ANY, report_only=None),
            lambda: group.reconfigure(ANY, report_only=ONLY),
        ]
    )

    @app.get("/step")
    def step(_: Request) -> HTTPResponse:
        next(steps)()
        return text("")

    calls = [request("GET", "/step", None), request("GET", "/api/item", TWO)] * 4
    found = reports_of(app, calls, caplog)[1::2]
    line = f"{REPORT_ONLY}{TWO!r} could no longer {READ}: {OUT}"
    assert found == [
        ["signal: origin-not-allowed", line],
        ["signal: origin-not-allowed"],
        [],
        ["signal: origin-not-allowed", line],
    ]


@pytest.mark.parametrize("report_only", [False, {"max_age": 5}, ["https://app.example"], "*"])
def test_values_other_than_policies_are_refused(report_only: Any) -> None:
    group = cors_group(Blueprint("api"))
    with pytest.raises(TypeError, match="report_only= takes a CorsPolicy, not"):
        group.reconfigure(CorsPolicy(max_age=5), report_only=report_only)
    assert group.policy == CorsPolicy()
    with pytest.raises(TypeError, match="report_only= takes a CorsPolicy, not"):
        cors_group(Blueprint("api"), report_only=report_only)


def test_report_only_stands_beside_fields() -> None:
    group = cors_group(Blueprint("api"), allow_origins=[ONE, TWO], report_only=ONLY)
    assert (group.policy, group.report_only) == (LIST, ONLY)
