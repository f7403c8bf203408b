"""What a section allows: declared in the user's words, checked as a whole, compiled once."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

from corsbp import fetch, origins
from corsbp.errors import CorsPolicyError, Problem, warn
from corsbp.origins import Origins

if TYPE_CHECKING:
    from sanic import Request
    from typing_extensions import Unpack

OriginFunction: TypeAlias = "Callable[[str, Request], bool | Awaitable[bool]]"
"""Says whether an origin may read the answer to a request. It is only asked about valid origins."""

Star: TypeAlias = Literal["*"]


class Names(Protocol):
    """A collection of strings that is not itself a string: list, tuple, set, frozenset, keys …

    A string's `in` takes strings only, that of collections anything: so editors underline
    `allow_origins="https://app.example"`, which the type `Collection[str]` would let pass.
    """

    def __contains__(self, value: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...


class Fields(TypedDict, total=False):
    """A policy's fields, as arguments."""

    allow_origins: Star | Names | OriginFunction
    allow_credentials: bool
    allow_methods: Star | Names
    allow_headers: Star | Names
    expose_headers: Star | Names
    max_age: int | timedelta | None
    origin_timeout: float | timedelta
    check_websockets: bool
    dangerously_allow_insecure_origins: bool
    dangerously_allow_public_suffixes: bool


DEFAULT_MAX_AGE = 600
"""Seconds that a browser may remember a preflight's answer: what every engine honours."""

LONGEST_MAX_AGE = 86400
"""Seconds in a day, the most that any engine honours (Firefox)."""

CHROMIUM_MAX_AGE = 7200
"""Seconds after which Chromium asks again, whatever it was told."""

DEFAULT_ORIGIN_TIMEOUT = 5.0
"""Seconds that an async origin function may take: a page that waits longer has lost its user."""

