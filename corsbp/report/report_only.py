"""A report-only policy: what it would decide differently is reported. It never changes a response."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from ..decision.compiled import CompiledPolicy
from ..decision.origin_functions import OriginDecision
from ..decision.refusal import Refusal
from ..log import cors_logger
from ..text import safe_repr
from .attempts import Attempt
from .refused import Explain
from .signals import MAX_CONCURRENT, TaskLimiter, has_listener, send_signal

MAX_LOGGED: Final = 50
"""Pages that the log names for each kind of difference."""

_limiters: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, TaskLimiter]] = WeakKeyDictionary()


def running_calls() -> list[asyncio.Task[None]]:
    """Return the calls of functions that only report-only policies have, in this loop."""
    limiter = _limiters.get(asyncio.get_running_loop())
    return list(limiter.tasks) if limiter else []


def report_difference(
    report_only: CompiledPolicy, attempt: Attempt, explain: Explain | None, enforced: OriginDecision
) -> None:
    """Report what the report-only policy would decide differently from the policy in force.

    explain: returns why the policy in force refuses the attempt; None if it allows it.
    enforced: its decision. Functions that were called for it are not called again; others are called after
        the response.
    """
    decision = OriginDecision(enforced.results)
    if decision.decide_without_calls(report_only, attempt.origins):
        _report(report_only, attempt, explain, decision)
        return
    loop = asyncio.get_running_loop()
    limiter = _limiters.get(loop) or _limiters.setdefault(loop, TaskLimiter())
    if limiter.has_room:
        limiter.start(_call_functions_and_report(report_only, attempt, explain, decision))
    else:
        message = "%s report-only: %d functions are being called, so that a request was not evaluated"
        cors_logger.write(logging.INFO, message, report_only.label(), MAX_CONCURRENT)


async def _call_functions_and_report(
    report_only: CompiledPolicy, attempt: Attempt, explain: Explain | None, decision: OriginDecision
) -> None:
    await decision.decide(report_only, attempt.request)
    _report(report_only, attempt, explain, decision)


def _report(
    report_only: CompiledPolicy, attempt: Attempt, explain: Explain | None, decision: OriginDecision
) -> None:
    is_allowed = explain is None
    differs = attempt.is_allowed(report_only, decision) is not is_allowed
    find_refusal = explain or partial(attempt.refusal, report_only, decision)
    refusal = find_refusal() if differs else None
    if refusal is None:
        return
    _log_difference(report_only, attempt, "could no longer" if is_allowed else "could", refusal)
    if is_allowed and has_listener(attempt.request.app):
        send_signal(report_only, attempt.request, refusal, report_only=True)


def _log_difference(report_only: CompiledPolicy, attempt: Attempt, could: str, refusal: Refusal) -> None:
    """Log a difference once for each kind, page and value, up to `MAX_LOGGED` of a kind."""
    if not cors_logger.logger.isEnabledFor(logging.INFO):
        return
    logged = report_only.logged.setdefault(f"{could} {attempt.kind.value} {refusal.id}", set())
    difference = f"{attempt.page} {safe_repr(refusal.value)}"
    if difference in logged or len(logged) > MAX_LOGGED:
        return
    logged.add(difference)
    section = report_only.label()
    if len(logged) > MAX_LOGGED:
        message = "%s report-only: more pages %s %s … (%s): they are not named any more"
        cors_logger.write(logging.INFO, message, section, could, attempt.kind.value, refusal.id)
    else:
        values = attempt.page, could, attempt.words, refusal.id, refusal.words
        cors_logger.write(logging.INFO, "%s report-only: a page of %s %s %s: %s: %s", section, *values)
