"""`corsbp audit --observed --at`, with a deployment that the tests write. tests/cache has real nginx."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Sanic, text

from corsbp import CorsPolicy, cors_group
from corsbp.command import finding_ids
from corsbp.command.audit.edge_checks import is_static
from corsbp.command.audit.edge_requests import DEFAULT_RATE, LimitedSender
from corsbp.command.audit.observed_method import UNKNOWN_ORIGIN
from corsbp.testing import Answer, Sent
from corsbp.testing.result import NoAnswer

from ..support import EVIL, ORIGIN, TWO, new_app

AT = "https://api.example"
Respond = Callable[[str, str, str], Answer | NoAnswer]


async def handler(*_: object, **__: object) -> Any:
    return text("here")


def allows_origin(origin: str, _: object) -> bool:
    return origin == ORIGIN


def make_app(**policy: Any) -> Sanic:
    """Make an app with a section on `/api`, and a route in no section."""
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", methods=["GET", "PUT"], name="item")
    bp.add_websocket_route(handler, "/ws", name="ws")
    app = new_app(cors_group(bp, **policy))
    app.add_route(handler, "/web", name="web")
    app.add_route(handler, "/hosted", name="hosted", host="other.example")
    return app


def allow(origin: str, *headers: tuple[str, str], status: int = 200, vary: str = "origin") -> Answer:
    """Return a response of a section that allows an origin."""
    lines = [("access-control-allow-origin", origin), *headers]
    return Answer(status, (*lines, ("vary", vary)) if vary else tuple(lines))


NONE = Answer(404, (("server", "edge"),))
PREFLIGHT = (("access-control-allow-methods", "GET,PUT,OPTIONS"), ("access-control-allow-headers", "*"))


def respond(method: str, url: str, origin: str) -> Answer | NoAnswer:
    """Respond as an app with a section for two origins does."""
    if "/api/" not in url or origin not in (ORIGIN, TWO):
        return Answer(200, (("vary", "Origin"),)) if "/api/" in url else NONE
    headers = ("authorization,content-type,x-corsbp", *[]) if method == "OPTIONS" else ()
    more = [("access-control-allow-methods", "GET,PUT,OPTIONS")] if headers else []
    more += [("access-control-allow-headers", headers[0])] if headers else []
    return allow(origin, *more)


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, audit: Any) -> Any:
    """Audit a deployment that responds as a function says; returns status, lines and the requests."""

    def run(
        app: Sanic, function: Respond, *options: str, at: str = AT, http: bool = False
    ) -> tuple[int, list[str], list[tuple[str, str, str]], str]:
        requests: list[tuple[str, str, str]] = []

        class FakeSender:
            def __init__(self, _: float) -> None: ...
            async def __aenter__(self) -> None: ...
            async def __aexit__(self, *_: object) -> None: ...
            async def send(self, sent: Sent) -> Answer | NoAnswer:
                origin = dict(sent.headers)["origin"]
                requests.append((sent.method, sent.url, origin))
                if sent.url.startswith("http:") and at.startswith("https:") and not http:
                    return NoAnswer("refused")
                return function(sent.method, sent.url, origin)

        monkeypatch.setattr("corsbp.command.audit.edge_requests.ServerSender", FakeSender)
        status, out, err = audit(app, "--observed", "--at", at, "--rate", "100000", *options)
        return status, out.splitlines(), requests, err

    return run


TWO_ORIGINS: dict[str, Any] = {"allow_origins": [ORIGIN, TWO]}


def lines_of(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("error", "info"))]


def test_no_difference(deployment: Any) -> None:
    """Never a POST, PUT or WebSocket, and no route of another host."""
    status, lines, requests, _ = deployment(make_app(**TWO_ORIGINS), respond)
    assert (status, lines_of(lines)) == (0, [])
    assert {method for method, *_ in requests} == {"GET", "OPTIONS"}
    *requests, last = requests
    assert last[1] == "http://api.example/api/item"
    paths = {re.sub(r"corsbp-\w{32}", "(no route)", url.removeprefix(AT)) for _, url, _ in requests}
    assert paths == {"/api/item", "/web", "/api/(no route)", "/(no route)"}
    assert lines[-2].startswith(f"api.example: 5 methods, {len(requests) + 1} requests; 0 errors, 0 warnings")
    assert lines[-1].startswith("not checked: limits of a body (413)")


FAULTS: dict[str, tuple[Respond, list[str]]] = {
    "a doubled header": (
        lambda method, url, origin: (
            allow(origin, ("Access-Control-Allow-Origin", origin)) if "/api/item" in url else NONE
        ),
        [
            f"error GET /api/item: access-control-allow-origin comes 2 times: {ORIGIN}, {ORIGIN} "
            "[edge-header-twice]",
            f"error PUT /api/item: access-control-allow-origin comes 2 times: {ORIGIN}, {ORIGIN} "
            "[edge-header-twice]",
        ],
    ),
    "no Vary": (
        lambda method, url, origin: (
            allow(origin, vary="accept")
            if origin == ORIGIN and method == "GET"
            else respond(method, url, origin)
        ),
        [
            "error GET /api/item: the response depends on the origin, and has no Vary: Origin (Vary: accept) "
            "[edge-vary]",
        ],
    ),
    "a cache": (
        lambda method, url, origin: (
            allow(ORIGIN, ("age", "7"), vary="") if method == "GET" else respond(method, url, origin)
        ),
        [
            f"error GET /api/item: a page of {TWO} gets the response for {ORIGIN} (Age: 7) [edge-cached]",
            f"error GET /api/item: a page of {UNKNOWN_ORIGIN} gets the response for {ORIGIN} (Age: 7) "
            "[edge-cached]",
        ],
    ),
    "no response": (
        lambda method, url, origin: (
            NoAnswer("it broke off") if url.endswith("/web") else respond(method, url, origin)
        ),
        ["error GET /web: no response: it broke off [edge-no-response]"],
    ),
    "a redirect to http": (
        lambda method, url, origin: (
            allow(origin, ("location", "http://api.example/new"), status=302)
            if method == "GET" and origin == ORIGIN
            else respond(method, url, origin)
        ),
        ["error GET /api/item: redirects to http://api.example/new [edge-redirect]"],
    ),
    "redirects elsewhere": (
        lambda method, url, origin: (
            allow(origin, ("location", location), status=302)
            if (location := {ORIGIN: "/new", TWO: "https://other.example/"}.get(origin)) and method == "GET"
            else respond(method, url, origin)
        ),
        [],
    ),
    "a preflight of a proxy": (
        lambda method, url, origin: (
            allow(origin, ("access-control-allow-methods", "GET, PATCH, HEAD"))
            if method == "OPTIONS" and "/api/" in url
            else respond(method, url, origin)
        ),
        [
            "error GET /api/item: the preflight allows PATCH, which the app does not serve here: another "
            "server responded [edge-preflight]",
            f"error PUT /api/item: lost {ORIGIN}, {TWO}: status 200, preflight-method [edge-difference]",
        ],
    ),
    "an origin too many": (
        lambda method, url, origin: (
            allow(origin)
            if url.endswith("/web") and origin == UNKNOWN_ORIGIN
            else respond(method, url, origin)
        ),
        ["error GET /web: gained an unknown origin [edge-difference]"],
    ),
    "credentials": (
        lambda method, url, origin: (
            allow(origin, ("access-control-allow-credentials", "true"))
            if url.endswith("/web") and origin == UNKNOWN_ORIGIN
            else respond(method, url, origin)
        ),
        ["error GET /web: gained an unknown origin, with credentials [edge-difference]"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str, deployment: Any) -> None:
    function, expected = FAULTS[name]
    status, lines, *_ = deployment(make_app(**TWO_ORIGINS), function)
    found = lines_of(lines)
    assert [line for line in expected if line not in found] == [], "\n".join(found)
    assert (status, bool(found)) == (int(bool(expected)), bool(expected)), "\n".join(found)


def test_a_cache_before_an_app_without_corsbp(deployment: Any) -> None:
    """Its responses vary, and name the origin of another page."""
    bare = new_app()
    bare.add_route(handler, "/web", name="web")
    _, lines, *_ = deployment(bare, lambda *_: allow(ORIGIN), "--origin", ORIGIN)
    found = f"error GET /web: a page of {UNKNOWN_ORIGIN} gets the response for {ORIGIN} [edge-cached]"
    assert found in lines
    _, lines, *_ = deployment(bare, lambda *_: allow(ORIGIN, vary=""), "--origin", ORIGIN)
    assert not [line for line in lines if "edge-cached" in line]


@pytest.mark.parametrize(
    ("declared", "static"),
    [
        ("*", True),
        ([ORIGIN], True),
        ([ORIGIN, TWO], False),
        (["https://*.a.example"], False),
        (allows_origin, False),
        ([ORIGIN, allows_origin], False),
    ],
)
def test_static_policies(declared: Any, static: bool) -> None:
    assert is_static(CorsPolicy(allow_origins=declared)) is static


def test_functions_are_not_compared(deployment: Any) -> None:
    """Except for the origins beside them: nobody knows what a function returns."""
    app = make_app(allow_origins=[ORIGIN, allows_origin])
    status, lines, requests, _ = deployment(app, lambda *_: Answer(200, ()))
    expected = f"lost {ORIGIN}: status 200 without headers of CORS [edge-difference]"
    assert (status, lines_of(lines)) == (
        1,
        [f"error {each} /api/item: {expected}" for each in ("GET", "PUT")],
    )
    assert {origin for *_, origin in requests} == {ORIGIN, UNKNOWN_ORIGIN}
    _, lines, *_ = deployment(make_app(allow_origins=allows_origin), lambda *_: allow(EVIL))
    assert not [line for line in lines_of(lines) if "/api/item: gained" in line]


def test_patterns_and_public_sections(deployment: Any) -> None:
    pattern = make_app(allow_origins=["https://*.a.example", "http://localhost:*"])
    _, _, requests, _ = deployment(pattern, lambda *_: NONE)
    assert {origin for *_, origin in requests} == {
        "https://any.a.example",
        "http://localhost",
        UNKNOWN_ORIGIN,
    }
    status, lines, *_ = deployment(make_app(allow_origins="*"), lambda *_: NONE)
    expected = "lost an unknown origin: status 404 without headers of CORS, server: edge [edge-difference]"
    assert f"error GET /api/item: {expected}" in lines and status == 1


def test_http_responds_too(deployment: Any) -> None:
    """An information; not if http has no headers of CORS."""
    expected = f"info {AT}: http responds, too, with headers of CORS [edge-http]"
    app = make_app(**TWO_ORIGINS)
    status, lines, requests, _ = deployment(app, respond, http=True)
    assert (status, lines_of(lines)) == (0, [expected])
    assert requests[-1][1] == "http://api.example/api/item"

    def bare_http(method: str, url: str, origin: str) -> Answer | NoAnswer:
        return NONE if url.startswith("http:") else respond(method, url, origin)

    assert lines_of(deployment(app, bare_http, http=True)[1]) == []


def test_whole_deployment_redirects(deployment: Any) -> None:
    """One finding, after one request: no response is the app's."""

    def redirect(_: str, url: str, __: str) -> Answer:
        return Answer(301, (("location", url.replace("http:", "https:", 1)),))

    status, lines, requests, _ = deployment(make_app(**TWO_ORIGINS), redirect, at="http://api.example")
    expected = "error http://api.example: redirects to https://api.example [edge-redirect]"
    assert (status, lines_of(lines), len(requests)) == (1, [expected], 1)


