"""Pages of the server itself may open its sockets."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from sanic import Blueprint
from sanic.compat import Header

from corsbp import CorsPolicy, Refusal, cors_group
from corsbp.decision.compiled import CompiledPolicy
from corsbp.decision.own_origin import is_own_page

from ..app.test_websockets import POLICIES, app_of, handshake, open_all
from ..support import expect, handler, new_app, request, send

OWN = [
    # origin of the page, Host of the handshake, whether both are the same server
    ("https://api.example", "api.example", True),
    ("http://api.example", "api.example", True),  # only a proxy knows the scheme of the request
    ("https://api.example", "api.example:443", True),
    ("http://api.example", "api.example:80", True),
    ("https://api.example:8443", "api.example:8443", True),
    ("https://api.example", "API.Example", True),
    ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
    ("http://[::1]:8000", "[::1]:8000", True),
    ("https://api.example", "api.example:80", False),
    ("http://api.example", "api.example:443", False),
    ("https://api.example:8443", "api.example", False),
    ("https://api.example", "api.example:8443", False),
    ("https://app.api.example", "api.example", False),
    ("https://api.example.evil.example", "api.example", False),
    ("app://api.example", "api.example", False),
    ("null", "null", False),
    ("api.example", "api.example", False),
    ("HTTPS://API.example", "api.example", True),
    ("https://", "", False),
    ("https://:443", "", False),
]


@pytest.mark.parametrize("name", ["one", "a function", "an async function"])
def test_pages_of_the_server_itself_may_open_its_sockets(name: str) -> None:
    """W1: Origin and Host have the same host and port; the default ports may be left out."""
    app = app_of(CorsPolicy(**POLICIES[name][0]))
    responses = open_all(app, *(handshake(origin, host=host) for origin, host, _ in OWN))
    seen = [
        (origin, host, response.status == 101)
        for (origin, host, _), response in zip(OWN, responses, strict=True)
    ]
    assert seen == OWN
    twice = handshake("https://api.example", "https://api.example")
    assert [response.status for response in open_all(app_of(CorsPolicy(**POLICIES[name][0])), twice)] == [403]


# --- behind proxies (O1) ---

SITES: dict[str, tuple[dict[str, Any], dict[str, str], list[tuple[str, bool]]]] = {
    "SERVER_NAME": (
        {"SERVER_NAME": "https://site.example"},
        {},
        [("https://site.example", True), ("https://internal.example", False), ("http://site.example", False)],
    ),
    "a trusted proxy": (
        {"PROXIES_COUNT": 1},
        {"x-forwarded-for": "1.2.3.4", "x-forwarded-host": "site.example", "x-forwarded-proto": "https"},
        [("https://site.example", True), ("https://internal.example", False), ("http://site.example", False)],
    ),
    "two proxies that list their schemes": (
        {"PROXIES_COUNT": 1},
        {
            "x-forwarded-for": "1.2.3.4",
            "x-forwarded-host": "site.example",
            "x-forwarded-proto": "https, http",
        },
        [("https://site.example", True), ("http://site.example", False)],
    ),
    "a secret": (
        {"FORWARDED_SECRET": "hidden"},
        {"forwarded": "for=1.2.3.4;host=site.example;proto=https;secret=hidden"},
        [("https://site.example", True), ("https://internal.example", False)],
    ),
    "a wrong secret": (
        {"FORWARDED_SECRET": "hidden"},
        {"forwarded": "for=1.2.3.4;host=site.example;proto=https;secret=guessed"},
        [("https://site.example", False), ("https://internal.example", True)],
    ),
    "no trusted proxy": (
        {},
        {"x-forwarded-for": "1.2.3.4", "x-forwarded-host": "site.example"},
        [
            ("https://site.example", False),
            ("https://internal.example", True),
            ("http://internal.example", True),
        ],
    ),
}


@pytest.mark.parametrize("name", SITES)
def test_the_host_is_the_one_that_sanic_is_configured_to_trust(name: str) -> None:
    config, more, origins = SITES[name]
    app = app_of(CorsPolicy(allow_origins=["https://other.example"]), **config)
    lines = "".join(f"{key}: {value}\r\n" for key, value in more.items()).encode()
    raws = [handshake(origin, host="internal.example") for origin, _ in origins]
    raws = [raw.replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n") for raw in raws]
    opened = [response.status == 101 for response in open_all(app, *raws)]
    assert dict(zip([origin for origin, _ in origins], opened, strict=True)) == dict(origins)


def test_an_insecure_page_is_own_if_the_policy_allows_it() -> None:
    policy = CorsPolicy(allow_origins=["https://other.example"], dangerously_allow_insecure_origins=True)
    app = app_of(policy, SERVER_NAME="https://site.example")
    assert [each.status for each in open_all(app, handshake("http://site.example"))] == [101]


def test_two_lines_of_host_are_no_host() -> None:
    raw = handshake("https://api.example").replace(b"\r\n\r\n", b"\r\nhost: api.example\r\n\r\n")
    assert [
        each.status for each in open_all(app_of(CorsPolicy(allow_origins=["https://a.example"])), raw)
    ] == [403]


@pytest.mark.parametrize(("scheme", "status"), [("wss", 403), ("ws", 101)])
def test_an_asgi_server_says_how_a_request_came(scheme: str, status: int) -> None:
    """O3: an `http` page is not the own one of a `wss` socket."""
    one: Any = SimpleNamespace(
        headers=Header({"origin": "http://api.example", "host": "api.example"}),
        host="api.example",
        scheme="ws",
        transport=SimpleNamespace(scope={"scheme": scheme}),
    )
    policy = CompiledPolicy(CorsPolicy(allow_origins=["https://a.example"]))
    assert is_own_page(one, policy) is (status == 101)


# --- reports (O2) ---


@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_own_pages_are_never_reported(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """Browsers send Origin with a page's POST to its own server."""
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", methods=["GET", "POST"], name="item")
    stricter = CorsPolicy(allow_origins=["https://one.example"])
    group = cors_group(bp, allow_origins=["https://one.example", "https://two.example"], report_only=stricter)
    app = new_app(group)
    told: list[str] = []

    @app.signal("corsbp.page.refused")
    async def count(refusal: Refusal, **_: object) -> None:
        told.append(refusal.id)

    caplog.set_level(logging.DEBUG, "corsbp")
    own = request(method, "/api/item", "https://api.example")
    other = request(method, "/api/item", "https://evil.example")
    expect(app, {"own": (own, 204 if method == "OPTIONS" else 200, {"vary": "origin"})})
    assert (told, [each for each in caplog.records if each.name == "corsbp"]) == ([], [])
    send(app, other)
    assert len([each for each in caplog.records if each.name == "corsbp"]) == len(told) == 1
