"""An API with cookies, for `python -m tests.browsers.third_party PORT ORIGIN …`."""

from __future__ import annotations

import sys
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic, text

from corsbp import cors_group

PORT, *ORIGINS = sys.argv[1:]
KINDS: dict[str, dict[str, Any]] = {
    "Lax": {"secure": False},
    "None": {"samesite": "None"},
    "Partitioned": {"samesite": "None", "host_prefix": True, "partitioned": True},
}

app, api = Sanic("third_party"), Blueprint("api")


@api.post("/login")
async def login(request: Request) -> HTTPResponse:
    kind = request.args["kind"][0]
    response = text("hello")
    response.add_cookie(kind, "ann", **KINDS[kind])
    return response


@api.get("/me")
async def me(request: Request) -> HTTPResponse:
    """Respond with the cookie, and delete it for the next test."""
    kind = request.args["kind"][0]
    response = text(request.cookies.get(kind) or "no cookie")
    response.add_cookie(kind, "", max_age=0, **KINDS[kind])
    return response


app.blueprint(cors_group(api, allow_origins=ORIGINS, allow_credentials=True))

if __name__ == "__main__":
    app.config.AUTO_EXTEND = False
    app.run("127.0.0.1", int(PORT), single_process=True, access_log=False, motd=False)
