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
from typing import Any

import pytest
from rich.console import Console
from sanic import Blueprint, HTTPResponse, Request, Sanic, text

from corsbp import CorsPolicy, cors_group
from corsbp.app.inventory import RouteInfo
from corsbp.command import try_page
from corsbp.command.errors import CommandError
from corsbp.command.try_page import page as page_room
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
    send,
    send_bytes,
)

FREE = ("--port", "0", "--page-port", "0")


def parsed(*arguments: str) -> argparse.Namespace:
    """The arguments of `corsbp try`."""
    parser = argparse.ArgumentParser()
    try_page.add_to(parser.add_subparsers().add_parser("try"))
    return parser.parse_args(["try", *arguments])


class Tried:
    """A running `corsbp try`, as its page would see it."""

    def __init__(self, said: str) -> None:
        self.app, self.own = re.findall(r"http://\S+", said)[:2]
        self.ports = [int(each.rpartition(":")[2]) for each in (self.app, self.own)]
        _, self.html = self.asked("GET", "/", token="")
        self.token = re.findall(r'name="token" content="([^"]+)"', self.html)[0]
        _, about = self.asked("GET", "/app")
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

    def asked(
        self, method: str, path: str, body: str | None = None, token: str | None = None
    ) -> tuple[int, str]:
        response, said = self.response(method, path, body, x_token=self.token if token is None else token)
        return response.status, said

    def tells(self, path: str, told: object) -> Any:
        status, said = self.asked("POST", path, json.dumps(told))
        assert status == 200, said
        return json.loads(said)

    def call(
        self, method: str, path: str, *requests: Any, readable: bool = True, **more: Any
    ) -> tuple[dict[str, Any], list[ReceivedResponse]]:
        """What a call is explained by; `requests` is what the browser sent for it."""
        since = self.tells("/begin", {})["since"]
        answers = send(self.ports[0], *requests)
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
        return self.tells("/end", call), answers


@pytest.fixture
def attempted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command for an app in this process, until `talk` is done with it; what it printed."""

    def run(app: Sanic, talk: Callable[[Tried], None], *options: str, end: int = signal.SIGINT) -> str:
        out, errors, over_ = io.StringIO(), [], threading.Event()
        monkeypatch.setattr(start, "load_app", lambda _: app)

        def client() -> None:
            try:
                while "Ctrl-C" not in out.getvalue() and not over_.is_set():
                    time.sleep(0.01)
                if not over_.is_set():
                    talk(Tried(out.getvalue()))
            except BaseException as error:
                errors.append(error)
            finally:
                if not over_.is_set():
                    os.kill(os.getpid(), end)

        thread = threading.Thread(target=client)
        thread.start()
        try:
            console = Console(file=out, width=200)
            assert try_page.run(parsed("shop:app", *FREE, *options), console, console) == 0
        finally:
            over_.set()
            thread.join()
        for error in errors:
            raise error
        return out.getvalue()

    return run


def shop(calls: list[str] | None = None) -> Sanic:
    """A section for one origin, a public one, and what is in none."""
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
    async def talk(_: Request, ws: Any) -> None:
        """Nothing is said here."""

    return app


Attempted = Callable[..., str]
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


def test_what_it_says(attempted: Attempted) -> None:
    said = attempted(shop(), lambda tried: None)
    app, page, last = said.splitlines()
    assert re.fullmatch(r"The app:  http://127\.0\.0\.1:\d+ \(shop:app\)", app)
    assert re.fullmatch(r"The page: http://127\.0\.0\.1:\d+", page)
    assert last == "Both listen on 127.0.0.1, for this machine only. Ctrl-C stops them."


def test_the_app_is_the_only_one(attempted: Attempted, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its own code, which may ask Sanic for the app without its name."""
    monkeypatch.setattr(Sanic, "_app_registry", {})  # without those of other tests' modules
    app = shop()
    app.add_route(as_handler(lambda _: text(Sanic.get_app().name)), "/name", name="own_name")

    def talk(tried: Tried) -> None:
        (answer,) = send(tried.ports[0], request("GET", "/name"))
        assert (answer.status, answer.body.decode()) == (200, app.name)

    attempted(app, talk)


