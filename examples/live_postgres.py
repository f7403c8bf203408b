"""Origins in PostgreSQL, live in every worker: `sanic examples.live_postgres:app`.

Before the first start, apply live_postgres.sql. The section "PostgreSQL" of live.md has every command.
"""

import asyncio
import os
from contextlib import suppress

import asyncpg
from sanic import Blueprint, Sanic, json, text

from corsbp import cors_group

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://localhost/shop")  # its role needs only SELECT
# Where notifications come from. PgBouncer in transaction mode passes none on: give the address of PostgreSQL
# itself here, or "", and each worker reads the version every second.
LISTEN_URL = os.environ.get("LISTEN_URL", DATABASE_URL)
PATIENCE = 5  # seconds for each answer of the database
LOOK_AGAIN = 5 if LISTEN_URL else 1  # seconds until it reads without a notification, which can be lost
TIMEOUTS = (
    "SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'"  # do not queue behind a migration
)
CHANGES = """
    WITH changes AS (SELECT origins FROM origins_changes WHERE number > $1),
    changed AS (SELECT DISTINCT unnest(origins) AS origin FROM changes)
    SELECT number AS version,
        (SELECT count(*) FROM changes WHERE origins IS NOT NULL) AS changes,
        array(SELECT origin FROM changed) AS changed,
        array(SELECT (SELECT o.origin FROM origins o WHERE o.origin = c.origin) FROM changed c) AS allowed
    FROM origins_version
"""  # a subquery for each origin uses the index; a join would read the whole table before its first ANALYZE

app, api = Sanic("live_postgres"), Blueprint("api", url_prefix="/api")
api.add_route(lambda request: text("hello"), "/hello", name="hello")
# The declared front end stays allowed, whatever the table has.
group = cors_group(api, allow_origins=["https://app.example"], allow_credentials=True)
app.blueprint(group)


async def connect(url: str) -> asyncpg.Connection:
    # statement_cache_size=0: behind PgBouncer, a prepared statement may be on another connection next time.
    return await asyncpg.connect(url, timeout=PATIENCE, command_timeout=PATIENCE, statement_cache_size=0)


class Origins:
    """A copy of the table, which is kept up to date by the changes since its version."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.version = -1  # lower than any: the first look reads all

    async def update(self, db: asyncpg.Connection) -> None:
        # One snapshot for all statements: the version and the origins belong together.
        async with db.transaction(isolation="repeatable_read", readonly=True):
            await db.execute(TIMEOUTS)
            row = await db.fetchrow(CHANGES, self.version)
            if row is None or not row["version"]:
                raise LookupError("nobody has written to the table origins yet: is this the right database?")
            if row["changes"] == row["version"] - self.version:
                self.apply(row["changed"], row["allowed"])
            else:
                await self.read_all(db)
            self.version = row["version"]

    def apply(self, changed: list[str], allowed: list[str | None]) -> None:
        self.known.difference_update(changed)
        self.known.update(filter(None, allowed))  # None: it is not in the table any more

    async def read_all(self, db: asyncpg.Connection) -> None:
        self.known.clear()
        cursor = await db.cursor("SELECT origin FROM origins")
        while rows := await cursor.fetch(5000):  # in steps: requests have their turn between them
            self.known.update(row[0] for row in rows)


async def origins(app: Sanic):
    changed, table = asyncio.Event(), Origins()
    db = await connect(DATABASE_URL)
    listener = db
    try:
        if LISTEN_URL:
            if LISTEN_URL != DATABASE_URL:
                listener = await connect(LISTEN_URL)
            listener.add_termination_listener(lambda *_: changed.set())
            await listener.add_listener("origins", lambda *_: changed.set())
        while True:
            changed.clear()  # many changes at the same time cause one look
            await table.update(db)
            yield table.known
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(changed.wait(), LOOK_AGAIN)
            if listener.is_closed():
                raise ConnectionError("the connection for notifications was closed")
    finally:
        db.terminate()
        listener.terminate()


group.follow(origins, stale_after=30)
app.add_route(lambda _: json(group.live._asdict()), "/health", name="health")
