"""The live origins of one section: each value of its source becomes its policy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Final, NamedTuple

from ..decision.active_policy import ActivePolicy
from ..log import cors_logger, make_facts
from ..policy.fields import Entries, OriginFunction
from ..policy.policy import CorsPolicy
from ..policy.problems import CorsPolicyError
from ..text import safe_repr
from .options import FollowOptions, Source, declared_entries, kept_entries
from .retry import SourceRun
from .values import AppliedValue, ValidEntries, apply_value, explain_entry, preload_tables

MAX_NAMED: Final = 40
"""Entries of one value that are named in the log."""

MAX_REMEMBERED: Final = 1000
"""Entries that are remembered as named."""


class Live(NamedTuple):
    """The state of a section's live origins, for a health check.

        @app.get("/health")
        async def health(request):
            live: Live = group.live
            return json(live._asdict(), status=503 if live.error else 200)

    It is `group.live`, which is None for a section without a source.
    """

    age: float | None
    """Seconds since the last valid value, changed or not; None before the first."""

    origins: int
    """The number of origins, patterns and functions that are allowed now, declared ones too; 1 for `"*"`."""

    error: str | None
    """What is wrong with the source, until it gives a valid value; None if nothing is."""

    rejected: int
    """The number of entries of the last valid value that are not valid, and were left out."""

    failures: int
    """How often the source failed, or gave a value that is not valid, since the worker started."""


class OriginFollower:
    """The live origins of one section, in this process."""

    def __init__(
        self,
        active: ActivePolicy,
        source: Source,
        options: FollowOptions,
        keep: Entries | OriginFunction | EllipsisType = ...,
    ) -> None:
        self.active_policy = active
        self.label: Callable[[], str] = active.compiled.label
        self.source = source
        self.options = options
        self.kept: tuple[object, ...] = kept_entries(keep, active.policy)
        """The entries that stay allowed beside those of the source."""
        self.declared: CorsPolicy = active.policy
        self.base: CorsPolicy = active.policy
        """The policy at first, and the last one that did not come from the source."""
        self.made: CorsPolicy | None = None
        """The policy that the last valid value made."""
        self.value: object = None
        """That value."""
        self.rejected: int = 0
        """The number of its entries that are not valid."""
        self.left_out: set[str] = set()
        """Those of them that were named in the log."""
        self.failures: int = 0
        self.received_at: float | None = None
        """The time of the last valid value."""
        self.heard_at: float | None = None
        """The time of the last value, valid or not."""
        self.error: str | None = "the source is not followed yet"
        self.runs: dict[asyncio.AbstractEventLoop, SourceRun] = {}
        preload_tables()
        active.change_live(self.declared)

    @property
    def live(self) -> Live:
        """The state of the live origins, now."""
        allowed = self.active_policy.policy.allow_origins
        count = len(allowed) if isinstance(allowed, tuple) else 1
        now = time.monotonic()
        age = None if self.received_at is None else now - self.received_at
        return Live(age, count, self.error or self._silence(now), self.rejected, self.failures)

    def _silence(self, now: float) -> str | None:
        """Return an error if the source has given nothing for `stale_after` seconds."""
        limit = self.options.stale_after
        if limit is None or self.heard_at is None or now - self.heard_at <= limit:
            return None
        return f"gave nothing for {now - self.heard_at:.0f} s"

    def log(self, level: int, message: str, *values: object) -> None:
        """Log a line with the name of the section."""
        section = self.label()
        cors_logger.write(level, f"%s: {message}", section, *values, facts=make_facts(section=section))

    # --- runs of the source ---

    def run_in(self, loop: asyncio.AbstractEventLoop) -> SourceRun | None:
        """Return the run of the source in an event loop, if there is one."""
        self.runs = {each: run for each, run in self.runs.items() if not run.has_ended()}
        return self.runs.get(loop)

    def join(self, run: SourceRun) -> None:
        """Receive the values of a run that has not begun yet."""
        if not self.runs:
            self._reset()
        self.runs[asyncio.get_running_loop()] = run
        run.add(self)

    def _reset(self) -> None:
        """Return to the declared origins: an app can be started again."""
        if self.made is not None:
            self._note_reconfigured()
            policy = self.base
            if policy is not self.declared:
                # reconfigure(group.policy.replace(...)) has what the source gave: it is not declared by that.
                entries = ValidEntries(policy)
                entries.add(declared_entries(self.declared))
                policy = entries.to_policy(entries.list_allowed())
            self.active_policy.change_live(policy)
        self.received_at = self.made = self.value = self.error = None
        self.heard_at = time.monotonic()
        self.rejected, self.left_out = 0, set()

    def _note_reconfigured(self) -> None:
        if self.active_policy.policy is not self.made:
            self.base = self.active_policy.policy

    def note_failure(self, error: str) -> None:
        """Note that the source failed: the last valid value stays in force."""
        self.error = error
        self.failures += 1

    # --- one value ---

    async def receive(self, value: object) -> bool:
        """Put a value in force, all of it at once; return whether it is valid.

        `value` is as `unify_value` returns it. The same object as the last one is not checked again.
        """
        self.heard_at = time.monotonic()
        # After reconfigure() an equal value is put in force, too: it replaces what was declared there.
        if value is not self.value or self.active_policy.policy is not self.made:
            try:
                applied = await self._put_in_force(value)
            except CorsPolicyError as error:
                self._refuse(error)
                return False
            await asyncio.sleep(0)
            self.value = value
            await self._log_left_out(applied.left_out)
            if applied.is_empty:
                self._log_empty()
        self.received_at, self.error = time.monotonic(), None
        return True

    async def _put_in_force(self, value: object) -> AppliedValue:
        """Make a policy of a value, and put it in force.

        Raises:
            CorsPolicyError: the value as a whole is not valid.
        """
        while True:
            base = self.active_policy.policy
            applied = await apply_value(value, base, self.kept)
            # If reconfigure() was called between two steps, the entries are checked again for that policy.
            if base is self.active_policy.policy:
                break
        self._note_reconfigured()
        self.active_policy.change_live(applied.policy)
        self.made = applied.policy
        self.rejected = len(applied.left_out)
        # To free the last policy takes milliseconds, and so does the last value.
        await asyncio.sleep(0)
        return applied

    def _refuse(self, error: CorsPolicyError) -> None:
        refusal = f"gave a value that is not valid: {'; '.join(map(str, error.problems))}"
        if self.error != refusal:
            message = "the source of live origins %s; the last valid ones stay in force"
            self.log(logging.ERROR, message, refusal)
        self.note_failure(refusal)

    def _log_empty(self) -> None:
        if self.active_policy.policy.allow_origins:
            self.log(logging.WARNING, "the source gave no origin: only those that are kept are allowed")
        else:
            self.log(logging.WARNING, "the source gave no origin: no other origin is allowed any more")

    async def _log_left_out(self, entries: Sequence[object]) -> None:
        """Log which entries were left out, each once for as long as the source yields it."""
        found = {safe_repr(entry): entry for entry in entries[:MAX_REMEMBERED]}
        fresh = [key for key in found if key not in self.left_out]
        for key in fresh[:MAX_NAMED]:
            why = explain_entry(found[key], self.active_policy.policy)
            self.log(logging.ERROR, "left out of the live origins: %s", why)
            await asyncio.sleep(0)  # an explanation takes up to a millisecond
        if fresh[MAX_NAMED:]:
            self.log(logging.ERROR, "left out of the live origins: %d in all", len(entries))
        self.left_out = found.keys() - set(fresh[MAX_NAMED:])
