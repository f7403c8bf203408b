"""The app under test: the same API under several policies, for `python -m tests.browsers.app`.

Its one argument is JSON: `cors` is what gives it CORS ("corsbp", "none" or "everything"), `origins` are the
page's by name, and `folder` is where it writes its `port`, a line of `ready` for each worker, and its `log`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic, Websocket, empty, redirect, text

FILES = Path(__file__).with_name("files")
SETTINGS = json.loads(sys.argv[1])
CORS: str = SETTINGS["cors"]
FOLDER = Path(SETTINGS["folder"])
LOG = FOLDER / "log"
APP, OTHER = SETTINGS["origins"]["app"], SETTINGS["origins"]["other"]


async def allow_app(origin: str, _: Request) -> bool:
    return bool(origin == APP)


POLICIES: dict[str, dict[str, Any]] = {
    "public": {},
    "list": {
        "allow_origins": [APP, OTHER],
        "allow_methods": ["GET", "POST", "PUT"],
        "allow_headers": ["content-type", "x-known"],
        "expose_headers": ["x-total"],
    },
    "private": {"allow_origins": [APP, OTHER], "allow_credentials": True, "expose_headers": ["x-total"]},
    "one": {"allow_origins": [APP]},
    "local": {"allow_origins": ["http://*.localhost:*"]},
    "function": {"allow_origins": allow_app},
    "fresh": {"max_age": 0},
    "guarded": {"allow_origins": [APP], "check_websockets": True},
}


def line(request: Request, *entry: str) -> bytes:
    return json.dumps({"case": request.args.get("case"), "entry": " ".join(entry)}).encode() + b"\n"


def log_request(request: Request, status: int) -> None:
    """Log a line for the request's case: method, status, and the credentials that it has."""
    entry = [request.method, str(status)]
    if getattr(request.ctx, "handled", False) and request.method != "OPTIONS":
        entry.append("handler")
    entry += [name for name in ("cookie", "authorization") if name in request.headers]
    file = os.open(LOG, os.O_WRONLY | os.O_APPEND)
    os.write(file, line(request, *entry))
    os.close(file)


# What the sections serve


async def thing(request: Request) -> HTTPResponse:
    return text(request.method, headers={"x-total": "3"})


async def own_options(_: Request) -> HTTPResponse:
    return text("my own OPTIONS")


async def error(_: Request) -> HTTPResponse:
    raise RuntimeError("on purpose")


async def moved(request: Request) -> HTTPResponse:
    return redirect(f"thing?{request.query_string}", status=307)


async def stays(_: Request) -> HTTPResponse:
    return text("cached", headers={"cache-control": "max-age=600"})


async def passes(_: Request) -> HTTPResponse:
    return text("not cached", headers={"cache-control": "no-store"})


async def speaks(request: Request) -> HTTPResponse:
    language = request.headers.get("accept-language", "en")
    return text(language, headers={"cache-control": "max-age=600", "vary": "Accept-Language"})


async def loud(_: Request) -> HTTPResponse:
    return text("loud", headers={"access-control-allow-origin": "*"})


async def login(_: Request) -> HTTPResponse:
    response = text("welcome")
    response.add_cookie("session", "ann", secure=False, samesite="Strict")
    return response


async def whoami(request: Request) -> HTTPResponse:
    return text(request.cookies.get("session") or "no session")


async def stream(request: Request) -> None:
    """Send the second half after the page has told one of the workers that it has the first."""
    response = await request.respond(content_type="text/plain")
    await response.send("first ")
    while line(request, "POST", "200", "handler") not in LOG.read_bytes():
        await asyncio.sleep(0.01)
    await response.send("second")


async def events(request: Request) -> None:
    response = await request.respond(content_type="text/event-stream")
    await response.send("data: news\n\n")


async def talk(request: Request, ws: Websocket) -> None:
    log_request(request, 101)
    await ws.send("hello")
    async for _ in ws:  # until the page closes it
        pass


