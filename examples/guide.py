"""The CORS recipe of the Sanic guide ("How to: CORS"), with corsbp.

The guide allows `mydomain.com`. This is not an origin: corsbp raises an error that suggests
`https://mydomain.com` (mistakes.py). The guide also allows the headers `origin` and `accept`, which need no
permission: corsbp warns when this app starts. sanic_guide.md shows what is wrong with the guide's recipe.
"""

from sanic import Blueprint, Request, Sanic, text
from sanic.response import HTTPResponse

from corsbp import cors_group

app = Sanic("guide")
bp = Blueprint("api")


@bp.route("/", methods=["GET", "POST"])
async def do_stuff(_: Request) -> HTTPResponse:
    return text("...")


app.blueprint(
    cors_group(
        bp,
        allow_origins=["https://mydomain.com"],
        allow_credentials=True,
        allow_headers=["origin", "content-type", "accept", "authorization", "x-xsrf-token", "x-request-id"],
        max_age=None,
    )
)
