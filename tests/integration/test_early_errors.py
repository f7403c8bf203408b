"""Errors before a request could be read (R9): 413 for a long head, 408, 400."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sanic import Blueprint, Sanic

from corsbp import CorsPolicy, cors_group

from ..support import (
    LISTED,
    ORIGIN,
    PUBLIC,
    Expectation,
    both_touchups,
    expect,
    handler,
    new_app,
    parse_response,
    request,
    run_server,
    serve,
)

LONG = f"GET /{'a' * 20_000} HTTP/1.1\r\nhost: api.example\r\norigin: {ORIGIN}\r\n\r\n".encode()
HEAD = f"GET / HTTP/1.1\r\nhost: api.example\r\norigin: {ORIGIN}\r\nx-token: {'a' * 20_000}\r\n\r\n".encode()
BAD = b"GET / HTTP/1.1\r\nhost: api.example\r\ncontent-length: many\r\nconnection: close\r\n\r\n"
WORSE = b"GET / HTTP/7\r\nhost: api.example\r\n\r\n"


def whole(policy: CorsPolicy, *, apart: bool = False, own: bool = False, **config: Any) -> Sanic:
    """Return an app that is one section; or has another one, or a route with a policy of its own."""
    app = new_app(**config)
    context: Any = {"ctx_cors": CorsPolicy(max_age=1)} if own else {}
    app.add_route(handler, "/", name="root", **context)
    app.blueprint(cors_group(app, policy=policy))
    if apart:
        bp = Blueprint("apart", url_prefix="/apart")
        bp.add_route(handler, "/item", name="item")
        app.blueprint(cors_group(bp))
    return app


@both_touchups
@pytest.mark.parametrize("policy", [CorsPolicy(), CorsPolicy(allow_origins=[ORIGIN])])
def test_the_error_has_the_headers_where_the_whole_app_has_one_static_policy(
    policy: CorsPolicy, touchup: bool
) -> None:
    static = PUBLIC if policy.allow_origins == "*" else {"access-control-allow-origin": ORIGIN}
    rows: dict[str, Expectation] = {
        "a long URL": (LONG, 413, static),
        "a long header": (HEAD, 413, static),
        "a bad length": (BAD, 400, static),
        "no HTTP": (WORSE, 400, static),
        "and a good request": (request("GET", "/"), 200, static),
    }
    expect(whole(policy, TOUCHUP=touchup), rows)


@pytest.mark.parametrize(
    "options",
    [
        {"policy": CorsPolicy(**LISTED)},
        {"policy": CorsPolicy(), "apart": True},
        {"policy": CorsPolicy(), "own": True},
    ],
)
def test_the_error_is_in_no_section_otherwise(options: dict[str, Any]) -> None:
    rows: dict[str, Expectation] = {
        "a long URL": (LONG, 413, {}),
        "a long header": (HEAD, 413, {}),
        "a bad length": (BAD, 400, {}),
        "no HTTP": (WORSE, 400, {}),
    }
    expect(whole(**options), rows)


def test_a_policy_that_is_static_no_more_sends_nothing() -> None:
    app = new_app()
    app.add_route(handler, "/", name="root")
    group = cors_group(app)
    app.blueprint(group)

    @app.before_server_start
    def change(_: Sanic) -> None:
        group.reconfigure(CorsPolicy(**LISTED))

    expect(app, {"a long URL": (LONG, 413, {})})


def test_a_request_that_never_ends_has_the_headers() -> None:
    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost:")
        try:
            return await asyncio.wait_for(reader.read(), 60)
        finally:
            writer.close()

    app = whole(CorsPolicy(), REQUEST_TIMEOUT=0.2, KEEP_ALIVE_TIMEOUT=0.2)
    response = parse_response(run_server(serve(app, talk)))
    assert (response.status, response.cors) == (408, PUBLIC)
