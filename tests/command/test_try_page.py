"""`corsbp try`: the servers behind the page. The page itself is driven in tests/browsers/test_try_page.py."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from rich.console import Console
from sanic import Blueprint, HTTPResponse, Request, Sanic, redirect, text

from corsbp import CorsPolicy, cors_group
from corsbp.app.inventory import RouteInfo
from corsbp.command import try_page
from corsbp.command.errors import CommandError
from corsbp.command.try_page import page as page_module
from corsbp.command.try_page import start
from corsbp.command.try_page.reasons import Call
from corsbp.command.try_page.watching import MAX_EXCHANGES, Watch

from ..support import (
    ORIGIN,
    ROOT,
    ReceivedResponse,
    as_handler,
    new_app,
    preflight,
    request,
    reserve_port,
    send,
    send_bytes,
)

FREE = ("--port", "0", "--page-port", "0")


def parse_arguments(*arguments: str) -> argparse.Namespace:
    """Parse the arguments of `corsbp try`."""
    parser = argparse.ArgumentParser()
    try_page.add_to(parser.add_subparsers().add_parser("try"))
    return parser.parse_args(["try", *arguments])


class RunningPage:
    """A running `corsbp try`, with the requests of its page."""

    def __init__(self, printed: str) -> None:
        self.app, self.own = re.findall(r"http://\S+", printed)[:2]
        self.ports = [int(each.rpartition(":")[2]) for each in (self.app, self.own)]
        _, self.html = self.fetch("GET", "/", token="")
        self.token = re.findall(r'name="token" content="([^"]+)"', self.html)[0]
        _, about = self.fetch("GET", "/app")
        self.about: dict[str, Any] = json.loads(about)
        self.origins = [each["origin"] for each in self.about["origins"]]

    def response(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[1], timeout=60)
        with contextlib.closing(connection):
            connection.request(
                method, path, body, {name.replace("_", "-"): headers[name] for name in headers}
            )
            response = connection.getresponse()
            return response, response.read().decode()

    def fetch(
        self, method: str, path: str, body: str | None = None, token: str | None = None
    ) -> tuple[int, str]:
        response, printed = self.response(method, path, body, x_token=self.token if token is None else token)
        return response.status, printed

    def post(self, path: str, data: object) -> Any:
        status, printed = self.fetch("POST", path, json.dumps(data))
        assert status == 200, printed
        return json.loads(printed)

    def call(
        self, method: str, path: str, *requests: Any, readable: bool = True, **more: Any
    ) -> tuple[dict[str, Any], list[ReceivedResponse]]:
        """Send the requests of a browser, and return the explanation of the call and the responses."""
        since = self.post("/begin", {})["since"]
        responses = send(self.ports[0], *requests)
        call = {
            "since": since,
            "origin": self.own,
            "url": f"{self.app}{path}",
            "method": method,
            "headers": [],
            "credentials": "same-origin",
            "cookie": "",
            "body": None,
            "readable": readable,
            **more,
        }
        return self.post("/end", call), responses


@pytest.fixture
def try_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command for an app in this process while `check` runs; return what it printed."""

    def run(app: Sanic, check: Callable[[RunningPage], None], *options: str, end: int = signal.SIGINT) -> str:
        out, errors, finished = io.StringIO(), [], threading.Event()
        monkeypatch.setattr(start, "load_app", lambda _: app)

        def client() -> None:
            try:
                while "Ctrl-C" not in out.getvalue() and not finished.is_set():
                    time.sleep(0.01)
                if not finished.is_set():
                    check(RunningPage(out.getvalue()))
            except BaseException as error:
                errors.append(error)
            finally:
                if not finished.is_set():
                    os.kill(os.getpid(), end)

        thread = threading.Thread(target=client)
        thread.start()
        try:
            console = Console(file=out, width=200)
            assert try_page.run(parse_arguments("shop:app", *FREE, *options), console, console) == 0
        finally:
            finished.set()
            thread.join()
        for error in errors:
            raise error
        return out.getvalue()

    return run


