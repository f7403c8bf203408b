"""A form in which customers type their origin: `sanic examples.customer_form:app`, with DATABASE_URL set.

It writes to the table of live_postgres.sql. Put your login before it.
"""

import os
from html import escape

import asyncpg
from sanic import Request, Sanic, html
from sanic.exceptions import Forbidden

from corsbp import origin_problems

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://localhost/shop")  # its role may INSERT
PAGE = """<!doctype html><title>Origins</title><p>{message}</p>
<form method="post"><input name="origin" value="{origin}" size="60"><button>Allow</button></form>"""

app = Sanic("customer_form")


def page(message: str = "", origin: str = "", status: int = 200):
    return html(PAGE.format(message=escape(message), origin=escape(origin)), status)


app.add_route(lambda _: page(), "/origins", name="form")


def is_own_page(request: Request) -> bool:
    """Return whether the form itself was sent: browsers name its site, older ones its origin only."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("origin", "").partition("://")[2] == request.host


@app.post("/origins")
async def allow(request: Request):
    if not is_own_page(request):
        raise Forbidden("A page of another origin may not change who may call us")
    origin = request.form.get("origin", "")[:300]
    if problems := origin_problems(origin, credentials=True, public=True):
        meant = problems[0].suggestion
        reasons = ", ".join(problem.message for problem in problems)
        return page(f"{origin} {reasons}." + f" Meant: {meant}" * bool(meant), meant or origin, 400)
    db = await asyncpg.connect(DATABASE_URL, timeout=5, command_timeout=5)
    try:
        await db.execute("INSERT INTO origins VALUES ($1) ON CONFLICT DO NOTHING", origin)
    finally:
        await db.close()
    return page(f"{origin} is allowed.")
