"""An API with CORS headers written by hand. The tests in test_api.py find three mistakes."""

from sanic import Request, Sanic, json
from sanic.exceptions import Unauthorized
from sanic.response import HTTPResponse

app = Sanic("mistaken_api")


@app.on_request
async def log_in_first(request: Request) -> None:
    if request.path.startswith("/orders") and request.cookies.get("session") != "ann":
        raise Unauthorized("Log in first.")  # for preflights, too: they have no cookies


@app.on_response
async def add_cors_headers(_: Request, response: HTTPResponse) -> None:
    response.headers["access-control-allow-origin"] = "*"  # does not allow pages that send cookies
    response.headers["access-control-allow-credentials"] = "true"
    response.headers["access-control-allow-methods"] = "GET, PUT"


@app.get("/orders/<number:int>")
@app.put("/orders/<number:int>", name="put_order")
async def order(_: Request, number: int) -> HTTPResponse:
    return json({"order": number})


@app.get("/prices")
async def prices(_: Request) -> HTTPResponse:
    return json([1, 2], headers={"x-total": "2"})  # a header that pages cannot read


@app.options("/<path:path>")
async def options(_: Request, path: str) -> HTTPResponse:
    return HTTPResponse(status=204)
