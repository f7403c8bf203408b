"""An example of live origins, in a fleet: each response names its worker, and the patience can be set.

Where patience is shorter, a source that failed is run again sooner: a short check need not wait for it. With
READ=all, a worker reads the whole store at each change, to compare.
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
if os.environ.get("READ") == "all":
    if hasattr(example, "CHANGES"):
        example.CHANGES = example.CHANGES.replace("count(*)", "-1 - count(*)")
    else:
        example.Origins.apply = lambda *_: False
app: Sanic = example.app


@app.on_response
async def name_worker(_: Request, response: HTTPResponse) -> None:
    response.headers["x-worker"] = f"{os.getpid()}"
