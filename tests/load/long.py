"""The long run: many requests through Sanic's protocol in memory, each of an origin that was never seen.

Nothing may grow with them: not what corsbp itself holds, to the object; nor Python's allocated blocks and
objects; nor the memory of the process.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from random import Random
from types import CellType, FunctionType, MappingProxyType, MethodType
from typing import Any, NamedTuple, TypeAlias

from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, empty
from sanic.server.protocols.http_protocol import HttpProtocol

from corsbp import CorsPolicy, cors_group
from tests.benchmarks import driver

from .table import PARTNER

BATCH = 1000
"""Requests between two looks at what was answered."""
STEPS = 10
WARM = 3
"""From this step on nothing may grow any more: until then, bounded caches of Sanic's fill."""
SLACK = {"bytes": 0.02, "blocks": 0.002, "objects": 0.002}
KINDS = ("pattern", "listed", "asked", "later", "mirror", "missing")

Right: TypeAlias = tuple[bytes, set[bytes]]
"""The status of an answer, and its lines of CORS."""


class State(NamedTuple):
    """What there is after so many requests."""

    requests: int
    seconds: float
    bytes: int
    blocks: int
    objects: int
    ours: int
    """What can be reached from corsbp's modules and from an app's sections."""
    tasks: int

    def __str__(self) -> str:
        return (
            f"{self.requests:>12,} requests {self.seconds:8.1f} s: {self.bytes / 2**20:.2f} MiB, "
            f"{self.blocks:,} blocks, {self.objects:,} objects, {self.ours:,} of corsbp, {self.tasks} tasks"
        )


# --- the app and its requests ---


async def ask_later(origin: str, _: Request) -> bool:
    await asyncio.sleep(0)
    return origin.endswith(PARTNER)


def install(app: Sanic) -> list[Any]:
    """The sections, in which every answer is of no length; what they hang on."""
    partners = [f"https://*{PARTNER}"]
    policies = {
        "pattern": CorsPolicy(allow_origins=partners),
        "listed": CorsPolicy(allow_origins=["https://app.example", "https://two.example"]),
        "mirror": CorsPolicy(allow_origins=partners, allow_credentials=True),
        "asked": CorsPolicy(allow_origins=lambda origin, _: origin.endswith(PARTNER)),
        "later": CorsPolicy(allow_origins=ask_later),
    }
    groups = []
    for name, policy in policies.items():
        bp = Blueprint(name, url_prefix=f"/{name}")

        @bp.get("/<number:int>")
        def item(_: Request, number: int) -> HTTPResponse:
            return empty()

        groups.append(cors_group(bp, policy=policy))
    for group in groups:
        app.blueprint(group)
    return groups


def exchanges(random: Random) -> Iterator[tuple[bytes, Right]]:
    """Requests and their right answers, without end; origins, paths and header names are an attacker's."""
    mirror = b"Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: %b\r\n"
    lists = {
        b"access-control-allow-credentials: true",
        b"access-control-allow-methods: GET,OPTIONS",
        b"access-control-max-age: 600",
        b"vary: origin, access-control-request-headers",
    }
    for number in count():
        kind = KINDS[number % len(KINDS)]
        some = b"x%x" % random.getrandbits(128)
        method, path, origin, more = b"GET", b"/%b/%d" % (kind.encode(), number), b"https://%b" % some, b""
        status, lines = b"204", {b"vary: origin"}
        if kind == "mirror":
            method, more = b"OPTIONS", mirror % some
            lines = lists | {b"access-control-allow-headers: %b" % some}
        elif kind == "missing":
            status, path = b"404", b"/pattern/%b" % some
        if kind != "listed":
            origin += PARTNER.encode()
            lines |= {b"access-control-allow-origin: %b" % origin}
        raw = b"%b %b HTTP/1.1\r\nHost: a\r\nOrigin: %b\r\n%b\r\n" % (method, path, origin, more)
        yield raw, (status, lines)


