"""One method of a route that gets requests, and the facts that its responses show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from corsbp.app.inventory import RouteInfo
from corsbp.testing import Answer, Sent
from corsbp.testing.urls import parse_url

from .snapshot import Entry

UNKNOWN_ORIGIN: Final = "https://unknown.example"
"""The origin of a page that no policy names."""

NO_WRITER: Final = "none"
"""The column "CORS by" of a method whose responses have no CORS headers."""

NO_CHECK: Final = "no check"
"""The same of a WebSocket that a page of any origin can open."""


def describe_origin(origin: str) -> str:
    """Return the origin; in words if it is the one that no policy names."""
    return "an unknown origin" if origin == UNKNOWN_ORIGIN else origin


@dataclass(frozen=True, slots=True)
class Target:
    """One method of a route, and the URL that gets the requests."""

    route: RouteInfo
    method: str
    url: str

    @property
    def key(self) -> str:
        """The name of the method in snapshots."""
        return f"{self.method} {self.route.host or ''}{self.route.path}"

    def is_own_page(self, origin: str) -> bool:
        """Return whether pages of an origin are those of the same server, which need no CORS."""
        url = parse_url(self.url)
        return url is not None and url.origin == origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMethod:
    """The facts that the responses of one method of a route show."""

    target: Target
    writer: str
    """The code that wrote the CORS headers of the responses, in words."""

    grants: Mapping[str, Entry | None]
    """By origin, what its pages may do; None for nothing."""

    status: int | None
    """The status for the first origin: of GET, otherwise of the preflight."""

    blocked: Mapping[str, str]
    """By origin, the check that stops its pages: an id of `STOPS`."""

    exchanges: tuple[tuple[Sent, Answer], ...] = ()
    """Each request with its response."""

    own_pages: Sequence[str] = ()
    """The origin of the server itself, if it was among the origins: its pages need no CORS."""

    no_response: str | None = None
    """Why there is no response, if there is none."""

    @property
    def route(self) -> RouteInfo:
        """The route."""
        return self.target.route

    @property
    def method(self) -> str:
        """The method."""
        return self.target.method

    @property
    def key(self) -> str:
        """The name of the method in snapshots."""
        return self.target.key
