"""The app that serves the page and its frames. Nothing that it says has CORS: other pages cannot read it."""

from __future__ import annotations

import secrets
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic, json, text
from sanic.exceptions import NotFound, SanicException
from sanic.response import BaseHTTPResponse, redirect

from .page import Page, file_text
from .reasons import Call

SCRIPTS: Final = ("page.js", "form.js", "call.js", "result.js", "dom.js")
FILES: Final = {"style.css": "text/css"} | dict.fromkeys(SCRIPTS, "text/javascript")
"""What else the page is made of."""
LONGEST: Final = 1_000_000
"""Bytes of what the page says to its server."""


def web(page: Page) -> Sanic[Any, Any]:
    """An app that serves the page. It is in no registry, where `Sanic.get_app()` looks for the user's own."""
    app: Sanic[Any, Any] = Sanic("corsbp-try", configure_logging=False)
    Sanic.unregister_app(app)
    # the second app of a process; and as it is here, whatever the environment says
    app.config.update(TOUCHUP=False, AUTO_EXTEND=False, REQUEST_MAX_SIZE=LONGEST)
    own = page.own.partition("://")[2]

    async def admit(request: Request) -> HTTPResponse | None:
        """Answers those who ask for one of its names; beside page and frames, only the page itself."""
        if _host(request) not in page.hosts:
            return json({"error": f"the page of corsbp try is at {page.own}"}, 403)
        if request.path in ("/", "/frame") or request.path.startswith("/files/"):
            return None
        token = request.headers.get("x-token", "").encode(errors="replace")
        if _host(request) == own and secrets.compare_digest(token, page.token.encode()):
            return None
        reload = "reload it, if corsbp try was started anew"
        return json({"error": f"only the page itself is answered: {reload}"}, 403)

    async def keep(_: Request, response: BaseHTTPResponse) -> None:
        response.headers["cache-control"] = "no-store"
        response.headers["x-content-type-options"] = "nosniff"

    app.register_middleware(admit, "request")
    app.register_middleware(keep, "response")

    @app.get("/")
    async def index(request: Request) -> HTTPResponse:
        return _shown(*page.html()) if _host(request) == own else redirect(f"{page.own}/", status=307)

    @app.get("/frame")
    async def frame(_: Request) -> HTTPResponse:
        return _shown(*page.frame())

    @app.get("/files/<name:str>")
    async def file(_: Request, name: str) -> HTTPResponse:
        if name not in FILES:
            raise NotFound(f"no file {name!r}")
        return text(file_text(name), content_type=FILES[name])

    @app.get("/app")
    async def about(_: Request) -> HTTPResponse:
        return json(page.about())

    @app.post("/begin")
    async def begin(_: Request) -> HTTPResponse:
        return json({"since": page.reasons.watch.count})

    @app.post("/end")
    async def end(request: Request) -> HTTPResponse:
        return json(await page.reasons.explained(Call.of(request.json)))

    @app.post("/simulate")
    async def simulate(request: Request) -> HTTPResponse:
        return json(await page.reasons.simulated(Call.of(request.json)))

    @app.post("/shown")
    async def show(request: Request) -> HTTPResponse:
        page.shown.append(str(request.json["text"]))
        return json({})

    @app.get("/shown")
    async def shown(_: Request) -> HTTPResponse:
        return json([*page.shown])

    @app.exception(SanicException)
    async def refused(_: Request, error: SanicException) -> HTTPResponse:
        return json({"error": f"{error}"}, error.status_code)

    @app.exception(ValueError, TypeError, KeyError)
    async def senseless(_: Request, error: Exception) -> HTTPResponse:
        return json({"error": f"{type(error).__name__}: {error}"}, 400)

    return app


def _host(request: Request) -> str:
    return request.headers.get("host", "")


def _shown(html: str, policy: str) -> HTTPResponse:
    response = text(html, content_type="text/html; charset=utf-8")
    response.headers["content-security-policy"] = policy
    return response
