"""Clients that check: many connections, kept or new, some of them slow or rude, and no answer unread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import NamedTuple

from .table import LATE, LONG, SECTIONS, Ask, any_ask, ask

PATIENCE = 30
"""Seconds after which an answer is lost: much more than any should take."""


class Answer(NamedTuple):
    """A response as it came over the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def cors(self) -> list[tuple[str, str]]:
        return [pair for pair in self.headers if pair[0] == "vary" or pair[0].startswith("access-control-")]


class Lost(NamedTuple):
    """A connection that ended before its answer came."""

    opened: float
    ended: float
    worker: int | None
    """None: no answer had come yet that tells."""
    reason: str


class Connection:
    """A connection to whichever worker takes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.opened = time.monotonic()
        self.worker: int | None = None
        self.kept = True

    @classmethod
    async def open(cls, port: int, *, slow: bool = False) -> Connection:
        """A new connection; a slow one has little room for what is not read yet."""
        sock = socket.socket()
        try:
            if slow:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            return cls(*await asyncio.open_connection(sock=sock, limit=16_384 if slow else 65_536))
        except BaseException:
            sock.close()
            raise

    async def answer(self, method: str, pause: float = 0) -> Answer:
        """The next answer; `pause` seconds pass between the parts of a chunked body."""
        head = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1")
        status, *lines = head.split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        answer = Answer(int(status.split()[1]), [(name.lower(), value.strip()) for name, value in pairs], b"")
        if worker := answer.header("x-worker"):
            self.worker = int(worker)
        self.kept = answer.header("connection") == "keep-alive"
        if method == "HEAD" or answer.status == 204:
            return answer
        return answer._replace(body=await self._body(answer, pause))

    async def _body(self, answer: Answer, pause: float) -> bytes:
        if answer.header("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(answer.header("content-length") or 0))
        body = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
            await asyncio.sleep(pause)
        await self.reader.readexactly(2)
        return b"".join(body)

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Break the connection off if this takes too long.

        Not `asyncio.wait_for`: before Python 3.12 it now and then forgets that it was cancelled.
        """
        timer = asyncio.get_running_loop().call_later(PATIENCE, self.writer.transport.abort)
        try:
            yield
        finally:
            timer.cancel()

    def reset(self) -> None:
        """End it in the rudest way that there is."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def until(ready: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.02)


class Clients:
    """So many clients that ask and check until they are told to stop; they can be paused."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        self.port, self.count, self.seed = port, count, seed
        self.asked: Counter[str] = Counter()
        self.right: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.lost: list[Lost] = []
        self.going = asyncio.Event()
        self.resting = 0

    async def pause(self) -> None:
        """Wait until each client has finished what it does and has closed its connection."""

        async def rested() -> bool:
            return self.resting == self.count

        self.going.clear()
        await until(rested, "all clients rest", PATIENCE * 2)

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(self._client(Random(f"{self.seed}/{each}")) for each in range(self.count)))

    async def _client(self, random: Random) -> None:
        connection: Connection | None = None
        while True:
            if not self.going.is_set():
                if connection is not None:
                    await connection.close()
                    connection = None
                self.resting += 1
                await self.going.wait()
                self.resting -= 1
            act = random.choices(ACTS, WEIGHTS)[0]
            alone = act in ON_THEIR_OWN
            if connection is not None and alone:
                await connection.close()
                connection = None
            connection = await self._try(act, random, connection)
            if connection is not None and (alone or random.random() < 0.1):
                await connection.close()
                connection = None

    async def _try(self, act: Act, random: Random, connection: Connection | None) -> Connection | None:
        """Do something; the connection, if it is still open."""
        opened = time.monotonic()
        try:
            if connection is None:
                connection = await Connection.open(self.port, slow=act is read_slowly)
            opened = connection.opened
            with connection.patience():
                await act(self, random, connection)
        except (OSError, EOFError) as error:
            worker = connection.worker if connection else None
            self.lost.append(Lost(opened, time.monotonic(), worker, f"{act.__name__}: {error!r}"))
        except asyncio.CancelledError:
            if connection is not None:
                connection.reset()
            raise
        else:
            if connection.kept:
                return connection
        if connection is not None:
            await connection.close()
        return None

    async def send(self, connection: Connection, *asks: Ask, pause: float = 0) -> list[Answer]:
        """Send these requests at once and check the answers."""
        connection.writer.write(b"".join(one.raw for one in asks))
        answers = []
        for one in asks:
            self.asked[one.section] += 1
            answer = await connection.answer(one.method, pause)
            self.check(one, answer)
            answers.append(answer)
            if not connection.kept and one is not asks[-1]:
                raise EOFError("closed before all was answered")
        return answers

    def check(self, one: Ask, answer: Answer) -> None:
        if wrong := one.wrong(answer.status, answer.cors, answer.body):
            self.wrong.append(wrong)
        else:
            self.right[one.section] += 1


# --- what clients do ---

Act = Callable[[Clients, Random, Connection], Awaitable[None]]


async def request(clients: Clients, random: Random, connection: Connection) -> None:
    await clients.send(connection, any_ask(random))


async def pipeline(clients: Clients, random: Random, connection: Connection) -> None:
    await clients.send(connection, *(any_ask(random) for _ in range(random.randint(2, 6))))


async def read_slowly(clients: Clients, random: Random, connection: Connection) -> None:
    """The server has to wait with what it has left to send."""
    one = ask(random.choice(SECTIONS), LONG, f"https://slow{random.getrandbits(32)}.partner.example")
    await clients.send(connection, one, pause=0.005)


async def leave_an_upload(clients: Clients, random: Random, connection: Connection) -> None:
    """Half of a body, and then nobody."""
    one = any_ask(random, ("upload", "chunked upload"))
    connection.writer.write(one.raw[: -len(one.raw) // 3])
    await connection.writer.drain()
    clients.asked["left"] += 1
    await _leave(random, connection)


async def leave_a_stream(clients: Clients, random: Random, connection: Connection) -> None:
    """Read the head of a long answer, check it, and go."""
    one = ask(random.choice(SECTIONS), LONG, f"https://left{random.getrandbits(32)}.partner.example")
    connection.writer.write(one.raw)
    head = (await connection.reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1")
    status, *lines = head.split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    answer = Answer(int(status.split()[1]), [(name.lower(), value.strip()) for name, value in pairs], b"")
    clients.asked["left"] += 1
    clients.check(one._replace(body=None), answer)
    await _leave(random, connection)


async def leave_an_origin_function(clients: Clients, random: Random, connection: Connection) -> None:
    """Ask what takes long to decide, and do not wait for it."""
    connection.writer.write(ask("waited", "get", f"https://{random.choice(LATE)}.example").raw)
    await connection.writer.drain()
    clients.asked["left"] += 1
    await asyncio.sleep(random.random() * 0.3)
    await _leave(random, connection)


async def _leave(random: Random, connection: Connection) -> None:
    if random.random() < 0.5:
        connection.reset()


ACTS: tuple[Act, ...] = (
    request,
    pipeline,
    read_slowly,
    leave_an_upload,
    leave_a_stream,
    leave_an_origin_function,
)
WEIGHTS = (80, 14, 1, 2, 2, 1)
ON_THEIR_OWN = ACTS[2:]
"""These need a connection that nothing else is done with."""
