"""Random apps, with sections and without: they differ in what a section adds, and in nothing else.

``python -m tests.fuzz.differential --requests 1000000`` makes random apps, each of them twice: with sections,
and with plain groups in their place. Both get the same requests. The router of the app without sections finds
the route of a request, the description has the policy of the route: no code of corsbp decides what is right.

descriptions   random apps and requests as data, and the rules
apps           apps built from descriptions
judge          the comparison of two responses
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from sanic.exceptions import SanicException

from .apps import BuiltApp
from .descriptions import EXAMPLES, AppSpec, Maker, casts
from .judge import DifferenceError, Exchange, Judge, Response


class Wire(asyncio.Transport):
    """A connection in memory that is kept alive: one request at a time."""

    def __init__(self, built: BuiltApp) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 80)})
        self.built = built
        self.protocol: Any = None
        self.open()

    def open(self) -> None:
        """Open a new connection."""
        self.closing, self.data, self.idle = False, b"", asyncio.Event()
        loop = asyncio.get_running_loop()
        self.protocol = self.built.protocol(loop=loop, app=self.built.app, connections=set())
        self.protocol.connection_made(self)

    async def send(self, raw: bytes) -> Response:
        """Send a request, and return its response."""
        if self.closing:
            await self.end()
            self.open()
        await self.idle.wait()
        self.data = b""
        self.idle.clear()
        self.protocol.data_received(raw)
        await self.idle.wait()
        if not re.match(rb"HTTP/1\.1 \d{3} ", self.data):  # none, or no response that can be read
            return Response(0, [], self.data)
        head, _, body = self.data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        return Response(int(status.split()[1]), [(name.lower(), value) for name, _, value in pairs], body)

    async def end(self) -> None:
        """Close the connection."""
        self.protocol.close()
        self.protocol.connection_lost(None)
        await asyncio.sleep(0)

    def resume_reading(self) -> None:
        self.idle.set()

    def pause_reading(self) -> None: ...

    def write(self, data: Any) -> None:
        self.data += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.idle.set()

    abort = close

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_protocol(self) -> Any:
        return self

    async def websocket_handshake(self, *_: Any) -> None:
        """End a handshake that nothing has refused: Sanic calls this to open the socket."""
        raise SanicException("shaken hands", status_code=418, quiet=True)


def paths_of(spec: AppSpec, bare: BuiltApp, random: Random) -> list[str]:
    """Return paths that lead to the routes, or nearly, and some that lead nowhere."""
    found = ["/", "/a", "/a/b/none", "/c/none", "/v1/none", "/v2/a", "/5/none", "/none"]
    if spec.served_by_middleware:
        found += [f"{spec.served_by_middleware[0]}/legacy/{name}" for name in ("x", "y")]
    for route in bare.app.router.routes:
        for _ in range(2):
            parts = (
                random.choice(EXAMPLES.get(part[1:-1].partition(":")[2], ("ab",)))
                if part.startswith("<")
                else part
                for part in route.parts
            )
            found.append("/" + "/".join(parts))
    return found


class Campaign:
    """A run over many apps: the kinds of requests, and the differences, each with its first example.

    It stops at the first difference unless it `goes_on`, with the next app.
    """

    def __init__(self, seed: int, goes_on: bool = False) -> None:
        self.seed = seed
        self.goes_on = goes_on
        self.kinds: Counter[str] = Counter()
        self.differences: dict[str, list[str]] = {}

    @property
    def requests(self) -> int:
        """The number of requests that were sent to both apps."""
        return sum(number for kind, number in self.kinds.items() if not kind.startswith("apps"))

    def run(self, requests: int, each: int = 400, prints: bool = False) -> None:
        """Compare random apps until so many requests were sent. Raises DifferenceError."""
        loop, began, number = asyncio.new_event_loop(), time.monotonic(), 0
        try:
            while self.requests < requests:
                number += 1
                random = Random(f"{self.seed}/{number}")
                spec = Maker(random).app()
                try:
                    loop.run_until_complete(compare(spec, random, each, self.kinds))
                except DifferenceError as difference:
                    self.note(
                        DifferenceError(f"seed {self.seed}, app {number}: {difference}"), str(difference)
                    )
                if prints and number % 200 == 0:
                    took = time.monotonic() - began
                    apps = self.kinds["apps"]
                    print(f"{self.requests:,} requests, {apps:,} apps, {took:.0f} s", flush=True)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def note(self, difference: DifferenceError, words: str) -> None:
        """Raise a difference, or keep it."""
        if not self.goes_on:
            raise difference
        kind = words.partition("\n")[0].partition(": not {")[0]
        self.differences.setdefault(kind, []).append(str(difference))


async def compare(spec: AppSpec, random: Random, count: int, kinds: Counter[str]) -> None:
    """Send the same requests to both apps of a description. Raises DifferenceError."""
    try:
        bare = BuiltApp(spec, wrapped=False)
        await bare.start()
    except Exception:  # Sanic refuses such a table of routes
        kinds["apps that Sanic refuses"] += 1
        return
    try:
        ours = BuiltApp(spec, wrapped=True)
        await ours.start()
    except Exception as error:
        if not spec.wraps_finalize:  # S12: what cannot work does not start
            raise DifferenceError(f"start: {error!r}\n{spec}") from error
        kinds["apps that corsbp refuses"] += 1
        return
    kinds["apps"] += 1
    judge, maker = Judge(spec, bare, ours), Maker(random)
    both = [(built, Wire(built)) for built in (bare, ours)]
    paths = paths_of(spec, bare, random)
    try:
        for _ in range(count):
            request = maker.request(spec, paths)
            (without, bare_events), (within, our_events) = [
                await send(built, wire, request.raw()) for built, wire in both
            ]
            try:
                kinds[judge.judge(Exchange(request, without, within, bare_events, our_events))] += 1
            except DifferenceError as difference:
                responses = f"without {without} {bare_events}\nwith    {within} {our_events}"
                about = f"{request.short()}\n{responses}\n{spec}"
                raise DifferenceError(f"{difference}\n{about}") from None
    finally:
        for _, wire in both:
            await wire.end()


async def send(built: BuiltApp, wire: Wire, raw: bytes) -> tuple[Response, list[str]]:
    """Send a request to an app, and return the response and the events of middleware."""
    built.events.clear()
    casts.clear()
    response = await wire.send(raw)
    if built.spec.listens and built.wrapped:
        for _ in range(4):
            await asyncio.sleep(0)  # listeners are called beside the requests
    return response, [*built.events]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run for a number of requests, and print the kinds, or the first difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.differential", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="to each of the two apps")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--go-on", action="store_true", help="count the kinds of differences, with an example"
    )
    options = parser.parse_args(arguments)
    seed = Random().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}")
    logging.disable()
    warnings.simplefilter("ignore")
    campaign = Campaign(seed, options.go_on)
    try:
        campaign.run(options.requests, prints=True)
    except DifferenceError as difference:
        print(difference)
        return 1
    for kind, number in sorted(campaign.kinds.items()):
        print(f"{kind:28} {number:10,}")
    for kind, found in campaign.differences.items():
        print(f"\n{len(found)} apps, {kind}, as in {found[0]}")
    print(f"{campaign.requests:,} requests, {sum(map(len, campaign.differences.values()))} differences")
    return 1 if campaign.differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
