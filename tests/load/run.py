"""The run: Sanic's own server with two workers, the clients, the faults meanwhile, and what came of it.

What Sanic (24.12 to 25.12) does when a worker is gone, by SIGKILL or by SIGTERM: the other one serves on, and
nobody takes the lost one's place until `app.m.restart(name)` is called in a worker. SIGHUP ends the main
process and leaves the workers behind; what reloads is `app.m.restart(all_workers=True)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.browsers.processes import Program, running
from tests.support import SEARCH_PATH, reserve_port

from .client import Answer, Clients, Connection, Lost, until
from .table import ONE, TWO, Ask, ask

ROOT = Path(__file__).parents[2]
WORKERS = 2
WARM = 2000
"""Answers of a worker before its memory is worth a look."""
FORBIDDEN = re.compile(r"never retrieved|never awaited|Internal Server Error|uncaught|Closing failed")
"""What the server's log may not say: asyncio of what was left, Sanic of what it did not expect."""
DESTROYED = re.compile(r"asyncio of \[(\d+)\]: Task was destroyed but it is pending")
"""A worker that is stopped while it serves ends without waiting for what Sanic has cancelled: that is no news
of it, but it is of a worker that was at rest."""

GROWTH = {"bytes": 0.05, "blocks": 0.03, "objects": 0.03}
"""How much more a worker may have after the same load as before: pages of memory come and go with chance;
the allocated blocks and the objects of Python are its own count."""


class State(NamedTuple):
    """What a worker holds while nobody asks it anything."""

    pid: int
    name: str
    bytes: int
    blocks: int
    objects: int
    tasks: list[str]
    complaints: list[str]

    def __str__(self) -> str:
        return (
            f"{self.name} [{self.pid}]: {self.bytes / 2**20:.1f} MiB, {self.blocks:,} blocks, "
            f"{self.objects:,} objects, {len(self.tasks)} tasks"
        )


class Fault(NamedTuple):
    """Something that happened to workers, and until when it can cost a connection of a new one."""

    what: str
    workers: frozenset[int]
    since: float
    until: float

    def explains(self, lost: Lost) -> bool:
        if lost.worker is not None:
            return lost.worker in self.workers and lost.ended >= self.since
        return lost.opened <= self.until and lost.ended >= self.since


