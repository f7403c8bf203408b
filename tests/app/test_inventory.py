"""The routes of an app as data: the section and the policy of each, and a path that leads to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsPolicy, cors_group
from corsbp.app.inventory import list_policies, list_routes, list_startup_problems
from corsbp.testing import Browser

from ..support import ORIGIN, new_app

OURS = CorsPolicy(allow_origins=[ORIGIN])


async def handler(request: Request, **__: Any) -> HTTPResponse:
    return text(request.route.name if request.route else "")


def app_of_all() -> Sanic:
    api, site = Blueprint("api", url_prefix="/api", version=1), Blueprint("site", host="site.example")
    api.add_route(handler, "/items/<number:int>", methods=["PUT", "GET"], name="item")
    api.add_route(handler, "/feed", name="feed", ctx_cors=CorsPolicy())
    api.add_route(handler, "/internal", name="internal", ctx_cors=False)
    api.add_websocket_route(handler, "/socket", name="socket")
    site.add_route(handler, "/", name="index")
    return new_app(cors_group(api, policy=OURS), site)


# path, methods, host, name, section, policy, example, websocket
EXPECTED = [
    ("/", ("GET",), "site.example", "site.index", None, None, "/", False),
    ("/v1/api/feed", ("GET",), None, "api.feed", "cors_group(api)", CorsPolicy(), "/v1/api/feed", False),
    ("/v1/api/internal", ("GET",), None, "api.internal", "cors_group(api)", None, "/v1/api/internal", False),
    (
        "/v1/api/items/<number:int>",
        ("GET", "PUT"),
        None,
        "api.item",
        "cors_group(api)",
        OURS,
        "/v1/api/items/1",
        False,
    ),
    ("/v1/api/socket", ("GET",), None, "api.socket", "cors_group(api)", OURS, "/v1/api/socket", True),
]


def test_routes_are_listed_alike_before_and_after_a_start() -> None:
    app = app_of_all()

    def seen() -> list[tuple[Any, ...]]:
        return [
            (
                each.path,
                each.methods,
                each.host,
                each.name.partition(".")[2],
                each.section,
                each.policy,
                each.example,
                each.websocket,
            )
            for each in list_routes(app)
        ]

    assert seen() == EXPECTED

    async def talk() -> None:
        async with Browser(app):
            assert seen() == EXPECTED

    asyncio.run(talk())
    assert seen() == EXPECTED


def test_policies_and_startup_problems_are_listed() -> None:
    app = app_of_all()
    assert list_policies(list_routes(app)) == [CorsPolicy(), OURS]
    assert list_startup_problems(app) == []
    bp = Blueprint("bp")
    bp.add_route(handler, "/", name="index")
    odd = new_app(cors_group(bp, allow_methods=["PUT"]))
    assert [each.id for each in list_startup_problems(odd)] == ["method-unserved"]
    plain = new_app()
    plain.add_route(handler, "/")
    assert (list_policies(list_routes(plain)), list_startup_problems(plain)) == ([], [])


def test_a_fault_that_stops_the_app_is_raised() -> None:
    bp = Blueprint("bp")
    bp.add_route(handler, "/", name="index", ctx_cors="*")
    with pytest.raises(ValueError, match="ctx_cors"):
        list_routes(new_app(cors_group(bp)))


PARAMETERS = [
    "str",
    "strorempty",
    "int",
    "float",
    "alpha",
    "slug",
    "path",
    "ymd",
    "uuid",
    "ext",
    "ext=jpg|png",
    r"[a-z]",
    r"\d{4}",
    r"x{7}",
]


@pytest.mark.parametrize("kind", PARAMETERS)
def test_an_example_leads_to_its_route(kind: str, tmp_path: Path) -> None:
    """Only regular expressions that none of the examples matches have no example."""
    app = new_app()
    app.add_route(
        handler,
        f"/a/<name:{kind}>/b" if not kind.startswith(("ext", "path")) else f"/a/<name:{kind}>",
        name="one",
    )
    app.add_route(handler, "/<rest:path>", name="other")
    (found,) = [each for each in list_routes(app) if each.name.endswith(".one")]

    async def led_to(path: str) -> str:
        async with Browser(app, "https://api.example") as browser:
            return (await browser.fetch(path)).text

    if found.example is None:
        assert kind in (r"x{7}", r"\d{4}")
    else:
        assert asyncio.run(led_to(found.example)) == found.name


def test_static_files_and_copies_are_listed_with_their_section(tmp_path: Path) -> None:
    """A copy of a blueprint is in another section than the blueprint."""
    bp, files = Blueprint("bp", url_prefix="/bp"), Blueprint("files", url_prefix="/files")
    bp.add_route(handler, "/<name:int>", name="one")
    files.static("/", tmp_path, name="static")
    copy = bp.copy("two", url_prefix="/two")
    app = new_app(cors_group(bp, files, policy=OURS), cors_group(copy, policy=CorsPolicy()))
    app.static("/outside", tmp_path, name="outside")
    assert {each.path: (each.section, each.policy, each.example) for each in list_routes(app)} == {
        "/bp/<name:int>": ("cors_group(bp, files)", OURS, "/bp/1"),
        "/files/<__file_uri__:path>": ("cors_group(bp, files)", OURS, "/files/1"),
        "/outside/<__file_uri__:path>": (None, None, "/outside/1"),
        "/two/<name:int>": ("cors_group(two)", CorsPolicy(), "/two/1"),
    }

    async def missing(*paths: str) -> list[int]:
        async with Browser(app, ORIGIN) as ours, Browser(app, "https://two.example") as other:
            return [(await browser.fetch(path)).status for path in paths for browser in (ours, other)]

    assert asyncio.run(missing("/bp/1/2", "/files/a", "/two/1/2", "/none")) == [
        404,
        0,
        404,
        0,
        404,
        404,
        0,
        0,
    ]
