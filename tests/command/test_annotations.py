"""`--format github`: findings and changes as annotations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest
from sanic import Blueprint, Sanic, text

from corsbp import CorsPolicy, cors_group
from corsbp.command.audit.annotations import format_annotation

from ..support import ORIGIN, TWO, new_app


async def handler(*_: object, **__: object) -> Any:
    return text("here")


HANDLER = cast(Any, handler).__code__.co_firstlineno
FILE = "tests/command/test_annotations.py"


def make_app(*origins: str, **options: Any) -> Sanic:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", methods=["GET", "PUT"], name="item", **options)
    bp.add_websocket_route(handler, "/ws", name="ws")
    return new_app(cors_group(bp, allow_origins=origins, check_websockets=False))


GROUP = cast(Any, make_app).__code__.co_firstlineno + 4


@pytest.mark.parametrize(
    ("level", "line", "expected"),
    [
        ("error", None, "::error title=a%3Ab%2Cc::x%25%0Ay: z, w"),
        (
            "warning",
            "/srv/shop.py:12",
            f"::warning file={os.path.relpath('/srv/shop.py')},line=12,title=a%3Ab%2Cc::",
        ),
        ("info", None, "::notice title="),
    ],
)
def test_format(level: Any, line: str | None, expected: str) -> None:
    assert format_annotation(level, "a:b,c", "x%\ny: z, w", line).startswith(expected)


def test_findings(audit: Any) -> None:
    """At the line of the section, or of the route."""
    app = make_app("http://a.example")
    app.add_route(handler, "/web", name="web")
    _, out, _ = audit(app, "--format", "github")
    assert out.splitlines() == [
        f"::warning file={FILE},line={GROUP},title=corsbp insecure-origin::cors_group(api): http://a.example",
        f"::warning file={FILE},line={HANDLER},title=corsbp websocket-unchecked::WebSocket /api/ws: "
        "check_websockets=False: pages of every site can open it",
    ]


def test_findings_of_an_app_that_does_not_start(audit: Any) -> None:
    _, out, _ = audit(make_app(ORIGIN, ctx_cors=True), "--format", "github")
    assert out.startswith("::error title=corsbp ctx-cors-invalid::GET,PUT /api/item: ctx_cors=True at ")


def test_changes(audit: Any, tmp_path: Path) -> None:
    file = tmp_path / "cors.json"
    audit(make_app(ORIGIN), "--snapshot", str(file))
    status, out, _ = audit(make_app(TWO), "--check", str(file), "--format", "github")
    where = f"file={FILE},line={HANDLER},title=corsbp audit"
    assert status == 1
    assert f"::error {where}::GET /api/item: now also {TWO}\n" in out
    assert f"::notice {where}::GET /api/item: no longer {ORIGIN}\n" in out


def test_json_has_the_changes(audit: Any, tmp_path: Path) -> None:
    file = tmp_path / "cors.json"
    audit(make_app(ORIGIN), "--snapshot", str(file))
    _, out, _ = audit(make_app(TWO), "--check", str(file), "--json")
    assert f'"text": "now also {TWO}",\n      "wider": true' in out


def test_hosts_and_installed_handlers(audit: Any) -> None:
    """A route with a host is found with it and without it; static files have no line."""
    bp = Blueprint("api")
    bp.add_route(
        handler, "/item", name="item", host="a.example", ctx_cors=CorsPolicy(allow_origins=["http://a.b"])
    )
    files = Blueprint("files")
    files.static("/file", __file__, name="file")
    app = new_app(cors_group(bp, allow_origins=[ORIGIN]), cors_group(files, allow_origins=["http://c.d"]))
    _, out, _ = audit(app, "--format", "github")
    assert (
        f"::warning file={FILE},line={HANDLER},title=corsbp insecure-origin::GET /item: http://a.b\n" in out
    )
    assert ",title=corsbp insecure-origin::cors_group(files): http://c.d\n" in out
