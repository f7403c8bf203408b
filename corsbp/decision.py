"""Pure: which headers an answer gets, and why not.

A `CorsPolicy` becomes `Rules` once; a path of the router becomes a `Path` once.
What is left per request is a look-up and the joining of two short tuples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from .fetch import (
    ALLOW_CREDENTIALS,
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    EXPOSE_HEADERS,
    MAX_AGE,
    METHODS,
    ORIGIN,
    REQUEST_HEADERS,
    REQUEST_METHOD,
    SAFELISTED_METHODS,
    SAFELISTED_REQUEST_HEADERS,
    VARY,
    requested_names,
)
from .origins import Origins, is_origin
from .policy import CorsPolicy
from .wire import Value

Headers: TypeAlias = tuple[tuple[str, str], ...]

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "origin-repeated": "the request has more than one Origin line",
        "origin-null": "the origin is opaque (`null`): a sandboxed frame, a file, a redirect between sites",
        "origin-malformed": "the Origin is no `scheme://host[:port]` as browsers send it",
        "origin-not-allowed": "the origin is none of those that the policy allows",
        "origin-function-refused": "the policy's origin function did not return True",
        "origin-function-failed": "the policy's origin function raised, was cancelled, took too long "
        "or returned no bool",
        "method-elsewhere": "the requested method is served on this path, but by a route without CORS",
        "method-not-allowed": "no route of the section serves the requested method here, "
        "or the policy leaves it out",
        "headers-malformed": "the requested header names are no list of tokens, or too long a one",
        "header-not-allowed": "a requested header is none of those that the policy allows",
    }
)
"""Why a page was refused: stable ids, each with what it means."""


class Refusal(NamedTuple):
    """Why a page is refused: an id of `REFUSALS`, the offending value, and what would have matched."""

    id: str
    value: object
    expected: str


class Rules:
    """One policy in the form that requests are answered from."""

    __slots__ = (
        "ask",
        "credentials",
        "exact",
        "match",
        "policy",
        "ready",
        "reflects",
        "refused",
        "static",
        "tail",
    )

    def __init__(self, policy: CorsPolicy) -> None:
        self.policy = policy
        origins = policy.origins or Origins(())
        self.ask = policy.allow_origins if callable(policy.allow_origins) else None
        self.exact: dict[str, str] = {origin: Value(origin) for origin in origins.exact}
        self.match = origins.match
        # A static origin is the same for everyone: sent always, never a reason to vary.
        # https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
        self.static: str | None = None
        if policy.allow_origins == "*":
            self.static = Value("*")
        elif isinstance(policy.allow_origins, tuple) and len(policy.allow_origins) == len(self.exact) == 1:
            (self.static,) = self.exact.values()
        # Where browsers take "*" literally, the names they ask for are the answer.
        self.reflects = policy.allow_credentials and policy.allow_headers == "*"
        vary: Headers = () if self.static else ((VARY, Value(ORIGIN)),)
        self.credentials: Headers = ((ALLOW_CREDENTIALS, Value("true")),) if policy.allow_credentials else ()
        exposed = ((EXPOSE_HEADERS, Value(",".join(policy.expose_headers))),) if policy.expose_headers else ()
        self.tail: Headers = (*self.credentials, *exposed, *vary)
        self.refused: Headers = vary
        # For each exact origin, all that a granted answer gets.
        self.ready = {origin: self.ordinary(grant) for origin, grant in self.exact.items()}

    def grant(self, origins: Sequence[str]) -> str | None:
        """The `access-control-allow-origin` for a request with these Origin lines; None refuses.

        Not for policies with an origin function (`ask`): their verdict has to be asked for.
        """
        if self.static is not None:
            return self.static
        if len(origins) == 1:
            origin = origins[0]
            known = self.exact.get(origin)
            if known is not None:
                return known
            if self.match(origin):
                return Value(origin)  # a valid origin, or no pattern had matched it
        return None

    def answer(self, origins: Sequence[str]) -> Headers:
        """The headers of an answer that is no preflight's, to a request with these Origin lines.

        As `ordinary(grant(origins))` for policies that look at Origin, and every such answer's way.
        """
        if len(origins) == 1:
            origin = origins[0]
            ready = self.ready.get(origin)
            if ready is not None:
                return ready
            if self.match(origin):
                return ((ALLOW_ORIGIN, Value(origin)), *self.tail)
        return self.refused

    def ordinary(self, grant: str | None) -> Headers:
        """The headers of an answer that is no preflight's."""
        return self.refused if grant is None else ((ALLOW_ORIGIN, grant), *self.tail)

    def allows(self, origins: Sequence[str], grant: str | None) -> bool:
        """Whether a page of this origin may read the answer: also a static policy looks here."""
        return grant == "*" or (len(origins) == 1 and grant == origins[0])

    def refusal(self, origins: Sequence[str], grant: str | None, failed: bool = False) -> Refusal | None:
        """Why the origin is refused; None where it is granted, or where no browser asked."""
        if not origins or self.allows(origins, grant):
            return None
        if len(origins) > 1:
            return Refusal("origin-repeated", list(origins), "one Origin line")
        (origin,) = origins
        if origin == "null":
            return Refusal("origin-null", origin, self.expected)
        if not is_origin(origin):
            return Refusal("origin-malformed", origin, self.expected)
        if self.ask:
            return Refusal(f"origin-function-{'failed' if failed else 'refused'}", origin, self.expected)
        return Refusal("origin-not-allowed", origin, self.expected)

    @property
    def expected(self) -> str:
        """The origins that match, for people: the first few of a long list."""
        allowed = self.policy.allow_origins
        if callable(allowed):
            return f"an origin for which {getattr(allowed, '__qualname__', repr(allowed))}() returns True"
        entries = [allowed] if isinstance(allowed, str) else list(allowed)
        more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
        return f"one of {', '.join(map(repr, entries[:5]))}{more}"


