"""Findings of `corsbp audit` about forged requests."""

from __future__ import annotations

import warnings
from typing import Any

from sanic import Blueprint, Sanic

from corsbp import CorsPolicy, CorsPolicyWarning, cors_group
from corsbp.command.audit.declared_policies import describe_policy
from corsbp.command.audit.findings import audit_app
from corsbp.command.audit.snapshot import allows_method
from corsbp.policy.fields import CheckRequests

from ..support import ORIGIN, HttpRequest, handler, new_app, send

COOKIES: dict[str, Any] = {"allow_origins": [ORIGIN], "allow_credentials": True}
CHECKS: tuple[CheckRequests, ...] = (False, "writes", "all")
IDS = ("requests-unchecked", "requests-any-origin")


def blueprint(name: str, **contexts: Any) -> Blueprint:
    """Return a blueprint with a route that reads, one that writes, a socket, and one for each context."""
    bp = Blueprint(name, url_prefix=f"/{name}")
    bp.add_route(handler, "/read", methods=["GET"], name="read")
    bp.add_route(handler, "/write", methods=["GET", "POST"], name="write")
    bp.add_websocket_route(handler, "/ws", name="ws")
    for path, context in contexts.items():
        bp.add_route(handler, f"/{path}", methods=["PUT", "POST"], name=path, ctx_cors=context)
    return bp


def findings_of(*groups: Any) -> list[tuple[str, str, str, tuple[str, ...]]]:
    _, findings = audit_app(new_app(*groups))
    return [(each.level, each.id, each.where, each.paths) for each in findings if each.id in IDS]


def test_a_section_with_credentials_whose_writes_are_not_checked_is_an_information() -> None:
    groups = [
        cors_group(blueprint("cookies"), **COOKIES),
        cors_group(blueprint("checked"), **COOKIES, check_requests="writes"),
        cors_group(blueprint("tokens"), allow_origins=[ORIGIN]),
    ]
    assert findings_of(*groups) == [
        ("info", "requests-unchecked", "cors_group(cookies)", ("/cookies/write",)),
    ]


def test_each_route_that_is_exempt_from_the_check_of_its_section_is_listed() -> None:
    policy = CorsPolicy(**COOKIES, check_requests="writes")
    exempt = policy.replace(check_requests=False)
    bp = blueprint("api", callback=exempt, out=False, own=CorsPolicy(**COOKIES, check_requests="all"))
    assert findings_of(cors_group(bp, policy=policy)) == [
        ("info", "requests-unchecked", "POST,PUT /api/callback", ("/api/callback",)),
        ("info", "requests-unchecked", "POST,PUT /api/out", ("/api/out",)),
    ]


def test_a_route_can_be_exempt_from_the_check_of_reads_alone() -> None:
    policy = CorsPolicy(**COOKIES, check_requests="all")
    bp = Blueprint("api", url_prefix="/api")
    for name, context in {"writes": policy.replace(check_requests="writes"), "out": False}.items():
        bp.add_route(handler, f"/{name}", methods=["GET", "PUT"], name=name, ctx_cors=context)
    bp.add_route(
        handler, "/read", methods=["GET"], name="read", ctx_cors=policy.replace(check_requests=False)
    )
    assert findings_of(cors_group(bp, policy=policy)) == [
        ("info", "requests-unchecked", "GET /api/read", ("/api/read",)),
        ("info", "requests-unchecked", "GET /api/writes", ("/api/writes",)),
        ("info", "requests-unchecked", "GET,PUT /api/out", ("/api/out",)),
    ]


def make_mixed_app() -> Sanic:
    """Make an app with a section that checks, and with routes outside of it."""
    app = new_app(
        cors_group(blueprint("api"), **COOKIES, check_requests="writes"), blueprint("web", out=False)
    )
    app.add_route(handler, "/own", methods=["PUT"], name="own", ctx_cors=CorsPolicy(allow_origins=[ORIGIN]))
    app.add_route(handler, "/form", methods=["POST"], name="form")
    return app


def test_routes_outside_of_sections_are_counted_if_a_section_checks() -> None:
    """Not those that only read, sockets, and those with a `ctx_cors`. The advice of the finding is tried."""
    app = make_mixed_app()
    (finding,) = audit_app(app)[1]
    assert (finding.level, finding.id, finding.where) == ("info", "requests-unchecked", app.name)
    assert finding.paths == ("/form", "/web/write")
    assert finding.text == (
        "no section checks the writes of 2 routes outside of all sections; "
        'cors_group(app, allow_origins=[...], check_requests="writes") does'
    )
    own, foreign = post_from("https://shop.example"), post_from("https://evil.example")
    assert [each.status for each in send(app, own, foreign)] == [200, 200]
    app = make_mixed_app()
    app.blueprint(cors_group(app, allow_origins=["https://shop.example"], check_requests="writes"))
    assert [each.where for each in audit_app(app)[1]] == ["POST,PUT /web/out", "PUT /own"]  # by ctx_cors
    assert [each.status for each in send(app, own, foreign)] == [200, 403]


def post_from(origin: str) -> HttpRequest:
    """Return a form that a page of this origin sends."""
    site = "same-origin" if origin == "https://shop.example" else "cross-site"
    headers = {"host": "shop.example", "origin": origin, "sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    return HttpRequest("POST", "/form", tuple(headers.items()))


def test_without_a_check_routes_outside_of_sections_are_no_finding() -> None:
    assert findings_of(cors_group(blueprint("api"), allow_origins=[ORIGIN]), blueprint("web")) == []


def test_a_check_beside_any_origin_is_a_finding() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)
        group = cors_group(blueprint("open"), check_requests="writes")
    assert findings_of(group) == [
        ("warning", "requests-any-origin", "cors_group(open)", ("/open/read", "/open/write", "/open/ws")),
    ]


def test_the_table_names_the_check() -> None:
    policy = CorsPolicy(**COOKIES, check_requests="writes")
    assert describe_policy(policy) == f"{ORIGIN}; credentials; checks writes"


def test_a_method_that_is_checked_needs_a_permission() -> None:
    """Browsers send POST without a preflight, so that `allow_methods` leaves out nothing without a check."""
    policy = CorsPolicy(allow_origins=[ORIGIN], allow_methods=["PUT"])
    allowed = {
        checks: [
            method
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE")
            if allows_method(policy.replace(check_requests=checks), method)
        ]
        for checks in CHECKS
    }
    assert allowed == {
        False: ["GET", "HEAD", "POST", "PUT"],
        "writes": ["GET", "HEAD", "PUT"],
        "all": ["PUT"],
    }
