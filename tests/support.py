"""What the tests share: apps, and a client that speaks HTTP to Sanic's own server and hides nothing."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib.util
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn, TypeAlias

import pytest
import sanic_routing.router
from sanic import Blueprint, HTTPResponse, Request, Sanic, text
from sanic.touchup import TouchUp

from corsbp.testing.transports import forget_starts

_names = itertools.count(1)

ROOT = Path(__file__).parent.parent
ORIGIN = "https://app.example"
TWO = "https://two.example"
EVIL = "https://evil.example"
LISTED: dict[str, Any] = {"allow_origins": [ORIGIN, TWO]}

both_touchups = pytest.mark.parametrize("touchup", [True, False])


def unavailable(message: str) -> NoReturn:
    """Skip, as something is not installed here; or fail, with `CORSBP_SKIP_NOTHING`."""
    if os.environ.get("CORSBP_SKIP_NOTHING"):
        pytest.fail(message)
    pytest.skip(message)


def importable(name: str) -> None:
    """Go on only where a package is installed."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:  # a folder of that name is no package
        unavailable(f"{name} is not installed: pip install '.[dev]'")


Recording: TypeAlias = Callable[[str, object], None]
"""What pytest's `record_property` is."""


def recorded(reporter: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    """What tests recorded under this name, whichever process they ran in."""
    for report in [*reporter.stats.get("passed", ()), *reporter.stats.get("failed", ())]:
        yield from (value for key, value in report.user_properties if key == name)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def new_app(*groups: Any, **config: Any) -> Sanic:
    """An app of its own name, without sanic-ext unless the test asks for it."""
    app = Sanic(f"app{next(_names)}")
    app.config.update(
        {"AUTO_EXTEND": False, "MOTD": False, "ACCESS_LOG": False, "USE_UVLOOP": False, **config}
    )
    for group in groups:
        app.blueprint(group)
    return app


async def handler(request: Request, **_: object) -> HTTPResponse:
    """For any route: it answers with the path."""
    return text(request.path)


def sync(function: Callable[..., object]) -> Any:
    """A handler, or listener, that is no coroutine function: Sanic takes it, but its types do not."""
    return function


def saying(words: str) -> Any:
    """A plain handler for any route: it answers with these words."""
    return sync(lambda *_, **__: text(words))


def bare(*members: Any, **fields: Any) -> Any:
    """What cors_group() makes, without CORS."""
    group = {name: fields[name] for name in ("url_prefix", "version", "name_prefix") if name in fields}
    return Blueprint.group(*(each for each in members if not isinstance(each, Sanic)), **group)


@dataclass(frozen=True)
class Ask:
    """A request: `headers` may name a header several times."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def raw(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        names = {name.lower() for name, _ in self.headers}
        if "host" not in names:
            lines.append("Host: api.example")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def ask(method: str, path: str, origin: str | None = ORIGIN, body: str = "", **headers: str) -> Ask:
    """A request of a page; underscores in names stand for dashes."""
    pairs = [("origin", origin)] if origin is not None else []
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Ask(method, path, tuple(pairs), body.encode())


def preflight(path: str, method: str = "GET", headers: str | None = None, origin: str = ORIGIN) -> Ask:
    """The preflight that a browser sends before `method`."""
    more: dict[str, Any] = {} if headers is None else {"access_control_request_headers": headers}
    return ask("OPTIONS", path, origin, access_control_request_method=method, **more)


@dataclass(frozen=True)
class Answer:
    """A response as it came over the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = field(repr=False)

    def __getitem__(self, name: str) -> str:
        (value,) = [value for key, value in self.headers if key.lower() == name]
        return value

    @property
    def cors(self) -> dict[str, str]:
        """Its `access-control-*` and `vary` lines, each of which may be there once only."""
        found = [
            (key.lower(), value)
            for key, value in self.headers
            if key.lower() == "vary" or key.lower().startswith("access-control-")
        ]
        assert len(dict(found)) == len(found), f"a header came twice: {found}"
        return dict(found)


def parse(raw: bytes) -> Answer:
    """A response from its bytes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines)]
    return Answer(int(status.split()[1]), headers, body)


async def exchange(port: int, raw: bytes) -> bytes:
    """What the server answers to these bytes, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()
        await writer.wait_closed()


async def serve(app: Sanic, talk: Callable[[int], Awaitable[Any]], debug: bool = False) -> Any:
    """Serve an app with Sanic's own server while `talk(port)` runs."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server: Any = await app.create_server(
            sock=sock, return_asyncio_server=True, access_log=False, debug=debug
        )
        assert server is not None
        await server.startup()
        await server.before_start()
        await server.start_serving()
        await server.after_start()
        try:
            return await talk(sock.getsockname()[1])
        finally:
            await server.before_stop()
            server.close()
            await server.wait_closed()
            for connection in list(server.connections):
                connection.close()
            await server.after_stop()


def send(app: Sanic, *requests: Ask | bytes, debug: bool = False) -> list[Answer]:
    """The answers of an app, served by Sanic's own server, to requests one after the other."""

    async def talk(port: int) -> list[Answer]:
        return [parse(await exchange(port, one if isinstance(one, bytes) else one.raw())) for one in requests]

    return list(asyncio.run(serve(app, talk, debug)))


def through_asgi(app: Sanic, requests: Iterable[Ask]) -> list[Answer]:
    """The answers of an app to the same requests through Sanic's ASGI client: it starts anew for each."""

    async def talk() -> list[Answer]:
        answers = []
        client = app.asgi_client  # one, since each adds a middleware to the app
        for one in requests:
            forget_starts(app)
            _, response = await client.request(
                one.method, one.path, headers=list(one.headers), content=one.body or None
            )
            headers = [(key.decode(), value.decode()) for key, value in response.headers.raw]
            answers.append(Answer(response.status_code, headers, response.content))
        return answers

    return asyncio.run(talk())


def cors_of(app: Sanic, requests: Sequence[Ask]) -> list[dict[str, str]]:
    """Only the CORS lines of each answer."""
    return [answer.cors for answer in send(app, *requests)]


# --- tables: what is asked, the status and the exact CORS headers of the answer ---

PUBLIC = {"access-control-allow-origin": "*"}
GRANTED = {"access-control-allow-origin": ORIGIN, "vary": "origin"}
REFUSED = {"vary": "origin"}

Row: TypeAlias = tuple[Ask | bytes, int, dict[str, str]]


def lists(methods: str = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS") -> dict[str, str]:
    """What a preflight gets beside the grant; the default is for a path without any route."""
    return {
        "access-control-allow-methods": methods,
        "access-control-allow-headers": "*,authorization",
        "access-control-max-age": "600",
    }


def restore_sanic() -> None:
    """Undo what TOUCHUP does as an app starts: it takes out of Sanic's classes what that app can spare."""
    for target, name in TouchUp._registry:
        if original := vars(target).get(f"_{name}"):  # kept there by Sanic in test mode
            setattr(target, name, original)


def compile_once() -> None:
    """Let Sanic's routers compile the same source once in a process.

    They write their source anew in each app, and with sanic-ext for each route: most of it is the same.
    """
    steps = ("parse", "unparse", "fix_missing_locations")
    kept = {name: lru_cache(1000)(getattr(ast, name)) for name in steps}
    routers: Any = sanic_routing.router
    routers.ast = SimpleNamespace(**{**vars(ast), **kept})
    routers.compile = lru_cache(1000)(compile)


def run_anew(main: Coroutine[Any, Any, Any]) -> Any:
    """Run what serves an app, in a whole Sanic, and leave a whole one."""
    restore_sanic()
    try:
        return asyncio.run(main)
    finally:
        restore_sanic()


def send_anew(app: Sanic, *requests: Ask | bytes, debug: bool = False) -> list[Answer]:
    """As `send`, for several apps in one process."""

    async def talk(port: int) -> list[Answer]:
        return [parse(await exchange(port, one if isinstance(one, bytes) else one.raw())) for one in requests]

    return list(run_anew(serve(app, talk, debug)))


def check(app: Sanic, rows: Mapping[str, Row], debug: bool = False) -> dict[str, Answer]:
    """Ask a table's questions of an app; the answers, for what else there is to say about them."""
    answers = dict(zip(rows, send_anew(app, *(row[0] for row in rows.values()), debug=debug), strict=True))
    wrong = [
        f"{name}: {answer.status} {answer.cors}, not {rows[name][1]} {rows[name][2]}"
        for name, answer in answers.items()
        if (answer.status, answer.cors) != rows[name][1:]
    ]
    assert not wrong, "\n".join(wrong)
    return answers


def apart_from_cors(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer without the headers that a section gives it: what the same app says without corsbp."""
    ours = ("access-control-", "vary")
    rest = [(name, value) for name, value in answer.headers if not name.lower().startswith(ours)]
    return answer.status, rest, answer.body


@contextlib.contextmanager
def served(target: str, *options: str) -> Iterator[int]:
    """Serve `module:app` with the `sanic` command in processes of their own; gives the port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-m", "sanic", target, "--port", str(port), "--no-motd", *options]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "SANIC_AUTO_EXTEND": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_for(port, server, log)
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(60)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if server.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            raise RuntimeError(f"the server did not start:\n{log.read().decode(errors='replace')}")
        time.sleep(0.05)


def over(port: int, *requests: Ask) -> list[Answer]:
    """The answers of a server that runs already."""

    async def talk() -> list[Answer]:
        return [parse(await exchange(port, one.raw())) for one in requests]

    return asyncio.run(talk())


def exchange_now(port: int, request: Ask) -> bytes:
    """The raw answer to one request on a connection that stays open, as curl leaves it."""
    # The second request closes the connection, so that the end of the first answer need not be guessed.
    both = request.raw().replace(b"Connection: close\r\n", b"") + Ask("GET", "/").raw()
    answers = asyncio.run(exchange(port, both))
    return answers[: answers.rindex(b"HTTP/1.1 ")]