def test_it_is_on_this_machine_only(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        for number in [*tried.ports, int(tried.origins[3].rpartition(":")[2])]:
            send(number)
            for other in ("127.0.0.2", "::1"):
                with pytest.raises(OSError, match=r"."):
                    socket.create_connection((other, number), timeout=1)

    attempted(shop(), talk)


def test_the_page(attempted: Attempted) -> None:
    """Nothing in it is of the app, nothing is fetched from elsewhere, no other page can frame it."""

    def talk(tried: Tried) -> None:
        response, html = tried.response("GET", "/")
        assert html == page_room.read_file("page.html").replace("{{token}}", tried.token)
        policy = f"{response.headers['content-security-policy']}; "
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; ")
        assert f"frame-src {' '.join(sorted(set(tried.origins) - {'null'}))}; " in policy
        assert "frame-ancestors 'none'; " in policy
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        files = re.findall(r'(?:src|href)="(/files/[^"]+)"', html)
        seen = {html}
        for name in files:  # which grows as scripts import others
            response, said = tried.response("GET", name)
            kind = "text/css" if name.endswith(".css") else "text/javascript"
            assert (response.status, response.headers["content-type"]) == (200, kind)
            imported = re.findall(r'from "\./(\w+\.js)"', said)
            files += [path for each in imported if (path := f"/files/{each}") not in files]
            seen.add(said)
        assert len(files) == 6
        for each in seen:
            assert "{{" not in each and "innerHTML" not in each
            assert not re.search(r"""(src|href)="(?!data:,"|/files/)|@import|url\(|\bimport\(""", each)
        assert tried.response("GET", "/files/web.py")[0].status == 404

    attempted(shop(), talk)


def test_a_frame_obeys_the_page_alone(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        for origin in tried.origins[:3]:
            response, html = tried.response("GET", "/frame", host=origin.removeprefix("http://"))
            assert f'const AROUND = "{tried.own}";' in html
            assert tried.token not in html and "{{" not in html
            assert f"frame-ancestors {tried.own};" in response.headers["content-security-policy"]

    attempted(shop(), talk)


def test_other_names_for_this_machine_are_refused(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        port = tried.ports[1]
        for host in ("evil.example", f"evil.example:{port}", f"localhost:{port + 7}", ""):
            for path in ("/", "/frame", "/app"):
                response, said = tried.response("GET", path, host=host, x_token=tried.token)
                assert (response.status, tried.token in said) == (403, False)
        response, said = tried.response("GET", "/", host=f"localhost:{port}")
        assert (response.status, response.headers["location"], said) == (307, f"{tried.own}/", "")

    attempted(shop(), talk)


def test_only_the_page_is_answered(attempted: Attempted) -> None:
    """Its token is in the page, which no other origin can read."""

    def talk(tried: Tried) -> None:
        asked = (("GET", "/app"), ("GET", "/shown"), ("POST", "/begin"), ("POST", "/end"), ("POST", "/shown"))
        for method, path in asked:
            for headers in (
                {},
                {"x_token": "guess"},
                {"x_token": "\xe9"},
                {"x_token": tried.token, "host": f"localhost:{tried.ports[1]}"},
            ):
                response, said = tried.response(method, path, "{}", **headers)
                assert response.status == 403 and json.loads(said).keys() == {"error"}
                assert not [name for name in response.headers if name.lower().startswith("access-control")]
        response, _ = tried.response("OPTIONS", "/app", origin="https://evil.example")
        assert response.status == 403
        assert not [name for name in response.headers if name.lower().startswith("access-control")]

    attempted(shop(), talk)


def test_what_makes_no_sense_is_refused(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        for body in ("", "{", "[]", "{}", '{"since": "x"}'):
            status, said = tried.asked("POST", "/end", body)
            assert (status, json.loads(said).keys()) == (400, {"error"})
        assert tried.asked("POST", "/begin", "a" * 1_000_001)[0] == 413
        assert tried.asked("GET", "/nothing")[0] == tried.asked("POST", "/nothing", "{}")[0] == 404

    attempted(shop(), talk)


def test_routes(attempted: Attempted) -> None:
    """What differs in nothing but the method is one; what is nobody's comes last."""
    app = shop()

    def talk(tried: Tried) -> None:
        assert tried.about["target"] == "shop:app" and tried.about["app"] == tried.app
        policy = repr(CorsPolicy(allow_origins=[ORIGIN], allow_credentials=True))
        rows = [
            tuple(row[name] for name in ("path", "methods", "section", "policy"))
            for row in tried.about["routes"]
        ]
        assert rows == [
            ("/listed/<name:str>/<b:str>", ["GET"], "cors_group(listed)", None),
            ("/listed/thing", ["GET", "POST", "PUT"], "cors_group(listed)", policy),
            ("/own", ["GET"], f"ctx_cors of {app.name}.own", repr(CorsPolicy(allow_origins=[ORIGIN]))),
            ("/public/slow", ["GET"], "cors_group(public)", "CorsPolicy()"),
            ("/public/stream", ["GET"], "cors_group(public)", "CorsPolicy()"),
            ("/public/thing", ["GET", "POST", "PUT"], "cors_group(public)", "CorsPolicy()"),
            ("/<name:(?:<script>)?>", ["GET"], None, None),
            ("/socket", ["GET"], None, None),
        ]
        assert tried.about["routes"][0]["example"] == "/listed/1/1"
        assert [row["path"] for row in tried.about["routes"] if row["websocket"]] == ["/socket"]

    attempted(app, talk)


def test_origins(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        port, other = tried.ports[1], int(tried.origins[3].rpartition(":")[2])
        assert tried.origins == [
            f"http://127.0.0.1:{port}",
            f"http://localhost:{port}",
            f"http://shop.localhost:{port}",
            f"http://127.0.0.1:{other}",
            "null",
        ]
        assert other != port
        send(other)

    attempted(shop(), talk)


def test_a_call_is_explained_by_what_was_seen(attempted: Attempted) -> None:
    """And by nothing else: the handler runs once."""
    calls: list[str] = []

    def talk(tried: Tried) -> None:
        headers = {"authorization": "Bearer secret", "x_a": "1", "cookie": "session=secret"}
        told, answers = tried.call(
            "PUT",
            "/public/thing",
            preflight("/public/thing", "PUT", "authorization,x-a", tried.own),
            request("GET", "/public/thing", "https://else.example"),
            request("PUT", "/public/thing", tried.own, **headers),
            headers=[["Authorization", "Bearer secret"], ["X-A", "1"]],
        )
        assert calls == ["GET", "PUT"]
        assert (told["blockedBy"], told["remembered"], told["agrees"]) == (None, False, True)
        assert told["steps"][-1]["text"].startswith("The page cannot read the headers")
        first, second = told["seen"]
        assert first == {
            "method": "OPTIONS",
            "target": "/public/thing",
            "preflight": True,
            "requestHeaders": [
                ["origin", tried.own],
                ["access-control-request-method", "PUT"],
                ["access-control-request-headers", "authorization,x-a"],
            ],
            "status": 204,
            "responseHeaders": [
                list(pair) for pair in answers[0].headers if pair[0].startswith(("access", "vary"))
            ],
        }
        hidden = "(sent, not shown here)"
        assert second == {
            "method": "PUT",
            "target": "/public/thing",
            "preflight": False,
            "requestHeaders": [
                ["origin", tried.own],
                ["authorization", hidden],
                ["x-a", "1"],
                ["cookie", hidden],
            ],
            "status": 200,
            "responseHeaders": [["set-cookie", hidden], ["access-control-allow-origin", "*"]],
        }

    attempted(shop(calls), talk)


def test_a_refused_call(attempted: Attempted) -> None:
    """The app knows nothing of the page: what is blocked shows as blocked."""
    calls: list[str] = []

    def talk(tried: Tried) -> None:
        asked = preflight("/listed/thing", "PUT", None, tried.own)
        told, _ = tried.call("PUT", "/listed/thing", asked, readable=False)
        assert (told["blockedBy"], told["agrees"]) == ("preflight-origin-other", True)
        assert (
            told["route"].startswith("The route ")
            and ".put (/listed/thing) is in cors_group(listed)" in told["route"]
        )
        assert told["change"] == (
            "corsbp try shop:app --allow allows this page while the command runs. "
            "Or choose an origin that a policy names: it is simulated."
        )
        told, _ = tried.call(
            "GET", "/nothing/else", request("GET", "/nothing/else", tried.own), readable=False
        )
        assert (told["blockedBy"], told["seen"][0]["status"]) == ("origin-missing", 404)
        assert told["route"] == "No route has this path. A 404 belongs to a section by its url_prefix."
        assert told["change"] is None
        asked = request("DELETE", "/listed/thing?a", tried.own)
        told, _ = tried.call("DELETE", "/listed/thing?a", asked, readable=False)
        assert (told["blockedBy"], told["remembered"]) == ("preflight-origin-other", True)
        assert "(/listed/thing) is in cors_group(listed)" in told["route"]
        told, _ = tried.call("OPTIONS", "/listed/thing", readable=False)
        assert "(/listed/thing) is in cors_group(listed)" in told["route"]

    attempted(shop(calls), talk)
    assert calls == []


def test_a_simulated_call(attempted: Attempted) -> None:
    """By a page that a policy names: the app is called, once, and what it sees is shown."""
    calls: list[str] = []

    def talk(tried: Tried) -> None:
        assert tried.about["named"] == [ORIGIN]

        def simulated(method: str, path: str, **more: Any) -> Any:
            since = tried.tells("/begin", {})["since"]
            call = {
                "since": since,
                "origin": ORIGIN,
                "url": f"{tried.app}{path}",
                "method": method,
                "body": None,
            }
            return tried.tells("/simulate", CALL | call | {"readable": None, "credentials": "include"} | more)

        told = simulated("PUT", "/listed/thing", headers=[["x-a", "1"]])
        assert (told["blockedBy"], told["agrees"], told["remembered"]) == (None, True, False)
        outcome = told["outcome"]
        assert (outcome["status"], outcome["redirected"], outcome["body"]) == (200, False, "thing")
        assert ["content-type", "text/plain; charset=utf-8"] in outcome["headers"]
        assert [(each["method"], each["status"]) for each in told["seen"]] == [("OPTIONS", 204), ("PUT", 200)]
        sent = ["cookie", "(sent, not shown here)"]
        told = simulated("GET", "/listed/thing", cookie="session=ann; SameSite=None; Secure")
        assert told["blockedBy"] is None and sent in told["seen"][0]["requestHeaders"]
        told = simulated("GET", "/listed/thing", cookie="session=ann")
        assert told["blockedBy"] is None and sent not in told["seen"][0]["requestHeaders"]
        assert any("SameSite" in step["text"] for step in told["steps"])
        told = simulated("GET", "/public/thing")
        assert told["outcome"] == {"error": "TypeError: Failed to fetch"}
        assert told["change"].startswith(
            f"cors_group(public): allow_origins=['{ORIGIN}'], allow_credentials=True"
        )

    attempted(shop(calls), talk)
    assert calls == ["PUT", "GET", "GET", "GET"]


def test_advice_outlives_the_try(attempted: Attempted) -> None:
    """It never puts a page of this machine into a list, and says what `--allow` does."""
    own_pages = ("127.0.0.1", "localhost")

    def talk(tried: Tried) -> None:
        for path in ("/listed/thing", "/listed/1/2", "/own", "/public/thing", "/nothing", "/<script>"):
            for origin in tried.origins[:2]:
                for credentials in ("omit", "include"):
                    asked = request("GET", path, origin)
                    told, _ = tried.call(
                        "GET", path, asked, origin=origin, credentials=credentials, readable=False
                    )
                    assert not any(name in f"{told['change']}" for name in own_pages), told["change"]
        told, _ = tried.call("GET", "/own", request("GET", "/own", tried.own), readable=False)
        assert told["change"] == (
            "None: --allow adds this page to sections, and this route has its own policy."
        )
        other = tried.origins[1]
        told, _ = tried.call("GET", "/own", request("GET", "/own", other), origin=other, readable=False)
        assert told["change"].startswith("None: this origin stands for one that is not allowed")

    attempted(shop(), talk, "--allow")


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
def test_pages_that_policies_name(declared: Any, pages: list[str]) -> None:
    route = RouteInfo("/a", ("GET",), None, "a", "cors_group(a)", CorsPolicy(allow_origins=declared), "/a")
    assert page_room.list_simulated([route, route], {PAGE}) == pages


def test_documentation_is_told_apart(attempted: Attempted) -> None:
    """What sanic-ext makes of an app: its pages, and a HEAD and an OPTIONS for every path."""
    pytest.importorskip("sanic_ext")
    app = shop()
    app.config.AUTO_EXTEND = True

    def talk(tried: Tried) -> None:
        rows = tried.about["routes"]
        docs = [row["path"] for row in rows if row["documentation"]]
        assert "/docs" in docs and all(path.startswith("/docs") for path in docs)
        assert not [row for row in rows if set(row["methods"]) <= {"HEAD", "OPTIONS"}]

    attempted(app, talk)


def test_a_call_that_the_browser_had_otherwise(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        told, _ = tried.call(
            "GET", "/public/thing", request("GET", "/public/thing", tried.own), readable=False
        )
        assert (told["blockedBy"], told["agrees"]) == (None, False)

    attempted(shop(), talk)


def test_a_preflight_that_the_browser_remembered(attempted: Attempted) -> None:
    calls: list[str] = []

    def talk(tried: Tried) -> None:
        told, _ = tried.call("PUT", "/public/thing", request("PUT", "/public/thing", tried.own))
        assert (told["blockedBy"], told["remembered"]) == (None, True)
        assert [each["method"] for each in told["seen"]] == ["PUT"]

    attempted(shop(calls), talk)
    assert calls == ["PUT"]


def test_what_the_app_did_not_see(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        told, _ = tried.call("GET", "/public/thing", readable=False)
        assert (told["blockedBy"], told["seen"], told["route"]) == ("no-answer", [], None)
        assert "the app received no such request" in told["steps"][-1]["text"]
        told, _ = tried.call("PUT", "", readable=False, url="http://127.0.0.1:1/elsewhere")
        assert (told["blockedBy"], told["remembered"]) == ("no-answer", False)
        status, said = tried.asked("POST", "/end", json.dumps(CALL | {"origin": "nonsense"}))
        assert status == 400 and "no page has the origin 'nonsense'" in said

    attempted(shop(), talk)


def test_a_call_from_what_the_page_says() -> None:
    assert Call.from_json(CALL).body == "text"
    assert Call.from_json(CALL | {"headers": [["a", 1]]}).headers == [("a", "1")]


def test_an_answer_that_does_not_come(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        with socket.create_connection(("127.0.0.1", tried.ports[0])) as connection:
            since = tried.tells("/begin", {})["since"]
            connection.sendall(request("GET", "/public/slow", tried.own).raw())
            while tried.tells("/begin", {})["since"] == since:
                time.sleep(0.01)
            told = tried.tells(
                "/end",
                CALL | {"since": since, "origin": tried.own, "url": f"{tried.app}/public/slow", "body": None},
            )
        assert (told["blockedBy"], told["seen"][0]["status"]) == ("no-answer", None)
        assert "the app received the request, and did not respond" in told["steps"][-1]["text"]

    attempted(shop(), talk)


def test_answers_of_every_kind_are_seen(attempted: Attempted) -> None:
    """Streams, what the app says before it reads a body, what is no HTTP; one request after another."""

    def talk(tried: Tried) -> None:
        since = tried.tells("/begin", {})["since"]
        host = f"Host: a\r\nOrigin: {tried.own}\r\n"
        raw = (
            f"GET /public/stream HTTP/1.1\r\n{host}\r\n"
            f"POST /public/thing HTTP/1.1\r\n{host}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}"
            f"GET /public/thing HTTP/7\r\n{host}\r\n"
        )
        port = tried.ports[0]
        asyncio.run(send_bytes(port, raw.encode()))
        assert b" 400 " in asyncio.run(send_bytes(port, b"nonsense\r\n\r\n"))
        told = tried.tells(
            "/end", CALL | {"since": since, "origin": tried.own, "url": tried.app, "body": None}
        )
        assert [(each["method"], each["status"]) for each in told["seen"]] == [
            ("GET", 200),
            ("POST", 200),
            ("GET", 400),
        ]

    attempted(shop(), talk)


def test_so_many_exchanges_are_remembered() -> None:
    async def talk() -> Watch:
        watch = Watch()
        for number in range(MAX_EXCHANGES + 5):
            await watch.on_request_head(f"GET /{number} HTTP/1.1\r\norigin: null".encode())
        return watch

    watch = asyncio.run(talk())
    assert len(watch.exchanges) == MAX_EXCHANGES
    assert watch.exchanges_after(0, "null")[0].target == "/5"
    assert [each.target for each in watch.exchanges_after(watch.count - 1, ORIGIN)] == [f"/{watch.count - 1}"]


def test_what_the_page_shows_is_kept_for_tests(attempted: Attempted) -> None:
    def talk(tried: Tried) -> None:
        for number in range(101):
            tried.tells("/shown", {"text": f"{number}"})
        assert json.loads(tried.asked("GET", "/shown")[1])[::99] == ["1", "100"]

    attempted(shop(), talk)


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
def test_a_policy_with_one_more_origin(policy: CorsPolicy, origins: object) -> None:
    allowed = start.add_origin(policy, PAGE)
    assert allowed.allow_origins == origins
    assert allowed.replace(allow_origins="*", allow_credentials=False) == policy.replace(
        allow_origins="*", allow_credentials=False
    )


def test_allow(attempted: Attempted) -> None:
    """The page's own origin, and none of the others; and only if it is asked for."""

    def grants(tried: Tried) -> list[str | None]:
        asked = [request("GET", "/listed/thing", origin) for origin in [ORIGIN, *tried.origins]]
        return [each.cors.get("access-control-allow-origin") for each in send(tried.ports[0], *asked)]

    def talk(tried: Tried) -> None:
        assert grants(tried) == [ORIGIN, tried.own, None, None, None, None]
        assert tried.about["origins"][0]["word"] == "this page, allowed"
        assert any(f"{row['policy']}".count(tried.own) for row in tried.about["routes"])

    def without(tried: Tried) -> None:
        assert set(grants(tried)) == {ORIGIN}
        assert tried.about["origins"][0]["word"] == "this page"

    attempted(shop(), talk, "--allow")
    attempted(shop(), without)


# --- how it starts and ends ---


def test_open(attempted: Attempted, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    said = attempted(shop(), lambda tried: None, "--open", end=signal.SIGTERM)
    assert f"The page: {opened[0]}\n" in said


@pytest.mark.parametrize("option", ["--port", "--page-port"])
def test_a_port_that_is_taken(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "load_app", lambda _: shop())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        arguments = parsed("shop:app", *FREE, option, str(port))
        message = (
            rf"^port {port} of 127\.0\.0\.1: .*[Aa]ddress already in use.*; {option} 0 takes a free one$"
        )
        with pytest.raises(CommandError, match=message):
            try_page.run(arguments, Console(), Console())


def two_free_ports() -> int:
    """The first of two, below those that systems give to connections."""
    for port in range(20_000 + os.getpid() % 5_000, 30_000, 2):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for each in (port, port + 1):
                stack.enter_context(socket.create_server(("127.0.0.1", each)))
            return port
    raise AssertionError("no port is free")


def test_the_port_after_the_page_s(attempted: Attempted) -> None:
    port = two_free_ports()

    def talk(tried: Tried) -> None:
        assert tried.origins[0] == f"http://127.0.0.1:{port}"
        assert tried.origins[3] == f"http://127.0.0.1:{port + 1}"

    attempted(shop(), talk, "--page-port", str(port))


@pytest.mark.parametrize("port", ["65535", "-1", "many"])
def test_no_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("shop:app", "--port", port)
    assert f"argument --port: invalid port value: '{port}'" in capsys.readouterr().err


def test_port_80_is_in_no_origin() -> None:
    assert page_room.make_origin("localhost", 80) == "http://localhost"


def test_an_app_that_fails_at_startup(attempted: Attempted) -> None:
    app = shop()

    @app.before_server_start
    async def connect(_: Sanic) -> None:
        raise ConnectionError("no database")

    with pytest.raises(CommandError, match=r"^shop:app did not start: ConnectionError: no database$"):
        attempted(app, lambda tried: None)


def test_the_app_is_stopped(attempted: Attempted) -> None:
    """Connections that browsers keep open are no reason to wait."""
    app, done = shop(), []
    for event in ("before_server_start", "after_server_start", "before_server_stop", "after_server_stop"):
        app.register_listener(lambda _, event=event: done.append(event), event)
    kept: list[socket.socket] = []

    def talk(tried: Tried) -> None:
        kept.extend(socket.create_connection(("127.0.0.1", port)) for port in tried.ports)
        kept[0].sendall(b"GET /public/thing HTTP/1.1\r\nHost: a\r\n\r\n")
        assert kept[0].recv(100)

    begin = time.monotonic()
    attempted(app, talk)
    assert time.monotonic() - begin < 5
    assert done == ["before_server_start", "after_server_start", "before_server_stop", "after_server_stop"]
    for each in kept:
        each.close()


def test_ctrl_c_where_signals_have_no_handlers(attempted: Attempted, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""

    def missing(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr("asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler", missing)
    assert "Ctrl-C stops them" in attempted(shop(), lambda tried: None)
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
def test_the_command(end: int) -> None:
    """All that it prints, with an example that has Sanic's own settings."""
    with process("examples.versions:app", *FREE, "--allow") as started:
        assert started.stdout is not None
        said = "".join(started.stdout.readline() for _ in range(3))
        tried = Tried(said)
        path = "/v2/shop/items/"
        told, answers = tried.call("GET", path, request("GET", path, tried.own), credentials="include")
        assert (answers[0].status, told["blockedBy"]) == (200, None)
        told, _ = tried.call("GET", path, request("GET", path, "null"), origin="null", readable=False)
        assert told["blockedBy"] == "origin-missing" and told["agrees"]
        told, _ = tried.call(
            "GET", "/shop/health/", request("GET", "/shop/health/", tried.own), readable=False
        )
        assert told["blockedBy"] == "origin-missing" and told["agrees"]
        started.send_signal(end)
        out, err = started.communicate(timeout=60)
    assert (started.returncode, out, err) == (0, "", "")


def test_a_command_that_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with process("examples.versions:app", *FREE, "--port", port) as started:
            out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (2, "")
    assert err.startswith(f"corsbp: port {port} of 127.0.0.1: ") and err.count("\n") == 1
