"""The fields of a policy: the types of their values, as declared and as used, and their bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Set, ValuesView
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar

from ..spec.wildcards import OriginSet

if TYPE_CHECKING:
    from sanic import Request

# `Request[Any, Any]`: a function for the requests of the app's own `Sanic[MyConfig, MyContext]` is one, too.
OriginFunction: TypeAlias = Callable[[str, "Request[Any, Any]"], "bool | Awaitable[bool]"]
"""A function, sync or async, that returns whether pages of an origin may read the response to a request.

    def is_partner(origin: str, request: object) -> bool:
        return origin.endswith(".partner.example")
    function: OriginFunction = is_partner
    policy = CorsPolicy(allow_origins=["https://app.example", function])

It is called for valid origins only.
"""

Star: TypeAlias = Literal["*"]
CheckRequests: TypeAlias = Literal[False, "writes", "all"]

AllowOrigins: TypeAlias = "Star | tuple[str | OriginFunction, ...] | OriginFunction"
"""The value of `allow_origins`, as it is used."""

Item_co = TypeVar("Item_co", covariant=True)


class NonStringSequence(Protocol[Item_co]):
    """A sequence that is not itself a string: list, tuple, deque …

    `in` of a string takes strings only, `in` of other sequences anything: so editors underline
    `allow_origins="https://app.example"`, which the type `Sequence[str]` would accept. They underline a dict
    of strings, since its `[]` takes no numbers.
    """

    def __contains__(self, value: object, /) -> bool: ...
    def __iter__(self) -> Iterator[Item_co]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Item_co: ...


Names: TypeAlias = "NonStringSequence[str] | Set[str] | ValuesView[str]"
Entries: TypeAlias = (
    "NonStringSequence[str | OriginFunction] | Set[str | OriginFunction] | ValuesView[str | OriginFunction]"
)


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
    check_requests: CheckRequests
    dangerously_allow_insecure_origins: bool
    dangerously_allow_public_suffixes: bool


LONGEST_MAX_AGE = 86400
"""The seconds of a day, the most that any browser honours (Firefox)."""

CHROMIUM_MAX_AGE = 7200
"""The seconds after which Chromium sends a preflight again, whatever the header says."""

LONGEST_ORIGIN_TIMEOUT = 60.0
"""The seconds after which Sanic itself gives up a request (`RESPONSE_TIMEOUT`), by default."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class PolicyFields:
    """The fields of a policy, as they are used.

    The constructor is in a subclass: for a dataclass that has its own, jedi shows one without parameters.
    """

    allow_origins: AllowOrigins
    """The pages that may read responses: `"*"`; or origins, patterns and functions `(origin, request) ->
    bool`.

        allow_origins=["https://app.example", "https://*.example.com", "http://localhost:*", ask_the_database]
    """

    allow_credentials: bool
    """Whether pages may send cookies, client certificates and passwords that the browser holds.

        allow_origins=["https://app.example"], allow_credentials=True
    """

    allow_methods: Star | tuple[str, ...]
    """Methods that pages may use: `"*"` for every method that the routes serve, or a selection of those.

        allow_methods=["GET", "PUT"]
    """

    allow_headers: Star | tuple[str, ...]
    """Request headers that pages may set: `"*"` for all of them, `authorization` included, or a selection.

        allow_headers=["authorization", "content-type", "x-csrf-token"]
    """

    expose_headers: Star | tuple[str, ...]
    """Response headers that pages may read besides the safelisted ones; or `"*"` for all of them.

        expose_headers=["x-total-count"]
    """

    max_age: int | None
    """Seconds that browsers may cache a preflight response; None leaves that to them.

        max_age=timedelta(hours=1)
    """

    origin_timeout: float
    """Seconds that each async origin function may take. Then it is cancelled, and the next one called.

        allow_origins=ask_the_database, origin_timeout=0.5
    """

    check_websockets: bool
    """Whether WebSocket handshakes of pages are refused that are neither the server's own nor allowed.

        allow_origins=["https://app.example"], check_websockets=False
    """

    check_requests: CheckRequests
    """The requests that are refused if a page forges them that is neither the server's own nor allowed:
    `"writes"` for POST, PUT, PATCH, DELETE …; `"all"` for GET and HEAD too, except navigations.

        allow_origins=["https://app.example"], allow_credentials=True, check_requests="writes"
    """

    dangerously_allow_insecure_origins: bool
    """Whether `http` origins other than localhost are accepted together with credentials.

        allow_origins=["http://intranet.example"], allow_credentials=True,
        dangerously_allow_insecure_origins=True
    """

    dangerously_allow_public_suffixes: bool
    """Whether wildcards for names that anybody can register are accepted together with credentials.

        allow_origins=["https://*.github.io"], allow_credentials=True, dangerously_allow_public_suffixes=True
    """

    _named: OriginSet = field(init=False, compare=False)
    _functions: tuple[OriginFunction, ...] = field(init=False, compare=False)


def to_seconds(value: object) -> float | None:
    """Return the seconds of a number or timedelta; None for other values."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    # in Python, True is an int
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def bool_of_text(value: object) -> str | None:
    """Return the bool that a value such as "false" stands for, as text: the environment has only texts."""
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return "True"
    return "False" if text in ("false", "no", "off", "0", "") else None


def whole_number_of(value: object) -> str | None:
    """Return the whole number that a float or a text stands for, as text."""
    if isinstance(value, str) and value.strip().isdecimal():
        return value.strip()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else None


def function_name(function: Callable[..., object]) -> str:
    """Return the name of a function, or of the class of another callable."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))
