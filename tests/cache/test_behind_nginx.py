"""The chapter "Behind a proxy" of examples/README.md: nginx runs each block of it, in front of the app."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.browsers.processes import installed
from tests.support import ROOT, SEARCH_PATH, reserve_port, sanic_process

from .conftest import start_nginx

PAGE = (ROOT / "examples" / "README.md").read_text()
CHAPTER = PAGE.partition("\n## Behind a proxy\n")[2].partition("\n## ")[0]
APP = re.findall(r"^```python\n(.*?)^```$", CHAPTER, re.M | re.S)[0]
SHARED, SERVERS, *LOGINS = re.findall(r"^```nginx\n(.*?)^```$", CHAPTER, re.M | re.S)
AUTH_REQUEST, AUTH_BASIC = LOGINS
UPSTREAM = "127.0.0.1:8000"

# Routes of the test: the login check of nginx, and scheme and host of a request as Sanic sees them.
REST = """
from sanic import text
from sanic.exceptions import Unauthorized

@app.get("/login-check")
async def check_login(request):
    if request.cookies.get("session") != "ann":
        raise Unauthorized("Log in first.")
    return text("")

@app.get("/seen")
async def seen(request):
    return text(f"{request.scheme} {request.host}")
"""

HOST, OURS, FOREIGN = "api.example", "https://app.example", "https://foreign.example"
GRANTED = {"access-control-allow-origin": OURS, "access-control-allow-credentials": "true", "vary": "origin"}
PREFLIGHT = {"access-control-request-method": "GET"}
HANDSHAKE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


@dataclass(frozen=True)
class Response:
    """A response as nginx sent it."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def cors(self) -> dict[str, str]:
        names = re.compile(r"access-control-|vary$")
        pairs = [(name, value) for name, value in self.headers if names.match(name)]
        assert len(pairs) == len(dict(pairs)), f"a header comes twice: {pairs}"
        return dict(pairs)


