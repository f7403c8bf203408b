"""Apps, groups and handlers for tests, and a whole Sanic between them."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType, SimpleNamespace
from typing import Any, Final

import pytest
import sanic_routing.router
from sanic import Blueprint, HTTPResponse, Request, Sanic, text
from sanic.touchup import TouchUp
from sanic.touchup.schemes import BaseScheme

ORIGIN = "https://app.example"
TWO = "https://two.example"
EVIL = "https://evil.example"
LISTED: dict[str, Any] = {"allow_origins": [ORIGIN, TWO]}
"""The arguments of cors_group() for a section that allows ORIGIN and TWO."""

both_touchups = pytest.mark.parametrize("touchup", [True, False])
"""Run a test with Sanic's `TOUCHUP` on and off."""

CLEANS_NAMES = not any(b"\n" in name for name, _ in text("", headers={"\r\na": "b"}).processed_headers)
"""Whether this Sanic removes line breaks from names of headers: 24.12.0, 25.3.0 and 25.12.0 do not."""

_names = itertools.count(1)
_ASGI_CALL = Sanic.__call__


def new_app(*groups: Any, **config: Any) -> Sanic:
    """Create an app with a name of its own, without sanic-ext unless `config` turns that on."""
    app = Sanic(f"app{next(_names)}")
    app.config.update(
        {"AUTO_EXTEND": False, "MOTD": False, "ACCESS_LOG": False, "USE_UVLOOP": False, **config}
    )
    for group in groups:
        app.blueprint(group)
    return app


def plain_group(*members: Any, **fields: Any) -> Any:
    """Return the group that cors_group() returns for these arguments, without CORS.

    Two apps that differ in this alone show what corsbp changes.
    """
    group = {name: fields[name] for name in ("url_prefix", "version", "name_prefix") if name in fields}
    return Blueprint.group(*(each for each in members if not isinstance(each, Sanic)), **group)


async def handler(request: Request, **_: object) -> HTTPResponse:
    """Respond with the path of the request, on any route."""
    return text(request.path)


def text_handler(words: str) -> Any:
    """Return a plain function that responds with `words`, for any route."""
    return as_handler(lambda *_, **__: text(words))


def as_handler(function: Callable[..., object]) -> Any:
    """Return a function as it is, typed as a handler or listener.

    Sanic accepts functions that are not coroutine functions; its types do not.
    """
    return function


SANIC_CALL: Final = Sanic.__call__
"""Sanic as an ASGI app: sanic-testing replaces it in the class when its ASGI client is first used."""


def restore_sanic() -> None:
    """Undo Sanic's TOUCHUP, which removes from Sanic's classes what the app that starts does not need.

    Its ASGI test client replaces `Sanic.__call__`, which no other ASGI server could call then.
    """
    Sanic.__call__ = _ASGI_CALL  # type: ignore[method-assign]
    for target, name in TouchUp._registry:
        if original := vars(target).get(f"_{name}"):  # kept there by Sanic in test mode
            setattr(target, name, original)


def patch_sanic(monkeypatch: pytest.MonkeyPatch, target: type, name: str, value: object) -> None:
    """Replace a method of one of Sanic's classes for a test.

    In test mode, TOUCHUP keeps the originals of some methods, and makes each app's methods from them:
    those have to be replaced, too, or another test decides whether the patch has an effect, and keeps it.
    """
    monkeypatch.setattr(target, name, value)
    if (target, name) in TouchUp._registry:
        monkeypatch.setattr(target, f"_{name}", value, raising=False)


def compile_routers_once() -> None:
    """Make Sanic's routers compile the same source only once in a process.

    Each app generates the source of its router anew, with sanic-ext for each route: most of it is the same.
    """
    steps = ("parse", "unparse", "fix_missing_locations")
    kept = {name: lru_cache(1000)(getattr(ast, name)) for name in steps}
    routers: Any = sanic_routing.router
    routers.ast = SimpleNamespace(**{**vars(ast), **kept})
    routers.compile = lru_cache(1000)(compile)


def touch_up_once() -> None:
    """Make Sanic's TOUCHUP compile a method only once in a process, for the same signals and servers.

    At each start of an app, it reads nine methods, and compiles them without what this app does not need.
    That is half of the time of many tests. Servers in processes of their own run Sanic as it is.
    """
    build: Any = BaseScheme.build
    kept: dict[tuple[object, ...], Any] = {}

    def build_once(method: Any, module_globals: dict[str, Any], app: Sanic) -> Any:
        for scheme in BaseScheme._registry:
            scheme(app)  # it gives the app the signals of other apps
        signals = frozenset(signal.name for signal in app.signal_router.routes)
        servers = [(info.settings["version"], info.settings["port"]) for info in app.state.server_info]
        # the ports are written into a header where there is HTTP/1 and HTTP/3
        versions = {version for version, _ in servers}
        key = method, signals, *(versions if len(versions) == 1 else servers)
        if key not in kept:
            kept[key] = build(method, module_globals, app)
        found = kept[key]
        made = FunctionType(found.__code__, module_globals, found.__name__, found.__defaults__)
        made.__kwdefaults__ = found.__kwdefaults__
        return made

    BaseScheme.build = build_once  # type: ignore[method-assign]  # of Sanic's, for all tests