def shop(calls: list[str] | None = None) -> Sanic:
    """Make an app with a section for one origin, a public section, and routes in no section."""
    listed, public = Blueprint("listed", url_prefix="/listed"), Blueprint("public", url_prefix="/public")
    done = calls if calls is not None else []

    async def thing(request: Request, **_: str) -> HTTPResponse:
        done.append(request.method)
        return text("thing", headers={"x-total": "3", "set-cookie": "session=secret"})

    async def stream(request: Request) -> None:
        response = await request.respond()
        await response.send("one")
        await response.send("two")

    async def slow(_: Request) -> HTTPResponse:
        await asyncio.sleep(30)
        return text("late")

    for each in (listed, public):
        each.add_route(thing, "/thing", methods=["GET", "POST"])
        each.add_route(thing, "/thing", methods=["PUT"], name="put")
    public.add_route(stream, "/stream")
    public.add_route(slow, "/slow")
    listed.add_route(thing, "/<name>/<b>", ctx_cors=False, name="left_out")
    app = new_app(
        cors_group(listed, allow_origins=[ORIGIN], allow_credentials=True), cors_group(public), TOUCHUP=False
    )
    app.add_route(thing, "/<name:(?:<script>)?>", name="script")
    app.add_route(thing, "/own", name="own", ctx_cors=CorsPolicy(allow_origins=[ORIGIN]))

    @app.websocket("/socket")
    async def check(_: Request, ws: Any) -> None:
        """Do nothing."""

    return app


TryApp = Callable[..., str]
PAGE = "http://127.0.0.1:8001"
CALL = {
    "since": 0,
    "origin": "null",
    "url": "/",
    "method": "GET",
    "headers": [],
    "credentials": "omit",
    "cookie": "",
    "body": "text",
    "readable": False,
}


def test_output(try_app: TryApp) -> None:
    printed = try_app(shop(), lambda page: None)
    app, page, last = printed.splitlines()
    assert re.fullmatch(r"The app:  http://127\.0\.0\.1:\d+ \(shop:app\)", app)
    assert re.fullmatch(r"The page: http://127\.0\.0\.1:\d+", page)
    assert last == "Both listen on 127.0.0.1, for this machine only. Ctrl-C stops them."


