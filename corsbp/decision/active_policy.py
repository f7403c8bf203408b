"""Pure: the policy in force of a route, with its report-only policy; both can change while the app runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from inspect import iscoroutine
from types import EllipsisType
from typing import TypeAlias

from ..log import cors_logger, make_facts
from ..policy.fields import function_name
from ..policy.policy import CorsPolicy
from ..text import safe_repr
from .compiled import CompiledPolicy, ReportOnlyPolicy
from .differences import DifferenceCounter, Differences

ReportOnly: TypeAlias = CorsPolicy | Callable[[CorsPolicy], CorsPolicy]
"""A report-only policy, or a function that makes it of the policy in force."""


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
        self.section: ActivePolicy = section or self
        self._report_only = report_only
        self._differences = DifferenceCounter()
        made = make_report_only(report_only, policy)
        beside = ReportOnlyPolicy(made, label, self._differences) if made else None
        self.compiled: CompiledPolicy = CompiledPolicy(policy, label, beside)

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
        """The differences of the report-only policy, until now."""
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
