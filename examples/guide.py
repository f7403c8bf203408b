"""The recipe of the Sanic guide ("How to: CORS"), as a section.

The guide allows `mydomain.com`, which is no origin: corsbp refuses it and says what was meant
(mistakes.py). It also names two headers that no page has to ask for: corsbp warns when this starts.
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
