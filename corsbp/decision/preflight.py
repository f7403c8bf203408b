"""Pure: the headers of OPTIONS on a path, whose routes may have different policies.

A path of the router becomes a `PathPolicies` once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..policy.policy import CorsPolicy, names_method
from ..spec.fetch import (
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    FORBIDDEN_METHODS,
    MAX_AGE,
    REQUEST_METHOD,
    SAFELISTED_METHODS,
    VARY,
    parse_requested_headers,
    sort_methods,
)
from .active_policy import ActivePolicy
from .compiled import CompiledPolicy, encode_headers
from .refusal import Refusal, header_names_refusal, header_refusal, method_refusal
from .vary import EncodedHeaders, vary_names

_ALLOW_ORIGIN: Final = ALLOW_ORIGIN.encode()
_ALLOW_HEADERS: Final = ALLOW_HEADERS.encode()
_OPTIONS: Final = "OPTIONS"


class PathPolicies:
    """The policies of one path of one host, by method.

    policy_by_method: every method that the path serves; None for a route without CORS.
    has_routes: False for a path without routes below the prefix of a section.
    default: the policy of other methods; by default the first that a method of the path has.
    """

    __slots__ = (
        "_options_headers",
        "_report_only_headers",
        "allow",
        "default",
        "has_routes",
        "has_several_policies",
        "policy_by_method",
    )

    headers_without_cors: Final = encode_headers((VARY, REQUEST_METHOD))
    """The headers of a preflight for a method that a route without CORS serves."""

    def __init__(
        self,
        policies: Mapping[str, ActivePolicy | None],
        has_routes: bool = True,
        default: ActivePolicy | None = None,
    ) -> None:
        self.has_routes: bool = has_routes
        self.policy_by_method: dict[str, ActivePolicy | None] = {
            method: policies[method] for method in sort_methods(policies)
        }
        self.allow: tuple[str, ...] = tuple(dict.fromkeys([*self.policy_by_method, _OPTIONS]))
        # A method that no route serves gets the first policy: a page may see its 405.
        self.default: ActivePolicy | None = default or next(
            filter(None, self.policy_by_method.values()), None
        )
        self.has_several_policies: bool = len(set(map(id, self.policy_by_method.values()))) > 1
        self._options_headers: dict[ActivePolicy, OptionsHeaders] = {}
        self._report_only_headers: dict[ActivePolicy, OptionsHeaders] = {}

    def policy_for(self, method: str | None) -> ActivePolicy | None:
        """Return the policy of a preflight for this method; None if there is no CORS for it."""
        if not self.has_several_policies:
            return self.default
        return self.policy_by_method.get(method or "", self.default)

    def options_headers(
        self, active: ActivePolicy, compiled: CompiledPolicy, report_only: bool = False
    ) -> OptionsHeaders:
        """Return the headers of OPTIONS on this path for a policy that some of its methods have.

        compiled: the policy in force, or the one before: a request keeps the one that it began with.
        report_only: whether it is the report-only policy beside the one in force.
        """
        cache = self._report_only_headers if report_only else self._options_headers
        headers = cache.get(active)
        if headers is None or headers.compiled is not compiled:
            methods = [method for method, other in self.policy_by_method.items() if other is active]
            headers = cache[active] = OptionsHeaders(compiled, methods, self.has_several_policies)
        return headers


class OptionsHeaders:
    """The headers of OPTIONS on a path, for one policy.

    served_methods: the methods of the path that have this policy.
    varies_by_method: whether other methods of the path have another policy.
    """

    __slots__ = ("_headers_after_origin", "_refused_headers", "_served_methods", "compiled", "methods")

    def __init__(
        self, compiled: CompiledPolicy, served_methods: Sequence[str], varies_by_method: bool
    ) -> None:
        policy = compiled.policy
        self.compiled: CompiledPolicy = compiled
        self._served_methods = served_methods
        allowed = [method for method in served_methods if _is_allowed(method, policy)]
        self.methods: tuple[str, ...] = (*allowed, _OPTIONS)
        vary = vary_names(compiled.varies_by_origin, varies_by_method, compiled.reflects_headers)
        self._refused_headers = encode_headers((VARY, ", ".join(vary)))
        self._headers_after_origin: EncodedHeaders = (
            *compiled.credentials_headers,
            *encode_headers(
                (ALLOW_METHODS, ",".join(self.methods)),
                (ALLOW_HEADERS, _allow_headers(compiled)),
                (MAX_AGE, "" if policy.max_age is None else str(policy.max_age)),
            ),
            *self._refused_headers,
        )

    def preflight_headers(self, grant: str | None, requested: Sequence[str]) -> EncodedHeaders:
        """Return the headers of the response to a preflight.

        requested: its Access-Control-Request-Headers lines.
        https://fetch.spec.whatwg.org/#cors-preflight-fetch
        """
        if grant is None:
            return self._refused_headers
        origin = (_ALLOW_ORIGIN, grant.encode())
        if self.compiled.reflects_headers and (names := parse_requested_headers(requested)):
            return (origin, (_ALLOW_HEADERS, names.encode()), *self._headers_after_origin)
        return (origin, *self._headers_after_origin)

    def plain_headers(self, grant: str | None) -> EncodedHeaders:
        """Return the headers of an OPTIONS request that is not a preflight.

        They are those of any response; a static policy adds the preflight's, so that `curl -X OPTIONS` shows
        them.
        """
        compiled = self.compiled
        if grant is None or compiled.static is None:
            return compiled.response_headers(grant)
        return ((_ALLOW_ORIGIN, grant.encode()), *compiled.expose_headers, *self._headers_after_origin)

    def refusal(self, method: str, requested: Sequence[str]) -> Refusal | None:
        """Return why a browser would stop after this preflight although its origin is allowed; or None.

        https://fetch.spec.whatwg.org/#cors-preflight-fetch, steps 7.5 to 7.7
        """
        if method not in self.methods and method not in SAFELISTED_METHODS:
            return method_refusal(method, self.methods, self._served_methods)
        names = parse_requested_headers(requested)
        if names is None:
            return header_names_refusal(requested)
        allowed = self.compiled.policy.allow_headers
        if allowed == "*":
            return None
        for name in names.split(","):
            # Safelisted names are no exception: a browser names one if its value needs permission.
            if name and name not in allowed:
                return header_refusal(name, allowed)
        return None


def _is_allowed(method: str, policy: CorsPolicy) -> bool:
    """Return whether pages can use a method that the path serves; OPTIONS is added to every list."""
    if method == _OPTIONS or method in FORBIDDEN_METHODS:
        return False
    return names_method(policy, method)


def _allow_headers(compiled: CompiledPolicy) -> str:
    """Return the value of Access-Control-Allow-Headers; "" if the requested names are sent instead."""
    if compiled.reflects_headers:
        return ""
    if compiled.policy.allow_headers == "*":
        # In the standard "*" does not cover Authorization, so it is named beside it.
        # https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
        return "*,authorization"
    return ",".join(compiled.policy.allow_headers)
