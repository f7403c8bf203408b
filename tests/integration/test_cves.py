"""Vulnerabilities of other CORS packages, and proof that they cannot happen here.

Each row names the advisory, the package and the fault, with a proof: a configuration, which must be
refused, or requests, whose responses must have exactly these headers.
"""

from __future__ import annotations

import logging
import re
import tracemalloc
from dataclasses import dataclass, field
from typing import Any

import pytest
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, CorsPolicyError, cors_group
from corsbp.spec.fetch import MAX_REQUESTED_LENGTH, parse_requested_headers

from ..cases import EVIL, ONE
from ..support import HttpRequest, new_app, preflight, request, send

ADVISORIES = {
    "CVE-2026-37737",
    "CVE-2019-25211",
    "CVE-2018-20744",
    "CVE-2017-20146",
    "CVE-2024-6221",
    "CVE-2024-6839",
    "CVE-2024-6844",
    "CVE-2024-6866",
    "CVE-2024-1681",
    "CVE-2026-54290",
    "GHSA-vhxv-fg4m-p2w8",
    "GHSA-q7jf-gf43-6x6p",
    "GHSA-mh55-gqvf-xfwm",
}


@dataclass(frozen=True)
class Advisory:
    """`faults`: policies with the id of their refusal. `origins`: whether `policy` allows them."""

    id: str
    package: str
    fault: str
    faults: tuple[tuple[dict[str, Any], str], ...] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str | None] = field(default_factory=dict)
    sends: tuple[tuple[str, str], ...] = ()


TABLE = [
    Advisory(
        "CVE-2026-37737",
        "sanic-cors",
        "origins were regular expressions that only had to match at the start",
        faults=(
            ({"allow_origins": [r"https://.*\.example\.com"]}, "origin-regex"),
            ({"allow_origins": ["https://app.example.*"]}, "origin-wildcard-place"),
        ),
        policy={"allow_origins": [ONE, "https://*.example.com", "http://localhost:*"]},
        origins={
            "https://a.example.com": "https://a.example.com",
            "https://a.example.com.evil.example": None,
            "https://a.example.comx": None,
            f"{ONE}.evil.example": None,
            f"{ONE}:8443": None,
            "http://localhost:1.evil.example": None,
            "https://appxexample": None,
        },
    ),
    Advisory(
        "CVE-2019-25211",
        "gin-contrib/cors",
        "a wildcard at the end of an origin matched longer hosts: example.com* was example.community",
        faults=(
            ({"allow_origins": ["https://example.com*"]}, "origin-wildcard-place"),
            ({"allow_origins": ["https://example.com/*"]}, "origin-path"),
            ({"allow_origins": ["http://localhost*"]}, "origin-wildcard-place"),
            ({"allow_origins": ["https://*example.com"]}, "origin-wildcard-place"),
        ),
        policy={"allow_origins": ["https://example.com:*", "http://localhost:*"]},
        origins={
            "https://example.com": "https://example.com",
            "https://example.com:8443": "https://example.com:8443",
            "https://example.community": None,
            "http://localhost": "http://localhost",
            "http://localhost.example.com": None,
            "http://localhost:.example.com": None,
        },
    ),
    Advisory(
        "CVE-2018-20744",
        "rs/cors",
        "a wildcard was turned into a reflection of whatever Origin was sent",
        faults=(({"allow_origins": "*", "allow_credentials": True}, "credentials-any-origin"),),
        policy={"allow_origins": "*"},
        origins=dict.fromkeys([ONE, EVIL, "null", "https://a b"], "*"),
    ),
    Advisory(
        "CVE-2017-20146",
        "gorilla/handlers",
        "the requester controlled Access-Control-Allow-Origin, whatever was configured",
        policy={"allow_origins": [ONE, "https://two.example"], "allow_credentials": True},
        origins={ONE: ONE, EVIL: None, "null": None, "*": None, "": None, f"{ONE},{EVIL}": None},
    ),
    Advisory(
        "CVE-2024-6221",
        "flask-cors",
        "Access-Control-Allow-Private-Network was true without being asked for",
        policy={"allow_origins": [ONE, "https://two.example"]},
        origins={ONE: ONE, EVIL: None},
        sends=(("access-control-request-private-network", "true"),),
    ),
    Advisory(
        "CVE-2024-6839",
        "flask-cors",
        "policies were tied to path patterns, of which the longest won, not the most specific",
    ),
    Advisory(
        "CVE-2024-6844",
        "flask-cors",
        "a + in a path was read as a space before the policy was chosen",
    ),
    Advisory(
        "CVE-2024-6866",
        "flask-cors",
        "paths were compared without regard to case when the policy was chosen",
    ),
    Advisory(
        "CVE-2024-1681",
        "flask-cors",
        "the path went into the debug log as it was, line ends included",
    ),
    Advisory(
        "CVE-2026-54290",
        "hono",
        "credentials with the default origin reflected any origin together with credentials",
        faults=(
            ({"allow_credentials": True}, "credentials-any-origin"),
            ({"allow_credentials": True, "allow_origins": "*"}, "credentials-any-origin"),
            ({"allow_credentials": True, "allow_origins": ["*"]}, "credentials-any-origin"),
        ),
    ),
    Advisory(
        "GHSA-vhxv-fg4m-p2w8",
        "jub0bs/cors",
        "two origins that end alike made a third that was allowed: foo.com and bar.com made barfoo.com",
        policy={
            "allow_origins": ["https://foo.com", "https://bar.com", "https://*.kin.com", "https://*.pin.com"]
        },
        origins={
            "https://foo.com": "https://foo.com",
            "https://bar.com": "https://bar.com",
            "https://a.pin.com": "https://a.pin.com",
            **dict.fromkeys(
                f"https://{host}.com"
                for host in (
                    "barfoo",
                    "foobar",
                    "fbar",
                    "bfoo",
                    "oo",
                    "ar",
                    "foo.bar",
                    "pkin",
                    "a.pkin",
                    "a.in",
                    "in",
                )
            ),
        },
    ),
    Advisory(
        "GHSA-q7jf-gf43-6x6p",
        "hono",
        "the request's own Vary header was copied into the answer",
        policy={"allow_origins": [ONE, "https://two.example"]},
        origins={ONE: ONE, EVIL: None},
        sends=(("vary", "*, x-evil"), ("vary", "x-evil")),
    ),
    Advisory(
        "GHSA-mh55-gqvf-xfwm",
        "rs/cors",
        "the list of requested headers was cut up without a bound: commas cost memory",
    ),
]