def test_get_app(try_app: TryApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app's own code may call `Sanic.get_app()` without a name."""
    monkeypatch.setattr(Sanic, "_app_registry", {})  # without those of other tests' modules
    app = shop()
    app.add_route(as_handler(lambda _: text(Sanic.get_app().name)), "/name", name="own_name")

    def check(page: RunningPage) -> None:
        (response,) = send(page.ports[0], request("GET", "/name"))
        assert (response.status, response.body.decode()) == (200, app.name)

    try_app(app, check)


def test_other_machines_cannot_connect(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        for number in [*page.ports, int(page.origins[3].rpartition(":")[2])]:
            send(number)
            for other in ("127.0.0.2", "::1"):
                with pytest.raises(OSError, match=r"."):
                    socket.create_connection((other, number), timeout=1)

    try_app(shop(), check)


def test_page(try_app: TryApp) -> None:
    """It contains nothing of the app, loads nothing from other origins, and no other page can frame it."""

    def check(page: RunningPage) -> None:
        response, html = page.response("GET", "/")
        assert html == page_module.read_file("page.html").replace("{{token}}", page.token)
        policy = f"{response.headers['content-security-policy']}; "
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; ")
        assert f"frame-src {' '.join(sorted(set(page.origins) - {'null'}))}; " in policy
        assert "frame-ancestors 'none'; " in policy
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        files = re.findall(r'(?:src|href)="(/files/[^"]+)"', html)
        seen = {html}
        for name in files:  # which grows as scripts import others
            response, printed = page.response("GET", name)
            kind = "text/css" if name.endswith(".css") else "text/javascript"
            assert (response.status, response.headers["content-type"]) == (200, kind)
            imported = re.findall(r'from "\./(\w+\.js)"', printed)
            files += [path for each in imported if (path := f"/files/{each}") not in files]
            seen.add(printed)
        assert len(files) == 6
        for each in seen:
            assert "{{" not in each and "innerHTML" not in each
            assert not re.search(r"""(src|href)="(?!data:,"|/files/)|@import|url\(|\bimport\(""", each)
        assert page.response("GET", "/files/web.py")[0].status == 404

    try_app(shop(), check)


def test_frame(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        for origin in page.origins[:3]:
            response, html = page.response("GET", "/frame", host=origin.removeprefix("http://"))
            assert f'const AROUND = "{page.own}";' in html
            assert page.token not in html and "{{" not in html
            assert f"frame-ancestors {page.own};" in response.headers["content-security-policy"]

    try_app(shop(), check)


def test_other_hosts_are_refused(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        port = page.ports[1]
        for host in ("evil.example", f"evil.example:{port}", f"localhost:{port + 7}", ""):
            for path in ("/", "/frame", "/app"):
                response, printed = page.response("GET", path, host=host, x_token=page.token)
                assert (response.status, page.token in printed) == (403, False)
        response, printed = page.response("GET", "/", host=f"localhost:{port}")
        assert (response.status, response.headers["location"], printed) == (307, f"{page.own}/", "")

    try_app(shop(), check)


def test_token(try_app: TryApp) -> None:
    """Only the page itself can send requests: it has the token."""

    def check(page: RunningPage) -> None:
        requests = (
            ("GET", "/app"),
            ("GET", "/shown"),
            ("POST", "/begin"),
            ("POST", "/end"),
            ("POST", "/shown"),
        )
        for method, path in requests:
            for headers in (
                {},
                {"x_token": "guess"},
                {"x_token": "\xe9"},
                {"x_token": page.token, "host": f"localhost:{page.ports[1]}"},
            ):
                response, printed = page.response(method, path, "{}", **headers)
                assert response.status == 403 and json.loads(printed).keys() == {"error"}
                assert not [name for name in response.headers if name.lower().startswith("access-control")]
        response, _ = page.response("OPTIONS", "/app", origin="https://evil.example")
        assert response.status == 403
        assert not [name for name in response.headers if name.lower().startswith("access-control")]

    try_app(shop(), check)


def test_bad_requests(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        for body in ("", "{", "[]", "{}", '{"since": "x"}'):
            status, printed = page.fetch("POST", "/end", body)
            assert (status, json.loads(printed).keys()) == (400, {"error"})
        assert page.fetch("POST", "/begin", "a" * 1_000_001)[0] == 413
        assert page.fetch("GET", "/nothing")[0] == page.fetch("POST", "/nothing", "{}")[0] == 404

    try_app(shop(), check)


def test_routes(try_app: TryApp) -> None:
    """Routes that differ only in the method are one row; those without CORS come last."""
    app = shop()

    def check(page: RunningPage) -> None:
        assert page.about["target"] == "shop:app" and page.about["app"] == page.app
        policy = f"{ORIGIN}; credentials"
        rows = [
            tuple(row[name] for name in ("path", "methods", "section", "policy"))
            for row in page.about["routes"]
        ]
        assert rows == [
            ("/listed/<name:str>/<b:str>", ["GET"], "cors_group(listed)", None),
            ("/listed/thing", ["GET", "POST", "PUT"], "cors_group(listed)", policy),
            ("/own", ["GET"], f"ctx_cors of {app.name}.own", ORIGIN),
            ("/public/slow", ["GET"], "cors_group(public)", "any origin"),
            ("/public/stream", ["GET"], "cors_group(public)", "any origin"),
            ("/public/thing", ["GET", "POST", "PUT"], "cors_group(public)", "any origin"),
            ("/<name:(?:<script>)?>", ["GET"], None, None),
            ("/socket", ["GET"], None, None),
        ]
        assert page.about["routes"][0]["example"] == "/listed/1/1"
        assert [row["path"] for row in page.about["routes"] if row["own"]] == ["/own"]
        assert [row["path"] for row in page.about["routes"] if row["websocket"]] == ["/socket"]

    try_app(app, check)


def test_origins(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        port, other = page.ports[1], int(page.origins[3].rpartition(":")[2])
        assert page.origins == [
            f"http://127.0.0.1:{port}",
            f"http://localhost:{port}",
            f"http://shop.localhost:{port}",
            f"http://127.0.0.1:{other}",
            "null",
        ]
        assert other != port
        send(other)

    try_app(shop(), check)


def test_explain_call(try_app: TryApp) -> None:
    """The responses that the app sent explain it: the handler runs once."""
    calls: list[str] = []

    def check(page: RunningPage) -> None:
        headers = {"authorization": "Bearer secret", "x_a": "1", "cookie": "session=secret"}
        explained, responses = page.call(
            "PUT",
            "/public/thing",
            preflight("/public/thing", "PUT", "authorization,x-a", page.own),
            request("GET", "/public/thing", "https://else.example"),
            request("PUT", "/public/thing", page.own, **headers),
            headers=[["Authorization", "Bearer secret"], ["X-A", "1"]],
        )
        assert calls == ["GET", "PUT"]
        assert (explained["blockedBy"], explained["remembered"], explained["agrees"]) == (None, False, True)
        assert explained["steps"][-1]["text"].startswith("The page cannot read the headers")
        first, second = explained["seen"]
        assert first == {
            "method": "OPTIONS",
            "target": "/public/thing",
            "preflight": True,
            "requestHeaders": [
                ["origin", page.own],
                ["access-control-request-method", "PUT"],
                ["access-control-request-headers", "authorization,x-a"],
            ],
            "status": 204,
            "responseHeaders": [
                list(pair) for pair in responses[0].headers if pair[0].startswith(("access", "vary"))
            ],
        }
        hidden = "(sent, not shown here)"
        assert second == {
            "method": "PUT",
            "target": "/public/thing",
            "preflight": False,
            "requestHeaders": [
                ["origin", page.own],
                ["authorization", hidden],
                ["x-a", "1"],
                ["cookie", hidden],
            ],
            "status": 200,
            "responseHeaders": [["set-cookie", hidden], ["access-control-allow-origin", "*"]],
        }

    try_app(shop(calls), check)


def test_blocked_call(try_app: TryApp) -> None:
    """The policy does not name the page."""
    calls: list[str] = []

    def check(page: RunningPage) -> None:
        sent = preflight("/listed/thing", "PUT", None, page.own)
        explained, _ = page.call("PUT", "/listed/thing", sent, readable=False)
        assert (explained["blockedBy"], explained["agrees"]) == ("preflight-origin-other", True)
        assert (
            explained["route"].startswith("The route ")
            and " is in cors_group(listed): " in explained["route"]
        )
        assert explained["change"] == (
            "corsbp try shop:app --allow allows this page while the command runs. "
            "Or choose an origin that a policy names: it is simulated."
        )
        explained, _ = page.call(
            "GET", "/nothing/else", request("GET", "/nothing/else", page.own), readable=False
        )
        assert (explained["blockedBy"], explained["seen"][0]["status"]) == ("origin-missing", 404)
        assert explained["messages"][0].startswith("Chromium: No 'Access-Control-Allow-Origin' header")
        assert explained["route"] == "No route has this path. A 404 belongs to a section by its url_prefix."
        assert explained["change"] is None
        sent = request("DELETE", "/listed/thing?a", page.own)
        explained, _ = page.call("DELETE", "/listed/thing?a", sent, readable=False)
        assert (explained["blockedBy"], explained["remembered"]) == ("preflight-origin-other", True)
        assert " is in cors_group(listed): " in explained["route"]
        explained, _ = page.call("TRACE", "/listed/thing", readable=False)
        assert (explained["blockedBy"], explained["change"]) == ("method-forbidden", None)
        explained, _ = page.call("OPTIONS", "/listed/thing", readable=False)
        assert " is in cors_group(listed): " in explained["route"]

    try_app(shop(calls), check)
    assert calls == []


def test_a_call_that_the_app_refuses(try_app: TryApp) -> None:
    """`check_requests` refuses it before the handler: the page shows the reason, readable or not."""
    app, bp = shop(), Blueprint("checked", url_prefix="/checked")
    bp.add_route(as_handler(lambda _: text("thing")), "/thing", methods=["GET", "POST", "PUT"], name="thing")
    app.blueprint(cors_group(bp, allow_origins=[ORIGIN], allow_methods=["PUT"], check_requests="writes"))

    def check(page: RunningPage) -> None:
        sent = request("POST", "/checked/thing", page.own)
        explained, _ = page.call("POST", "/checked/thing", sent, readable=False)
        words = f"request-cross-origin: allow_origins leaves it out: it has '{ORIGIN}'"
        assert explained["refused"].startswith(words)
        assert (explained["blockedBy"], explained["agrees"]) == ("origin-other", True)
        assert " is in cors_group(checked): " in explained["route"]
        allowed = request("POST", "/checked/thing", ORIGIN)
        explained, (response,) = page.call("POST", "/checked/thing", allowed, origin=ORIGIN)
        assert explained["refused"] == "request-method: allow_methods leaves out 'POST': it has PUT"
        assert (response.status, explained["blockedBy"], explained["change"]) == (403, None, None)
        assert " is in cors_group(checked): " in explained["route"]
        served = request("GET", "/checked/thing", ORIGIN)
        explained, _ = page.call("GET", "/checked/thing", served, origin=ORIGIN)
        assert (explained["refused"], explained["route"]) == (None, None)

    try_app(app, check)


def simulate(page: RunningPage, method: str, path: str, **more: Any) -> Any:
    """Make a call as a page of `ORIGIN`, with credentials."""
    call = {
        "since": page.post("/begin", {})["since"],
        "origin": ORIGIN,
        "url": f"{page.app}{path}",
        "method": method,
        "body": None,
        "readable": None,
        "credentials": "include",
    }
    return page.post("/simulate", CALL | call | more)


def test_logins_and_redirects(try_app: TryApp) -> None:
    """The changes are those of `corsbp explain`."""
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(as_handler(lambda _: text("who is it?", 401)), "/me", name="me")
    bp.add_route(as_handler(lambda _: redirect("/login")), "/private", name="private")
    app = new_app(cors_group(bp, allow_origins=[ORIGIN], allow_credentials=True), TOUCHUP=False)
    app.add_route(as_handler(lambda _: text("form")), "/login", name="login")

    def check(page: RunningPage) -> None:
        explained = simulate(page, "GET", "/api/me")
        assert (explained["blockedBy"], explained["route"]) == (None, None)
        assert explained["change"] == "Log in first: the browser has no cookie for this URL."
        explained = simulate(page, "GET", "/api/me", credentials="same-origin")
        assert explained["change"].startswith("The call has no login.")
        explained = simulate(page, "GET", "/api/private")
        assert explained["blockedBy"] == "origin-missing" and ".login (/login)" in explained["route"]
        assert f"redirected to '{page.app}/login', probably a login. Log in, " in explained["change"]
        explained = simulate(page, "TRACE", "/api/me")
        assert (explained["blockedBy"], explained["seen"]) == ("method-forbidden", [])

    try_app(app, check)


def test_simulated_call(try_app: TryApp) -> None:
    """As a page that a policy names: the app gets the request once."""
    calls: list[str] = []

    def check(page: RunningPage) -> None:
        assert page.about["named"] == [ORIGIN]
        simulated = partial(simulate, page)
        explained = simulated("PUT", "/listed/thing", headers=[["x-a", "1"]])
        assert (explained["blockedBy"], explained["agrees"], explained["remembered"]) == (None, True, False)
        outcome = explained["outcome"]
        assert (outcome["status"], outcome["redirected"], outcome["body"]) == (200, False, "thing")
        assert ["content-type", "text/plain; charset=utf-8"] in outcome["headers"]
        assert [(each["method"], each["status"]) for each in explained["seen"]] == [
            ("OPTIONS", 204),
            ("PUT", 200),
        ]
        sent = ["cookie", "(sent, not shown here)"]
        explained = simulated("GET", "/listed/thing", cookie="session=ann; SameSite=None; Secure")
        assert explained["blockedBy"] is None and sent in explained["seen"][0]["requestHeaders"]
        explained = simulated("GET", "/listed/thing", cookie="session=ann")
        assert explained["blockedBy"] is None and sent not in explained["seen"][0]["requestHeaders"]
        assert {step["lost"] for step in explained["steps"] if "SameSite" in step["text"]} == {True}
        assert "samesite='None', secure=True" in explained["change"] and explained["messages"] == []
        explained = simulated("GET", "/public/thing")
        assert explained["outcome"] == {"error": "TypeError: Failed to fetch"}
        assert explained["change"].startswith("cors_group(public) at tests/command/test_try_page.py:")
        assert f": allow_origins=['{ORIGIN}'], allow_credentials=True" in explained["change"]

    try_app(shop(calls), check)
    assert calls == ["PUT", "GET", "GET", "GET"]


def test_advice_names_no_page_of_this_machine(try_app: TryApp) -> None:
    """It says what `--allow` does instead."""
    own_pages = ("127.0.0.1", "localhost")

    def check(page: RunningPage) -> None:
        for path in ("/listed/thing", "/listed/1/2", "/own", "/public/thing", "/nothing", "/<script>"):
            for origin in page.origins[:2]:
                for credentials in ("omit", "include"):
                    sent = request("GET", path, origin)
                    explained, _ = page.call(
                        "GET", path, sent, origin=origin, credentials=credentials, readable=False
                    )
                    assert not any(name in f"{explained['change']}" for name in own_pages), explained[
                        "change"
                    ]
        explained, _ = page.call("GET", "/own", request("GET", "/own", page.own), readable=False)
        assert explained["change"] == (
            "None: --allow adds this page to sections, and this route has its own policy."
        )
        other = page.origins[1]
        explained, _ = page.call("GET", "/own", request("GET", "/own", other), origin=other, readable=False)
        assert explained["change"].startswith("None: this origin stands for one that is not allowed")

    try_app(shop(), check, "--allow")


PAGES: list[tuple[Any, list[str]]] = [
    ("*", []),
    (["https://*.a.example", "http://localhost:*"], ["https://any.a.example", "http://localhost"]),
    (
        [f"https://{number}.example" for number in range(30)],
        [f"https://{number}.example" for number in range(20)],
    ),
    ([PAGE, ORIGIN], [ORIGIN]),
]


@pytest.mark.parametrize(("declared", "pages"), PAGES)
def test_simulated_origins(declared: Any, pages: list[str]) -> None:
    route = RouteInfo("/a", ("GET",), None, "a", "cors_group(a)", CorsPolicy(allow_origins=declared), "/a")
    assert page_module.list_simulated([route, route], {PAGE}) == pages


def test_documentation_routes(try_app: TryApp) -> None:
    """The pages of sanic-ext have a list of their own; its HEAD and OPTIONS routes are left out."""
    pytest.importorskip("sanic_ext")
    app = shop()
    app.config.AUTO_EXTEND = True

    def check(page: RunningPage) -> None:
        rows = page.about["routes"]
        docs = [row["path"] for row in rows if row["documentation"]]
        assert "/docs" in docs and all(path.startswith("/docs") for path in docs)
        assert not [row for row in rows if set(row["methods"]) <= {"HEAD", "OPTIONS"}]

    try_app(app, check)


def test_browser_that_disagrees(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        explained, _ = page.call(
            "GET", "/public/thing", request("GET", "/public/thing", page.own), readable=False
        )
        assert (explained["blockedBy"], explained["agrees"]) == (None, False)

    try_app(shop(), check)


def test_remembered_preflight(try_app: TryApp) -> None:
    calls: list[str] = []

    def check(page: RunningPage) -> None:
        explained, _ = page.call("PUT", "/public/thing", request("PUT", "/public/thing", page.own))
        assert (explained["blockedBy"], explained["remembered"]) == (None, True)
        assert [each["method"] for each in explained["seen"]] == ["PUT"]

    try_app(shop(calls), check)
    assert calls == ["PUT"]


def test_call_without_request(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        explained, _ = page.call("GET", "/public/thing", readable=False)
        assert (explained["blockedBy"], explained["seen"], explained["route"]) == ("no-answer", [], None)
        assert "the app received no such request" in explained["steps"][-1]["text"]
        explained, _ = page.call("PUT", "", readable=False, url="http://127.0.0.1:1/elsewhere")
        assert (explained["blockedBy"], explained["remembered"]) == ("no-answer", False)
        status, printed = page.fetch("POST", "/end", json.dumps(CALL | {"origin": "nonsense"}))
        assert status == 400 and "no page has the origin 'nonsense'" in printed

    try_app(shop(), check)


def test_call_from_json() -> None:
    assert Call.from_json(CALL).body == "text"
    assert Call.from_json(CALL | {"headers": [["a", 1]]}).headers == [("a", "1")]


def test_call_without_response(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        with socket.create_connection(("127.0.0.1", page.ports[0])) as connection:
            since = page.post("/begin", {})["since"]
            connection.sendall(request("GET", "/public/slow", page.own).raw())
            while page.post("/begin", {})["since"] == since:
                time.sleep(0.01)
            explained = page.post(
                "/end",
                CALL | {"since": since, "origin": page.own, "url": f"{page.app}/public/slow", "body": None},
            )
        assert (explained["blockedBy"], explained["seen"][0]["status"]) == ("no-answer", None)
        assert "the app received the request, and did not respond" in explained["steps"][-1]["text"]

    try_app(shop(), check)


def test_kinds_of_responses(try_app: TryApp) -> None:
    """Streams, 100 Continue, errors of HTTP; several requests on one connection."""

    def check(page: RunningPage) -> None:
        since = page.post("/begin", {})["since"]
        host = f"Host: a\r\nOrigin: {page.own}\r\n"
        raw = (
            f"GET /public/stream HTTP/1.1\r\n{host}\r\n"
            f"POST /public/thing HTTP/1.1\r\n{host}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}"
            f"GET /public/thing HTTP/7\r\n{host}\r\n"
        )
        port = page.ports[0]
        asyncio.run(send_bytes(port, raw.encode()))
        assert b" 400 " in asyncio.run(send_bytes(port, b"nonsense\r\n\r\n"))
        explained = page.post(
            "/end", CALL | {"since": since, "origin": page.own, "url": page.app, "body": None}
        )
        assert [(each["method"], each["status"]) for each in explained["seen"]] == [
            ("GET", 200),
            ("POST", 200),
            ("GET", 400),
        ]

    try_app(shop(), check)


def test_number_of_exchanges() -> None:
    async def check() -> Watch:
        watch = Watch()
        for number in range(MAX_EXCHANGES + 5):
            await watch.on_request_head(f"GET /{number} HTTP/1.1\r\norigin: null".encode())
        return watch

    watch = asyncio.run(check())
    assert len(watch.exchanges) == MAX_EXCHANGES
    assert watch.exchanges_after(0, "null")[0].target == "/5"
    assert [each.target for each in watch.exchanges_after(watch.count - 1, ORIGIN)] == [f"/{watch.count - 1}"]


def test_shown(try_app: TryApp) -> None:
    def check(page: RunningPage) -> None:
        for number in range(101):
            page.post("/shown", {"text": f"{number}"})
        assert json.loads(page.fetch("GET", "/shown")[1])[::99] == ["1", "100"]

    try_app(shop(), check)


# --- --allow ---


def only_app(origin: str, _: Request) -> bool:
    return origin == ORIGIN


POLICIES = {
    "public": (CorsPolicy(), "*"),
    "list": (CorsPolicy(allow_origins=[ORIGIN], allow_credentials=True), (ORIGIN, PAGE)),
    "named": (CorsPolicy(allow_origins=[PAGE]), (PAGE,)),
    "covered": (CorsPolicy(allow_origins=["http://127.0.0.1:*"]), ("http://127.0.0.1:*",)),
    "function": (CorsPolicy(allow_origins=only_app), (only_app, PAGE)),
}


@pytest.mark.parametrize(("policy", "origins"), POLICIES.values(), ids=POLICIES)
def test_add_origin(policy: CorsPolicy, origins: object) -> None:
    allowed = start.add_origin(policy, PAGE)
    assert allowed.allow_origins == origins
    assert allowed.replace(allow_origins="*", allow_credentials=False) == policy.replace(
        allow_origins="*", allow_credentials=False
    )


def test_allow(try_app: TryApp) -> None:
    """The page's own origin and no other, and only with the option."""

    def grants(page: RunningPage) -> list[str | None]:
        sent = [request("GET", "/listed/thing", origin) for origin in [ORIGIN, *page.origins]]
        return [each.cors.get("access-control-allow-origin") for each in send(page.ports[0], *sent)]

    def check(page: RunningPage) -> None:
        assert grants(page) == [ORIGIN, page.own, None, None, None, None]
        assert page.about["origins"][0]["word"] == "this page, allowed"
        assert any(f"{row['policy']}".count(page.own) for row in page.about["routes"])

    def without(page: RunningPage) -> None:
        assert set(grants(page)) == {ORIGIN}
        assert page.about["origins"][0]["word"] == "this page"

    try_app(shop(), check, "--allow")
    try_app(shop(), without)


# --- how it starts and ends ---


def test_open(try_app: TryApp, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    printed = try_app(shop(), lambda page: None, "--open", end=signal.SIGTERM)
    assert f"The page: {opened[0]}\n" in printed


@pytest.mark.parametrize("option", ["--port", "--page-port"])
def test_used_port(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "load_app", lambda _: shop())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        arguments = parse_arguments("shop:app", *FREE, option, str(port))
        message = (
            rf"^port {port} of 127\.0\.0\.1: .*[Aa]ddress already in use.*; {option} 0 takes a free one$"
        )
        with pytest.raises(CommandError, match=message):
            try_page.run(arguments, Console(), Console())


def test_next_port(try_app: TryApp) -> None:
    with contextlib.ExitStack() as stack:
        second = None
        while second is None:
            first = stack.enter_context(reserve_port())
            with contextlib.suppress(OSError):
                second = stack.enter_context(reserve_port(first + 1))

        def check(page: RunningPage) -> None:
            assert page.origins[0] == f"http://127.0.0.1:{first}"
            assert page.origins[3] == f"http://127.0.0.1:{second}"

        try_app(shop(), check, "--page-port", str(first))


@pytest.mark.parametrize("port", ["65535", "-1", "many"])
def test_bad_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments("shop:app", "--port", port)
    assert f"argument --port: invalid port value: '{port}'" in capsys.readouterr().err


def test_default_port() -> None:
    assert page_module.make_origin("localhost", 80) == "http://localhost"


def test_app_that_does_not_start(try_app: TryApp) -> None:
    app = shop()

    @app.before_server_start
    async def connect(_: Sanic) -> None:
        raise ConnectionError("no database")

    with pytest.raises(CommandError, match=r"^shop:app did not start: ConnectionError: no database$"):
        try_app(app, lambda page: None)


def test_stop(try_app: TryApp) -> None:
    """It does not wait for connections that browsers keep open."""
    app, done = shop(), []
    for event in ("before_server_start", "after_server_start", "before_server_stop", "after_server_stop"):
        app.register_listener(lambda _, event=event: done.append(event), event)
    kept: list[socket.socket] = []

    def check(page: RunningPage) -> None:
        kept.extend(socket.create_connection(("127.0.0.1", port)) for port in page.ports)
        kept[0].sendall(b"GET /public/thing HTTP/1.1\r\nHost: a\r\n\r\n")
        assert kept[0].recv(100)

    begin = time.monotonic()
    try_app(app, check)
    assert time.monotonic() - begin < 5
    assert done == ["before_server_start", "after_server_start", "before_server_stop", "after_server_stop"]
    for each in kept:
        each.close()


def test_ctrl_c_without_signal_handlers(try_app: TryApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""

    def missing(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr("asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler", missing)
    assert "Ctrl-C stops them" in try_app(shop(), lambda page: None)
    # Before Python 3.11 it ends whatever task it finds, and asyncio is to speak of that in no other test.
    gc.collect()


# --- as a process of its own ---


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "corsbp", "try", *arguments]
    started = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_process(end: int) -> None:
    """An example, in a process of its own: it prints three lines and ends with status 0."""
    with process("examples.versions:app", *FREE, "--allow") as started:
        assert started.stdout is not None
        printed = "".join(started.stdout.readline() for _ in range(3))
        page = RunningPage(printed)
        path = "/v2/shop/items/"
        explained, responses = page.call("GET", path, request("GET", path, page.own), credentials="include")
        assert (responses[0].status, explained["blockedBy"]) == (200, None)
        explained, _ = page.call("GET", path, request("GET", path, "null"), origin="null", readable=False)
        assert explained["blockedBy"] == "origin-missing" and explained["agrees"]
        explained, _ = page.call(
            "GET", "/shop/health/", request("GET", "/shop/health/", page.own), readable=False
        )
        assert explained["blockedBy"] == "origin-missing" and explained["agrees"]
        started.send_signal(end)
        out, err = started.communicate(timeout=60)
    assert (started.returncode, out, err) == (0, "", "")


def test_process_that_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with process("examples.versions:app", *FREE, "--port", port) as started:
            out, err = started.communicate(timeout=60)
        assert (started.returncode, out) == (2, "")
        assert err.startswith(f"corsbp: port {port} of 127.0.0.1: ") and err.count("\n") == 1
