"""A fleet of workers that follow a store, what its owner writes there, and a check of every response."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ..browsers.processes import running
from ..live.stores import postgres, valkey
from ..support import ROOT, SEARCH_PATH, request, reserve_port
from .client import Connection

STEADY, EVIL, CHANGING = "https://steady.example", "https://evil.example", "https://changing.example"
LATE = 5.0
"""Seconds after which a response is late: much more than any should take, on however busy a machine."""


def granted(origin: str) -> dict[str, str]:
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "vary": "origin",
    }


REFUSED = {"vary": "origin"}


class Postgres:
    """What a fleet reads from PostgreSQL, and what its owner writes."""

    variable, example, make = "DATABASE_URL", "examples.live_postgres", staticmethod(postgres)

    async def connect(self, url: str) -> Postgres:
        import asyncpg

        self.db = await asyncpg.connect(url)
        if await self.db.fetchval("SELECT to_regclass('origins')") is None:
            await self.db.execute((ROOT / "examples" / "live_postgres.sql").read_text())
            await self.empty()
        return self

    async def close(self) -> None:
        self.db.terminate()

    async def add(self, origins: Iterable[str]) -> None:
        await self.db.execute("INSERT INTO origins SELECT unnest($1::text[])", list(origins))

    async def change(self, origin: str, allowed: bool) -> None:
        insert, delete = "INSERT INTO origins VALUES ($1)", "DELETE FROM origins WHERE origin = $1"
        await self.db.execute(insert if allowed else delete, origin)

    async def empty(self) -> None:
        await self.db.execute("TRUNCATE origins")

    async def notify(self, times: int) -> None:
        """Send notifications without any change."""
        query = "SELECT pg_notify('origins', n::text) FROM generate_series(1, $1::int) n"
        await self.db.execute(query, times)


class Valkey:
    """What a fleet reads from Valkey or Redis, and what its owner writes."""

    variable, example, make = "VALKEY_URL", "examples.live_valkey", staticmethod(valkey)

    async def connect(self, url: str) -> Valkey:
        import valkey.asyncio

        client: Any = valkey.asyncio
        self.db = client.from_url(url)
        self.script = (ROOT / "examples" / "live_valkey.lua").read_text()
        await self.write()
        return self

    async def close(self) -> None:
        await self.db.aclose()

    async def write(self, *changes: str) -> None:
        await self.db.eval(self.script, 2, "origins", "origins:version", *changes)

    async def add(self, origins: Iterable[str]) -> None:
        changes = [f"+{origin}" for origin in origins]
        for start in range(0, len(changes), 5000):
            await self.write(*changes[start : start + 5000])

    async def change(self, origin: str, allowed: bool) -> None:
        await self.write(f"{'+' if allowed else '-'}{origin}")

    async def empty(self) -> None:
        async with self.db.pipeline(transaction=True) as all_at_once:
            await (
                all_at_once.delete("origins").incr("origins:version").publish("origins", "changed").execute()
            )

    async def notify(self, times: int) -> None:
        """Send messages without any change."""
        async with self.db.pipeline(transaction=False) as at_once:
            for _ in range(times):
                at_once.publish("origins", "0 ")
            await at_once.execute()


STORES: dict[str, type[Postgres | Valkey]] = {"postgres": Postgres, "valkey": Valkey}


class Fleet:
    """Apps of two workers each, and a connection to every one of them; every response is checked."""

    def __init__(self) -> None:
        self.workers: dict[int, Connection] = {}
        self.ports: dict[int, int] = {}
        self.times: list[float] = []
        self.responses: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.patience = 60.0
        """Seconds after which a response is late."""
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
        """Send a request, and return the CORS headers of the response, which must come in time."""
        began = time.monotonic()
        raw = request("GET", "/api/hello", origin).raw().replace(b"Connection: close\r\n", b"")
        connection.writer.write(raw)
        answer = await connection.answer("GET")
        cors = dict(answer.cors)
        self.check(origin, answer.status, cors, time.monotonic() - began)
        return cors

    def check(self, origin: str, status: int, cors: dict[str, str], took: float) -> None:
        """Count a response, and note what is wrong with it."""
        self.times.append(took)
        self.responses["granted" if len(cors) > 1 else "refused"] += 1
        known = {True: [granted(origin)], False: [REFUSED], None: [granted(origin), REFUSED]}
        if status != 200 or cors not in known[self.steady.get(origin)]:
            self.wrong.append(f"{origin}: {status} {cors}")
        if took > self.patience:
            self.wrong.append(f"{origin}: {took:.2f} s for a response")

    @asynccontextmanager
    async def under_load(self, pause: float = 0.01) -> AsyncIterator[None]:
        """Send requests without a pause, over two more connections to each app."""

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

    async def applied(self, origin: str, allowed: bool, seconds: float = 60, pause: float = 0.001) -> float:
        """Wait until all workers have applied a change; return when the last one had."""
        expected = granted(origin) if allowed else REFUSED

        async def one(connection: Connection) -> float:
            while await self.cors(connection, origin) != expected:
                assert time.monotonic() < deadline, f"{origin} is not {allowed}"
                await asyncio.sleep(pause)
            return time.monotonic()

        deadline = time.monotonic() + seconds
        return max(await asyncio.gather(*map(one, self.workers.values())))

    async def stays(self, origin: str, allowed: bool, seconds: float) -> None:
        """Send requests to all workers for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.gather(*(self.cors(each, origin) for each in self.workers.values()))
            await asyncio.sleep(0.01)
        self.steady[origin] = allowed

    def cpu(self) -> float:
        """Return the seconds of CPU time that all workers have used."""
        stats = [
            Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split() for worker in self.workers
        ]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> list[int]:
        """Return the KiB of memory of each worker."""
        found = []
        for worker in sorted(self.workers):
            status = Path(f"/proc/{worker}/status").read_text()
            found += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
        return found


