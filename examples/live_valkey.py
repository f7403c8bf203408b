"""Origins in Valkey or Redis, live in every worker: `sanic examples.live_valkey:app`, with VALKEY_URL set.

valkey-cli> MULTI
valkey-cli> SADD origins https://shop.example
valkey-cli> INCR origins:version
valkey-cli> PUBLISH origins changed
valkey-cli> EXEC
"""

import os

import valkey.asyncio as valkey
from sanic import Blueprint, Sanic, json, text

from corsbp import cors_group

VALKEY_URL = os.environ.get("VALKEY_URL", "valkey://localhost")
LOOK_AGAIN = PATIENCE = 5  # seconds; it looks also without a word, so that a cut in silence is noticed

app, api = Sanic("live_valkey"), Blueprint("api", url_prefix="/api")
api.add_route(lambda request: text("hello"), "/hello", name="hello")
group = cors_group(api, allow_origins=["https://app.example"], allow_credentials=True)  # at first
app.blueprint(group)


def store() -> valkey.Valkey:
    patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    return valkey.from_url(VALKEY_URL, decode_responses=True, **patience)


async def origins(app: Sanic):
    async with store() as db, db.pubsub() as changes:
        await changes.subscribe("origins")
        while True:
            async with db.pipeline(transaction=True) as both:
                version, found = await both.get("origins:version").smembers("origins").execute()
            if version is None:  # an empty set is no key: this tells it from a store that lost everything
                raise LookupError("there is no origins:version")
            yield found
            await changes.get_message(timeout=LOOK_AGAIN)
            for _ in range(100):  # however many changes came, they are one look
                if await changes.get_message(timeout=0) is None:
                    break


group.follow(origins)
app.add_route(lambda _: json(group.live._asdict()), "/health", name="health")


async def change(*added: str, removed: tuple[str, ...] = ()) -> None:
    """What your own code does to allow origins, and to take them back."""
    async with store() as db, db.pipeline(transaction=True) as all_at_once:
        if added:
            all_at_once.sadd("origins", *added)
        if removed:
            all_at_once.srem("origins", *removed)
        await all_at_once.incr("origins:version").publish("origins", "changed").execute()
