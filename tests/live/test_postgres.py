"""examples/live_postgres.py and its schema, on a server: rights, locks, changes, PgBouncer (D6)."""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ..browsers.processes import installed, running
from ..support import ORIGIN, ROOT, HttpRequest, request, require_package, reserve_port, sanic_process, send
from .fleet import (
    DECLARED,
    EVIL,
    NEW,
    REFUSED,
    WELL,
    following,
    granted,
    store,
    until_all,
    until_health,
    when_ready,
)
from .stores import Server, postgres

SCHEMA = (ROOT / "examples" / "live_postgres.sql").read_text()
ROLES = """
    CREATE ROLE reader LOGIN;
    GRANT SELECT ON origins, origins_version, origins_changes TO reader;
    CREATE ROLE writer LOGIN;
    GRANT SELECT, INSERT, DELETE ON origins TO writer;
"""


def sql(url: str, *statements: str) -> None:
    async def execute() -> None:
        import asyncpg

        db = await asyncpg.connect(url)
        for statement in statements:
            await db.execute(statement)
        await db.close()

    asyncio.run(execute())


def as_role(server: Server, role: str, port: int | None = None) -> str:
    return server.url.replace("corsbp@", f"{role}@").replace(f":{server.port}", f":{port or server.port}")


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    require_package("asyncpg")
    with postgres() as server:
        when_ready(lambda: sql(server.url, "SELECT 1"))
        yield server


@pytest.fixture(name="example")
def _example(server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example, as a role with nothing but SELECT, on an empty database with its schema."""
    sql(
        server.url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "DROP ROLE IF EXISTS reader, writer"
    )
    sql(server.url, "GRANT USAGE ON SCHEMA public TO public", SCHEMA, ROLES)
    example = importlib.import_module("examples.live_postgres")
    monkeypatch.setattr(example, "DATABASE_URL", as_role(server, "reader"))
    monkeypatch.setattr(example, "LISTEN_URL", as_role(server, "reader"))
    return example


def test_a_change_is_read_by_the_index(example: Any, server: Server) -> None:
    """Also before the table is analyzed, when a join would read all of it."""

    async def explain() -> str:
        import asyncpg

        db = await asyncpg.connect(server.url)
        try:
            rows = await db.fetch("EXPLAIN " + example.CHANGES.replace("$1", "1"))
        finally:
            await db.close()
        return "\n".join(row[0] for row in rows)

    sql(
        server.url, "INSERT INTO origins SELECT 'https://' || n || '.example' FROM generate_series(1, 5000) n"
    )
    plan = asyncio.run(explain())
    assert "using origins_pkey on origins" in plan and "Seq Scan on origins " not in plan, plan


def run(server: Server, talk: Callable[[Any], Awaitable[None]]) -> None:
    """Run `talk(db)` with a connection of the writer."""

    async def main() -> None:
        import asyncpg

        db = await asyncpg.connect(as_role(server, "writer"))
        try:
            await talk(db)
        finally:
            db.terminate()

    asyncio.run(main())


def test_a_new_or_wrong_database_is_an_error_and_not_an_empty_list(server: Server, example: Any) -> None:
    async def talk(db: Any) -> None:
        async with following(example.origins) as next_value:
            with pytest.raises(LookupError, match="is this the right database"):
                await next_value()
        await db.execute("DELETE FROM origins")  # this says that an empty table is meant
        async with following(example.origins) as next_value:
            assert await next_value() == set()
        admin = await importlib.import_module("asyncpg").connect(server.url)
        await admin.execute("DROP TABLE origins_version")
        await admin.close()
        async with following(example.origins) as next_value:
            with pytest.raises(Exception, match='relation "origins_version" does not exist'):
                await next_value()

    run(server, talk)


def test_each_change_is_followed(server: Server, example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random statements, alone and in transactions: the copy has what the table has."""
    chance = random.Random(7)
    reads: list[int] = []
    monkeypatch.setattr(example.Origins, "read_all", counted(example.Origins.read_all, reads))

    def statement() -> str:
        one, other = (f"'https://{chance.randrange(40)}.example'" for _ in range(2))
        return chance.choice(
            [
                f"INSERT INTO origins VALUES ({one}), ({other}) ON CONFLICT DO NOTHING",
                f"DELETE FROM origins WHERE origin IN ({one}, {other})",
                f"DELETE FROM origins WHERE origin = {one}; INSERT INTO origins VALUES ({one})",
                f"UPDATE origins SET origin = 'https://u{chance.random()}.example' WHERE origin = {one}",
            ]
        )

    async def talk(db: Any) -> None:
        admin = await importlib.import_module("asyncpg").connect(server.url)
        await admin.execute("INSERT INTO origins VALUES ('https://first.example')")
        async with following(example.origins) as next_value:
            assert await next_value() == {"https://first.example"}
            for _ in range(40):
                async with admin.transaction():
                    for _ in range(chance.randrange(1, 4)):
                        await admin.execute(statement())
                rows = {row[0] for row in await admin.fetch("SELECT origin FROM origins")}
                assert await next_value() == rows
        await admin.close()

    run(server, talk)
    assert len(reads) == 1  # all else came from the changes


def counted(function: Any, calls: list[int]) -> Any:
    async def wrapper(*args: Any) -> Any:
        calls.append(1)
        return await function(*args)

    return wrapper


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE origins",
        "INSERT INTO origins SELECT 'https://' || n || '.example' FROM generate_series(1, 10001) n",
        "DO $$ BEGIN FOR n IN 1..1100 LOOP INSERT INTO origins VALUES ('https://' || n || '.example'); "
        "END LOOP; END $$",
        "UPDATE origins_version SET number = 1",  # as after a restore
    ],
    ids=["truncated", "one large statement", "more changes than are kept", "an older version"],
)
def test_where_the_changes_are_not_known_all_is_read(
    change: str, server: Server, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    monkeypatch.setattr(example.Origins, "read_all", counted(example.Origins.read_all, reads))
    monkeypatch.setattr(example, "LOOK_AGAIN", 0.1)

    async def talk(db: Any) -> None:
        admin = await importlib.import_module("asyncpg").connect(server.url)
        for number in range(3):
            await admin.execute(f"INSERT INTO origins VALUES ('https://a{number}.example')")
        async with following(example.origins) as next_value:
            await next_value()
            await admin.execute(change)
            rows = {row[0] for row in await admin.fetch("SELECT origin FROM origins")}
            while await next_value() != rows or len(reads) < 2:
                pass
            assert len(reads) == 2
            (kept,) = await admin.fetchrow("SELECT count(*) FROM origins_changes")
            assert kept <= 1100
        await admin.close()

    run(server, talk)


def test_a_lost_connection_is_an_error_at_once(server: Server, example: Any) -> None:
    async def talk(db: Any) -> None:
        await db.execute("INSERT INTO origins VALUES ('https://a.example')")
        async with following(example.origins) as next_value:
            await next_value()
            admin = await importlib.import_module("asyncpg").connect(server.url)
            waiting = asyncio.create_task(next_value())
            await asyncio.sleep(0.05)
            began = time.monotonic()
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'"
            )
            with pytest.raises(ConnectionError):
                await waiting
            assert time.monotonic() - began < 3
            await admin.close()

    run(server, talk)


