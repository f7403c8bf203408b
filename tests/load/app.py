"""The app under load: one section for each policy, the same routes in all of them, and some outside.

`sanic tests.load.app:app --workers 2`
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import zlib
from pathlib import Path
from typing import Any

from sanic import Blueprint, Request, Sanic
from sanic.exceptions import SanicException
from sanic.http import Http
from sanic.response import HTTPResponse, json, text

from corsbp import CorsPolicy, cors_group

from .table import LATE, LATER, ONE, OUTSIDE, PARTNER, PIECE, THREE, TWO, YES

WORKER = {"x-worker": str(os.getpid())}
"""By this a client knows which worker it was that failed it."""


def things(name: str) -> Blueprint:
    """The routes that every section has."""
    bp = Blueprint(name, url_prefix=f"/{name}")

    @bp.get("/item")
    async def item(_: Request) -> HTTPResponse:
        return text("item", headers=WORKER)

    @bp.put("/item", name="put")
    def put(_: Request) -> HTTPResponse:
        return text("put")

    @bp.get("/error")
    def error(_: Request) -> HTTPResponse:
        raise SanicException("an error", 500, quiet=True)

    @bp.get("/stream/<pieces:int>")
    async def stream(request: Request, pieces: int) -> None:
        response = await request.respond(headers=WORKER)
        for _ in range(pieces):
            await response.send(PIECE)
        await response.eof()

    @bp.post("/upload", stream=True)
    async def upload(request: Request) -> HTTPResponse:
        length = check = 0
        assert isinstance(request.stream, Http)
        while (part := await request.stream.read()) is not None:
            length, check = length + len(part), zlib.crc32(part, check)
        return text(f"{length} {check}", headers=WORKER)

    return bp


def may(origin: str, _: Request) -> Any:
    """The origin function: what it does, the first label of the origin's host tells."""
    name = origin.removeprefix("https://").partition(".")[0]
    if name == "raises":
        raise ValueError(origin)
    if name == "cancelled":
        raise asyncio.CancelledError
    if name == "odd":
        return "true"
    return later(name) if origin == LATER or name in {"raises-later", *LATE} else origin == YES


async def later(name: str) -> bool:
    await asyncio.sleep(0)
    if name == "raises-later":
        raise ValueError(name)
    if name == "slow":
        await asyncio.sleep(0.4)
    elif name == "hangs":
        await asyncio.Event().wait()
    elif name in {"stubborn", "bitter"}:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)
            if name == "bitter":
                raise ValueError(name) from None
    return True


LEFT = CorsPolicy(
    allow_origins=[ONE, TWO],
    allow_credentials=True,
    allow_headers=["x-left"],
    expose_headers=["x-left"],
    max_age=1,
)
RIGHT = CorsPolicy(
    allow_origins=[TWO, THREE], allow_headers=["x-right"], expose_headers=["x-right"], max_age=2
)

listed = cors_group(
    things("listed"),
    allow_origins=[ONE, TWO],
    allow_credentials=True,
    expose_headers=["x-total"],
    max_age=60,
)
changing = cors_group(things("changing"), policy=LEFT)

app = Sanic("load")
app.config.update(
    AUTO_EXTEND=False,
    ACCESS_LOG=False,
    KEEP_ALIVE_TIMEOUT=3600,  # no client of ours may be too late: each lost connection wants a reason
    GRACEFUL_SHUTDOWN_TIMEOUT=1.0,
)
app.blueprint(cors_group(things("public")))
app.blueprint(listed)
app.blueprint(
    cors_group(things("pattern"), allow_origins=[f"https://*{PARTNER}", "http://localhost:*"], max_age=None)
)
app.blueprint(cors_group(things("asked"), allow_origins=may))
app.blueprint(cors_group(things("waited"), allow_origins=may, max_age=None, origin_timeout=0.2))
app.blueprint(changing)
app.blueprint(things(OUTSIDE))


@listed.on_response
async def seen(_: Request, response: HTTPResponse) -> None:
    response.headers["x-seen"] = "1"


# --- for the run itself ---


class Complaints(logging.Handler):
    """What asyncio has to say: of tasks that nobody waits for, and of errors that nobody has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        print(f"asyncio of [{os.getpid()}]: {record.getMessage()}", file=sys.stderr, flush=True)


complaints = Complaints()
logging.getLogger("asyncio").addHandler(complaints)


@app.get("/control/policy/<number:int>")
async def policy(_: Request, number: int) -> HTTPResponse:
    """Reconfigure, in the worker that gets this."""
    changing.reconfigure((LEFT, RIGHT)[number])
    return text("ok", headers=WORKER)


@app.get("/control/restart")
async def restart(request: Request) -> HTTPResponse:
    """Restart a worker by its name, dead or alive; or all of them, each new one before its old one goes."""
    name = request.args.get("name") or ""
    request.app.m.restart(name, all_workers=not name, zero_downtime=not name)
    return text("ok", headers=WORKER)


@app.get("/control/report")
async def report(request: Request) -> HTTPResponse:
    """What this worker holds."""
    gc.collect()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return json(
        {
            "pid": os.getpid(),
            "name": request.app.m.name,
            "bytes": pages * os.sysconf("SC_PAGE_SIZE"),
            "blocks": sys.getallocatedblocks(),
            "objects": len(gc.get_objects()),
            "complaints": complaints.said,
            "tasks": sorted(getattr(task.get_coro(), "__qualname__", "?") for task in tasks),
        },
        headers=WORKER,
    )