class Path:
    """What OPTIONS answers on one path of one host: whose method is whose, and the lists of each policy.

    `served`: each method of the path with the rules of its route; None for a route without CORS.
    """

    __slots__ = ("_expose", "_lists", "_shared", "_vary", "allow", "default", "methods", "served")

    elsewhere: Final[Headers] = ((VARY, Value(REQUEST_METHOD)),)
    """The headers for a method that is served here by a route without CORS."""

    def __init__(self, served: Mapping[str, Rules | None]) -> None:
        self.served = {method: served[method] for method in METHODS if method in served}
        self.allow = Value(", ".join(dict.fromkeys([*self.served, METHODS[-1]])))
        every = [rules for rules in self.served.values() if rules]
        # A method that nothing serves follows the first route that has CORS: a page may see that 405.
        self.default = every[0] if every else None
        self._shared = len(set(map(id, self.served.values()))) > 1
        self.methods = {rules: self._methods(rules) for rules in dict.fromkeys(every)}
        self._vary = {rules: self._vary_of(rules) for rules in self.methods}
        self._lists = {rules: self._tail(rules) for rules in self.methods}
        self._expose = {
            rules: tuple(pair for pair in rules.tail if pair[0] == EXPOSE_HEADERS) for rules in self.methods
        }

    def _methods(self, rules: Rules) -> tuple[str, ...]:
        allowed = rules.policy.allow_methods
        mine = [m for m, r in self.served.items() if r is rules and (allowed == "*" or m in allowed)]
        return tuple(dict.fromkeys([m for m in mine if m != METHODS[-1]] + [METHODS[-1]]))

    def _tail(self, rules: Rules) -> Headers:
        """What follows the origin in the answer to a preflight."""
        policy = rules.policy
        lists: list[tuple[str, str]] = [
            *rules.credentials,
            (ALLOW_METHODS, Value(",".join(self.methods[rules]))),
        ]
        if not rules.reflects and policy.allow_headers:
            lists.append((ALLOW_HEADERS, Value(_header_list(policy))))
        if policy.max_age is not None:
            lists.append((MAX_AGE, Value(str(policy.max_age))))
        return (*lists, *self._vary[rules])

    def _vary_of(self, rules: Rules) -> Headers:
        names = [] if rules.static else [ORIGIN]
        if self._shared:
            names.append(REQUEST_METHOD)
        if rules.reflects:
            names.append(REQUEST_HEADERS)
        return ((VARY, Value(", ".join(names))),) if names else ()

    def rules_for(self, method: str | None) -> Rules | None:
        """The rules that a preflight for this method follows; None: no CORS here."""
        if not self._shared:
            return self.default
        return self.served.get(method or "", self.default)

    def elsewhere_refusal(self, method: str) -> Refusal:
        """Why a preflight for a method of a route without CORS is refused."""
        methods = self.methods[self.default] if self.default else ()
        return Refusal("method-elsewhere", method, f"one of {', '.join(methods) or 'none'}")

    def preflight(self, rules: Rules, grant: str | None, requested: Sequence[str]) -> Headers:
        """The headers of the answer to a preflight, given its Access-Control-Request-Headers lines.

        https://fetch.spec.whatwg.org/#cors-preflight-fetch
        """
        if grant is None:
            return self._vary[rules]
        if rules.reflects and (names := requested_names(requested)):
            return ((ALLOW_ORIGIN, grant), (ALLOW_HEADERS, names), *self._lists[rules])
        return ((ALLOW_ORIGIN, grant), *self._lists[rules])

    def plain(self, rules: Rules, grant: str | None) -> Headers:
        """The headers of an OPTIONS that is no preflight: an ordinary grant, and a static policy's lists."""
        if grant is None:
            return rules.refused
        if rules.static is None:
            return rules.ordinary(grant)
        return ((ALLOW_ORIGIN, grant), *self._expose[rules], *self._lists[rules])

    def refusal(self, rules: Rules, method: str, requested: Sequence[str]) -> Refusal | None:
        """The step at which a browser would stop after this preflight, its origin being granted."""
        methods = self.methods[rules]
        if method not in methods and method not in SAFELISTED_METHODS:
            return Refusal("method-not-allowed", method, f"one of {', '.join(methods)}")
        names = requested_names(requested)
        if names is None:
            return Refusal("headers-malformed", list(requested), "a list of header names")
        allowed = rules.policy.allow_headers
        if allowed == "*":
            return None
        for name in filter(None, names.split(",")):
            if name not in allowed and name not in SAFELISTED_REQUEST_HEADERS:
                return Refusal("header-not-allowed", name, f"one of {', '.join(allowed) or 'none'}")
        return None


def _header_list(policy: CorsPolicy) -> str:
    # "*" never covers Authorization in the standard, so it is named beside it.
    # https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
    return "*,authorization" if policy.allow_headers == "*" else ",".join(policy.allow_headers)
