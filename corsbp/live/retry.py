"""A source that is run in one event loop, and run again when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import uniform
from typing import Any, Final, Protocol

from ..log import cors_logger, make_facts
from ..text import safe_repr
from .options import FollowOptions, Source
from .values import clear_in_steps, unify_value

FIRST_DELAY: Final = 1.0
"""Seconds, at least, until a source that failed is run again; doubled by each failure, up to `retry=`."""

FIRST_VALUE_TIMEOUT: Final = 60.0
"""Seconds that a source may take for its first value, or `wait=` where that is longer."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that a source may take to close."""

PAUSE: Final = 0.01
"""Seconds between two values: a source that never awaits must not keep the event loop for itself."""


class ValueReceiver(Protocol):
    """A section that receives the values of a source."""

    label: Callable[[], str]

    async def receive(self, value: object) -> bool:
        """Put a value in force; return whether it is valid."""

    def note_failure(self, error: str) -> None:
        """Note that the source failed."""


class SourceRun:
    """A source in one event loop, for all sections of an app that follow it: they share one connection."""

    def __init__(self, app: Any, source: Source, options: FollowOptions) -> None:
        self.app = app
        self.source = source
        self.options = options
        self.receivers: dict[ValueReceiver, asyncio.Future[None]] = {}
        """The sections, each with a future that is done when a first valid value is in force."""
        self.apps: set[str] = set()
        """The names of the apps that serve these sections: the run ends with the last."""
        self.value: object = None
        """The last value, as the sections receive it."""
        self.error: str | None = None
        self.failures: int = 0
        """Failures in a row: a valid value clears them."""
        self.consumer: asyncio.Task[None] | None = None
        """The task whose values count."""
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(self._run_forever())

    def add(self, receiver: ValueReceiver) -> None:
        """Add a section. All are added before the event loop has a turn, in which the task begins."""
        self.receivers[receiver] = self.task.get_loop().create_future()

    def has_ended(self) -> bool:
        """Return whether the run has ended, or was cut off with its event loop."""
        return self.task.done() or self.task.get_loop().is_closed()

    async def stop(self) -> None:
        """Close the source."""
        await cancel_and_wait(self.task, CLOSE_TIMEOUT + 1)

    def log(self, message: str, *values: object, trace: bool = False) -> None:
        """Log an error, with the names of all sections that follow."""
        labels = " and ".join(receiver.label() for receiver in self.receivers)
        facts = make_facts(section=labels)
        cors_logger.write(logging.ERROR, f"%s: {message}", labels, *values, facts=facts, trace=trace)

    async def _run_forever(self) -> None:
        while True:
            error = self.error = await self._run_once()
            self.failures += 1
            for receiver in self.receivers:
                receiver.note_failure(error)
            delay = retry_delay(self.failures, self.options.retry)
            message = "the source of live origins %s; the last valid ones stay in force, next try in %.1f s"
            self.log(message, error, delay)
            await asyncio.sleep(delay)

    async def _run_once(self) -> str:
        """Run the source until it ends, and return in words why it did."""
        answered = asyncio.get_running_loop().create_future()
        consumer = self.consumer = asyncio.create_task(self._consume(answered))
        patience = max(FIRST_VALUE_TIMEOUT, self.options.wait)
        try:
            await asyncio.wait({consumer, answered}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not answered.done() and not consumer.done():
                return f"gave nothing for {patience:g} s"
            await asyncio.wait({consumer})
        finally:
            # A source that ignores its cancellation may yield later: no value of this task counts any more.
            self.consumer = None
            if not await cancel_and_wait(consumer, CLOSE_TIMEOUT):
                self.log("the source of live origins does not end when it is cancelled")
        return self._outcome(consumer)

    def _outcome(self, consumer: asyncio.Task[None]) -> str:
        try:
            consumer.result()
        # A library may have exceptions of its own that are not an Exception. A source is not trusted with
        # the life of this run, and is told apart from a cancellation of the run by the task that has it.
        except BaseException as error:
            why = f"failed: {safe_repr(error)}"
            if why != self.error:  # a traceback for the first of equal failures
                self.log("the source of live origins failed", trace=True)
            return why
        return "ended"

    async def _consume(self, answered: asyncio.Future[None]) -> None:
        """Take what the source yields, all in one task: it may hold what belongs to a task."""
        values = self.source(self.app)
        if not hasattr(values, "__aiter__"):
            raise TypeError(f"it returned {safe_repr(values)}, which is not an async generator")
        try:
            async for value in values:
                if self.consumer is not asyncio.current_task():
                    break
                await self._deliver(value)
                if not answered.done():
                    answered.set_result(None)
                await asyncio.sleep(PAUSE)
        finally:
            close = getattr(values, "aclose", None)  # which an iterator does not need to have
            if close is not None:
                await close()

    async def _deliver(self, given: object) -> None:
        """Put a value in force in each section; one that equals the last is the same object for them."""
        last = self.value
        value = unify_value(given)
        # The same tuple or frozenset again has the same entries, however many: no look at them is needed.
        if value is not last and value == last:
            value = last
        for receiver, first in self.receivers.items():
            if await receiver.receive(value):
                self.failures = 0
                if not first.done():
                    first.set_result(None)
        self.value = value
        if isinstance(last, list) and last is not value:
            await clear_in_steps(last)


def retry_delay(failures: int, longest: float) -> float:
    """Return the seconds until the next try: longer after each failure, and not the same in all workers."""
    limit = min(longest, FIRST_DELAY * 2 ** min(failures, 30))
    return uniform(limit / 2, limit)


async def cancel_and_wait(task: asyncio.Task[Any], seconds: float) -> bool:
    """Cancel a task, wait, and return whether it has ended after so many seconds."""
    # To read the exception keeps asyncio from logging that nobody did.
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    task.cancel()
    await asyncio.wait({task}, timeout=seconds)
    return task.done()