@dataclass
class Report:
    """What came of a run."""

    seed: int
    clients: Clients
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0
    changes: int = 0
    destroyed: int = 0
    faults: list[Fault] = field(default_factory=list)
    states: dict[str, list[State]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def unexplained(self) -> list[str]:
        return [
            f"{lost.ended - self.began:.2f} s, worker {lost.worker}: {lost.reason}"
            for lost in self.clients.lost
            if not any(fault.explains(lost) for fault in self.faults)
        ]

    def growth(self) -> list[str]:
        """What the workers have more at the end than when they had been warmed up."""
        before = {state.pid: state for state in self.states.get("in between", [])}
        found = []
        for after in self.states.get("after", []):
            if after.pid not in before:
                found.append(f"{after.name} [{after.pid}] is another than in between")
                continue
            for what, most in GROWTH.items():
                old, new = getattr(before[after.pid], what), getattr(after, what)
                if new > old * (1 + most):
                    found.append(f"{after.name}: {old:,} {what}, then {new:,}")
        return found

    def leftovers(self) -> list[str]:
        """What workers at rest still do, or what asyncio had to say of them."""
        return [
            f"{when}: {state.name}: {state.tasks}, {state.complaints}"
            for when, states in self.states.items()
            for state in states
            if state.tasks or state.complaints
        ]

    def problems(self) -> list[str]:
        return [*self.clients.wrong, *self.wrong, *self.unexplained(), *self.leftovers(), *self.growth()]

    def __str__(self) -> str:
        clients, right = self.clients, sum(self.clients.right.values())
        right_of = self.clients.right
        lost, unexplained = len(clients.lost), len(self.unexplained())
        lines = [
            f"seed {self.seed}: {self.seconds:.1f} s, {clients.count} connections, {WORKERS} workers",
            f"requests  {sum(clients.asked.values()):,} ({clients.asked['left']:,} left on purpose)",
            f"answers   {right + len(clients.wrong):,} verified: {right:,} right, {len(clients.wrong)} wrong",
            f"          {', '.join(f'{name} {n:,}' for name, n in sorted(right_of.items()))}",
            f"changes   {self.changes} reconfigurations, each followed at once by that worker",
            f"errors    {lost}: {lost - unexplained} explained by these faults, {unexplained} by none",
        ]
        for fault in self.faults:
            cost = sum(fault.explains(lost) for lost in clients.lost)
            since, until = fault.since - self.began, fault.until - self.began
            lines.append(f"  {since:6.2f} s to {until:6.2f} s: {fault.what}: {cost}")
        lines.append(
            f"  tasks that Sanic did not wait for in workers that it stopped meanwhile: {self.destroyed}"
        )
        for when, states in self.states.items():
            lines += [f"{when}:", *(f"  {state}" for state in states)]
        problems = self.problems()
        lines += [f"WRONG: {problem[:500]}" for problem in problems[:20]]
        return "\n".join([*lines, f"{len(problems)} problems" if problems else "all is well"])


class Run:
    """Two workers, and what is done to them."""

    def __init__(self, port: int, report: Report) -> None:
        self.port, self.report, self.clients = port, report, report.clients
        self.random = Random(report.seed)
        self.gone: set[int] = set()

    # --- workers ---

    async def states(self) -> dict[int, State]:
        """The state of each worker: connections are made until all have answered one."""
        found: dict[int, State] = {}

        async def all_have() -> bool:
            with contextlib.suppress(OSError, EOFError):  # of one that goes
                state = State(**json.loads((await self.ask("/control/report")).body))
                if state.pid not in self.gone:
                    found[state.pid] = state
            return len(found) == WORKERS

        await until(all_have, "all workers answer")
        return found

    async def ask(self, path: str) -> Answer:
        connection = await Connection.open(self.port)
        try:
            raw = f"GET {path} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n"
            connection.writer.write(raw.encode())
            with connection.patience():
                return await connection.answer("GET")
        finally:
            await connection.close()

    async def measure(self, when: str) -> None:
        """Pause, and note what the workers hold once they have let go of all that the clients asked."""
        await self.clients.pause()
        last: dict[int, State] = {}

        async def at_rest() -> bool:
            last.clear()
            last.update(await self.states())
            return not any(task for state in last.values() for task in state.tasks)

        with contextlib.suppress(TimeoutError):  # the report will tell
            await until(at_rest, "no task is left", 15)
        self.report.states[when] = sorted(last.values(), key=lambda state: state.name)
        if len(last) != WORKERS:
            self.report.wrong.append(f"{when}: {len(last)} workers answer, not {WORKERS}")

    # --- faults ---

    async def lose(self, number: int) -> None:
        """End a worker by a signal; the other serves alone for a while, and then asks for a new one."""
        workers = await self.states()
        victim = self.random.choice(list(workers.values()))
        since = time.monotonic()
        self.gone.add(victim.pid)
        os.kill(victim.pid, number)
        await until(ended(victim.pid), f"worker {victim.pid} has ended")
        await self.ask(f"/control/restart?name={victim.name}")
        await self.states()
        name = signal.Signals(number).name
        self.fault(f"{name} for {victim.name} [{victim.pid}], then a new one", {victim.pid}, since)

    async def reload(self) -> None:
        """All workers are replaced, the app is loaded anew."""
        since, before = time.monotonic(), set(await self.states())
        self.gone |= before
        await self.ask("/control/restart")
        await self.states()
        for pid in before:
            await until(ended(pid), f"worker {pid} has ended")
        self.fault(f"reload of {sorted(before)}", before, since)

    def fault(self, what: str, workers: set[int], since: float) -> None:
        self.report.faults.append(Fault(what, frozenset(workers), since, time.monotonic()))

    async def reconfigure(self) -> None:
        """Now and then another policy, in some worker: it holds whole from that worker's next answer on."""
        while True:
            await self.clients.going.wait()
            connection, opened = None, time.monotonic()
            try:
                connection = await Connection.open(self.port)
                with connection.patience():
                    await self.change(connection)
            except (OSError, EOFError) as error:
                worker = connection.worker if connection else None
                self.clients.lost.append(Lost(opened, time.monotonic(), worker, f"reconfigure: {error!r}"))
            finally:
                if connection is not None:
                    await connection.close()
            await asyncio.sleep(0.05)

    async def change(self, connection: Connection) -> None:
        for _ in range(4):
            number = self.random.randrange(2)
            path = f"/control/policy/{number}"
            change = Ask(
                "control", path, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), "GET", 200, b"ok", ({},)
            )
            kinds = ("get", "put", "preflight", "preflight of nothing", "not found", "not allowed", "error")
            origins = [self.random.choice((ONE, TWO, "https://three.example")) for _ in kinds]
            asks = [
                ask("changing", kind, origin, rule=number)
                for kind, origin in zip(kinds, origins, strict=True)
            ]
            await self.clients.send(connection, change, *asks)
            self.report.changes += 1

    # --- the course of it ---

    async def warm_up(self, seconds: float) -> None:
        """For so long, and until the workers have had some of everything, however slow the machine."""
        goal = sum(self.clients.right.values()) + WARM * WORKERS

        async def warm() -> bool:
            return sum(self.clients.right.values()) >= goal or bool(self.clients.wrong)

        await asyncio.sleep(seconds)
        await until(warm, f"{WARM} answers of each worker")

    async def course(self, seconds: float) -> None:
        """Warm up and measure; lose workers; warm up again and measure; go on and measure."""
        self.clients.going.set()
        await self.warm_up(0.2 * seconds)
        await self.measure("before")
        self.clients.going.set()
        end = time.monotonic() + 0.4 * seconds
        while True:
            await self.lose(signal.SIGKILL)
            await self.reload()
            await self.lose(signal.SIGTERM)
            if (left := end - time.monotonic()) <= 0:
                break
            await asyncio.sleep(min(left, 10))
        await self.warm_up(0.15 * seconds)
        await self.measure("in between")
        self.clients.going.set()
        await asyncio.sleep(0.25 * seconds)
        await self.measure("after")


