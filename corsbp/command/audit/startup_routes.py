"""Routes that exist only once the app is started: who can add them. An audit runs no listener."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import CodeType
from typing import Any, Final

from sanic import Sanic

from corsbp.command import finding_ids
from corsbp.command.finding import Finding, make_finding
from corsbp.command.source_lines import format_line, locate_handler
from corsbp.policy.fields import function_name

from .other_cors import iterate_routes

ADD_ROUTES: Final = frozenset(
    {"add_route", "add_websocket_route", "blueprint", "route", "static", "websocket"}
)
"""Methods of an app that add routes."""

WITHOUT_PATHS: Final = frozenset({"corsbp", "sanic_ext"})
"""Packages whose listeners add no path; sanic-ext's add HEAD and OPTIONS."""


def find_startup_routes(app: Sanic[Any, Any]) -> Iterator[Finding]:
    """Find what can add routes when the app starts, so that no list of routes is complete before."""
    for source in _sources(app):
        yield make_finding("info", finding_ids.ROUTES_AT_STARTUP, app.name, source=source)


def _sources(app: Sanic[Any, Any]) -> Iterator[str]:
    if _will_extend_routes(app):
        yield "sanic-ext"
    for listener in _startup_listeners(app):
        if _package_of(listener) not in WITHOUT_PATHS and _can_add_routes(listener):
            yield f"{function_name(listener)}(){format_line(locate_handler(listener))}"


def _will_extend_routes(app: Sanic[Any, Any]) -> bool:
    """Return whether Sanic will load sanic-ext at startup, with its pages, and has not done so yet."""
    config = app.config
    has_pages = config.get("OAS", True) or (config.get("HEALTH") and config.get("HEALTH_ENDPOINT"))
    if not (has_pages and config.get("AUTO_EXTEND", True) and find_spec("sanic_ext")):
        return False
    return all(_package_of(route.handler) != "sanic_ext" for route in iterate_routes(app))


def _startup_listeners(app: Sanic[Any, Any]) -> Iterator[Callable[..., object]]:
    """Yield the listeners that run before Sanic's router is complete."""
    yield from app.listeners.get("main_process_start", ())
    for group in app.signal_router.groups.values():
        for signal in group.routes:
            if signal.name == "server.init.before":  # Sanic's signal for before_server_start
                yield getattr(signal.handler, "keywords", {}).get("listener", signal.handler)


def _package_of(function: object) -> str:
    return f"{getattr(function, '__module__', '')}".partition(".")[0]


def _can_add_routes(function: Callable[..., object]) -> bool:
    """Return whether the code of a function, or of one inside, names a method that adds routes."""
    codes = [getattr(inspect.unwrap(function), "__code__", None)]
    while codes:
        code = codes.pop()
        if isinstance(code, CodeType):
            if not ADD_ROUTES.isdisjoint(code.co_names):
                return True
            codes += code.co_consts
    return False
