"""The browser with an app in memory and with a server: the requests, and the state of the app."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import json
import socket
import sys
from functools import partial
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic import json as as_json
from sanic.helpers import Default
from sanic.response import HTTPResponse, text

from corsbp import cors_group
from corsbp.spec.fetch import ALLOW_ORIGIN
from corsbp.testing import Browser, Result, SyncBrowser, attack

from ..support import EVIL, ORIGIN, as_handler, new_app, request, run_server, send_through_asgi, serve
from .exchange import requests_of


def shop(**config: Any) -> Sanic:
    """Make an app with a section for one origin, a route that echoes requests, and a log of its listeners."""
    app = new_app(**config)
    api = Blueprint("api", url_prefix="/api")

    @api.route("/echo", methods=["GET", "POST", "PUT"])
    async def echo(request: Request) -> HTTPResponse:
        body = request.body.decode("latin-1")
        return as_json({"method": request.method, "headers": dict(request.headers), "body": body})

    @api.get("/login")
    async def login(_: Request) -> HTTPResponse:
        response = text("hello")
        response.add_cookie("session", "ann", samesite="None")
        response.add_cookie("lax", "ann")
        return response

    @api.get("/away")
    async def away(_: Request) -> HTTPResponse:
        return HTTPResponse(status=302, headers={"location": "http://[", "x-a": "1"})

    app.blueprint(cors_group(api, allow_origins=[ORIGIN], allow_credentials=True))

    async def note(event: str, app: Sanic) -> None:
        app.ctx.diary.append(event)

    app.ctx.diary = []
    for event in ("before_server_start", "after_server_start", "before_server_stop", "after_server_stop"):
        app.register_listener(partial(note, event), event)
    return app


LIFE = ["before_server_start", "after_server_start", "before_server_stop", "after_server_stop"]


def fetch_all(browser: Browser, *calls: dict[str, Any]) -> list[Result]:
    async def run() -> list[Result]:
        async with browser:
            return [await browser.fetch(**{"url": "/api/echo", **call}) for call in calls]

    return asyncio.run(run())


# --- what is sent ---

SENT: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"method": "GET", "body": ""}, {"origin": ORIGIN, "accept": "*/*", "content-type": None}),
    (
        {"method": "post", "body": "é"},
        {"method": "POST", "body": "Ã©"},
        {"content-type": "text/plain;charset=UTF-8"},
    ),
    ({"method": "POST", "body": b"\xff"}, {"body": "ÿ"}, {"content-type": None}),
    (
        {"method": "POST", "body": "a", "headers": {"Content-Type": "text/x"}},
        {"body": "a"},
        {"content-type": "text/x"},
    ),
    ({"headers": [("X-A", " 1\t\r\n"), ("x-a", "2")]}, {}, {"x-a": "1"}),
    ({"headers": {"X-A": "ü", "Cookie": "a=b"}}, {}, {"x-a": "\udcfc", "cookie": None}),
    ({"headers": (pair for pair in [("x-a", "1")])}, {}, {"x-a": "1"}),
]


@pytest.mark.parametrize(("call", "message", "headers"), SENT)
def test_request_of_the_app(call: dict[str, Any], message: dict[str, Any], headers: dict[str, Any]) -> None:
    (result,) = fetch_all(Browser(shop()), call)
    assert result.ok_for_page, str(result)
    seen = result.json()
    assert {name: seen[name] for name in message} == message
    assert {name: seen["headers"].get(name) for name in headers} == headers


def test_headers_are_those_of_browsers() -> None:
    (result,) = fetch_all(Browser(shop(), base_url="https://shop.example:8443/x"), {})
    assert result.json()["headers"] == {
        "host": "shop.example:8443",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "accept-language": "en-US,en;q=0.9",
        "user-agent": "Mozilla/5.0 (compatible; corsbp.testing)",
        "origin": ORIGIN,
        "referer": f"{ORIGIN}/",
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "cors",
        "sec-fetch-dest": "empty",
    }
    assert result.url == "https://shop.example:8443/api/echo"


def test_methods_are_sent_as_they_are_written() -> None:
    (result,) = fetch_all(Browser(shop()), {"method": "patch"})
    assert dict(result.sent[0].headers)["access-control-request-method"] == "patch"
    assert result.blocked_by == "preflight-method"


# --- the browser's memory ---


def test_a_preflight_is_cached_until_it_expires() -> None:
    async def run() -> None:
        now = 0.0
        async with Browser(shop(), clock=lambda: now) as browser:

            async def cached() -> bool:
                return (await browser.fetch("/api/echo", "PUT")).sent[0].cached

            assert [await cached(), await cached()] == [False, True]
            browser.later(599)
            assert await cached()
            now = 1.0
            assert [await cached(), await cached()] == [False, True]

    asyncio.run(run())


def test_engine_today_sends_each_preflight() -> None:
    calls = [{"method": "PUT"}] * 2
    results = fetch_all(Browser(shop(), engine="today"), *calls)
    assert [requests_of(result)[0] for result in results] == ["[OPTIONS /api/echo]"] * 2


def test_cookies() -> None:
    """A response sets cookies, and a test does."""

    async def run() -> None:
        async with Browser(shop()) as browser:

            async def cookie(url: str = "/api/echo") -> Any:
                seen = (await browser.fetch(url, credentials="include")).json()
                return seen["headers"].get("cookie")

            assert await cookie() is None
            await browser.fetch("/api/login", credentials="include")
            assert await cookie() == "session=ann"
            browser.set_cookie("a=é; SameSite=None; Secure; Max-Age=60")
            browser.set_cookie("b=2; SameSite=None; Secure", "https://two.example/x")
            browser.set_cookie("c=3; SameSite=None; Secure", "/other/x")
            browser.set_cookie("lax=3")
            assert await cookie() == "session=ann; a=é"
            browser.later(60)
            assert await cookie() == "session=ann"
            assert await cookie("https://two.example/api/echo") == "b=2"

    asyncio.run(run())


# --- bad arguments ---

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"origin": f"{ORIGIN}/"}, f"no page has the origin '{ORIGIN}/'; .*; meant: {ORIGIN} "),
    ({"origin": "app.example"}, "meant: https://app.example "),
    ({"origin": "https://*.app.example"}, r"no page has the origin 'https://\*.app.example'"),
    ({"origin": None}, "no page has the origin None; .* not a string"),
    ({"base_url": "api.example"}, "'api.example' is not a URL; meant: 'https://api.example'"),
    ({"base_url": "ftp://api.example"}, "'ftp://api.example' is not a URL"),
    ({"base_url": None}, "None is not a URL"),
    ({"engine": "chrome"}, "engine: 'chrome' is none of standard, today, chromium, firefox, webkit"),
    ({"reading": "1"}, "reading: '1' is not a number of seconds"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_invalid_arguments_of_a_browser(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Browser(new_app(), **options)


WRONG_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"url": 7}, "url: 7 is not a string"),
    ({"url": None}, "url: None is not a string"),
    ({"method": b"GET"}, "method: b'GET' is not a string"),
    ({"credentials": True}, "credentials: True is none of omit, same-origin, include"),
    ({"mode": "navigate"}, "mode: 'navigate' is none of cors, no-cors, same-origin"),
    ({"redirect": "no"}, "redirect: 'no' is none of follow, error, manual"),
    ({"body": {"a": 1}}, r"body: {'a': 1} is neither text nor bytes; meant: json.dumps\(…\)"),
    ({"headers": {"x-a": 1}}, r"headers: \('x-a', 1\) is not a name and a value"),
    ({"headers": [("x-a", "1", "2")]}, r"headers: \('x-a', '1', '2'\) is not"),
    ({"headers": "x-a: 1"}, "headers: 'x' is not a name and a value, two strings"),
]


@pytest.mark.parametrize(("call", "message"), WRONG_CALLS)
def test_invalid_arguments_of_fetch(call: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fetch_all(Browser(new_app()), call)


def test_invalid_arguments_of_set_cookie() -> None:
    with pytest.raises(ValueError, match="'https://a b' is not a URL"):
        Browser(new_app()).set_cookie("a=1", "https://a b")
    with pytest.raises(ValueError, match="does not keep the cookie 'a': SameSite=None needs Secure"):
        Browser(new_app()).set_cookie("a=1; SameSite=None")


def test_invalid_arguments_of_other_methods() -> None:
    browser = Browser(new_app())
    with pytest.raises(ValueError, match=r"cookie: {'a': 1} is not a string"):
        browser.set_cookie({"a": 1})  # type: ignore[arg-type]  # wrong on purpose
    for wrong in ("1h", True):
        with pytest.raises(ValueError, match=f"seconds: {wrong!r} is not a number of seconds"):
            browser.later(wrong)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("app", "meant"),
    [
        ("shop:app", "the app itself: from shop import app"),
        (None, "the app itself"),
        (Sanic, "the app itself"),
        ("http://127.0.0.1:8000", r"Browser\.at\('http://127\.0\.0\.1:8000'\)"),
    ],
)
def test_what_is_not_an_app(app: Any, meant: str) -> None:
    with pytest.raises(TypeError, match=f"{app!r} is not a Sanic app; meant: {meant}"):
        Browser(app)
    with pytest.raises(TypeError, match="is not a Sanic app; meant: "):
        attack(app)


def test_a_browser_that_is_not_entered() -> None:
    """Also one whose app has stopped: the error is no response."""

    async def run() -> None:
        browser = Browser(new_app())
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"^the app is not started: async with Browser\(app\) as"):
                await browser.fetch("/items")
            async with browser:
                await browser.fetch("/items")

    asyncio.run(run())


@pytest.mark.parametrize(("third_party", "sent"), [(True, "a=1"), (False, None)])
def test_a_browser_without_third_party_cookies(third_party: bool, sent: str | None) -> None:
    browser = Browser(shop(), third_party_cookies=third_party)
    browser.set_cookie("a=1; SameSite=None; Secure")
    (result,) = fetch_all(browser, {"credentials": "include"})
    assert result.json()["headers"].get("cookie") == sent


# --- the app ---


def state(app: Sanic) -> list[Any]:
    finalized = [app.router.finalized, app.signal_router.finalized]
    return [Sanic.test_mode, app.asgi, app.state.is_started, app.config.TOUCHUP, app.config.MOTD, *finalized]


@pytest.mark.parametrize("config", [{}, {"TOUCHUP": True, "MOTD": True}, {"TOUCHUP": False}])
def test_the_app_is_started_once_and_left_as_it_was(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sanic, "test_mode", False)
    app = shop(**config)
    before = state(app)
    assert isinstance(before[3], Default) is ("TOUCHUP" not in config)

    async def run() -> None:
        async with Browser(app) as browser:
            for _ in range(3):
                assert (await browser.fetch("/api/echo")).ok_for_page
            assert app.ctx.diary == LIFE[:2]
            assert app.config.TOUCHUP is config.get("TOUCHUP", False)

    run_server(run())
    assert app.ctx.diary == LIFE
    assert state(app) == before


def check_browsers_and_clients(app: Sanic) -> None:
    """Use two browsers, then Sanic's own clients: all of them get the same responses."""
    for origin, readable in ((ORIGIN, True), (EVIL, False)):
        get, put = fetch_all(Browser(app, origin), {}, {"method": "PUT"})
        assert (get.ok_for_page, put.ok_for_page) == (readable, readable)
        assert get.sent[0].status == 200
    assert app.ctx.diary == LIFE * 2
    _, answer = app.test_client.get("/api/echo", headers={"origin": ORIGIN})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    _, answer = asyncio.run(app.asgi_client.get("/api/echo", headers={"origin": ORIGIN}))
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    (again,) = fetch_all(Browser(app), {})
    assert again.ok_for_page


