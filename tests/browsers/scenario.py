"""Scenarios: the calls of one page, and the responses of each address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Kind: TypeAlias = Literal[
    "fetch", "stream", "upload", "socket", "beacon", "form", "image", "script", "navigate"
]

ADDRESSES = {"home": "app", "api": "other", "third": "stranger", "shop": "shop"}
"""The origins of the harness by their names here: the page's own, one of its site, two of other sites."""
NAMES = {"home": "shop", "api": "inner", "third": "stranger", "shop": "app"}
"""The same for a page whose host has a name, with a domain that somebody could register."""


@dataclass(frozen=True)
class Reply:
    """A response.

    In headers, `{origin}` is the page's; `{home}`, `{api}`, `{third}` and `{shop}` are hosts with the run's
    `{folder}`; `{port}` and `{number}` are parts of those.
    """

    headers: Pairs = ()
    status: int = 200
    body: str = "text"  # a stream of events sends it at once, and never ends


@dataclass(frozen=True)
class Route:
    """The responses of one address: each reply once in its order, and the last one from then on."""

    replies: tuple[Reply, ...]
    preflights: tuple[Reply, ...] = ()


@dataclass(frozen=True)
class Call:
    """One call of a page: `fetch()` with these arguments, or another kind of call.

    "stream" reads only what comes at first; "upload" is an XMLHttpRequest with a listener on its upload.
    """

    to: str = "api/a"
    method: str = "GET"
    headers: Pairs = ()
    body: str | None = None
    credentials: Literal["omit", "same-origin", "include"] = "same-origin"
    mode: Literal["cors", "no-cors", "same-origin"] = "cors"
    redirect: Literal["follow", "error", "manual"] = "follow"
    kind: Kind = "fetch"
    content_type: str | None = None
    crossorigin: Literal["anonymous", "use-credentials"] | None = None


OPEN_HEADERS: Pairs = (
    ("access-control-allow-origin", "{origin}"),
    ("access-control-allow-credentials", "true"),
)
OPEN = Route(
    (Reply(OPEN_HEADERS),),
    (
        Reply(
            (
                *OPEN_HEADERS,
                ("access-control-allow-methods", "PUT, PATCH, DELETE, patch"),
                ("access-control-allow-headers", "authorization, content-type, x-one, x-two"),
            ),
            status=204,
        ),
    ),
)
"""The responses of an address that a scenario does not name: they allow the page's origin everything."""


@dataclass(frozen=True)
class Scenario:
    """Calls of one page, one after another, and the responses of each address."""

    name: str
    calls: tuple[Call, ...]
    routes: Mapping[str, Route] = field(default_factory=dict)
    cookie: bool = False  # there is one for the hosts "home" and "api"
    visits: Pairs = ()  # before: hosts whose own pages get such a Set-Cookie line
    metadata: bool = False  # the headers that browsers set by themselves are compared too
    opaque: bool = False  # the page is a sandboxed frame
    named: bool = False  # the page's host has a name
    require_corp: bool = False  # the page is a frame with Cross-Origin-Embedder-Policy: require-corp

    @property
    def hosts(self) -> Mapping[str, str]:
        return NAMES if self.named else ADDRESSES


@dataclass(frozen=True)
class Outcome:
    """The outcome of a scenario: what the page saw of each call, and a line for each request."""

    seen: list[object]
    logged: list[str]