@dataclass(frozen=True)
class Nginx:
    """A running nginx: its ports for http and https."""

    ports: dict[str, int] = field(default_factory=dict)

    def send(
        self,
        path: str,
        origin: str | None = OURS,
        method: str = "GET",
        *,
        body: bytes = b"",
        scheme: str = "https",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        port = self.ports[scheme]
        connection: http.client.HTTPConnection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        if scheme == "https":
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
        sent = {**(headers or {}), "host": HOST}
        if origin is not None:
            sent["origin"] = origin
        with closing(connection):
            connection.request(method, path, body=body or None, headers=sent)
            response = connection.getresponse()
            pairs = [(name.lower(), value) for name, value in response.getheaders()]
            return Response(
                response.status, pairs, "" if response.status == 101 else response.read().decode()
            )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[int]:
    (folder / "shop.py").write_text(APP + REST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{SEARCH_PATH}")
        with sanic_process("shop:app", "--single-process") as port:
            yield port


@contextmanager
def nginx(folder: Path, app: int, servers: str, shared: str = SHARED) -> Iterator[Nginx]:
    """Start nginx with servers of the page, whose ports and files are the test's."""
    path = installed("nginx", "nginx-light")
    (folder / "sanic.conf").write_text(shared.replace(UPSTREAM, f"127.0.0.1:{app}"))
    with reserve_port() as http, reserve_port() as https:
        for theirs, ours in {
            "listen 80;": f"listen 127.0.0.1:{http};",
            "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
            "/etc/ssl/": f"{folder}/",
            "/etc/nginx/": f"{folder}/",
            UPSTREAM: f"127.0.0.1:{app}",
        }.items():
            servers = servers.replace(theirs, ours)
        with start_nginx(path, folder, servers):
            yield Nginx({"http": http, "https": https})


Start = Callable[..., AbstractContextManager[Nginx]]


def make_certificate(folder: Path) -> None:
    """Make the certificate of the servers."""
    command = [installed("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", f"/CN={HOST}", "-keyout", str(folder / "shop.key"), "-out", str(folder / "shop.pem")]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def start(folder: Path, app: int) -> Start:
    """Return a function that starts nginx with servers of the page, and with a certificate."""
    make_certificate(folder)
    return partial(nginx, folder, app)


@pytest.fixture(scope="module")
def proxy(start: Start) -> Iterator[Nginx]:
    with start(SERVERS) as served:
        yield served


def with_locations(locations: str) -> str:
    """The page's server for https, with other locations."""
    head = SERVERS[SERVERS.rindex("server {") : SERVERS.index("    location ")]
    return f"{head}{locations}}}\n"


def test_every_block_is_known() -> None:
    assert CHAPTER.count("```nginx") == 4
    assert [text.split()[0] for text in (SHARED, SERVERS, AUTH_REQUEST, AUTH_BASIC)] == [
        "proxy_pass",
        "server",
        "location",
        "location",
    ]


def test_pages_read_responses(proxy: Nginx) -> None:
    for origin, cors in {OURS: GRANTED, FOREIGN: {"vary": "origin"}}.items():
        response = proxy.send("/api/orders", origin)
        assert (response.status, response.body, response.cors) == (200, "[7]", cors)


def test_preflights_reach_the_app(proxy: Nginx) -> None:
    response = proxy.send("/api/orders", method="OPTIONS", headers=PREFLIGHT)
    assert response.status == 204
    assert response.cors["access-control-allow-methods"] == "GET,OPTIONS"


def test_sanic_knows_scheme_and_host_of_the_browsers_request(proxy: Nginx) -> None:
    assert proxy.send("/seen").body == f"https {HOST}"


def test_http_is_redirected_without_cors_headers(proxy: Nginx) -> None:
    for method in ("GET", "OPTIONS"):
        response = proxy.send("/api/orders", method=method, scheme="http", headers=PREFLIGHT)
        assert (response.status, response.cors) == (308, {})
        assert response.all("location") == [f"https://{HOST}/api/orders"]


@pytest.mark.parametrize(
    ("origin", "status"), [(f"https://{HOST}", 101), (OURS, 101), (None, 101), (FOREIGN, 403)]
)
def test_who_may_open_a_websocket(proxy: Nginx, origin: str | None, status: int) -> None:
    assert proxy.send("/api/chat", origin, headers=HANDSHAKE).status == status


def test_large_bodies_reach_the_app(proxy: Nginx) -> None:
    response = proxy.send("/api/orders", method="POST", body=b"a" * 2_000_000)
    assert (response.status, response.cors) == (405, GRANTED)


@pytest.mark.parametrize(
    ("line", "send", "status"),
    [
        (
            "proxy_set_header Host",
            lambda proxy: proxy.send("/api/chat", f"https://{HOST}", headers=HANDSHAKE),
            403,
        ),
        (
            "client_max_body_size",
            lambda proxy: proxy.send("/api/orders", method="POST", body=b"a" * 2_000_000),
            413,
        ),
    ],
    ids=["Host", "client_max_body_size"],
)
def test_without_a_line(
    start: Start,
    line: str,
    send: Callable[[Nginx], Response],
    status: int,
) -> None:
    """What the page says of a missing line is what happens."""
    shared, count = re.subn(rf"^{line} .*\n", "", SHARED, flags=re.M)
    assert count == 1
    with start(SERVERS, shared) as proxy:
        response = send(proxy)
        assert (response.status, response.all("access-control-allow-origin")) == (status, [])


@pytest.mark.parametrize(
    ("locations", "login"),
    [
        (AUTH_REQUEST, {"cookie": "session=ann"}),
        (AUTH_BASIC, {"authorization": "Basic YW5uOnNlY3JldA=="}),
    ],
    ids=["auth_request", "auth_basic"],
)
def test_preflights_pass_the_login(start: Start, folder: Path, locations: str, login: dict[str, str]) -> None:
    (folder / "users").write_text("ann:{PLAIN}secret\n")
    with start(with_locations(locations)) as proxy:
        preflight = proxy.send("/api/orders", method="OPTIONS", headers=PREFLIGHT)
        assert preflight.status == 204
        assert preflight.cors["access-control-allow-origin"] == OURS
        outside = proxy.send("/api/orders")
        assert (outside.status, outside.cors) == (401, {})
        inside = proxy.send("/api/orders", headers=login)
        assert (inside.status, inside.cors) == (200, GRANTED)


@pytest.mark.parametrize(
    ("more", "preflight", "lines"),
    [
        ("add_header Access-Control-Allow-Origin *;", 204, [OURS, "*"]),
        ("if ($request_method = OPTIONS) { return 204; }", 204, []),
    ],
    ids=["add_header", "if"],
)
def test_a_second_cors_layer(start: Start, more: str, preflight: int, lines: list[str]) -> None:
    """What the page says to remove breaks every preflight."""
    locations = f"location / {{ include sanic.conf; {more} }}\n"
    with start(with_locations(locations)) as proxy:
        response = proxy.send("/api/orders", method="OPTIONS", headers=PREFLIGHT)
        assert (response.status, response.all("access-control-allow-origin")) == (preflight, lines)
