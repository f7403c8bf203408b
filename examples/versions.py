"""Two versions of an API with different policies, and a health check without CORS.

v1 is public. v2 is for one front end, which sends the user's cookies.
"""

from sanic import Blueprint, Request, Sanic, json
from sanic.response import HTTPResponse

from corsbp import cors_group

app = Sanic("versions")
v1 = Blueprint("v1", version=1, url_prefix="/items")
v2 = Blueprint("v2", version=2, url_prefix="/items")
health = Blueprint("health", url_prefix="/health")


@v1.get("/")
@v2.get("/")
async def items(_: Request) -> HTTPResponse:
    return json(["a", "b"])


@v2.put("/<name>")
async def put(_: Request, name: str) -> HTTPResponse:
    return json({"stored": name})


@health.get("/")
async def alive(_: Request) -> HTTPResponse:
    return json("alive")


public = cors_group(v1)
front_end = cors_group(v2, allow_origins=["https://app.example"], allow_credentials=True)
app.blueprint(Blueprint.group(public, front_end, health, url_prefix="/shop"))