def test_one_app_for_several_browsers_and_clients() -> None:
    check_browsers_and_clients(shop())


def test_an_app_with_sanic_ext() -> None:
    pytest.importorskip("sanic_ext", reason="no sanic-ext: it refuses Sanic before 25.12")
    check_browsers_and_clients(shop(AUTO_EXTEND=True))


def test_the_thousandth_start_is_like_the_first() -> None:
    """A router that grows at each start would exceed this limit of recursion after 200 starts."""
    app, sources = shop(), set()

    @app.before_server_start
    async def note(_: Sanic) -> None:
        sources.add(app.signal_router.find_route_src)

    async def run() -> None:
        for _ in range(250):
            async with Browser(app):
                pass
        async with Browser(app) as browser:
            assert (await browser.fetch("/api/echo")).ok_for_page

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    try:
        asyncio.run(run())
    finally:
        sys.setrecursionlimit(limit)
    assert len(sources) == 1


def test_traces_of_earlier_starts_are_removed_and_signals_stay() -> None:
    """Sanic's clients start the app for each request."""
    app, sources, events = shop(TOUCHUP=False), [], []

    @app.before_server_start
    async def note(_: Sanic) -> None:
        sources.append(app.signal_router.find_route_src)

    @app.signal("http.routing.after")
    async def note_event(**_: object) -> None:
        events.append("routed")

    for number in range(1, 4):
        (result,) = fetch_all(Browser(app), {})
        assert result.ok_for_page
        (answer,) = send_through_asgi(app, request("GET", "/api/echo"))
        assert answer.cors["access-control-allow-origin"] == ORIGIN
        asyncio.run(app.asgi_client.get("/api/echo"))
        assert len(events) == 3 * number
    ours, helper, _ = zip(*(sources[place : place + 3] for place in range(0, 9, 3)), strict=True)
    assert len({*ours, *helper}) == 1


