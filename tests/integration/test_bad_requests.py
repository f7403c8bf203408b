"""Requests that no browser sends are served as by Sanic alone: without a grant, without a traceback."""

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
    sent = (b"Access-Control-Request-Method", b"GET")
    app = app_with(LOOKING[policy])
    ordinary = send(app, *(raw(b"GET", b"/item", *origin) for origin in lines))
    assert [(a.status, a.body, a.cors) for a in ordinary] == [(200, b"item", VARY)] * len(ORIGINS)
    listed = send(app, *(raw(b"OPTIONS", b"/item", *origin, sent) for origin in lines))
    vary = {"vary": "origin, access-control-request-headers"} if policy == "patterns" else VARY
    for name, response in zip(ORIGINS, listed, strict=True):
        assert (name, response.status, response.cors) == (name, 204, VARY if name == "absent" else vary)


def preflights(app: Sanic, *headers: tuple[bytes, bytes], method: bytes = b"GET") -> ReceivedResponse:
    (response,) = send(
        app,
        raw(
            b"OPTIONS",
            b"/item",
            (b"Origin", ORIGIN.encode()),
            (b"Access-Control-Request-Method", method),
            *headers,
        ),
    )
    return response


@pytest.mark.parametrize("method", [b"BREW", b"", b"get", b"GET, POST", b"\xff\x01", b"X" * 7000])
def test_a_preflight_for_an_unknown_method_gets_the_lists(method: bytes) -> None:
    """With the lists, the console of the browser names the step that failed."""
    response = preflights(app_with(LOOKING["list"]), method=method)
    assert response.status == 204
    assert response.cors == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": "GET,OPTIONS",
        "access-control-allow-headers": "*,authorization",
        "access-control-max-age": "600",
        **VARY,
    }


@pytest.mark.parametrize(
    "names", [b"," * 7800, b"x," * 3900, b"x" * 7800, b"x y", b"x\x01", b"\xc3\xa9", b'"x"', b" ," * 3900]
)
def test_requested_headers_that_are_not_valid_names_are_not_sent_back(names: bytes) -> None:
    """Only valid names are sent back, and these are not."""
    reflecting = {"allow_origins": [ORIGIN, "https://two.example"], "allow_credentials": True}
    response = preflights(app_with(reflecting), (b"Access-Control-Request-Headers", names))
    assert response.status == 204
    reflected = response.cors.pop("access-control-allow-headers", "")
    assert reflected == ("x" * 7800 if names == b"x" * 7800 else "")
    assert response.cors["access-control-allow-origin"] == ORIGIN


def test_a_request_for_the_server_has_no_grant() -> None:
    lines = [(b"Origin", ORIGIN.encode()), (b"Access-Control-Request-Method", b"GET")]
    for fields in ({}, LOOKING["list"]):
        for headers in (lines, lines[:1], []):
            (response,) = send(app_with(fields), raw(b"OPTIONS", b"*", *headers))
            assert (response.status, response.cors) == (405, {})  # as in an app without sections


def test_bytes_that_are_not_a_request_get_an_error() -> None:
    app = app_with({})
    for line in (b"GET\r\n\r\n", b"GET /item HTTP/9.9\r\n\r\n", b"\x16\x03\x01\r\n\r\n"):
        (response,) = send(app, line)
        assert (response.status, response.cors) == (400, {})


def test_a_header_that_comes_twice_is_an_error_of_the_test() -> None:
    """The property `cors` of responses depends on it."""
    with pytest.raises(AssertionError, match="came twice"):
        _ = parse_response(b"HTTP/1.1 200 OK\r\nvary: a\r\nVary: b\r\n\r\n").cors
