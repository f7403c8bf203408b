"""Forged requests (`check_requests`) over HTTP: which are refused, how, and that their body is not read."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, json, text
from sanic.exceptions import PayloadTooLarge, Unauthorized
from sanic.views import HTTPMethodView

from corsbp import CorsGroup, CorsPolicy, CorsPolicyWarning, cors_group
from corsbp.app.forged_requests import MESSAGE

from ..cases import EVIL, ONE, TWO
from ..forgery_cases import CASES, CROSS, NAVIGATION, OWN, POLICIES, SAME, Case, sent
from ..support import (
    HttpRequest,
    ReceivedResponse,
    both_touchups,
    expect,
    new_app,
    parse_response,
    preflight,
    preflight_headers,
    request,
    run_server,
    send,
    send_async,
    send_through_asgi,
    send_to_asgi_app,
    serve,
    without_cors,
)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
WRITES: dict[str, Any] = {"allow_origins": [ONE], "check_requests": "writes"}
LISTED: dict[str, Any] = {"allow_origins": [ONE, TWO], "check_requests": "writes"}


def any_origin(**fields: Any) -> CorsPolicy:
    """Return a policy; `"*"` beside a check is meant here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)
        return CorsPolicy(**fields)


async def count(request: Request, **_: object) -> HTTPResponse:
    """Handle a request: count it, and respond with the length of its body."""
    request.app.ctx.handled += 1
    return text(f"{request.method} {len(request.body)}")


def app_of(*groups: Any, **config: Any) -> Sanic:
    app = new_app(**config)
    app.ctx.handled = 0
    for group in groups:
        app.blueprint(group)
    return app


def section_of(name: str = "api", **policy: Any) -> CorsGroup:
    """Return a section with one path that serves all methods."""
    bp = Blueprint(name, url_prefix=f"/{name}")
    bp.add_route(count, "/item", methods=METHODS, name="item")
    return cors_group(bp, **policy)


def post(*origins: str, path: str = "/api/item", body: bytes = b"abc", **more: Any) -> HttpRequest:
    return HttpRequest("POST", path, sent(*origins, **more), body)


# --- the table ---


def as_request(case: Case) -> HttpRequest:
    # Sanic reads a head as UTF-8
    headers = [(name, value.encode().decode("latin-1")) for name, value in case.headers]
    body = b"abc" if case.method in ("POST", "PUT", "PATCH") else b""
    return HttpRequest(
        case.method, f"/{case.policy}-{case.checks}/item", (("host", case.host), *headers), body
    )


def app_of_table(**config: Any) -> Sanic:
    names = dict.fromkeys((case.policy, case.checks) for case in CASES)
    groups = []
    for name, checks in names:
        policy = any_origin(**{"check_requests": checks, **POLICIES[name]})
        groups.append(section_of(f"{name}-{checks}", policy=policy))
    return app_of(*groups, **config)


def check_table(cases: list[Case], responses: list[ReceivedResponse]) -> None:
    for case, response in zip(cases, responses, strict=True):
        if case.id is not None:
            body = b"" if case.method == "HEAD" else MESSAGE.encode()
            assert (response.status, response["cache-control"]) == (403, "no-store"), case.name
            assert body in response.body, case.name
        else:
            length = 3 if case.method in ("POST", "PUT", "PATCH") else 0
            body = b"" if case.method == "HEAD" else f"{case.method} {length}".encode()
            assert (response.status, response.body) == (200, body), case.name


@both_touchups
def test_the_table_over_http(touchup: bool) -> None:
    app = app_of_table(TOUCHUP=touchup)
    check_table(CASES, send(app, *map(as_request, CASES)))
    assert app.ctx.handled == sum(case.id is None for case in CASES)


def test_the_table_through_asgi() -> None:
    app = app_of_table()
    cases = [
        case for case in CASES if all(value.isascii() for _, value in case.headers)
    ]  # as httpx sends them
    check_table(cases, send_to_asgi_app(app, *map(as_request, cases)))
    assert app.ctx.handled == sum(case.id is None for case in cases)


