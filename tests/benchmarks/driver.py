"""A child process: the app of one layer responds through Sanic's own HTTP protocol, in memory.

``python -m tests.benchmarks.driver LAYER`` reads one JSON command a line and replies to each with one line:
``{"send": request}`` gives the text of the response, ``{"block": request, "count": n}`` the CPU seconds of n.
Several requests in place of one are sent in turn, and the next block goes on where the last one stopped.
The startup and the sockets use its ``make_app`` and ``start``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import cycle
from types import ModuleType
from typing import Any, TextIO

from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP
from sanic.server.protocols.http_protocol import HttpProtocol

from tests.benchmarks.layers import CHECKED, CHECKED_REQUESTS, LAYERS, REQUESTS

loops: ModuleType
try:
    import uvloop as loops  # Sanic uses it by itself where it is installed
except ImportError:
    loops = asyncio

new_event_loop: Callable[[], asyncio.AbstractEventLoop] = loops.new_event_loop

WARM_UP = 20


def make_app(name: str, install: Callable[[Sanic], None]) -> Sanic:
    """Create an app as in production: TouchUp on, no access log, no sanic-ext unless a layer adds it."""
    app = Sanic(name, configure_logging=False)
    app.config.update(ACCESS_LOG=False, AUTO_EXTEND=False, MOTD=False, FALLBACK_ERROR_FORMAT="text")
    install(app)
    return app


async def start(app: Sanic) -> None:
    """Do all that Sanic does before it listens: finalise, TouchUp, the listeners of before_server_start."""
    # As `sanic` and `app.run()` do: what Sanic does only for HTTP/3 is taken out of its code (`alt-svc`).
    app.state.server_info.append(ApplicationServerInfo(settings={"version": HTTP.VERSION_1}))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        server: Any = await app.create_server(
            sock=unused, return_asyncio_server=True, asyncio_server_kwargs={"start_serving": False}
        )
        assert server is not None
        await server.startup()
        await server.before_start()
        await server.close()


class MemoryTransport(asyncio.Transport):
    """A transport that delivers a request whenever the protocol reads, and keeps what the protocol writes."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: HttpProtocol, requests: Iterator[bytes]
    ) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 80)})
        self.loop, self.protocol, self.requests = loop, protocol, requests
        self.left = 0
        self.idle = asyncio.Event()
        self.written: list[bytes] = []
        self.closing = False

    def resume_reading(self) -> None:
        # Sanic calls this after a response, when the next request may come. As from a socket, it comes
        # through the loop and not inside of this call.
        if self.left:
            self.left -= 1
            self.loop.call_soon(self.protocol.data_received, next(self.requests))
        else:
            self.idle.set()

    async def deliver(self, count: int) -> None:
        self.idle.clear()
        self.written.clear()
        self.left = count
        self.resume_reading()
        await self.idle.wait()

    def write(self, data: Any) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.idle.set()  # a layer that ends the connection must not hang the benchmark

    abort = close

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...


@contextlib.asynccontextmanager
async def _connection(app: Sanic, requests: Iterator[bytes]) -> AsyncIterator[MemoryTransport]:
    loop = asyncio.get_running_loop()
    protocol: Any = HttpProtocol(loop=loop, app=app, connections=set())
    transport = MemoryTransport(loop, protocol, requests)
    protocol.connection_made(transport)
    await transport.idle.wait()
    try:
        yield transport
    finally:
        protocol.close()
        protocol.connection_lost(None)
        await asyncio.sleep(0)


async def send(app: Sanic, requests: Iterator[bytes]) -> bytes:
    async with _connection(app, requests) as transport:
        await transport.deliver(1)
        return b"".join(transport.written)


async def block(app: Sanic, requests: Iterator[bytes], count: int, answer: bytes) -> float:
    """Return the CPU seconds of ``count`` requests on one connection, each of which must get ``answer``.

    The connection is opened and closed outside of the clock, since that is not CORS.
    """
    async with _connection(app, requests) as transport:
        await transport.deliver(WARM_UP)
        gc.collect()
        started = time.process_time()
        await transport.deliver(count)
        seconds = time.process_time() - started
        if b"".join(transport.written) != answer * count:
            raise RuntimeError("an answer of the block differs from the one that was checked")
    return seconds


def reply_channel() -> TextIO:
    """Keep standard output for the replies: all other output goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return channel


def main() -> None:
    replies = reply_channel()

    def reply(**values: object) -> None:
        replies.write(json.dumps(values) + "\n")

    layer = next(layer for layer in [*LAYERS, *CHECKED] if layer.name == sys.argv[1])
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        app = make_app("benchmark", layer.build)
        loop.run_until_complete(start(app))
    except ImportError as error:  # not installed, or it does not run with this Sanic any more
        reply(missing=str(error))
        return
    except Exception:
        reply(failed=traceback.format_exc())
        return
    gc.collect()
    gc.freeze()
    reply(loop=type(loop).__module__)

    endless = {name: cycle(requests) for name, requests in (REQUESTS | CHECKED_REQUESTS).items()}
    responses: dict[str, bytes] = {}
    for line in sys.stdin:
        command = json.loads(line)
        if name := command.get("send"):
            responses[name] = loop.run_until_complete(send(app, endless[name]))
            reply(answer=responses[name].decode("latin-1"))
        else:
            name = command["block"]
            reply(
                seconds=loop.run_until_complete(block(app, endless[name], command["count"], responses[name]))
            )


if __name__ == "__main__":
    main()