async def handler(_: Request, **__: Any) -> HTTPResponse:
    return text("here")


def bp_of(name: str, *uris: str, prefix: str = "") -> Blueprint:
    bp = Blueprint(name, url_prefix=prefix)
    for number, uri in enumerate(uris):
        bp.add_route(handler, uri, name=f"r{number}")
    return bp


def test_every_advisory_has_a_proof() -> None:
    assert {row.id for row in TABLE} == ADVISORIES
    assert len(TABLE) == len(ADVISORIES)
    here = "".join(name for name in globals() if name.startswith("test_")).replace("_", "-").lower()
    unproven = [row.id for row in TABLE if not (row.faults or row.origins or row.id.lower() in here)]
    assert not unproven


@pytest.mark.parametrize("row", [row for row in TABLE if row.faults], ids=lambda row: row.id)
def test_the_configuration_is_refused(row: Advisory) -> None:
    for fields, problem in row.faults:
        with pytest.raises(CorsPolicyError) as refused:
            CorsPolicy(**fields)
        assert problem in {each.id for each in refused.value.problems}, fields


@pytest.mark.parametrize("row", [row for row in TABLE if row.origins], ids=lambda row: row.id)
def test_the_origin_is_not_allowed(row: Advisory) -> None:
    bp = bp_of("bp", "/item")
    requests, expected = [], []
    static = row.policy["allow_origins"] == "*"
    credentials = {"access-control-allow-credentials": "true"} if row.policy.get("allow_credentials") else {}
    for origin, granted in row.origins.items():
        vary = {} if static else {"vary": "origin"}
        grant = {"access-control-allow-origin": granted, **credentials} if granted else {}
        lists = {"access-control-allow-methods": "GET,OPTIONS", "access-control-max-age": "600"}
        if credentials:
            vary_of_lists = {"vary": "origin, access-control-request-headers"}
        else:
            vary_of_lists, lists = vary, lists | {"access-control-allow-headers": "*,authorization"}
        preflight_lines = (("access-control-request-method", "GET"), *row.sends)
        requests += [
            HttpRequest("GET", "/item", (("origin", origin), *row.sends)),
            HttpRequest("OPTIONS", "/item", (("origin", origin), *preflight_lines)),
        ]
        expected += [grant | vary, grant | (lists if granted else {}) | vary_of_lists]
    responses = send(new_app(cors_group(bp, **row.policy)), *requests)
    assert [
        (one.method, one.headers[0], response.cors) for one, response in zip(requests, responses, strict=True)
    ] == [(one.method, one.headers[0], headers) for one, headers in zip(requests, expected, strict=True)]