# --- refusals ---


@pytest.mark.parametrize(
    ("fields", "cors"),
    [
        ({"allow_origins": [ONE]}, {"access-control-allow-origin": ONE}),
        ({"allow_origins": [ONE, TWO]}, {"vary": "origin"}),
        ({"allow_origins": lambda origin, request: False}, {"vary": "origin"}),
    ],
)
def test_a_refusal_is_an_ordinary_error_that_no_cache_keeps(
    fields: dict[str, Any], cors: dict[str, str]
) -> None:
    app = app_of(section_of(**fields, check_requests="writes"))
    (response,) = send(app, post(EVIL, site=CROSS))
    assert (response.status, response.cors) == (403, cors)
    assert response["cache-control"] == "no-store"
    assert MESSAGE.encode() in response.body and EVIL.encode() not in response.body


def test_an_allowed_page_can_read_why_its_request_is_refused() -> None:
    """It is refused for its method or its credentials; the response has CORS headers like other errors."""
    app = app_of(section_of(**LISTED, allow_methods=["PUT"]))
    granted = {"access-control-allow-origin": TWO, "vary": "origin"}
    expect(
        app,
        {
            "method": (post(TWO), 403, granted),
            "credentials": (HttpRequest("PUT", "/api/item", sent(TWO, cookie="a=1")), 403, granted),
            "preflight": (
                preflight("/api/item", "PUT", origin=TWO),
                204,
                granted | preflight_headers("PUT,OPTIONS"),
            ),
        },
    )
    assert app.ctx.handled == 0


@pytest.mark.parametrize("value", ["public, max-age=600", "no-cache"])
def test_the_error_handler_of_the_app_responds_and_no_cache_keeps_it(value: str) -> None:
    app = app_of(section_of(**LISTED))

    async def respond(request: Request, error: Exception) -> HTTPResponse:
        return json({"why": str(error)}, 418, headers={"Cache-Control": value, "x-own": "1"})

    app.error_handler.add(Exception, respond)
    (response,) = send(app, post(EVIL))
    assert (response.status, response.cors, response["x-own"]) == (418, {"vary": "origin"}, "1")
    assert response["cache-control"] == "no-store"  # one line
    assert MESSAGE.encode() in response.body


def test_an_error_handler_may_stream_its_response() -> None:
    app = app_of(section_of(**LISTED))

    async def respond(request: Request, error: Exception) -> None:
        response: Any = await request.respond(status=403, headers={"cache-control": "public"})
        await response.send("no")
        await response.eof()

    app.error_handler.add(Exception, respond)
    (response,) = send(app, post(EVIL))
    assert (response.status, response["cache-control"], response.cors) == (
        403,
        "no-store",
        {"vary": "origin"},
    )


def test_a_refusal_is_outside_of_all_middleware() -> None:
    app, bp = app_of(), Blueprint("api", url_prefix="/api")
    bp.add_route(count, "/item", methods=["POST"], name="item")
    seen: list[str] = []

    @app.middleware("request", priority=99)
    def sign_in(request: Request) -> None:
        seen.append("request")
        raise Unauthorized("sign in")

    @app.on_response(priority=99)  # type: ignore[no-untyped-call]  # Sanic's has no types
    async def measure(request: Request, response: HTTPResponse) -> None:
        seen.append("response")

    @bp.middleware("request")
    def of_blueprint(request: Request) -> None:
        raise AssertionError("never")

    app.blueprint(cors_group(bp, **LISTED))
    refused, allowed = send(app, post(EVIL), post(ONE))
    assert (refused.status, allowed.status, seen) == (403, 401, ["request", "response"])
    assert app.ctx.handled == 0


