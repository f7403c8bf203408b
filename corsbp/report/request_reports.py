"""The reports of one request: what its page cannot do, and could not do by the report-only policy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..decision.compiled import CompiledPolicy
from ..decision.origin_functions import OriginDecision
from ..decision.own_origin import is_own_page
from ..decision.request_check import is_checked
from ..spec.fetch import ORIGIN
from .attempts import READ, REQUEST, Attempt, AttemptKind
from .refused import Explain, has_audience, report_refusal
from .report_only import report_difference

if TYPE_CHECKING:
    from sanic.request import Request


def kinds_to_report(
    kind: AttemptKind, request: Request, compiled: CompiledPolicy, has_route: bool
) -> list[AttemptKind]:
    """Return the attempts of a page about which there may be something to report; usually none.

    kind: what it attempts by the policy in force.
    has_route: whether the router has found a route for the request.
    """
    report_only = compiled.report_only
    if report_only is None and not has_audience(request.app):
        return []
    if kind is REQUEST:
        return [REQUEST]
    kinds = [REQUEST] if kind is READ and has_route and _is_checked_beside(request, compiled) else []
    origins = request.headers.getall(ORIGIN, ())
    # The usual case, for each response beside a report-only policy: both allow the page to read it.
    is_granted = (
        kind is READ
        and compiled.allows(origins, compiled.grant(origins))
        and (report_only is None or report_only.allows(origins, report_only.grant(origins)))
    )
    # Browsers send Origin with a page's POST to its own server, too.
    if origins and not is_granted and not is_own_page(request, compiled):
        kinds.append(kind)
    return kinds


def _is_checked_beside(request: Request, compiled: CompiledPolicy) -> bool:
    """Return whether the report-only policy checks a request as forged, which is not a handshake."""
    report_only, route = compiled.report_only, request.route
    if report_only is None or route is None or route.extra.websocket:
        return False
    return is_checked(report_only.policy, request.method)


def report_attempts(
    attempts: Sequence[Attempt], compiled: CompiledPolicy, decision: OriginDecision | None
) -> None:
    """Report the attempts of one request, of which the first one that differs is a difference.

    decision: the decision of the policy in force, if it had to be made.
    """
    first, report_only = attempts[0], compiled.report_only
    if decision is None:
        decision = OriginDecision()
        decision.decide_without_calls(compiled, first.origins)
    decided: list[tuple[Attempt, Explain | None]] = []
    for attempt in attempts:
        explain = None
        if not attempt.is_allowed(compiled, decision):
            explain = partial(attempt.refusal, compiled, decision)
            report_refusal(compiled, attempt, explain)
        decided.append((attempt, explain))
    if report_only is not None:
        report_difference(report_only, decided, decision)
