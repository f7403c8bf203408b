"""An app that checks requests, once on its own, and once as behind one proxy."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic, text

from corsbp import cors_group

ALLOWED = "https://app.example"


async def order(_: Request) -> HTTPResponse:
    return text("ordered")


def create(name: str) -> Sanic[Any, Any]:
    app, api = Sanic(name), Blueprint("api", url_prefix="/api")
    api.add_route(order, "/orders", methods=["POST"], name="order")
    app.blueprint(cors_group(api, allow_origins=[ALLOWED], allow_credentials=True, check_requests="writes"))
    return app


app, behind_proxy = create("forged"), create("forged_behind_proxy")
behind_proxy.config.PROXIES_COUNT = 1