class Transport(driver.MemoryTransport):
    """Delivers one request after the other, and keeps what is right to answer."""

    def __init__(self, protocol: HttpProtocol, source: Iterator[tuple[bytes, Right]]) -> None:
        self.right: list[Right] = []

        def requests() -> Iterator[bytes]:
            for request, right in source:
                self.right.append(right)
                yield request

        super().__init__(asyncio.get_running_loop(), protocol, requests())

    async def check(self, requests: int) -> None:
        """Ask so many more.

        Raises:
            ValueError: an answer is not the right one.
        """
        self.right.clear()
        await self.deliver(requests)
        answers = b"".join(self.written).split(b"HTTP/1.1 ")[1:]
        for answer, (status, lines) in zip(answers, self.right, strict=True):
            found = [line for line in answer.split(b"\r\n") if line.startswith((b"access-", b"vary"))]
            if answer[:3] != status or len(found) != len(lines) or set(found) != lines:
                raise ValueError(f"{answer!r}, not {status!r} {lines}")
        self.written.clear()


# --- what there is ---

CONTAINERS = (dict, list, tuple, set, frozenset, deque, CellType, MethodType, MappingProxyType)


def reached(*roots: object) -> int:
    """How many objects can be reached from corsbp's modules and from `roots`, through its own objects and
    Python's containers and caches: not through Sanic's, nor through requests."""
    stack = [*roots, *(vars(module) for name, module in sys.modules.items() if _is_ours(name))]
    seen: dict[int, object] = {}
    while stack:
        one = stack.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            if isinstance(one, dict):
                stack += one  # the collector does not ask dictionaries for keys that are strings
            if _is_followed(one):
                stack += gc.get_referents(one)
    return len(seen)


def _is_followed(one: object) -> bool:
    if isinstance(one, type | FunctionType):
        return _is_ours(one.__module__)
    module = type(one).__module__
    return (
        isinstance(one, CONTAINERS) or module in {"collections", "functools", "weakref"} or _is_ours(module)
    )


def _is_ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "corsbp"


# --- the run ---


async def states(requests: int, seed: int) -> AsyncIterator[State]:
    """What there is after one request of each kind, and after each step."""
    groups: list[Any] = []
    app = driver.make_app("long", lambda app: groups.extend(install(app)))
    await driver.start(app)
    protocol: Any = HttpProtocol(loop=asyncio.get_running_loop(), app=app, connections=set())
    transport = Transport(protocol, exchanges(Random(seed)))
    protocol.connection_made(transport)
    await transport.idle.wait()
    began, done = time.monotonic(), 0

    def state() -> State:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return State(
            done,
            time.monotonic() - began,
            pages * os.sysconf("SC_PAGE_SIZE"),
            sys.getallocatedblocks(),
            len(gc.get_objects()),
            reached(*groups),
            len(asyncio.all_tasks()),
        )

    try:
        for goal in (len(KINDS), *(requests * step // STEPS for step in range(1, STEPS + 1))):
            while done < goal:
                batch = min(BATCH, goal - done)
                await transport.check(batch)
                done += batch
            yield state()
    finally:
        protocol.close()
        protocol.connection_lost(None)
        await asyncio.sleep(0)


def grown(found: list[State]) -> list[str]:
    """What grew with the requests."""
    first, warm, last = found[0], found[WARM], found[-1]
    compared = [(what, warm, 1 + most) for what, most in SLACK.items()]
    compared += [(what, first, 1.0) for what in ("ours", "tasks")]
    return [
        f"{what}: {getattr(before, what):,} after {before.requests:,} requests, {getattr(last, what):,} now"
        for what, before, most in compared
        if getattr(last, what) > getattr(before, what) * most
    ]


async def report(requests: int, seed: int) -> list[str]:
    print(f"seed {seed}: each request of an origin of its own, each answer verified")
    found = []
    async for state in states(requests, seed):
        found.append(state)
        print(state, flush=True)
    problems = grown(found)
    print("\n".join(problems) or "nothing grew")
    return problems


def run(requests: int, seed: int) -> list[str]:
    """Print what there is after each tenth of the requests; what grew."""
    loop = driver.new_event_loop()
    try:
        return loop.run_until_complete(report(requests, seed))
    finally:
        loop.close()
