"""`corsbp explain`: one call, step by step, of an app and of other servers."""

from __future__ import annotations

import asyncio
import logging
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, redirect, text

from corsbp import CorsPolicy, cors_group
from corsbp.app.inventory import RouteInfo
from corsbp.command import main
from corsbp.command.advice import PageRequest, suggest_argument, suggest_change
from corsbp.command.route_match import RouteMatch
from corsbp.testing import STOPS

from ..support import EVIL, ORIGIN, ROOT, TWO, as_handler, new_app, require_package, run_server, serve
from .servers import fixed_server


async def handler(*_: object, **__: object) -> Any:
    return text("here", headers={"x-total": "3"})


def proxied(request: Request) -> HTTPResponse | None:
    """Respond in place of a route, with CORS headers of another origin."""
    if request.path == "/proxied":
        request.route = None
        return text("here", headers={"access-control-allow-origin": "https://proxy.example"})
    return None


def allows_origin(origin: str, _: object) -> bool:
    return origin == ORIGIN


def make_app() -> Sanic:
    groups = []
    for name, policy in {
        "any": CorsPolicy(),
        "one": CorsPolicy(allow_origins=[ORIGIN], expose_headers=["x-total"]),
        "list": CorsPolicy(
            allow_origins=[ORIGIN, TWO], allow_credentials=True, allow_methods=["GET"], allow_headers=["x-a"]
        ),
        "function": CorsPolicy(allow_origins=allows_origin),
    }.items():
        bp = Blueprint(name, url_prefix=f"/{name}")
        bp.add_route(handler, "/item/<number:int>", methods=["GET", "PUT"], name="item")
        bp.add_route(handler, "/left-out", name="out", ctx_cors=False)
        groups.append(cors_group(bp, policy=policy))
    app = new_app(*groups)
    app.add_route(handler, "/plain", methods=["POST"], name="plain")
    odd = Blueprint("odd")
    odd.add_route(as_handler(lambda _: redirect("https://other.example/z")), "/moved", name="moved")
    odd.add_route(as_handler(lambda _: redirect("/plain")), "/inward", name="inward")
    odd.add_route(handler, "/hosted", host="hosted.example", name="hosted")
    app.blueprint(cors_group(odd))
    app.add_route(handler, "/own", ctx_cors=CorsPolicy(allow_origins=[ORIGIN]), name="own")
    app.on_request(proxied)
    return app


