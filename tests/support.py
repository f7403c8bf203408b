"""What the tests share: apps, and a client that speaks HTTP to Sanic's own server and hides nothing."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sanic import Sanic

_names = itertools.count(1)

ORIGIN = "https://app.example"


def new_app(*groups: Any, **config: Any) -> Sanic:
    """An app of its own name, without sanic-ext unless the test asks for it."""
    app = Sanic(f"app{next(_names)}")
    app.config.update({"AUTO_EXTEND": False, "MOTD": False, "ACCESS_LOG": False, **config})
    for group in groups:
        app.blueprint(group)
    return app


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


def ask(method: str, path: str, origin: str | None = ORIGIN, body: bytes = b"", **headers: str) -> Ask:
    """A request of a page; underscores in names stand for dashes."""
    pairs = [("origin", origin)] if origin is not None else []
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Ask(method, path, tuple(pairs), body)


def preflight(path: str, method: str = "GET", headers: str | None = None, origin: str = ORIGIN) -> Ask:
    """The preflight that a browser sends before `method`."""
    more = {} if headers is None else {"access_control_request_headers": headers}
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
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        await writer.wait_closed()


async def serve(app: Sanic, talk: Callable[[int], Awaitable[Any]], debug: bool = False) -> Any:
    """Serve an app with Sanic's own server while `talk(port)` runs."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = await app.create_server(
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
        for one in requests:
            _, response = await app.asgi_client.request(
                one.method, one.path, headers=list(one.headers), content=one.body or None
            )
            headers = [(key.decode(), value.decode()) for key, value in response.headers.raw]
            answers.append(Answer(response.status_code, headers, response.content))
        return answers

    return asyncio.run(talk())


def cors_of(app: Sanic, requests: Sequence[Ask]) -> list[dict[str, str]]:
    """Only the CORS lines of each answer."""
    return [answer.cors for answer in send(app, *requests)]
