"""The recipes of examples/README.md: each block is an app that responds as the text around it says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic, text
from sanic.exceptions import URLBuildError
from sanic.views import HTTPMethodView

from corsbp import CorsGroup, CorsPolicy, CorsPolicyError, cors_group

from ..support import (
    EVIL,
    GRANTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    ROOT,
    Expectation,
    ReceivedResponse,
    expect,
    handler,
    new_app,
    preflight,
    preflight_headers,
    request,
    require_package,
    run_server,
    send,
    serve,
)

PAGE = (ROOT / "examples" / "README.md").read_text()
BLOCKS = re.compile(r"^### ([^\n]*)\n(?:(?!^#)[^\n]*\n)*?```python\n(.*?)^```$", re.M | re.S)
CHAPTER = PAGE.partition("\n## Recipes\n")[2].partition("\n## ")[0] + "\n"
RECIPES: dict[str, str] = dict(BLOCKS.findall(CHAPTER))
OURS = {"access-control-allow-origin": ORIGIN}
COOKIES = OURS | {"access-control-allow-credentials": "true"}
NORTH = "https://north.example"
PREVIEW = "https://pr-preview.example.com"
EXT, SOCKET_IO = "The automatic documentation", "Socket.IO and other engines"


def told_with_cookies(methods: str) -> dict[str, str]:
    """Return the headers of a preflight with credentials: the names of headers are those of the request."""
    return {
        "access-control-allow-methods": methods,
        "access-control-max-age": "600",
        "vary": "access-control-request-headers",
    }


def varies(cors: dict[str, str], *names: str) -> dict[str, str]:
    return cors | {"vary": ", ".join(names)}


INSPECTED = {
    "access-control-allow-origin": "https://inspector.example",
    "access-control-expose-headers": "mcp-session-id",
}
ROWS: dict[str, dict[str, Expectation]] = {
    "Cookies between sites": {
        "read": (request("GET", "/account/"), 200, COOKIES),
        "log in": (request("POST", "/account/login"), 200, COOKIES),
    },
    "Public for everyone, with cookies for your own pages": {
        "everyone": (request("GET", "/public/prices", EVIL), 200, PUBLIC),
        "our own": (request("GET", "/account/orders"), 200, COOKIES),
    },
    "One origin for each tenant": {
        "its own": (
            preflight("/north/api/orders/7", "PUT", origin=NORTH),
            204,
            varies(
                {**COOKIES, "access-control-allow-origin": NORTH, **told_with_cookies("PUT,OPTIONS")},
                "origin",
                "access-control-request-headers",
            ),
        ),
        "its own, with the tenant": (
            request("PUT", "/north/api/orders/7", NORTH),
            200,
            varies({**COOKIES, "access-control-allow-origin": NORTH}, "origin"),
        ),
        "another's": (
            preflight("/south/api/orders/7", "PUT", origin=NORTH),
            204,
            varies({}, "origin", "access-control-request-headers"),
        ),
        "nobody's": (request("PUT", "/east/api/orders/7", NORTH), 200, REFUSED),
    },
    "Files with a policy of their own": {
        "a font": (request("GET", "/fonts/plain.woff2", EVIL), 200, PUBLIC),
        "the API": (request("GET", "/api/orders"), 200, OURS),
    },
    "Class-based views with a policy of their own": {
        "attached": (preflight("/api/orders", "PUT"), 204, OURS | preflight_headers("PUT,OPTIONS")),
        "added": (request("GET", "/api/feed", EVIL), 200, PUBLIC),
    },
    "Move routes into a blueprint": {"moved": (request("GET", "/api/items/7"), 200, PUBLIC)},
    EXT: {"read": (request("GET", "/docs/openapi.json"), 200, PUBLIC)},
    "Several apps, one group": {"first": (request("GET", "/api/orders"), 200, OURS)},
    "Fewer preflights": {
        "remembered": (
            preflight("/api/orders", "PUT"),
            204,
            PUBLIC | preflight_headers("PUT,OPTIONS") | {"access-control-max-age": "7200"},
        )
    },
    "Timing-Allow-Origin": {
        "granted": (request("GET", "/api/orders"), 200, GRANTED),
        "refused": (request("GET", "/api/orders", EVIL), 200, REFUSED),
        "no page": (request("GET", "/api/orders", None), 200, REFUSED),
    },
    SOCKET_IO: {
        "polled": (request("GET", "/socket.io/?EIO=4&transport=polling"), 200, COOKIES),
        "refused by the engine": (request("GET", "/socket.io/?EIO=4&transport=polling", EVIL), 400, COOKIES),
        "asked before": (
            preflight("/socket.io/?EIO=4&transport=polling", "POST"),
            204,
            COOKIES | told_with_cookies("GET,POST,OPTIONS"),
        ),
    },
    "An API inside a VPN": {
        "any page": (
            request("GET", "/api/salaries", EVIL),
            200,
            {"access-control-allow-origin": "https://intranet.example"},
        )
    },
    "Forged requests, and a login that posts a form": {
        "a page": (request("POST", "/api/orders", cookie="a=1"), 200, COOKIES),
        "a form of another page": (request("POST", "/api/orders", EVIL, cookie="a=1"), 403, COOKIES),
        "the own page": (request("POST", "/api/orders", "https://api.example", cookie="a=1"), 200, COOKIES),
        "the provider": (request("POST", "/api/login/callback", EVIL, cookie="a=1"), 200, COOKIES),
    },
    "A server on the user's own machine": {
        "an editor": (request("POST", "/mcp/", None, host="localhost:8000"), 200, INSPECTED),
        "the inspector": (
            request("POST", "/mcp/", "https://inspector.example", host="127.0.0.1:8000"),
            200,
            INSPECTED,
        ),
        "another page": (request("POST", "/mcp/", EVIL, host="[::1]:8000"), 403, INSPECTED),
        "rebound": (request("POST", "/mcp/", "http://evil.example:8000", host="evil.example:8000"), 404, {}),
    },
    "Keep a regular expression": {
        "matched": (
            request("GET", "/api/orders", PREVIEW),
            200,
            GRANTED | {"access-control-allow-origin": PREVIEW},
        ),
        "matched at its beginning": (request("GET", "/api/orders", f"{PREVIEW}.evil.example"), 200, REFUSED),
    },
}


def test_every_recipe_is_known() -> None:
    assert [*RECIPES] == [*ROWS]
    assert len(RECIPES) == CHAPTER.count("```python")


def made(recipe: str, change: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """Return the names that a block defines, after a change to it."""
    if recipe == EXT:
        pytest.importorskip("sanic_ext", reason="no sanic-ext: it refuses Sanic before 25.12")
    if recipe == SOCKET_IO:
        require_package("socketio")
    assert change[0] in RECIPES[recipe]
    names: dict[str, Any] = {}
    exec(RECIPES[recipe].replace(*change), names)
    for app in (each for each in names.values() if isinstance(each, Sanic)):
        app.config.update(
            {"USE_UVLOOP": False, "AUTO_EXTEND": app.config.AUTO_EXTEND and "openapi" in app.blueprints}
        )
    return names


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return the folder of a reader, with the files that a recipe serves."""
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "plain.woff2").write_text("a font")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("recipe", ROWS)
def test_each_recipe_responds_as_its_text_says(recipe: str) -> None:
    expect(made(recipe)["app"], ROWS[recipe])