def test_pages_on_https_cannot_call_http(deployment: Any) -> None:
    status, lines, *_ = deployment(make_app(**TWO_ORIGINS), respond, at="http://api.example/")
    assert status == 1
    assert f"error GET /api/item: lost {ORIGIN}, {TWO}: mixed-content [edge-difference]" in lines


def test_only_preflights(deployment: Any) -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", methods=["PUT"], name="item")
    app = new_app(cors_group(bp, **TWO_ORIGINS))
    _, _, requests, _ = deployment(app, respond, "--leave-out", "*(no route)")
    assert {method for method, *_ in requests} == {"OPTIONS"}
    assert {url for _, url, _ in requests} == {f"{AT}/api/item", "http://api.example/api/item"}


def test_nothing_to_send(deployment: Any) -> None:
    status, lines, requests, _ = deployment(make_app(), respond, "--leave-out", "*")
    assert (status, requests) == (0, []) and lines[-2].startswith("api.example: 0 methods, 0 requests;")


def test_no_deployment(deployment: Any) -> None:
    status, lines, requests, err = deployment(make_app(), lambda *_: NoAnswer("refused"))
    assert (status, lines, len(requests)) == (2, [], 1)
    assert err == f"corsbp: {AT} did not respond: refused\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", "api.example"], "--at takes the address of a deployment, https://api.example, not 'api.e"),
        (["--at", f"{AT}/?a=1"], "--at takes the address"),
        (["--at", AT, "--rate", "0"], "--rate takes a number above 0, not 0"),
        (["--at", AT, "--snapshot", "cors.json"], "--snapshot is for an app in memory: leave out --at"),
        (["--at", AT, "--query", "/nowhere=a=1"], "--query: no route has the path /nowhere"),
        (["--at", AT, "--query", "/web"], "--query takes PATH=QUERY, as in /socket.io=EIO=4, not '/web'"),
        (["--at", AT, "--origin", "app.example"], "no page has the origin 'app.example'"),
    ],
)
def test_wrong_options(options: list[str], message: str, audit: Any) -> None:
    status, out, err = audit(make_app(), "--observed", *options)
    assert (status, out) == (2, "") and message in err


