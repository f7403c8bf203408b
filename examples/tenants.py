"""The origins of each tenant, in a file of SQLite: `sanic examples.tenants:app`.

Before the first start, apply tenants.sql. The section "One set for each host" of live.md has every command.
"""

import asyncio
import os
import sqlite3
from collections import Counter
from contextlib import closing

from sanic import Blueprint, Request, Sanic, json, text

from corsbp import cors_group

DATABASE = os.environ.get("TENANTS", "tenants.db")
LOOK_AGAIN = 0.5  # seconds until the version is read again
ALL = "SELECT 1, host, origin FROM tenants"
CHANGES = "SELECT added, host, origin FROM tenants_changes WHERE number > ? ORDER BY number"


class Tenants:
    """A copy of the table, which is kept up to date by the changes since its version."""

    def __init__(self) -> None:
        self.pairs: set[str] = (
            set()
        )  # "host origin": strings, since Python's garbage collector visits no string
        self.hosts: Counter[str] = Counter()  # of each origin
        self.origins: frozenset[str] = frozenset()
        self.version = (-1, -1)  # of no file: the first look reads all

    async def update(self) -> None:
        everything, changes, version = await asyncio.to_thread(look, *self.version)
        if version == self.version:
            return
        if everything:
            self.pairs, self.hosts = set(), Counter()
        changes.reverse()  # and taken from the end, so that they are freed in steps, too
        while changes:
            for _ in range(min(1000, len(changes))):
                added, host, origin = changes.pop()
                self.change(added, f"{host} {origin}", origin)
            await asyncio.sleep(0)  # requests have their turn
        self.origins, self.version = frozenset(self.hosts), version
        await asyncio.sleep(0)

    def change(self, added: int, pair: str, origin: str) -> None:
        if added:
            self.pairs.add(pair)
            self.hosts[origin] += 1
        else:
            self.pairs.discard(pair)
            self.hosts[origin] -= 1
            if not self.hosts[origin]:
                del self.hosts[origin]


def look(known_file: int, known: int) -> tuple[bool, list[tuple[int, str, str]], tuple[int, int]]:
    """Read what has changed since a version of a file, or everything; in a thread."""
    file = os.stat(DATABASE).st_ino
    # Read-only, and opened each time: a file that is gone is an error, and one that was replaced is found.
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True, timeout=5)) as db:
        db.execute("BEGIN")  # one snapshot: the version and the rows belong together
        (version,) = db.execute("SELECT number FROM tenants_version").fetchone()
        if not version:
            raise LookupError(f"nobody has written to {DATABASE} yet: is this the right file?")
        if (file, version) == (known_file, known):
            return False, [], (file, version)
        changes = read(db, CHANGES, known)
        if file == known_file and len(changes) == version - known:
            return False, changes, (file, version)
        return True, read(db, ALL), (file, version)


def read(db: sqlite3.Connection, query: str, *values: int) -> list[tuple[int, str, str]]:
    rows: list[tuple[int, str, str]] = []
    cursor = db.execute(query, values)
    while some := cursor.fetchmany(500):  # in steps, between which the event loop can have the interpreter
        rows += some
    return rows


async def every_origin(app: Sanic):
    """No request waits for the database. While it fails, the last valid origins stay in force."""
    tenants = Tenants()
    while True:
        await tenants.update()
        app.ctx.pairs = tenants.pairs
        yield tenants.origins  # the same object if nothing has changed: that costs nothing
        await asyncio.sleep(LOOK_AGAIN)


def of_this_host(origin: str, request: Request) -> bool:
    """Return whether this tenant has the origin: pages of one must not act as the users of another."""
    host = request.headers.get("host", "").lower()
    return origin.startswith("https://") and f"{host} {origin}" in request.app.ctx.pairs


app = Sanic("tenants")
app.ctx.pairs = set()

prices, orders = Blueprint("prices", url_prefix="/prices"), Blueprint("orders", url_prefix="/orders")
prices.add_route(lambda request: text("prices"), "/", name="list")
orders.add_route(lambda request: text("orders"), "/", name="list")

# One set for all hosts, for what is the same for all of them. The declared front end stays allowed.
for_all = cors_group(prices, allow_origins=["https://app.example"])
for_all.follow(every_origin, stale_after=30)
app.blueprint(for_all)
# One set for each host, with cookies.
app.blueprint(cors_group(orders, allow_origins=of_this_host, allow_credentials=True))
app.add_route(lambda _: json(for_all.live._asdict()), "/health", name="health")
