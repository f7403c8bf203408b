"""Pure: a compiled policy: the CORS headers of a response.

A `CorsPolicy` becomes a `CompiledPolicy` once. Headers are bytes, as they are sent. What is left for each
request is a look-up and the joining of two short tuples.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from inspect import iscoroutine
from types import EllipsisType
from typing import Final, TypeAlias

from ..log import cors_logger, make_facts
from ..policy.fields import function_name
from ..policy.policy import CorsPolicy, calls_functions_for, origin_entries, origin_functions, origin_set
from ..spec.fetch import ALLOW_CREDENTIALS, ALLOW_ORIGIN, EXPOSE_HEADERS, ORIGIN, VARY
from ..text import safe_repr
from .differences import DifferenceCounter, Differences
from .refusal import Refusal, origin_refusal

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""The `access-control-*` headers of a response; a Vary, where there is one, comes last."""

ReportOnly: TypeAlias = CorsPolicy | Callable[[CorsPolicy], CorsPolicy]
"""A report-only policy, or a function that makes it of the policy in force."""

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
        # The number of origins is known; a list of the entries would cost a look at each of 100,000.
        has_one_origin = len(self.origins.exact) == 1 and len(origin_entries(self.policy)) == 1
        if self.is_live or self.functions or not has_one_origin:
            return None
        return next(iter(self.origins.exact))

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


class ReportOnlyPolicy(CompiledPolicy):
    """A compiled report-only policy, with its differences from the policy in force."""

    is_report_only = True

    def __init__(self, policy: CorsPolicy, label: Callable[[], str], differences: DifferenceCounter) -> None:
        super().__init__(policy, label)
        self.differences = differences


class ActivePolicy:
    """The policy in force of a route: its section's, or its own.

    All routes of a section share one, so that another policy takes one assignment, however many routes there
    are. `section` is the section's, where this is a route's own.

    report_only: the report-only policy beside it, or a function that makes it of each policy in force.
    """

    __slots__ = ("_differences", "_report_only", "compiled", "section")

    def __init__(
        self,
        policy: CorsPolicy,
        label: Callable[[], str] = str,
        section: ActivePolicy | None = None,
        report_only: ReportOnly | None = None,
    ) -> None:
        self.section = section or self
        self._report_only = report_only
        self._differences = DifferenceCounter()
        made = make_report_only(report_only, policy)
        beside = ReportOnlyPolicy(made, label, self._differences) if made else None
        self.compiled = CompiledPolicy(policy, label, beside)

    @property
    def policy(self) -> CorsPolicy:
        """The policy in force."""
        return self.compiled.policy

    @property
    def report_only(self) -> CorsPolicy | None:
        """The report-only policy."""
        report_only = self.compiled.report_only
        return report_only.policy if report_only else None

    @property
    def differences(self) -> Differences:
        """What the report-only policy would have decided differently."""
        report_only = self.compiled.report_only
        return report_only.differences.most_frequent() if report_only else Differences()

    def change(self, policy: CorsPolicy, report_only: ReportOnly | EllipsisType | None = ...) -> None:
        """Put another policy in force, beside another report-only policy, none, or the same (`...`).

        Raises:
            TypeError, ValueError: the function of `report_only` failed. Then nothing changes.
        """
        declared = self._report_only if report_only is ... else report_only
        made = make_report_only(declared, policy)
        if declared != self._report_only:
            self._report_only = declared
            self._differences = DifferenceCounter()
        self._put_in_force(policy, made, self.compiled.is_live)

    def change_live(self, policy: CorsPolicy) -> None:
        """Put a policy with live origins in force, also if the function of `report_only` fails."""
        try:
            report_only = make_report_only(self._report_only, policy)
        except (TypeError, ValueError) as error:
            report_only = self.report_only
            section = self.compiled.label()
            message = "%s report-only: %s: the last report-only policy stays"
            cors_logger.write(logging.ERROR, message, section, error, facts=make_facts(section=section))
        self._put_in_force(policy, report_only, is_live=True)

    def _put_in_force(self, policy: CorsPolicy, report_only: CorsPolicy | None, is_live: bool) -> None:
        label = self.compiled.label
        beside = ReportOnlyPolicy(report_only, label, self._differences) if report_only else None
        # One assignment: no request sees one policy beside the report-only policy of another.
        self.compiled = CompiledPolicy(policy, label, beside, is_live)


def make_report_only(report_only: ReportOnly | None, policy: CorsPolicy) -> CorsPolicy | None:
    """Return the report-only policy for a policy in force, made by the function where it is one.

    Raises:
        ValueError: the function raised an error.
        TypeError: the function returned something else.
    """
    if report_only is None or isinstance(report_only, CorsPolicy):
        return report_only
    name = f"the function {function_name(report_only)}() of report_only="
    try:
        made: object = report_only(policy)
    except Exception as error:
        raise ValueError(f"{name} failed: {safe_repr(error)}") from error
    if not isinstance(made, CorsPolicy):
        if iscoroutine(made):
            made.close()  # or Python would warn that nobody has awaited it
        raise TypeError(f"{name} returned {safe_repr(made)}, which is not a CorsPolicy")
    return made


def encode_headers(*pairs: tuple[str, str]) -> Headers:
    """Return these headers as bytes, without those that have no value."""
    return tuple((name.encode(), value.encode()) for name, value in pairs if value)
