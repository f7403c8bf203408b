"""``python -m tests.load.live``: how long a change takes to reach a fleet, and what it answers in need."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ..browsers.processes import running
from ..live.stores import Proxy, Server, postgres, valkey
from ..support import ROOT, free_port, request
from .client import Connection

STEADY, EVIL, CHANGING = "https://steady.example", "https://evil.example", "https://changing.example"
LATE = 5.0
"""Seconds after which an answer is late: much more than any should take, on however busy a machine."""


MOST_GROWTH = 8.0
"""MiB by which a worker may grow in a storm."""


def granted(origin: str) -> dict[str, str]:
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "vary": "origin",
    }


REFUSED = {"vary": "origin"}


class Postgres:
    """What a fleet reads, and what its owner writes."""

    variable, example, make = "DATABASE_URL", "examples.live_postgres", staticmethod(postgres)

    async def connect(self, url: str) -> Postgres:
        import asyncpg

        self.db = await asyncpg.connect(url)
        return self

    async def close(self) -> None:
        self.db.terminate()

    async def add(self, origins: Iterable[str]) -> None:
        await self.db.executemany("INSERT INTO origins VALUES ($1)", [(origin,) for origin in origins])

    async def change(self, origin: str, there: bool) -> None:
        insert, delete = "INSERT INTO origins VALUES ($1)", "DELETE FROM origins WHERE origin = $1"
        await self.db.execute(insert if there else delete, origin)

    async def empty(self) -> None:
        await self.db.execute("TRUNCATE origins")

    async def shout(self, times: int) -> None:
        await self.db.execute(
            "SELECT pg_notify('origins', n::text) FROM generate_series(1, $1::int) n", times
        )


class Valkey:
    """Likewise."""

    variable, example, make = "VALKEY_URL", "examples.live_valkey", staticmethod(valkey)

    async def connect(self, url: str) -> Valkey:
        import valkey.asyncio

        client: Any = valkey.asyncio
        self.db = client.from_url(url)
        await self.write("incr", "origins:version")
        return self

    async def close(self) -> None:
        await self.db.aclose()

    async def write(self, command: str, *arguments: str) -> None:
        async with self.db.pipeline(transaction=True) as all_at_once:
            getattr(all_at_once, command)(*arguments)
            await all_at_once.incr("origins:version").publish("origins", "changed").execute()

    async def add(self, origins: Iterable[str]) -> None:
        await self.write("sadd", "origins", *origins)

    async def change(self, origin: str, there: bool) -> None:
        await self.write("sadd" if there else "srem", "origins", origin)

    async def empty(self) -> None:
        await self.write("delete", "origins")

    async def shout(self, times: int) -> None:
        async with self.db.pipeline(transaction=False) as at_once:
            for _ in range(times):
                at_once.publish("origins", "changed")
            await at_once.execute()


STORES: dict[str, type[Postgres | Valkey]] = {"postgres": Postgres, "valkey": Valkey}


class Fleet:
    """Apps of two workers each, and a connection to every one of them; every answer is checked."""

    def __init__(self) -> None:
        self.workers: dict[int, Connection] = {}
        self.ports: dict[int, int] = {}
        self.times: list[float] = []
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.patience = 60.0
        """Seconds after which an answer is late."""
        self.steady = {STEADY: True, EVIL: False}
        """Whether an origin is allowed, where that is not just changing."""

    async def meet(self, port: int, count: int) -> None:
        """Have a connection to each worker of an app."""
        deadline = time.monotonic() + 60
        while list(self.ports.values()).count(port) < count:
            assert time.monotonic() < deadline, f"{port} has no {count} workers"
            with contextlib.suppress(OSError, EOFError):
                connection = await Connection.open(port)
                await self.cors(connection, EVIL)
                if connection.worker is not None and connection.worker not in self.workers:
                    self.workers[connection.worker], self.ports[connection.worker] = connection, port
                    continue
                connection.writer.close()
            await asyncio.sleep(0.02)

    async def cors(self, connection: Connection, origin: str) -> dict[str, str]:
        """The CORS headers of an answer, which must be there in time."""
        began = time.monotonic()
        raw = request("GET", "/api/hello", origin).raw().replace(b"Connection: close\r\n", b"")
        connection.writer.write(raw)
        answer = await connection.answer("GET")
        cors = dict(answer.cors)
        self.check(origin, answer.status, cors, time.monotonic() - began)
        return cors

    def check(self, origin: str, status: int, cors: dict[str, str], took: float) -> None:
        """Take note of an answer, and of what is wrong with it."""
        self.times.append(took)
        self.answers["granted" if len(cors) > 1 else "refused"] += 1
        known = {True: [granted(origin)], False: [REFUSED], None: [granted(origin), REFUSED]}
        if status != 200 or cors not in known[self.steady.get(origin)]:
            self.wrong.append(f"{origin}: {status} {cors}")
        if took > self.patience:
            self.wrong.append(f"{origin}: {took:.2f} s for an answer")

    @asynccontextmanager
    async def under_load(self, pause: float = 0.01) -> AsyncIterator[None]:
        """With two more connections to each app, which ask without end."""

        async def load(port: int) -> None:
            connection = await Connection.open(port)
            try:
                while True:
                    for origin in list(self.steady):
                        await self.cors(connection, origin)
                        await asyncio.sleep(pause)
            finally:
                connection.writer.close()

        tasks = [asyncio.create_task(load(port)) for port in set(self.ports.values()) for _ in range(2)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(ended, asyncio.CancelledError):
                    self.wrong.append(f"a connection ended: {ended!r}")

    async def obeyed(self, origin: str, there: bool, seconds: float = 60) -> float:
        """When the last of the workers has obeyed."""
        expected = granted(origin) if there else REFUSED

        async def one(connection: Connection) -> float:
            while await self.cors(connection, origin) != expected:
                assert time.monotonic() < deadline, f"{origin} is not {there}"
                await asyncio.sleep(0.001)
            return time.monotonic()

        deadline = time.monotonic() + seconds
        return max(await asyncio.gather(*map(one, self.workers.values())))

    async def stays(self, origin: str, there: bool, seconds: float) -> None:
        """Ask all workers for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.gather(*(self.cors(each, origin) for each in self.workers.values()))
            await asyncio.sleep(0.01)
        self.steady[origin] = there

    def memory(self) -> list[int]:
        """KiB of each worker."""
        found = []
        for worker in sorted(self.workers):
            status = Path(f"/proc/{worker}/status").read_text()
            found += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
        return found


