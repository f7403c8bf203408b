"""The stores that origins are followed in: servers of their own, which tests start, kill and start again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..browsers.processes import installed, running
from ..support import reserve_port


class Server:
    """A server whose files are in a folder, so that it knows after a restart what it knew before."""

    def __init__(self, folder: Path, port: int, command: Sequence[str | Path], url: str) -> None:
        self.folder, self.port, self.command, self.url = folder, port, command, url
        self.stack = ExitStack()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self.program = self.stack.enter_context(running(self.command, self.folder / "log", cwd=self.folder))
        self.program.until(self.listens, "listening")

    def kill(self) -> None:
        """SIGKILL: it has no time for a word to anybody."""
        guard = self.program.process.pid
        for child in Path(f"/proc/{guard}/task/{guard}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        self.program.process.wait(60)  # which waits for it
        self.stack.close()

    def listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextmanager
def _folder() -> Iterator[Path]:
    # not below pytest's own, into which no other user may look
    folder = Path(tempfile.mkdtemp(prefix="corsbp-store-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[Server]:
    """PostgreSQL, with a superuser `corsbp` whom nobody asks for a password."""
    initdb = installed("/usr/lib/postgresql/*/bin/initdb", "postgresql")
    with _folder() as folder, reserve_port() as port:
        data = folder / "data"
        whoever: list[str | Path] = []
        if os.getuid() == 0:  # as whom it refuses to run: its package has made a user
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            ids: list[str | Path] = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            whoever = [installed("setpriv", "util-linux"), *ids]
        made: list[str | Path] = [
            initdb,
            "--pgdata",
            data,
            "--username=corsbp",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
        ]
        subprocess.run([*whoever, *made, "--no-locale"], check=True, capture_output=True, cwd=folder)
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        settings += ["max_connections=50", "shared_buffers=16MB"]
        options = [option for setting in settings for option in ("-c", setting)]
        command = [*whoever, Path(initdb).with_name("postgres"), "-D", data, *options]
        server = Server(folder, port, command, f"postgresql://corsbp@127.0.0.1:{port}/postgres")
        with server.stack:
            server.start()
            yield server


@contextmanager
def valkey() -> Iterator[Server]:
    """Valkey, or Redis where the system has no Valkey."""
    program = shutil.which("valkey-server") or installed("redis-server", "valkey-server or redis-server")
    with _folder() as folder, reserve_port() as port:
        options = ["--port", f"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
        server = Server(folder, port, [program, *options, "--dir", folder], f"valkey://127.0.0.1:{port}")
        with server.stack:
            server.start()
            yield server


class Proxy:
    """Between a client and a server: it passes on what comes, or swallows it, or is late, or resets all."""

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self.swallows = False
        self.delay = 0.0
        """Seconds by which everything is late."""
        self.writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> int:
        """Listen, and return the port."""
        self.server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self.server.close()
        for writer in [*self.writers]:
            writer.close()

    def reset(self) -> None:
        """Reset all connections, on both sides."""
        for writer in [*self.writers]:
            with contextlib.suppress(OSError):
                # A socket that does not linger ends with RST, https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        self.writers.clear()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:
            writer.close()
            return
        self.writers |= {writer, to_server}
        with contextlib.suppress(asyncio.CancelledError):  # at the end
            await asyncio.gather(self.pass_on(reader, to_server), self.pass_on(from_server, writer))

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not self.swallows:
                    writer.write(data)
                    await writer.drain()
        if not self.swallows:
            writer.close()