LONGEST_ORIGIN_TIMEOUT = 60.0
"""Seconds after which Sanic itself gives up a request, unless told otherwise."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class CorsPolicy:
    """Who may call a section from other origins, and how: an immutable, hashable value.

        partners = CorsPolicy(allow_origins=["https://*.partner.example"], allow_credentials=True)
        app.blueprint(cors_group(api_bp, policy=partners))

    Checked as a whole when it is made: a policy that exists can be satisfied by a browser.

    allow_origins: `"*"`, origins and patterns, or a function: who may read the answers.
    allow_credentials: whether pages may send cookies.
    allow_methods, allow_headers: `"*"`, or what pages may send.
    expose_headers: response headers that pages may read besides the usual ones.
    max_age: seconds that browsers may remember a preflight's answer.
    origin_timeout: seconds that an async origin function may take.
    check_websockets: whether handshakes of other origins are refused.
    dangerously_allow_insecure_origins, dangerously_allow_public_suffixes: what is refused without them.

    The attributes hold the fields as they are used: origins a tuple in the declared order (a set's, sorted)
    without duplicates, methods in one fixed order, headers in lower case and sorted; a collection of just
    `"*"` is `"*"`, and `"*"` beside other entries is refused everywhere, since it includes them. `max_age` is
    a number or None. `origins` holds the compiled origins, None for `"*"` and for functions.

    Raises CorsPolicyError with everything that is wrong; issues a CorsPolicyWarning for each thing that is
    legal but probably not meant. Fetch, 3.3 "CORS protocol"; origins as in RFC 6454 and the HTML standard.
    """

    allow_origins: Star | tuple[str, ...] | OriginFunction
    """Who may read the answers: `"*"`, pages of any origin; or a collection of origins and patterns, compared
    byte for byte; or a function, sync or async, asked once per request and only about valid origins.

        allow_origins=["https://app.example", "https://*.example.com", "http://localhost:*"]

        allow_origins=lambda origin, request: origin in request.app.ctx.partners

    `*.` is any depth of subdomains and never the domain itself, `:*` any port or none.
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
    """How long an async origin function may take, in seconds or as a timedelta: above 0, up to 60. Then it is
    cancelled, the origin refused, and the request served. A sync function cannot be stopped.

        allow_origins=ask_the_database, origin_timeout=0.5
    """

    check_websockets: bool
    """Whether to refuse WebSocket handshakes from origins that are neither the server's own nor allowed:
    browsers leave that check to the server.

        allow_origins=["https://app.example"], check_websockets=False
    """

    dangerously_allow_insecure_origins: bool
    """Whether `http` origins pass together with credentials. Whoever sits on the wire of such a page can then
    act as its users.

        allow_origins=["http://intranet.example"], allow_credentials=True,
        dangerously_allow_insecure_origins=True
    """

    dangerously_allow_public_suffixes: bool
    """Whether wildcards for names that anyone can register pass together with credentials. Whoever registers
    one can then act as your users.

        allow_origins=["https://*.github.io"], allow_credentials=True, dangerously_allow_public_suffixes=True
    """

    origins: Origins | None = field(compare=False)
    """The declared origins, compiled; None for `"*"` and functions: `policy.origins.match("https://a.example")`.
    """

    def __init__(
        self,
        *,
        allow_origins: Star | Names | OriginFunction = "*",
        allow_credentials: bool = False,
        allow_methods: Star | Names = "*",
        allow_headers: Star | Names = "*",
        expose_headers: Star | Names = (),
        max_age: int | timedelta | None = DEFAULT_MAX_AGE,
        origin_timeout: float | timedelta = DEFAULT_ORIGIN_TIMEOUT,
        check_websockets: bool = True,
        dangerously_allow_insecure_origins: bool = False,
        dangerously_allow_public_suffixes: bool = False,
    ) -> None:
        check = _Check()
        checked: dict[str, Any] = {
            "allow_origins": check.origins(allow_origins),
            "allow_credentials": check.switch("allow_credentials", allow_credentials),
            "allow_methods": check.methods(allow_methods),
            "allow_headers": check.request_headers(allow_headers),
            "expose_headers": check.response_headers(expose_headers),
            "max_age": check.max_age(max_age),
            "origin_timeout": check.origin_timeout(origin_timeout),
            "check_websockets": check.switch("check_websockets", check_websockets),
            "dangerously_allow_insecure_origins": check.switch(
                "dangerously_allow_insecure_origins", dangerously_allow_insecure_origins
            ),
            "dangerously_allow_public_suffixes": check.switch(
                "dangerously_allow_public_suffixes", dangerously_allow_public_suffixes
            ),
        }
        check.credentials(checked)
        if check.problems:
            raise CorsPolicyError(check.problems)
        for warning in check.warnings:
            warn(warning)
        declared = checked["allow_origins"]
        checked["origins"] = Origins(declared) if isinstance(declared, tuple) else None
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def replace(self, **changes: Unpack[Fields]) -> CorsPolicy:
        """A new policy with some fields changed, checked like any other.

        `PUBLIC.replace(max_age=60)`. Takes the constructor's arguments and raises what it raises.
        """
        return type(self)(**{**{name: getattr(self, name) for name in _DEFAULTS}, **changes})

    def __copy__(self) -> CorsPolicy:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> CorsPolicy:
        return self

    def __repr__(self) -> str:
        values = ((name, getattr(self, name), default) for name, default in _DEFAULTS.items())
        shown = ", ".join(f"{name}={value!r}" for name, value, default in values if value != default)
        return f"{type(self).__name__}({shown})"


_DEFAULTS: Mapping[str, object] = CorsPolicy.__init__.__kwdefaults__ or {}


class _Check:
    """Collects what is wrong while it brings each field into the form in which it is used.

    A field that is refused comes back as something harmless, so that the others can still be looked at.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def refuse(self, *args: Any) -> None:
        self.problems.append(Problem(*args))

    def doubt(self, *args: Any) -> None:
        self.warnings.append(Problem(*args))

    def switch(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            self.refuse("not-a-bool", name, value, "is neither True nor False")
        return value is True

    def origins(self, value: object) -> Star | tuple[str, ...] | OriginFunction:
        name = "allow_origins"
        if callable(value):
            if not _takes_two_arguments(value):
                message = "cannot be called with two arguments, (origin, request)"
                self.refuse("origin-function-arguments", name, value, message)
            return value
        if isinstance(value, re.Pattern):
            self.problems.extend(origins.problems_of(value))
            return ()
        entries = self._entries(name, value, _meant_origins)
        if entries is None or entries == "*":
            return "*" if entries else ()
        if not entries:
            message = "allows no origin at all: name some, or leave the blueprints out of the section"
            self.refuse("origins-empty", name, value, message)
        good: list[str] = []
        for entry in entries:
            faults = origins.problems_of(entry)
            self.problems.extend(faults)
            if isinstance(entry, str) and not faults:
                good.append(entry)
        patterns = frozenset(filter(origins.is_pattern, good))
        for entry in good:
            if wider := origins.covering(entry, patterns):
                self.doubt("origin-covered", name, entry, f"is already allowed by {wider!r}")
        return tuple(good)

    def methods(self, value: object) -> Star | tuple[str, ...]:
        name = "allow_methods"
        good: list[str] = []
        entries = self._names(name, value)
        if entries == "*":
            return "*"
        for entry in entries:
            method = entry.upper() if entry.upper() in fetch.NORMALISED else entry
            if method.upper() in fetch.FORBIDDEN_METHODS:
                self.refuse("method-forbidden", name, entry, "is a method that browsers never let a page use")
            elif method != method.upper():
                message = f"is not {method.upper()}: browsers send this method as the page spells it"
                self.doubt("method-case", name, entry, message, method.upper())
            good.append(method)
        return fetch.in_order(good)

    def request_headers(self, value: object) -> Star | tuple[str, ...]:
        name = "allow_headers"
        entries = self._names(name, value)
        if entries == "*":
            return "*"
        for entry in entries:
            header = entry.lower()
            if header == fetch.ORIGIN:
                # Useless but harmless, and in every other recipe: the Sanic guide's among them.
                message = "is a header that browsers set themselves: no page has to ask for it"
                self.doubt("header-set-by-browser", name, entry, message)
            elif fetch.is_forbidden_request_header(header):
                self.refuse("header-forbidden", name, entry, "is a header that browsers never let a page set")
            elif header in fetch.RESPONSE_ONLY_HEADERS:
                message = "is a header of responses: a page that sets it is wrong, and need not be allowed to"
                self.refuse("header-of-response", name, entry, message)
            elif header in fetch.SAFELISTED_REQUEST_HEADERS:
                self.doubt("header-safelisted", name, entry, "is a header that every page may set anyway")
        return _sorted_lower(entries)

    def response_headers(self, value: object) -> Star | tuple[str, ...]:
        name = "expose_headers"
        entries = self._names(name, value)
        if entries == "*":
            return "*"
        for entry in entries:
            header = entry.lower()
            if header in fetch.FORBIDDEN_RESPONSE_HEADERS:
                self.refuse(
                    "header-set-cookie", name, entry, "is a header that browsers never show to a page"
                )
            elif header in fetch.REQUEST_ONLY_HEADERS:
                self.refuse("header-of-request", name, entry, "is a header of requests, not of responses")
            elif header in fetch.SAFELISTED_RESPONSE_HEADERS:
                self.doubt("header-safelisted", name, entry, "is a header that every page may read anyway")
        return _sorted_lower(entries)

    def max_age(self, value: object) -> int | None:
        name = "max_age"
        if value is None:
            return None
        seconds = value
        if isinstance(value, timedelta):
            seconds, fraction = divmod(value, timedelta(seconds=1))
            if fraction:
                self.refuse("max-age-fraction", name, value, "is not in whole seconds", f"{seconds}")
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            message = "is neither a whole number of seconds, a timedelta nor None"
            meant = str(int(seconds)) if isinstance(seconds, float) and seconds.is_integer() else None
            self.refuse("max-age-type", name, value, message, meant)
            return None
        if not 0 <= seconds <= LONGEST_MAX_AGE:
            meant = "0" if seconds < 0 else str(LONGEST_MAX_AGE)
            self.refuse("max-age-range", name, value, f"is not from 0 to {LONGEST_MAX_AGE} seconds", meant)
        elif seconds > CHROMIUM_MAX_AGE:
            message = f"is more than the {CHROMIUM_MAX_AGE} seconds that Chromium honours"
            self.doubt("max-age-capped", name, value, message, str(CHROMIUM_MAX_AGE))
        return int(seconds)

    def origin_timeout(self, value: object) -> float:
        name = "origin_timeout"
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            self.refuse("origin-timeout-type", name, value, "is neither a number of seconds nor a timedelta")
            return DEFAULT_ORIGIN_TIMEOUT
        if not 0 < seconds <= LONGEST_ORIGIN_TIMEOUT:
            meant = f"{LONGEST_ORIGIN_TIMEOUT:g}" if seconds > 0 else None
            message = f"is not above 0 and up to {LONGEST_ORIGIN_TIMEOUT:g} seconds"
            self.refuse("origin-timeout-range", name, value, message, meant)
        return float(seconds)

    def credentials(self, checked: Mapping[str, object]) -> None:
        """What must not come together with credentials, among fields that are valid by themselves."""
        if not checked["allow_credentials"]:
            return
        name = "allow_origins"
        declared = checked[name]
        if declared == "*":
            message = (
                "with credentials lets every page on the web act as each of your users: name the origins"
            )
            self.refuse("credentials-any-origin", name, "*", message)
        for entry in declared if isinstance(declared, tuple) else ():
            if origins.is_insecure(entry) and not checked["dangerously_allow_insecure_origins"]:
                message = "with credentials trusts whoever sits on the wire of an http page: use https"
                meant = entry.replace("http:", "https:", 1) if entry.count(":") == 1 else None
                self.refuse("credentials-insecure-origin", name, entry, message, meant)
            if not checked["dangerously_allow_public_suffixes"] and origins.is_below_public_suffix(entry):
                message = "with credentials trusts whoever registers a name there: name your own"
                self.refuse("credentials-public-suffix", name, entry, message)
        if checked["expose_headers"] == "*":
            message = "with credentials is the name of a header for browsers: name the headers"
            self.refuse("credentials-any-exposed", "expose_headers", "*", message)

    def _names(self, name: str, value: object) -> Star | tuple[str, ...]:
        """The entries of a collection of methods or headers; what is no name is refused and left out."""
        entries = self._entries(name, value, _split_list)
        if entries is None or entries == "*":
            return "*" if entries else ()
        good: list[str] = []
        for entry in entries:
            if not isinstance(entry, str):
                self.refuse("entry-type", name, entry, f"is of type {type(entry).__name__}, not a string")
            elif entry == "*":
                self.refuse("star-not-alone", name, entry, "includes all the others", "*")
            elif not fetch.is_token(entry):
                stripped = entry.strip(" \t\r\n:")
                meant = stripped if fetch.is_token(stripped) else None
                self.refuse("name-not-token", name, entry, "is no name that HTTP allows", meant)
            else:
                good.append(entry)
        return tuple(good)

    def _entries(
        self, name: str, value: object, meant: Callable[[str], list[str]]
    ) -> Star | tuple[object, ...] | None:
        """The entries, each once, of what should be a collection; None if it is refused."""
        if isinstance(value, str) and value != "*":
            suggestion = json.dumps(words) if (words := meant(value)) else None
            message = "is one string: Python would take it as a list of characters"
            self.refuse("bare-string", name, value, message, suggestion)
            return None
        if isinstance(value, (bytes, bytearray, Mapping)) or not isinstance(value, Collection):
            kind = "an iterator, empty after one look" if isinstance(value, Iterator) else "no collection"
            message = f"is {kind}: write a list of strings"
            self.refuse("not-a-collection", name, value, message)
            return None
        # The order of a set changes from run to run: it must not get into anything that can be seen.
        entries = sorted(value, key=repr) if isinstance(value, Set) else list(value)
        plain = [str.__str__(entry) if isinstance(entry, str) else entry for entry in entries]
        unique = tuple({repr(entry): entry for entry in plain}.values())  # not every object can be hashed
        return "*" if unique == ("*",) else unique


def _takes_two_arguments(function: Callable[..., object]) -> bool:
    """Whether a function can be called as an origin function; where Python cannot tell, yes."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind("https://app.example", None)
    except TypeError:
        return False
    return True


def _split_list(text: str) -> list[str]:
    return [word for word in re.split(r"[,;\s]+", text) if word]


def _meant_origins(text: str) -> list[str]:
    """The origins in a string that should have been a list, put right; nothing if that fails for one."""
    words = _split_list(text)
    faults = {word: origins.problems_of(word) for word in words}
    meant = [faults[word][0].suggestion if faults[word] else word for word in words]
    return [word for word in meant if word] if all(meant) else []


def _sorted_lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({name.lower() for name in names}))