@asynccontextmanager
async def fleet(store: str, url: str, apps: int, patience: float, folder: Path) -> AsyncIterator[Fleet]:
    """Apps of two workers each on one store."""
    kind, made = STORES[store], Fleet()
    env = {**os.environ, kind.variable: url, "EXAMPLE": kind.example, "PATIENCE": f"{patience}"}
    env |= {"SANIC_AUTO_EXTEND": "false", "PYTHONPATH": os.fspath(ROOT)}
    with ExitStack() as stack:
        ports = [free_port() for _ in range(apps)]
        for port in ports:
            command = [sys.executable, "-m", "sanic", "tests.load.live_app:app", "--workers", "2"]
            command += ["--port", f"{port}", "--no-motd", "--no-access-logs"]
            stack.enter_context(running(command, folder / f"{port}.log", env=env, cwd=ROOT))
        made.steady = {EVIL: False}  # who else is allowed is not known before the store has it
        for port in ports:
            await made.meet(port, 2)
        made.times.clear()  # whoever came before a worker was ready waited for it
        made.answers.clear()
        made.patience = LATE
        yield made
        for connection in made.workers.values():
            connection.writer.close()


def quantiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {ordered[-1] * 1000:.1f} ms"


async def propagation(made: Fleet, owner: Any, changes: int) -> list[float]:
    """Seconds from just before each COMMIT until every worker obeys."""
    times = []
    await owner.add([STEADY])
    await made.obeyed(STEADY, True)
    made.steady[STEADY] = True
    async with made.under_load():
        for number in range(changes):
            began = time.monotonic()
            await owner.change(CHANGING, not number % 2)
            times.append(await made.obeyed(CHANGING, not number % 2) - began)
            await asyncio.sleep(0.02)
    return times