def test_vary_names_what_the_verdict_has_read_of_safe_methods() -> None:
    """With "all", and only there: the response to a write is in no cache."""
    static = app_of(section_of(**{**WRITES, "check_requests": "all"}))
    granted = {"access-control-allow-origin": ONE}
    mode = {"vary": "origin, sec-fetch-site, sec-fetch-mode"}
    read = {"vary": f"{mode['vary']}, cookie, authorization"}
    get = [HttpRequest("GET", "/api/item", headers) for headers in (sent(site=SAME), sent(ONE, site=CROSS))]
    link = HttpRequest("GET", "/api/item", sent(site=CROSS, **NAVIGATION))
    site = {"vary": "origin, sec-fetch-site"}
    expect(
        static,
        {
            "own page": (get[0], 200, granted | site),
            "allowed": (get[1], 200, granted | read),
            "refused": (HttpRequest("GET", "/api/item", sent(EVIL)), 403, granted | mode),
            "link": (link, 200, granted | {"vary": f"{mode['vary']}, sec-fetch-dest"}),
            "no browser": (HttpRequest("HEAD", "/api/item"), 200, granted | site),
            "write": (post(ONE), 200, granted),
            "OPTIONS": (HttpRequest("OPTIONS", "/api/item", sent(EVIL)), 200, granted),
        },
    )
    writes = app_of(section_of(**WRITES))
    expect(writes, {"writes": (get[1], 200, granted), "writes, own page": (get[0], 200, granted)})


def test_vary_of_the_handler_is_kept_beside_it() -> None:
    bp = Blueprint("api", url_prefix="/api")

    @bp.get("/item")
    def item(_: Request) -> HTTPResponse:
        return text("item", headers={"Vary": "Accept, Sec-Fetch-Site"})

    app = new_app(cors_group(bp, allow_origins=[ONE, TWO], check_requests="all"))
    (response,) = send(app, HttpRequest("GET", "/api/item", sent(ONE, site=SAME)))
    assert response.cors == {"access-control-allow-origin": ONE, "vary": "Accept, Sec-Fetch-Site, origin"}


# --- the body ---


def streaming_app(**policy: Any) -> Sanic:
    """Return an app whose handlers read bodies in all ways that Sanic has."""
    app, bp = app_of(REQUEST_MAX_SIZE=1000), Blueprint("api", url_prefix="/api")

    @bp.post("/stream", stream=True)
    async def stream(request: Request) -> HTTPResponse:
        size = 0
        async for data in request.stream:  # type: ignore[union-attr]  # there is one
            size += len(data)
        return text(f"streamed {size}")

    @bp.post("/ignored", ignore_body=True)
    async def ignored(request: Request) -> HTTPResponse:
        before = len(request.body)
        await request.receive_body()  # type: ignore[no-untyped-call]  # Sanic's has no types
        return text(f"ignored {before}, then {len(request.body)}")

    @bp.post("/whole")
    async def whole(request: Request) -> HTTPResponse:
        return text(f"whole {len(request.body)} {request.form and request.form.get('a')}")

    class View(HTTPMethodView):
        async def post(self, request: Request) -> HTTPResponse:
            return text(f"view {len(request.body)}")

    bp.add_route(View.as_view(), "/view")
    app.blueprint(cors_group(bp, **policy) if policy else bp)
    return app


BODIES = [
    HttpRequest("POST", "/api/stream", sent(ONE), b"x" * 5000),  # more than the limit for a whole body
    HttpRequest("POST", "/api/ignored", sent(ONE), b"x" * 500),
    HttpRequest(
        "POST", "/api/whole", (*sent(ONE), ("content-type", "application/x-www-form-urlencoded")), b"a=7"
    ),
    HttpRequest("POST", "/api/whole", sent(ONE)),
    HttpRequest("POST", "/api/view", sent(ONE), b"x" * 700),
    HttpRequest("POST", "/api/whole", sent(ONE), b"x" * 5000),
    HttpRequest("POST", "/api/whole", (*sent(ONE), ("expect", "100-continue")), b"x" * 700),
]


