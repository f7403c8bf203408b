"""The log line of a page that is refused: one at DEBUG, with an id of `REFUSALS`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, cors_group
from corsbp.decision.refusal_ids import REFUSALS

from ..app.test_websockets import handshake, opened
from ..cases import EVIL, ONE, TWO
from ..support import HttpRequest, new_app, preflight, request, run_server, send_async, send_bytes, serve


def is_one(origin: str, request: Request) -> bool:
    return origin == ONE


def is_broken(origin: str, request: Request) -> bool:
    raise LookupError("no database")


POLICIES = {
    "any": CorsPolicy(),
    "one": CorsPolicy(allow_origins=[ONE], check_websockets=True),
    "list": CorsPolicy(
        allow_origins=[ONE, TWO, "https://*.c.example", "http://localhost:*"],
        allow_methods=["PUT", "GET"],
        allow_headers=["x-a", "x-b"],
        allow_credentials=True,
    ),
    "reflects": CorsPolicy(allow_origins=[ONE, TWO], allow_credentials=True),
    "long": CorsPolicy(allow_origins=[f"https://{letter}.example" for letter in "abcdefghij"]),
    "function": CorsPolicy(allow_origins=is_one, check_websockets=True),
    "broken": CorsPolicy(allow_origins=is_broken),
    "cookies": CorsPolicy(allow_origins=is_one, allow_credentials=True),
    "checked": CorsPolicy(allow_origins=[ONE], allow_methods=["PUT"], check_requests="writes"),
    "checked-all": CorsPolicy(allow_origins=is_one, check_requests="all"),
}


async def handler(_: Request, **__: Any) -> HTTPResponse:
    return text("here")


def routes_of(bp: Blueprint) -> Blueprint:
    """Add routes to a blueprint: one method of the first path has no CORS."""
    bp.add_route(handler, "/item", methods=["GET", "PUT", "DELETE"], name="item")
    bp.add_route(handler, "/item", methods=["POST"], name="post", ctx_cors=False)
    bp.add_route(handler, "/own", methods=["GET", "OPTIONS"], name="own")

    @bp.get("/boom")
    def boom(_: Request) -> HTTPResponse:
        raise ValueError("boom")

    @bp.websocket("/ws")
    async def ws(_: Request, ws: Any) -> None:
        await ws.send("hello")

    return bp


def app_of(**config: Any) -> Sanic:
    """Return an app with a section for each policy."""
    app = new_app(**config)
    for name, policy in POLICIES.items():
        app.blueprint(cors_group(routes_of(Blueprint(name, url_prefix=f"/{name}")), policy=policy))
    return app


def lines_of(
    app: Sanic,
    caplog: pytest.LogCaptureFixture,
    *requests: HttpRequest | bytes,
    debug: bool = True,
    level: int = logging.DEBUG,
) -> list[list[str]]:
    """Send requests, and return the lines that corsbp logs for each."""
    found: list[list[str]] = []

    async def talk(port: int) -> None:
        for one in requests:
            caplog.clear()
            if isinstance(one, bytes) and b"upgrade" in one:
                await opened(port, one)
            else:
                await send_bytes(port, one if isinstance(one, bytes) else one.raw())
            records = [record for record in caplog.records if record.name.endswith("corsbp")]
            found.append([record.getMessage() for record in records if record.levelno == logging.DEBUG])

    caplog.set_level(level)
    run_server(serve(app, talk, debug))
    return found


class Line(NamedTuple):
    """A request, its refusal, and the words of its line."""

    ask: HttpRequest | bytes
    id: str
    value: object
    expected: str
    words: str

    @property
    def text(self) -> str:
        if isinstance(self.ask, bytes):
            path = self.ask.split()[1].decode()
            origins, wants = re.findall(r"origin: (.*)\r", self.ask.decode()), f"open the WebSocket {path!r}"
        else:
            path = self.ask.path
            origins = [value for name, value in self.ask.headers if name == "origin"]
            asked = dict(self.ask.headers).get("access-control-request-method")
            verb = "make the request" if self.id.startswith("request-") else "read the response to"
            wants = f"send {asked!r}" if asked else f"{verb} {self.ask.method!r}"
            wants += f" {path!r}"
        section = f"cors_group({path.split('/')[1]})"
        page = repr(origins[0]) if origins else "another site"
        return f"{section}: a page of {page} cannot {wants}: {self.id}: {self.words}"


def twice(path: str, method: str = "GET", **more: str) -> HttpRequest:
    pairs = [
        ("origin", ONE),
        ("origin", EVIL),
        *((key.replace("_", "-"), value) for key, value in more.items()),
    ]
    return HttpRequest(method, path, tuple(pairs))


class Of(NamedTuple):
    """Origins of a policy: what a refusal expects, and the words for another origin."""

    expected: str
    words: str


_LISTED = "'https://app.example', 'https://two.example:8443', 'https://*.c.example', 'http://localhost:*'"
_LONG = ", ".join(repr(f"https://{letter}.example") for letter in "abcde")
OF_ONE = Of(f"one of {ONE!r}", f"allow_origins leaves it out: it has {ONE!r}")
OF_LIST = Of(f"one of {_LISTED}", f"allow_origins leaves it out: it has {_LISTED}")
OF_LONG = Of(f"one of {_LONG} and 5 more", f"allow_origins leaves it out: it has {_LONG} and 5 more")
OF_FUNCTION = Of("an origin for which is_one() returns True", "is_one() did not return True")
OF_FILES = Of(OF_FUNCTION.expected, "origin functions are not called for files")
OF_BROKEN = Of("an origin for which is_broken() returns True", "is_broken() failed: see the error in the log")
OPAQUE = "allow_origins cannot name an opaque origin: a sandboxed frame, a file, a redirect between sites"
NO_ORIGIN = "no browser sends such an Origin"
WITH_COOKIE = (
    "a request without credentials",
    "allow_credentials is False, and the request has the header Cookie: send it with credentials: 'omit' "
    "(fetch with keepalive, not a beacon), or set allow_credentials=True",
)
TWO_LINES = ([ONE, EVIL], "one Origin line", f"the request has 2 Origin lines: {ONE!r}, {EVIL!r}")

REFUSED = [
    # the origin, on requests
    Line(request("GET", "/one/item", EVIL), "origin-not-allowed", EVIL, *OF_ONE),
    Line(request("GET", "/list/item", EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(request("GET", "/long/item", EVIL), "origin-not-allowed", EVIL, *OF_LONG),
    Line(request("GET", "/cookies/item", "file://"), "origin-not-allowed", "file://", *OF_FILES),
    Line(request("GET", "/list/item", "null"), "origin-null", "null", OF_LIST.expected, OPAQUE),
    Line(request("GET", "/one/item", "null"), "origin-null", "null", OF_ONE.expected, OPAQUE),
    Line(request("GET", "/list/item", f"{ONE}/"), "origin-malformed", f"{ONE}/", OF_LIST.expected, NO_ORIGIN),
    Line(request("GET", "/list/item", ""), "origin-malformed", "", OF_LIST.expected, NO_ORIGIN),
    Line(request("GET", "/function/item", "x"), "origin-malformed", "x", OF_FUNCTION.expected, NO_ORIGIN),
    Line(twice("/list/item"), "origin-repeated", *TWO_LINES),
    Line(twice("/one/item"), "origin-repeated", *TWO_LINES),
    Line(twice("/function/item"), "origin-repeated", *TWO_LINES),
    Line(request("GET", "/function/item", EVIL), "origin-function-refused", EVIL, *OF_FUNCTION),
    Line(request("GET", "/broken/item", EVIL), "origin-function-failed", EVIL, *OF_BROKEN),
    # on errors
    Line(request("GET", "/list/boom", EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(request("GET", "/list/nothing", EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(request("PATCH", "/list/item", EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(request("GET", "/function/boom", EVIL), "origin-function-refused", EVIL, *OF_FUNCTION),
    # on handshakes
    Line(handshake(EVIL, path="/one/ws"), "origin-not-allowed", EVIL, *OF_ONE),
    Line(handshake(EVIL, path="/function/ws"), "origin-function-refused", EVIL, *OF_FUNCTION),
    # on OPTIONS
    Line(request("OPTIONS", "/list/item", EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(request("OPTIONS", "/list/own", EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(preflight("/list/item", origin=EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(preflight("/one/own", origin=EVIL), "origin-not-allowed", EVIL, *OF_ONE),
    Line(preflight("/list/nothing", origin=EVIL), "origin-not-allowed", EVIL, *OF_LIST),
    Line(preflight("/function/item", origin=EVIL), "origin-function-refused", EVIL, *OF_FUNCTION),
    Line(twice("/list/item", "OPTIONS", access_control_request_method="GET"), "origin-repeated", *TWO_LINES),
    # the method and the headers
    Line(
        preflight("/list/item", "DELETE"),
        "method-not-allowed",
        "DELETE",
        "one of GET, PUT, OPTIONS",
        "this path serves DELETE, but allow_methods leaves it out",
    ),
    Line(
        preflight("/list/own", "PUT"),
        "method-not-allowed",
        "PUT",
        "one of GET, OPTIONS",
        "no route of the section serves it here: there is GET, OPTIONS",
    ),
    Line(
        preflight("/any/item", "put"),
        "method-not-allowed",
        "put",
        "one of GET, PUT, DELETE, OPTIONS",
        "methods are case-sensitive: the page has to write PUT",
    ),
    Line(
        preflight("/any/item", "TRACE"),
        "method-not-allowed",
        "TRACE",
        "one of GET, PUT, DELETE, OPTIONS",
        "browsers do not send TRACE for a page",
    ),
    Line(
        preflight("/list/item", "PUT", "x-a,x-c,x-d"),
        "header-not-allowed",
        "x-c",
        "one of x-a, x-b",
        "allow_headers leaves out 'x-c': it has x-a, x-b",
    ),
    Line(
        preflight("/reflects/item", "PUT", "a b"),
        "headers-malformed",
        ["a b"],
        "a list of header names",
        "the requested header names are not a list of tokens, or too many: 'a b'",
    ),
    # requests that are refused as forged: one line, although the page cannot read the response either
    Line(
        request("PUT", "/checked/item", EVIL),
        "request-cross-origin",
        EVIL,
        f"a page of this server, or {OF_ONE.expected}",
        f"{OF_ONE.words}; if it is a page of this server, have the proxy pass Host on: the request came to "
        "'api.example'",
    ),
    Line(
        request("DELETE", "/checked/item"),
        "request-method",
        "DELETE",
        "one of PUT",
        "allow_methods leaves out 'DELETE': it has PUT",
    ),
    Line(request("PUT", "/checked/item", cookie="a=1"), "request-with-credentials", "cookie", *WITH_COOKIE),
    Line(
        handshake(ONE, path="/checked/ws").replace(b"\r\n\r\n", b"\r\ncookie: a=1\r\n\r\n"),
        "request-with-credentials",
        "cookie",
        "a request without credentials",
        "allow_credentials is False, and browsers send Cookie with every handshake: set "
        "allow_credentials=True, or serve the WebSocket on a host without cookies and passwords",
    ),
    Line(
        request("GET", "/checked-all/item", EVIL, sec_fetch_site="cross-site"),
        "request-cross-origin",
        EVIL,
        f"a page of this server, or {OF_FUNCTION.expected}",
        OF_FUNCTION.words,
    ),
    Line(
        request("GET", "/checked-all/item", None, sec_fetch_site="cross-site"),
        "request-cross-origin",
        "",
        "a page of this server",
        "the request has no Origin, and Sec-Fetch-Site is 'cross-site'; if an allowed page loads it as an "
        "image or a script, write crossorigin in its tag",
    ),
]

BY_A_ROUTE = "this path serves POST by a route that is in no section, or has ctx_cors=False"
ELSEWHERE = [
    Line(
        preflight(f"/{section}/item", "POST"),
        "method-elsewhere",
        "POST",
        f"one of {methods}, OPTIONS",
        BY_A_ROUTE,
    )
    for section, methods in (("any", "GET, PUT, DELETE"), ("list", "GET, PUT"))
]

GRANTED: list[HttpRequest | bytes] = [
    *(request("GET", f"/{name}/item", ONE) for name in ("any", "one", "list", "reflects", "function")),
    *(preflight(f"/{name}/item", "PUT") for name in ("any", "one", "list", "reflects", "function")),
    *(request("GET", f"/{name}/item", None) for name in POLICIES),  # no browser sent it
    *(request("OPTIONS", f"/{name}/item", None) for name in POLICIES),
    request("GET", "/any/item", "null"),
    request("GET", "/any/item", ""),
    twice("/any/item"),
    request("GET", "/any/nothing", EVIL),
    preflight("/any/item", "PUT", "x-anything,authorization"),
    preflight("/list/item", "PUT", "x-b,X-A"),
    preflight("/list/item", "HEAD"),
    request("POST", "/list/item", EVIL),  # has no CORS
    request("GET", "/", EVIL),  # is in no section
    request("PUT", "/checked/item"),
    request("PUT", "/checked/item", "https://api.example"),
    request("PUT", "/checked/item", None, sec_fetch_site="same-origin"),
    request("GET", "/checked-all/item", sec_fetch_site="cross-site"),
    handshake(path="/one/ws"),
    handshake(ONE, path="/one/ws"),
]


def test_one_line_per_refusal(caplog: pytest.LogCaptureFixture) -> None:
    lines = lines_of(app_of(), caplog, *(line.ask for line in REFUSED))
    assert lines == [[line.text] for line in REFUSED]


def test_one_line_for_a_method_of_a_route_without_cors(caplog: pytest.LogCaptureFixture) -> None:
    lines = lines_of(app_of(), caplog, *(line.ask for line in ELSEWHERE))
    assert lines == [[line.text] for line in ELSEWHERE]


def test_each_id_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    lines = lines_of(app_of(), caplog, *(line.ask for line in [*REFUSED, *ELSEWHERE]))
    assert {line.split(": ")[2] for (line, *_) in filter(None, lines)} == set(REFUSALS)


def test_no_line_without_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    assert lines_of(app_of(), caplog, *GRANTED) == [[]] * len(GRANTED)


def test_no_line_for_options_of_the_whole_server(caplog: pytest.LogCaptureFixture) -> None:
    bp = Blueprint("root")
    bp.add_route(handler, "/", methods=["GET", "PUT"], name="root")
    asked = [HttpRequest("OPTIONS", "*"), HttpRequest("OPTIONS", "*", (("origin", ONE),))]
    assert lines_of(new_app(cors_group(bp, policy=POLICIES["list"])), caplog, *asked) == [[], []]


def test_no_line_in_production(caplog: pytest.LogCaptureFixture) -> None:
    lines = lines_of(app_of(), caplog, *(line.ask for line in REFUSED), debug=False, level=logging.INFO)
    assert lines == [[]] * len(REFUSED)


@pytest.mark.no_cover
def test_responses_are_the_same_in_debug_mode() -> None:
    requests = [*(line.ask for line in REFUSED), *GRANTED]

    def responses(debug: bool) -> list[Any]:
        found = []

        async def talk(port: int) -> None:
            for one in requests:
                if isinstance(one, HttpRequest):
                    response = await send_async(port, one)
                    found.append((response.status, response.cors))

        run_server(serve(app_of(TOUCHUP=False), talk, debug))
        return found

    assert responses(True) == responses(False)


def add_middleware(kind: str, app: Any) -> None:
    """Add other code to an app that changes responses."""

    def same(_: Request, response: HTTPResponse) -> None:
        pass

    def another(_: Request, response: HTTPResponse) -> HTTPResponse:
        return text("another")

    def broken(*_: object) -> None:
        raise ValueError("boom")

    {
        "response": lambda: app.on_response(same),
        "new response": lambda: app.on_response(another),
        "broken response": lambda: app.on_response(broken),
        "request": lambda: app.on_request(broken),
        "error handler": lambda: app.error_handler.add(Exception, broken),
    }[kind]()


@pytest.mark.parametrize("kind", ["response", "new response", "broken response", "request", "error handler"])
def test_one_line_whatever_other_middleware_does(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = app_of()
    add_middleware(kind, app)
    lines = lines_of(app, caplog, *(line.ask for line in REFUSED))
    expected = [[line.text] for line in REFUSED]
    if kind == "new response":  # where the router has no route, only an error is the section's
        missing = "read the response to 'GET' '/list/nothing'", "read the response to 'PATCH'"
        expected = [[] if any(each in text for each in missing) else [text] for (text,) in expected]
    assert lines == expected


def test_a_line_names_the_section_by_its_blueprints(caplog: pytest.LogCaptureFixture) -> None:
    inner, one, two = (Blueprint(name, url_prefix=f"/{name}") for name in ("inner", "one", "two"))
    for bp in (inner, one, two):
        bp.add_route(handler, "/item", name="item")
    outer = cors_group(cors_group(inner, allow_origins=[ONE, TWO]), one, two, allow_origins=[ONE])
    asked = [request("GET", f"/{name}/item", EVIL) for name in ("inner", "one", "two")]
    lines = lines_of(new_app(outer), caplog, *asked)
    assert [line.split(": ")[0] for (line,) in lines] == [
        "cors_group(inner)",
        "cors_group(one, two)",
        "cors_group(one, two)",
    ]


# --- control characters ---

NASTY = ["\x1b[31m", "\x00", "\x07", "\x08", "\x0b", "\x0c", "\x7f", "\x85", "\xa0", "\u2028", "\u202e", "\t"]


def nasty_requests(character: str) -> list[bytes]:
    """Return requests with a character in each place that a line of the log shows."""
    where: list[Callable[[str], tuple[str, str, str, str, str]]] = [
        lambda it: ("GET", "/list/item", f"https://a{it}.example", "GET", ""),
        lambda it: ("GET", f"/list/{it}", EVIL, "GET", ""),
        lambda it: ("GET", f"/list/nothing?{it}", EVIL, "GET", ""),
        lambda it: ("OPTIONS", "/list/item", ONE, f"GET{it}T", ""),
        lambda it: ("OPTIONS", "/reflects/item", ONE, "GET", f"x-{it}-a"),
        lambda it: ("OPTIONS", "/list/item", ONE, "GET", f"x-a{it}"),
        lambda it: ("GET", "/function/item", f"https://{it}.example", "GET", ""),
        lambda it: ("GET", "/broken/item", f"https://{it}.example", "GET", ""),
    ]
    requests = []
    for fill in where:
        method, path, origin, asked, names = fill(character)
        lines = [f"{method} {path} HTTP/1.1", "host: api.example", f"origin: {origin}", "connection: close"]
        lines += [f"access-control-request-method: {asked}"]
        lines += [f"access-control-request-headers: {names}"] if names else []
        requests.append("\r\n".join([*lines, "", ""]).encode())
    return requests


@pytest.mark.parametrize("character", NASTY, ids=ascii)
def test_control_characters_are_escaped(character: str, caplog: pytest.LogCaptureFixture) -> None:
    requests = nasty_requests(character)
    lines = lines_of(app_of(), caplog, *requests)
    assert sum(map(len, lines)) >= 4  # Sanic itself rejects some of them
    for line in chain.from_iterable(lines):
        assert line.isprintable()
        assert len(line.splitlines()) == 1


@pytest.mark.parametrize("end", ["%0d%0a", "%0A", "%1b[31m", "%00"])
def test_a_percent_encoded_line_end_is_escaped(end: str, caplog: pytest.LogCaptureFixture) -> None:
    requests = [request("GET", f"/list/{end}DEBUG", EVIL), preflight(f"/list/{end}DEBUG", origin=EVIL)]
    for (line,) in lines_of(app_of(), caplog, *requests):
        assert line.isprintable()
        assert "origin-not-allowed" in line


def test_lines_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    long = "x" * 4000
    requests = [
        request("GET", "/list/item", f"https://{long}.example"),
        preflight("/reflects/item", "GET", ",".join(["x-a b"] * 600)),
    ]
    for (line,) in lines_of(app_of(), caplog, *requests):
        assert len(line) < 20_000  # at most a request's head, and its escapes
