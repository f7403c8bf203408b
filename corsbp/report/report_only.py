"""A policy on trial: what it would decide differently is reported. It never has a say in an answer."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from ..decision.compiled import Rules
from ..decision.origin_functions import Opinion
from ..decision.refusal import Refusal
from ..log import journal, shown
from .refused import AT_ONCE, Beside, Reading, Why, listened, signal

NAMED: Final = 50
"""Pages that are named in the log for each kind of difference."""

_asking: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Beside]] = WeakKeyDictionary()


def asked() -> list[asyncio.Task[None]]:
    """The functions that are being asked after the answer, in this loop."""
    asking = _asking.get(asyncio.get_running_loop())
    return list(asking.tasks) if asking else []


def compare(trial: Rules, wish: Reading, why: Why | None, said: Opinion) -> None:
    """Report what the rules on trial would decide differently from those that hold.

    Those refuse what the page wants, and say `why`; or None. Functions that have `said` something of this
    request are not asked again; others are asked after the answer.
    """
    opinion = Opinion(said.verdicts)
    if opinion.recall(trial, wish.origins):
        _report(trial, wish, why, opinion)
        return
    loop = asyncio.get_running_loop()
    asking = _asking.get(loop) or _asking.setdefault(loop, Beside())
    if not asking.start(partial(_ask, trial, wish, why, opinion)):
        message = "%s on trial: %d functions are being asked, so that a request was not tried"
        journal.write(logging.INFO, message, trial.label(), AT_ONCE)


async def _ask(trial: Rules, wish: Reading, why: Why | None, opinion: Opinion) -> None:
    await opinion.form(trial, wish.request)
    _report(trial, wish, why, opinion)


def _report(trial: Rules, wish: Reading, why: Why | None, opinion: Opinion) -> None:
    allowed = why is None
    differs = wish.allowed(trial, opinion) is not allowed
    if differs and (refusal := why() if why else wish.refusal(trial, opinion)):
        _log(trial, wish, "could no longer" if allowed else "could", refusal)
        if allowed and listened(wish.request.app):
            signal(trial, wish.request, refusal, trial=True)


def _log(trial: Rules, wish: Reading, could: str, refusal: Refusal) -> None:
    """Once for each kind, page and value, as far as they are named."""
    if not journal.logger.isEnabledFor(logging.INFO):
        return
    told = trial.told.setdefault(f"{could} {wish.can} {refusal.id}", set())
    difference = f"{wish.page} {shown(refusal.value)}"
    if difference in told or len(told) > NAMED:
        return
    told.add(difference)
    if len(told) > NAMED:
        message = "%s on trial: more pages %s %s … (%s): they are not named any more"
        journal.write(logging.INFO, message, trial.label(), could, wish.can, refusal.id)
    else:
        values = wish.page, could, wish.what, refusal.id, refusal.words
        journal.write(logging.INFO, "%s on trial: a page of %s %s %s: %s: %s", trial.label(), *values)