def api(name: str) -> Blueprint:
    """Make a blueprint with all routes of the cases."""
    bp = Blueprint(name, url_prefix=f"/{name}")
    bp.add_route(thing, "/thing", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    bp.add_route(thing, "/locked", methods=["GET", "PUT"], name="locked")
    bp.add_route(own_options, "/own", methods=["OPTIONS"])
    for handler in (error, moved, stays, passes, speaks, loud, whoami, stream, events):
        bp.add_route(handler, f"/{handler.__name__}")
    bp.add_route(moved, "/moved", methods=["PUT"], name="put_moved")
    bp.add_route(login, "/login", methods=["POST"])
    bp.add_websocket_route(talk, "/talk")
    bp.static("/files", FILES)
    return bp


# Who gives it CORS


def section(*blueprints: Any, **policy: Any) -> Any:
    if CORS != "corsbp":
        return Blueprint.group(*blueprints)
    from corsbp import cors_group

    return cors_group(*blueprints, **policy)


def policy_for_a_route() -> Any:
    if CORS != "corsbp":
        return None
    from corsbp import CorsPolicy

    return CorsPolicy()


def allow_everything(app: Sanic[Any, Any]) -> None:
    """Allow everything, to every origin and without `Vary`, as many recipes do."""

    @app.middleware("request", priority=1000)
    async def preflight(request: Request) -> HTTPResponse | None:
        return empty() if request.method == "OPTIONS" else None

    @app.on_response
    async def allow(request: Request, response: HTTPResponse) -> None:
        header = request.headers.get
        response.headers["access-control-allow-origin"] = header("origin", "*")
        response.headers["access-control-allow-credentials"] = "true"
        response.headers["access-control-expose-headers"] = "x-total"
        if request.method == "OPTIONS":
            response.headers["access-control-allow-methods"] = header("access-control-request-method", "*")
            response.headers["access-control-allow-headers"] = header("access-control-request-headers", "*")
            response.headers["access-control-max-age"] = "600"


def create() -> Sanic[Any, Any]:
    app: Sanic[Any, Any] = Sanic("browsers")
    app.config.AUTO_EXTEND = False
    app.config.FALLBACK_ERROR_FORMAT = "text"
    app.config.REQUEST_MAX_SIZE = 1000

    for name, policy in POLICIES.items():
        app.blueprint(section(api(name), **policy))
    app.blueprint(api("plain"))  # in no section

    inner, outer = Blueprint("inner", url_prefix="/inner"), Blueprint("outer", url_prefix="/outer")
    inner.add_route(thing, "/thing")
    outer.add_route(thing, "/thing")
    app.blueprint(section(section(inner, **POLICIES["one"]), outer))

    routes = Blueprint("routes", url_prefix="/routes")
    routes.add_route(thing, "/open", ctx_cors=policy_for_a_route())
    routes.add_route(thing, "/left_out", name="left_out", ctx_cors=False)
    routes.add_route(thing, "/shared", name="shared")
    app.blueprint(section(routes, **POLICIES["one"]))
    app.add_route(thing, "/routes/shared", methods=["DELETE"], name="delete_shared")

    @app.on_request
    async def auth(request: Request) -> HTTPResponse | None:
        wrong = request.path.endswith("/locked") and request.token != "secret"
        return text("who are you?", status=401) if wrong else None

    if CORS == "everything":
        allow_everything(app)

    @app.signal("http.handler.before")
    async def handled(request: Request) -> None:
        request.ctx.handled = True

    @app.signal("http.lifecycle.response")
    async def log_response(request: Request, response: HTTPResponse) -> None:
        log_request(request, response.status)

    @app.after_server_start
    async def ready(_: Sanic[Any, Any]) -> None:
        with (FOLDER / "ready").open("a") as file:
            file.write(f"{os.getpid()}\n")

    return app


app = create()

if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    (FOLDER / "port").write_text(str(listener.getsockname()[1]))
    app.run(sock=listener, workers=2, access_log=False, motd=False)
