"""A server that is not Sanic, for `corsbp explain`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def fixed_server(
    headers: Mapping[str, str],
    status: int = 200,
    preflight: tuple[int, Mapping[str, str]] | None = None,
    others: Mapping[str, tuple[int, Mapping[str, str]]] | None = None,
) -> Iterator[str]:
    """Run a server that sends the same response to each request; `{port}` in a header is its own.

    Args:
        preflight: the response to OPTIONS.
        others: responses of other paths than `/item`.
    """

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "edge/1.2", ""

        def respond(self) -> None:
            chosen = preflight if preflight and self.command == "OPTIONS" else (status, headers)
            code, lines = (others or {}).get(self.path, chosen)
            self.send_response(code)
            for name, value in lines.items():
                self.send_header(name, value.replace("{port}", str(running.server_port)))
            if code != 204:
                self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_OPTIONS = do_POST = do_PUT = respond  # noqa: N815  # names of http.server

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/item"
        finally:
            running.shutdown()
            thread.join()
