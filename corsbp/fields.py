"""The fields of a policy: the types of what may stand there, their bounds, and what they become."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypedDict

from .origins import Origins

if TYPE_CHECKING:
    from sanic import Request

OriginFunction: TypeAlias = "Callable[[str, Request], bool | Awaitable[bool]]"
"""Says whether an origin may read the answer to a request. It is only asked about valid origins."""

Star: TypeAlias = Literal["*"]

Allowed: TypeAlias = "Star | tuple[str | OriginFunction, ...] | OriginFunction"
"""Who may read the answers, as it is used."""


class Names(Protocol):
    """A collection of strings that is not itself a string: list, tuple, set, frozenset, keys …

    A string's `in` takes strings only, that of collections anything: so editors underline
    `allow_origins="https://app.example"`, which the type `Collection[str]` would let pass.
    """

    def __contains__(self, value: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...


class Entries(Protocol):
    """A collection of origins, patterns and functions, likewise."""

    def __contains__(self, value: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str | OriginFunction]: ...
    def __len__(self) -> int: ...


class Fields(TypedDict, total=False):
    """A policy's fields, as arguments."""

    allow_origins: Star | Entries | OriginFunction
    allow_credentials: bool
    allow_methods: Star | Names
    allow_headers: Star | Names
    expose_headers: Star | Names
    max_age: int | timedelta | None
    origin_timeout: float | timedelta
    check_websockets: bool
    dangerously_allow_insecure_origins: bool
    dangerously_allow_public_suffixes: bool


LONGEST_MAX_AGE = 86400
"""Seconds in a day, the most that any engine honours (Firefox)."""

CHROMIUM_MAX_AGE = 7200
"""Seconds after which Chromium asks again, whatever it was told."""

LONGEST_ORIGIN_TIMEOUT = 60.0
"""Seconds after which Sanic itself gives up a request, unless told otherwise."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Declared:
    """A policy's fields, as they are used.

    A class of its own, as jedi takes a dataclass with a constructor of its own for one without parameters.
    """

    allow_origins: Allowed
    """Who may read the answers: `"*"`, pages of any origin; or a collection of origins and patterns, compared
    byte for byte, and functions; or a function alone.

        allow_origins=["https://app.example", "https://*.example.com", "http://localhost:*"]

        allow_origins=["https://app.example", lambda origin, request: origin in request.app.ctx.partners]

    `*.` is any depth of subdomains and never the domain itself, `:*` any port or none. Functions, sync or
    async, are asked about valid origins that no entry allows, once per request, in the declared order up to
    the first True.
    """

    allow_credentials: bool
    """Whether pages may send cookies, client certificates and passwords that the browser holds, as in
    `fetch(url, {credentials: "include"})`. Needs `allow_origins` other than `"*"`.

        allow_origins=["https://app.example"], allow_credentials=True
    """

    allow_methods: Star | tuple[str, ...]
    """Methods that pages may use: `"*"`, each that the routes serve; or a collection, of which each path
    names those that it serves. Browsers need no permission for GET, HEAD and POST: an empty collection allows
    those.

        allow_methods=["GET", "PUT"]
    """

    allow_headers: Star | tuple[str, ...]
    """Request headers that pages may set: `"*"`, all of them, `authorization` included; or a collection.
    Empty: only those that browsers let through without asking.

        allow_headers=["authorization", "content-type", "x-csrf-token"]
    """

    expose_headers: Star | tuple[str, ...]
    """Response headers that pages may read besides the few that they always may; or `"*"`, all of them.

        expose_headers=["x-total-count"]
    """

    max_age: int | None
    """How long browsers may remember a preflight's answer, in whole seconds or as a timedelta: from 0, which
    turns that memory off, to 86400. None leaves the header out, and browsers then take 5 seconds.

        max_age=timedelta(hours=1)
    """

    origin_timeout: float
    """How long each async origin function may take, in seconds or as a timedelta: above 0, up to 60. Then it
    is cancelled, the next one asked, or the origin refused, and the request served. A sync function cannot be
    stopped.

        allow_origins=ask_the_database, origin_timeout=0.5
    """

    check_websockets: bool
    """Whether to refuse WebSocket handshakes from origins that are neither the server's own nor allowed:
    browsers leave that check to the server.

        allow_origins=["https://app.example"], check_websockets=False
    """

    dangerously_allow_insecure_origins: bool
    """Whether `http` origins pass together with credentials. Whoever can change such a page on its way can
    then act as its users.

        allow_origins=["http://intranet.example"], allow_credentials=True,
        dangerously_allow_insecure_origins=True
    """

    dangerously_allow_public_suffixes: bool
    """Whether wildcards for names that anyone can register pass together with credentials. Whoever registers
    one can then act as your users.

        allow_origins=["https://*.github.io"], allow_credentials=True, dangerously_allow_public_suffixes=True
    """

    _named: Origins = field(init=False, compare=False)
    _functions: tuple[OriginFunction, ...] = field(init=False, compare=False)


def name_of(function: OriginFunction) -> str:
    """A function in words."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))
