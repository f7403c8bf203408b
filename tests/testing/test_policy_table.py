"""assert_policy(): a table of calls, and the report of rows that fail."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import cors_group
from corsbp.testing import STOPS, assert_policy

from ..support import EVIL, ORIGIN, new_app


def shop() -> Sanic:
    app, api = new_app(), Blueprint("api", url_prefix="/api")

    async def items(request: Request) -> HTTPResponse:
        request.app.ctx.seen.append(request.headers.get("cookie"))
        return text("", 404 if "missing" in request.args else 200)

    api.add_route(items, "/items", ["PUT"], name="put")
    api.add_route(items, "/items")
    app.blueprint(cors_group(api, allow_origins=[ORIGIN, "https://two.example"], allow_credentials=True))
    app.add_route(items, "/outside")
    app.ctx.seen = []
    app.ctx.starts = 0

    @app.before_server_start
    async def started(app: Sanic) -> None:
        app.ctx.starts += 1

    return app


Row: TypeAlias = tuple[str, str, str, bool, bool | str]

TRUE: list[Row] = [
    (ORIGIN, "GET", "/api/items", True, True),
    (ORIGIN, "GET", "/api/items", False, True),
    (ORIGIN, "put", "/api/items", True, True),
    (ORIGIN, "GET", "/api/items?missing=1", True, True),  # it is allowed to read a 404
    (EVIL, "GET", "/api/items", True, False),
    (EVIL, "PUT", "/api/items", False, "preflight-origin-missing"),
    (ORIGIN, "DELETE", "/api/items", True, "preflight-method"),
    (ORIGIN, "GET", "/outside", False, "origin-missing"),
    ("null", "GET", "/api/items", False, False),
    ("https://api.example", "GET", "/outside", False, True),
    ("http://api.example", "GET", "https://api.example/outside", False, "origin-missing"),
]


def test_a_table_that_passes() -> None:
    """The app is started once; each row has a new browser."""
    app = shop()
    assert_policy(app, iter(TRUE))
    assert app.ctx.starts == 1
    assert set(app.ctx.seen) == {None}
    assert_policy(
        app, [("https://shop.example", "GET", "/outside", False, True)], base_url="https://shop.example"
    )


WRONG: list[tuple[Row, str]] = [
    (
        (EVIL, "GET", "/api/items", False, True),
        f"{EVIL} GET /api/items: blocked by origin-missing, not readable",
    ),
    (
        (ORIGIN, "GET", "/api/items?missing=1", True, False),
        f"{ORIGIN} GET /api/items?missing=1 with credentials: status 404, readable, not blocked",
    ),
    (
        (ORIGIN, "PUT", "/api/items", True, "origin-any"),
        f"{ORIGIN} PUT /api/items with credentials: status 200, readable, not blocked by origin-any",
    ),
    (
        (EVIL, "PUT", "/api/items", False, "origin-missing"),
        f"{EVIL} PUT /api/items: blocked by preflight-origin-missing, not blocked by origin-missing",
    ),
]


def test_a_table_that_fails() -> None:
    """The report has only the rows that fail, with every step of the browser, and what to change."""
    with pytest.raises(AssertionError) as failed:
        assert_policy(shop(), [row for row, _ in WRONG] + TRUE)
    title, *lines = str(failed.value).splitlines()
    assert title == f"4 of {len(TRUE) + 4} rows are not as expected:"
    assert [line for line in lines if line[0] != " "] == [message for _, message in WRONG]
    assert (
        f"    Send access-control-allow-origin: {EVIL}. With corsbp: cors_group(…, allow_origins=['{EVIL}'])"
        in str(failed.value)
    )
    assert "      . PUT https://api.example/api/items got status 200" in lines


ROWS: list[tuple[Any, str]] = [
    ([ORIGIN, "GET", "/", True, True], "is not .origin, method, path, credentials, expected."),
    ((ORIGIN, "GET", "/", True), "is not .origin, method"),
    ((None, "GET", "/", True, True), "does not begin with three strings: origin, method and path"),
    ((ORIGIN, "GET", 7, True, True), "three strings"),
    ((ORIGIN, "GET", "/", "include", True), "has no True or False for credentials"),
    ((ORIGIN, "GET", "/", True, "blocked"), f"expects neither True, False nor one of {', '.join(STOPS)}"),
    ((ORIGIN, "GET", "/", True, None), "expects neither"),
    ((ORIGIN, "GET", "/", True, []), "expects neither"),
    (
        ("app.example", "GET", "/", True, False),
        "no page has the origin 'app.example'; .* meant: https://app.example",
    ),
]


@pytest.mark.parametrize(("row", "message"), ROWS)
def test_invalid_rows(row: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        assert_policy(shop(), [TRUE[0], row])
    assert repr(row[0]) in str(refused.value)


def test_an_empty_table() -> None:
    with pytest.raises(ValueError, match="an empty table shows nothing"):
        assert_policy(shop(), [])
    with pytest.raises(ValueError, match="is not a URL; meant: 'https:"):
        assert_policy(shop(), TRUE, base_url="api.example")
