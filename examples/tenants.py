"""The origins of many tenants, in a database: `sanic examples.tenants:app`."""

import asyncio
import os
import sqlite3
from contextlib import closing

from async_lru import alru_cache
from sanic import Blueprint, Sanic, text

from corsbp import cors_group

DATABASE = os.environ.get("TENANTS", "tenants.db")  # CREATE TABLE tenants (origin TEXT PRIMARY KEY)
MAX_ORIGINS, TTL = 10_000, 60  # anybody can invent origins, so bounded; a change is seen within a minute


def look_up(origin: str) -> bool:
    # Read-only: a database that is gone is then an error, which corsbp logs and refuses, and which is not
    # cached; without it SQLite would make a new one, in which nobody is allowed.
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as db:
        return db.execute("SELECT 1 FROM tenants WHERE origin = ?", [origin]).fetchone() is not None


async def is_tenant(origin: str) -> bool:
    """The function to change once one machine is not enough: ask a database on the network here."""
    return await asyncio.to_thread(look_up, origin)


app, api = Sanic("tenants"), Blueprint("api", url_prefix="/api")


@app.before_server_start
async def make_cache(app: Sanic) -> None:  # in each worker, at each start: it belongs to one event loop
    app.ctx.is_tenant = alru_cache(MAX_ORIGINS, ttl=TTL)(is_tenant)


api.add_route(lambda request: text("hello"), "/hello", name="hello")
app.blueprint(cors_group(api, allow_origins=lambda origin, request: request.app.ctx.is_tenant(origin)))