def test_a_source_and_a_long_transaction_do_not_wait_for_each_other(server: Server, example: Any) -> None:
    """DDL at the start of a worker waited for each open transaction, and each writer waited for it."""

    async def talk(db: Any) -> None:
        await db.execute("INSERT INTO origins VALUES ('https://a.example')")
        other = await importlib.import_module("asyncpg").connect(as_role(server, "writer"))
        transaction = db.transaction()
        await transaction.start()
        await db.execute("INSERT INTO origins VALUES ('https://slow.example')")
        began = time.monotonic()
        async with following(example.origins) as next_value:
            assert await next_value() == {"https://a.example"}
            await other.execute("INSERT INTO origins VALUES ('https://fast.example')")
            assert await next_value() == {"https://a.example", "https://fast.example"}
            assert time.monotonic() - began < 3
            await transaction.commit()
            assert await next_value() == {"https://a.example", "https://fast.example", "https://slow.example"}
        other.terminate()

    run(server, talk)


def test_a_migration_makes_a_source_fail_and_not_queue(server: Server, example: Any) -> None:
    """Who waits for a lock makes all others wait behind it: lock_timeout ends that after a second."""

    async def talk(db: Any) -> None:
        await db.execute("INSERT INTO origins VALUES ('https://a.example')")
        admin = await importlib.import_module("asyncpg").connect(server.url)
        async with admin.transaction():
            await admin.execute("LOCK TABLE origins_version")
            began = time.monotonic()
            async with following(example.origins) as next_value:
                with pytest.raises(Exception, match="lock timeout"):
                    await next_value()
            assert 0.9 < time.monotonic() - began < 4
        await admin.close()

    run(server, talk)


@contextmanager
def pgbouncer(server: Server, folder: Path) -> Iterator[int]:
    """PgBouncer in transaction mode before the server; its port."""
    program = installed("pgbouncer", "pgbouncer")
    (folder / "users").write_text('"reader" ""\n"corsbp" ""\n')
    folder.chmod(0o755)
    user = ["-u", "postgres"] if os.getuid() == 0 else []
    with reserve_port() as port:
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nauth_type = trust\nauth_file = {folder}/users\n"
            "pool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\n"
        )
        with running([program, *user, folder / "pgbouncer.ini"], folder / "log") as process:
            process.until(lambda: "listening on" in process.read_output(), "listening")
            yield port


