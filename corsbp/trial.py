"""A policy on trial: what it would decide differently is reported. It never has a say in an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from sanic.request import Request

from .decision import Rules
from .journal import journal, shown
from .refusals import Refusal
from .seen import AT_ONCE, Beside, Reading, page_of, signal
from .verdict import Opinion

NAMED: Final = 50
"""Pages that are named in the log for each kind of difference."""

_asking: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Beside]] = WeakKeyDictionary()


class Decided(NamedTuple):
    """What the rules that hold have decided on what a page wants: `refusal` is None where it may."""

    request: Request
    act: Reading
    origins: Sequence[str]
    opinion: Opinion | None
    refusal: Refusal | None


def compare(trial: Rules, decided: Decided) -> None:
    """Report what the rules on trial would decide differently.

    Functions that have been asked for this request are not asked again; others are asked after the answer.
    """
    opinion: Opinion | None = None
    if trial.ask is not None:
        opinion = Opinion(decided.opinion.verdicts if decided.opinion else None)
        if not opinion.recall(trial, decided.origins):
            loop = asyncio.get_running_loop()
            asking = _asking.get(loop) or _asking.setdefault(loop, Beside())
            if not asking.start(partial(_ask, trial, decided, opinion)):
                message = "%s on trial: %d functions are being asked, so that a request was not tried"
                journal.write(logging.INFO, message, trial.label(), AT_ONCE)
            return
    _report(trial, decided, opinion)


async def _ask(trial: Rules, decided: Decided, opinion: Opinion) -> None:
    await opinion.form(trial, decided.request)
    _report(trial, decided, opinion)


def _report(trial: Rules, decided: Decided, opinion: Opinion | None) -> None:
    request, act, origins, _, before = decided
    after = act.refusal(trial, request, origins, opinion)
    if after is not None and before is None:
        _log(trial, request, act, f"could no longer {act.can}", after)
        signal(trial, request, after, trial=True)
    elif before is not None and after is None:
        _log(trial, request, act, f"could {act.can}", before)


def _log(trial: Rules, request: Request, act: Reading, could: str, refusal: Refusal) -> None:
    """Once for each kind, page and value, as far as they are named."""
    if not journal.logger.isEnabledFor(logging.INFO):
        return
    page = page_of(request)
    told = trial.told.setdefault(f"{could} {refusal.id}", set())
    difference = f"{page} {shown(refusal.value)}"
    if difference in told or len(told) > NAMED:
        return
    told.add(difference)
    if len(told) > NAMED:
        message = "%s on trial: more pages %s (%s): they are not named any more"
        journal.write(logging.INFO, message, trial.label(), could, refusal.id)
    else:
        values = page, could, act.asks(request), refusal.id, refusal.words
        journal.write(logging.INFO, "%s on trial: a page of %s %s %s: %s: %s", trial.label(), *values)
