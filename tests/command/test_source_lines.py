"""Files and lines of the app's own code."""

from __future__ import annotations

import functools
from typing import Any, cast

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, text
from sanic.views import HTTPMethodView

from corsbp.command.source_lines import format_line, locate_error, locate_handler

from ..support import new_app


def decorate(handler: Any) -> Any:
    @functools.wraps(handler)
    def wrapped(*args: Any, **named: Any) -> Any:
        return handler(*args, **named)

    return wrapped


def make_app() -> tuple[Sanic, dict[str, int]]:
    """Make an app, and the lines at which its routes are declared."""
    bp = Blueprint("api")

    @bp.get("/plain", name="plain")
    async def plain(_: Request) -> HTTPResponse:
        return text("")

    @bp.get("/decorated", name="decorated")
    @decorate
    async def decorated(_: Request) -> HTTPResponse:
        return text("")

    class View(HTTPMethodView):
        attribute = "not a method"

        async def get(self, _: Request) -> HTTPResponse:
            return text("")

    bp.add_route(View.as_view(), "/view", name="view")
    app = new_app(bp)
    app.static("/file", __file__, name="file")
    plain_line = cast(Any, plain).__code__.co_firstlineno
    lines = {"plain": plain_line, "decorated": plain_line + 4, "view": plain_line + 12}
    return app, lines


def test_handlers() -> None:
    """The first decorator's line, also of a decorated handler; none for a handler of Sanic's own."""
    app, lines = make_app()
    found = {
        route.name.rpartition(".")[2]: locate_handler(route.handler)
        for group in app.router.groups.values()
        for route in group.routes
    }
    assert found.pop("file") is None
    assert found == {name: f"{__file__}:{line}" for name, line in lines.items()}
    assert format_line(found["plain"]) == f" at tests/command/test_source_lines.py:{lines['plain']}"
    assert locate_handler(object()) is None and format_line(None) == ""


def test_errors() -> None:
    """The app's last line, even if an installed package raises; "" without any line."""
    with pytest.raises(TypeError) as caught:
        Sanic("x", nonsense=1)  # type: ignore[call-overload]  # which is the point
    line = caught.tb.tb_lineno
    assert locate_error(caught.value) == f"tests/command/test_source_lines.py, line {line}"
    assert locate_error(ValueError("never raised")) == ""