def test_app_that_does_not_start(audit: Any) -> None:
    app = new_app(cors_group(Blueprint("one")))
    app.add_route(handler, "/a", name="a", ctx_cors=True)
    status, _, err = audit(app, "--observed", "--at", AT)
    assert status == 2 and "ctx_cors" in err


def test_file_of_observed(deployment: Any, audit: Any, tmp_path: Path) -> None:
    """Its origins are sent, its paths without a route compared, and what it lacks is named."""
    file = tmp_path / "cors.json"
    app = make_app(**TWO_ORIGINS)
    assert audit(app, "--observed", "--origin", ORIGIN, "--snapshot", str(file))[0] == 0
    app = make_app(**TWO_ORIGINS)
    app.add_route(handler, "/new", name="new")
    status, lines, requests, _ = deployment(app, lambda *_: NONE, "--check", str(file))
    assert status == 1 and {origin for *_, origin in requests} == {ORIGIN, UNKNOWN_ORIGIN}
    lost = f"lost {ORIGIN}: status 404 without headers of CORS, server: edge [edge-difference]"
    assert f"error GET /api/(no route): {lost}" in lines
    assert lines[-1] == "not compared, as the file has no such route: GET /new"
    assert not [line for line in lines if line.startswith("methods")]
    status, _, _, err = deployment(app, lambda *_: NONE, "--check", str(file), "--origin", TWO)
    assert status == 2 and f"the file was made without --origin {TWO}" in err