@pytest.mark.parametrize("through", [send, send_through_asgi])
@pytest.mark.parametrize("checks", ["writes", "all"])
def test_a_body_is_received_as_without_a_check(through: Any, checks: str) -> None:
    """Streamed without a limit, left to a handler that ignores it, as a whole, and 413 if it is too large."""

    def responses(**fields: Any) -> list[tuple[int, Any, bytes]]:
        received = through(streaming_app(allow_origins=[ONE], **fields), *BODIES)
        return [(response.status, response.headers, response.body) for response in received]

    unchecked = responses()
    assert responses(check_requests=checks) == unchecked
    assert [status for status, _, _ in unchecked][:5] == [200] * 5
    assert unchecked[5][0] == (413 if through is send else 200)  # ASGI servers have limits of their own


@pytest.mark.parametrize("path", ["/api/stream", "/api/ignored", "/api/whole", "/api/view"])
def test_the_body_of_a_refused_request_is_not_read(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = streaming_app(**LISTED)
    received: list[str] = []
    receive = Request.receive_body

    async def record(self: Request) -> None:
        received.append(self.path)
        await receive(self)  # type: ignore[no-untyped-call, arg-type]  # Sanic's has no types

    monkeypatch.setattr(Request, "receive_body", record)
    refused, allowed = send(app, post(EVIL, path=path), post(ONE, path=path))
    assert (refused.status, allowed.status) == (403, 200)
    assert received == ([] if path == "/api/stream" else [path])


def test_a_refusal_does_not_wait_for_the_body() -> None:
    """The response is there before one byte of 20 MB is sent; the connection takes the next request."""
    head = "POST /api/whole HTTP/1.1\r\nHost: api.example\r\nOrigin: {}\r\nContent-Length: {}\r\n\r\n"

    async def talk(port: int) -> tuple[int, int, int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.format(EVIL, 20_000_000).encode())
        first = parse_response(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10))
        await asyncio.wait_for(reader.readexactly(int(first["content-length"])), 10)
        for _ in range(200):
            writer.write(b"x" * 100_000)
            await writer.drain()
        writer.write(head.format(ONE, 3).encode() + b"abc")
        second = parse_response(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60))
        body = await reader.readexactly(int(second["content-length"]))
        writer.close()
        await writer.wait_closed()
        return first.status, second.status, int(body.split()[1])

    app = streaming_app(**LISTED)
    app.config.REQUEST_MAX_SIZE = 100_000_000
    assert run_server(serve(app, talk)) == (403, 200, 3)


def test_middleware_runs_for_a_body_that_is_too_large_as_without_a_check() -> None:
    """Sanic runs all request middleware before the error handlers: pairs are not torn apart."""

    def run(**policy: Any) -> tuple[list[str], list[Any]]:
        app, seen = streaming_app(**policy), list[str]()

        @app.on_request
        async def begin(request: Request) -> HTTPResponse | None:
            seen.append("begin")
            return text("maintenance", 503) if "x-maintenance" in request.headers else None

        @app.on_request
        def second(request: Request) -> None:
            seen.append("second")
            if "x-fail" in request.headers:
                raise Unauthorized("sign in")

        @app.on_response
        async def end(request: Request, response: HTTPResponse) -> None:
            seen.append(f"end {response.status}")

        large = b"x" * 5000
        responses = send(
            app,
            post(ONE, path="/api/whole", body=large),
            post(ONE, path="/api/whole", body=large, x_maintenance="1"),
            post(ONE, path="/api/whole", body=large, x_fail="1"),
        )
        return seen, [without_cors(response) for response in responses]

    plain = run()
    assert [status for status, _, _ in plain[1]] == [413, 503, 401]
    assert plain == run(**LISTED)
    assert plain == run(allow_origins=lambda origin, request: origin == ONE, check_requests="writes")


