"""``python -m tests.load.tenants``: what 10,000 tenants cost a worker, idle and in a change."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ..browsers.processes import running
from ..support import ROOT, request, reserve_port, send_async

MAX_IDLE = 0.02
"""Seconds of CPU time in a second in which nothing changes."""

MAX_STALL = 20.0
"""Milliseconds for which the event loop is kept from other work."""

MAX_CHANGE = 1.0
"""Seconds until a change is in force."""


ADD = "INSERT INTO tenants VALUES ('t0.example', ?)"
REMOVE = "DELETE FROM tenants WHERE origin = ?"


class Worker:
    """A worker that serves the example."""

    def __init__(self, port: int, database: Path) -> None:
        self.port, self.database, self.pid = port, database, 0

    async def pulse(self, beat: str) -> tuple[float, float]:
        """Return the longest stall since the last call, and the most CPU time in one, in milliseconds."""
        response = await send_async(self.port, request("GET", f"/pulse?beat={beat}", None))
        found = json.loads(response.body)
        return found["stall"] * 1000, found["cpu"] * 1000

    def cpu(self) -> float:
        """Return the seconds of CPU time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def until(self, host: str, origin: str, allowed: bool) -> None:
        deadline = time.monotonic() + 60
        while True:
            for path in ("/orders/", "/prices/"):
                response = await send_async(self.port, request("GET", path, origin, host=host))
                if ("access-control-allow-origin" in response.cors) is not allowed:
                    break
            else:
                return
            assert time.monotonic() < deadline, f"{origin} is not {allowed}"
            await asyncio.sleep(0.005)

    def write(self, statement: str, origin: str) -> None:
        with closing(sqlite3.connect(self.database)) as db, db:
            db.execute(statement, [origin])


def fill(database: Path, tenants: int, origins: int) -> None:
    with closing(sqlite3.connect(database)) as db:
        db.executescript((ROOT / "examples" / "tenants.sql").read_text())
        rows = (
            (f"t{n}.example", f"https://o{m}.t{n}.example") for n in range(tenants) for m in range(origins)
        )
        with db:
            db.executemany("INSERT INTO tenants VALUES (?, ?)", rows)


async def measure(worker: Worker, seconds: float, changes: int) -> list[str]:
    """Print what the worker needs; return what is too much."""
    await worker.until("t7.example", "https://o1.t7.example", True)
    stalls = [report_stall("start", await worker.pulse("off"))]
    await asyncio.sleep(min(1, seconds))
    before = worker.cpu()  # without the measurement of stalls, which wakes up 500 times a second
    await asyncio.sleep(seconds)
    idle = (worker.cpu() - before) / seconds
    print(f"  idle for {seconds:g} s: {idle:.3f} s of CPU time a second")
    await worker.pulse("on")
    await asyncio.sleep(min(3, seconds))
    stalls.append(report_stall("idle", await worker.pulse("on")))
    times = []
    for number in range(changes):
        origin, is_new = f"https://new{number // 2}.example", number % 2 == 0
        began = time.monotonic()
        await asyncio.to_thread(worker.write, ADD if is_new else REMOVE, origin)
        await worker.until("t0.example", origin, is_new)
        times.append(time.monotonic() - began)
    stalls.append(report_stall(f"{changes} changes", await worker.pulse("off")))
    times.sort()
    middle = times[len(times) // 2]
    print(f"  from before COMMIT until it is in force: p50 {middle:.2f} s, longest {times[-1]:.2f} s")
    wrong = [f"idle: {idle:.3f} s of CPU time a second"] * (idle > MAX_IDLE)
    wrong += [f"a stall of {stall:.1f} ms" for stall in stalls if stall > MAX_STALL]
    return wrong + [f"a change took {times[-1]:.2f} s"] * (times[-1] > MAX_CHANGE)


def report_stall(when: str, found: tuple[float, float]) -> float:
    """Print the longest stall, and return the CPU time: other processes of the machine do not count."""
    stall, cpu = found
    print(
        f"  {when}: the longest stall {stall:.1f} ms; CPU time of the event loop in one at most {cpu:.1f} ms"
    )
    return cpu


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.tenants", description=__doc__)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--origins", type=int, default=10, help="of each tenant")
    parser.add_argument("--seconds", type=float, default=20, help="in which nothing changes")
    parser.add_argument("--changes", type=int, default=20)
    options = parser.parse_args(arguments)
    print(f"{options.tenants} tenants of {options.origins} origins, one worker")
    with tempfile.TemporaryDirectory() as folder, reserve_port() as port:
        database = Path(folder) / "tenants.db"
        fill(database, options.tenants, options.origins)
        env = {**os.environ, "TENANTS": os.fspath(database), "SANIC_AUTO_EXTEND": "false"}
        command = [sys.executable, "-m", "sanic", "tests.load.tenants_app:app", "--single-process"]
        command += ["--port", f"{port}", "--no-motd", "--no-access-logs"]
        with running(command, Path(folder) / "log", env=env, cwd=ROOT) as program:
            worker = Worker(port, database)
            program.until(lambda: listens(port), "listening")
            guard = program.process.pid
            worker.pid = int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])
            wrong = asyncio.run(measure(worker, options.seconds, options.changes))
    print(*wrong, f"{len(wrong)} of the limits were passed", sep="\n")
    return 1 if wrong else 0


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