# --- the text around the blocks ---


def test_cookies_between_sites_need_samesite_none() -> None:
    """tests/browsers/test_third_party.py shows it in three browsers."""
    app = made("Cookies between sites")["app"]
    (response,) = send(app, request("POST", "/account/login"))
    sent = response["set-cookie"].split("; ")
    assert sent[0] == "__Host-session=ann"
    assert {"SameSite=None", "Secure", "Partitioned"} <= {*sent}
    plain = text("")
    plain.add_cookie("session", "ann")
    assert "SameSite=Lax" in str(plain.cookies.get_cookie("session"))


def test_both_ways_at_one_path_need_a_copy() -> None:
    names = made(
        "Public for everyone, with cookies for your own pages",
        ("cors_group(orders,", 'cors_group(prices.copy("own", url_prefix="/account"),'),
    )
    rows = {"everyone": ("/public/prices", EVIL, PUBLIC), "our own": ("/account/prices", ORIGIN, COOKIES)}
    expect(
        names["app"],
        {name: (request("GET", path, page), 200, cors) for name, (path, page, cors) in rows.items()},
    )


def test_an_origin_function_knows_the_tenant_by_the_path() -> None:
    """A preflight has no match_info, no cookies, and only the names of headers."""
    seen: list[tuple[str, dict[str, Any], str | None]] = []

    def note(_: str, request: Request) -> bool:
        seen.append((request.method, request.match_info, request.headers.get("x-tenant")))
        return True

    api = Blueprint("api", url_prefix="/<tenant:str>/api")
    api.add_route(handler, "/orders", ["PUT"])
    app = new_app(cors_group(api, allow_origins=note))
    send(
        app,
        preflight("/north/api/orders", "PUT", "x-tenant"),
        request("PUT", "/north/api/orders", x_tenant="north"),
    )
    assert seen == [("OPTIONS", {}, None), ("PUT", {"tenant": "north"}, "north")]