def test_a_request_class_of_the_app_receives_the_body_its_way() -> None:
    class Own(Request):
        async def receive_body(self) -> None:
            await super().receive_body()  # type: ignore[no-untyped-call]  # Sanic's has no types
            self.body = self.body.upper()

    app = Sanic("own-request", request_class=Own)
    app.config.update({"AUTO_EXTEND": False, "MOTD": False, "USE_UVLOOP": False})
    bp = Blueprint("api", url_prefix="/api")

    @bp.post("/item")
    def item(request: Request) -> HTTPResponse:
        return text(request.body.decode())

    app.blueprint(cors_group(bp, **LISTED))
    (response,) = send(app, post(ONE))
    assert response.body == b"ABC"


# --- functions ---


@pytest.mark.parametrize("is_async", [False, True])
def test_functions_are_called_at_once_and_once_and_never_for_own_pages(is_async: bool) -> None:
    calls: list[tuple[str, bytes]] = []
    seen: list[str] = []

    def decide(origin: str, request: Request) -> bool:
        calls.append((origin, request.body))
        seen.append("function")
        return origin == ONE

    async def decide_later(origin: str, request: Request) -> bool:
        await asyncio.sleep(0)
        return decide(origin, request)

    app = app_of(section_of(allow_origins=decide_later if is_async else decide, check_requests="writes"))

    @app.on_request
    def middleware(request: Request) -> None:
        seen.append("middleware")

    responses = send(
        app,
        post(ONE, site=CROSS),
        post(EVIL, site=CROSS),
        post(OWN, site=SAME),
        post(OWN),
        post("https://changed-by-a-proxy.example", site=SAME),
        post("null", site=CROSS),
        post(f"{ONE}/"),
        post(ONE, ONE),
        post(),
        post(site="none"),
        HttpRequest("GET", "/api/item", sent(ONE)),
    )
    assert [response.status for response in responses] == [200, 403, *[200] * 3, *[403] * 3, *[200] * 3]
    assert calls == [(ONE, b""), (EVIL, b""), (ONE, b"")]
    assert seen == [
        *("function", "middleware"),  # the page that is allowed
        "function",
        *["middleware"] * 5,  # own pages and no browser
        *("middleware", "function"),  # GET is not checked: after the middleware, as without a check
    ]
    assert responses[0].cors == {"access-control-allow-origin": ONE, "vary": "origin"}
    assert all(response.cors == {"vary": "origin"} for response in responses[1:10])


def test_a_function_beside_the_policy_and_a_handler_that_wants_to_know() -> None:
    """One call for a request, wherever its result is wanted."""
    calls: list[str] = []

    async def decide(origin: str, request: Request) -> bool:
        calls.append(origin)
        return True

    bp = Blueprint("api", url_prefix="/api")
    group = cors_group(bp, allow_origins=[TWO, decide], check_requests="writes")

    @bp.post("/item")
    async def item(request: Request) -> HTTPResponse:
        return text(str(await group.allows(request)))

    app = new_app(group)
    responses = send(app, post(ONE), post(TWO))
    assert [response.body for response in responses] == [b"True", b"True"]
    assert calls == [ONE]


# --- which routes ---


