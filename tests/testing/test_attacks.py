"""attack(): the origins that careless apps allow, and that sections of corsbp do not allow.

The apps have the faults of tests/integration/test_cves.py and of design section 6.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, cors_group
from corsbp.app.inventory import list_routes
from corsbp.testing import Grant, attack
from corsbp.testing.attacks import ATTACKER, look_alikes

from ..support import EVIL, ORIGIN, new_app

PORT = "https://app.example:8443"


async def item(_: Request, **__: Any) -> HTTPResponse:
    return text("item")


async def socket(_: Request, ws: Any) -> None:
    raise AssertionError("never opened")


def make_careless_app(allowed: Callable[[str], bool], credentials: bool = True, answer: str = "") -> Sanic:
    """Make an app whose own middleware allows these origins, also in responses to OPTIONS."""
    app = new_app()
    app.add_route(item, "/items/<number:int>", methods=["GET", "DELETE", "OPTIONS"], name="item")

    @app.on_response
    async def cors(request: Request, response: HTTPResponse) -> None:
        origin = request.headers.get("origin", "")
        if allowed(origin):
            response.headers["access-control-allow-origin"] = answer or origin
            response.headers["access-control-allow-credentials"] = str(credentials).lower()

    return app


# the check of an app, and the kinds of origins that pass it
FAULTS: dict[str, tuple[Callable[[str], bool], set[str]]] = {
    "no origin": (lambda _: False, set()),
    "exact": (lambda origin: origin == ORIGIN, set()),
    "prefix": (
        lambda origin: origin.startswith(ORIGIN),
        {
            "suffix",
            "suffix without dot",
            "user info",
            "underscore",
            "odd character",
            "backtick",
            "path",
            "trailing slash",
            "trailing dot",
            "two in one",
            "list",
            "other port",
        },
    ),
    "suffix": (
        lambda origin: origin.endswith("app.example"),
        {"prefix", "prefix without dash", "subdomain", "other scheme", "without scheme"},
    ),
    "suffix with dot": (lambda origin: origin.endswith(".app.example"), {"subdomain"}),
    "contains": (
        lambda origin: "app.example" in origin,
        {
            "suffix",
            "suffix without dot",
            "prefix",
            "prefix without dash",
            "subdomain",
            "other scheme",
            "other port",
            "user info",
            "underscore",
            "odd character",
            "backtick",
            "path",
            "trailing slash",
            "trailing dot",
            "two in one",
            "list",
            "without scheme",
        },
    ),
    "unescaped dot": (
        lambda origin: re.fullmatch("https://app.example", origin) is not None,
        {"dot for any"},
    ),
    "no end": (
        lambda origin: re.match(r"https://app\.example(:[0-9]+)?\b", origin) is not None,
        {
            "suffix",
            "other port",
            "user info",
            "odd character",
            "backtick",
            "path",
            "trailing slash",
            "trailing dot",
            "two in one",
            "list",
        },
    ),
    "any case": (lambda origin: origin.lower() == ORIGIN, {"upper case"}),
    "host only": (lambda origin: origin.partition("://")[2] == "app.example", {"other scheme"}),
    "null": (lambda origin: origin == "null", {"null"}),
    "empty": (lambda origin: origin == "", {"empty"}),
    "star": (lambda origin: origin == "*", {"star"}),
    "local": (
        lambda origin: "localhost" in origin,
        {"local page", "local page, other port", "like localhost"},
    ),
    "files and extensions": (
        lambda origin: origin.startswith(("file:", "chrome-extension:", "http://127.")),
        {"local file", "extension", "loopback"},
    ),
    "everyone": (lambda _: True, {"any"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_careless_comparisons(fault: str) -> None:
    allowed, kinds = FAULTS[fault]
    grants = attack(make_careless_app(allowed), [ORIGIN])
    assert {grant.kind.partition(" of https")[0] for grant in grants} == kinds
    assert {(grant.method, grant.path, grant.credentials) for grant in grants} == {
        (method, "/items/1", fault != "star") for method in ("GET", "DELETE", "OPTIONS") if kinds
    }
    assert all(allowed(grant.origin) and grant.origin != ORIGIN for grant in grants)


def test_a_parent_of_an_allowed_host() -> None:
    grants = attack(make_careless_app(lambda origin: origin == ORIGIN), [ORIGIN.replace("app.", "www.app.")])
    assert {grant.kind for grant in grants} == {"parent of https://www.app.example"}


@pytest.mark.parametrize(
    ("answer", "credentials", "expected"),
    [("*", True, False), ("*", False, False), ("", False, False), ("", True, True)],
)
def test_grants_tell_whether_cookies_can_be_sent(answer: str, credentials: bool, expected: bool) -> None:
    """With `*`, browsers send no cookies, whatever the other header is."""
    (get, *_) = attack(make_careless_app(lambda _: True, credentials, answer))
    assert get == Grant("GET", "/items/1", ATTACKER, "any", expected)


def test_origins_may_be_unknown() -> None:
    """Without a name of an allowed origin, foreign origins are tried."""
    assert [grant.kind for grant in attack(make_careless_app(lambda origin: origin == "null"))] == [
        "null"
    ] * 3


def test_only_safe_requests_are_sent() -> None:
    app = new_app()
    app.ctx.seen = []

    @app.on_request
    async def note(request: Request) -> None:
        app.ctx.seen.append((request.method, request.headers.get("access-control-request-method")))

    for method in ("GET", "HEAD", "POST", "DELETE"):
        app.add_route(item, "/", methods=[method], name=method)
    assert attack(app) == []
    assert set(app.ctx.seen) == {
        ("OPTIONS", "GET"),
        ("OPTIONS", "HEAD"),
        ("OPTIONS", "POST"),
        ("OPTIONS", "DELETE"),
        ("GET", None),
        ("HEAD", None),
    }


def test_each_request_is_sent_once() -> None:
    """Several routes can have one path, and several allowed origins the same look-alikes."""
    app, requests = new_app(), []

    @app.on_request
    async def note(request: Request) -> None:
        wanted = request.headers.get("access-control-request-method")
        requests.append((request.method, request.path, request.headers.get("origin"), wanted))

    for kind in ("str", "alpha", "slug"):
        app.add_route(item, f"/files/<name:{kind}>", methods=["GET", "HEAD"], name=kind)
    assert len({route.example for route in list_routes(app)}) < 3
    assert attack(app, [ORIGIN, PORT, "https://www.app.example"]) == []
    assert len(requests) == len(set(requests)) > 500


def test_a_stream_of_events_is_not_waited_for() -> None:
    app = new_app()

    @app.get("/events")
    async def events(request: Request) -> None:
        await (await request.respond(headers={"access-control-allow-origin": "null"})).send("data: 1")
        await asyncio.Event().wait()

    assert {grant.kind for grant in attack(app)} == {"null"}


def test_requests_are_like_those_of_browsers() -> None:
    """The grants of an app that refuses other requests are found."""
    app = make_careless_app(lambda origin: origin == "null")

    @app.on_request
    async def refuse(request: Request) -> HTTPResponse | None:
        requests = [request.headers.get(f"sec-fetch-{name}") for name in ("site", "mode", "dest")]
        refused = requests != ["cross-site", "cors", "empty"] or "user-agent" not in request.headers
        return text("no", 403, headers={"access-control-allow-origin": "no"}) if refused else None

    assert {grant.kind for grant in attack(app)} == {"null"}


def test_paths_that_are_left_out() -> None:
    app = make_careless_app(lambda _: True)
    app.add_route(item, "/docs/swagger", name="swagger")
    app.add_route(item, "/docs", name="docs")

    def paths(*leave_out: str) -> set[str]:
        return {grant.path for grant in attack(app, leave_out=leave_out)}

    assert paths() == {"/items/1", "/docs/swagger", "/docs"}
    assert paths("/docs*") == {"/items/1"}
    assert paths("/docs") == {"/items/1", "/docs/swagger"}
    assert paths("/items/<number:int>", "/docs") == paths("/items/1", "/docs") == {"/docs/swagger"}
    assert attack(app, leave_out=["*"]) == []
    with pytest.raises(ValueError, match=r"leave_out: '/docs' is one string; meant: \['/docs'\]"):
        attack(app, leave_out="/docs")


# --- sections ---


def section(prefix: str = "/api", **policy: Any) -> Any:
    bp = Blueprint(f"bp{prefix.replace('/', '-')}", url_prefix=prefix)
    for method in ("GET", "POST", "DELETE"):
        bp.add_route(item, "/items/<name:ymd>", methods=[method], name=method)
    bp.add_route(item, "/<odd:(?P<odd>x{3,9})>", name="odd")
    bp.add_websocket_route(socket, "/socket", name="socket")
    bp.add_route(item, "/other", name="other", ctx_cors=False)
    return cors_group(bp, **policy)


POLICIES: list[dict[str, Any]] = [
    {},
    {"allow_origins": [ORIGIN], "allow_credentials": True},
    {"allow_origins": [ORIGIN, PORT, "http://localhost:3000"], "allow_credentials": True},
    {"allow_origins": ["https://*.tenants.example", "http://localhost:*", "https://*.example.com:*"]},
    {"allow_origins": ["https://[2001:db8::1]:8443", "capacitor://localhost", "https://localhost"]},
    {"allow_origins": lambda origin, _: origin == ORIGIN},
]


@pytest.mark.parametrize("policy", POLICIES)
def test_sections_allow_only_their_origins(policy: dict[str, Any]) -> None:
    """A public section has no grants either: its policy allows every origin."""
    assert attack(new_app(section(**policy))) == []


def test_each_section_is_tried_with_the_origins_of_all() -> None:
    """An origin that another section allows is not allowed here."""
    two = new_app(section("/a", allow_origins=[ORIGIN]), section("/b", allow_origins=[EVIL, PORT]))
    assert attack(two) == []
    careless_function = section(allow_origins=lambda origin, _: origin.endswith(".example"))
    assert {grant.kind for grant in attack(new_app(careless_function))} == {"any"}


def test_routes_in_no_section_are_tried_too() -> None:
    app = new_app(section(allow_origins=[ORIGIN]))

    @app.get("/own", host="own.example")
    async def own(request: Request) -> HTTPResponse:
        origin = request.headers.get("origin", "")
        return text("", headers={"access-control-allow-origin": origin} if ORIGIN in origin else {})

    grants = attack(app)
    assert {(grant.path, grant.credentials) for grant in grants} == {("/own", False)}
    assert "list of https://app.example" in {grant.kind for grant in grants}


def test_a_route_with_its_own_policy() -> None:
    bp = Blueprint("bp")
    bp.add_route(item, "/feed", name="feed", ctx_cors=CorsPolicy())
    assert attack(new_app(cors_group(bp, allow_origins=[ORIGIN]))) == []


# --- arguments ---


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        (ORIGIN, r"origins: 'https://app.example' is one string; meant: \['https://app.example'\]"),
        ([f"{ORIGIN}/"], "no page has the origin 'https://app.example/'; .* meant: https://app.example"),
        ([ORIGIN, None], "no page has the origin None"),
        (["https://*.example"], "no page has the origin"),
    ],
)
def test_invalid_origins(origins: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack(new_app(), origins)


@pytest.mark.parametrize(
    "origin",
    [
        ORIGIN,
        PORT,
        "http://localhost:3000",
        "https://[::1]:8443",
        "https://www.app.example",
        "https://intranet:65535",
    ],
)
def test_look_alikes_are_other_origins(origin: str) -> None:
    found = look_alikes(origin)
    assert origin not in found.values()
    assert len(set(found.values())) == len(found) >= 17
    port = re.fullmatch(r".*:(\d+)", found["other port"])
    assert port is None or int(port[1]) < 65536


def test_functions_beside_origins() -> None:
    """Names that only the function allows are grants; the named origins are not."""

    def section(function: Callable[[str, Request], bool]) -> Sanic:
        bp = Blueprint("bp")
        bp.add_route(item, "/items", name="items")
        return new_app(cors_group(bp, allow_origins=[ORIGIN, "https://*.tenants.example", function]))

    assert attack(section(lambda origin, _: origin == "https://pr-7.preview.example")) == []
    found = attack(section(lambda origin, _: origin.startswith("https://app.example")))
    kinds = {grant.kind for grant in found if grant.kind.endswith(f" of {ORIGIN}")}
    assert kinds == {
        f"{kind} of {ORIGIN}" for kind in ("suffix", "suffix without dot", "other port", "underscore")
    }
