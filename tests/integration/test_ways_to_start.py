"""A section works however the app is started (S5, S6)."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import sanic
from packaging.version import Version
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import Unauthorized
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, cors_group

from ..app.test_websockets import handshake, opened
from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    REFUSED,
    TWO,
    HttpRequest,
    ReceivedResponse,
    as_handler,
    new_app,
    preflight,
    preflight_headers,
    request,
    run_server,
    send,
    send_async,
    serve,
    text_handler,
)


def bp_of(name: str = "api") -> Blueprint:
    bp = Blueprint(name, url_prefix=f"/{name}")
    bp.add_route(text_handler("item"), "/item", name="item")
    bp.add_route(as_handler(lambda _, n: text(str(n))), "/<n:int>", name="number", methods=["PUT"])

    @bp.websocket("/ws")
    async def ws(_: Request, ws: Any) -> None:
        await ws.send("hello")

    return bp


ASKED: list[tuple[HttpRequest, int, dict[str, str]]] = [
    (request("GET", "/api/item"), 200, GRANTED),
    (request("GET", "/api/item", EVIL), 200, REFUSED),
    (preflight("/api/5", "PUT"), 204, GRANTED | preflight_headers("PUT,OPTIONS")),
    (request("GET", "/api/none"), 404, GRANTED),
    (request("POST", "/api/item"), 405, GRANTED),
    (request("GET", "/web"), 200, {}),
    (request("GET", "/none"), 404, {}),
    (request("POST", "/web"), 405, {}),
]


def site(**config: Any) -> Sanic:
    app = new_app(cors_group(bp_of(), **LISTED), **config)
    app.add_route(text_handler("web"), "/web", name="web")
    return app


async def right(port: int, sockets: bool = True) -> None:
    for one, status, cors in ASKED:
        response = await send_async(port, one)
        assert (response.status, response.cors) == (status, cors), one
    origins = (TWO, EVIL) if sockets else ()
    statuses = [(await opened(port, handshake(origin, path="/api/ws"))).status for origin in origins]
    assert statuses == [101, 403][: len(origins)]


async def right_but_for_sockets(port: int) -> None:
    """Check all but WebSockets, which Sanic has to know before it starts."""
    await right(port, sockets=False)


def test_a_section_works_in_an_embedded_server_without_listeners() -> None:
    """Sanic's own examples use `create_server()` and `startup()`."""

    async def talk() -> None:
        app = site()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            server: Any = await app.create_server(sock=sock, return_asyncio_server=True, access_log=False)
            assert server is not None
            await server.startup()
            await server.start_serving()
            try:
                await right(sock.getsockname()[1])
            finally:
                server.close()
                await server.wait_closed()

    run_server(talk())


@pytest.mark.parametrize("debug", [False, True])
def test_a_section_works_with_listeners(debug: bool) -> None:
    run_server(serve(site(), right, debug))


@pytest.mark.parametrize("touchup", [False, True])
@pytest.mark.parametrize("event", ["before_server_start", "after_server_start", "main_process_start"])
def test_a_group_can_be_registered_in_a_listener(event: str, touchup: bool) -> None:
    """By then, TOUCHUP has removed unused code of Sanic; sections do not depend on it."""
    app = new_app(TOUCHUP=touchup)
    app.add_route(text_handler("web"), "/web", name="web")

    async def late(app: Sanic, *_: object) -> None:
        with app.amend():
            app.blueprint(cors_group(bp_of(), **LISTED))

    if event == "main_process_start":  # as early as possible, since there is no main process of Sanic here
        asyncio.run(late(app))
    else:
        app.listener(event)(late)
    run_server(serve(app, right_but_for_sockets))


def test_a_second_app_of_a_process_can_have_a_late_group() -> None:
    """TOUCHUP changes classes, for all apps that start later."""

    async def talk() -> None:
        plain, late = new_app(TOUCHUP=True), new_app(TOUCHUP=False)
        for app in (plain, late):
            app.add_route(text_handler("web"), "/web", name="web")

        @late.after_server_start
        async def register(app: Sanic) -> None:
            with app.amend():
                app.blueprint(cors_group(bp_of(), **LISTED))

        await serve(plain, lambda _: serve(late, right_but_for_sockets))

    run_server(talk())


def test_an_app_works_at_its_second_start() -> None:
    app = site(TOUCHUP=False)
    for _ in range(5):
        run_server(serve(app, right))


def test_an_app_that_cannot_be_bound_does_not_start() -> None:
    bp = bp_of()
    bp.add_route(text_handler("odd"), "/odd", name="odd", ctx_cors="a typo")
    app = new_app(cors_group(bp))
    with pytest.raises(ValueError, match="ctx_cors='a typo'"):
        send(app, request("GET", "/api/item"))


# --- another policy ---


def policies() -> list[tuple[CorsPolicy, dict[str, str], dict[str, str]]]:
    """Return policies, with the headers of a page and of its preflight."""
    found = []
    for number in range(1, 5):
        origin = f"https://{'abcd'[number - 1]}.example"
        policy = CorsPolicy(allow_origins=[origin], allow_headers=[f"x-{number}"], max_age=number)
        grant = {"access-control-allow-origin": origin}
        more = {
            "access-control-allow-methods": "GET,OPTIONS",
            "access-control-allow-headers": f"x-{number}",
            "access-control-max-age": str(number),
        }
        found.append((policy, grant, grant | more))
    return found


