"""The signal `corsbp.page.refused`: it is sent for each page that is refused (L2)."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.compat import Header

from corsbp import CorsPolicy, cors_group
from corsbp.decision.active_policy import ActivePolicy
from corsbp.decision.origin_functions import OriginDecision
from corsbp.decision.refusal import Refusal
from corsbp.decision.refusal_ids import REFUSALS
from corsbp.log import LINES_PER_SECOND, cors_logger
from corsbp.report.attempts import READ, Attempt
from corsbp.report.refused import report_refusal
from corsbp.report.signals import MAX_CONCURRENT, SIGNAL, overload_logger

from ..app.test_websockets import opened
from ..support import (
    EVIL,
    LISTED,
    ORIGIN,
    HttpRequest,
    as_handler,
    new_app,
    parse_response,
    request,
    run_server,
    send,
    send_async,
    send_bytes,
    send_through_asgi,
    serve,
    text_handler,
)
from .test_refused import ELSEWHERE, GRANTED, REFUSED, app_of

ALL = [*REFUSED, *ELSEWHERE]


def sending(*requests: HttpRequest | bytes) -> Callable[[int], Awaitable[None]]:
    async def talk(port: int) -> None:
        for one in requests:
            if isinstance(one, bytes):
                await opened(port, one)
            else:
                await send_async(port, one)
        await asyncio.sleep(0)

    return talk


def listen(app: Sanic, event: str = SIGNAL) -> list[dict[str, Any]]:
    """Add a listener to an app, and return the list of the arguments that it gets."""
    contexts: list[dict[str, Any]] = []

    @app.signal(event)
    async def listener(**context: Any) -> None:
        contexts.append(context)

    return contexts


def test_each_refusal_is_signalled() -> None:
    app = app_of()
    contexts = listen(app)
    run_server(serve(app, sending(*(line.ask for line in ALL))))
    assert {line.id for line in ALL} == set(REFUSALS)
    keys = {"request", "section", "refusal", "report_only"}
    assert [context.keys() for context in contexts] == [keys] * len(ALL)
    for line, context in zip(ALL, contexts, strict=True):
        path = line.ask.split()[1].decode() if isinstance(line.ask, bytes) else line.ask.path
        assert isinstance(context["request"], Request) and context["request"].path == path
        assert context["section"] == f"cors_group({path.split('/')[1]})"
        assert context["refusal"] == (line.id, line.value, line.expected, line.words, 1)
        refusal = context["refusal"]
        assert (refusal.id, refusal.value, refusal.expected) == (line.id, line.value, line.expected)
        assert context["report_only"] is False


def test_requests_that_are_granted_are_not_signalled() -> None:
    app = app_of()
    contexts = listen(app)
    run_server(serve(app, sending(*GRANTED)))
    assert contexts == []


def one_section(**policy: Any) -> Sanic:
    bp = Blueprint("api")
    bp.add_route(text_handler("here"), "/item", name="item")
    return new_app(cors_group(bp, **(policy or LISTED)))


@pytest.mark.parametrize("event", [SIGNAL, "corsbp.page.<what:str>"])
@pytest.mark.parametrize("blueprint", [True, False])
def test_every_form_of_listener(event: str, blueprint: bool) -> None:
    app = one_section()
    if blueprint:
        listener = Blueprint("listener")
        contexts = listen(listener, event)  # type: ignore[arg-type]
        app.blueprint(listener)
    else:
        contexts = listen(app, event)
    run_server(serve(app, sending(request("GET", "/item", EVIL), request("GET", "/item"))))
    assert [context["refusal"].id for context in contexts] == ["origin-not-allowed"]


def test_asgi() -> None:
    app = one_section()
    contexts = listen(app)
    send_through_asgi(app, request("GET", "/item", EVIL))
    assert [context["refusal"].value for context in contexts] == [EVIL]


def test_waiting_for_the_event() -> None:
    """Also if it begins when the app has started."""
    app = one_section()
    app.config.EVENT_AUTOREGISTER = True

    async def talk(port: int) -> Any:
        waiting = asyncio.ensure_future(app.event(SIGNAL, timeout=60))
        await asyncio.sleep(0)
        await send_async(port, request("GET", "/item", EVIL))
        return await waiting

    context = run_server(serve(app, talk))
    assert context["refusal"].id == "origin-not-allowed"


class OwnError(BaseException):
    """A BaseException of a library's own."""


FAILURES = {
    "fails": LookupError("no counter"),
    "is cancelled": asyncio.CancelledError(),
    "fails in its own way": OwnError(),
}


