"""An app for `corsbp audit --at`: a public section, one for two origins, and a route in no section."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request, Sanic, redirect, text

from corsbp import cors_group

A, B = "https://a.example", "https://b.example"

app = Sanic("edge")
public, shop = Blueprint("public", url_prefix="/public"), Blueprint("shop", url_prefix="/shop")


@public.get("/feed")
async def feed(_: Request) -> HTTPResponse:
    return text("feed")


@shop.route("/items", methods=["GET", "PUT"])
async def items(_: Request) -> HTTPResponse:
    return text("items", headers={"x-total": "3"})


@shop.get("/old")
async def old(_: Request) -> HTTPResponse:
    return redirect("/shop/items")


@app.get("/health")
async def health(_: Request) -> HTTPResponse:
    return text("well")


@app.websocket("/chat")
async def chat(_: Request, __: object) -> None:
    raise AssertionError("an audit opened a WebSocket")


@shop.websocket("/talk")
async def talk(_: Request, __: object) -> None:
    """Close the WebSocket."""


app.blueprint(cors_group(public, allow_origins="*"))
app.blueprint(
    cors_group(shop, allow_origins=[A, B], allow_credentials=True, expose_headers=["x-total"], max_age=60)
)
