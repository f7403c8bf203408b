"""Other CORS packages in an app: which middleware is theirs, and is left out of a section."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from sanic.middleware import Middleware

from .routes import AnyMiddleware


def without_other_cors(chain: Iterable[Any]) -> list[AnyMiddleware]:
    """Return a chain without the app-wide CORS of other packages: a section has its own."""
    return [each for each in chain if other_cors_package(each) is None]


def other_cors_package(middleware: AnyMiddleware) -> str | None:
    """Return the other CORS package that a middleware of the app belongs to; None for others."""
    while isinstance(middleware, (Middleware, partial)):  # any other may have a `func` of its own
        middleware = middleware.func
    return package_of(f"{getattr(middleware, '__module__', None)}")


def package_of(module: str) -> str | None:
    """Return the other CORS package that a module belongs to, as pip names it."""
    packages = {"sanic_ext.extensions.http.cors.": "sanic-ext", "sanic_cors.": "sanic-cors"}
    return next((package for prefix, package in packages.items() if f"{module}.".startswith(prefix)), None)
