"""examples/live_valkey.py and its script, on a server of its own (D6)."""

from __future__ import annotations

import asyncio
import importlib
import random
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ..support import ORIGIN, ROOT, require_package, sanic_process
from .fleet import (
    DECLARED,
    EVIL,
    NEW,
    REFUSED,
    WELL,
    following,
    granted,
    store,
    until_all,
    until_health,
    when_ready,
)
from .stores import Server, valkey


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    require_package("valkey")
    with valkey() as server:
        yield server


@pytest.fixture(name="example")
def _example(server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    example = importlib.import_module("examples.live_valkey")
    monkeypatch.setattr(example, "VALKEY_URL", server.url)
    monkeypatch.setattr(example, "LOOK_AGAIN", 0.1)
    return example


def run(example: Any, talk: Callable[[Any], Awaitable[None]]) -> None:
    """Run `talk(db)` on an empty store."""

    async def main() -> None:
        async with example.store() as db:
            await db.flushall()
            await talk(db)

    asyncio.run(main())


async def settle(next_value: Callable[[], Any], db: Any) -> None:
    """Wait until the copy has what the set has."""
    for _ in range(50):
        if await next_value() == set(await db.smembers("origins")):
            return
    raise AssertionError("the copy is not the set")


def test_a_new_or_wrong_store_is_an_error_and_not_an_empty_set(example: Any) -> None:
    async def talk(db: Any) -> None:
        async with following(example.origins) as next_value:
            with pytest.raises(LookupError, match="is this the right store"):
                await next_value()
        await example.change()  # this says that an empty set is meant
        async with following(example.origins) as next_value:
            assert await next_value() == set()
            await next_value()  # the first look after the subscription
            await db.flushall()
            with pytest.raises(LookupError):
                await next_value()

    run(example, talk)


def test_each_change_is_followed(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random changes: the copy has what the set has, and reads it once."""
    chance, reads = random.Random(7), 0
    read_all = example.Origins.read_all

    async def count(*args: Any) -> None:
        nonlocal reads
        reads += 1
        await read_all(*args)

    monkeypatch.setattr(example.Origins, "read_all", count)

    def some() -> list[str]:
        return [f"https://{chance.randrange(30)}.example" for _ in range(chance.randrange(3))]

    async def talk(db: Any) -> None:
        await example.change("https://first.example")
        async with following(example.origins) as next_value:
            assert await next_value() == {"https://first.example"}
            await next_value()  # the first look after the subscription
            for _ in range(40):
                await example.change(*some(), removed=tuple(some()))
                await settle(next_value, db)

    run(example, talk)
    assert reads == 1


@pytest.mark.parametrize(
    "message", ["changed", None, "1 +https://old.example", "900 +https://future.example"]
)
def test_where_the_changes_are_not_known_all_is_read(message: str | None, example: Any) -> None:
    """Code that knows nothing of the script; a message that was lost, came again, or came too early."""

    async def talk(db: Any) -> None:
        await example.change("https://a.example")
        await example.change("https://b.example")
        async with following(example.origins) as next_value:
            await next_value()
            async with db.pipeline(transaction=True) as all_at_once:
                all_at_once.srem("origins", "https://a.example").incr("origins:version")
                if message:
                    all_at_once.publish("origins", message)
                await all_at_once.execute()
            await settle(next_value, db)
            await example.change("https://c.example")
            await settle(next_value, db)

    run(example, talk)


def test_a_store_that_went_back_is_read_again(example: Any) -> None:
    async def talk(db: Any) -> None:
        for number in range(5):
            await example.change(f"https://{number}.example")
        async with following(example.origins) as next_value:
            await next_value()
            await db.delete("origins", "origins:version")
            await example.change("https://old.example")
            await settle(next_value, db)

    run(example, talk)


def test_the_script_runs_from_the_command_line(server: Server, example: Any) -> None:
    client = shutil.which("valkey-cli") or shutil.which("redis-cli")
    assert client, "a server comes with its client"
    script = ROOT / "examples" / "live_valkey.lua"

    def cli(*changes: str) -> None:
        arguments = [f"{client}", "-p", f"{server.port}", "--eval", f"{script}"]
        arguments += ["origins", "origins:version", ","]
        done = subprocess.run([*arguments, *changes], capture_output=True, text=True, check=True)
        assert done.stdout.strip().isdecimal()

    async def talk(db: Any) -> None:
        cli(f"+{NEW}", f"+{EVIL}")
        cli(f"-{EVIL}")
        assert set(await db.smembers("origins")) == {NEW}
        assert await db.get("origins:version") == "2"

    run(example, talk)


def test_two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(*added: str, removed: tuple[str, ...] = ()) -> None:
        example = importlib.import_module("examples.live_valkey")
        monkeypatch.setattr(example, "VALKEY_URL", server.url)
        when_ready(lambda: asyncio.run(example.change(*added, removed=removed)))

    with ExitStack() as stack:
        server = stack.enter_context(store(valkey, "valkey", "VALKEY_URL", monkeypatch))
        change(NEW)
        port = stack.enter_context(sanic_process("examples.live_valkey:app", "--workers", "2"))
        until_all(port, NEW, granted(NEW))
        until_all(port, ORIGIN, DECLARED)
        change(EVIL, removed=(NEW,))
        until_all(port, NEW, REFUSED)
        until_all(port, EVIL, granted(EVIL))
        server.kill()
        until_all(port, EVIL, granted(EVIL))
        server.start()
        change(removed=(EVIL,))
        until_all(port, EVIL, REFUSED)
        until_health(port, WELL)
