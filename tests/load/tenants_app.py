"""The tenants of an example, and how long its event loop is kept from other work.

`/pulse` returns the longest stall since the last call; with `?beat=` it also turns the measurement on or off.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, json

example: Any = importlib.import_module("examples.tenants")
app: Sanic = example.app
pulse = {"stall": 0.0, "cpu": 0.0}
beats = asyncio.Event()
BEAT = 0.002


@app.before_server_start
async def begin(app: Sanic) -> None:
    beats.set()
    app.add_task(beat())


async def beat() -> None:
    """Note by how much the event loop is late, and how much of that its own thread worked."""
    while True:
        await beats.wait()
        began, worked = time.monotonic(), time.thread_time()
        await asyncio.sleep(BEAT)
        pulse["stall"] = max(pulse["stall"], time.monotonic() - began - BEAT)
        pulse["cpu"] = max(pulse["cpu"], time.thread_time() - worked)


@app.get("/pulse")
async def take_pulse(request: Request) -> HTTPResponse:
    (beats.set if request.args.get("beat") == "on" else beats.clear)()
    found = json(pulse)
    pulse.update(stall=0.0, cpu=0.0)
    return found
