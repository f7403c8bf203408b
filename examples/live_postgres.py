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
group = cors_group(
    api, allow_origins=["https://app.example"], allow_credentials=True
)  # until the first value
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
            yield [row["origin"] for row in await db.fetch("SELECT origin FROM origins")]
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(changed.wait(), LOOK_AGAIN)
    finally:
        db.terminate()


group.follow(origins)


@app.get("/health")
async def health(request: Request):
    live = group.live
    return json(live._asdict(), status=200 if live.age is not None and live.age < 30 else 503)


@app.route("/origins", methods=["GET", "POST"])  # put your login before it
async def admin(request: Request):
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("A page of another site may not change who may call us")
    origin = request.form.get("origin", "") if request.method == "POST" else ""
    problems = origin_problems(origin) if request.method == "POST" else ()
    if problems:
        meant = f" Meant: {problems[0].suggestion}" if problems[0].suggestion else ""
        said = f"{origin} {', '.join(problem.message for problem in problems)}.{meant}"
        return html(PAGE.format(said=escape(said), origin=escape(problems[0].suggestion or origin)), 400)
    if request.method == "POST":
        db = await connect()
        try:
            await db.execute("INSERT INTO origins VALUES ($1) ON CONFLICT DO NOTHING", origin)
        finally:
            await db.close()
    return html(PAGE.format(said=escape(origin and f"{origin} is allowed."), origin=""))
