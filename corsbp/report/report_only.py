"""A report-only policy: what it would decide differently is reported. It never has a say in an answer."""

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
from .attempts import Reading
from .refused import Why
from .signals import MAX_CONCURRENT, TaskLimiter, has_listener, send_signal

MAX_LOGGED: Final = 50
"""Pages that are named in the log for each kind of difference."""

_limiters: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, TaskLimiter]] = WeakKeyDictionary()


def running_calls() -> list[asyncio.Task[None]]:
    """The functions that are being asked after the answer, in this loop."""
    asking = _limiters.get(asyncio.get_running_loop())
    return list(asking.tasks) if asking else []


def report_difference(
    report_only: CompiledPolicy, attempt: Reading, why: Why | None, said: OriginDecision
) -> None:
    """Report what the report-only policy would decide differently from those that hold.

    Those refuse what the page wants, and say `why`; or None. Functions that have `said` something of this
    request are not asked again; others are asked after the answer.
    """
    decision = OriginDecision(said.verdicts)
    if decision.recall(report_only, attempt.origins):
        _report(report_only, attempt, why, decision)
        return
    loop = asyncio.get_running_loop()
    asking = _limiters.get(loop) or _limiters.setdefault(loop, TaskLimiter())
    if not asking.start(partial(_call_functions_and_report, report_only, attempt, why, decision)):
        message = "%s report-only: %d functions are being asked, so that a request was not tried"
        cors_logger.write(logging.INFO, message, report_only.label(), MAX_CONCURRENT)


async def _call_functions_and_report(
    report_only: CompiledPolicy, attempt: Reading, why: Why | None, decision: OriginDecision
) -> None:
    await decision.form(report_only, attempt.request)
    _report(report_only, attempt, why, decision)


def _report(report_only: CompiledPolicy, attempt: Reading, why: Why | None, decision: OriginDecision) -> None:
    allowed = why is None
    differs = attempt.allowed(report_only, decision) is not allowed
    if differs and (refusal := why() if why else attempt.refusal(report_only, decision)):
        _log_difference(report_only, attempt, "could no longer" if allowed else "could", refusal)
        if allowed and has_listener(attempt.request.app):
            send_signal(report_only, attempt.request, refusal, report_only=True)


def _log_difference(report_only: CompiledPolicy, attempt: Reading, could: str, refusal: Refusal) -> None:
    """Once for each kind, page and value, as far as they are named."""
    if not cors_logger.logger.isEnabledFor(logging.INFO):
        return
    told = report_only.told.setdefault(f"{could} {attempt.can} {refusal.id}", set())
    difference = f"{attempt.page} {safe_repr(refusal.value)}"
    if difference in told or len(told) > MAX_LOGGED:
        return
    told.add(difference)
    if len(told) > MAX_LOGGED:
        message = "%s report-only: more pages %s %s … (%s): they are not named any more"
        cors_logger.write(logging.INFO, message, report_only.label(), could, attempt.can, refusal.id)
    else:
        values = attempt.page, could, attempt.what, refusal.id, refusal.words
        cors_logger.write(
            logging.INFO, "%s report-only: a page of %s %s %s: %s: %s", report_only.label(), *values
        )
