"""A report-only policy: what it would decide differently is reported. It never changes a response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from ..decision.compiled import ReportOnlyPolicy
from ..decision.differences import DifferenceCounter
from ..decision.origin_functions import OriginDecision
from ..decision.refusal import Refusal
from ..decision.request_facts import request_facts
from ..log import cors_logger, make_facts
from ..spec.origins import MAX_LENGTH
from ..text import safe_repr, safe_text
from .attempts import Attempt
from .refused import Explain
from .signals import MAX_CONCURRENT, TaskLimiter, has_listener, send_signal

Decided: TypeAlias = Sequence[tuple[Attempt, Explain | None]]
"""Attempts of one request, each with a function that returns why the policy in force refuses it, or None."""

MAX_LOGGED: Final = 50
"""Pages that the log names for each kind of difference."""

_limiters: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, TaskLimiter]] = WeakKeyDictionary()


def running_calls() -> list[asyncio.Task[None]]:
    """Return the calls of functions that only report-only policies have, in this loop."""
    limiter = _limiters.get(asyncio.get_running_loop())
    return list(limiter.tasks) if limiter else []


def report_difference(report_only: ReportOnlyPolicy, attempts: Decided, enforced: OriginDecision) -> None:
    """Report the first of a request's attempts that the report-only policy would decide differently.

    enforced: the decision of the policy in force. Functions that were called for it are not called again;
        others are called after the response.
    """
    decision = OriginDecision(enforced.results)
    first, _ = attempts[0]
    is_decided = decision.decide_without_calls(report_only, first.origins)
    if is_decided or not any(attempt.needs_functions(report_only) for attempt, _ in attempts):
        _report(report_only, attempts, decision)
        return
    loop = asyncio.get_running_loop()
    limiter = _limiters.get(loop) or _limiters.setdefault(loop, TaskLimiter())
    if limiter.has_room:
        limiter.start(_call_functions_and_report(report_only, attempts, decision))
    else:
        message = "%s report-only: %d functions are being called, so that a request was not evaluated"
        section = report_only.label()
        facts = request_facts(first.request, section, None, report_only=True)
        cors_logger.write(logging.INFO, message, section, MAX_CONCURRENT, facts=facts)


async def _call_functions_and_report(
    report_only: ReportOnlyPolicy, attempts: Decided, decision: OriginDecision
) -> None:
    await decision.decide(report_only, attempts[0][0].request)
    _report(report_only, attempts, decision)


def _report(report_only: ReportOnlyPolicy, attempts: Decided, decision: OriginDecision) -> None:
    for attempt, explain in attempts:
        is_allowed = explain is None
        # Without words: most requests beside a report-only policy have the same decision by both.
        differs = attempt.is_allowed(report_only, decision) is not is_allowed
        # The reason is that of the policy that refuses.
        find_refusal = explain or partial(attempt.refusal, report_only, decision)
        refusal = find_refusal() if differs else None
        if refusal is not None:
            _report_refusal(report_only, attempt, refusal, is_allowed)
            return


def _report_refusal(
    report_only: ReportOnlyPolicy, attempt: Attempt, refusal: Refusal, is_allowed: bool
) -> None:
    """Count, log and signal a difference.

    is_allowed: whether the policy in force allows the attempt, and the report-only policy refuses it.
    """
    # Whatever becomes of the line in the log: a list that leaves out what the log left out is not honest.
    kind = f"{'refuse' if is_allowed else 'allow'}-{attempt.kind.verb}"
    report_only.differences.add((kind, safe_text(attempt.origin, MAX_LENGTH), refusal.id))
    if cors_logger.logger.isEnabledFor(logging.INFO):
        _log_difference(report_only, attempt, "could no longer" if is_allowed else "could", refusal)
    # A listener counts pages that fail, and those that only the policy in force refuses fail already.
    if is_allowed and has_listener(attempt.request.app):
        send_signal(report_only, attempt.request, refusal, report_only=True)


def _log_difference(report_only: ReportOnlyPolicy, attempt: Attempt, could: str, refusal: Refusal) -> None:
    """Log a difference once for each kind, page and value, up to `MAX_LOGGED` of a kind."""
    differences, section = report_only.differences, report_only.label()
    if differences.is_cut:
        message = (
            "%s report-only: more than %d differences: group.differences() has the most frequent of them"
        )
        _log_cut(differences, None, message, section, differences.places)
    kind = f"{could} {attempt.kind.words} … ({refusal.id})"
    logged = differences.logged.setdefault(kind, set())
    difference = f"{attempt.page} {safe_repr(refusal.value)}"
    if difference in logged:
        return
    if len(logged) == MAX_LOGGED:
        message = "%s report-only: more than %d pages %s: group.differences() counts all of them"
        _log_cut(differences, kind, message, section, MAX_LOGGED, kind)
        return
    is_logged = cors_logger.write(
        logging.INFO,
        "%s report-only: a page of %s %s %s: %s: %s",
        section,
        attempt.page,
        could,
        attempt.words,
        refusal.id,
        refusal.words,
        facts=request_facts(attempt.request, section, refusal.id, report_only=True),
    )
    # A line that the rate limit left out is logged when the same difference comes again.
    if is_logged:
        logged.add(difference)


def _log_cut(
    differences: DifferenceCounter, kind: str | None, message: str, section: str, *values: object
) -> None:
    """Log once that a list is cut, whatever the rate is: the flood that cuts the list fills the log, too."""
    if kind not in differences.cuts_logged:
        differences.cuts_logged.add(kind)
        facts = make_facts(section=section, report_only=True)
        cors_logger.log(logging.INFO, message, section, *values, facts=facts)