@pytest.mark.parametrize("attach", [Blueprint("files").static, HTTPMethodView.attach])
def test_declarations_without_ctx_cors_raise(attach: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="ctx_cors"):
        attach(Blueprint("api"), "/", ctx_cors=CorsPolicy())


def test_routes_that_move_keep_their_names() -> None:
    app = made("Move routes into a blueprint")["app"]
    (response,) = send(app, request("GET", "/api/items/7"))
    assert response.body == b"/api/items/7"
    with pytest.raises(URLBuildError):
        app.url_for("item", number=7)
    app = new_app()
    app.add_route(handler, "/api/items/<number:int>", name="item")
    app.blueprint(cors_group(app))
    assert app.url_for("item", number=7) == "/api/items/7"


@pytest.mark.parametrize(("operation", "written"), [("", "get~api.item"), ("get~item", "get~item")])
def test_routes_that_move_keep_their_operations(operation: str, written: str) -> None:
    app: Sanic = made(EXT)["app"]
    from sanic_ext import openapi

    api = Blueprint("api", url_prefix="/api")

    async def item(_: Request, number: int) -> Any:
        return text(f"{number}")

    api.add_route(openapi.operation(operation)(item) if operation else item, "/items/<number:int>")
    app.blueprint(cors_group(api))
    (response,) = send(app, request("GET", "/docs/openapi.json"))
    path = json.loads(response.body)["paths"]["/api/items/{number}"]
    assert (path["get"]["operationId"], path["get"]["tags"]) == (written, ["api"])


def test_several_apps_are_one_section() -> None:
    names = made("Several apps, one group")
    group: CorsGroup = names["group"]
    for policy, granted in [(group.policy, OURS), (CorsPolicy(), PUBLIC)]:
        group.reconfigure(policy)
        for app in (names["app"], names["admin"]):
            (response,) = send(app, request("GET", "/api/orders"))
            assert response.cors == granted


def test_allowed_pages_see_the_timing() -> None:
    def timing(response: ReceivedResponse) -> list[str]:
        return [value for name, value in response.headers if name == "timing-allow-origin"]

    app = made("Timing-Allow-Origin")["app"]
    pages = (
        ORIGIN,
        "https://two.example",
        EVIL,
        None,
        "http://api.example",
    )  # the last one is an own page of the server
    responses = send(app, *(request("GET", "/api/orders", page) for page in pages))
    assert [timing(response) for response in responses] == [[ORIGIN], ["https://two.example"], [], [], []]


@pytest.mark.parametrize(
    ("engines", "foreign"),
    [
        ("cors_allowed_origins=ORIGINS", 400),
        ("cors_allowed_origins=[]", 101),
        ('cors_allowed_origins="*"', 101),
    ],
)
def test_the_origins_of_an_engine_are_checked_by_the_engine(engines: str, foreign: int) -> None:
    """An engine that does not check origins itself allows every page, as the recipe warns."""
    app = made(SOCKET_IO, ("cors_allowed_origins=ORIGINS", engines))["app"]
    handshake: dict[str, Any] = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec_websocket_version": "13",
    }

    async def status(port: int, page: str) -> int:
        raw = request("GET", "/socket.io/?EIO=4&transport=websocket", page, **handshake).raw()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw.replace(b"Connection: close\r\n", b""))
        line = await asyncio.wait_for(reader.readline(), 60)
        writer.close()
        await writer.wait_closed()
        return int(line.split()[1])

    async def both(port: int) -> list[int]:
        return [await status(port, page) for page in (ORIGIN, EVIL)]

    assert run_server(serve(app, both)) == [101, foreign]


