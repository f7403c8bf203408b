"""Origins in PostgreSQL, live in every worker: `sanic examples.live_postgres:app`, with DATABASE_URL set."""

import asyncio
import os
from contextlib import suppress
from html import escape

import asyncpg
from sanic import Blueprint, Request, Sanic, html, json, text
from sanic.exceptions import Forbidden

from corsbp import cors_group, origin_problems

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://localhost/app")
LOOK_AGAIN = PATIENCE = 5  # seconds; it looks also without a word, so that a cut in silence is noticed
SCHEMA = """
SELECT pg_advisory_xact_lock(hashtext('origins'));  -- workers start together
CREATE TABLE IF NOT EXISTS origins (origin text PRIMARY KEY);
CREATE OR REPLACE FUNCTION tell_origins() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NOTIFY origins; RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER tell_origins AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON origins
    EXECUTE FUNCTION tell_origins();
"""
PAGE = """<!doctype html><title>Origins</title><p>{said}</p>
<form method="post"><input name="origin" value="{origin}" size="60"><button>Allow</button></form>"""

app, api = Sanic("live_postgres"), Blueprint("api", url_prefix="/api")
api.add_route(lambda request: text("hello"), "/hello", name="hello")
group = cors_group(api, allow_origins=["https://app.example"], allow_credentials=True)  # at first
app.blueprint(group)


async def connect() -> asyncpg.Connection:
    return await asyncpg.connect(DATABASE_URL, timeout=PATIENCE, command_timeout=PATIENCE)


async def origins(app: Sanic):
    db = await connect()
    try:
        await db.execute(SCHEMA)
        changed = asyncio.Event()
        db.add_termination_listener(lambda *_: changed.set())
        await db.add_listener("origins", lambda *_: changed.set())
        while True:
            changed.clear()  # however many changes came, they are one look
            yield await db.fetchval("SELECT array(SELECT origin FROM origins)")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(changed.wait(), LOOK_AGAIN)
    finally:
        db.terminate()


group.follow(origins)
app.add_route(lambda _: json(group.live._asdict()), "/health", name="health")


def page(said: str = "", origin: str = "", status: int = 200):
    return html(PAGE.format(said=escape(said), origin=escape(origin)), status)


app.add_route(lambda _: page(), "/origins", name="form")  # put your login before both


@app.post("/origins")
async def allow(request: Request):
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Forbidden("A page of another origin may not change who may call us")
    origin = request.form.get("origin", "")[:300]
    if problems := origin_problems(origin):
        meant = problems[0].suggestion
        said = f"{origin} {', '.join(each.message for each in problems)}." + f" Meant: {meant}" * bool(meant)
        return page(said, meant or origin, 400)
    db = await connect()
    try:
        await db.execute("INSERT INTO origins VALUES ($1) ON CONFLICT DO NOTHING", origin)
    finally:
        await db.close()
    return page(f"{origin} is allowed.")
