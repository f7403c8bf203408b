"""The table of cases, through Sanic: its own server with and without TOUCHUP, and its ASGI client."""

from __future__ import annotations

import pytest
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, text

from corsbp import CorsGroup, cors_group

from ..cases import CASES, LISTED, POLICIES, Case
from ..support import HttpRequest, ReceivedResponse, new_app, send, send_to_asgi_app


def sections() -> list[CorsGroup]:
    """Return a section for each policy, with one path that serves GET, POST and DELETE."""
    groups = []
    for name, fields in POLICIES.items():
        bp = Blueprint(name, url_prefix=f"/{name}")

        @bp.get("/item", name="get")
        @bp.post("/item", name="post")
        @bp.delete("/item", name="delete")
        def item(_: Request) -> HTTPResponse:
            return text("item")

        groups.append(cors_group(bp, **fields))
    return groups


def as_request(case: Case) -> HttpRequest:
    headers = [("origin", origin) for origin in case.origins]
    if case.kind == LISTED:
        method, names = case.asks
        headers += [("access-control-request-method", method)]
        headers += [("access-control-request-headers", line) for line in names]
    return HttpRequest("GET" if case.kind == "GET" else "OPTIONS", f"/{case.policy}/item", tuple(headers))


def check(responses: list[ReceivedResponse], cases: list[Case]) -> None:
    seen = {
        case.name: (response.status, response.cors) for case, response in zip(cases, responses, strict=True)
    }
    assert seen == {case.name: (200 if case.kind == "GET" else 204, case.headers) for case in cases}
    for case, response in zip(cases, responses, strict=True):
        allow = [value for name, value in response.headers if name == "allow"]
        assert allow == (["GET, POST, DELETE, OPTIONS"] if case.kind == "OPTIONS" else []), case.name
        assert response.body == (b"item" if case.kind == "GET" else b""), case.name


def test_the_names_of_the_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("touchup", [True, False])
def test_the_table_holds_over_http(touchup: bool) -> None:
    check(send(new_app(*sections(), TOUCHUP=touchup), *map(as_request, CASES)), CASES)


def test_the_table_holds_through_asgi() -> None:
    # httpx removes characters that it does not find valid in the value of a header
    cases = [
        case
        for case in CASES
        if all(origin.isprintable() and origin.strip() == origin for origin in case.origins)
    ]
    assert len(cases) > len(CASES) - 5
    check(send_to_asgi_app(new_app(*sections()), *map(as_request, cases)), cases)