LINE = re.compile(r" at tests/command/test_explain\.py:\d+")
"""Lines of this file, which a test of its own compares."""


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Explain a call: the exit status, stdout and stderr."""

    def run(*arguments: str, app: Sanic | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr("corsbp.command.explain.arguments.load_app", lambda _: app or make_app())
        status = main(["explain", *arguments])
        captured = capsys.readouterr()
        return status, LINE.sub("", captured.out), captured.err

    return run


ROWS: list[tuple[str, int, list[str]]] = [
    # the call; its status; lines that are printed
    (
        f"/any/item/1 --origin {EVIL}",
        0,
        ["The page reads status 200.", "It can read the headers content-type."],
    ),
    (f"/one/item/1 --origin {ORIGIN}", 0, ["It can read the headers content-type, x-total."]),
    (
        f"/one/item/1 PUT --origin {EVIL} --header x-a:1",
        1,
        [
            "> preflight: OPTIONS https://api.example/one/item/1",
            ">   access-control-request-headers: x-a",
            "< 204",
            f"<   access-control-allow-origin: {ORIGIN}",
            "Blocked: preflight-origin-other.",
            f"Change: cors_group(one): allow_origins=['{ORIGIN}', '{EVIL}']",
        ],
    ),
    (
        f"/any/item/1 --origin {ORIGIN} --credentials --cookie 'session=ann; SameSite=None; Secure'",
        1,
        [
            ">   cookie: session=ann",
            "Blocked: origin-any.",
            f"Change: cors_group(any): allow_origins=['{ORIGIN}'], allow_credentials=True, which denies ",
            ". Or leave out credentials: 'include' in the page",
        ],
    ),
    (
        f"/one/item/1 --origin {ORIGIN} --credentials",
        1,
        ["Blocked: credentials.", "Change: cors_group(one): allow_credentials=True"],
    ),
    (
        f"/list/item/1 PUT --origin {ORIGIN}",
        1,
        ["Blocked: preflight-method.", "Change: cors_group(list): allow_methods=['GET', 'PUT']"],
    ),
    (
        f"/list/item/1 GET --origin {ORIGIN} --header X-A:1 --header X-B:2",
        1,
        ["Blocked: preflight-header.", "Change: cors_group(list): allow_headers=['x-a', 'x-b']"],
    ),
    (
        f"/one/item/1 PATCH --origin {ORIGIN}",
        1,
        [
            " The path serves GET, PUT, not PATCH.",
            "Change: Call it with GET or PUT; or add PATCH to the route ",
            ".one.item: methods=[…, 'PATCH'].",
        ],
    ),
    (
        f"/function/item/1 --origin {EVIL}",
        1,
        [f"Change: cors_group(function): allows_origin() has to return True for '{EVIL}'"],
    ),
    ("/list/item/1 --origin null", 1, ["Change: cors_group(list): only allow_origins='*' allows null"]),
    (
        "/list/item/1 --origin http://app.example --credentials",
        1,
        [
            f"Change: http://app.example differs only in the scheme from {ORIGIN}, which is allowed. "
            "Open the page with https; do not allow http as well: anyone on its way can change it.",
        ],
    ),
    (f"/plane --origin {ORIGIN}", 1, ["No route has this path; similar: POST /plain. A 404 belongs"]),
    (
        f"/moved --origin {ORIGIN}",
        1,
        [
            "other.example is not the app at api.example, and gets no request'",
            "https://api.example/moved redirects to other.example, another origin. There the page has the "
            "origin null, which a server allows only with every origin (access-control-allow-origin: *).",
            "Change: Navigate if a person is to go there: location.assign('https://api.example/moved'). "
            "Or call https://other.example/z in the page.",
        ],
    ),
    (f"/own --origin {ORIGIN}", 0, ["The page reads status 200."]),
    (
        f"/own PUT --origin {EVIL}",
        1,
        [
            ".own (/own) is in no section, and has its own policy, "
            f"ctx_cors=CorsPolicy(allow_origins=('{ORIGIN}',)). The path serves GET, not PUT.",
            "Change: Call it with GET; or add PUT to the route ",
        ],
    ),
    (f"/hosted --origin {ORIGIN} --base-url https://hosted.example", 0, ["The page reads status 200."]),
    (
        f"/own --origin {EVIL}",
        1,
        ["Change: ctx_cors of ", f".own: allow_origins=['{ORIGIN}', '{EVIL}']"],
    ),
    (
        f"/inward --origin {ORIGIN}",
        1,
        [
            ".plain (/plain) is in no section; it is declared on the app itself. The path serves POST, not ",
            "Change: Call it with POST; or add GET to the route ",
        ],
    ),
    (
        f"/proxied --origin {ORIGIN}",
        1,
        ["Blocked: origin-other.", "Change: Send access-control-allow-origin"],
    ),
    (f"/one/left-out --origin {ORIGIN}", 1, [" is in cors_group(one), and has no CORS by ctx_cors=False."]),
    (
        f"/plain POST --origin {ORIGIN} --body x",
        1,
        [
            "  Firefox: (Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.",
            " is in no section; it is declared on the app itself.",
            f"Change: Write ctx_cors=CorsPolicy(allow_origins=['{ORIGIN}']) on the route.",
        ],
    ),
    (
        f"/nowhere --origin {ORIGIN}",
        1,
        ["No route has this path. A 404 belongs to a section by its url_prefix."],
    ),
    (f"/any/item/1 TRACE --origin {ORIGIN}", 1, ["Blocked: method-forbidden.\nThe route "]),
    (
        f"/any/item/1 PUT --origin {ORIGIN} --header Authorization:x --engine today",
        0,
        [">   authorization: x"],
    ),
    (
        f"/any/item/1 --origin {ORIGIN} --credentials --cookie a=1 --engine webkit",
        1,
        [">   cookie: a=1"],
    ),
]


@pytest.mark.parametrize(("call", "status", "lines"), ROWS, ids=[row[0] for row in ROWS])
def test_app(call: str, status: int, lines: list[str], explain: Any) -> None:
    ended, out, err = explain("x:app", *shlex.split(call))
    assert (ended, err) == (status, "")
    assert [line for line in lines if line not in out] == [], out


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "x:app --origin https://app.example",
            "'x:app' needs a path, which begins with /: corsbp explain x:app /path [METHOD] --origin …",
        ),
        ("x:app item --origin https://app.example", "'x:app' needs a path"),
        ("x:app GET /item --origin null", "the method comes after the path: write x:app /item GET"),
        (
            "/item --origin null",
            "'/item' is a path: write the app before it: corsbp explain MODULE:APP /item",
        ),
        ("ftp://a.example/ --origin null", "'ftp://a.example/' is not a URL of http, https, ws or wss"),
        ("localhost:8000 /a --origin null", "'localhost:8000' is not an app; meant: http://localhost:8000"),
        ("http://127.0.0.1 /a --origin null", "the path is part of the URL: write http://127.0.0.1/a"),
        ("x:app /a --origin null --cookie nonsense", "--cookie takes NAME=VALUE, not 'nonsense'"),
        ("x:app /any/item/1 --origin null --timeout 0.0001", "x:app did not respond within 0.0001 s"),
        (
            "x:app /a GET more --origin https://app.example",
            "an app takes a path and one METHOD, not '/a GET more'",
        ),
        ("http://127.0.0.1/ GET more --origin null", "a URL takes one METHOD, not 'GET more'"),
        ("x:app /a --origin app.example", "no page has the origin 'app.example'"),
        ("x:app /a --origin null --no-local-network", "--no-local-network needs --engine chromium"),
        ("x:app /a --origin null --header nothing", "--header takes 'name: value', not 'nothing'"),
    ],
)
def test_wrong_arguments(call: str, expected: str, explain: Any) -> None:
    status, out, err = explain(*call.split())
    assert (status, out) == (2, "")
    assert expected in err


def test_a_parameter_type_of_the_app_that_fails(explain: Any) -> None:
    """The app itself has no route for the path then: the error names the line that failed."""

    def read_odd(text: str) -> str:
        raise KeyError(text)

    app, bp = new_app(), Blueprint("odd", url_prefix="/odd")
    app.router.register_pattern("odd", read_odd, r"[a-z]+")
    bp.add_route(as_handler(lambda _, **__: text("here")), "/<name:odd>", name="item")
    app.blueprint(cors_group(bp))
    status, out, err = explain("x:app", "/odd/abc", "--origin", ORIGIN, app=app)
    assert (status, out) == (2, "")
    assert "the app's router fails for /odd/abc: KeyError: 'abc' (tests/command/test_explain.py, line " in err


def test_preflight_stopped_before_the_section() -> None:
    """A section never responds with 401: a proxy before the app did."""
    route = RouteInfo("/a", ("GET",), None, "a", "cors_group(a)", CorsPolicy(), "/a")
    expected = suggest_change(
        RouteMatch(route, ("GET",)), "preflight-status", PageRequest(ORIGIN, "GET", (), False)
    )
    assert expected is not None and expected.startswith(
        "Let preflights pass through the proxy before the app"
    )


def test_suggestions_are_valid_policies() -> None:
    """Each suggestion makes a policy, or says that it would be refused."""
    policies = [
        CorsPolicy(),
        CorsPolicy(allow_origins=[ORIGIN]),
        CorsPolicy(
            allow_origins=[ORIGIN, TWO], allow_credentials=True, allow_methods=["GET"], allow_headers=["x-a"]
        ),
    ]
    proposed = 0
    for policy in policies:
        route = RouteInfo("/a", ("GET",), None, "a", "cors_group(a)", policy, "/a")
        for stop in STOPS:
            for origin in (ORIGIN, EVIL, "http://app.example", "https://xn--a.example", "null"):
                for credentials in (False, True):
                    expected = suggest_argument(
                        route, policy, stop, PageRequest(origin, "PUT", ("x-b",), credentials)
                    )
                    changes = re.fullmatch(
                        r"cors_group\(a\): (allow_.*?)(, which .*|, if .*)?", expected or ""
                    )
                    if changes and "would be refused" not in changes[1] and "only" not in str(expected):
                        eval(f"policy.replace({changes[1]})", {"policy": policy})
                        proposed += 1
    assert proposed > 30


def test_logged_errors_are_one_line_each(explain: Any) -> None:
    app = make_app()

    @app.get("/broken")
    async def broken(_: Request) -> HTTPResponse:
        raise LookupError("no such item")

    @app.get("/noted")
    async def noted(_: Request) -> HTTPResponse:
        logging.getLogger("shop").error("out of stock")
        return text("here")

    assert explain("x:app", "/noted", "--origin", ORIGIN, app=app)[2] == "logged: out of stock\n"
    status, _, err = explain("x:app", "/broken", "--origin", ORIGIN, app=app)
    assert status == 1
    first, where = err.split(": LookupError: ")
    assert first.startswith("logged: Exception occurred while handling uri: ")
    assert re.fullmatch(r"no such item \(tests/command/test_explain.py, line \d+\)\n", where)


def test_app_that_does_not_start(explain: Any) -> None:
    app = make_app()

    @app.before_server_start
    def broken(*_: object) -> None:
        raise OSError("no database")

    status, out, err = explain("x:app", "/any/item/1", "--origin", ORIGIN, app=app)
    assert (status, out) == (2, "")
    assert "no database" in err


# --- servers that are no Sanic ---


# --- where, which address, and which cookies ---


def test_files_and_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The route's own line, and that of the `cors_group(...)` or the `ctx_cors` to change."""
    app = new_app()
    bp = Blueprint("api")

    @bp.get("/item", name="item")
    @bp.get("/own", name="own", ctx_cors=CorsPolicy(allow_origins=[ORIGIN]))
    async def item(_: Request) -> HTTPResponse:
        raise AssertionError

    app.blueprint(cors_group(bp, allow_origins=[ORIGIN]))
    monkeypatch.setattr("corsbp.command.explain.arguments.load_app", lambda _: app)

    def explain(path: str) -> str:
        main(["explain", "x:app", path, "--origin", EVIL])
        return capsys.readouterr().out

    declared = cast(Any, item).__code__.co_firstlineno
    route = f"(/item) at tests/command/test_explain.py:{declared} is in cors_group(api): "
    change = f"Change: cors_group(api) at tests/command/test_explain.py:{declared + 5}: allow_origins=["
    out = explain("/item")
    assert route in out and change in out
    assert f".own at tests/command/test_explain.py:{declared}: allow_origins=['{ORIGIN}', " in explain("/own")


