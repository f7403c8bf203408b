"""A policy on trial: what it would decide differently is reported. It never has a say in an answer."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from .decision import Rules
from .journal import journal, shown
from .refusals import Refusal
from .seen import AT_ONCE, Beside, Reading, listened, signal
from .verdict import Opinion

NAMED: Final = 50
"""Pages that are named in the log for each kind of difference."""

_asking: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Beside]] = WeakKeyDictionary()


def asked() -> list[asyncio.Task[None]]:
    """The functions that are being asked after the answer, in this loop."""
    asking = _asking.get(asyncio.get_running_loop())
    return list(asking.tasks) if asking else []


class Decided(NamedTuple):
    """What the rules that hold have decided: what functions said, and why the page is refused, if it is."""

    opinion: Opinion
    refusal: Refusal | None


def compare(trial: Rules, wish: Reading, decided: Decided) -> None:
    """Report what the rules on trial would decide differently.

    Functions that have been asked for this request are not asked again; others are asked after the answer.
    """
    opinion = Opinion(decided.opinion.verdicts)
    if opinion.recall(trial, wish.origins) is None:
        _report(trial, wish, decided, opinion)
        return
    loop = asyncio.get_running_loop()
    asking = _asking.get(loop) or _asking.setdefault(loop, Beside())
    if not asking.start(partial(_ask, trial, wish, decided, opinion)):
        message = "%s on trial: %d functions are being asked, so that a request was not tried"
        journal.write(logging.INFO, message, trial.label(), AT_ONCE)


async def _ask(trial: Rules, wish: Reading, decided: Decided, opinion: Opinion) -> None:
    await opinion.form(trial, wish.request)
    _report(trial, wish, decided, opinion)


def _report(trial: Rules, wish: Reading, decided: Decided, opinion: Opinion) -> None:
    refusal = wish.refusal(trial, opinion)
    if refusal is not None and decided.refusal is None:
        _log(trial, wish, "could no longer", refusal)
        if listened(wish.request.app):
            signal(trial, wish.request, refusal, trial=True)
    elif refusal is None and decided.refusal is not None:
        _log(trial, wish, "could", decided.refusal)


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
