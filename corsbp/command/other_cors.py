"""What other packages for CORS are set to in an app, with or without a section of corsbp."""

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
"""What both packages take for every origin, and keep as the expression `.*`."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A package, and what it lets in; `route` is one with its decorator, else it is app-wide."""

    package: str
    allows: str = ""
    route: Route | None = None


def neighbours(app: Sanic[Any, Any]) -> list[Neighbour]:
    """The packages that have a say in an app, whether it runs already or not."""
    return [*_sanic_ext(app), *_sanic_cors(app), *_decorated(app)]


def settled_by_sanic_ext(app: Sanic[Any, Any]) -> str | None:
    """What `app.extend()` has settled on, in the user's own writing; None before it was called."""
    settled = getattr(getattr(app.ctx, "cors", None), "allow_origins", None)
    return None if settled is None else _as_written(settled)


def _sanic_ext(app: Sanic[Any, Any]) -> Iterator[Neighbour]:
    """As settled in `app.extend()`, or as it will be settled when the app starts."""
    allowed, config = settled_by_sanic_ext(app), app.config
    extends = config.get("CORS", True) and config.get("AUTO_EXTEND", True) and find_spec("sanic_ext")
    if allowed is None and extends:
        declared = config.get("CORS_ORIGINS", "")
        allowed = _as_written([declared] if hasattr(declared, "pattern") else _split(declared))
    if allowed:
        yield Neighbour("sanic-ext", allowed)


def _sanic_cors(app: Sanic[Any, Any]) -> Iterator[Neighbour]:
    """As it is set on the app, or on blueprints of it."""
    contexts = [app.ctx, *(blueprint.ctx for blueprint in app.blueprints.values())]
    set_on = [getattr(each, "sanic_cors", None) for each in contexts]
    for pattern, options in (pair for each in set_on for pair in getattr(each, "resources", ())):
        path = getattr(pattern, "pattern", pattern)
        where = "" if path in ("/*", "/.*", ".*", ANY) else f" on {path}"
        if allowed := _as_written(options.get("origins") or ()):
            credentials = ", with credentials" if options.get("supports_credentials") else ""
            yield Neighbour("sanic-cors", f"{allowed}{where}{credentials}")


def _decorated(app: Sanic[Any, Any]) -> Iterator[Neighbour]:
    for route in routes(app):
        if package := decorator_of(route):
            yield Neighbour(package, route=route)


def routes(app: Sanic[Any, Any]) -> Iterator[Route]:
    """Every route of an app, those of one path after each other."""
    return (route for group in app.router.groups.values() for route in group.routes)


def decorator_of(route: Route) -> str | None:
    """The package whose decorator is on a route's handler."""
    handler = route.handler
    if hasattr(handler, "__cors__"):
        return "sanic-ext"
    # sanic-cors leaves no mark on what it wraps, but the code that runs is its own
    if inspect.isfunction(handler) and "sanic_cors" in handler.__code__.co_filename:
        return "sanic-cors"
    return None


def _split(declared: Any) -> Iterable[Any]:
    return declared.split(",") if isinstance(declared, str) else declared or ()


def _as_written(origins: Iterable[Any]) -> str:
    """Origins as their user wrote them: sanic-ext and sanic-cors make expressions of them."""
    texts = (f"{getattr(each, 'pattern', each)}".strip() for each in origins)
    return ", ".join(ANY if text == ".*" else _unescaped(text) for text in texts if text)


def _unescaped(text: str) -> str:
    """Undo `re.escape(origin) + "$"`, as sanic-ext does; what is another expression stays as it is."""
    plain = text.removesuffix("$").replace("\\", "")
    return plain if text == f"{re.escape(plain)}$" else text