def test_the_policy_of_the_route_decides() -> None:
    """Routes are exempted by a policy of their own; there are no patterns of paths."""
    policy = CorsPolicy(**LISTED)
    bp, inner, outer = (Blueprint(name, url_prefix=f"/{name}") for name in ("api", "inner", "outer"))
    own: dict[str, Any] = {
        "section": {},
        "exempt": {"ctx_cors": policy.replace(check_requests=False)},
        "left-out": {"ctx_cors": False},
        "checked": {"ctx_cors": CorsPolicy(allow_origins=[EVIL], check_requests="writes")},
    }
    for name, context in own.items():
        bp.add_route(count, f"/{name}", methods=["POST"], name=name, **context)
    inner.add_route(count, "/item", methods=["POST"], name="item")
    outer.add_route(count, "/item", methods=["POST"], name="item")
    app = app_of(cors_group(bp, cors_group(inner, allow_origins=[ONE]), policy=policy), outer)
    paths = [*(f"/api/{name}" for name in own), "/inner/item", "/outer/item", "/api/none"]
    responses = send(app, *(post(EVIL, path=path) for path in paths))
    assert dict(zip(paths, [response.status for response in responses], strict=True)) == {
        "/api/section": 403,
        "/api/exempt": 200,
        "/api/left-out": 200,
        "/api/checked": 200,
        "/inner/item": 200,
        "/outer/item": 200,
        "/api/none": 404,
    }
    assert [response.status for response in send(app, post(ONE, path="/api/checked"))] == [403]


def test_what_has_no_route_and_options_are_not_checked() -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(count, "/item", methods=["PUT", "OPTIONS"], name="item")
    bp.add_route(count, "/other", methods=["PUT"], name="other")
    app = app_of(cors_group(bp, **{**LISTED, "check_requests": "all"}))
    expect(
        app,
        {
            "405": (post(EVIL), 405, {"vary": "origin"}),
            "404": (post(EVIL, path="/api/none"), 404, {"vary": "origin"}),
            "OPTIONS of the user": (HttpRequest("OPTIONS", "/api/item", sent(EVIL)), 200, {"vary": "origin"}),
            "OPTIONS": (HttpRequest("OPTIONS", "/api/other", sent(EVIL)), 204, {"vary": "origin"}),
            "preflight": (preflight("/api/item", "PUT", origin=EVIL), 204, {"vary": "origin"}),
            "PUT": (HttpRequest("PUT", "/api/item", sent(EVIL)), 403, {"vary": "origin"}),
        },
    )


def test_the_whole_app_and_its_files_can_be_checked() -> None:
    app = new_app()
    app.ctx.handled = 0
    app.add_route(count, "/item", methods=["POST"], name="item")
    app.static("/file", __file__, name="file")
    app.blueprint(cors_group(app, allow_origins=[ONE], check_requests="all"))
    image = sent(site=CROSS, sec_fetch_mode="no-cors", sec_fetch_dest="image")
    responses = send(
        app,
        post(EVIL, path="/item"),
        post(ONE, path="/item"),
        HttpRequest("GET", "/file", image),
        HttpRequest("GET", "/file", sent(site=SAME)),
    )
    assert [response.status for response in responses] == [403, 200, 403, 200]


def test_a_route_that_only_reads_has_no_middleware_of_a_check_of_writes() -> None:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(count, "/read", methods=["GET"], name="read")
    bp.add_route(count, "/write", methods=["POST"], name="write")
    app = app_of(cors_group(bp, **LISTED))
    send(app, HttpRequest("GET", "/api/read"))
    chains = {route.name.rpartition(".")[2]: route.extra for route in app.router.routes}
    assert [len(chains[name].request_middleware) for name in ("read", "write")] == [0, 1]
    assert [chains[name].ignore_body for name in ("read", "write")] == [False, True]
    assert [chains[name].corsbp_ignore_body for name in ("read", "write")] == [False, False]


def test_a_body_that_is_ignored_later_is_not_received() -> None:
    """`route.extra.ignore_body` can be set after the start, as on a route without CORS."""
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(count, "/item", methods=["POST"], name="item")
    app = app_of(cors_group(bp))

    @app.after_server_start
    async def ignore(app: Sanic) -> None:
        for route in app.router.routes:
            route.extra.ignore_body = True

    (response,) = send(app, request("POST", "/api/item", body="12345"))
    assert (response.status, response.body) == (200, b"POST 0")


