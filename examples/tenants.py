"""The origins of many tenants, in a database: `sanic examples.tenants:app`."""

import asyncio
import os
import sqlite3
from contextlib import closing

from sanic import Blueprint, Request, Sanic, text

from corsbp import cors_group, origin_problems

DATABASE = os.environ.get("TENANTS", "tenants.db")


def make() -> None:
    with closing(sqlite3.connect(DATABASE)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS tenants (host TEXT, origin TEXT, PRIMARY KEY (host, origin))")


def look() -> frozenset[tuple[str, str]]:
    # Read-only: a database that is gone is an error then, and no new one in which nobody is allowed.
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as db:
        return frozenset(db.execute("SELECT host, origin FROM tenants").fetchall())


async def every_origin(app: Sanic):
    """No request waits for the database. While it fails, what was read last holds."""
    while True:
        rows = await asyncio.to_thread(look)  # beyond one machine: live_postgres.py
        app.ctx.tenants = frozenset(row for row in rows if not origin_problems(row[1]))
        yield {origin for _, origin in rows}
        await asyncio.sleep(1)


def of_this_host(origin: str, request: Request) -> bool:
    """Whether this tenant has it: pages of one must not act as the users of another."""
    pair = (request.headers.get("host", "").lower(), origin)
    return origin.startswith("https://") and pair in request.app.ctx.tenants


app = Sanic("tenants")
app.ctx.tenants = frozenset()
app.before_server_start(lambda app: make())

prices, orders = Blueprint("prices", url_prefix="/prices"), Blueprint("orders", url_prefix="/orders")
prices.add_route(lambda request: text("prices"), "/", name="list")
orders.add_route(lambda request: text("orders"), "/", name="list")

for_all = cors_group(
    prices, allow_origins=["https://app.example"]
)  # a set for all hosts; until it comes, this
for_all.follow(every_origin)
app.blueprint(for_all)
app.blueprint(cors_group(orders, allow_origins=of_this_host, allow_credentials=True))  # by host, with cookies
