"""examples/tenants.py and its schema: a set for all hosts, and one for each host (D6)."""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..support import ORIGIN, ROOT, request, sanic_process, send
from .fleet import EVIL, NEW, REFUSED, following, granted, until_all, until_health

SCHEMA = (ROOT / "examples" / "tenants.sql").read_text()


def write(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as db, db:
        for statement in statements:
            db.execute(statement)


def make(database: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(database)) as db:
        db.executescript(SCHEMA)
    write(database, *statements)
    return database


def rows(database: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as db:
        return set(db.execute("SELECT host, origin FROM tenants"))


@pytest.fixture(name="example")
def _example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    example = importlib.import_module("examples.tenants")
    monkeypatch.setattr(example, "DATABASE", os.fspath(tmp_path / "tenants.db"))
    monkeypatch.setattr(example, "LOOK_AGAIN", 0.001)
    return example


def run(example: Any, talk: Callable[[Any], Awaitable[None]]) -> None:
    """Run `talk(next_value)`; a value is the pair of what is for each host, and for all."""

    async def main() -> None:
        def source(_: None) -> Any:
            return example.every_origin(example.app)

        async with following(source) as next_value:
            await talk(next_value)

    asyncio.run(main())


def test_a_new_or_wrong_file_is_an_error_and_not_an_empty_list(example: Any) -> None:
    async def fails(next_value: Any) -> None:
        with pytest.raises(expected):
            await next_value()

    async def is_empty(next_value: Any) -> None:
        assert await next_value() == frozenset()

    database = Path(example.DATABASE)
    expected: tuple[type[Exception], ...] = (FileNotFoundError, sqlite3.OperationalError)
    run(example, fails)
    assert not database.exists()
    write(database, "CREATE TABLE other (host TEXT)")
    run(example, fails)
    database.unlink()
    make(database)
    expected = (LookupError,)
    run(example, fails)
    write(database, "INSERT INTO tenants VALUES ('a.example', 'https://a.example')", "DELETE FROM tenants")
    run(example, is_empty)


def test_each_change_is_followed(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random statements: the copy has what the table has, and reads it once."""
    chance, queries = random.Random(7), []
    read = example.read

    def note(db: sqlite3.Connection, query: str, *values: int) -> Any:
        queries.append(query)
        return read(db, query, *values)

    monkeypatch.setattr(example, "read", note)
    database = make(Path(example.DATABASE), "INSERT INTO tenants VALUES ('h1', 'https://1.example')")

    async def talk(next_value: Any) -> None:
        await next_value()
        for _ in range(60):
            host, one, other = (chance.randrange(5) for _ in range(3))
            write(
                database,
                chance.choice(
                    [
                        f"INSERT OR IGNORE INTO tenants VALUES ('h{host}', 'https://{one}.example')",
                        f"DELETE FROM tenants WHERE origin = 'https://{one}.example'",
                        f"UPDATE OR IGNORE tenants SET host = 'h{other}' WHERE host = 'h{host}'",
                    ]
                ),
            )
            value, expected = await next_value(), rows(database)
            assert value == {origin for _, origin in expected}
            assert example.app.ctx.pairs == {f"{host} {origin}" for host, origin in expected}

    run(example, talk)
    assert queries.count(example.ALL) == 1 and len(queries) > 20


def test_where_the_changes_are_not_known_all_is_read(example: Any, tmp_path: Path) -> None:
    """A file that was replaced, and more changes than are kept."""
    insert = "INSERT INTO tenants VALUES ('h', 'https://{}.example')"
    database = make(Path(example.DATABASE), insert.format("a"))
    other = make(tmp_path / "other.db", insert.format("b"), insert.format("c"))

    async def talk(next_value: Any) -> None:
        assert await next_value() == {"https://a.example"}
        other.rename(database)
        assert await next_value() == {"https://b.example", "https://c.example"}
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)"
        write(database, f"{numbers} INSERT INTO tenants SELECT 'h', 'https://' || i || '.example' FROM n")
        assert len(await next_value()) == 10_003

    run(example, talk)


def test_one_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    database = make(tmp_path / "tenants.db", f"INSERT INTO tenants VALUES ('b.example', '{NEW}')")
    monkeypatch.setenv("TENANTS", os.fspath(database))

    def orders(origin: str, expected: dict[str, str], host: str) -> None:
        until_all(port, origin, expected, "/orders/", host=host)

    with sanic_process("examples.tenants:app", "--single-process") as port:  # each worker looks by itself
        write(
            database,
            f"INSERT INTO tenants VALUES ('a.example', '{ORIGIN}')",
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

        for origin in (ORIGIN, NEW):
            until_all(port, origin, {"access-control-allow-origin": origin, **REFUSED}, "/prices/")
        assert prices(EVIL) == REFUSED
        until_health(port, b'"error":null')
        gone = database.rename(tmp_path / "gone")
        until_health(port, b'"error":"failed: FileNotFoundError')
        orders(NEW, granted(NEW), "b.example")
        assert prices(NEW) == {"access-control-allow-origin": NEW, **REFUSED}
        assert not database.exists()
        gone.rename(database)
        write(database, "DELETE FROM tenants WHERE host = 'b.example'")
        orders(NEW, REFUSED, "b.example")