@asynccontextmanager
async def fleet(
    store: str, url: str, apps: int, patience: float, folder: Path, **more: str
) -> AsyncIterator[Fleet]:
    """Start apps of two workers each on one store, with more variables in their environment."""
    kind, made = STORES[store], Fleet()
    env = {**os.environ, kind.variable: url, "EXAMPLE": kind.example, "PATIENCE": f"{patience}"}
    env |= {"SANIC_AUTO_EXTEND": "false", "PYTHONPATH": SEARCH_PATH, **more}
    with ExitStack() as stack:
        ports = [stack.enter_context(reserve_port()) for _ in range(apps)]
        for port in ports:
            command = [sys.executable, "-m", "sanic", "tests.load.live_app:app", "--workers", "2"]
            command += ["--port", f"{port}", "--no-motd", "--no-access-logs"]
            stack.enter_context(running(command, folder / f"{port}.log", env=env, cwd=ROOT))
        made.steady = {EVIL: False}  # who else is allowed is not known before the store has it
        for port in ports:
            await made.meet(port, 2)
        made.times.clear()  # a request before a worker was ready waited for it
        made.responses.clear()
        made.patience = LATE
        yield made
        for connection in made.workers.values():
            connection.writer.close()
            with contextlib.suppress(OSError):
                await connection.writer.wait_closed()


def quantile(seconds: Sequence[float], share: float) -> float:
    """Return a quantile, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def quantiles(seconds: Sequence[float]) -> str:
    p50, p99, longest = (quantile(seconds, share) for share in (0.5, 0.99, 1))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {longest:.1f} ms"


async def retry_until_ready(act: Callable[[], Awaitable[Any]]) -> Any:
    """Do it as soon as a server that listens also responds."""
    for _ in range(200):
        with contextlib.suppress(Exception):
            return await act()
        await asyncio.sleep(0.05)
    return await act()
