"""Origins that come from a store while the app runs: followed in each worker, kept when the store fails."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextvars import Context
from datetime import timedelta
from inspect import iscoroutinefunction, isgeneratorfunction
from random import uniform
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from weakref import WeakSet

from ..decision.compiled import ActivePolicy
from ..log import cors_logger
from ..policy.fields import Entries, OriginFunction, Star, to_seconds
from ..policy.policy import CorsPolicy
from ..policy.problems import CorsPolicyError
from ..text import safe_repr
from .values import apply_value, clear_in_steps, collection_entries, explain_entry, preload_tables

if TYPE_CHECKING:
    from sanic import Sanic

Source: TypeAlias = "Callable[[Any], AsyncIterator[Star | Entries | OriginFunction | CorsPolicy]]"
"""Given the app, yields who may read the answers, whenever that changes."""

SHORTEST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
"""Seconds until a source that failed is tried again: they grow from the one to the other."""

PATIENCE: Final = 60.0
"""Seconds that a source may take for its first value, and longer where more is waited for."""

PROVEN: Final = 5.0
"""Seconds after which a source that gave a value begins anew with its failures."""

PAUSE: Final = 0.01
"""Seconds between two values, so that a source that never awaits leaves the loop to others."""

LAST_WORDS: Final = 5.0
"""Seconds that a source may take to close."""

NAMED: Final = 40
"""Entries of one value that are named in the log."""

REMEMBERED: Final = 1000
"""Entries of which is known that they have been named."""


class Live(NamedTuple):
    """How live the origins of a section are, for a health check: `json(group.live._asdict())`."""

    age: float | None
    """Seconds since the source gave the last value, changed or not; None before the first."""

    origins: int
    """The number of origins, patterns and functions that hold now; 1 for `"*"`."""

    error: str | None
    """What is wrong with the source, until it gives a value that is good; None if nothing is."""


class OriginFollower:
    """What a section follows, in this process: a task in each event loop that serves it, which is one."""

    def __init__(self, active: ActivePolicy, source: Source, wait: float | timedelta, required: bool) -> None:
        if not callable(source) or iscoroutinefunction(source) or isgeneratorfunction(source):
            meant = "async def source(app): ... yield origins"
            raise TypeError(f"follow() takes an async generator function, not {source!r}. Meant: {meant}")
        seconds = to_seconds(wait)
        if seconds is None or not 0 <= seconds <= sys.float_info.max:
            raise TypeError(f"wait= takes a number of seconds or a timedelta, not {wait!r}")
        self.active_policy = active
        self.label = active.compiled.label
        self.source = source
        self.wait = float(seconds)
        self.required = required
        self.runs: dict[asyncio.AbstractEventLoop, Run] = {}
        self.came: float | None = None
        self.error: str | None = "following has not begun"
        self.declared = active.policy
        self.seen: object = None
        """The last value."""
        self.made: CorsPolicy | None = None
        """The policy that it made."""
        self.left_out: set[str] = set()
        """The entries of it that are no good."""
        self.given_up: WeakSet[asyncio.Task[None]] = WeakSet()
        """Tasks that have no say any more, should they not end when they are cancelled."""
        preload_tables()
        active.change(self.declared, active.report_only, is_live=True)

    @property
    def live(self) -> Live:
        """How live the origins are."""
        allowed = self.active_policy.policy.allow_origins
        age = None if self.came is None else time.monotonic() - self.came
        return Live(age, len(allowed) if isinstance(allowed, tuple) else 1, self.error)

    def say(self, level: int, message: str, *values: object, trace: bool = False) -> None:
        cors_logger.write(level, f"%s: {message}", self.label(), *values, trace=trace)

    # --- from the first request to the last ---

    async def start(self, app: Sanic[Any, Any]) -> None:
        """Begin, and wait for the first value.

        Raises:
            RuntimeError: it is required, and did not come in time.
        """
        run = self.begin(app)
        await asyncio.wait({run.first}, timeout=self.wait)
        if not run.first.done():
            why = f" ({self.error})" if self.error else ""
            if self.required:
                await self.stop(app)
                raise RuntimeError(f"{self.label()}: no live origins came within {self.wait:g} s{why}")
            message = "no live origins came within %g s%s: it starts as declared"
            self.say(logging.WARNING, message, self.wait, why)

    def begin_late(self, app: Sanic[Any, Any]) -> None:
        """Begin at the first request, where no listener of this app has been run: `create_server()`."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # nothing is served here
        if loop not in self.runs:
            Context().run(self.begin, app)  # not that of a request, which it would keep
            late = "started without its listeners: live origins are followed from the first request on"
            if self.required:
                self.say(logging.ERROR, f"{late}, although they are required: await server.before_start()")
            else:
                self.say(logging.WARNING, late)

    def begin(self, app: Sanic[Any, Any]) -> Run:
        """The run of this loop, which ends with the last app that has it."""
        self.runs = {loop: run for loop, run in self.runs.items() if not loop.is_closed()}
        loop = asyncio.get_running_loop()
        run = self.runs.get(loop)
        if run is None or run.task.done():
            if all(other.task.done() for other in self.runs.values()):
                self.reset()
            first = loop.create_future()
            run = self.runs[loop] = Run(first, loop.create_task(self.keep(app, first)), set())
        run.apps.add(app.name)
        return run

    async def stop(self, app: Sanic[Any, Any]) -> None:
        """Close the source, unless another app has need of it."""
        run = self.runs.get(asyncio.get_running_loop())
        if run is not None:
            run.apps.discard(app.name)
            if not run.apps:
                await cancel_and_wait(run.task, LAST_WORDS + 1)

    def reset(self) -> None:
        """Be as declared: an app can be started again."""
        if self.made is self.active_policy.policy:
            self.active_policy.change(self.declared, self.active_policy.report_only)
        self.came = self.error = self.seen = self.made = None
        self.left_out = set()

    async def keep(self, app: Sanic[Any, Any], first: asyncio.Future[None]) -> None:
        """Follow the source, again and again, until this task is cancelled."""
        failures = 0
        while True:
            began = time.monotonic()
            self.error = await self.once(app, first)
            proven = (self.came or 0) >= began and time.monotonic() - began > PROVEN
            failures = 1 if proven else failures + 1
            longest = min(LONGEST_DELAY, 2.0 * SHORTEST_DELAY * 2 ** min(failures - 1, 9))
            delay = uniform(longest / 2, longest)
            self.say(
                logging.ERROR,
                "the source of live origins %s: those that it has hold, and it is tried again in %.1f s",
                self.error,
                delay,
            )
            await asyncio.sleep(delay)

    async def once(self, app: Sanic[Any, Any], first: asyncio.Future[None]) -> str:
        """Follow the source until it fails; what it did, in words."""
        alive = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self.consume(app, first, alive))
        patience = max(PATIENCE, self.wait)
        try:
            await asyncio.wait({task, alive}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not alive.done() and not task.done():
                return f"gave nothing for {patience:g} s"
            await asyncio.wait({task})
        finally:
            self.given_up.add(task)
            if not await cancel_and_wait(task, LAST_WORDS):
                self.say(logging.ERROR, "the source of live origins does not end when it is cancelled")
        try:
            task.result()
        # which may be a library's own kind, and it is none of ours
        except BaseException as error:
            why = f"failed: {safe_repr(error)}"
            if why != self.error:
                self.say(logging.ERROR, "the source of live origins failed", trace=True)
            return why
        return "ended"

    async def consume(
        self, app: Sanic[Any, Any], first: asyncio.Future[None], alive: asyncio.Future[None]
    ) -> None:
        """Take what the source yields, in one task: it may hold what belongs to a task."""
        values = self.source(app)
        if not hasattr(values, "__aiter__"):
            raise TypeError(f"it gave {safe_repr(values)}, which is no async generator")
        try:
            async for value in values:
                if asyncio.current_task() in self.given_up:
                    break
                good = await self.receive(value)
                if good and not first.done():
                    first.set_result(None)
                if not alive.done():
                    alive.set_result(None)
                await asyncio.sleep(PAUSE)
        finally:
            close = getattr(values, "aclose", None)
            if close is not None:
                await close()

    # --- one value ---

    async def receive(self, value: object) -> bool:
        """Put a value in force, whole; whether it could be."""
        entries = collection_entries(value)
        seen = value if entries is None else entries
        if self.made is not self.active_policy.policy or seen != self.seen:
            try:
                bad = await self.change(seen)
            except CorsPolicyError as error:
                why = f"gave what cannot be: {'; '.join(map(str, error.problems))}"
                if self.error != why:
                    self.say(logging.ERROR, "the source of live origins %s: the last good ones hold", why)
                self.error = why
                return False
            seen, self.seen = self.seen, seen
            await self.name(bad)
            if not self.active_policy.policy.allow_origins:
                self.say(logging.WARNING, "no live origin is left: pages of no other origin are allowed")
            if isinstance(seen, list):
                await clear_in_steps(seen)
        self.came, self.error = time.monotonic(), None
        return True

    async def change(self, value: object) -> list[object]:
        """Follow the policy that a value makes; the entries that were left out."""
        while True:
            base = self.active_policy.policy
            policy, bad = await apply_value(value, base)
            if base is self.active_policy.policy:  # nobody has called reconfigure() meanwhile
                break
        if base is not self.made:
            self.declared = base
        self.active_policy.change(policy, self.active_policy.report_only)
        self.made = policy
        return bad

    async def name(self, bad: list[object]) -> None:
        """Say which entries were left out, each once for as long as it stays."""
        found = {safe_repr(entry): entry for entry in bad[:REMEMBERED]}
        fresh = [key for key in found if key not in self.left_out]
        for key in fresh[:NAMED]:
            why = explain_entry(found[key], self.active_policy.policy)
            self.say(logging.ERROR, "left out of the live origins: %s", why)
            await asyncio.sleep(0)
        if fresh[NAMED:]:
            self.say(logging.ERROR, "left out of the live origins: %d in all", len(bad))
        self.left_out = found.keys() - set(fresh[NAMED:])


class Run(NamedTuple):
    """How a source is followed in one event loop."""

    first: asyncio.Future[None]
    """Done when its first good value holds."""

    task: asyncio.Task[None]
    apps: set[str]
    """The apps that serve there."""


async def cancel_and_wait(task: asyncio.Task[Any], seconds: float) -> bool:
    """Whether a task has ended so many seconds after it was cancelled."""
    # noted, so that asyncio does not speak of it
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    task.cancel()
    await asyncio.wait({task}, timeout=seconds)
    return task.done()
