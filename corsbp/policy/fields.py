"""The fields of a policy: the types of what may stand there, their bounds, and what they become."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypedDict, TypeVar

from ..spec.origins import OriginSet

if TYPE_CHECKING:
    from sanic import Request

OriginFunction: TypeAlias = "Callable[[str, Request], bool | Awaitable[bool]]"
"""Says whether an origin may read the answer to a request. It is only asked about valid origins."""

Star: TypeAlias = Literal["*"]

AllowOrigins: TypeAlias = "Star | tuple[str | OriginFunction, ...] | OriginFunction"
"""Who may read the answers, as it is used."""


Item_co = TypeVar("Item_co", covariant=True)


class NonStringCollection(Protocol[Item_co]):
    """A collection that is not itself a string: list, tuple, set, frozenset, keys …

    A string's `in` takes strings only, that of collections anything: so editors underline
    `allow_origins="https://app.example"`, which the type `Collection[str]` would let pass.
    """

    def __contains__(self, value: object, /) -> bool: ...
    def __iter__(self) -> Iterator[Item_co]: ...
    def __len__(self) -> int: ...


Names: TypeAlias = NonStringCollection[str]
Entries: TypeAlias = "NonStringCollection[str | OriginFunction]"


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
class PolicyFields:
    """A policy's fields, as they are used.

    A class of its own, as jedi takes a dataclass with a constructor of its own for one without parameters.
    """

    allow_origins: AllowOrigins
    """Who may read the answers: `"*"`; or origins, patterns and functions `(origin, request) -> bool`.

        allow_origins=["https://app.example", "https://*.example.com", "http://localhost:*", ask_the_database]
    """

    allow_credentials: bool
    """Whether pages may send cookies, client certificates and passwords that the browser holds.

        allow_origins=["https://app.example"], allow_credentials=True
    """

    allow_methods: Star | tuple[str, ...]
    """Methods that pages may use: `"*"`, each that the routes serve; or which of those.

        allow_methods=["GET", "PUT"]
    """

    allow_headers: Star | tuple[str, ...]
    """Request headers that pages may set: `"*"`, all of them, `authorization` included; or which.

        allow_headers=["authorization", "content-type", "x-csrf-token"]
    """

    expose_headers: Star | tuple[str, ...]
    """Response headers that pages may read besides the few that they always may; or `"*"`, all of them.

        expose_headers=["x-total-count"]
    """

    max_age: int | None
    """Seconds that browsers may remember a preflight's answer; None leaves it to them.

        max_age=timedelta(hours=1)
    """

    origin_timeout: float
    """Seconds that each async origin function may take. Then it is cancelled, and the next one asked.

        allow_origins=ask_the_database, origin_timeout=0.5
    """

    check_websockets: bool
    """Whether WebSocket handshakes are refused whose origin is neither the server's own nor allowed.

        allow_origins=["https://app.example"], check_websockets=False
    """

    dangerously_allow_insecure_origins: bool
    """Whether `http` origins other than localhost pass together with credentials.

        allow_origins=["http://intranet.example"], allow_credentials=True,
        dangerously_allow_insecure_origins=True
    """

    dangerously_allow_public_suffixes: bool
    """Whether wildcards for names that anyone can register pass together with credentials.

        allow_origins=["https://*.github.io"], allow_credentials=True, dangerously_allow_public_suffixes=True
    """

    _named: OriginSet = field(init=False, compare=False)
    _functions: tuple[OriginFunction, ...] = field(init=False, compare=False)


def to_seconds(value: object) -> float | None:
    """Seconds, given as a number or as a timedelta; None for everything else."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return seconds if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


def function_name(function: OriginFunction) -> str:
    """A function in words."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))
