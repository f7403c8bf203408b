"""The methods, paths and URLs of an app that an audit sends requests to."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_prefixes, list_routes
from corsbp.command.errors import CommandError

from .observed_method import Target
from .snapshot import NO_ROUTE

HOST: Final = "api.example"
"""The host of an app in memory, for the browser, if the route does not name a host."""


def parse_queries(options: Iterable[str]) -> dict[str, str]:
    """Parse `--query PATH=QUERY`: `/socket.io=EIO=4`.

    Raises:
        CommandError: an option has another form.
    """
    queries = {}
    for option in options:
        path, equals, query = option.partition("=")
        if not (path.startswith("/") and equals and query):
            raise CommandError(f"--query takes PATH=QUERY, as in /socket.io=EIO=4, not {option!r}")
        queries[path] = query
    return queries


def list_targets(
    app: Sanic[Any, Any],
    leave_out: Sequence[str] = (),
    queries: dict[str, str] | None = None,
    base_url: str | None = None,
) -> list[Target]:
    """List what gets requests: each method of each route, and a path without a route below each prefix.

    Args:
        leave_out: paths of routes that get no request; `*` stands for any text: `"/docs*"`.
        queries: by path, with `*` as above, the query of its requests.
        base_url: where a deployment is, without routes of other hosts; without it, the app is in memory.

    Raises:
        CommandError: no route has the path of a query.
    """
    targets = []
    host = urlsplit(base_url or "")
    unused = dict(queries or {})
    for route in [*list_routes(app), *_missing_paths(app)]:
        if any(fnmatchcase(route.path, pattern) for pattern in leave_out) or route.example is None:
            continue
        # A proxy routes by Host: the requests would reach another app, or none.
        if base_url and route.host and route.host not in (host.hostname, host.netloc):
            continue
        query = ""
        for pattern, value in (queries or {}).items():
            if fnmatchcase(route.path.rstrip("/"), pattern.rstrip("/")):
                query = f"?{value}"
                unused.pop(pattern, None)
        address = base_url or f"https://{route.host or HOST}"
        targets += [Target(route, method, f"{address}{route.example}{query}") for method in _methods(route)]
    # A typing error in a path would leave its route without the query, and look like a result.
    if unused:
        raise CommandError(f"--query: no route has the path {next(iter(unused))}")
    return targets


def _methods(route: RouteInfo) -> Iterable[str]:
    """Return the methods of a route without HEAD and OPTIONS, which follow from GET."""
    if route.websocket:
        return ["WebSocket"]
    return [method for method in route.methods if method not in ("HEAD", "OPTIONS")]


def _missing_paths(app: Sanic[Any, Any]) -> Iterator[RouteInfo]:
    """Yield a path that no route has, at the root and below each prefix: pages should see these 404."""
    # Random: a fixed name would become a path that some cache or firewall knows.
    name = f"corsbp-{secrets.token_hex(16)}"
    for host, prefix in list_prefixes(app):
        yield RouteInfo(
            path=f"{prefix}/{NO_ROUTE}",
            methods=("GET",),
            host=host,
            name="",
            section=None,
            policy=None,
            example=f"{prefix}/{name}",
        )