def test_every_response_has_one_policy_while_threads_reconfigure() -> None:
    """D2: policies change one at a time, and the last one is in force everywhere."""
    known = policies()
    group = cors_group(bp_of(), policy=known[0][0])
    grants, listed = ([row[place] for row in known] for place in (1, 2))
    stop = threading.Event()

    def change(offset: int) -> None:
        turn = offset
        while not stop.wait(0.0001):
            group.reconfigure(known[turn % len(known)][0])
            turn += 1

    async def talk(port: int) -> None:
        threads = [threading.Thread(target=change, args=(offset,)) for offset in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(150):
                assert (await send_async(port, request("GET", "/api/item"))).cors in grants
                assert (await send_async(port, preflight("/api/item"))).cors in listed
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        place = next(place for place, (policy, *_) in enumerate(known) if policy is group.policy)
        assert (await send_async(port, request("GET", "/api/item"))).cors == grants[place]
        assert (await send_async(port, preflight("/api/item"))).cors == listed[place]

    run_server(serve(new_app(group), talk))


def test_a_list_can_become_a_function_and_a_function_a_list() -> None:
    """The function is called before the handler, whatever the policy was at startup."""
    order: list[str] = []

    async def allows(origin: str, _: Request) -> bool:
        order.append("asked")
        return origin == ORIGIN

    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        order.append("handler")
        return text("item")

    group = cors_group(bp, **LISTED)
    listed = group.policy

    async def talk(port: int) -> list[ReceivedResponse]:
        responses = []
        for policy in (listed, CorsPolicy(allow_origins=allows), listed):
            group.reconfigure(policy)
            responses += [await send_async(port, request("GET", "/api/item"))]
        return responses

    responses = run_server(serve(new_app(group), talk))
    assert [response.cors for response in responses] == [GRANTED] * 3
    assert order == ["handler", "asked", "handler", "handler"]


def test_reconfigure_does_not_look_at_the_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    bp = Blueprint("api", url_prefix="/api")
    for number in range(200):
        bp.add_route(text_handler("item"), f"/{number}", name=f"n{number}")
    group = cors_group(bp)

    async def talk(port: int) -> None:
        router = type(app.router)
        for name in ("routes", "groups"):
            monkeypatch.setattr(router, name, property(lambda _: pytest.fail("it looked at the routes")))
        group.reconfigure(CorsPolicy(**LISTED))
        response = await send_async(port, request("GET", "/api/7"))
        monkeypatch.undo()
        assert response.cors == GRANTED

    app = new_app(group)
    run_server(serve(app, talk))


# --- while the app runs ---


def at_runtime(
    app: Sanic, change: Callable[[Sanic], None], *requests: HttpRequest
) -> list[tuple[int, dict[str, str]]]:
    """Return the responses of an app that is changed while it serves."""

    async def talk(port: int) -> list[tuple[int, dict[str, str]]]:
        for one in requests:
            await send_async(port, one)
        change(app)
        responses = [await send_async(port, one) for one in requests]
        return [(response.status, response.cors) for response in responses]

    return list(run_server(serve(app, talk)))


def test_a_registered_blueprint_can_be_wrapped_while_the_app_runs() -> None:
    """Sanic has nothing to compile, since no route is declared: it is bound at once."""
    bp = bp_of()
    responses = at_runtime(
        new_app(bp),
        lambda app: app.blueprint(cors_group(bp, **LISTED)),
        *(one for one, *_ in ASKED[:5]),
    )
    assert responses == [(status, cors) for _, status, cors in ASKED[:5]]


def test_a_late_route_can_be_left_out_while_the_app_runs() -> None:
    bp = bp_of()

    def leave_out(app: Sanic) -> None:
        with app.amend():
            for route in bp.routes:
                route.ctx.cors = False

    requests = [request("GET", "/api/item"), preflight("/api/item"), request("GET", "/api/none")]
    assert at_runtime(new_app(cors_group(bp, **LISTED)), leave_out, *requests) == [
        (200, {}),
        (405, {}),
        (404, GRANTED),
    ]


def test_listeners_are_called_in_an_app_that_was_finalized_by_hand() -> None:
    app: Any = site()

    @app.signal("http.routing.before")
    async def sign_in(request: Request, **_: object) -> None:
        raise Unauthorized("who are you?")

    app.finalize()
    app.router.reset()
    responses = at_runtime(
        app, lambda _: None, request("GET", "/api/item"), preflight("/api/item"), request("GET", "/web")
    )
    assert responses == [(401, GRANTED), (204, GRANTED | preflight_headers("GET,OPTIONS")), (401, {})]


# --- what Sanic will drop ---


def site_with_all(**config: Any) -> Sanic:
    """Return an app whose sections add listeners and signals; what Sanic deprecates is an error."""

    async def source(_: Sanic) -> AsyncIterator[list[str]]:
        yield [ORIGIN]
        await asyncio.Event().wait()

    app = site(**config)
    app.config.DEPRECATION_FILTER = "error"
    live = cors_group(
        bp_of("live"), report_only=CorsPolicy(allow_origins=[TWO]), check_requests="all", **LISTED
    )
    live.follow(source)
    app.blueprint(live)
    app.add_signal(lambda **_: None, "corsbp.page.refused")
    return app


def test_nothing_that_sanic_deprecates_is_used() -> None:
    responses = send(site_with_all(), request("GET", "/live/item"), request("GET", "/live/item", EVIL))
    assert [response.status for response in responses] == [200, 403]


def test_what_sanic_deprecates_is_seen() -> None:
    if Version(sanic.__version__) < Version("25.12"):
        pytest.skip("this Sanic deprecates no listener")
    app = site_with_all()
    app.register_listener(as_handler(lambda app, loop: None), "before_server_start")
    with pytest.raises(DeprecationWarning, match="loop argument"):
        send(app, request("GET", "/live/item"))
