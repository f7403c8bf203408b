"""`attack(app, forge=True)`: forged POST requests that a section does not refuse."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, text

from corsbp import cors_group
from corsbp.testing import attack
from corsbp.testing.result import NoAnswer

from ..support import ORIGIN, handler, new_app

COOKIES: dict[str, Any] = {"allow_origins": [ORIGIN], "allow_credentials": True}


def app_of(**fields: Any) -> Sanic:
    bp, app = Blueprint("api", url_prefix="/api"), new_app()
    app.ctx.handled = []

    async def count(request: Request) -> HTTPResponse:
        app.ctx.handled.append((request.method, request.path, request.form and request.form.get("a")))
        return text("done")

    bp.add_route(count, "/pay", methods=["GET", "POST"], name="pay")
    bp.add_route(count, "/out", methods=["POST"], name="out", ctx_cors=False)
    bp.add_route(count, "/put", methods=["PUT"], name="put")
    app.blueprint(cors_group(bp, **fields))
    app.add_route(count, "/plain", methods=["POST"], name="plain")
    return app


@pytest.mark.parametrize("handles_errors", [False, True])
def test_forged_posts_that_are_not_refused_are_grants(handles_errors: bool) -> None:
    for checks, paths in ((False, ["/api/out", "/api/pay"]), ("writes", ["/api/out"]), ("all", ["/api/out"])):
        app = app_of(**COOKIES, check_requests=checks)
        if handles_errors:
            app.error_handler.add(Exception, lambda request, error: text("no", 418))
        grants = attack(app, forge=True)
        assert sorted((grant.method, grant.path, grant.kind) for grant in grants) == [
            ("POST", path, "forged") for path in paths
        ]
        posted = sorted(path for method, path, field in app.ctx.handled if method == "POST" and field == "1")
        assert posted == paths


def test_without_forge_nothing_is_posted() -> None:
    app = app_of(**COOKIES)
    assert attack(app) == []
    assert {method for method, _, _ in app.ctx.handled} <= {"GET"}
    left_out = app_of(**COOKIES)
    assert attack(left_out, forge=True, leave_out=["/api/*"]) == []
    assert left_out.ctx.handled == []


def test_a_request_without_a_response_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(*_: object) -> NoAnswer:
        return NoAnswer("the connection is closed")

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", methods=["POST"], name="item")
    app = new_app(cors_group(bp, allow_origins=[ORIGIN]))
    assert [each.kind for each in attack(app, forge=True)] == ["forged"]
    monkeypatch.setattr("corsbp.testing.attacks.AppSender.send", send)
    assert attack(app, forge=True) == []