@pytest.mark.parametrize("second_address", [False, True])
def test_behind_pgbouncer_in_transaction_mode(
    second_address: bool, server: Server, example: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It passes no notification on: the version is read every second, or they come from a second address."""
    with pgbouncer(server, tmp_path) as port:
        monkeypatch.setattr(example, "DATABASE_URL", as_role(server, "reader", port))
        monkeypatch.setattr(example, "LISTEN_URL", as_role(server, "reader") if second_address else "")
        monkeypatch.setattr(example, "LOOK_AGAIN", 60 if second_address else 0.2)

        async def talk(db: Any) -> None:
            await db.execute("INSERT INTO origins VALUES ('https://a.example')")
            async with following(example.origins) as next_value:
                expected = {"https://a.example"}
                assert await next_value() == expected
                for number in range(5):
                    expected.add(f"https://{number}.example")
                    await db.execute(f"INSERT INTO origins VALUES ('https://{number}.example')")
                    while await next_value() != expected:
                        pass

        run(server, talk)


def form(origin: str, **headers: str) -> HttpRequest:
    body = urlencode({"origin": origin})
    headers = {"sec_fetch_site": "same-origin", **headers}
    return request(
        "POST", "/origins", None, body, content_type="application/x-www-form-urlencoded", **headers
    )


def form_of_an_old_browser(origin: str) -> HttpRequest:
    """Without Sec-Fetch-Site; `origin` is that of the page."""
    body = urlencode({"origin": NEW})
    content_type = "application/x-www-form-urlencoded"
    return request("POST", "/origins", origin, body, content_type=content_type, host="form.example")


def test_the_form_shows_what_is_wrong(server: Server, example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was meant, and nothing of it is markup. Its role may insert, and nothing else."""
    monkeypatch.setenv("DATABASE_URL", as_role(server, "writer"))
    with sanic_process("examples.customer_form:app", "--single-process") as port:
        added, wrong, odd, foreign, page, private, old, old_foreign, unknown = send(
            port,
            form(NEW),
            form("https://New.example/"),
            form("<script>alert(1)</script>"),
            form(EVIL, sec_fetch_site="cross-site"),
            request("GET", "/origins", None),
            form("https://wiki.internal"),
            form_of_an_old_browser("https://form.example"),
            form_of_an_old_browser(EVIL),
            form_of_an_old_browser("null"),
        )
    assert private.status == 400 and b"reserved for private networks" in private.body
    assert (old.status, old_foreign.status, unknown.status) == (200, 403, 403)
    assert added.status == 200 and f"<p>{NEW} is allowed.</p>".encode() in added.body
    assert wrong.status == 400 and b"Meant: https://new.example<" in wrong.body
    assert b'value="https://new.example"' in wrong.body
    assert odd.status == 400 and b"<script" not in odd.body and b"&lt;script&gt;alert(1)" in odd.body
    assert (foreign.status, page.status) == (403, 200)

    async def talk(db: Any) -> None:
        assert [row[0] for row in await db.fetch("SELECT origin FROM origins")] == [NEW]

    run(server, talk)


def test_two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a role with nothing but SELECT; the server is killed, and started again."""
    with ExitStack() as stack:
        server = stack.enter_context(store(postgres, "asyncpg", "DATABASE_URL", monkeypatch))
        when_ready(lambda: sql(server.url, "SELECT 1"))
        sql(server.url, SCHEMA, ROLES, "DELETE FROM origins")
        monkeypatch.setenv("DATABASE_URL", as_role(server, "reader"))
        port = stack.enter_context(sanic_process("examples.live_postgres:app", "--workers", "2"))
        until_all(port, NEW, REFUSED)  # the table is empty
        until_all(port, ORIGIN, DECLARED)
        sql(server.url, f"INSERT INTO origins VALUES ('{NEW}')")
        until_all(port, NEW, granted(NEW))
        until_all(port, EVIL, REFUSED)
        server.kill()
        until_all(port, NEW, granted(NEW))
        server.start()
        when_ready(lambda: sql(server.url, f"DELETE FROM origins WHERE origin = '{NEW}'"))
        until_all(port, NEW, REFUSED)
        rows = f"INSERT INTO origins VALUES ('{NEW}'), ('nothing/'), ('{ORIGIN}')"
        sql(server.url, rows, "TRUNCATE origins")
        until_all(port, NEW, REFUSED)
        until_health(port, WELL)
