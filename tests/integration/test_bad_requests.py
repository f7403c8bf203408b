"""Requests that no browser sends: served as Sanic serves them, without a grant, without a traceback."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import cors_group

from ..support import ORIGIN, ReceivedResponse, new_app, parse_response, send

LOOKING: dict[str, dict[str, Any]] = {
    "list": {"allow_origins": [ORIGIN, "https://two.example"]},
    "patterns": {"allow_origins": ["https://*.example.com", "http://localhost:*"], "allow_credentials": True},
    "function": {"allow_origins": lambda origin, _: origin == ORIGIN},
}
VARY = {"vary": "origin"}

ORIGINS = {
    "absent": [],
    "empty": [b""],
    "doubled": [ORIGIN.encode(), ORIGIN.encode()],
    "two in one line": [f"{ORIGIN}, {ORIGIN}".encode()],
    "null": [b"null"],
    "a name": [b"app.example"],
    "a path": [f"{ORIGIN}/".encode()],
    "bytes that are no text": [b"https://\xff\xfe.example.com"],
    "control characters": [b"https://a\x01\x1b[31m.example.com"],
    "8 KiB of labels": [b"https://" + b"a." * 3900 + b"example.com"],
    "8 KiB of one label": [b"https://" + b"a" * 7800 + b".example.com"],
    "8 KiB of colons": [b"https://" + b":" * 7800],
}


def app_with(fields: dict[str, Any]) -> Sanic:
    bp = Blueprint("api")

    @bp.get("/", name="root")
    @bp.get("/item", name="item")
    def item(_: Request) -> HTTPResponse:
        return text("item")

    return new_app(cors_group(bp, **fields))


def raw(method: bytes, target: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: api.example", b"Connection: close"]
    return b"\r\n".join([*lines, *(b": ".join(header) for header in headers)]) + b"\r\n\r\n"


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> object:
    yield
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


@pytest.mark.parametrize("policy", LOOKING)
def test_origins(policy: str) -> None:
    lines = [[(b"Origin", origin) for origin in origins] for origins in ORIGINS.values()]
    asked = (b"Access-Control-Request-Method", b"GET")
    app = app_with(LOOKING[policy])
    ordinary = send(app, *(raw(b"GET", b"/item", *origin) for origin in lines))
    assert [(a.status, a.body, a.cors) for a in ordinary] == [(200, b"item", VARY)] * len(ORIGINS)
    listed = send(app, *(raw(b"OPTIONS", b"/item", *origin, asked) for origin in lines))
    vary = {"vary": "origin, access-control-request-headers"} if policy == "patterns" else VARY
    for name, answer in zip(ORIGINS, listed, strict=True):
        assert (name, answer.status, answer.cors) == (name, 204, VARY if name == "absent" else vary)


def preflights(app: Sanic, *headers: tuple[bytes, bytes], method: bytes = b"GET") -> ReceivedResponse:
    (answer,) = send(
        app,
        raw(
            b"OPTIONS",
            b"/item",
            (b"Origin", ORIGIN.encode()),
            (b"Access-Control-Request-Method", method),
            *headers,
        ),
    )
    return answer


@pytest.mark.parametrize("method", [b"BREW", b"", b"get", b"GET, POST", b"\xff\x01", b"X" * 7000])
def test_a_preflight_for_a_method_that_does_not_exist(method: bytes) -> None:
    """The lists are the answer: the browser's console then names the step."""
    answer = preflights(app_with(LOOKING["list"]), method=method)
    assert answer.status == 204
    assert answer.cors == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": "GET,OPTIONS",
        "access-control-allow-headers": "*,authorization",
        "access-control-max-age": "600",
        **VARY,
    }


@pytest.mark.parametrize(
    "names", [b"," * 7800, b"x," * 3900, b"x" * 7800, b"x y", b"x\x01", b"\xc3\xa9", b'"x"', b" ," * 3900]
)
def test_requested_headers_that_are_no_list_of_names(names: bytes) -> None:
    """Where names are sent back, only those that are valid: none of these."""
    reflecting = {"allow_origins": [ORIGIN, "https://two.example"], "allow_credentials": True}
    answer = preflights(app_with(reflecting), (b"Access-Control-Request-Headers", names))
    assert answer.status == 204
    reflected = answer.cors.pop("access-control-allow-headers", "")
    assert reflected == ("x" * 7800 if names == b"x" * 7800 else "")
    assert answer.cors["access-control-allow-origin"] == ORIGIN


def test_a_request_line_for_the_server() -> None:
    asked = [(b"Origin", ORIGIN.encode()), (b"Access-Control-Request-Method", b"GET")]
    for fields in ({}, LOOKING["list"]):
        for headers in (asked, asked[:1], []):
            (answer,) = send(app_with(fields), raw(b"OPTIONS", b"*", *headers))
            assert (answer.status, answer.cors) == (405, {})  # as in an app without sections


def test_what_is_no_request_at_all() -> None:
    app = app_with({})
    for line in (b"GET\r\n\r\n", b"GET /item HTTP/9.9\r\n\r\n", b"\x16\x03\x01\r\n\r\n"):
        (answer,) = send(app, line)
        assert (answer.status, answer.cors) == (400, {})


def test_parse_sees_a_doubled_header() -> None:
    """The checks of this suite rest on it."""
    with pytest.raises(AssertionError, match="came twice"):
        _ = parse_response(b"HTTP/1.1 200 OK\r\nvary: a\r\nVary: b\r\n\r\n").cors
