"""CorsPolicy, the policy of a section: an immutable value, checked as a whole when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from ..spec.origins import FILE, is_origin
from ..spec.wildcards import OriginSet
from .aliases import explain_unknown_arguments
from .check_requests import validate_check_requests
from .fields import (
    AllowOrigins,
    CheckRequests,
    Entries,
    Names,
    OriginFunction,
    PolicyFields,
    Star,
    function_name,
)
from .problems import CorsPolicyError, warn
from .validation import Validator

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .fields import Fields


class CorsPolicy(PolicyFields):
    """An immutable, hashable policy: which pages of other origins may call a section, and how.

        partners = CorsPolicy(allow_origins=["https://*.partner.example"], allow_credentials=True)
        app.blueprint(cors_group(api_bp, policy=partners))

    It is checked as a whole when it is made: a browser can satisfy every policy that exists.

    allow_origins: `"*"`, or origins, patterns and functions: the pages that may read responses.
    allow_credentials: whether pages may send cookies.
    allow_methods, allow_headers: `"*"`, or the methods and headers that pages may send.
    expose_headers: response headers that pages may read besides the safelisted ones.
    max_age: seconds that browsers may cache a preflight response.
    origin_timeout: seconds that an async origin function may take.
    check_websockets: whether handshakes of other origins are refused.
    check_requests: which requests are refused if another site's page forges them: `"writes"`, or `"all"`.
    dangerously_allow_insecure_origins, dangerously_allow_public_suffixes: accept what is refused otherwise.

    The attributes have the fields as they are used: origins as a tuple without duplicates, in the declared
    order (a set is sorted, functions come last), methods in one fixed order, headers in lower case and
    sorted. A collection of just `"*"` is `"*"`, one of just a function is that function. `"*"` beside other
    entries is refused everywhere, since it includes them. `max_age` is a number or None.

    Raises CorsPolicyError with all problems, and issues a CorsPolicyWarning for each thing that is legal but
    probably not meant. https://fetch.spec.whatwg.org/#http-cors-protocol; origins as in RFC 6454 and HTML.
    """

    __slots__ = ()

    @explain_unknown_arguments
    def __init__(
        self,
        *,
        allow_origins: Star | Entries | OriginFunction = "*",
        allow_credentials: bool = False,
        allow_methods: Star | Names = "*",
        allow_headers: Star | Names = "*",
        expose_headers: Star | Names = (),
        max_age: int | timedelta | None = 600,
        origin_timeout: float | timedelta = 5,
        check_websockets: bool = True,
        check_requests: CheckRequests = False,
        dangerously_allow_insecure_origins: bool = False,
        dangerously_allow_public_suffixes: bool = False,
    ) -> None:
        validator = Validator()
        checked: dict[str, Any] = {
            "allow_origins": validator.check_origins(allow_origins),
            "allow_credentials": validator.check_bool("allow_credentials", allow_credentials),
            "allow_methods": validator.check_methods(allow_methods),
            "allow_headers": validator.check_request_headers(allow_headers),
            "expose_headers": validator.check_response_headers(expose_headers),
            "max_age": validator.check_max_age(max_age),
            "origin_timeout": validator.check_origin_timeout(origin_timeout),
            "check_websockets": validator.check_bool("check_websockets", check_websockets),
            "dangerously_allow_insecure_origins": validator.check_bool(
                "dangerously_allow_insecure_origins", dangerously_allow_insecure_origins
            ),
            "dangerously_allow_public_suffixes": validator.check_bool(
                "dangerously_allow_public_suffixes", dangerously_allow_public_suffixes
            ),
        }
        checked["check_requests"] = validate_check_requests(
            validator, check_requests, checked["allow_origins"]
        )
        validator.check_credentials(checked)
        if validator.problems:
            raise CorsPolicyError(validator.problems)
        for warning in validator.warnings:
            warn(warning)
        # the dataclass is frozen
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_named", OriginSet(origin_entries(self)))
        declared = self.allow_origins
        functions = (declared,) if callable(declared) else tuple(filter(callable, declared))
        object.__setattr__(self, "_functions", functions)

    def allows(self, origin: str) -> bool:
        """Return whether pages of an origin may read responses, by the declared origins and patterns.

            CorsPolicy(allow_origins=["https://*.example.com"]).allows("https://app.example.com")  # True

        `"*"` allows every text. For the page that sent a request, call `await group.allows(request)`.

        Raises:
            TypeError: only a function can decide, which needs a request; or `origin` is not a string.
        """
        if not isinstance(origin, str):
            raise TypeError(f"allows() takes an origin, not {origin!r}")
        if self.allow_origins == "*" or origin in self._named:
            return True
        if self._functions and calls_functions_for(self, origin):
            raise TypeError(f"Only a function knows {origin!r}: call await group.allows(request)")
        return False

    def replace(self, **changes: Unpack[Fields]) -> CorsPolicy:
        """Return a new policy with some fields changed, checked like any other.

        `PUBLIC.replace(max_age=60)`. It takes the arguments of the constructor, and raises the same errors.
        """
        if self.allow_origins == "*" or not _ORIGIN_FIELDS.isdisjoint(changes):
            return type(self)(**{**fields_of(self), **changes})
        # The origins are checked already. They may come from a store: a hundred thousand, or none.
        other = type(self)(**{**fields_of(self), **changes, "allow_origins": _ANY_ORIGIN})
        return with_origins(other, self.allow_origins, self._named, self._functions)

    def __copy__(self) -> CorsPolicy:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> CorsPolicy:
        return self

    def __repr__(self) -> str:
        values = ((name, getattr(self, name), default) for name, default in _DEFAULTS.items())
        shown = ", ".join(f"{name}={_format(value)}" for name, value, default in values if value != default)
        return f"{type(self).__name__}({shown})"


_ORIGIN_FIELDS: Final = frozenset(
    {
        "allow_origins",
        "allow_credentials",
        "dangerously_allow_insecure_origins",
        "dangerously_allow_public_suffixes",
    }
)
"""The fields on which the check of the origins depends."""

_ANY_ORIGIN: Final = ("https://app.example",)

_DEFAULTS: Mapping[str, object] = {
    name: each.default for name, each in signature(CorsPolicy).parameters.items()
}


def _format(value: object) -> str:
    """Return the value of a field as code; a function by its name, as its `repr()` has only an address."""
    if isinstance(value, tuple):
        comma = "," if len(value) == 1 else ""
        return f"({', '.join(map(_format, value))}{comma})"
    return function_name(value) if callable(value) else repr(value)


def fields_of(policy: CorsPolicy) -> dict[str, Any]:
    """Return the fields of a policy, by name."""
    return {name: getattr(policy, name) for name in _DEFAULTS}


def with_origins(
    policy: CorsPolicy, allowed: AllowOrigins, compiled: OriginSet, functions: tuple[OriginFunction, ...]
) -> CorsPolicy:
    """Return the policy with other origins, which are checked, and sorted into `compiled` and `functions`.

    There may be none: a store can be empty.
    """
    # The constructor would check and compile them a second time, however many there are.
    other = object.__new__(type(policy))
    fields = {**fields_of(policy), "allow_origins": allowed, "_named": compiled, "_functions": functions}
    for name, value in fields.items():
        object.__setattr__(other, name, value)
    return other


def names_method(policy: CorsPolicy, method: str) -> bool:
    """Return whether `allow_methods` of a policy has a method."""
    return policy.allow_methods == "*" or method in policy.allow_methods


def origin_entries(policy: CorsPolicy) -> tuple[str, ...]:
    """Return the declared origins and patterns of a policy, in their order; none for `"*"`."""
    declared = policy.allow_origins
    if not isinstance(declared, tuple):
        return ()
    return tuple(entry for entry in declared if isinstance(entry, str))


def origin_set(policy: CorsPolicy) -> OriginSet:
    """Return the declared origins and patterns of a policy, compiled."""
    return policy._named


def origin_functions(policy: CorsPolicy) -> tuple[OriginFunction, ...]:
    """Return the functions that a policy declares, in their order."""
    return policy._functions


def calls_functions_for(policy: CorsPolicy, origin: str) -> bool:
    """Return whether a policy calls its functions for an origin that no entry allows.

    It calls them for valid origins only. With credentials, no function can allow `file://`: that is the
    origin of every file that a user opens.
    """
    return is_origin(origin) and not (policy.allow_credentials and origin == FILE)
