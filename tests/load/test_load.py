"""A short run of each kind, and that what they are there for would be seen. No timing here."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import corsbp.decision.compiled

from .client import Clients, Connection, Lost, until
from .long import State as Step
from .long import grown, reached
from .run import ROOT, Fault, Report, State
from .table import KINDS, ONE, RULES, SECTIONS, TWO, Ask, ask

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")


def run(print_at_end: Callable[[str], None], *arguments: str) -> str:
    """What the command prints: in a process of its own, whose memory is not that of the tests."""
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-m", "tests.load", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    print_at_end(done.stdout)
    return done.stdout


@linux
def test_load_with_faults(print_at_end: Callable[[str], None]) -> None:
    said = run(print_at_end, "--seconds", "2")
    for part in ("SIGKILL for", "SIGTERM for", "reload of", "before:", "in between:", "after:"):
        assert part in said
    assert said.endswith("all is well\n")


@linux
def test_random_origins_leave_nothing_behind(print_at_end: Callable[[str], None]) -> None:
    assert run(print_at_end, "--long-run", "20000").endswith("nothing grew\n")


# --- that it would be seen ---


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_is_seen(section: str, kind: str) -> None:
    one = ask(section, kind, ONE)
    for right in one.cors:
        cors, body = list(right.items()), one.body or b""
        assert one.wrong(one.status, cors, body) is None
        assert one.wrong(one.status + 1, cors, body)
        assert one.wrong(one.status, [*cors, ("access-control-max-age", "5")], body)
        assert one.wrong(one.status, [*cors, ("vary", "cookie")], body)
        for pair in cors:
            assert one.wrong(one.status, [other for other in cors if other != pair], body)
            assert one.wrong(one.status, [*cors, pair], body)
        if one.body is not None:
            assert one.wrong(one.status, cors, body + b"?")


def test_half_of_a_policy_is_seen() -> None:
    """What is neither the one nor the other of two policies."""
    for kind in KINDS:
        one = ask("changing", kind, TWO)
        left, right = one.cors
        assert left != right
        mixed = left | {"access-control-expose-headers": "x-right", "access-control-max-age": "2"}
        assert one.wrong(one.status, list(mixed.items()), one.body or b"")
        strict = ask("changing", kind, TWO, rule=0)
        assert strict.cors == (left,)


def test_two_policies_are_not_alike() -> None:
    left, right = RULES["changing"]
    assert left.granted != right.granted and left.lists != right.lists


@contextlib.asynccontextmanager
async def serving(*parts: bytes) -> AsyncIterator[int]:
    """A server that says the same to all, in these parts, and hangs up; gives its port."""
    tasks: set[Any] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            await reader.read(1)
            for part in parts:
                writer.write(part)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("parts", [(), (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nitem",)])
def test_a_bad_server_is_seen(parts: tuple[bytes, ...]) -> None:
    """One that hangs up, and one that knows no CORS."""

    async def talk() -> Report:
        async with serving(*parts) as port:
            clients = Clients(port, 3, seed=1)
            clients.going.set()
            running = asyncio.create_task(clients.run())

            async def enough() -> bool:
                return len(clients.wrong if parts else clients.lost) > 20

            await until(enough, "enough is wrong")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return Report(1, clients)

    report = asyncio.run(talk())
    assert len(report.problems()) > 20
    assert "WRONG: " in str(report)


def test_a_fault_explains_only_what_it_can() -> None:
    fault = Fault("SIGKILL", frozenset({7}), since=10, until=12)
    for lost, explained in {
        Lost(1, 11, 7, ""): True,
        Lost(1, 11, 8, ""): False,  # of the other worker
        Lost(1, 9, 7, ""): False,  # before
        Lost(11, 13, None, ""): True,
        Lost(1, 9, None, ""): False,
        Lost(13, 14, None, ""): False,
    }.items():
        assert fault.explains(lost) is explained, lost


def test_what_stays_is_seen() -> None:
    def states(**changed: Any) -> list[str]:
        report = Report(1, Clients(0, 0, seed=1))
        state = State(7, "Server", bytes=50_000_000, blocks=100_000, objects=30_000, tasks=[], complaints=[])
        report.states = {"in between": [state], "after": [state._replace(**changed)]}
        return report.problems()

    assert not states()
    assert not states(bytes=52_000_000, blocks=101_000, objects=29_000)
    for changed in (
        {"pid": 8},
        {"bytes": 53_000_000},
        {"blocks": 104_000},
        {"objects": 31_000},
        {"tasks": ["later"]},
        {"complaints": ["Task exception was never retrieved"]},
    ):
        assert len(states(**changed)) == 1, changed


def test_growth_is_seen() -> None:
    first = Step(0, 0, bytes=50_000_000, blocks=200_000, objects=40_000, ours=3000, tasks=2)
    assert not grown([first] * 5)
    for changed in ({"bytes": 52_000_000}, {"blocks": 201_000}, {"ours": 3001}, {"tasks": 3}):
        assert len(grown([*[first] * 4, first._replace(**changed)])) == 1, changed


CACHE: dict[str, bool] = {}


def test_a_cache_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a module, in a closure, and in the standard library's own."""
    rules = corsbp.decision.compiled.CompiledPolicy(
        corsbp.CorsPolicy(allow_origins=["https://*.example.com", ONE])
    )
    monkeypatch.setattr(rules, "grant", functools.lru_cache(rules.grant))
    monkeypatch.setattr(corsbp.decision.compiled, "seen", CACHE, raising=False)
    counts = [reached(rules)]
    for number in range(3):
        rules.grant((f"https://{number}.example.com",))
        counts.append(reached(rules))
        CACHE[f"https://{number}.example"] = True
        counts.append(reached(rules))
    assert counts == sorted(set(counts))


def test_answers_in_pieces_are_read() -> None:
    """Chunks, and none."""
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-en", b"coding: chunked\r\n\r\n3\r\nab", b"c\r\n0\r\n\r", b"\n"
    empty = b"HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\nvary: a\r\n\r\n"

    async def talk() -> None:
        async with serving(*chunked, empty) as port:
            connection = await Connection.open(port)
            connection.writer.write(b"?")
            assert (await connection.answer("GET")).body == b"abc"
            assert not connection.kept
            assert (await connection.answer("GET")).cors == [("vary", "a")]
            assert connection.kept
            await connection.close()

    asyncio.run(talk())


def test_an_upload_has_one_right_answer() -> None:
    one: Ask = ask("listed", "chunked upload", TWO, body=b"abc" * 5000)
    assert one.raw.endswith(b"\r\n0\r\n\r\n") and one.body and one.body.startswith(b"15000 ")