async def in_need(made: Fleet, owner: Any, server: Server, proxy: Proxy, times: tuple[float, float]) -> None:
    """What a fleet answers while its store is killed, swallowed, spoilt, emptied, and shouts."""
    kind, (down, storm) = type(owner), times

    async def lasting(what: str, seconds: float) -> None:
        began, before = time.monotonic(), sum(made.answers.values())
        async with made.under_load():
            await made.stays(STEADY, True, seconds)
        took = time.monotonic() - began
        answers = sum(made.answers.values()) - before
        print(f"  {what}: {answers} answers in {took:.0f} s, {len(made.wrong)} wrong")

    async def heals(what: str, there: bool) -> None:
        began = time.monotonic()
        await owner.change(CHANGING, there)
        async with made.under_load():
            await made.obeyed(CHANGING, there)
        print(f"  {what}, a change is obeyed after {time.monotonic() - began:.1f} s, {len(made.wrong)} wrong")

    await owner.close()
    server.kill()
    await lasting("killed", down)
    await asyncio.to_thread(server.start)
    owner = await again(lambda: kind().connect(server.url))
    await heals("started again", True)

    proxy.swallows = True
    await lasting("swallowed", down / 3)
    proxy.swallows = False
    await heals("no longer swallowed", False)

    good = [f"https://{number}.example" for number in range(990)]
    await owner.add([*good, *(f"https://{number}.example/" for number in range(10))])
    await made.obeyed(good[-1], True)
    await lasting("1 % bad rows", storm)
    for origin in (good[0], good[-1]):
        made.steady[origin] = True
    await stormy(made, owner, storm)
    for origin in (STEADY, good[0], good[-1]):
        del made.steady[origin]
    began = time.monotonic()
    await owner.empty()
    for origin in (STEADY, good[0]):
        await made.obeyed(origin, False)
        made.steady[origin] = False
    took = (time.monotonic() - began) * 1000
    print(f"  emptied: nobody is allowed after {took:.0f} ms, {len(made.wrong)} wrong")
    await owner.close()


async def stormy(made: Fleet, owner: Any, seconds: float) -> None:
    """A thousand messages a second without any change; what the workers' memory does meanwhile."""
    memory, end, shouts = made.memory(), time.monotonic() + seconds, 0
    async with made.under_load():
        while (left := end - time.monotonic()) > 0:
            await owner.shout(20)
            shouts += 20
            await asyncio.sleep(max(0, shouts / 1000 - (seconds - left)))
    print(f"  a storm of {shouts / seconds:.0f} a second for {seconds:.0f} s: {len(made.wrong)} wrong")
    grown = [(after - before) / 1024 for before, after in zip(memory, made.memory(), strict=True)]
    print(f"  memory of the workers grew by {' '.join(f'{each:.1f}' for each in grown)} MiB in it")
    if max(grown) > MOST_GROWTH:
        made.wrong.append(f"memory grew: {grown}")


async def again(act: Callable[[], Awaitable[Any]]) -> Any:
    """Until a server that listens answers, too."""
    for _ in range(200):
        with contextlib.suppress(Exception):
            return await act()
        await asyncio.sleep(0.05)
    return await act()


async def watched(store: str, options: argparse.Namespace) -> list[str]:
    """A fleet of two apps of two workers each, behind a proxy, as it follows and in need: what was wrong."""
    kind = STORES[store]
    with kind.make() as server, tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(server.port)
        url = server.url.replace(f":{server.port}", f":{await proxy.start()}")
        owner = await again(lambda: kind().connect(server.url))
        try:
            async with fleet(store, url, 2, options.patience, Path(folder)) as made:
                times = await propagation(made, owner, options.changes)
                took = f"from before COMMIT until every worker obeys: {quantiles(times)}"
                print(f"  {len(times)} changes, {took}")
                tell(made)
                await in_need(made, owner, server, proxy, (options.down, options.storm))
                tell(made)
                return made.wrong
        finally:
            await proxy.stop()


def tell(made: Fleet) -> None:
    """Sum up what was answered since the last time."""
    print(f"  {sum(made.answers.values())} answers ({dict(made.answers)}): {quantiles(made.times)}")
    made.answers.clear()
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
        wrong += asyncio.run(watched(store, options))
    print(*wrong[:20], f"{len(wrong)} answers were wrong or late", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
