"""The page that browsers open: it fetches scripts from this server, and posts their results."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

HTML = Path(__file__).with_name("page.html").read_bytes()
POLL = 20  # seconds that the page waits for a script before it fetches again

RequestHandler: TypeAlias = Callable[[str, str, Message, bytes], tuple[int, Sequence[tuple[str, str]], bytes]]
"""Takes method, path, headers and body; gives status, headers and body."""


@dataclass
class Tab:
    """One page in one browser: the scripts for it, and their results."""

    url: str
    jobs: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    results: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    open: threading.Event = field(default_factory=threading.Event)
    number: int = 0

    def run(self, job: dict[str, Any], alive: Callable[[], bool], seconds: float = 60) -> object:
        """Make the page run `job["script"]`, and return the result."""
        self.number += 1
        self.jobs.put({**job, "number": self.number})
        for _ in range(int(seconds * 2)):
            try:
                result = self.results.get(timeout=0.5)
            except queue.Empty:
                if not alive():
                    break
                continue
            if result["number"] == self.number:
                return result["seen"]
        raise TimeoutError("the browser did not respond")


class Pages:
    """The same page with several origins, for several browsers one after another."""

    def __init__(self, servers: Sequence[ThreadingHTTPServer]) -> None:
        port, other_port = (server.server_port for server in servers)
        self.origins = {
            "app": f"http://127.0.0.1:{port}",
            "other": f"http://127.0.0.1:{other_port}",
            "stranger": f"http://localhost:{port}",
            "shop": f"http://shop.localhost:{port}",
            "inner": f"http://api.shop.localhost:{port}",
        }
        self.tabs: dict[str, Tab] = {}
        self.handlers: dict[str, RequestHandler] = {}  # by folder: the handler of its requests
        self.certificate_exceptions = ""  # lines of Firefox's `cert_override.txt`

    def tabs_of(self, browser: str) -> dict[str, Tab]:
        """Make a new tab for each origin."""
        tabs = {origin: Tab(f"{url}/{browser}/") for origin, url in self.origins.items()}
        self.tabs |= {tab.url: tab for tab in tabs.values()}
        return tabs


@contextmanager
def served() -> Iterator[Pages]:
    """Serve the page on two free ports."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def parse_request(self) -> bool:
            """Pass the requests of other folders to their handlers, whatever the method is."""
            if not super().parse_request():
                return False
            handler = pages.handlers.get(self.path[: self.path.find("/", 1)])
            if handler is None:
                return True
            jobs = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, body = handler(self.command, self.path, self.headers, jobs)
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if status == 101:
                return self.switch()
            if ("content-type", "text/event-stream") in headers:
                return self.stream(body)
            if status not in (204, 304):
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            if status not in (204, 304) and self.command != "HEAD":
                self.wfile.write(body)
            self.wfile.flush()
            return False

        def switch(self) -> bool:
            """Open a WebSocket that sends nothing. https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2"""
            key = f"{self.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_header("upgrade", "websocket")
            self.send_header("connection", "Upgrade")
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
            self.send_header("sec-websocket-accept", accept.decode())
            return self.stream(b"")

        def stream(self, body: bytes) -> bool:
            """Send the body, and wait until the browser closes the connection."""
            self.close_connection = True
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            self.connection.settimeout(POLL)
            with contextlib.suppress(OSError):
                self.connection.recv(1)
            return False

        def do_GET(self) -> None:
            tab, what = self.tab()
            if tab is None:
                self.respond(b"", status=404)
            elif what == "":
                self.respond(HTML, "text/html")
            else:
                tab.open.set()
                try:
                    job = tab.jobs.get(timeout=POLL)
                except queue.Empty:
                    job = None
                self.respond(json.dumps(job).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            tab, _ = self.tab()
            if tab is not None:
                tab.results.put(json.loads(body))
            self.respond(b"null")

        def tab(self) -> tuple[Tab | None, str]:
            folder, _, what = self.path.rpartition("/")
            return pages.tabs.get(f"http://{self.headers['host']}{folder}/"), what

        def respond(self, body: bytes, content_type: str = "application/json", status: int = 200) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Ignore requests that a browser left unfinished."""

    servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
    pages = Pages(servers)
    threads = [threading.Thread(target=server.serve_forever, args=[0.05]) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield pages
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
