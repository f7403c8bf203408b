"""Pure: what OPTIONS answers on a path, whose routes may follow different rules.

A path of the router becomes a `PathPolicies` once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..spec.fetch import (
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    FORBIDDEN_METHODS,
    MAX_AGE,
    REQUEST_HEADERS,
    REQUEST_METHOD,
    SAFELISTED_METHODS,
    VARY,
    parse_requested_headers,
    sort_methods,
)
from .compiled import ActivePolicy, CompiledPolicy, Headers, encode_headers
from .refusal import Refusal, header_names_refusal, header_refusal, method_refusal

_ALLOW_ORIGIN: Final = ALLOW_ORIGIN.encode()
_ALLOW_HEADERS: Final = ALLOW_HEADERS.encode()
_OPTIONS: Final = "OPTIONS"


class PathPolicies:
    """One path of one host: whose each of its methods is.

    `served`: each method of the path with what its route follows; None for a route without CORS.
    `known`: it has routes, and is not just below the prefix of a section.
    """

    __slots__ = ("_lists", "_tried", "allow", "default", "known", "served", "shared")

    elsewhere: Final = ((VARY.encode(), REQUEST_METHOD.encode()),)
    """The headers for a method that is served here by a route without CORS."""

    def __init__(self, served: Mapping[str, ActivePolicy | None], known: bool = True) -> None:
        self.known = known
        self.served = {method: served[method] for method in sort_methods(served)}
        self.allow = tuple(dict.fromkeys([*self.served, _OPTIONS]))
        # A method that nothing serves follows the first route that has CORS: a page may see that 405.
        self.default = next((active for active in self.served.values() if active), None)
        self.shared = len(set(map(id, self.served.values()))) > 1
        self._lists: dict[ActivePolicy, OptionsHeaders] = {}
        self._tried: dict[ActivePolicy, OptionsHeaders] = {}

    def policy_for(self, method: str | None) -> ActivePolicy | None:
        """What a preflight for this method follows; None: no CORS here."""
        if not self.shared:
            return self.default
        return self.served.get(method or "", self.default)

    def lists(self, active: ActivePolicy, compiled: CompiledPolicy, tried: bool = False) -> OptionsHeaders:
        """What OPTIONS answers here to who follows this, under the rules that it has, or had a moment ago.

        `tried`: what it would answer under these, which are report-only.
        """
        kept = self._tried if tried else self._lists
        lists = kept.get(active)
        if lists is None or lists.compiled is not compiled:
            mine = [method for method, other in self.served.items() if other is active]
            lists = kept[active] = OptionsHeaders(compiled, mine, self.shared)
        return lists


class OptionsHeaders:
    """What OPTIONS answers on a path, to those who follow these rules.

    `served`: the path's methods under these rules. `shared`: it has others that follow something else.
    """

    __slots__ = ("_refused", "_served", "_tail", "compiled", "methods")

    def __init__(self, compiled: CompiledPolicy, served: Sequence[str], shared: bool) -> None:
        policy = compiled.policy
        self.compiled = compiled
        self._served = served
        allowed = policy.allow_methods
        # Browsers let no page use some methods, whatever serves them.
        mine = [m for m in served if (allowed == "*" or m in allowed) and m not in FORBIDDEN_METHODS]
        self.methods = (*(method for method in mine if method != _OPTIONS), _OPTIONS)
        names = [
            *compiled.vary,
            *([REQUEST_METHOD] if shared else []),
            *([REQUEST_HEADERS] if compiled.reflects else []),
        ]
        # "*" never covers Authorization in the standard, so it is named beside it.
        # https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
        headers = "*,authorization" if policy.allow_headers == "*" else ",".join(policy.allow_headers)
        self._refused = encode_headers((VARY, ", ".join(names)))
        self._tail: Headers = (
            *compiled.credentials,
            *encode_headers(
                (ALLOW_METHODS, ",".join(self.methods)),
                (ALLOW_HEADERS, "" if compiled.reflects else headers),
                (MAX_AGE, "" if policy.max_age is None else str(policy.max_age)),
            ),
            *self._refused,
        )

    def preflight(self, grant: str | None, requested: Sequence[str]) -> Headers:
        """The headers of the answer to a preflight, given its Access-Control-Request-Headers lines.

        https://fetch.spec.whatwg.org/#cors-preflight-fetch
        """
        if grant is None:
            return self._refused
        origin = (_ALLOW_ORIGIN, grant.encode())
        if self.compiled.reflects and (names := parse_requested_headers(requested)):
            return (origin, (_ALLOW_HEADERS, names.encode()), *self._tail)
        return (origin, *self._tail)

    def plain(self, grant: str | None) -> Headers:
        """The headers of an OPTIONS that is no preflight: an ordinary grant, and a static policy's lists."""
        compiled = self.compiled
        if grant is None or compiled.static is None:
            return compiled.ordinary(grant)
        return ((_ALLOW_ORIGIN, grant.encode()), *compiled.exposed, *self._tail)

    def refusal(self, method: str, requested: Sequence[str]) -> Refusal | None:
        """The step at which a browser would stop after this preflight, its origin being granted."""
        if method not in self.methods and method not in SAFELISTED_METHODS:
            return method_refusal(method, self.methods, self._served)
        names = parse_requested_headers(requested)
        if names is None:
            return header_names_refusal(requested)
        allowed = self.compiled.policy.allow_headers
        if allowed == "*":
            return None
        # Browsers ask for a safelisted name where its value is not.
        return next(
            (header_refusal(name, allowed) for name in names.split(",") if name and name not in allowed), None
        )