class Stopped(BaseException):
    """An exception that `except Exception` does not catch."""


@pytest.mark.parametrize(
    ("error", "event", "message"),
    [
        (ValueError("no database"), "before_server_start", "app[0-9]+ failed at its startup: no database"),
        (OSError("port taken"), "after_server_start", "failed at its startup: port taken"),
        (ValueError("no goodbye"), "after_server_stop", "failed at its shutdown: no goodbye"),
        (Stopped("now"), "before_server_start", "now"),
    ],
)
def test_an_app_that_fails(
    error: BaseException, event: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error is raised, and its state restored, so that it can be started again."""
    monkeypatch.setattr(Sanic, "test_mode", False)
    app, fails = shop(), True
    before = state(app)

    @app.listener(event)
    async def listener(_: Sanic) -> None:
        if fails:
            raise error

    with pytest.raises(Stopped if isinstance(error, Stopped) else RuntimeError, match=message):
        fetch_all(Browser(app), {})
    assert state(app) == before
    fails = False
    assert fetch_all(Browser(app), {})[0].ok_for_page


def test_an_error_of_the_test_stops_the_app() -> None:
    app = shop()

    async def run() -> None:
        async with Browser(app):
            raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(run())
    assert app.ctx.diary == LIFE


def test_a_response_that_breaks_off() -> None:
    """The page cannot read its first part, as over a network."""
    app = new_app()

    @app.get("/")
    async def breaks(request: Request) -> None:
        response = await request.respond()
        await response.send("a")
        raise ValueError("in the middle")

    (result,) = fetch_all(Browser(app, "https://api.example"), {"url": "/"})
    assert (result.blocked_by, result.body) == ("no-answer", b"")
    assert "got no response: 'RemoteProtocolError: the response broke off'" in (result.why or "")


def streams() -> Sanic:
    app = new_app()
    app.ctx.ended = []

    @app.get("/events")
    async def events(request: Request) -> None:
        response = await request.respond(content_type="text/event-stream", headers={ALLOW_ORIGIN: "*"})
        try:
            await response.send("data: news\n\n")
            await asyncio.Event().wait()
        finally:
            app.ctx.ended.append(request.path)

    @app.get("/flood")
    async def flood(request: Request) -> None:
        response = await request.respond(headers={ALLOW_ORIGIN: "*"})
        try:
            while True:
                await response.send("x" * 1_000_000)
        finally:
            app.ctx.ended.append(request.path)

    @app.get("/refused")
    async def refused(request: Request) -> None:
        await (await request.respond()).send("data: secret\n\n")
        await asyncio.Event().wait()

    @app.get("/slow")
    async def slow(request: Request) -> None:
        response = await request.respond(headers={ALLOW_ORIGIN: "*"})
        await response.send("first ")
        await asyncio.sleep(0.01)
        await response.send("second")
        await response.eof()
        app.ctx.ended.append(request.path)

    return app


def test_a_stream_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result has the part of the body that arrived in time, and the app's call is cancelled."""
    monkeypatch.setattr("corsbp.testing.transports.MAX_BODY", 3_000_000)
    app = streams()
    calls = [{"url": f"/{name}"} for name in ("events", "flood", "refused")]
    events, flood, refused = fetch_all(Browser(app, reading=1), *calls)
    assert (events.ok_for_page, events.status, events.text) == (True, 200, "data: news\n\n")
    assert "The body has not ended" in str(events)
    assert flood.ok_for_page and len(flood.body) == 4_000_000
    assert (refused.blocked_by, refused.body) == ("origin-missing", b"")
    assert app.ctx.ended == ["/events", "/flood"]
    (slow,) = fetch_all(Browser(app), {"url": "/slow"})
    assert slow.text == "first second" and "its end" not in str(slow)
    assert app.ctx.ended[2:] == ["/slow"]


def test_a_stream_without_an_end_of_a_server() -> None:
    async def run(port: int) -> list[Result]:
        async with Browser.at(f"http://127.0.0.1:{port}", reading=0.2) as browser:
            return [await browser.fetch("/events"), await browser.fetch("/slow")]

    events, slow = run_server(serve(streams(), run))
    assert (events.text, slow.text) == ("data: news\n\n", "first second")


ODD = [
    "https://xn--n3h.net/api/echo",
    "https://xn--ls8h.la/api/echo",
    "https://☃.net/api/echo",
    f"/api/echo?{'x' * 70_000}",
    f"/api/{'x' * 70_000}",
    "/api/%FF%00?%ZZ",
    "/api/long",
]


@pytest.mark.parametrize("url", ODD, ids=lambda url: url[:30])
def test_odd_urls(url: str) -> None:
    """Nothing is raised, whether there is a response or not."""
    app = shop()
    app.add_route(
        as_handler(lambda _: HTTPResponse(status=302, headers={"location": f"/{'x' * 70_000}"})), "/api/long"
    )
    (result,) = fetch_all(Browser(app), {"url": url})
    assert result.blocked_by in (None, "origin-missing", "no-answer"), str(result)
    assert str(result).isprintable() or "\n" in str(result)
    assert len(url) > 999 or "long" in url or result.sent[0].status in (200, 404)

    async def run(port: int) -> Result:
        async with Browser.at(f"http://127.0.0.1:{port}") as browser:
            return await browser.fetch(url.replace("https://", "http://a.localhost:1/"))

    assert run_server(serve(app, run)).blocked_by in (None, "origin-missing", "no-answer")


def test_an_app_that_reads_beyond_the_end_of_the_body() -> None:
    """It waits until the browser ends the call."""
    app, read = new_app(), []

    @app.post("/", stream=True)
    async def waits(request: Request) -> None:
        stream: Any = request.stream
        response = await request.respond(headers={ALLOW_ORIGIN: "*"})
        read.append(await stream.transport.receive())
        await response.send("first")
        read.append(await stream.transport.receive())

    (result,) = fetch_all(Browser(app, reading=0.1), {"url": "/", "method": "POST", "body": b"a"})
    assert (result.ok_for_page, result.text) == (True, "first")
    assert read == [{"type": "http.request", "body": b"a", "more_body": False}]


COMPRESSED = gzip.compress(b"text" * 100)
BODIES: dict[str, tuple[HTTPResponse, bytes | None]] = {
    "compressed": (HTTPResponse(COMPRESSED, headers={"content-encoding": "gzip"}), b"text" * 100),
    "badly compressed": (HTTPResponse(b"text", headers={"content-encoding": "gzip"}), None),
    "204": (HTTPResponse(b"text", status=204), b""),
    "205": (HTTPResponse(b"text", status=205), b""),
    "spaces": (HTTPResponse(b"", headers={"access-control-allow-origin": " \t*\t"}), b""),
    "a mark": (HTTPResponse("\N{BYTE ORDER MARK}{}".encode()), "\N{BYTE ORDER MARK}{}".encode()),
}


@pytest.mark.parametrize("name", BODIES)
def test_in_memory_as_over_a_server(name: str) -> None:
    app, (response, body) = new_app(), BODIES[name]

    @app.get("/")
    async def answer(_: Request) -> HTTPResponse:
        headers = {ALLOW_ORIGIN: "*", **response.headers}
        return HTTPResponse(response.body, response.status, headers=headers)

    async def run(port: int) -> Result:
        async with Browser.at(f"http://127.0.0.1:{port}") as browser:
            return await browser.fetch("/")

    for result in [fetch_all(Browser(app), {"url": "/"})[0], run_server(serve(app, run))]:
        assert result.blocked_by == ("no-answer" if body is None else None), str(result)
        assert result.body == (body or b"")
        assert name != "a mark" or (result.text, result.json()) == ("{}", {})


# --- without async ---


def test_without_async() -> None:
    app = shop()
    with SyncBrowser(Browser(app, clock=lambda: 0.0)) as browser:
        browser.set_cookie("a=1; SameSite=None; Secure")
        results = [
            browser.fetch("/api/echo", "PUT", headers={"x-a": "1"}, body="b", credentials="include")
            for _ in range(2)
        ]
        browser.later(600)
        results.append(browser.fetch("/api/echo", "PUT", upload_listener=True, redirect="error"))
        results.append(browser.fetch("/api/echo", mode="no-cors"))
        assert app.ctx.diary == LIFE[:2]
    assert browser.results == results
    assert [result.sent[0].cached for result in results] == [False, True, False, False]
    seen = results[0].json()
    assert (seen["body"], seen["headers"]["cookie"], seen["headers"]["x-a"]) == ("b", "a=1", "1")
    assert results[3].type == "opaque"
    assert app.ctx.diary == LIFE


def test_a_failure_without_async() -> None:
    """It leaves no thread behind, and shows its reason."""
    import threading

    app = shop()
    app.register_listener(lambda _: json.loads("{"), "before_server_start")
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="failed at its startup: Expecting"), SyncBrowser(Browser(app)):
        raise AssertionError("entered")
    assert threading.active_count() == before
    with pytest.raises(LookupError), SyncBrowser(Browser(shop())):
        raise LookupError


