"""What the page is about, and what it can ask."""

from __future__ import annotations

import argparse
import json
import secrets
import socket
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_policies, list_routes
from corsbp.command.advice import place_of
from corsbp.policy.policy import origin_entries
from corsbp.spec.fetch import sort_methods

from .reasons import Reasons
from .watching import Watch

HERE: Final = "127.0.0.1"
FOLDER: Final = Path(__file__).parent
DOCUMENTATION: Final = {"openapi", "openapi2", "openapi3", "swagger", "redoc"}
"""What extensions call the blueprints of the documentation that they make of an app."""
MOST_NAMED: Final = 20
"""Origins of policies that the page offers."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the page is about, and what it can ask."""

    own: str
    origins: Mapping[str, str]
    """Those that it has frames of, each with a word on it."""

    named: list[str]
    """Those that the app's policies name: of them it has none, and calls are simulated."""

    routes: list[dict[str, Any]]
    reasons: Reasons
    token: str = field(default_factory=partial(secrets.token_urlsafe, 16))
    shown: deque[str] = field(default_factory=partial(deque, maxlen=100))
    """What it showed of calls that ran by themselves: for tests, which cannot look into it."""

    @classmethod
    def of(
        cls, app: Sanic[Any, Any], sockets: list[socket.socket], arguments: argparse.Namespace, watch: Watch
    ) -> Page:
        """The page for an app that is being served."""
        ours, first, second = (sock.getsockname()[1] for sock in sockets)
        own = origin_of(HERE, first)
        origins = {
            own: "this page" + (", let in" if arguments.allow else ""),
            origin_of("localhost", first): "other name",
            origin_of("shop.localhost", first): "subdomain",
            origin_of(HERE, second): "other port",
            "null": "sandboxed frame",
        }
        served, at = list_routes(app), origin_of(HERE, ours)
        reasons = Reasons(at, own, origins, arguments.allow, arguments.target, partial(place_of, app), watch)
        return cls(own, origins, pages_of(served, origins), rows(served), reasons)

    @property
    def app(self) -> str:
        """Where the app is."""
        return self.reasons.app

    @property
    def hosts(self) -> set[str]:
        """What browsers that mean these servers say in Host: a name that was made to lead here is none."""
        return {origin.partition("://")[2] for origin in self.origins if origin != "null"}

    def about(self) -> dict[str, Any]:
        """What the page asks for as it begins."""
        names = [{"origin": origin, "word": word} for origin, word in self.origins.items()]
        about = {"target": self.reasons.target, "app": self.app, "routes": self.routes}
        return about | {"origins": names, "named": self.named}

    def html(self) -> tuple[str, str]:
        """The page, and its Content-Security-Policy: its own code, frames of its origins, nothing else."""
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
            f"frame-src {' '.join(sorted(self.origins.keys() - {'null'}))}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return file_text("page.html").replace("{{token}}", self.token), policy

    def frame(self) -> tuple[str, str]:
        """A frame of another origin: it calls whom it is told to, by the page and nobody else."""
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src *; frame-ancestors {self.own}; "
            "base-uri 'none'; form-action 'none'"
        )
        text = file_text("frame.html").replace("{{nonce}}", nonce)
        return text.replace("{{around}}", json.dumps(self.own)), policy


def file_text(name: str) -> str:
    """One of the files that the page is made of."""
    return (FOLDER / name).read_text(encoding="utf-8")


def pages_of(served: Iterable[RouteInfo], known: Iterable[str]) -> list[str]:
    """Pages that policies let in, but those that are known; of a pattern, one that it allows."""
    entries = (entry for policy in list_policies(served) for entry in origin_entries(policy))
    pages = (entry.replace("://*.", "://any.").removesuffix(":*") for entry in entries)
    return [page for page in dict.fromkeys(pages) if page not in known][:MOST_NAMED]


def rows(served: list[RouteInfo]) -> list[dict[str, Any]]:
    """The routes for the page: what differs in nothing but the method is one; what is nobody's comes last."""
    found: dict[Any, set[str]] = {}
    for route in sorted(served, key=lambda each: each.whose is None):
        if route.name.endswith(("_head", "_options")) and {*route.methods} <= {"HEAD", "OPTIONS"}:
            continue  # which sanic-ext adds to every path
        policy = repr(route.policy) if route.policy else None
        folded = route.policy is None and route.blueprint in DOCUMENTATION
        row = (route.path, route.example, route.host, route.whose, policy, route.websocket, folded)
        found.setdefault(row, set()).update(route.methods)
    names = ("path", "example", "host", "section", "policy", "websocket", "documentation")
    return [
        {**dict(zip(names, row, strict=True)), "methods": sort_methods(methods)}
        for row, methods in found.items()
    ]


def origin_of(host: str, port: int) -> str:
    """An origin as browsers write it."""
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"
