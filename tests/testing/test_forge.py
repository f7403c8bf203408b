"""`attack(app, forge=True)`: forged POST requests that a section does not refuse."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, text
from sanic.views import HTTPMethodView

from corsbp import cors_group
from corsbp.testing import Browser, SyncBrowser, attack

from ..support import ORIGIN, new_app

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
def test_forged_posts_that_reach_a_handler_are_grants(handles_errors: bool) -> None:
    for checks, paths in ((False, ["/api/out", "/api/pay"]), ("writes", ["/api/out"]), ("all", ["/api/out"])):
        app = app_of(**COOKIES, check_requests=checks)
        if handles_errors:
            app.error_handler.add(Exception, lambda request, error: text("no", 418))
        grants = attack(app, forge=True)
        assert sorted((grant.method, grant.path, grant.kind) for grant in grants) == [
            ("POST", path, "forged") for path in paths
        ]
        assert {method for method, _, _ in app.ctx.handled} <= {"GET"}


def test_without_forge_nothing_is_posted() -> None:
    app = app_of(**COOKIES)
    assert attack(app) == []
    assert {method for method, _, _ in app.ctx.handled} <= {"GET"}
    left_out = app_of(**COOKIES)
    assert attack(left_out, forge=True, leave_out=["/api/*"]) == []
    assert left_out.ctx.handled == []


def test_what_the_app_responds_decides_nothing() -> None:
    """Each response of the app looks like a refusal, or none does."""
    for status in (200, 403):
        app = app_of(**COOKIES)

        @app.on_response
        async def change(_: Request, response: HTTPResponse, status: int = status) -> None:
            response.status = status
            response.headers["cache-control"] = "no-store"

        assert [grant.path for grant in attack(app, forge=True)] == ["/api/out", "/api/pay"]


def test_middleware_that_refuses_keeps_a_request_from_its_handler() -> None:
    app = app_of(**COOKIES)

    @app.on_request
    async def sign_in(request: Request) -> HTTPResponse | None:
        return text("sign in", 401) if request.path == "/api/pay" else None

    assert [grant.path for grant in attack(app, forge=True)] == ["/api/out"]


@pytest.mark.parametrize("checks", [False, "writes"])
def test_streams_and_views_are_handlers(checks: Any) -> None:
    bp = Blueprint("api", url_prefix="/api")

    class Orders(HTTPMethodView):
        async def post(self, request: Request) -> HTTPResponse:
            raise AssertionError("a handler runs")

    async def upload(request: Request) -> HTTPResponse:
        raise AssertionError("a handler runs")

    bp.add_route(Orders.as_view(), "/orders")
    bp.add_route(upload, "/upload", methods=["POST"], name="upload", stream=True)
    app = new_app(cors_group(bp, **COOKIES, check_requests=checks))
    expected = [] if checks else ["/api/orders", "/api/upload"]
    assert [grant.path for grant in attack(app, forge=True)] == expected


def test_the_handlers_are_those_of_the_app_again() -> None:
    """Also where the app has served a request before, whose route the router keeps."""
    app = app_of(**COOKIES)
    with SyncBrowser(Browser(app)) as browser:
        for count in (1, 2):
            browser.submit("/api/pay", {"a": "1"})
            assert [path for method, path, _ in app.ctx.handled if method == "POST"] == ["/api/pay"] * count
            assert [grant.path for grant in attack(app, forge=True)] == ["/api/out", "/api/pay"]
