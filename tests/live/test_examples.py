"""The examples of live origins, each with two workers on the real server: followed, lost and found again."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..browsers.processes import Program
from ..integration.test_servers import program
from ..support import ORIGIN, HttpRequest, free_port, request, require_package, sanic_process, send
from .stores import Server, postgres, valkey

NEW, EVIL = "https://new.example", "https://evil.example"
REFUSED = {"vary": "origin"}


def granted(origin: str) -> dict[str, str]:
    return {"access-control-allow-origin": origin, "access-control-allow-credentials": "true", **REFUSED}


def until_all(
    port: int, origin: str, expected: dict[str, str], path: str = "/api/hello", **headers: str
) -> None:
    """Until twenty answers in a row, of whichever worker, are as expected; each is the one or the other."""
    deadline, in_a_row = time.monotonic() + 60, 0
    while in_a_row < 20:
        (answer,) = send(port, request("GET", path, origin, **headers))
        assert answer.status == 200 and answer.cors in (REFUSED, granted(origin), expected)
        in_a_row = in_a_row + 1 if answer.cors == expected else 0
        assert time.monotonic() < deadline, f"not everywhere {expected}"


def until_well(port: int) -> None:
    """Until twenty in a row follow again, and no origin. Who lost the store says so, and goes on."""
    deadline, in_a_row = time.monotonic() + 60, 0
    while in_a_row < 20:
        (health,) = send(port, request("GET", "/health", None))
        assert health.status == 200
        in_a_row = in_a_row + 1 if b'"origins":1,"error":null' in health.body else 0
        assert time.monotonic() < deadline, health


def form(origin: str, **headers: str) -> HttpRequest:
    from urllib.parse import urlencode

    body = urlencode({"origin": origin})
    return request(
        "POST", "/origins", None, body, content_type="application/x-www-form-urlencoded", **headers
    )


@contextmanager
def store(
    make: Callable[[], Any], package: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    require_package(package)
    with make() as server:
        monkeypatch.setenv(variable, server.url)
        yield server


def at_last(act: Callable[[], None]) -> None:
    """Do it as soon as a server that was started again is ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            return act()
        time.sleep(0.05)
    return act()


def sql(url: str, *statements: str) -> None:
    async def execute() -> None:
        import asyncpg

        db = await asyncpg.connect(url)
        for statement in statements:
            await db.execute(statement)
        await db.close()

    asyncio.run(execute())


def test_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        store(postgres, "asyncpg", "DATABASE_URL", monkeypatch) as server,
        sanic_process("examples.live_postgres:app", "--workers", "2") as port,
    ):
        until_all(port, NEW, REFUSED)  # as in the table, which is empty
        (added,) = send(port, form(NEW))
        assert added.status == 200 and f"<p>{NEW} is allowed.</p>".encode() in added.body
        until_all(port, NEW, granted(NEW))
        until_all(port, EVIL, REFUSED)

        # what is wrong is said, with what was meant, and nothing of it is markup
        wrong, odd, foreign, page = send(
            port,
            form("https://New.example/"),
            form("<script>alert(1)</script>"),
            form(EVIL, sec_fetch_site="cross-site"),
            request("GET", "/origins", None),
        )
        assert wrong.status == 400 and b"Meant: https://new.example<" in wrong.body
        assert b'value="https://new.example"' in wrong.body
        assert odd.status == 400 and b"<script" not in odd.body and b"&lt;script&gt;alert(1)" in odd.body
        assert (foreign.status, page.status) == (403, 200)

        server.kill()
        until_all(port, NEW, granted(NEW))
        server.start()
        at_last(lambda: sql(server.url, f"DELETE FROM origins WHERE origin = '{NEW}'"))
        until_all(port, NEW, REFUSED)
        sql(
            server.url,
            f"INSERT INTO origins VALUES ('{NEW}'), ('nothing/'), ('{ORIGIN}')",
            "TRUNCATE origins",
        )
        until_all(port, NEW, REFUSED)
        until_well(port)


