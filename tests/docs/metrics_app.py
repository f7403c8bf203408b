"""The example of metrics, with a source that fails, and with workers that say who they are.

`sanic tests.docs.metrics_app:app --workers 2`
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator

from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, json, text

from corsbp import cors_group

app: Sanic = importlib.import_module("examples.metrics").app
live = Blueprint("live", url_prefix="/live")


async def fail(_: Sanic) -> AsyncIterator[list[str]]:
    raise OSError("no store")
    yield []


@live.get("/item")
async def item(_: Request) -> HTTPResponse:
    return text("item")


group = cors_group(live, allow_origins=["https://app.example"])
group.follow(fail, wait=0)
app.blueprint(group)


@app.get("/worker")
async def worker(request: Request) -> HTTPResponse:
    """Return the process and the name of this worker."""
    return json([os.getpid(), request.app.m.name])


@app.get("/restart/<name>")
async def restart(request: Request, name: str) -> HTTPResponse:
    """Start a worker again."""
    request.app.m.restart(name)
    return text("ok")
