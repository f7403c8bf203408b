"""The settings of other CORS packages in an app, with or without a section of corsbp."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from sanic import Sanic
from sanic_routing.route import Route

ANY = "*"
"""Every origin, in the settings of both packages. They store the regular expression `.*` in its place."""


@dataclass(frozen=True, slots=True)
class OtherCors:
    """One setting of another CORS package: for the whole app, or for a route with its decorator."""

    package: str
    allows: str = ""
    """The allowed origins in words; "" for a decorator, which hides them."""

    route: Route | None = None


def find_other_cors(app: Sanic[Any, Any]) -> list[OtherCors]:
    """Return the settings of other CORS packages, whether the app is started or not."""
    return [*_sanic_ext(app), *_sanic_cors(app), *_decorators(app)]


def applied_sanic_ext_origins(app: Sanic[Any, Any]) -> str | None:
    """Return the origins that `app.extend()` has applied, as the user wrote them; None before that call."""
    applied = getattr(getattr(app.ctx, "cors", None), "allow_origins", None)
    return None if applied is None else _as_written(applied)


def _sanic_ext(app: Sanic[Any, Any]) -> Iterator[OtherCors]:
    """Yield what `app.extend()` has applied, or what it will apply when the app starts."""
    config = app.config
    # `app.extend()` reads the settings once: what is set later has no effect.
    allowed = applied_sanic_ext_origins(app)
    if allowed is None and _will_extend(app):
        declared = config.get("CORS_ORIGINS", "")
        if isinstance(declared, str):
            declared = declared.split(",")
        elif hasattr(declared, "pattern"):  # one regular expression
            declared = [declared]
        allowed = _as_written(declared or ())
    if allowed:
        yield OtherCors("sanic-ext", allowed)


def _will_extend(app: Sanic[Any, Any]) -> bool:
    """Return whether Sanic will load sanic-ext at startup, with its CORS."""
    config = app.config
    return bool(config.get("CORS", True) and config.get("AUTO_EXTEND", True) and find_spec("sanic_ext"))


def _sanic_cors(app: Sanic[Any, Any]) -> Iterator[OtherCors]:
    """Yield the settings of sanic-cors on the app, and on its blueprints."""
    for context in (app.ctx, *(blueprint.ctx for blueprint in app.blueprints.values())):
        for pattern, options in getattr(getattr(context, "sanic_cors", None), "resources", ()):
            allowed = _as_written(options.get("origins") or ())
            if not allowed:
                continue
            path = getattr(pattern, "pattern", pattern)
            if path not in ("/*", "/.*", ".*", ANY):
                allowed += f" on {path}"
            if options.get("supports_credentials"):
                allowed += ", with credentials"
            yield OtherCors("sanic-cors", allowed)


def _decorators(app: Sanic[Any, Any]) -> Iterator[OtherCors]:
    for route in iterate_routes(app):
        if package := _decorator_of(route):
            yield OtherCors(package, route=route)


def is_open_engine(allowed: Any) -> bool:
    """Return whether Socket.IO accepts WebSockets of every page with these `cors_allowed_origins`.

    An empty list turns its check off; None stands for its own pages.
    """
    if isinstance(allowed, (list, tuple)):
        return not allowed or ANY in allowed
    return bool(allowed == ANY)


def iterate_routes(app: Sanic[Any, Any]) -> Iterator[Route]:
    """Yield every route of an app, the routes of one path one after the other."""
    return (route for group in app.router.groups.values() for route in group.routes)


def _decorator_of(route: Route) -> str | None:
    """Return the package whose decorator is on a route's handler."""
    handler = route.handler
    if hasattr(handler, "__cors__"):
        return "sanic-ext"
    # sanic-cors leaves no mark on the handler, but the function that it returns is defined in its files.
    if inspect.isfunction(handler) and "sanic_cors" in handler.__code__.co_filename:
        return "sanic-cors"
    return None


def _as_written(origins: Iterable[Any]) -> str:
    """Join origins as the user wrote them: both packages store regular expressions."""
    texts = [f"{getattr(each, 'pattern', each)}".strip() for each in origins]
    return ", ".join(_unescape(text) for text in texts if text)


def _unescape(text: str) -> str:
    """Undo `re.escape(origin) + "$"`, which sanic-ext stores; return other expressions unchanged."""
    if text == ".*":
        return ANY
    plain = text.removesuffix("$").replace("\\", "")
    return plain if text == f"{re.escape(plain)}$" else text