def test_file_with_more_than_the_app_declares(deployment: Any, audit: Any, tmp_path: Path) -> None:
    """Routes that are added at startup, and methods that do not respond in memory, are named."""
    file = tmp_path / "cors.json"
    app = make_app(**TWO_ORIGINS)

    @app.before_server_start
    async def add(app: Sanic[Any, Any]) -> None:
        app.router.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
        app.add_route(handler, "/late", name="late")
        app.router.finalize()

    assert audit(app, "--observed", "--snapshot", str(file))[0] == 0
    content = json.loads(file.read_text())
    content["routes"]["GET /web"]["no_response"] = "nothing came"
    file.write_text(json.dumps(content))
    _, lines, requests, _ = deployment(make_app(**TWO_ORIGINS), respond, "--check", str(file))
    assert not [url for _, url, _ in requests if url.endswith("/web")]
    assert lines[-2:] == [
        "not compared, as the app did not respond in memory either: GET /web",
        "not compared, as the app does not declare it, or only at its startup: GET /late",
    ]


def test_declared_file_with_a_lost_route(deployment: Any, audit: Any, tmp_path: Path) -> None:
    file = tmp_path / "cors.json"
    app = make_app(**TWO_ORIGINS)
    app.add_route(handler, "/own", name="own", ctx_cors=CorsPolicy())
    assert audit(app, "--snapshot", str(file))[0] == 0
    _, lines, *_ = deployment(make_app(**TWO_ORIGINS), respond, "--check", str(file))
    assert lines[-1] == "not compared, as the app does not declare it, or only at its startup: GET /own"


def test_own_pages(deployment: Any) -> None:
    """Pages of the deployment's own origin need no CORS, and are not compared."""
    app = make_app(allow_origins=[AT, ORIGIN])
    status, lines, requests, _ = deployment(app, respond)
    assert (status, lines_of(lines)) == (0, [])
    assert {origin for *_, origin in requests} == {ORIGIN, UNKNOWN_ORIGIN}
    assert lines[-1] == f"not compared, as these are the deployment's own pages: {AT}"


def test_file_without_a_prefix(deployment: Any, audit: Any, tmp_path: Path) -> None:
    """Paths without a route are compared with those of the next shorter prefix, as they were before."""
    file = tmp_path / "cors.json"
    bare = new_app()
    bare.add_route(handler, "/web", name="web")
    assert audit(bare, "--observed", "--snapshot", str(file))[0] == 0
    _, lines, *_ = deployment(make_app(allow_origins="*"), lambda *_: allow("*"), "--check", str(file))
    assert "error GET /api/(no route): gained an unknown origin [edge-difference]" in lines


def test_json(deployment: Any) -> None:
    _, lines, *_ = deployment(make_app(**TWO_ORIGINS), lambda *_: NONE, "--json")
    found = json.loads("\n".join(lines))
    assert found["at"] == AT and found["findings"][0]["id"] == "edge-difference"
    assert found["routes"][0]["grants"] == {ORIGIN: None, TWO: None, UNKNOWN_ORIGIN: None}


def test_rate() -> None:
    """At most so many requests in a second; no wait after a pause."""
    import asyncio

    class Sender:
        async def send(self, _: object) -> NoAnswer:
            return NoAnswer("")

    async def measure() -> float:
        sender: Any = LimitedSender(Sender(), 50)  # type: ignore[arg-type]  # sends only
        begin = time.monotonic()
        for _ in range(6):
            await sender.send(None)
        return time.monotonic() - begin

    assert DEFAULT_RATE == 20
    assert 0.1 <= asyncio.run(measure()) < 1


def test_ids_are_documented() -> None:
    names = {each for each in finding_ids.AUDIT_FINDINGS if each.startswith("edge-")}
    assert len(names) == 8
