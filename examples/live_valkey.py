"""Origins in Valkey or Redis, live in every worker: `sanic examples.live_valkey:app`.

live_valkey.lua changes them. The section "Valkey or Redis" of live.md has every command.
"""

import os
from pathlib import Path

import valkey.asyncio as valkey
from sanic import Blueprint, Sanic, json, text

from corsbp import cors_group

VALKEY_URL = os.environ.get("VALKEY_URL", "valkey://localhost")
LOOK_AGAIN = PATIENCE = 5  # seconds; it reads the version also without a message, which can be lost
CHANGE = Path(__file__).with_name("live_valkey.lua").read_text()

app, api = Sanic("live_valkey"), Blueprint("api", url_prefix="/api")
api.add_route(lambda request: text("hello"), "/hello", name="hello")
# The declared front end stays allowed, whatever the set has.
group = cors_group(api, allow_origins=["https://app.example"], allow_credentials=True)
app.blueprint(group)


def store() -> valkey.Valkey:
    patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    return valkey.from_url(VALKEY_URL, decode_responses=True, **patience)


async def read_version(db: valkey.Valkey) -> int:
    version = await db.get("origins:version")
    if version is None:  # an empty set is no key: the version tells it from a store that lost everything
        raise LookupError("there is no origins:version: is this the right store?")
    return int(version)


class Origins:
    """A copy of the set, which is kept up to date by the changes that messages bring."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.version = 0

    async def read_all(self, db: valkey.Valkey) -> None:
        # What changes while the set is read comes as a message, with a higher number.
        self.version = await read_version(db)
        self.known = {origin async for origin in db.sscan_iter("origins", count=1000)}

    def apply(self, message: str) -> bool:
        """Apply the changes of a message; return False if they are not those that follow this version."""
        number, _, changes = message.partition(" ")
        if not number.isdecimal() or int(number) > self.version + 1:
            return False
        if int(number) == self.version + 1:
            self.version += 1
            for change in changes.split():
                update = self.known.add if change[0] == "+" else self.known.discard
                update(change[1:])
        return True


async def next_messages(changes) -> list[str]:
    """Wait for a message, and return all that have come: many changes at the same time cause one look."""
    found = [await changes.get_message(timeout=LOOK_AGAIN)]
    while found[-1] is not None and len(found) < 1000:
        found.append(await changes.get_message(timeout=0))
    return [message["data"] for message in found if message]


async def origins(app: Sanic):
    table = Origins()
    async with store() as db, db.pubsub(ignore_subscribe_messages=True) as changes:
        await changes.subscribe("origins")
        await table.read_all(db)
        while True:
            yield table.known
            messages = await next_messages(changes)
            complete = True
            for message in messages:
                complete = table.apply(message) and complete
            version = await read_version(db)
            lost = version < table.version or (version > table.version and not messages)
            if lost or not complete:
                await table.read_all(db)


group.follow(origins, stale_after=30)
app.add_route(lambda _: json(group.live._asdict()), "/health", name="health")


async def change(*added: str, removed: tuple[str, ...] = ()) -> None:
    """Allow origins and take others back, from your own code."""
    changes = [*(f"+{origin}" for origin in added), *(f"-{origin}" for origin in removed)]
    async with store() as db:
        await db.eval(CHANGE, 2, "origins", "origins:version", *changes)
