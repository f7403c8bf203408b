"""HTTP/3, with aioquic: there, responses of Sanic without a body end the connection."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

from ..browsers.processes import ProgramError
from ..support import (
    EVIL,
    GRANTED,
    ORIGIN,
    REFUSED,
    ROOT,
    Expectation,
    HttpRequest,
    preflight,
    preflight_headers,
    request,
    require_package,
    reserve_port,
)
from .test_servers import program

SITE = f"""
import logging

from sanic import Blueprint, Sanic
from sanic.exceptions import Forbidden
from sanic.response import empty, text
from corsbp import cors_group

api = Blueprint("api", url_prefix="/api")


@api.get("/item")
async def item(_):
    return text("item")


@api.delete("/item")
async def gone(_):
    return empty()


async def later(origin, _):
    return origin == {ORIGIN!r}


other = api.copy("other", url_prefix="/other")
checked = Blueprint("checked", url_prefix="/checked")
handled = []


@checked.route("/item", methods=["GET", "POST"])
async def check(request):
    handled.append(request.method)
    return text("served")


app = Sanic("site")
app.config.REQUEST_MAX_SIZE = 100_000
logging.getLogger("corsbp").setLevel("DEBUG")
app.blueprint(cors_group(checked, allow_origins=[{ORIGIN!r}, "https://two.example"], check_requests="all"))
app.blueprint(cors_group(api, allow_origins=[{ORIGIN!r}, "https://two.example"]))
app.blueprint(cors_group(other, allow_origins=later))


@app.get("/web")
async def web(_):
    return text("web")


@app.after_server_start
async def ready(_):
    print("it listens", flush=True)


@app.get("/handled")
async def count(_):
    return text("".join(handled), headers={{"x-handled": " ".join(handled)}})


@app.exception(Forbidden)
async def forbid(request, error):
    return text("no", 403, headers={{"cache-control": "public, max-age=600"}})