def test_a_compiled_expression_is_refused_cve_2026_37737() -> None:
    for fields in ({"allow_origins": re.compile("https://a")}, {"allow_origins": [re.compile("https://a")]}):
        with pytest.raises(CorsPolicyError) as refused:
            CorsPolicy(**fields)
        assert [each.id for each in refused.value.problems] == ["origin-regex"]


# Public and private routes with paths that are easily mixed up.
NEIGHBOURS = {
    "CVE-2024-6839": {
        "/admin/<name:[a-z0-9]+(?:-[a-z0-9]+)*>/report": "/admin/a-b/report",
        "/admin/secret": "/admin/secret",
    },
    "CVE-2024-6844": {"/a%20b": "/a%20b", "/a+b": "/a%2Bb"},
    "CVE-2024-6866": {"/Admin/Users": "/Admin/Users", "/admin/users": "/admin/users"},
}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_each_route_has_its_own_policy_cve_2024_6839_cve_2024_6844_cve_2024_6866(
    name: str, swapped: bool
) -> None:
    uris = [*NEIGHBOURS[name]][:: -1 if swapped else 1]
    public, private = bp_of("public", uris[0]), bp_of("private", uris[1])
    app = new_app(cors_group(public), cors_group(private, allow_origins=[ONE], max_age=1))
    paths = [NEIGHBOURS[name][uri] for uri in uris]
    requests = [one for path in paths for one in (request("GET", path, EVIL), preflight(path, origin=EVIL))]
    responses = send(app, *requests)
    assert [response.status for response in responses] == [200, 204] * 2
    assert [response.cors["access-control-allow-origin"] for response in responses] == ["*", "*", ONE, ONE]


@pytest.mark.parametrize("path", ["/bp/x%0d%0aINFO%20forged", "/bp/x%0aforged", "/bp/x%1b[2Kforged"])
def test_nothing_forges_a_line_of_the_log_cve_2024_1681(path: str, caplog: pytest.LogCaptureFixture) -> None:
    bp = bp_of("bp", "/<rest:path>", prefix="/bp")
    app = new_app(cors_group(bp, allow_origins=[ONE, "https://two.example"]))
    caplog.set_level(logging.DEBUG)
    (response,) = send(app, request("GET", path, EVIL), debug=True)
    assert response.status == 200
    (line,) = [each.getMessage() for each in caplog.records if "corsbp" in each.name]
    assert line.isprintable() and "forged" in line


def test_a_list_of_requested_headers_is_bounded_ghsa_mh55_gqvf_xfwm() -> None:
    policy = CorsPolicy(allow_origins=[ONE], allow_credentials=True)
    requests = [
        preflight("/item", headers=value)
        for value in (",".join("a" * 2000), "," * 4000, ",a" * 2000, ", " * 2000)
    ]
    for response in send(new_app(cors_group(bp_of("bp", "/item"), policy=policy)), *requests):
        assert response.status == 204
        assert "access-control-allow-headers" not in response.cors
    # An unbounded split would take eight bytes for each comma.
    for size in (MAX_REQUESTED_LENGTH, 1_000_000):
        for lines in (["," * size], ["a," * (size // 2)], ["x,"] * (size // 2), [" ,"] * (size // 2)):
            tracemalloc.start()
            try:
                assert parse_requested_headers(lines) is None
                assert tracemalloc.get_traced_memory()[1] < 2 * size + 30_000
            finally:
                tracemalloc.stop()