def test_valkey(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(**changes: Any) -> None:
        example = importlib.import_module("examples.live_valkey")
        monkeypatch.setattr(example, "VALKEY_URL", server.url)
        added, removed = changes.get("added", ()), changes.get("removed", ())
        at_last(lambda: asyncio.run(example.change(*added, removed=removed)))

    with store(valkey, "valkey", "VALKEY_URL", monkeypatch) as server, contextlib.ExitStack() as stack:
        change(added=[NEW])
        port = stack.enter_context(sanic_process("examples.live_valkey:app", "--workers", "2"))
        until_all(port, NEW, granted(NEW))
        change(added=[EVIL], removed=[NEW])
        until_all(port, NEW, REFUSED)
        until_all(port, EVIL, granted(EVIL))
        server.kill()
        until_all(port, EVIL, granted(EVIL))
        server.start()
        change(removed=[EVIL])
        until_all(port, EVIL, REFUSED)
        until_well(port)


def test_tenants(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An origin is good for its own tenant's host; a set for all is for answers that are for all."""
    database = tmp_path / "tenants.db"
    monkeypatch.setenv("TENANTS", os.fspath(database))

    def change(*statements: str) -> None:
        with closing(sqlite3.connect(database)) as db, db:
            for statement in statements:
                db.execute(statement)

    def orders(origin: str, expected: dict[str, str], host: str) -> None:
        until_all(port, origin, expected, "/orders/", host=host)

    with sanic_process("examples.tenants:app", "--single-process") as port:  # each worker looks by itself
        send(port, request("GET", "/prices/"))  # who answers has made the table
        change(
            f"INSERT INTO tenants VALUES ('a.example', '{ORIGIN}'), ('b.example', '{NEW}')",
            "INSERT INTO tenants VALUES ('a.example', 'http://a.example'), ('a.example', 'https://x.example/')",
        )
        orders(ORIGIN, granted(ORIGIN), "a.example")
        orders(ORIGIN, granted(ORIGIN), "A.example")
        orders(NEW, granted(NEW), "b.example")
        orders(NEW, REFUSED, "a.example")
        orders(ORIGIN, REFUSED, "b.example")
        orders("http://a.example", REFUSED, "a.example")  # an http page, with cookies

        def prices(origin: str) -> dict[str, str]:
            return send(port, request("GET", "/prices/", origin))[0].cors

        for origin in (ORIGIN, NEW):  # which come a moment after those of the hosts
            until_all(port, origin, {"access-control-allow-origin": origin, **REFUSED}, "/prices/")
        assert prices(EVIL) == REFUSED
        gone = database.rename(tmp_path / "gone")
        orders(NEW, granted(NEW), "b.example")
        assert prices(NEW) == {"access-control-allow-origin": NEW, **REFUSED}
        assert not database.exists()
        gone.rename(database)
        change("DELETE FROM tenants WHERE host = 'b.example'")
        orders(NEW, REFUSED, "b.example")


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
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("CREATE TABLE tenants (host TEXT, origin TEXT)")
        db.execute("INSERT INTO tenants VALUES ('a.example', ?)", [NEW])
    port = free_port()
    with started(way, tmp_path, "examples.tenants:app", port, port):
        answers = send(
            port,
            *[request("GET", "/prices/", NEW)] * 3,
            request("GET", "/prices/", ORIGIN),
            request("GET", "/prices/", EVIL),
        )
    assert [answer.cors for answer in answers] == [
        *[{"access-control-allow-origin": NEW, **REFUSED}] * 3,
        {"access-control-allow-origin": ORIGIN, **REFUSED},
        REFUSED,
    ]
    (tmp_path / "required.py").write_text(REQUIRED)
    with started(way, tmp_path, "required:app", free_port(), 0) as server:
        deadline = time.monotonic() + 60
        while server.alive():
            assert time.monotonic() < deadline, server.said()
            time.sleep(0.05)
    assert "cors_group(api): no live origins came" in server.said()
