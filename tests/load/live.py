"""``python -m tests.load.live``: how long a change takes to reach a fleet, and how it gets over failures."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from ..live.stores import Proxy, Server
from .fleet import STEADY, STORES, Fleet, fleet, quantiles, retry_until_ready

CHANGING = "https://changing.example"

MAX_GROWTH = 8.0
"""MiB by which a worker may grow in a storm."""

MAX_RECOVERY = 15.0
"""Seconds until all workers apply changes again: 10 between tries at most, and 5 to notice."""


async def propagation(made: Fleet, owner: Any, changes: int) -> list[float]:
    """Return the seconds from just before each COMMIT until every worker applies the change."""
    times = []
    await owner.add([STEADY])
    await made.applied(STEADY, True)
    made.steady[STEADY] = True
    async with made.under_load():
        for number in range(changes):
            began = time.monotonic()
            await owner.change(CHANGING, not number % 2)
            times.append(await made.applied(CHANGING, not number % 2) - began)
            await asyncio.sleep(0.02)
    return times


class Failures:
    """A fleet whose store fails in several ways, and a table of what it responds meanwhile."""

    def __init__(self, made: Fleet, owner: Any, server: Server, proxy: Proxy, seconds: float) -> None:
        self.made, self.owner, self.server, self.proxy = made, owner, server, proxy
        self.seconds = seconds
        self.allowed = False
        print(
            "  | failure | seconds | responses | slowest | wrong | all workers apply a change again after |"
        )
        print("  | --- | --- | --- | --- | --- | --- |")

    async def run(self, what: str, seconds: float, end: Callable[[], Awaitable[None]]) -> None:
        """Send requests while a failure lasts, end it, and print how long the next change takes."""
        made = self.made
        count, wrong = sum(made.responses.values()), len(made.wrong)
        made.times.clear()
        async with made.under_load():
            await made.stays(STEADY, True, seconds)
        await end()
        began = time.monotonic()
        self.allowed = not self.allowed
        await self.owner.change(CHANGING, self.allowed)
        async with made.under_load():
            await made.applied(CHANGING, self.allowed)
        recovery = time.monotonic() - began
        responses, wrong = sum(made.responses.values()) - count, len(made.wrong) - wrong
        slowest = f"{max(made.times) * 1000:.0f} ms"
        print(f"  | {what} | {seconds:g} | {responses} | {slowest} | {wrong} | {recovery:.1f} s |")
        if recovery > MAX_RECOVERY:
            made.wrong.append(f"{what}: {recovery:.1f} s until all workers applied a change")

    async def kill(self) -> None:
        """Kill the server, and start it again."""

        async def start() -> None:
            await asyncio.to_thread(self.server.start)
            kind = type(self.owner)
            self.owner = await retry_until_ready(lambda: kind().connect(self.server.url))

        await self.owner.close()
        self.server.kill()
        await self.run("the store was killed", self.seconds, start)

    async def swallow(self) -> None:
        """Pass nothing on, and close no connection."""

        async def pass_on() -> None:
            self.proxy.swallows = False

        self.proxy.swallows = True
        await self.run("the network swallowed everything", self.seconds / 3, pass_on)

    async def reset(self) -> None:
        """Reset all connections, again and again."""

        async def resets() -> None:
            while True:
                self.proxy.reset()
                await asyncio.sleep(0.2)

        async def stop() -> None:
            task.cancel()

        task = asyncio.create_task(resets())
        await self.run("connections were reset", self.seconds / 3, stop)

    async def delay(self) -> None:
        """Pass everything on late."""

        async def pass_on() -> None:
            self.proxy.delay = 0

        self.proxy.delay = 0.5
        await self.run("the network was late by 0.5 s", self.seconds / 3, pass_on)

    async def delayed_changes(self) -> None:
        """Print how long changes take where the network is late."""
        self.proxy.delay = 0.05
        times = []
        for _ in range(5):
            self.allowed = not self.allowed
            began = time.monotonic()
            await self.owner.change(CHANGING, self.allowed)
            times.append(await self.made.applied(CHANGING, self.allowed) - began)
        self.proxy.delay = 0
        print(f"  late by 0.05 s each way, a change takes {quantiles(times)}")


async def bad_rows_and_storm(made: Fleet, owner: Any, seconds: float) -> None:
    """Write rows of which one percent is invalid, then send many notifications, then empty the store."""
    good = [f"https://{number}.example" for number in range(990)]
    await owner.add([*good, *(f"https://{number}.example/" for number in range(10))])
    await made.applied(good[-1], True)
    async with made.under_load():
        await made.stays(STEADY, True, seconds)
    print(f"  1 % bad rows: {len(made.wrong)} wrong")
    for origin in (good[0], good[-1]):
        made.steady[origin] = True
    await storm(made, owner, seconds)
    for origin in (STEADY, good[0], good[-1]):
        del made.steady[origin]
    began = time.monotonic()
    await owner.empty()
    for origin in (STEADY, good[0]):
        await made.applied(origin, False)
        made.steady[origin] = False
    took = (time.monotonic() - began) * 1000
    print(f"  emptied: nobody else is allowed after {took:.0f} ms, {len(made.wrong)} wrong")


async def storm(made: Fleet, owner: Any, seconds: float) -> None:
    """Send a thousand notifications a second without any change, and watch the memory of the workers."""
    memory, end, count = made.memory(), time.monotonic() + seconds, 0
    async with made.under_load():
        while (left := end - time.monotonic()) > 0:
            await owner.notify(20)
            count += 20
            await asyncio.sleep(max(0, count / 1000 - (seconds - left)))
    print(f"  a storm of {count / seconds:.0f} a second for {seconds:.0f} s: {len(made.wrong)} wrong")
    grown = [(after - before) / 1024 for before, after in zip(memory, made.memory(), strict=True)]
    print(f"  memory of the workers grew by {' '.join(f'{each:.1f}' for each in grown)} MiB in it")
    if max(grown) > MAX_GROWTH:
        made.wrong.append(f"memory grew: {grown}")


async def watch(store: str, options: argparse.Namespace) -> list[str]:
    """Run two apps of two workers each, with a proxy between them and the store; return what was wrong."""
    kind = STORES[store]
    with kind.make() as server, tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(server.port)
        url = server.url.replace(f":{server.port}", f":{await proxy.start()}")
        owner = await retry_until_ready(lambda: kind().connect(server.url))
        try:
            async with fleet(store, url, 2, options.patience, Path(folder)) as made:
                times = await propagation(made, owner, options.changes)
                took = f"from before COMMIT until every worker applies it: {quantiles(times)}"
                print(f"  {len(times)} changes, {took}")
                report(made)
                failures = Failures(made, owner, server, proxy, options.down)
                for failure in (failures.kill, failures.swallow, failures.reset, failures.delay):
                    await failure()
                await failures.delayed_changes()
                await bad_rows_and_storm(made, failures.owner, options.storm)
                report(made)
                await failures.owner.close()
                return made.wrong
        finally:
            await proxy.stop()


def report(made: Fleet) -> None:
    """Print the responses since the last time."""
    print(f"  {sum(made.responses.values())} responses ({dict(made.responses)}): {quantiles(made.times)}")
    made.responses.clear()
    made.times.clear()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.live", description=__doc__)
    parser.add_argument("--store", choices=STORES, action="append", help="both without this")
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--down", type=float, default=30, help="seconds that the store is away")
    parser.add_argument("--storm", type=float, default=20, help="seconds of a thousand messages each")
    parser.add_argument("--patience", type=float, default=5, help="seconds until silence is a loss")
    options = parser.parse_args(arguments)
    wrong = []
    for store in options.store or STORES:
        print(f"{store}, two apps of two workers each, under load")
        wrong += asyncio.run(watch(store, options))
    print(*wrong[:20], f"{len(wrong)} responses were wrong or late", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
