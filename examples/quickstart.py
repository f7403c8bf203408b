"""A web site and an API in one app: pages of other origins can read the API, and not the web site."""

from sanic import Blueprint, Request, Sanic, html, json
from sanic.response import HTTPResponse

from corsbp import cors_group

app = Sanic("quickstart")
api = Blueprint("api", url_prefix="/api")
site = Blueprint("site")


@api.get("/items/<number:int>")
async def item(_: Request, number: int) -> HTTPResponse:
    return json({"item": number})


@site.get("/")
async def index(_: Request) -> HTTPResponse:
    return html("<h1>A site</h1>")


app.blueprint(cors_group(api))  # any origin, no credentials
app.blueprint(site)  # no CORS here