# --- over a server ---


def test_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests to this machine use no proxy, and a redirect to an invalid URL is a response."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def run(port: int) -> list[Result]:
        async with Browser.at(f"http://127.0.0.1:{port}/api/", ORIGIN) as browser:
            results = [await browser.fetch("echo", "PUT", body=b"x") for _ in range(2)]
            results.append(await browser.fetch("away"))
            names = [f"http://{host}:{port}/api/echo" for host in ("localhost", "api.localhost")]
            return results + [await browser.fetch(name) for name in names]

    put, again, away, *named = run_server(serve(shop(), run))
    assert (put.json()["body"], put.json()["headers"]["origin"]) == ("x", ORIGIN)
    assert (put.sent[0].status, again.sent[0].cached) == (204, True)
    assert away.blocked_by == "redirect-location"
    assert dict(away.sent[0].answer.headers)["location"] == "http://["
    hosts = [result.json()["headers"]["host"].partition(":")[0] for result in named]
    assert hosts == ["localhost", "api.localhost"]


def test_a_page_of_the_same_server() -> None:
    async def run(port: int) -> Result:
        async with Browser.at(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}") as browser:
            return await browser.fetch("/api/echo", "PUT")

    result: Result = run_server(serve(shop(), run))
    assert (result.type, len(result.sent)) == ("basic", 1)


