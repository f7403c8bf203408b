"""For a random policy and request, a page reads exactly what the policy grants.

What is expected is worked out here, from the policy's fields and the request, without any code of corsbp's.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, cors_group
from corsbp.testing import Browser, Result

from ..support import new_app

ORIGINS = [
    "https://app.example",
    "https://a.tenants.example",
    "http://localhost:3000",
    "https://evil.example",
    "null",
]
ENTRIES = {
    "https://app.example": {"https://app.example"},
    "https://evil.example": {"https://evil.example"},
    "https://*.tenants.example": {"https://a.tenants.example"},
    "http://localhost:*": {"http://localhost:3000"},
}
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
SERVED = {"GET", "POST", "PUT", "PATCH"}
ASKED = ["x-a", "x-b", "authorization", "accept", "content-type"]
SENT = {"etag": '"1"', "x-total": "7", "content-language": "de"}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    credentials = draw(st.booleans())
    some = st.lists(st.sampled_from([*ENTRIES]), min_size=1, unique=True)

    def names(values: list[str]) -> st.SearchStrategy[Any]:
        return st.lists(st.sampled_from(values), unique=True)

    exposed = names(["etag", "x-total", "x-other"])
    return {
        "allow_origins": draw(some if credentials else st.one_of(st.just("*"), some)),
        "allow_credentials": credentials,
        "allow_methods": draw(st.one_of(st.just("*"), names([*SERVED, "DELETE"]))),
        "allow_headers": draw(
            st.one_of(st.just("*"), names(["x-a", "x-b", "authorization", "content-type"]))
        ),
        "expose_headers": draw(exposed if credentials else st.one_of(st.just("*"), exposed)),
        "max_age": draw(st.sampled_from([None, 0, 600])),
    }


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    method = draw(st.sampled_from([*METHODS, "put", "patch"]))
    return {
        "origin": draw(st.sampled_from(ORIGINS)),
        "method": method,
        "headers": dict.fromkeys(draw(st.lists(st.sampled_from(ASKED), unique=True)), "text/plain"),
        "json": draw(st.booleans()) and method.upper() not in ("GET", "HEAD"),
        "credentials": draw(st.sampled_from(["omit", "same-origin", "include"])),
    }


def is_allowed(policy: dict[str, Any], request: dict[str, Any]) -> bool:
    """Return whether the policy allows the page to read the response."""
    included = request["credentials"] == "include"
    origins = policy["allow_origins"]
    if included and not policy["allow_credentials"]:
        return False
    if origins != "*" and not any(request["origin"] in ENTRIES[entry] for entry in origins):
        return False
    method = "PUT" if request["method"] == "put" else request["method"]
    allowed = SERVED if policy["allow_methods"] == "*" else SERVED & {*policy["allow_methods"]}
    if method not in allowed | {"GET", "HEAD", "POST"}:
        return False
    needed = {*request["headers"]} - {"accept", "content-type"}
    if request["json"]:
        needed.add("content-type")
    return policy["allow_headers"] == "*" or needed <= {*policy["allow_headers"]}


def readable(policy: dict[str, Any]) -> set[str]:
    """Return the headers of the handler that the page can read."""
    exposed = {*SENT} if policy["expose_headers"] == "*" else {*policy["expose_headers"]}
    return {name for name in SENT if name in exposed | {"content-language"}}


def fetch_from_app(policy: dict[str, Any], request: dict[str, Any]) -> Result:
    bp = Blueprint("bp", url_prefix="/api")

    async def handler(_: Request) -> HTTPResponse:
        return text("item", headers=SENT)

    for method in SERVED:
        bp.add_route(handler, "/item", methods=[method], name=method)
    app = new_app(cors_group(bp, policy=CorsPolicy(**policy)))

    async def run() -> Result:
        async with Browser(app, request["origin"]) as browser:
            return await browser.fetch(
                "/api/item",
                request["method"],
                headers=request["headers"]
                | ({"content-type": "application/json"} if request["json"] else {}),
                credentials=request["credentials"],
            )

    try:
        return asyncio.run(run())
    finally:
        type(app).unregister_app(app)


@pytest.mark.no_cover
@settings(max_examples=120, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), requests())
def test_a_page_reads_what_the_policy_grants(policy: dict[str, Any], request: dict[str, Any]) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # policies that were probably not meant are as good as others
        result = fetch_from_app(policy, request)
    assert result.ok_for_page is is_allowed(policy, request), str(result)
    if result.ok_for_page:
        served = request["method"] in ("GET", "POST", "PUT", "put", "PATCH")
        assert (result.status == 200) is served
        assert not served or {name for name in SENT if name in result.headers} == readable(policy)
    else:
        assert (result.status, result.headers, result.body) == (0, {}, b"")
