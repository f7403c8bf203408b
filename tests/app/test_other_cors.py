"""The middleware of other CORS packages in the same app."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

import pytest
from sanic import Blueprint, Request
from sanic.middleware import Middleware, MiddlewareLocation
from sanic.response import BaseHTTPResponse, HTTPResponse

from corsbp import CorsPolicyWarning, cors_group

from ..support import EVIL, PUBLIC, Expectation, expect, new_app, request, send, text_handler
from .startup.test_startup_checks import bp_of, seen


def test_sanic_cors_in_the_same_app_is_a_warning() -> None:
    """sanic-cors cannot be installed beside this Sanic: its middleware is recognised by its module."""
    bp = Blueprint("bp", url_prefix="/api")
    bp.add_route(text_handler("item"), "/item", name="item")

    def add_headers(_: Request, response: BaseHTTPResponse) -> None:
        response.headers["access-control-allow-origin"] = EVIL
        response.headers["vary"] = "Origin"

    add_headers.__module__ = "sanic_cors.extension"
    app = new_app(cors_group(bp))
    app.middleware(add_headers, "response")
    app.add_route(text_handler("web"), "/web", name="web")
    rows: dict[str, Expectation] = {
        "inside": (request("GET", "/api/item"), 200, PUBLIC),
        "outside": (request("GET", "/web"), 200, {"access-control-allow-origin": EVIL, "vary": "Origin"}),
    }
    with pytest.warns(CorsPolicyWarning, match="two-layers"):
        expect(app, rows)


# --- other CORS packages ---------------------------------------------------------------------------


def as_sanic_cors(middleware: Any) -> Middleware:
    return Middleware(update_wrapper(partial(middleware), middleware), MiddlewareLocation.RESPONSE)


def of_module(module: str) -> Callable[[Request, HTTPResponse], None]:
    def middleware(_: Request, __: HTTPResponse) -> None:
        pass

    middleware.__module__ = module
    return middleware


ATTACH: dict[str, Callable[[Any, Any], object]] = {
    "app": lambda app, middleware: app.on_response(middleware),
    "decorator": lambda app, middleware: app.middleware("response")(middleware),
    "register": lambda app, middleware: app.register_middleware(middleware, "response"),
    # as sanic-cors 2.2 attaches it, to an app and to a blueprint
    "appended": lambda app, middleware: app.response_middleware.append(as_sanic_cors(middleware)),
    "named": lambda app, middleware: app.register_named_middleware(
        as_sanic_cors(middleware), [route.name for route in app.router.routes], "response"
    ),
}


@pytest.mark.parametrize("how", ATTACH)
@pytest.mark.parametrize(
    ("module", "found"),
    [
        ("sanic_cors.extension", True),
        ("sanic_cors.core", True),
        ("sanic_cors", True),
        ("my_sanic_cors", False),
        ("sanic_corsair.extension", False),
        ("sanic_ext.extensions.http.cors", False),
        ("tests", False),
    ],
)
def test_middleware_of_another_cors_package_is_a_warning(how: str, module: str, found: bool) -> None:
    """Only if it decides for a route in no section."""
    app = new_app(cors_group(bp_of("a", "GET")))
    ATTACH[how](app, of_module(module))
    assert seen(app) == set()
    app = new_app(cors_group(bp_of("a", "GET")), bp_of("web", "GET"))
    ATTACH[how](app, of_module(module))
    assert seen(app) == ({("two-layers", "cors_group", app.name)} if found else set())


class WithFunction:
    """Middleware of the user's that has a `func` of its own, as mocks have each attribute."""

    def __init__(self) -> None:
        self.func = of_module("sanic_cors.core")

    def __call__(self, _: Request, response: BaseHTTPResponse) -> None:
        response.headers["x-called"] = "1"


def test_middleware_with_a_function_of_its_own_is_the_user_s() -> None:
    app = new_app(cors_group(bp_of("a", "GET")))
    app.register_middleware(WithFunction(), "response")
    (response,) = send(app, request("GET", "/a/item"))
    assert response["x-called"] == "1"
