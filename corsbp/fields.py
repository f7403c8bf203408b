"""The fields of a policy: the types of what may stand there, and their bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypedDict

if TYPE_CHECKING:
    from sanic import Request

OriginFunction: TypeAlias = "Callable[[str, Request], bool | Awaitable[bool]]"
"""Says whether an origin may read the answer to a request. It is only asked about valid origins."""


def name_of(function: OriginFunction) -> str:
    """A function in words."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))


Star: TypeAlias = Literal["*"]


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