def test_no_server() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # no server listens
        (result,) = fetch_all(Browser.at(f"http://127.0.0.1:{sock.getsockname()[1]}"), {"url": "/"})
    assert result.blocked_by == "no-answer"
    assert "got no response: 'ConnectError: " in (result.why or "")
    with pytest.raises(ValueError, match=r"'127\.0\.0\.1:8000' is not a URL"):
        Browser.at("127.0.0.1:8000")


def test_a_response_that_is_not_http() -> None:
    async def run() -> Result:
        async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\x1b[2K nonsense\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        async with server, Browser.at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as browser:
            return await browser.fetch("/")

    result = asyncio.run(run())
    assert result.blocked_by == "no-answer" and (result.why or "").isprintable()


def test_a_shared_sender() -> None:
    """Several browsers with one app have separate preflight caches."""
    from corsbp.testing.transports import AppSender

    app = shop()

    async def run() -> list[Result]:
        async with AppSender(app) as sender:
            browsers = [Browser.using(sender, origin) for origin in (ORIGIN, ORIGIN, EVIL)]
            return [await browser.fetch("/api/echo", "PUT") for browser in browsers]

    results = asyncio.run(run())
    assert [result.blocked_by for result in results] == [None, None, "preflight-origin-other"]
    assert [result.sent[0].cached for result in results] == [False] * 3
    assert app.ctx.diary == LIFE