@both_touchups
def test_another_policy_checks_from_the_next_request_on(touchup: bool) -> None:
    group = section_of(allow_origins=[ONE, TWO])
    app = app_of(group, TOUCHUP=touchup)

    async def talk(port: int) -> list[tuple[int, bytes]]:
        found = []
        for policy in (
            CorsPolicy(allow_origins=[ONE, TWO]),
            CorsPolicy(**LISTED),
            CorsPolicy(allow_origins=[ONE]),
        ):
            group.reconfigure(policy)
            for one in (post(EVIL), post(ONE), HttpRequest("OPTIONS", "/api/item", sent(EVIL), b"abc")):
                response = await send_async(port, one)
                found.append((response.status, response.body[:10]))
        return found

    refused = (403, "⚠️ 403 —".encode()[:10])
    served, options = (200, b"POST 3"), (200, b"OPTIONS 3")
    assert run_server(serve(app, talk)) == [
        served,
        served,
        options,
        refused,
        served,
        options,
        served,
        served,
        options,
    ]


def test_a_policy_that_changes_while_a_body_is_on_its_way() -> None:
    """The body is received once, whether the check begins or ends meanwhile."""
    group = section_of(allow_origins=[ONE])
    checking = CorsPolicy(allow_origins=[ONE], check_requests="writes")
    lines = ("POST /api/item HTTP/1.1", "Host: a", f"Origin: {ONE}", "Content-Length: 6")
    head = "\r\n".join([*lines, "Expect: 100-continue", "", ""])

    async def talk(port: int) -> list[bytes]:
        bodies = []
        for before, after in ((CorsPolicy(allow_origins=[ONE]), checking), (checking, CorsPolicy())):
            group.reconfigure(before)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode())
            # Sanic sends this when it begins to read the body
            continued = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert continued.startswith(b"HTTP/1.1 100 ")
            group.reconfigure(after)
            writer.write(b"abcdef")
            response = parse_response(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10))
            bodies.append(await reader.readexactly(int(response["content-length"])))
            writer.close()
            await writer.wait_closed()
        return bodies

    assert run_server(serve(app_of(group), talk)) == [b"POST 6", b"POST 6"]


def test_without_the_field_nothing_changes() -> None:
    def responses(**fields: Any) -> list[Any]:
        return [
            (each.status, each.headers, each.body) for each in send(app_of(section_of(**fields)), *requests)
        ]

    requests = [post(EVIL), post(ONE), post(), HttpRequest("GET", "/api/item", sent(EVIL)), *BODIES[3:4]]
    unset = responses(allow_origins=[ONE, TWO])
    assert unset == responses(allow_origins=[ONE, TWO], check_requests=False)
    assert [status for status, _, _ in unset] == [200, 200, 200, 200, 404]


# --- other code of the app ---


def test_other_packages_that_answer_first_do_not_run_before_the_check() -> None:
    """Also not what is registered after the section, with the highest priority."""
    app = app_of(section_of(**LISTED))
    app.register_middleware(lambda request: text("cached"), "request", priority=10_000)
    responses = send(app, post(EVIL), post(ONE))
    assert [response.status for response in responses] == [403, 200]
    assert responses[1].body == b"cached"


def test_signals_before_the_check_see_the_request_as_it_came() -> None:
    app = app_of(section_of(**LISTED), TOUCHUP=False)
    seen: list[tuple[str, bytes]] = []

    @app.signal("http.routing.after")
    async def routed(request: Request, **_: Any) -> None:
        seen.append((request.path, request.body))

    responses = send(app, post(EVIL), post(ONE))
    assert [response.status for response in responses] == [403, 200]
    assert seen == [("/api/item", b"")] * 2


def test_an_error_handler_that_wants_the_body_can_receive_it() -> None:
    app = app_of(section_of(**LISTED))

    @app.exception(Exception)
    async def respond(request: Request, error: Exception) -> HTTPResponse:
        await request.receive_body()  # type: ignore[no-untyped-call]  # Sanic's has no types
        return text(request.body.decode(), 403)

    (response,) = send(app, post(EVIL))
    assert (response.status, response.body) == (403, b"abc")


