"""An example of live origins, in a fleet: each answer says whose it is, and its patience can be set."""

from __future__ import annotations

import importlib
import os
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

example: Any = importlib.import_module(os.environ["EXAMPLE"])
example.LOOK_AGAIN = example.PATIENCE = float(os.environ.get("PATIENCE", example.PATIENCE))
app: Sanic = example.app


@app.on_response
async def tell(_: Request, response: HTTPResponse) -> None:
    response.headers["x-worker"] = f"{os.getpid()}"
