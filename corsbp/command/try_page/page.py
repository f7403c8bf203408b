"""The page of `corsbp try`: its origins, its routes, its HTML."""

from __future__ import annotations

import argparse
import json
import secrets
import socket
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_policies, list_routes
from corsbp.command.audit.declared_policies import describe_policy, describe_websocket_policy
from corsbp.command.route_match import match_url
from corsbp.policy.policy import origin_entries
from corsbp.spec.fetch import sort_methods

from .reasons import Reasons
from .watching import Watch

HOST: Final = "127.0.0.1"
FOLDER: Final = Path(__file__).parent

DOCUMENTATION: Final = {"openapi", "openapi2", "openapi3", "swagger", "redoc"}
"""Names of blueprints that extensions add for the documentation of an app."""

MAX_SIMULATED: Final = 20
"""Origins of policies that the page offers."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page, for one app that is being served."""

    own_origin: str
    origins: Mapping[str, str]
    """Origins that this machine can have, which the page has frames of, each with a word about it."""

    simulated: list[str]
    """Origins that the app's policies name and this machine cannot have."""

    routes: list[dict[str, Any]]
    reasons: Reasons
    token: str = field(default_factory=partial(secrets.token_urlsafe, 16))
    shown: deque[str] = field(default_factory=partial(deque, maxlen=100))
    """What the page showed of calls that a link started: for tests, which have no driver to read the page."""

    @classmethod
    def for_app(
        cls,
        app: Sanic[Any, Any],
        sockets: Sequence[socket.socket],
        arguments: argparse.Namespace,
        watch: Watch,
    ) -> Page:
        """Make the page; `sockets` are that of the app and the two of the page."""
        app_port, page_port, other_port = (sock.getsockname()[1] for sock in sockets)
        own_origin = make_origin(HOST, page_port)
        origins = {
            own_origin: "this page, allowed" if arguments.allow else "this page",
            # Each of these names leads to this machine, and each is another origin for a browser.
            make_origin("localhost", page_port): "other name",
            make_origin("shop.localhost", page_port): "subdomain",
            make_origin(HOST, other_port): "other port",
            "null": "sandboxed frame",
        }
        routes = list_routes(app)
        reasons = Reasons(
            app=make_origin(HOST, app_port),
            own_origin=own_origin,
            origins=origins,
            allow=arguments.allow,
            target=arguments.target,
            match=partial(match_url, app),
            watch=watch,
        )
        return cls(own_origin, origins, list_simulated(routes, origins), list_rows(routes), reasons)

    @property
    def app(self) -> str:
        """The origin of the app."""
        return self.reasons.app

    @property
    def hosts(self) -> set[str]:
        """The values of Host that these servers accept: another site's name can be made to lead here."""
        return {origin.partition("://")[2] for origin in self.origins if origin != "null"}

    def about(self) -> dict[str, Any]:
        """Return what the page needs as it begins."""
        return {
            "target": self.reasons.target,
            "app": self.app,
            "routes": self.routes,
            "origins": [{"origin": origin, "word": word} for origin, word in self.origins.items()],
            "named": self.simulated,
        }

    def html(self) -> tuple[str, str]:
        """Return the page, and its Content-Security-Policy: its own code, and frames of its origins."""
        frames = sorted(self.origins.keys() - {"null"})
        # The page shows what an app sends. If some of it became markup, it could still load and send nothing.
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
            f"frame-src {' '.join(frames)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return read_file("page.html").replace("{{token}}", self.token), policy

    def frame(self) -> tuple[str, str]:
        """Return a frame of another origin, and its policy: only the page can give it calls."""
        # A frame of another origin runs the call: only the page around it may choose the call.
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src *; "
            f"frame-ancestors {self.own_origin}; base-uri 'none'; form-action 'none'"
        )
        text = read_file("frame.html").replace("{{nonce}}", nonce)
        return text.replace("{{around}}", json.dumps(self.own_origin)), policy


def read_file(name: str) -> str:
    """Return a file of the page."""
    return (FOLDER / name).read_text(encoding="utf-8")


def list_simulated(routes: Iterable[RouteInfo], known: Iterable[str]) -> list[str]:
    """Return origins that policies allow, except those that are known; for a pattern, one that it covers."""
    entries = (entry for policy in list_policies(routes) for entry in origin_entries(policy))
    origins = (entry.replace("://*.", "://any.").removesuffix(":*") for entry in entries)
    return [origin for origin in dict.fromkeys(origins) if origin not in known][:MAX_SIMULATED]


def list_rows(routes: Iterable[RouteInfo]) -> list[dict[str, Any]]:
    """Return the routes as the page lists them: one row for several methods, those without CORS last."""
    columns = ("path", "example", "host", "section", "policy", "own", "websocket", "documentation")
    methods_by_row: dict[tuple[Any, ...], set[str]] = {}
    for route in sorted(routes, key=lambda each: each.policy_source is None):
        # Two rows more for each path, which nobody has written.
        if _is_added_by_sanic_ext(route):
            continue
        describe = describe_websocket_policy if route.websocket else describe_policy
        policy = describe(route.policy) if route.policy else None
        is_documentation = route.policy is None and route.blueprint in DOCUMENTATION
        row = (route.path, route.example, route.host, route.policy_source, policy, route.has_own_policy)
        methods = methods_by_row.setdefault((*row, route.websocket, is_documentation), set())
        methods.update(route.methods)
    return [
        {**dict(zip(columns, row, strict=True)), "methods": sort_methods(methods)}
        for row, methods in methods_by_row.items()
    ]


def _is_added_by_sanic_ext(route: RouteInfo) -> bool:
    """Return whether it is one of the HEAD and OPTIONS routes that sanic-ext adds to every path."""
    return route.name.endswith(("_head", "_options")) and {*route.methods} <= {"HEAD", "OPTIONS"}


def make_origin(host: str, port: int) -> str:
    """Return an http origin as browsers write it: without the default port."""
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"