@pytest.mark.parametrize(
    ("origin", "options", "address"),
    [
        (ORIGIN, [], "https://api.example"),
        ("http://localhost:3000", [], "http://localhost:8000"),
        ("https://127.0.0.1:5173", [], "https://127.0.0.1:8000"),
        ("http://[::1]:3000", [], "http://[::1]:8000"),
        ("http://shop.localhost", [], "http://shop.localhost:8000"),
        ("null", [], "https://api.example"),
        ("http://localhost:3000", ["--base-url", "https://api.example"], None),
    ],
)
def test_address_of_the_app(origin: str, options: list[str], address: str | None, explain: Any) -> None:
    """For a page of this machine, the app is at the same host, and the assumed address is printed."""
    _, out, _ = explain("x:app", "/any/item/1", "--origin", origin, *options)
    assert out.startswith(f"Assumed: the app is at {address} (--base-url)\n") == (address is not None)
    assert f"> GET {address or 'https://api.example'}/any/item/1\n" in out


def test_cookies_between_pages_of_this_machine(explain: Any) -> None:
    """Two ports are one site: a cookie with SameSite=Lax is sent."""
    app = cookie_app("http://localhost:3000")
    origin = ("--origin", "http://localhost:3000")
    _, out, _ = explain("x:app", "/item", *origin, "--credentials", "--cookie", "session=ann", app=app)
    assert ">   cookie: session=ann" in out and "Change:" not in out


