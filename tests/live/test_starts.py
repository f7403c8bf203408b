"""Live origins in every way of starting a server: the first request finds them."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ..browsers.processes import Program
from ..integration.test_servers import program
from ..support import ORIGIN, request, require_package, reserve_port, send
from .fleet import EVIL, NEW, REFUSED
from .test_tenants import make

WAYS = {
    "sanic --fast": ["--port", "{port}", "--fast"],
    "sanic --single-process": ["--port", "{port}", "--single-process"],
    "uvicorn": ["--port", "{port}"],
    "hypercorn": ["--bind", "127.0.0.1:{port}"],
    "granian": ["--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}"],
}
REQUIRED = """
from sanic import Blueprint, Sanic, text
from corsbp import cors_group

app, api = Sanic("required"), Blueprint("api")
api.add_route(lambda request: text("hello"), "/hello", name="hello")
group = cors_group(api)
app.blueprint(group)

async def origins(app):
    raise OSError("the store is away")
    yield

group.follow(origins, wait=0.2, required=True)
"""


def started(way: str, folder: Path, target: str, port: int, wait: int) -> AbstractContextManager[Program]:
    module = way.partition(" ")[0]
    require_package(module)
    options = [option.format(port=port) for option in WAYS[way]]
    return program(folder, module, target, *options, port=wait)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_start(way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the table has is known to the first request; where it is required and away, nothing is served."""
    database = tmp_path / "tenants.db"
    monkeypatch.setenv("TENANTS", os.fspath(database))
    make(database, f"INSERT INTO tenants VALUES ('a.example', '{NEW}')")
    with reserve_port() as port, started(way, tmp_path, "examples.tenants:app", port, port):
        responses = send(
            port,
            *[request("GET", "/prices/", NEW)] * 3,
            request("GET", "/prices/", ORIGIN),
            request("GET", "/prices/", EVIL),
        )
    assert [response.cors for response in responses] == [
        *[{"access-control-allow-origin": NEW, **REFUSED}] * 3,
        {"access-control-allow-origin": ORIGIN, **REFUSED},
        REFUSED,
    ]
    (tmp_path / "required.py").write_text(REQUIRED)
    with reserve_port() as port, started(way, tmp_path, "required:app", port, 0) as server:
        deadline = time.monotonic() + 60
        while server.alive():
            assert time.monotonic() < deadline, server.read_output()
            time.sleep(0.05)
    assert "cors_group(api): no live origins came" in server.read_output()
