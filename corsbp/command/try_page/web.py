"""The app that serves the page and its frames. It has no CORS, so that no other page can read it."""

from __future__ import annotations

import secrets
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic, json, text
from sanic.exceptions import NotFound, SanicException
from sanic.response import BaseHTTPResponse, redirect

from corsbp.spec.fetch import CACHE_CONTROL

from .page import Page, read_file
from .reasons import Call

SCRIPTS: Final = ("page.js", "form.js", "call.js", "result.js", "dom.js")
FILES: Final = {"style.css": "text/css"} | dict.fromkeys(SCRIPTS, "text/javascript")
"""The files of the page, with their content types."""

MAX_BODY: Final = 1_000_000
"""Bytes of a request of the page."""


def make_web_app(page: Page) -> Sanic[Any, Any]:
    """Make the app that serves the page."""
    app: Sanic[Any, Any] = Sanic("corsbp-try", configure_logging=False)
    # The user's code may call Sanic.get_app(), which fails if there are two apps.
    Sanic.unregister_app(app)
    # TOUCHUP changes classes for the whole process, and the environment must not change this app.
    app.config.update(TOUCHUP=False, AUTO_EXTEND=False, REQUEST_MAX_SIZE=MAX_BODY)
    _protect(app, page)
    _serve_files(app, page)
    _serve_calls(app, page)

    @app.exception(SanicException)
    async def on_http_error(_: Request, error: SanicException) -> HTTPResponse:
        return json({"error": f"{error}"}, error.status_code)

    @app.exception(ValueError, TypeError, KeyError)
    async def on_bad_data(_: Request, error: Exception) -> HTTPResponse:
        return json({"error": f"{type(error).__name__}: {error}"}, 400)

    return app


def _protect(app: Sanic[Any, Any], page: Page) -> None:
    """Refuse requests for other hosts, and requests of other pages."""

    async def check_request(request: Request) -> HTTPResponse | None:
        # DNS rebinding: a page of another site whose name leads to 127.0.0.1 would be of this origin.
        if _host(request) not in page.hosts:
            return json({"error": f"the page of corsbp try is at {page.own_origin}"}, 403)
        if request.path in ("/", "/frame") or request.path.startswith("/files/"):
            return None
        # A form cannot send this header, and a page of another site cannot read the token.
        token = request.headers.get("x-token", "").encode(errors="replace")
        if _is_own_host(request, page) and secrets.compare_digest(token, page.token.encode()):
            return None
        reload = "reload it if corsbp try was started again"
        return json({"error": f"only the page itself can send this request: {reload}"}, 403)

    async def set_headers(_: Request, response: BaseHTTPResponse) -> None:
        response.headers[CACHE_CONTROL] = "no-store"
        response.headers["x-content-type-options"] = "nosniff"

    app.register_middleware(check_request, "request")
    app.register_middleware(set_headers, "response")


def _serve_files(app: Sanic[Any, Any], page: Page) -> None:
    @app.get("/")
    async def index(request: Request) -> HTTPResponse:
        if _is_own_host(request, page):
            return _html_response(*page.html())
        return redirect(f"{page.own_origin}/", status=307)

    @app.get("/frame")
    async def frame(_: Request) -> HTTPResponse:
        return _html_response(*page.frame())

    @app.get("/files/<name:str>")
    async def file(_: Request, name: str) -> HTTPResponse:
        if name not in FILES:
            raise NotFound(f"no file {name!r}")
        return text(read_file(name), content_type=FILES[name])


def _serve_calls(app: Sanic[Any, Any], page: Page) -> None:
    reasons = page.reasons

    @app.get("/app")
    async def about(_: Request) -> HTTPResponse:
        return json(page.about())

    @app.post("/begin")
    async def begin(_: Request) -> HTTPResponse:
        return json({"since": reasons.watch.count})

    @app.post("/end")
    async def end(request: Request) -> HTTPResponse:
        return json(await reasons.explain(Call.from_json(request.json)))

    @app.post("/simulate")
    async def simulate(request: Request) -> HTTPResponse:
        return json(await reasons.simulate(Call.from_json(request.json)))

    @app.post("/shown")
    async def add_shown(request: Request) -> HTTPResponse:
        page.shown.append(str(request.json["text"]))
        return json({})

    @app.get("/shown")
    async def list_shown(_: Request) -> HTTPResponse:
        return json([*page.shown])


def _host(request: Request) -> str:
    return request.headers.get("host", "")


def _is_own_host(request: Request, page: Page) -> bool:
    """Return whether a request is for the page's own origin, not for that of a frame."""
    return _host(request) == page.own_origin.partition("://")[2]


def _html_response(html: str, policy: str) -> HTTPResponse:
    response = text(html, content_type="text/html; charset=utf-8")
    response.headers["content-security-policy"] = policy
    return response