def cookie_app(origin: str) -> Sanic:
    """Make an app with a section that allows credentials, and with a route that sets a cookie."""
    bp = Blueprint("api")
    bp.add_route(handler, "/item", name="item")

    async def login(_: Request) -> HTTPResponse:
        response = text("here")
        response.add_cookie("session", "ann")
        return response

    bp.add_route(login, "/login", name="login")
    policy = CorsPolicy(allow_origins=[origin], allow_credentials=True, expose_headers=["x-total"])
    return new_app(cors_group(bp, policy=policy))


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("/item --cookie session=ann", "  ! The cookie 'session' "),
        ("/login", "  ! "),
    ],
)
def test_cookies_that_are_lost(call: str, problem: str, explain: Any) -> None:
    """The page reads the response; a cookie that is not sent or not kept has a mark and a change."""
    arguments = (*shlex.split(call), "--origin", ORIGIN, "--credentials")
    status, out, _ = explain("x:app", *arguments, app=cookie_app(ORIGIN))
    assert status == 0 and problem in out and "  . The cookie" not in out
    assert out.count("Change: ") == 1
    assert "response.add_cookie(…, samesite='None', secure=True, partitioned=True, host_prefix=True)" in out


# --- beacons, forms, images, scripts, navigation ---


def make_public_app() -> Sanic:
    bp = Blueprint("api")
    bp.add_route(handler, "/item", name="item", methods=["GET", "POST"])
    app = new_app(cors_group(bp))
    app.add_route(handler, "/plain", name="plain")
    return app


@pytest.mark.parametrize(
    ("call", "status", "line"),
    [
        ("/item --as beacon --body hi", 0, "The beacon arrives."),
        # a beacon always sends cookies, and one with JSON needs a preflight
        (
            "/item --as beacon --body {} --header content-type:application/json",
            1,
            "Blocked: preflight-origin-any.",
        ),
        ("/item POST --as form --body a=1", 0, "The form is sent, and the browser shows the response."),
        ("/plain --as navigate", 0, "The browser shows the response."),
        ("/plain --as image --coep require-corp", 1, "Blocked: embedder-policy."),
        ("/item --as script --credentials", 1, "Blocked: origin-any."),
    ],
)
def test_other_calls(call: str, status: int, line: str, explain: Any) -> None:
    ended, out, err = explain("x:app", *call.split(), "--origin", ORIGIN, app=make_public_app())
    assert (ended, line in out) == (status, True), out + err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("/item PUT --as form", "--as form sends POST, not PUT"),
        (
            "/item --as image --header x-a:1",
            "--as takes no --header, except content-type of a beacon or a form",
        ),
        ("/item --as beacon --header x-a:1", "--as takes no --header, except content-type"),
        ("/item --as image --body a", "image"),
    ],
)
def test_wrong_options_of_other_calls(call: str, message: str, explain: Any) -> None:
    status, out, err = explain("x:app", *call.split(), "--origin", ORIGIN, app=make_public_app())
    assert (status, out) == (2, "") and message in err


# --- paths and methods that no route serves ---


@pytest.mark.parametrize(
    ("call", "status", "line"),
    [
        ("/one/itme/1", 0, "No route has this path; similar: GET,PUT /one/item/<number:int> or "),
        ("/nothing/like/it", 1, "No route has this path. A 404 belongs to a section by its url_prefix."),
        ("/one/zzzzzzzzzzzzzzzzzzzz", 0, "No route has this path.\n"),
        ("/one/item/1 POST", 0, "Change: Call it with GET or PUT; or add POST to the route "),
        ("/one/item/1 DELETE", 1, "Change: Call it with GET or PUT; or add DELETE to the route "),
    ],
)
def test_missing_routes(call: str, status: int, line: str, explain: Any) -> None:
    """A 404 names similar routes with their methods, a 405 the method to add, readable or not."""
    ended, out, _ = explain("x:app", *call.split(), "--origin", ORIGIN)
    assert (ended, line in out) == (status, True), out


def test_similar_routes_of_an_app_with_sanic_ext(explain: Any) -> None:
    """sanic-ext adds a HEAD and an OPTIONS route to each path; no page means them."""
    require_package("sanic_ext")
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/items", methods=["GET"], name="read")
    bp.add_route(handler, "/items", methods=["PUT"], name="write")
    app = new_app(cors_group(bp, allow_origins=[ORIGIN]))
    app.config.AUTO_EXTEND, app.config.CORS = True, False
    _, out, _ = explain("x:app", "/api/itmes", "--origin", ORIGIN, app=app)
    assert "No route has this path; similar: GET,PUT /api/items.\n" in out
    _, out, _ = explain("x:app", "/api/items", "DELETE", "--origin", ORIGIN, app=app)
    assert "Change: Call it with GET or PUT; or add DELETE to the route " in out