@pytest.mark.parametrize("kind", [*FAILURES, "hangs"])
def test_a_listener_that_fails_changes_no_response(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app, calls = one_section(), []

    @app.signal(SIGNAL)
    async def listener(**_: Any) -> None:
        calls.append(1)
        if kind in FAILURES:
            raise FAILURES[kind]
        await asyncio.Event().wait()

    answers = send(
        app, *[request("GET", "/item", EVIL)] * (MAX_CONCURRENT + 5), request("GET", "/item", ORIGIN)
    )
    bare = send(one_section(), request("GET", "/item", EVIL), request("GET", "/item", ORIGIN))
    assert [(a.status, a.headers, a.body) for a in answers[:-1]] == [
        (bare[0].status, bare[0].headers, bare[0].body)
    ] * (MAX_CONCURRENT + 5)
    assert answers[-1].headers == bare[1].headers
    lines = [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "corsbp"]
    if kind in FAILURES:
        assert lines == [("ERROR", f"A listener to {SIGNAL} failed")] * (MAX_CONCURRENT + 5)
        assert len(calls) == MAX_CONCURRENT + 5
    else:
        assert len(calls) == MAX_CONCURRENT
        message = f"{MAX_CONCURRENT} calls of listeners to {SIGNAL} are running: "
        message += "what is refused meanwhile is reported together"
        assert set(lines) <= {("WARNING", message), ("WARNING", "4 more lines like the last were left out")}
        assert ("WARNING", message) in lines


@pytest.mark.parametrize("failure", [None, asyncio.CancelledError()])
def test_each_refusal_is_counted_while_listeners_hang(failure: BaseException | None) -> None:
    """Refusals that wait are reported together, by section, id and kind."""
    app = one_section()
    gate, calls = asyncio.Event(), []

    @app.signal(SIGNAL)
    async def listener(section: str, refusal: Refusal, report_only: bool, **_: Any) -> None:
        await gate.wait()
        calls.append((section, refusal.id, report_only, refusal.times))
        if failure is not None:
            raise failure

    async def talk(port: int) -> int:
        for origin in [EVIL] * MAX_CONCURRENT + [EVIL, "null", "https://a.example", "null", "null"]:
            await send_async(port, request("GET", "/item", origin))
        gate.set()
        while len(calls) < MAX_CONCURRENT + 2:
            await asyncio.sleep(0)
        return len(calls)

    assert run_server(asyncio.wait_for(serve(app, talk), 60)) == MAX_CONCURRENT + 2
    assert calls[:MAX_CONCURRENT] == [("cors_group(api)", "origin-not-allowed", False, 1)] * MAX_CONCURRENT
    assert calls[MAX_CONCURRENT:] == [
        ("cors_group(api)", "origin-not-allowed", False, 2),
        ("cors_group(api)", "origin-null", False, 3),
    ]


def test_a_flood_of_random_origins_needs_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    """Beside a slow listener, memory does not grow with the number of refusals."""
    app = one_section()

    @app.signal(SIGNAL)
    async def listener(**_: Any) -> None:
        await asyncio.sleep(0.01)

    caplog.set_level(logging.ERROR)

    def kept() -> int:
        gc.collect()
        return sum(type(each) is Request for each in gc.get_objects())

    async def talk(port: int) -> list[int]:
        sizes = []
        for batch in range(3):
            raw = b"".join(
                request("GET", "/item", f"https://{batch}-{number}.example")
                .raw()
                .replace(b"Connection: close\r\n", b"")
                for number in range(200)
            )
            await send_bytes(port, raw + request("GET", "/item").raw())
            sizes.append(kept())
        return sizes

    before = kept()
    assert max(run_server(serve(app, talk))) <= before + MAX_CONCURRENT + 20


@pytest.mark.no_cover
def test_fifty_thousand_refusals_in_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """Each of them is counted; the log and the memory do not grow."""
    app, counted, most = one_section(), 0, 0
    active = ActivePolicy(CorsPolicy(**LISTED), lambda: "cors_group(api)")
    compiled = active.compiled
    numbers = random.Random(0)

    @app.signal(SIGNAL)
    async def listener(refusal: Refusal, **_: Any) -> None:
        nonlocal counted
        counted += refusal.times
        await asyncio.sleep(0)

    async def flood() -> None:
        nonlocal most
        app.signal_router.finalize()
        for number in range(50_000):
            headers = Header({"origin": f"https://{numbers.getrandbits(128):x}.example"})
            request = Request(b"/item", headers, "1.1", "GET", cast(Any, None), app)
            attempt, decision = Attempt(READ, request, active, compiled), OriginDecision()
            decision.decide_without_calls(compiled, attempt.origins)
            report_refusal(compiled, attempt, partial(attempt.refusal, compiled, decision))
            if number % 1_000 == 999:
                await asyncio.sleep(0)
            if number % 25_000 == 24_998:
                gc.collect()
                # not isinstance(), which reads an attribute of every object there is
                most = max(most, sum(type(each) is Request and each.app is app for each in gc.get_objects()))
        while counted < 50_000:
            await asyncio.sleep(0)

    caplog.set_level(logging.DEBUG, "corsbp")
    with pytest.MonkeyPatch.context() as patch:
        for each in (cors_logger, overload_logger):
            patch.setattr(each, "clock", lambda: 1e9)
            patch.setattr(each, "counts", {})
        patch.setattr(cors_logger, "lines", LINES_PER_SECOND)
        asyncio.run(flood())
    assert counted == 50_000 and most <= MAX_CONCURRENT + 1
    records = [each for each in caplog.records if each.name == "corsbp"]
    levels = Counter(each.levelname for each in records if "more lines" not in each.getMessage())
    assert levels == {"DEBUG": LINES_PER_SECOND, "WARNING": 1}


def test_listeners_are_called_after_the_response() -> None:
    """The listener is called when the response has been sent."""
    app = one_section()
    order: list[object] = []

    @app.signal(SIGNAL)
    @as_handler
    def listener(request: Request, **_: Any) -> None:
        stream = request.stream
        order.append("after" if stream is None or stream.response is None else "before")

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", "/item", EVIL).raw())
        answer = parse_response(await reader.read())
        order.append(answer.status)
        writer.close()
        await writer.wait_closed()

    run_server(serve(app, talk))
    assert order == ["after", 200]
