"""The API of mistaken_api.py with corsbp: the tests in test_api.py pass."""

from sanic import Blueprint, Request, Sanic, json
from sanic.exceptions import Unauthorized
from sanic.response import HTTPResponse

from corsbp import cors_group

app = Sanic("guarded_api")
orders, prices = Blueprint("orders", url_prefix="/orders"), Blueprint("prices", url_prefix="/prices")


@app.on_request
async def log_in_first(request: Request) -> None:
    if request.path.startswith("/orders") and request.cookies.get("session") != "ann":
        raise Unauthorized("Log in first.")


@orders.get("/<number:int>")
@orders.put("/<number:int>", name="put")
async def order(_: Request, number: int) -> HTTPResponse:
    return json({"order": number})


@prices.get("/")
async def all_prices(_: Request) -> HTTPResponse:
    return json([1, 2], headers={"x-total": "2"})


app.blueprint(cors_group(orders, allow_origins=["https://app.example"], allow_credentials=True))
app.blueprint(cors_group(prices, expose_headers=["x-total"]))