def ended(pid: int) -> Callable[[], Awaitable[bool]]:
    """Whether a process has ended, be it that its parent has taken note or not."""

    async def has() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    return has


async def drive(port: int, seconds: float, seed: int, connections: int) -> Report:
    """Load a server that runs already."""
    report = Report(seed, Clients(port, connections, seed))
    run = Run(port, report)
    await run.states()
    report.began = time.monotonic()
    course = asyncio.create_task(run.course(seconds))
    others = [asyncio.create_task(report.clients.run()), asyncio.create_task(run.reconfigure())]
    done, _ = await asyncio.wait([course, *others], return_when=asyncio.FIRST_COMPLETED)
    for task in (course, *others):
        task.cancel()
    await asyncio.gather(course, *others, return_exceptions=True)
    for task in done:
        task.result()
    report.seconds = time.monotonic() - report.began
    return report


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[int, Program]]:
    """The app on a free port, with its log."""
    env = {**os.environ, "PYTHONPATH": SEARCH_PATH, "PYTHONUNBUFFERED": "1", "TMPDIR": os.fspath(folder)}
    command = [sys.executable, "-m", "sanic", "tests.load.app:app", "--workers", f"{WORKERS}", "--no-motd"]
    with (
        reserve_port() as port,
        running([*command, "--port", f"{port}"], folder / "log", env=env, cwd=folder) as program,
    ):

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                await (await Connection.open(port)).close()
                return True
            assert program.alive(), program.read_output()
            return False

        await until(listens, "listening")
        yield port, program


async def load(seconds: float, seed: int, connections: int) -> Report:
    """The whole of it."""
    with tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as name:
        async with serving(Path(name)) as (port, program):
            report = await drive(port, seconds, seed, connections)
            os.killpg(program.process.pid, signal.SIGTERM)
            await until(ended(program.process.pid), "the server has ended")
        log = (Path(name) / "log").read_text(errors="replace")
    pids = {str(state.pid) for state in report.states["after"]}
    destroyed = list(DESTROYED.finditer(log))
    report.destroyed = len([found for found in destroyed if found[1] not in pids])
    found = [*FORBIDDEN.finditer(log), *(found for found in destroyed if found[1] in pids)]
    report.wrong += [f"the log: {log[each.start() :][:400]}" for each in found]
    return report