def test_a_group_follows_a_store() -> None:
    """The block of the chapter about a fleet works with a store in memory."""

    class Store:
        async def origins(self) -> list[str]:
            return ["https://customer.example"]

        async def changed(self) -> None:
            await asyncio.Event().wait()

    chapter = PAGE.partition("\n## Live origins, for a fleet\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```python\n(.*?)^```$", chapter, re.M | re.S)
    names: dict[str, Any] = {"handler": handler}
    exec(block.replace("group =", 'api.add_route(handler, "/")\ngroup ='), names)
    app: Sanic = names["app"]
    app.config.update({"USE_UVLOOP": False, "AUTO_EXTEND": False})
    app.ctx.db = Store()
    customer = {**COOKIES, "access-control-allow-origin": "https://customer.example"}
    rows: dict[str, Expectation] = {
        "followed": (request("GET", "/api/", "https://customer.example"), 200, varies(customer, "origin")),
        "declared": (request("GET", "/api/"), 200, varies(COOKIES, "origin")),
        "neither": (request("GET", "/api/", EVIL), 200, REFUSED),
    }
    expect(app, rows)


def test_responses_that_a_cdn_does_not_store() -> None:
    """The last block of the chapter about proxies; tests/cache has its blocks of nginx and its first app."""
    chapter = PAGE.partition("\n## Behind a proxy\n")[2].partition("\n## ")[0]
    block = re.findall(r"^```python\n(.*?)^```$", chapter, re.M | re.S)[-1]
    names: dict[str, Any] = {}
    exec(block, names)
    app: Sanic = names["app"]
    app.config.update({"USE_UVLOOP": False, "AUTO_EXTEND": False})
    expect(app, {"a font": (request("GET", "/fonts/plain.woff2"), 200, varies(OURS, "origin"))})
    (response,) = send(app, request("GET", "/fonts/plain.woff2"))
    assert response["cdn-cache-control"] == "no-store"


# --- migration from other packages ---

MIGRATION = PAGE.partition("\n## Migration from other packages\n")[2]
FIELDS = [
    each
    for each in re.findall(r"`([a-z_]+=[^`]*)`", MIGRATION)
    if each.startswith(("allow", "expose", "max"))
]


@pytest.mark.parametrize("fields", sorted({each for each in FIELDS if "…" not in each}))
def test_the_tables_of_migration_name_fields_or_known_words(fields: str) -> None:
    """Each field in the tables belongs to a policy or to another package."""
    if fields in ("allow_origins=()", 'allow_methods=("GET",)', "allow_headers=()", 'expose_headers="x-a"'):
        assert f"| `{fields}`" in MIGRATION  # names of the other package
    elif not fields.startswith("allow_origin_regex"):
        more = {"allow_origins": [ORIGIN]} if "credentials" in fields else {}
        eval(f"CorsPolicy({fields}, **more)", {"CorsPolicy": CorsPolicy, "more": more})


@pytest.mark.parametrize(
    ("fields", "id_", "meant"),
    [
        ({"allow_origins": "https://a.example,https://b.example"}, "bare-string", "https://b.example"),
        ({"allow_origins": re.compile(r"https://.*\.example\.com")}, "origin-regex", ""),
        ({"allow_origins": ["https://App.example"]}, "origin-upper-case", "https://app.example"),
        ({"allow_origins": ["mydomain.com"]}, "origin-scheme-missing", "https://mydomain.com"),
        ({"allow_credentials": True}, "credentials-any-origin", ""),
        (
            {"allow_origins": [ORIGIN], "allow_credentials": True, "expose_headers": "*"},
            "credentials-any-exposed",
            "",
        ),
        ({"allow_origins": []}, "origins-empty", ""),
    ],
)
def test_what_is_refused(fields: dict[str, Any], id_: str, meant: str) -> None:
    with pytest.raises(CorsPolicyError) as caught:
        CorsPolicy(**fields)
    (problem,) = caught.value.problems
    assert problem.id == id_
    assert meant in str(problem)


@pytest.mark.parametrize("settings", [{}, {"CORS_ORIGINS": ""}], ids=["no setting", "empty"])
def test_sanic_ext_without_origins_sends_nothing(settings: dict[str, str]) -> None:
    """Without CORS_ORIGINS, only the section has CORS headers."""
    pytest.importorskip("sanic_ext", reason="no sanic-ext: it refuses Sanic before 25.12")
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/")
    app = new_app(cors_group(api))
    app.config.update({"AUTO_EXTEND": True, **settings})
    app.extend()
    app.add_route(handler, "/", name="home")
    rows: dict[str, Expectation] = {
        "wrapped": (request("GET", "/api/"), 200, PUBLIC),
        "not wrapped": (request("GET", "/"), 200, {}),
    }
    expect(app, rows)