# --- redirects and logins of the app itself ---


def make_login_app(*, allow_credentials: bool) -> Sanic:
    """Make an app with a route that needs a login, and with one in no section that redirects."""
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/me")
    async def me(request: Request) -> HTTPResponse:
        is_known = request.cookies.get("session") or request.headers.get("authorization")
        return text("ann") if is_known else text("who is it?", 401)

    app = new_app(cors_group(bp, allow_origins=[ORIGIN], allow_credentials=allow_credentials))
    app.add_route(as_handler(lambda _: redirect("/api/me")), "/old", name="old")
    return app


COOKIE = "--cookie 'session=…; SameSite=None; Secure'"
LOGINS = [
    # the call, whether the section allows credentials, and the change
    (
        "",
        True,
        "Change: The call has no login. If it is a cookie, set credentials: 'include' in the page. Or send "
        f"Authorization. Here: --credentials {COOKIE}, as the API sets it.",
    ),
    ("", False, "include' in the page, and cors_group(api): allow_credentials=True. Or send Authorization. "),
    ("--credentials", True, "Change: Log in first: the browser has no cookie for this URL. Here: --cred"),
    ("--credentials --cookie session=ann", True, "Change: Set it with SameSite=None; Secure; Partitioned."),
    ("--credentials --cookie 'session=; SameSite=None; Secure'", True, None),
]


@pytest.mark.parametrize(("options", "credentials", "change"), LOGINS)
def test_401_of_a_call_without_a_login(
    options: str, credentials: bool, change: str | None, explain: Any
) -> None:
    app = make_login_app(allow_credentials=credentials)
    call = shlex.split(f"/api/me --origin {ORIGIN} {options}")
    status, out, _ = explain("x:app", *call, app=app)
    assert status == 0 and "The page reads status 401." in out
    assert out.count("Change:") == (change is not None) and (change or "") in out


def test_redirect_without_headers(explain: Any) -> None:
    status, out, _ = explain("x:app", "/old", "--origin", ORIGIN, app=make_login_app(allow_credentials=False))
    assert status == 1 and "The redirect itself has no headers of CORS.\n" in out
    expected = (
        "Change: Call 'https://api.example/api/me' in the page. Or, if the page is to follow the redirect:"
    )
    assert f"{expected} Write ctx_cors=CorsPolicy(allow_origins=['{ORIGIN}']) on the route.\n" in out


# --- origins that are nearly allowed ---


@pytest.mark.parametrize(
    ("allowed", "origin", "change"),
    [
        (
            ["https://app.example"],
            "https://www.app.example",
            "https://www.app.example differs only in www. from https://app.example, which is allowed. Call "
            "from there; or, if both are yours, cors_group(api): allow_origins=['https://app.example', "
            "'https://www.app.example']",
        ),
        (
            ["https://app.example"],
            "http://app.example",
            "http://app.example differs only in the scheme from https://app.example, which is allowed. Open "
            "the page with https; do not allow http as well: anyone on its way can change it.",
        ),
        (
            ["http://app.example", TWO],
            "https://app.example",
            "https://app.example differs only in the scheme from http://app.example, which is allowed. Allow "
            f"https in its place: cors_group(api): allow_origins=['https://app.example', '{TWO}']",
        ),
    ],
)
def test_near_miss(allowed: list[str], origin: str, change: str, explain: Any) -> None:
    bp = Blueprint("api")
    bp.add_route(handler, "/item", name="item")
    app = new_app(cors_group(bp, allow_origins=allowed))
    ended, out, _ = explain("x:app", "/item", "--origin", origin, app=app)
    assert ended == 1
    assert f"Change: {change}\n" in out, out


def test_many_origins_are_cut(explain: Any) -> None:
    """A store can have a hundred thousand origins."""
    bp = Blueprint("api")
    bp.add_route(handler, "/item", name="item")
    allowed = [f"https://shop{number}.example" for number in range(1000)]
    app = new_app(cors_group(bp, allow_origins=allowed))
    _, out, _ = explain("x:app", "/item", "--origin", EVIL, app=app)
    assert f"Change: cors_group(api): allow_origins=[…, '{EVIL}'], if {EVIL} is yours\n" in out
    assert "'https://shop4.example')), and 995 more origins.\n" in out and "shop5" not in out


