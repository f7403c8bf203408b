"""An app that checks requests, for the browsers and for the model: `python -m tests.browsers.forgery_app`.

Each request has the name of its case in its query. A line of the log has the headers by which requests are
checked, and the outcome: `handler`, or the id of the refusal.

Its arguments are a folder, in which it writes its `ports` and its `log`, a certificate and its key, and the
origins that its policies allow.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from sanic import Blueprint, HTTPResponse, Request, Sanic, html, raw, text
from sanic.server import HttpProtocol

from corsbp import CorsPolicy, cors_group
from corsbp.decision.refusal import Refusal

METHODS = ["GET", "POST", "PUT"]
POST_ADDRESS = """<script>
  if (opener) {
    opener.postMessage(location.href, "*");
    close();
  }
</script>"""
RELOAD_ONCE = """<script>
  if (sessionStorage.reloaded) {
    delete sessionStorage.reloaded;
    opener.postMessage("reloaded", "*");
    close();
  } else {
    sessionStorage.reloaded = "yes";
    location.reload();
  }
</script>"""
PAGE = """<!doctype html><script>
  const AsyncFunction = (async () => {}).constructor;
  addEventListener("message", async ({ data }) => {
    if (!data.script) return;
    const seen = await new AsyncFunction(data.script)().catch((error) => `${error}`);
    opener.postMessage({ seen }, "*");
  });
  opener.postMessage({ seen: "open" }, "*");
</script>"""
WORKER = """
  oninstall = () => skipWaiting();
  onactivate = (event) => event.waitUntil(clients.claim());
  onfetch = (event) => event.respondWith(fetch(event.request));
"""
GIF = b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2L\1\0;"
LOGGED = ("origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "cookie")

Log = Callable[[dict[str, Any]], None]


def entry_of(request: Request, outcome: str) -> dict[str, Any]:
    """Return the line of a request, with the size of the body that has been received."""
    headers = {
        name: ", ".join(request.headers.getall(name, ())) for name in LOGGED if name in request.headers
    }
    return {
        "case": request.args.get("case"),
        "line": f"{request.method} {request.path} {outcome}",
        "body": len(request.body),
        **headers,
    }


def create(name: str, allowed: Sequence[str], log: Log) -> Sanic[Any, Any]:
    """Make the app: three policies for the same routes, and routes that check nothing."""
    app: Sanic[Any, Any] = Sanic(name)
    # TOUCHUP changes the classes of Sanic that both apps share
    app.config.update({"AUTO_EXTEND": False, "TOUCHUP": False, "MOTD": False})
    app.config.FALLBACK_ERROR_FORMAT = "text"

    async def item(request: Request) -> HTTPResponse:
        log(entry_of(request, "handler"))
        return html(POST_ADDRESS)

    async def picture(request: Request) -> HTTPResponse:
        log(entry_of(request, "handler"))
        return raw(GIF, content_type="image/gif")

    async def moved(request: Request) -> HTTPResponse:
        status, headers = redirect_of(request.path, request.query_string)
        return HTTPResponse(status=status, headers=headers)

    async def page(_: Request) -> HTTPResponse:
        return html(PAGE)

    async def worker(_: Request) -> HTTPResponse:
        return text(WORKER, content_type="text/javascript")

    with_cookies = CorsPolicy(allow_origins=allowed, allow_credentials=True, check_requests="writes")
    policies = {
        "cookies": with_cookies,
        "worker": with_cookies,
        "reads": with_cookies.replace(allow_methods=["GET"]),
        "tokens": with_cookies.replace(allow_credentials=False),
        "all": with_cookies.replace(allow_credentials=False, check_requests="all"),
    }
    for section, policy in policies.items():
        bp = Blueprint(section, url_prefix=f"/{section}")
        bp.add_route(item, "/item", methods=METHODS, name="item")
        bp.add_route(picture, "/picture", name="picture")
        exempt = policy.replace(check_requests=False)
        bp.add_route(item, "/callback", methods=["POST"], name="callback", ctx_cors=exempt)
        bp.add_route(item, "/reload", methods=METHODS, name="reload")
        app.blueprint(cors_group(bp, policy=policy))

    for status in (307, 308):
        app.add_route(moved, f"/moved/{status}", methods=METHODS, name=f"moved-{status}")
    app.add_route(page, "/page", name="page")
    app.add_route(worker, "/worker/worker.js", name="worker")

    @app.signal("corsbp.page.refused")
    async def refused(request: Request, section: str, refusal: Refusal, report_only: bool) -> None:
        if request.method == "OPTIONS":
            log(entry_of(request, "preflight"))
        elif refusal.id.startswith("request-"):
            log(entry_of(request, refusal.id))

    @app.exception(Exception)
    async def show(request: Request, error: Exception) -> HTTPResponse:
        status = getattr(error, "status_code", 500)
        body = RELOAD_ONCE if request.path.endswith("/reload") else POST_ADDRESS
        return html(f"<!doctype html>{error}{body}", status=status)

    return app


def redirect_of(path: str, query: str) -> tuple[int, dict[str, str]]:
    """Return status and headers of a redirect: each page may follow it."""
    headers = {"location": parse_qs(query)["to"][0], "access-control-allow-origin": "*"}
    return int(path.rpartition("/")[2]), headers


class CountingProtocol(HttpProtocol):
    """Sanic's protocol, which logs how many bytes of a connection the server has read."""

    __slots__ = ("case", "received")
    folder: Path

    def connection_made(self, transport: Any) -> None:
        self.received, self.case = 0, ""
        super().connection_made(transport)  # type: ignore[no-untyped-call]  # Sanic's has no types

    def data_received(self, data: bytes) -> None:
        if not self.received and (found := re.search(rb"[?&]case=([^& ]+)", data)):
            self.case = found[1].decode()
        self.received += len(data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        write_line(self.folder, {"case": f"{self.case} closed", "received": self.received})
        super().connection_lost(exc)  # type: ignore[no-untyped-call]  # Sanic's has no types


def write_line(folder: Path, entry: dict[str, Any]) -> None:
    with (folder / "log").open("a") as file:
        file.write(f"{json.dumps(entry)}\n")


async def serve(app: Sanic[Any, Any], certificate: tuple[str, str] | None = None) -> int:
    """Serve an app on a free port, as long as the loop runs."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    sock = socket.create_server(("127.0.0.1", 0))
    server: Any = await app.create_server(
        sock=sock, ssl=context, protocol=CountingProtocol, return_asyncio_server=True, access_log=False
    )
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    return int(sock.getsockname()[1])


async def main(folder: Path, certificate: tuple[str, str], allowed: Sequence[str]) -> None:
    """Serve the app over http, once more with a low limit for bodies, and over https."""
    CountingProtocol.folder = folder
    names = ("forgeries", "strict", "secure")
    app, strict, secure = (create(name, allowed, partial(write_line, folder)) for name in names)
    strict.config.REQUEST_MAX_SIZE = 1_000_000
    ports = [await serve(app), await serve(strict), await serve(secure, certificate)]
    (folder / "ports").write_text(f"{json.dumps(ports)}\n")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), (sys.argv[2], sys.argv[3]), sys.argv[4:]))
