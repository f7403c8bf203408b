"""nginx with `proxy_cache` in front of the app under test."""

from __future__ import annotations

import http.client
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browsers.bench import App, serving
from tests.browsers.processes import installed, running
from tests.support import reserve_port, sanic_process

A, B = "https://a.example", "https://b.example"
EDGE_APP = "tests.cache.edge_app:app"

HTTP = """
daemon off;
master_process off;  # one process, which runs as whoever starts it
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    server_tokens off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    proxy_cache_path {folder}/cache keys_zone=answers:1m;
    {servers}
}}
"""

CACHE = """
    server {{
        listen 127.0.0.1:{port};
        proxy_cache answers;
        proxy_cache_valid any 10m;  # errors too
        add_header x-cache $upstream_cache_status always;
        {locations}
        location /recipe/ {{  # as found in many answers to "how do I enable CORS"
            add_header access-control-allow-origin *;
            add_header access-control-allow-credentials true;
            add_header access-control-allow-methods "GET, POST, OPTIONS";
            if ($request_method = OPTIONS) {{ return 204; }}
            return 200 "hello";
        }}
    }}
"""


@dataclass(frozen=True)
class Answer:
    """What a client got, and whether the cache had it: HIT, MISS, or nothing when it was not asked."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def cache(self) -> str:
        return self.headers.get("x-cache", "")

    @property
    def vary(self) -> set[str]:
        return {name.strip().lower() for name in self.headers.get("vary", "").split(",")} - {""}

    @property
    def cors(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.startswith("access-control-")}


class Proxy:
    """One client's connection to nginx."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    @property
    def port(self) -> int:
        return self._connection.port

    def get(self, path: str, origin: str | None = None, method: str = "GET", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if origin is not None:
            sent["origin"] = origin
        self._connection.request(method, path, headers=sent)
        response = self._connection.getresponse()
        pairs = [(name.lower(), value) for name, value in response.getheaders()]
        assert len(pairs) == len(dict(pairs)), f"a header comes twice: {pairs}"
        return Answer(response.status, dict(pairs), response.read().decode())


@pytest.fixture(scope="package")
def proxy() -> Iterator[Proxy]:
    """`/corsbp/...` leads to the app with corsbp, and `/everything/...` to the one that allows everything."""
    path = installed("nginx", "nginx-light")
    with tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        origins = {"app": A, "other": B}
        with (
            serving(["corsbp", "everything"], origins, folder) as apps,
            nginx(path, apps, folder) as port,
            closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection,
        ):
            yield Proxy(connection)


@contextmanager
def nginx(path: str, apps: Mapping[str, App], folder: Path) -> Iterator[int]:
    """Start nginx, and return its port."""
    locations = "".join(
        f"location /{kind}/ {{ proxy_pass http://127.0.0.1:{app.port}/; }}\n" for kind, app in apps.items()
    )
    with reserve_port() as port, start_nginx(path, folder, CACHE.format(port=port, locations=locations)):
        yield port


@contextmanager
def start_nginx(path: str, folder: Path, servers: str) -> Iterator[None]:
    """Start nginx with these servers."""
    configuration = folder / "nginx.conf"
    configuration.write_text(HTTP.format(folder=folder, servers=servers))
    (folder / "pid").unlink(missing_ok=True)
    command = [path, "-p", os.fspath(folder), "-e", "stderr", "-c", os.fspath(configuration)]
    with running(command, folder / "nginx") as program:
        program.until((folder / "pid").exists, "listening")
        yield


@contextmanager
def nginx_servers(servers: Mapping[str, str], folder: Path) -> Iterator[dict[str, int]]:
    """Start `edge_app`, and one nginx with all servers in front of it; return the ports of the servers.

    servers: by name, the lines of a server, with `{port}` for its port.
    """
    path = installed("nginx", "nginx-light")
    with ExitStack() as stack:
        ports = {name: stack.enter_context(reserve_port()) for name in servers}
        app = stack.enter_context(sanic_process(EDGE_APP, "--single-process"))
        blocks = [f"upstream app {{ server 127.0.0.1:{app}; }}"]
        for name, port in ports.items():
            lines = servers[name].replace("{port}", str(port))
            # One cache serves all servers, each with its own entries.
            lines = lines.replace(
                "proxy_cache answers;", f"proxy_cache answers; proxy_cache_key '{port}$request_uri';"
            )
            blocks.append(f"server {{ listen 127.0.0.1:{port}; {lines} }}")
        stack.enter_context(start_nginx(path, folder, "\n".join(blocks)))
        yield ports
