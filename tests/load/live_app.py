"""An example of live origins, in a fleet: each answer says whose it is, and its patience can be set.

Where patience is shorter, a source that failed is tried again sooner: a short check need not wait for it.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

import corsbp.live.retry

example: Any = importlib.import_module(os.environ["EXAMPLE"])
patience = float(os.environ.get("PATIENCE", example.PATIENCE))
delays: Any = corsbp.live.retry
delays.FIRST_DELAY *= patience / example.PATIENCE
example.LOOK_AGAIN = example.PATIENCE = patience
app: Sanic = example.app


@app.on_response
async def tell(_: Request, response: HTTPResponse) -> None:
    response.headers["x-worker"] = f"{os.getpid()}"
