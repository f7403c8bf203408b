"""Pure: a compiled policy: the CORS headers of a response.

A `CorsPolicy` becomes a `CompiledPolicy` once. Headers are bytes, as they are sent. What is left for each
request is a look-up and the joining of two short tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from ..policy.policy import CorsPolicy, calls_functions_for, origin_entries, origin_functions, origin_set
from ..spec.fetch import ALLOW_CREDENTIALS, ALLOW_ORIGIN, EXPOSE_HEADERS, ORIGIN, VARY
from .refusal import Refusal, origin_refusal

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""The `access-control-*` headers of a response; a Vary, where there is one, comes last."""

_ALLOW_ORIGIN: Final = ALLOW_ORIGIN.encode()


class CompiledPolicy:
    """A policy in the form that responses are made from.

    label: returns the name of its section, for the log.
    report_only: the report-only policy beside it.
    is_live: whether its origins come from a store. Responses then vary with `Origin` even if there is just
        one origin: a shared cache must not be wrong when the second arrives.
    """

    def __init__(
        self,
        policy: CorsPolicy,
        label: Callable[[], str] = str,
        report_only: CompiledPolicy | None = None,
        is_live: bool = False,
    ) -> None:
        self.policy = policy
        self.label = label
        self.report_only = report_only
        self.is_live = is_live
        self.logged: dict[str, set[str]] = {}
        """The differences that the log has named, of a report-only policy."""
        self.origins = origin_set(policy)
        # Functions are called, in this order, for an origin that no entry allows.
        self.functions = origin_functions(policy)
        self.static = self._static_origin()
        # Browsers take "*" literally in requests with credentials, so the requested names are sent back.
        # https://fetch.spec.whatwg.org/#http-new-header-syntax
        self.reflects_headers = policy.allow_credentials and policy.allow_headers == "*"
        credentials = "true" if policy.allow_credentials else ""
        self.credentials_headers = encode_headers((ALLOW_CREDENTIALS, credentials))
        self.expose_headers = encode_headers((EXPOSE_HEADERS, ",".join(policy.expose_headers)))
        self.vary = () if self.static and not is_live else (ORIGIN,)
        self.refused_headers = encode_headers((VARY, "".join(self.vary)))
        self._headers_after_origin = (
            *self.credentials_headers,
            *self.expose_headers,
            *self.refused_headers,
        )
        self.static_headers = self.response_headers(self.static) if self.static else None
        # A static origin is sent to every page, also to those that cannot read the response.
        self.may_report_granted = report_only is not None or self.static not in (None, "*")

    def _static_origin(self) -> str | None:
        """Return the origin that every response names, and that so is no reason to vary; or None.

        https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
        """
        if self.policy.allow_origins == "*":
            return "*"
        is_one_origin = len(self.origins.exact) == len(origin_entries(self.policy)) == 1
        if is_one_origin and not self.functions and not self.is_live:
            return next(iter(self.origins.exact))
        return None

    def grant(self, origins: Sequence[str]) -> str | None:
        """Return the `access-control-allow-origin` for these Origin lines; None if no entry allows them.

        This is the one place where a policy's entries decide about a request.
        """
        if self.static is not None:
            return self.static
        # What a pattern allows is a valid origin, so that nothing else is ever sent back.
        if len(origins) == 1 and origins[0] in self.origins:
            return origins[0]
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

    def response_headers(self, grant: str | None) -> Headers:
        """Return the headers of a response other than a preflight's."""
        if grant is None:
            return self.refused_headers
        return ((_ALLOW_ORIGIN, grant.encode()), *self._headers_after_origin)


class ActivePolicy:
    """The policy in force of a route: its section's, or its own.

    All routes of a section share one, so that another policy takes one assignment, however many routes there
    are. `section` is the section's, where this is a route's own.
    """

    __slots__ = ("compiled", "section")

    def __init__(
        self,
        policy: CorsPolicy,
        label: Callable[[], str] = str,
        section: ActivePolicy | None = None,
        report_only: CorsPolicy | None = None,
    ) -> None:
        compiled_report_only = CompiledPolicy(report_only, label) if report_only else None
        self.compiled = CompiledPolicy(policy, label, compiled_report_only)
        self.section = section or self

    @property
    def policy(self) -> CorsPolicy:
        """The policy in force."""
        return self.compiled.policy

    @property
    def report_only(self) -> CorsPolicy | None:
        """The report-only policy."""
        report_only = self.compiled.report_only
        return report_only.policy if report_only else None

    def change(self, policy: CorsPolicy, report_only: CorsPolicy | None, is_live: bool | None = None) -> None:
        """Put another policy in force, with this report-only policy or none beside it."""
        before = self.compiled
        compiled_report_only = before.report_only
        if report_only != self.report_only:
            compiled_report_only = CompiledPolicy(report_only, before.label) if report_only else None
        if is_live is None:
            is_live = before.is_live
        # One assignment: no request sees one policy beside the report-only policy of another.
        self.compiled = CompiledPolicy(policy, before.label, compiled_report_only, is_live)


def encode_headers(*pairs: tuple[str, str]) -> Headers:
    """Return these headers as bytes, without those that have no value."""
    return tuple((name.encode(), value.encode()) for name, value in pairs if value)