def test_lines_wrap_between_words_on_a_terminal(explain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And stay whole for programs."""
    call, app = ("x:app", "/plain", "POST", "--origin", ORIGIN), make_app()
    _, whole, _ = explain(*call, app=app)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    _, wrapped, _ = explain(*call, app=app)
    wrapped = re.sub(r"\x1b\[[0-9;]*m", "", wrapped)
    assert max(map(len, whole.splitlines())) > 80
    assert max(map(len, wrapped.splitlines())) <= 60
    assert LINE.sub("", " ".join(wrapped.split())) == " ".join(whole.split())


@pytest.mark.parametrize(
    ("headers", "change"),
    [
        ({"x-a": "1"}, "expose_headers=['x-a'], if the page needs it"),
        ({"x-a": "1", "etag": "2"}, "expose_headers=['etag', 'x-a'], if the page needs them"),
        ({"x-a": "1", "access-control-expose-headers": "*, x-b"}, None),
        (
            {"x-a": "1", "access-control-expose-headers": "x-b"},
            "expose_headers=['x-b', 'x-a'], if the page needs it",
        ),
        ({"cache-control": "no-store", "date": "today"}, None),
    ],
)
def test_headers_that_the_page_cannot_read(headers: dict[str, str], change: str | None, explain: Any) -> None:
    """Of an app: the argument of its section; of a server: the same list, from its response."""

    async def respond(_: Request) -> HTTPResponse:
        return text("here", headers={name: value for name, value in headers.items() if name != EXPOSE})

    bp = Blueprint("api")
    bp.add_route(respond, "/item", name="item")
    exposed = headers.get(EXPOSE, "").split()
    policy = CorsPolicy(expose_headers="*" if "*," in exposed else exposed)
    status, out, _ = explain("x:app", "/item", "--origin", ORIGIN, app=new_app(cors_group(bp, policy=policy)))
    assert (status, changes(out)) == (0, [f"cors_group(api): {change}"] if change else [])
    with fixed_server({"access-control-allow-origin": "*", **headers}) as url:
        status, out, _ = explain(url, "--origin", ORIGIN)
    assert (status, changes(out)) == (0, [f"In the policy of the route: {change}"] if change else [])


EXPOSE = "access-control-expose-headers"


def changes(out: str) -> list[str]:
    return [line.removeprefix("Change: ") for line in out.splitlines() if line.startswith("Change: ")]


def test_misconfigured_server(explain: Any) -> None:
    headers = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true"}
    with fixed_server(headers) as url:
        status, out, _ = explain(url, "PUT", "--origin", ORIGIN, "--credentials")
        assert status == 1 and "Blocked: preflight-origin-any." in out
        assert "With corsbp: cors_group" in out  # there is no section to name
        status, out, _ = explain(url, "--origin", ORIGIN)
        assert status == 0 and "The page reads status 200." in out
    with fixed_server(headers, 204) as url:
        status, out, _ = explain(url, "--origin", ORIGIN)
        assert status == 0 and out.endswith("The page reads status 204.\n")
    status, out, _ = explain(url, "--origin", ORIGIN)
    assert status == 2 and "Blocked: no-answer." in out and "< no response" in out


# --- routes without CORS: the change for this call, and no more ---


def make_blueprint(name: str, path: str = "/item", **options: Any) -> Blueprint:
    bp = Blueprint(name, url_prefix=f"/{name}")
    bp.add_route(handler, path, name="item", **options)
    return bp


def unregistered_group() -> Sanic:
    bp = make_blueprint("api")
    cors_group(bp, allow_origins=[ORIGIN])
    return new_app(bp)


def add_site(*groups: Any) -> Sanic:
    """Add a front end that takes every path that no other route has."""
    app = new_app(*groups)
    app.add_route(handler, "/<path:path>", name="site")
    return app


def route_on_the_app() -> Sanic:
    app = new_app()
    app.add_route(handler, "/plain", name="plain")
    return app


def app_with_files() -> Sanic:
    app = new_app(cors_group(make_blueprint("api")))
    app.static("/files", ROOT / "tests", name="files")
    return app


CREDENTIALS: dict[str, Any] = {"allow_origins": [ORIGIN], "allow_credentials": True}


def blueprint_with_proxy() -> Blueprint:
    bp = make_blueprint("api", "/items")
    bp.add_route(handler, "/<path:path>", name="proxy")
    return bp


def whole_app() -> Sanic:
    app = add_site(cors_group(make_blueprint("api", "/items"), **CREDENTIALS))
    app.blueprint(cors_group(app, allow_origins=[TWO]))
    return app


OURS = f"allow_origins=['{ORIGIN}']"
OUTSIDE: dict[str, tuple[Any, str, list[str]]] = {
    "on the app, with a section": (
        make_app,
        "/plain POST --credentials",
        [
            "declared on the app itself.",
            f"Change: Write ctx_cors=CorsPolicy({OURS}, allow_credentials=True) on the route.",
        ],
    ),
    "on the app, without a section": (
        route_on_the_app,
        "/plain",
        [
            "Change: Declare it on a blueprint: bp = Blueprint('api'), and app.blueprint(cors_group(bp, ",
        ],
    ),
    "on a blueprint, with a section": (
        lambda: new_app(cors_group(make_blueprint("one")), make_blueprint("two")),
        "/two/item",
        [
            "declared on the blueprint two.",
            f"Change: app.blueprint(cors_group(two, {OURS})); or, for this route alone, "
            f"ctx_cors=CorsPolicy({OURS}) on the route.",
        ],
    ),
    "on a blueprint, without a section": (
        lambda: new_app(make_blueprint("two")),
        "/two/item --credentials",
        [f"Change: app.blueprint(cors_group(two, {OURS}, allow_credentials=True))."],
    ),
    "left out, outside": (
        lambda: new_app(cors_group(make_blueprint("one")), make_blueprint("two", ctx_cors=False)),
        "/two/item",
        [
            "is in no section, and has no CORS by ctx_cors=False.",
            f"Change: Write ctx_cors=CorsPolicy({OURS}) on the route, in place of False.",
        ],
    ),
    "on a blueprint, from a sandboxed frame": (
        lambda: new_app(make_blueprint("two")),
        "/two/item --origin null",
        ["Change: app.blueprint(cors_group(two))."],
    ),
    "left out, inside": (
        lambda: new_app(cors_group(make_blueprint("one", ctx_cors=False))),
        "/one/item",
        ["is in cors_group(one), and has no CORS", "Change: Remove ctx_cors=False from the route."],
    ),
    "wrapped, and registered bare": (
        unregistered_group,
        "/api/item",
        [
            "is in a group that is registered on no app: cors_group(api) at ",
            "Change: Register it: app.blueprint(cors_group(...)), instead of the blueprint api.",
        ],
    ),
    "mistyped, into a catch-all": (
        lambda: add_site(cors_group(make_blueprint("api", "/items"), **CREDENTIALS)),
        "/api/itmes --credentials",
        [
            ".site (/<path:path>) takes every path that no other route has; /api/items is similar.",
            "Change: Call /api/items in the page, if you meant that path.",
        ],
    ),
    "into a catch-all of the same section": (
        lambda: new_app(cors_group(blueprint_with_proxy(), allow_origins=[TWO])),
        "/api/itmes",
        [f"Change: cors_group(api): allow_origins=['{TWO}', '{ORIGIN}']"],
    ),
    "mistyped, into a section of the whole_app app": (
        whole_app,
        "/api/itmes --credentials",
        ["/api/items is similar.", "Change: Call /api/items in the page, if you meant that path."],
    ),
    "into a catch-all": (
        lambda: add_site(cors_group(make_blueprint("api"))),
        "/about.html --credentials",
        ["Change: Check the path: CORS on this route would cover every page of the site."],
    ),
    "a catch-all of files": (
        app_with_files,
        "/files/a.txt",
        [f"Change: Write ctx_cors=CorsPolicy({OURS}) on the route."],
    ),
}


@pytest.mark.filterwarnings("ignore::corsbp.CorsPolicyWarning")
@pytest.mark.parametrize("name", OUTSIDE)
def test_advice(name: str, explain: Any) -> None:
    make, call, lines = OUTSIDE[name]
    origin = [] if "--origin" in call else ["--origin", ORIGIN]
    ended, out, _ = explain("x:app", *call.split(), *origin, app=make())
    assert ended == 1
    assert [line for line in lines if line not in out] == [], out


# --- WebSockets: who may open them ---


def make_socket_app() -> Sanic:
    """Make an app with sockets: checked, not checked, public, and in no section."""

    async def handle(request: Request, ws: object) -> None:
        raise AssertionError("a handler of a socket ran")

    groups = []
    for name, policy in {
        "checked": CorsPolicy(allow_origins=[ORIGIN]),
        "unchecked": CorsPolicy(allow_origins=[ORIGIN], check_websockets=False),
        "public": CorsPolicy(),
    }.items():
        bp = Blueprint(name, url_prefix=f"/{name}")
        bp.add_websocket_route(handle, "/talk", name="talk")
        bp.add_websocket_route(handle, "/gated", name="gated")
        groups.append(cors_group(bp, policy=policy))
    bare = Blueprint("bare", url_prefix="/bare")
    bare.add_websocket_route(handle, "/talk", name="talk")
    app = new_app(*groups, bare)
    app.add_websocket_route(handle, "/on-app", name="on_app")
    app.add_websocket_route(handle, "/gated", name="gated")
    app.add_websocket_route(handle, "/raising", name="raising")
    app.add_route(handler, "/raising/too", name="raising_too")

    @app.signal("http.lifecycle.request")
    async def raising(request: Request) -> None:
        if request.path.startswith("/raising"):
            raise LookupError("outside of what Sanic catches")

    @app.on_request
    async def gate(request: Request) -> HTTPResponse | None:
        allowed = not request.path.endswith("/gated") or request.cookies.get("session") == "ann"
        return None if allowed else text("who is it?", 401)

    return app


OPEN_TO_ALL = (
    "Pages of every site can open it: CORS does not cover WebSockets, and nothing checks the origin."
)
SOCKETS: list[tuple[str, int, list[str], list[str]]] = [
    # the call; its status; lines that are printed, and that are not
    (
        f"/checked/talk --origin {ORIGIN}",
        0,
        [
            "> GET wss://api.example/checked/talk",
            f">   origin: {ORIGIN}",
            "< 101",
            "The page can open the WebSocket.",
        ],
        [OPEN_TO_ALL, "Change:"],
    ),
    (
        f"/checked/talk --origin {EVIL}",
        1,
        [
            "< 403",
            "Blocked: handshake-refused.",
            f"Change: cors_group(checked): allow_origins=['{ORIGIN}', '{EVIL}']",
        ],
        ["can open"],
    ),
    (
        f"/unchecked/talk --origin {ORIGIN}",
        0,
        [OPEN_TO_ALL, "Change: cors_group(unchecked): check_websockets=True"],
        [],
    ),
    (f"/public/talk --origin {EVIL}", 0, ["The page can open the WebSocket.", OPEN_TO_ALL], ["Change:"]),
    (
        f"/bare/talk --origin {EVIL}",
        0,
        [
            OPEN_TO_ALL,
            "is in no section; it is declared on the blueprint bare.",
            f"Change: app.blueprint(cors_group(bare, allow_origins=['{EVIL}'])) refuses every other page",
        ],
        [],
    ),
    (f"/on-app --origin {ORIGIN}", 0, [OPEN_TO_ALL, "Change: Declare it on a blueprint, and app.bl"], []),
    (
        f"/gated --origin {ORIGIN}",
        1,
        [
            "< 401",
            "Change: corsbp refuses nothing here: look for a check in the app itself, or in its middleware.",
        ],
        [],
    ),
    (
        f"/gated --origin {ORIGIN} --cookie 'session=ann; SameSite=None; Secure'",
        0,
        [">   cookie: session=ann", "< 101"],
        [],
    ),
    (f"/gated --origin {ORIGIN} --cookie session=ann", 1, ["SameSite", "< 401"], ["cookie: session"]),
    (f"/checked/gated --origin {ORIGIN}", 1, ["< 401", "Change: corsbp refuses nothing here"], []),
    (f"/raising --origin {ORIGIN}", 2, ["< no response"], ["can open"]),
]


def test_no_response(explain: Any) -> None:
    status, out, _ = explain("x:app", "/raising/too", "--origin", ORIGIN, app=make_socket_app())
    assert status == 2 and "< no response" in out and "The route" not in out


@pytest.mark.parametrize(("call", "status", "lines", "others"), SOCKETS, ids=[row[0] for row in SOCKETS])
def test_websocket(call: str, status: int, lines: list[str], others: list[str], explain: Any) -> None:
    ended, out, err = explain("x:app", *shlex.split(call), app=make_socket_app())
    assert (ended, err) == (status, "")
    assert [line for line in lines if line not in out] == [], out
    assert [line for line in others if line in out] == [], out


async def allows_origin_late(origin: str, request: object) -> bool:
    for _ in range(100):  # longer than the response takes
        await asyncio.sleep(0)
    return origin == ORIGIN


def make_report_only_app() -> Sanic:
    """Make an app with report-only policies, one of them with a function."""
    app = new_app()
    for name, report_only in {
        "api": CorsPolicy(allow_origins=[ORIGIN]),
        "function": CorsPolicy(allow_origins=allows_origin_late),
    }.items():
        bp = Blueprint(name, url_prefix=f"/{name}")
        bp.add_route(handler, "/item", name="item", methods=["GET", "PUT"])
        bp.add_route(handler, "/own", name="own", ctx_cors=CorsPolicy())

        @bp.websocket("/ws")
        async def ws(request: Request, ws: Any) -> None: ...

        app.blueprint(cors_group(bp, allow_origins=[ORIGIN, TWO], report_only=report_only))
    return app


def report_line(wish: str, name: str = "api") -> str:
    why = f"origin-not-allowed: allow_origins leaves it out: it has {ORIGIN!r}"
    if name == "function":
        why = "origin-function-refused: allows_origin_late() did not return True"
    return f"cors_group({name}) report-only: a page of {TWO!r} could no longer {wish}: {why}"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (f"/api/item --origin {TWO}", [report_line("read the response to 'GET' '/api/item'")]),
        (
            f"/api/item PUT --origin {TWO}",
            [report_line("send 'PUT' '/api/item'"), report_line("read the response to 'PUT' '/api/item'")],
        ),
        (f"/api/ws --origin {TWO}", [report_line("open the WebSocket '/api/ws'")]),
        (
            f"/function/ws --origin {TWO}",
            [report_line("open the WebSocket '/function/ws'", "function")],
        ),
        (
            f"/function/item --origin {TWO}",
            [report_line("read the response to 'GET' '/function/item'", "function")],
        ),
        (f"/api/item --origin {ORIGIN}", ["cors_group(api) report-only: decides the same"]),
        (f"/function/item --origin {EVIL}", ["cors_group(function) report-only: decides the same"]),
        (f"/api/ws --origin {ORIGIN}", ["cors_group(api) report-only: decides the same"]),
        (f"/api/own --origin {TWO}", []),  # has a policy of its own
        (f"/none --origin {TWO}", []),
    ],
)
def test_report_only(call: str, expected: list[str], explain: Any) -> None:
    _, out, err = explain("x:app", *call.split(), app=make_report_only_app())
    assert [line for line in out.splitlines() if "report-only" in line] == expected
    assert err == ""


def test_websocket_of_a_server(explain: Any) -> None:
    """A server is called at its address."""
    with socket_server() as port:
        status, out, _ = explain(f"ws://127.0.0.1:{port}/checked/talk", "--origin", ORIGIN)
        assert (status, OPEN_TO_ALL in out) == (0, False), out
        status, out, _ = explain(f"ws://127.0.0.1:{port}/checked/talk", "--origin", EVIL)
        assert (
            status == 1 and "Change: The server refuses pages of https://evil.example. With corsbp: " in out
        )
        status, out, _ = explain(f"ws://127.0.0.1:{port}/bare/talk", "--origin", EVIL)
        assert status == 0 and OPEN_TO_ALL in out


@contextmanager
def socket_server() -> Iterator[int]:
    """The app with make_socket_app, served in a thread of its own."""
    ports: list[int] = []
    started, done = threading.Event(), threading.Event()

    async def handle(port: int) -> None:
        ports.append(port)
        started.set()
        while not done.is_set():
            await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: run_server(serve(make_socket_app(), handle)))
    thread.start()
    try:
        assert started.wait(60)
        yield ports[0]
    finally:
        done.set()
        thread.join()