"""


def rows_of(prefix: str) -> dict[str, Expectation]:
    methods = preflight_headers("GET,DELETE,OPTIONS")
    return {
        f"{prefix}: granted": (request("GET", f"{prefix}/item"), 200, GRANTED),
        f"{prefix}: refused": (request("GET", f"{prefix}/item", EVIL), 200, REFUSED),
        f"{prefix}: preflight": (preflight(f"{prefix}/item", "DELETE"), 204, GRANTED | methods),
        f"{prefix}: preflight, refused": (preflight(f"{prefix}/item", origin=EVIL), 204, REFUSED),
        f"{prefix}: no content": (request("DELETE", f"{prefix}/item"), 204, GRANTED),
        f"{prefix}: not found": (request("GET", f"{prefix}/none"), 404, GRANTED),
        f"{prefix}: preflight, not found": (preflight(f"{prefix}/none"), 204, GRANTED | methods),
        f"{prefix}: OPTIONS": (request("OPTIONS", f"{prefix}/item"), 204, GRANTED),
    }


ROWS: dict[str, Expectation] = {
    **rows_of("/api"),
    **rows_of("/other"),
    "outside": (request("GET", "/web"), 200, {}),
}


CROSS, SAME = {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-origin"}
READ = "vary", "origin, sec-fetch-site, sec-fetch-mode"
LARGE = "x" * 300_000
"""More than the server accepts for a handler, and more than one packet."""

FORGED: dict[str, Expectation] = {
    "own page": (request("POST", "/checked/item", "https://localhost"), 200, REFUSED),
    "own page, by its browser": (request("POST", "/checked/item", None, **SAME), 200, REFUSED),
    "allowed": (request("POST", "/checked/item", body="abc", **CROSS), 200, GRANTED),
    "a cookie": (request("POST", "/checked/item", cookie="a=1", **CROSS), 403, GRANTED),
    "another port": (request("POST", "/checked/item", "https://localhost:8443"), 403, REFUSED),
    "forged": (request("POST", "/checked/item", EVIL, **CROSS), 403, REFUSED),
    "an upload": (request("POST", "/checked/item", EVIL, LARGE), 403, REFUSED),
    "after it": (request("POST", "/checked/item"), 200, GRANTED),
    "an image": (request("GET", "/checked/item", None, **CROSS), 403, dict([READ])),
}


def answers(port: int, requests: list[HttpRequest]) -> list[dict[str, str]]:
    """Return the headers of each response, `:status` among them, all on one connection."""
    from aioquic.asyncio.client import connect
    from aioquic.asyncio.protocol import QuicConnectionProtocol
    from aioquic.h3.connection import H3_ALPN, H3Connection
    from aioquic.h3.events import DataReceived, HeadersReceived
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.events import ConnectionTerminated

    class Client(QuicConnectionProtocol):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.h3 = H3Connection(self._quic)
            self.heads: dict[int, dict[str, str]] = {}
            self.ends: dict[int, asyncio.Future[None]] = {}

        def quic_event_received(self, event: Any) -> None:
            if isinstance(event, ConnectionTerminated):
                for end in self.ends.values():
                    if not end.done():
                        end.set_exception(ConnectionError(event.reason_phrase))
            for part in self.h3.handle_event(event):
                assert isinstance(part, HeadersReceived | DataReceived)
                if isinstance(part, HeadersReceived):
                    pairs = [(name.decode(), value.decode()) for name, value in part.headers]
                    self.heads[part.stream_id] = dict(pairs)
                    assert len(pairs) == len(self.heads[part.stream_id])
                if part.stream_ended:
                    self.ends[part.stream_id].set_result(None)

        async def ask(self, one: HttpRequest) -> dict[str, str]:
            stream = self._quic.get_next_available_stream_id()
            self.ends[stream] = asyncio.get_running_loop().create_future()
            head = {":method": one.method, ":scheme": "https", ":authority": "localhost", ":path": one.path}
            pairs = [(name.encode(), value.encode()) for name, value in (*head.items(), *one.headers)]
            self.h3.send_headers(stream, pairs, end_stream=not one.body)
            if one.body:
                self.h3.send_data(stream, one.body, end_stream=True)
            self.transmit()
            await asyncio.wait_for(self.ends[stream], 60)
            return self.heads[stream]

    async def talk() -> list[dict[str, str]]:
        trust = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE)
        async with connect("127.0.0.1", port, configuration=trust, create_protocol=Client) as client:
            assert isinstance(client, Client)
            return [await client.ask(one) for one in requests]

    return asyncio.run(talk())


def test_responses_have_the_headers_and_forged_requests_are_refused(tmp_path: Path) -> None:
    require_package("aioquic")
    (tmp_path / "site3.py").write_text(SITE)
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*made, "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    options = ["site3:app", "--http=3", "--cert=cert.pem", "--key=key.pem", "--no-motd", "--single-process"]
    rows = ROWS | FORGED
    requests = [one for one, *_ in rows.values() if isinstance(one, HttpRequest)]
    for attempt in range(3):
        # aioquic binds the UDP port alone, so that none can be reserved: another program may be faster
        with (
            reserve_port() as port,
            program(tmp_path, "sanic", *options, f"--port={port}", search_path=f"{ROOT}") as server,
        ):
            try:
                server.until(lambda: "it listens" in server.read_output(), "listening")
            except ProgramError:
                assert attempt < 2 and "in use" in server.read_output(), server.read_output()
                continue
            *heads, handled = answers(port, [*requests, request("GET", "/handled")])
            output = server.read_output()
            break
    seen = dict(zip(rows, map(status_and_cors, heads), strict=True))
    assert seen == {name: (status, cors) for name, (_, status, cors) in rows.items()}
    stored = [head.get("cache-control") for head in heads]
    assert stored == ["no-store" if status == 403 else None for _, status, _ in rows.values()]
    assert handled["x-handled"] == "POST POST POST POST"
    logged = re.findall(r"cannot make the request '(\w+)' '/checked/item': ([\w-]+): ", output)
    assert logged == [
        ("POST", "request-with-credentials"),
        *[("POST", "request-cross-origin")] * 3,
        ("GET", "request-cross-origin"),
    ]


def status_and_cors(head: dict[str, str]) -> tuple[int, dict[str, str]]:
    cors = {name: head[name] for name in head if name == "vary" or name.startswith("access-control-")}
    return int(head[":status"]), cors
