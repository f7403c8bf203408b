"""`group.reconfigure(policy)` changes a policy whole or not at all, also while requests are under way."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsGroup, CorsPolicy, CorsPolicyError, cors_group

from .app.test_websockets import handshake, opened
from .cases import EVIL, ONE, TWO
from .support import (
    HttpRequest,
    new_app,
    parse_response,
    preflight,
    request,
    run_server,
    send,
    send_async,
    send_bytes,
    serve,
    text_handler,
)

OLD = CorsPolicy(allow_origins=[ONE, EVIL], allow_credentials=True, allow_headers=["x-old"])
NEW = CorsPolicy(allow_origins=[TWO], expose_headers=["x-new"], max_age=7)

BY_OLD = {
    "access-control-allow-origin": ONE,
    "access-control-allow-credentials": "true",
    "vary": "origin",
}
BY_NEW = {"access-control-allow-origin": TWO, "access-control-expose-headers": "x-new"}
LISTS_OF_NEW = {
    "access-control-allow-origin": TWO,
    "access-control-allow-methods": "GET,PUT,OPTIONS",
    "access-control-allow-headers": "*,authorization",
    "access-control-max-age": "7",
}


handler = text_handler("here")


def bp_of(name: str = "bp") -> Blueprint:
    bp = Blueprint(name, url_prefix=f"/{name}")
    bp.add_route(handler, "/item", methods=["GET", "PUT"], name="item")
    return bp


EVERYTHING = {
    request("GET", "/bp/item"): BY_NEW,
    preflight("/bp/item"): LISTS_OF_NEW,
    request("GET", "/bp/nothing"): BY_NEW,
    request("POST", "/bp/item"): BY_NEW,
    preflight("/bp/nothing"): LISTS_OF_NEW | {"access-control-allow-methods": "GET,PUT,OPTIONS"},
}


# --- when ------------------------------------------------------------------------------------------


def cors(app: Sanic) -> dict[HttpRequest, dict[str, str]]:
    return dict(zip(EVERYTHING, [response.cors for response in send(app, *EVERYTHING)], strict=True))


def test_reconfigure_works_before_registration() -> None:
    group = cors_group(bp_of(), policy=OLD)
    group.reconfigure(NEW)
    assert group.policy is NEW
    assert cors(new_app(group)) == EVERYTHING


def test_reconfigure_works_between_registration_and_startup() -> None:
    group = cors_group(bp_of(), policy=OLD)
    app = new_app(group)
    group.reconfigure(NEW)
    assert group.policy is NEW
    assert cors(app) == EVERYTHING


@pytest.mark.parametrize("event", ["before_server_start", "after_server_start"])
def test_reconfigure_works_in_a_listener(event: str) -> None:
    group = cors_group(bp_of(), policy=OLD)
    app = new_app(group)
    app.register_listener(lambda _: group.reconfigure(NEW), event)
    assert cors(app) == EVERYTHING


def test_reconfigure_works_while_the_app_serves_and_lasts() -> None:
    group = cors_group(bp_of(), policy=OLD)
    app = new_app(group, TOUCHUP=False)

    async def talk(port: int) -> None:
        async def get() -> dict[str, str]:
            return (await send_async(port, request("GET", "/bp/item"))).cors

        for _ in range(3):
            assert await get() == BY_OLD
            group.reconfigure(NEW)
            assert await get() == BY_NEW
            group.reconfigure(OLD)
        group.reconfigure(NEW)

    run_server(serve(app, talk))
    assert cors(app) == cors(app) == EVERYTHING


def test_a_handler_may_reconfigure() -> None:
    bp = bp_of()
    group = cors_group(bp, policy=OLD)

    @bp.get("/switch")
    def switch(_: Request) -> HTTPResponse:
        group.reconfigure(NEW)
        return text("switched")

    responses = send(
        new_app(group), request("GET", "/bp/item"), request("GET", "/bp/switch"), request("GET", "/bp/item")
    )
    assert [response.cors for response in responses] == [BY_OLD, BY_NEW, BY_NEW]


# --- what ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [None, "*", {"allow_origins": [ONE]}, CorsPolicy, False, OLD.allow_origins])
def test_a_value_that_is_not_a_policy_changes_nothing(bad: Any) -> None:
    group = cors_group(bp_of(), policy=NEW)
    app = new_app(group, TOUCHUP=False)
    for _ in range(2):
        with pytest.raises(TypeError, match=r"reconfigure\(\) takes a CorsPolicy, not "):
            group.reconfigure(bad)
        assert group.policy is NEW
        assert cors(app) == EVERYTHING


def test_a_policy_with_faults_changes_nothing() -> None:
    group = cors_group(bp_of(), policy=NEW)
    with pytest.raises(CorsPolicyError):
        group.reconfigure(NEW.replace(allow_origins=["https://app.example/"], max_age=-1))
    assert cors(new_app(group)) == EVERYTHING


def sections() -> tuple[CorsGroup, CorsGroup, Sanic]:
    own = bp_of("own")
    own.add_route(handler, "/policy", name="policy", ctx_cors=CorsPolicy(expose_headers=["x-own"]))
    own.add_route(handler, "/none", name="none", ctx_cors=False)
    inner = cors_group(bp_of("inner"), policy=OLD)
    outer = cors_group(inner, own, bp_of("outer"), policy=OLD)
    sibling = cors_group(bp_of("sibling"), policy=OLD)
    return outer, inner, new_app(outer, sibling, TOUCHUP=False)


@pytest.mark.filterwarnings("ignore:.*route-open")  # for /own/policy
@pytest.mark.parametrize("which", ["outer", "inner"])
def test_inner_sections_and_routes_keep_their_policies(which: str) -> None:
    outer, inner, app = sections()
    (outer if which == "outer" else inner).reconfigure(NEW)
    of_outer, of_inner = (BY_NEW, BY_OLD) if which == "outer" else (BY_OLD, BY_NEW)
    expected = {
        "/outer/item": of_outer,
        "/own/item": of_outer,
        "/inner/item": of_inner,
        "/inner/nothing": of_inner,
        "/sibling/item": BY_OLD,
        "/own/policy": {"access-control-allow-origin": "*", "access-control-expose-headers": "x-own"},
        "/own/none": {},
    }
    responses = send(app, *(request("GET", path) for path in expected))
    assert dict(zip(expected, [response.cors for response in responses], strict=True)) == expected


def test_websockets_use_the_new_policy() -> None:
    bp = Blueprint("bp", url_prefix="/bp")

    @bp.websocket("/ws")
    async def ws(_: Request, ws: Any) -> None:
        await ws.send("hello")

    group = cors_group(bp, policy=OLD)

    async def talk(port: int) -> list[int]:
        statuses = []
        unchecked = OLD.replace(check_websockets=False)
        for policy in (unchecked, NEW, OLD, unchecked):
            group.reconfigure(policy)
            statuses += [(await opened(port, handshake(origin))).status for origin in (ONE, TWO)]
        return statuses

    statuses = run_server(serve(new_app(group), talk))
    assert statuses == [101, 101, 403, 101, 101, 403, 101, 101]


# --- two apps --------------------------------------------------------------------------------------


def test_all_apps_of_a_group_use_the_new_policy() -> None:
    group = cors_group(bp_of(), policy=OLD)
    apps = [new_app(group, TOUCHUP=False), new_app(group, TOUCHUP=False)]

    async def talk(first: int, second: int) -> None:
        for policy, headers in [(OLD, BY_OLD), (NEW, BY_NEW), (OLD, BY_OLD)]:
            group.reconfigure(policy)
            for port in (first, second):
                assert (await send_async(port, request("GET", "/bp/item"))).cors == headers

    async def both(first: int) -> None:
        await serve(apps[1], lambda second: talk(first, second))

    run_server(serve(apps[0], both))


# --- requests under way ----------------------------------------------------------------------------


class Hold:
    """A gate that holds the first request until it is released."""

    def __init__(self) -> None:
        self.reached, self.release = asyncio.Event(), asyncio.Event()

    async def __call__(self, *_: object) -> None:
        if not self.reached.is_set():
            self.reached.set()
            await self.release.wait()


Held = Callable[..., Awaitable[None]]
MOMENTS = ["request middleware", "handler", "origin function", "response middleware", "error handler"]


def kinds(hold: Held) -> dict[str, CorsPolicy]:
    async def function(origin: str, _: Request) -> bool:
        await hold()
        return origin == ONE

    return {
        "any": CorsPolicy(expose_headers=["x-any"], max_age=1),
        "list": CorsPolicy(allow_origins=[ONE, TWO], allow_credentials=True, max_age=2),
        "function": CorsPolicy(allow_origins=function, allow_headers=["x-function"], max_age=3),
    }


def busy(group_of: Callable[[Blueprint], CorsGroup], moment: str, hold: Held) -> tuple[CorsGroup, Sanic]:
    """Return an app in which a request can be held at a given moment."""
    bp = Blueprint("bp", url_prefix="/bp")
    at: dict[str, Any] = {each: hold if each == moment else _pass for each in MOMENTS}

    @bp.get("/item")
    @bp.options("/own", name="own-options")
    @bp.put("/own", name="own")
    async def item(_: Request) -> HTTPResponse:
        await at["handler"]()
        return text("here")

    @bp.get("/boom")
    async def boom(_: Request) -> HTTPResponse:
        await at["handler"]()
        raise LookupError("boom")

    @bp.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond()
        await at["handler"]()
        await response.eof()

    @bp.get("/broken")
    async def broken(request: Request) -> None:
        await request.respond()
        await at["handler"]()
        raise LookupError("boom")

    async def on_error(_: Request, __: Exception) -> HTTPResponse:
        await at["error handler"]()
        return text("error", status=500)

    group = group_of(bp)
    app = new_app(group, TOUCHUP=False)
    app.error_handler.add(Exception, on_error)
    app.middleware(at["response middleware"], "response")
    app.on_request(at["request middleware"])
    return group, app


async def _pass(*_: object) -> None:
    pass


BUSY = {
    "GET": request("GET", "/bp/item"),
    "preflight": preflight("/bp/item", "PUT", "x-a"),
    "OPTIONS": request("OPTIONS", "/bp/item"),
    "preflight of an own OPTIONS": preflight("/bp/own", "PUT", "x-a"),
    "own OPTIONS": request("OPTIONS", "/bp/own"),
    "error": request("GET", "/bp/boom"),
    "stream": request("GET", "/bp/stream"),
    "broken": request("GET", "/bp/broken"),
    "404": request("GET", "/bp/nothing"),
    "405": request("PATCH", "/bp/item"),
    "preflight of a 404": preflight("/bp/nothing", "PUT"),
}


CHANGES = [
    (moment, old, new)
    for moment in MOMENTS
    for old, new in itertools.permutations(["any", "list", "function"], 2)
    if moment != "origin function" or old == "function"
]


@pytest.mark.parametrize(("moment", "old", "new"), CHANGES)
def test_a_request_under_way_has_one_policy(moment: str, old: str, new: str) -> None:
    held: set[str] = set()
    mixed: dict[str, tuple[int, dict[str, str]]] = {}

    async def ask_both(port: int, group: CorsGroup, current: list[Hold]) -> None:
        policies = kinds(lambda *_: current[-1]() if moment == "origin function" else _pass())
        for name, one in BUSY.items():
            whole = []
            for policy in (policies[new], policies[old]):
                current.append(Hold())
                current[-1].reached.set()
                group.reconfigure(policy)
                response = await send_async(port, one)
                whole.append((response.status, response.cors))
            hold = Hold()
            current.append(hold)
            asking = asyncio.create_task(send_bytes(port, one.raw()))
            reaching = asyncio.create_task(hold.reached.wait())
            await asyncio.wait((asking, reaching), return_when=asyncio.FIRST_COMPLETED, timeout=60)
            if hold.reached.is_set():
                held.add(name)
            reaching.cancel()
            group.reconfigure(policies[new])
            hold.release.set()
            response = parse_response(await asking)
            if (response.status, response.cors) not in whole:
                mixed[name] = (response.status, response.cors)

    current: list[Hold] = []
    group, app = busy(lambda bp: cors_group(bp, policy=OLD), moment, lambda *_: current[-1]())
    run_server(serve(app, lambda port: ask_both(port, group, current)))
    assert held
    assert not mixed


def test_each_request_has_one_policy_while_it_changes_all_the_time() -> None:
    group, app = busy(lambda bp: cors_group(bp, policy=OLD), "handler", lambda *_: asyncio.sleep(0))
    policies = kinds(lambda *_: asyncio.sleep(0))
    rounds = itertools.cycle(policies.values())

    async def talk(port: int) -> None:
        whole: dict[str, list[Any]] = {name: [] for name in BUSY}
        for policy in policies.values():
            group.reconfigure(policy)
            for name, one in BUSY.items():
                whole[name].append((await send_async(port, one)).cors)
        asking = {
            asyncio.create_task(send_bytes(port, one.raw())): name for name, one in [*BUSY.items()] * 10
        }
        while not all(task.done() for task in asking):
            group.reconfigure(next(rounds))
            await asyncio.sleep(0)
        for task, name in asking.items():
            assert parse_response(task.result()).cors in whole[name], name

    run_server(serve(app, talk))


def test_a_handshake_under_way_has_one_policy() -> None:
    hold = Hold()
    asked = []

    async def slow(origin: str, _: Request) -> bool:
        asked.append("old")
        await hold()
        return False

    def other(origin: str, _: Request) -> bool:
        asked.append("new")
        return True

    bp = Blueprint("bp", url_prefix="/bp")

    @bp.websocket("/ws")
    async def ws(_: Request, ws: Any) -> None:
        await ws.send("hello")

    group = cors_group(bp, allow_origins=slow, check_websockets=True)

    async def talk(port: int) -> tuple[int, dict[str, str]]:
        asking = asyncio.create_task(opened(port, handshake(ONE)))
        await asyncio.wait_for(hold.reached.wait(), 60)
        group.reconfigure(CorsPolicy(allow_origins=other, check_websockets=True))
        hold.release.set()
        response = await asking
        return response.status, response.cors

    assert run_server(serve(new_app(group), talk)) == (403, {"vary": "origin"})
    assert asked == ["old"]
