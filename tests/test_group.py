"""`group.allows(request)`: the policy of the route, and functions once per request (V10)."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import Forbidden
from sanic.response import HTTPResponse, text

from corsbp import CorsGroup, CorsPolicy, cors_group

from .cases import EVIL, ONE, TWO
from .support import (
    GRANTED,
    ORIGIN,
    HttpRequest,
    as_handler,
    expect,
    new_app,
    request,
    run_server,
    send,
    send_async,
    serve,
    text_handler,
)

NAMED = [ONE, "https://*.tenants.example"]
PREVIEW = "https://pr-7.preview.example"


class Function:
    """An origin function that records its calls in a list that several functions share."""

    def __init__(self, name: str, response: Any, calls: list[tuple[str, str]]) -> None:
        self.__qualname__ = name
        self.answer = response
        self.calls = calls

    def __call__(self, origin: str, _: Request) -> Any:
        self.calls.append((self.__qualname__, origin))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(origin) if callable(self.answer) else self.answer


def is_preview(origin: str) -> bool:
    return re.fullmatch(r"https://pr-\d+\.preview\.example", origin) is not None


async def later(origin: str) -> bool:
    await asyncio.sleep(0)
    return is_preview(origin)


def section(policy: CorsPolicy, **options: Any) -> tuple[Sanic, CorsGroup]:
    """Return a section whose handler sends the result of `group.allows`."""
    bp = Blueprint("bp", url_prefix="/bp")

    @bp.route("/item", ["GET", "POST"])
    async def item(request: Request) -> HTTPResponse:
        return text(f"{await group.allows(request)}")

    group = cors_group(bp, policy=policy)
    return new_app(group, **options), group


def test_allows_uses_the_policy_of_the_route() -> None:
    inside, inner, outside = (
        Blueprint(name, url_prefix=f"/{name}") for name in ("inside", "inner", "outside")
    )

    async def says(request: Request, *_: object) -> HTTPResponse:
        return text(f"{await group.allows(request)}")

    for bp in (inside, inner, outside):
        bp.add_route(says, "/", name="says")
    inside.add_route(says, "/public", name="public", ctx_cors=CorsPolicy())
    inside.add_route(says, "/none", name="none", ctx_cors=False)
    outside.add_route(says, "/own", name="own", ctx_cors=CorsPolicy())
    nested = cors_group(inner, allow_origins=[TWO])
    group = cors_group(inside, nested, allow_origins=[ONE])
    app = new_app(group, outside)
    app.exception(Exception)(says)
    rows = {
        "/inside/": (ONE,),
        "/inside/public": (ONE, TWO, EVIL, "null"),
        "/inside/none": (),
        "/inside/nothing": (ONE,),
        "/inner/": (TWO,),
        "/inner/nothing": (TWO,),
        "/outside/": (),
        "/outside/own": (),
        "/nowhere": (),
    }
    called = (ONE, TWO, EVIL, "null")
    responses = iter(send(app, *(request("GET", path, origin) for path in rows for origin in called)))
    found = {path: tuple(origin for origin in called if next(responses).body == b"True") for path in rows}
    assert found == rows
    several = HttpRequest("GET", "/inside/public", (("origin", ONE), ("origin", ONE)))
    assert [each.body for each in send(app, request("GET", "/inside/public", None), several)] == [
        b"False"
    ] * 2


def test_allows_of_another_group_is_false() -> None:
    """Also where the headers of the request are decided already; and a group may wrap the app."""
    bp, other = Blueprint("bp", url_prefix="/bp"), Blueprint("other", url_prefix="/other")

    async def says(request: Request) -> HTTPResponse:
        return text(" ".join([f"{await each.allows(request)}" for each in (own, others, own, whole)]))

    bp.add_route(says, "/", name="says")
    other.add_route(says, "/", name="says")
    own, others = (
        cors_group(bp, allow_origins=[ONE, lambda origin, _: True]),
        cors_group(other, allow_origins=[ONE]),
    )
    app = new_app(own, others)
    app.add_route(says, "/", name="root")
    whole = cors_group(app)
    app.blueprint(whole)
    responses = send(app, request("GET", "/bp/", EVIL), request("GET", "/", EVIL))
    assert [response.body for response in responses] == [b"True False True False", b"False False False True"]


@pytest.mark.parametrize("debug", [False, True])
def test_a_function_is_called_once_however_often_allows_is_called(debug: bool) -> None:
    """Middleware, handlers, streams after their head, error handlers and responses share one call."""
    calls: list[tuple[str, str]] = []
    bp = Blueprint("bp", url_prefix="/bp")
    results: list[bool] = []

    @bp.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond()
        await response.send("a")
        results.append(await group.allows(request))
        await response.send("b")
        results.append(await group.allows(request))

    @bp.get("/boom")
    async def boom(request: Request) -> None:
        results.append(await group.allows(request))
        raise ValueError("boom")

    @bp.websocket("/ws")
    async def ws(request: Request, ws: Any) -> None:
        results.append(await group.allows(request))

    group = cors_group(bp, allow_origins=[TWO, Function("f", later, calls)])
    app = new_app(group)

    @app.on_request
    async def before(request: Request) -> None:
        results.append(await group.allows(request))

    @app.exception(ValueError)
    async def failed(request: Request, _: Exception) -> HTTPResponse:
        results.append(await group.allows(request))
        return text("failed", 500)

    upgrade = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec_websocket_version": "13",
        "sec_websocket_key": "x3JJHMbDL1EzLkh9GBhXDw==",
    }
    paths = {"/bp/stream": ({}, 3), "/bp/boom": ({}, 3), "/bp/nothing": ({}, 1), "/bp/ws": (upgrade, 2)}

    async def talk(port: int) -> None:
        for path, (headers, times) in paths.items():
            calls.clear()
            results.clear()
            await send_async(port, request("GET", path, PREVIEW, **headers))
            assert (path, calls, results) == (path, [("f", PREVIEW)], [True] * times)

    run_server(serve(app, talk, debug))


def test_allows_waits_for_a_call_that_is_under_way() -> None:
    """A second call once returned False, and so did the response if a task of middleware called it."""
    calls: list[tuple[str, str]] = []
    results: list[tuple[bool, ...]] = []
    bp = Blueprint("bp", url_prefix="/bp")
    bp.add_route(text_handler("item"), "/item", name="item")
    group = cors_group(bp, allow_origins=[TWO, Function("f", later, calls)])
    app = new_app(group)

    @app.on_request
    async def before(request: Request) -> HTTPResponse | None:
        both = asyncio.gather(group.allows(request), group.allows(request))
        both.add_done_callback(lambda done: results.append(tuple(done.result())))
        await asyncio.sleep(0)
        return text("early") if "early" in request.args else None

    paths = "/bp/item", "/bp/item?early=1", "/bp/nothing"
    responses = send(app, *(request("GET", path, PREVIEW) for path in paths))
    assert [response.cors.get("access-control-allow-origin") for response in responses] == [PREVIEW] * 3
    assert (calls, results) == ([("f", PREVIEW)] * 3, [(True, True)] * 3)


def test_allows_inside_of_the_function_itself_is_false() -> None:
    """It would wait for itself; nor does a response wait that is sent meanwhile."""
    results: list[bool] = []
    bp = Blueprint("bp", url_prefix="/bp")
    bp.add_route(text_handler("item"), "/item", name="item")

    async def requests(origin: str, request: Request) -> bool:
        results.append(await group.allows(request))
        await (await request.respond(text("from in there"))).send(end_stream=True)
        return True

    group = cors_group(bp, allow_origins=[TWO, requests])
    (response,) = send(new_app(group), request("GET", "/bp/item", PREVIEW))
    assert (results, response.body, response.cors) == ([False], b"from in there", {"vary": "origin"})


# --- recipes ---


def test_recipes_with_allows_work() -> None:
    """Timing-Allow-Origin for the same pages, and unsafe methods for these alone."""
    bp = Blueprint("bp", url_prefix="/bp")
    bp.add_route(text_handler("done"), "/", ["GET", "POST"], name="item")

    @bp.on_response
    async def time_too(request: Request, response: HTTPResponse) -> None:
        if await group.allows(request):
            response.headers["timing-allow-origin"] = request.headers["origin"]

    @bp.on_request
    async def guard(request: Request) -> None:
        unsafe = request.method not in ("GET", "HEAD")
        if unsafe and "origin" in request.headers and not await group.allows(request):
            raise Forbidden("This page may not change anything")

    group = cors_group(bp, allow_origins=[ONE, lambda origin, _: is_preview(origin)])
    app = new_app(group)
    rows = [
        ("GET", ONE, 200, ONE),
        ("GET", PREVIEW, 200, PREVIEW),
        ("GET", EVIL, 200, None),
        ("GET", None, 200, None),
        ("POST", ONE, 200, ONE),
        ("POST", EVIL, 403, None),
        ("POST", None, 200, None),
    ]
    responses = send(app, *(request(method, "/bp/", origin) for method, origin, *_ in rows))
    seen = [(answer.status, dict(answer.headers).get("timing-allow-origin")) for answer in responses]
    assert seen == [(status, timing) for *_, status, timing in rows]


# --- allows(), the headers and an independent reading of the policy agree ---

SEED = int(os.environ.get("CORSBP_SEED") or random.randrange(2**32))
HOSTS = ["a.example", "b.a.example", "c.b.a.example", "localhost", "x.example", "127.0.0.1"]
ENTRIES = [
    *(f"https://{host}" for host in HOSTS),
    "https://*.a.example",
    "https://*.example",
    "https://*.a.example:8443",
    "http://localhost:*",
    "https://*.b.a.example:*",
    "app://.",
    "file://",
]
KNOWN = [
    "https://c.b.a.example",
    "https://x.example:1",
    "http://a.example",
    "file://",
    "null",
    "https://X.example",
]


def by_hand(declared: list[Any] | str, origin: str) -> bool:
    """Decide by regular expressions, slowly, whether a declaration allows an origin."""
    if declared == "*":
        return True
    a_page = re.fullmatch(r"(https|http|app)://([a-z0-9.]+|\.)(:[1-9]\d{0,4})?|file://", origin)
    if not a_page or re.search(r"^https://.*:443$|^http://.*:80$", origin):
        return False
    for entry in declared:
        if callable(entry):
            if entry(origin, None):
                return True
        elif re.fullmatch(
            re.escape(entry).replace(r"://\*\.", r"://[a-z0-9.]+\.").replace(r":\*", r"(:\d+)?"), origin
        ):
            return True
    return False


def knows(chosen: frozenset[str]) -> Callable[[str, Any], bool]:
    return lambda origin, _: origin in chosen


@pytest.mark.no_cover
def test_policy_headers_and_declaration_agree() -> None:
    print("CORSBP_SEED =", SEED)
    rng = random.Random(SEED)
    origins = [
        *(f"https://{host}{port}" for host in HOSTS for port in ("", ":8443", ":443")),
        *("http://localhost", "http://localhost:3000", "http://localhost:80", "http://a.example"),
        *("app://.", "file://", "null", "https://x.example:1", "https://X.example", "", "https://a.example/"),
    ]
    counted = {True: 0, False: 0}
    for _ in range(12):
        declared: Any = "*"
        if rng.random() > 0.1:
            declared = rng.sample(ENTRIES, rng.randint(1, 4))
            if rng.random() < 0.6:
                declared.insert(rng.randrange(len(declared) + 1), knows(frozenset(rng.sample(KNOWN, 3))))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("corsbp.policy.policy.warn", lambda _: None)  # some entries cover others
            policy = CorsPolicy(allow_origins=declared)
        app, _ = section(policy)
        for origin, response in zip(
            origins, send(app, *(request("GET", "/bp/item", o) for o in origins)), strict=True
        ):
            expected = by_hand(declared, origin)
            granted = response.cors.get("access-control-allow-origin") in ("*", origin)
            called = response.body == b"True"
            assert (granted, called) == (expected, expected), (declared, origin, SEED)
            try:
                assert policy.allows(origin) is expected, (declared, origin, SEED)
            except TypeError:
                assert any(map(callable, declared)), (declared, origin, SEED)
            counted[expected] += 1
    assert min(counted.values()) > 20, counted


@pytest.mark.parametrize("function", [False, True])
def test_allows_in_an_open_stream_answers_by_the_policy_in_force_now(function: bool) -> None:
    calls: list[str] = []

    async def named(origin: str, _: Request) -> bool:
        calls.append(origin)
        return origin == ORIGIN

    seen: list[bool] = []
    bp = Blueprint("bp", url_prefix="/bp")
    before = CorsPolicy(allow_origins=[TWO, named] if function else [ORIGIN, TWO])
    group = cors_group(bp, policy=before)

    async def stream(request: Request) -> None:
        response = await request.respond()
        await response.send("one")
        seen.append(await group.allows(request))
        seen.append(await group.allows(request))
        group.reconfigure(CorsPolicy(allow_origins=[TWO]))
        seen.append(await group.allows(request))
        group.reconfigure(before)
        seen.append(await group.allows(request))
        await response.eof()

    bp.add_route(as_handler(stream), "/stream", name="stream")
    expect(new_app(group), {"stream": (request("GET", "/bp/stream"), 200, GRANTED)})
    assert seen == [True, True, False, True]
    assert len(calls) == (2 if function else 0)  # once for each policy in force
