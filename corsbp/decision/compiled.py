"""Pure: a compiled policy: the CORS headers of a response.

A `CorsPolicy` becomes a `CompiledPolicy` once. Headers are bytes, as they are sent. What is left for each
request is a look-up and the joining of two short tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..policy.fields import OriginFunction
from ..policy.policy import CorsPolicy, calls_functions_for, origin_entries, origin_functions, origin_set
from ..spec.fetch import ALLOW_CREDENTIALS, ALLOW_ORIGIN, EXPOSE_HEADERS, VARY
from ..spec.wildcards import OriginSet
from .differences import DifferenceCounter
from .refusal import Refusal, origin_refusal
from .vary import EncodedHeaders, vary_names

_ALLOW_ORIGIN: Final = ALLOW_ORIGIN.encode()


class CompiledPolicy:
    """A policy in the form that responses are made from.

    label: returns the name of its section, for the log.
    report_only: the report-only policy beside it.
    is_live: whether its origins come from a store. Responses then vary with `Origin` even if there is just
        one origin: a shared cache must not be wrong when the second arrives.
    """

    is_report_only = False

    def __init__(
        self,
        policy: CorsPolicy,
        label: Callable[[], str] = str,
        report_only: ReportOnlyPolicy | None = None,
        is_live: bool = False,
    ) -> None:
        self.policy = policy
        self.label = label
        self.report_only = report_only
        self.is_live = is_live
        self.origins: OriginSet = origin_set(policy)
        # They are called, in this order, for an origin that no entry allows.
        self.functions: tuple[OriginFunction, ...] = origin_functions(policy)
        self.static: str | None = self._static_origin()
        # A static origin is sent to every page, also to those that cannot read the response.
        self.may_report_granted: bool = report_only is not None or self.static not in (None, "*")
        # In a preflight for a request with credentials, browsers take "*" as a name, and not as all names:
        # the requested names are sent instead. https://fetch.spec.whatwg.org/#http-new-header-syntax
        self.reflects_headers: bool = policy.allow_credentials and policy.allow_headers == "*"
        self._encode_headers()

    def _encode_headers(self) -> None:
        """Make the headers that do not depend on the request."""
        policy = self.policy
        # "*" with a store: the origin may be another one a moment later.
        self.varies_by_origin: bool = self.static is None or self.is_live
        self.credentials_headers: EncodedHeaders = ()
        if policy.allow_credentials:
            self.credentials_headers = encode_headers((ALLOW_CREDENTIALS, "true"))
        self.expose_headers: EncodedHeaders = encode_headers(
            (EXPOSE_HEADERS, ",".join(policy.expose_headers))
        )
        self.refused_headers: EncodedHeaders = encode_headers(
            (VARY, ", ".join(vary_names(self.varies_by_origin)))
        )
        self._headers_after_origin = (
            *self.credentials_headers,
            *self.expose_headers,
            *self.refused_headers,
        )
        self.static_headers: EncodedHeaders | None = None
        if self.static is not None:
            self.static_headers = self.response_headers(self.static)

    def _static_origin(self) -> str | None:
        """Return the origin that every response names, so that no response varies with it; or None.

        https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
        """
        if self.policy.allow_origins == "*":
            return "*"
        if self.is_live or self.functions:
            return None
        # The first number is known; to count the entries takes a look at each, and there may be 100,000.
        has_one_origin = len(self.origins.exact) == 1 and len(origin_entries(self.policy)) == 1
        return next(iter(self.origins.exact)) if has_one_origin else None

    def grant(self, origins: Sequence[str]) -> str | None:
        """Return the `access-control-allow-origin` for these Origin lines; None if no entry allows them.

        This is the one place where a policy's entries decide about a request.
        """
        if self.static is not None:
            return self.static
        # What a pattern allows is a valid origin, so that nothing else is ever sent back.
        if len(origins) == 1:
            origin = origins[0]
            if origin in self.origins.exact or self.origins.match(origin):
                return origin
        return None

    def needs_functions(self, origins: Sequence[str]) -> bool:
        """Return whether origin functions decide about these Origin lines, which no entry allows."""
        return bool(self.functions) and len(origins) == 1 and calls_functions_for(self.policy, origins[0])

    def allows(self, origins: Sequence[str], grant: str | None) -> bool:
        """Return whether a page of this origin can read a response with this grant.

        It cannot where a static origin is another one: the browser compares them.
        https://fetch.spec.whatwg.org/#concept-cors-check
        """
        return grant == "*" or (len(origins) == 1 and grant == origins[0])

    def refusal(self, origins: Sequence[str], grant: str | None, failed: bool = False) -> Refusal | None:
        """Return why the origin is refused; None if it is allowed, or if there is none."""
        if not origins or self.allows(origins, grant):
            return None
        return origin_refusal(self.policy, origins, failed)

    def response_headers(self, grant: str | None) -> EncodedHeaders:
        """Return the headers of a response other than a preflight's."""
        if grant is None:
            return self.refused_headers
        return ((_ALLOW_ORIGIN, grant.encode()), *self._headers_after_origin)


class ReportOnlyPolicy(CompiledPolicy):
    """A compiled report-only policy, with its differences from the policy in force."""

    is_report_only = True

    def __init__(self, policy: CorsPolicy, label: Callable[[], str], differences: DifferenceCounter) -> None:
        super().__init__(policy, label)
        self.differences = differences


def encode_headers(*pairs: tuple[str, str]) -> EncodedHeaders:
    """Return these headers as bytes, without those that have no value."""
    return tuple((name.encode(), value.encode()) for name, value in pairs if value)