@pytest.mark.parametrize("limit", [500, 5000])
def test_a_refused_body_above_the_limit_closes_the_connection(limit: int) -> None:
    """As Sanic does with what no handler has read."""
    app = app_of(section_of(**LISTED), REQUEST_MAX_SIZE=limit)

    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        one = (
            f"POST /api/item HTTP/1.1\r\nHost: a\r\nOrigin: {{}}\r\nContent-Length: 1000\r\n\r\n{'x' * 1000}"
        )
        writer.write(one.format(EVIL).encode())
        writer.write(one.format(ONE).replace("HTTP/1.1", "HTTP/1.1\r\nConnection: close").encode())
        received = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        return received

    received = run_server(serve(app, talk))
    assert received.count(b"HTTP/1.1 403") == 1
    assert received.count(b"HTTP/1.1 200") == (limit > 1000)


def test_a_payload_that_is_too_large_reaches_the_error_handler_of_the_app() -> None:
    app = app_of(section_of(**LISTED), REQUEST_MAX_SIZE=1000)
    app.error_handler.add(PayloadTooLarge, lambda request, error: text("too large", 413))
    large = post(ONE, body=b"x" * 5000)
    expect(app, {"413": (large, 413, {"access-control-allow-origin": ONE, "vary": "origin"})})


def test_what_is_sent_with_get_is_received_where_only_writes_are_checked() -> None:
    """On a route that serves writes too, Sanic leaves every body to the section."""
    (response,) = send(app_of(section_of(**LISTED)), HttpRequest("GET", "/api/item", sent(), b"abc"))
    assert (response.status, response.body) == (200, b"GET 3")


def test_what_is_sent_with_get_is_checked_by_all_and_received() -> None:
    app, bp = app_of(), Blueprint("api", url_prefix="/api")
    bp.add_route(count, "/item", methods=["GET"], name="item", ignore_body=False)
    app.blueprint(cors_group(bp, allow_origins=[ONE], check_requests="all"))
    own, other = (HttpRequest("GET", "/api/item", sent(site=site), b"abc") for site in (SAME, CROSS))
    responses = send(app, own, other, request("GET", "/api/item", ONE, body="abcd"))
    assert [(response.status, response.body[:5]) for response in responses] == [
        (200, b"GET 3"),
        (403, "⚠️".encode()[:5]),
        (200, b"GET 4"),
    ]


# --- the hooks ---


def test_an_app_that_would_serve_forged_requests_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corsbp.app.middleware.receive_if_not_forged", lambda *_: None)
    with pytest.raises(RuntimeError, match=r"the route app\d+\.api\.item serves forged requests"):
        send(app_of(section_of(**LISTED), TOUCHUP=False), post(EVIL))
    send(app_of(section_of(allow_origins=[ONE]), TOUCHUP=False), post(EVIL))


def test_an_app_whose_check_is_not_first_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    finalize: Any = Sanic.finalize

    def again(self: Sanic) -> None:
        finalize(self)
        for route in self.router.routes:
            route.extra.request_middleware.appendleft(lambda _: None)

    monkeypatch.setattr(Sanic, "finalize", again)
    with pytest.raises(RuntimeError, match="has not its check of forged requests first"):
        send(app_of(section_of(**LISTED), TOUCHUP=False), post(EVIL))


def test_startup_checks_forged_requests_without_code_of_the_user() -> None:
    calls: list[str] = []

    def allows(origin: str, _: Request) -> bool:
        calls.append(origin)
        return True

    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(count, "/item/<number:int>", methods=["DELETE", "PATCH"], name="item")
    app = app_of(cors_group(bp, allow_origins=allows, check_requests="all"))
    app.on_request(lambda request: calls.append(request.path))
    send(app, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (calls, app.ctx.handled) == (["/"], 0)
