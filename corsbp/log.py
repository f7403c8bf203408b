"""The logger `corsbp`, with a rate limit: requests cannot flood the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Final, TypeAlias

from .text import safe_text

LINES_PER_SECOND: Final = 50

Facts: TypeAlias = Mapping[str, str | bool | None]
"""The facts of a log line, as JSON values: the attribute `corsbp` of its record."""


def make_facts(
    *,
    section: str | None = None,
    origin: str | None = None,
    id_: str | None = None,
    method: str | None = None,
    path: str | None = None,
    report_only: bool | None = None,
) -> Facts:
    """Return the facts of a log line, cut to size; None stands for what it has no value of."""
    texts = {"section": section, "origin": origin, "id": id_, "method": method, "path": path}
    facts = {name: text if text is None else safe_text(text) for name, text in texts.items()}
    return {**facts, "report_only": report_only}


NO_FACTS: Final = make_facts()


@dataclass(slots=True)
class LineCount:
    """The lines of one level in one second."""

    second: float
    logged: int = 0
    left_out: int = 0


class RateLimitedLogger:
    """A logger with a rate limit for each level.

    At most `lines` lines of a level are logged in a second. When the second is over, the number of lines that
    were left out is logged; where no event loop runs, before the next line. `clock` returns the time in
    seconds. Each record has an attribute `corsbp`, a dictionary of its facts.
    """

    def __init__(
        self,
        logger: logging.Logger,
        lines: int = LINES_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.logger = logger
        self.lines = lines
        self.clock = clock
        self.counts: dict[int, LineCount] = {}
        """By level: the count of the last second in which a line was written."""

    def admits(self, level: int) -> bool:
        """Return whether a line of this level is logged now, and count it.

        Callers whose line is expensive to build call this first, and then `log`.
        """
        # A level that is switched off costs this look-up and nothing else: DEBUG is off in production.
        if not self.logger.isEnabledFor(level):
            return False
        second = self.clock() // 1
        count = self.counts.get(level)
        if count is None or count.second != second:
            if count is not None and count.left_out:
                self._log_left_out(level, count)
            count = self.counts[level] = LineCount(second)
        if count.logged >= self.lines:
            count.left_out += 1
            if count.left_out == 1:
                self._schedule_left_out(level, count)
            return False
        count.logged += 1
        return True

    def _schedule_left_out(self, level: int, count: LineCount) -> None:
        """Log at the end of this second how many lines were left out; the flood may be over by then."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        # A context of its own: that of a request would keep the request.
        delay = 1 - self.clock() % 1
        loop.call_later(delay, self._log_left_out, level, count, context=Context())

    def _log_left_out(self, level: int, count: LineCount) -> None:
        """Log how many lines were left out, unless that has been logged."""
        if count.left_out:
            self.log(level, "%d more lines like the last were left out", count.left_out)
            count.left_out = 0

    def log(
        self, level: int, message: str, *values: object, facts: Facts = NO_FACTS, trace: bool = False
    ) -> None:
        """Log a message with its values whatever the rate is, as `Logger.log` does.

        facts: made by `make_facts`. trace: whether the current traceback is logged, too.
        """
        self.logger.log(level, message, *values, exc_info=trace, extra={"corsbp": dict(facts)})

    def write(
        self, level: int, message: str, *values: object, facts: Facts = NO_FACTS, trace: bool = False
    ) -> bool:
        """Log a message within the rate limit; return whether it was logged."""
        is_admitted = self.admits(level)
        if is_admitted:
            self.log(level, message, *values, facts=facts, trace=trace)
        return is_admitted


class _SanicHandler(logging.Handler):
    """A handler that passes lines of `corsbp` to Sanic's handlers where nobody has configured others."""

    def emit(self, record: logging.LogRecord) -> None:
        # The standard library's rules come first: a handler of the logger itself, or of the root logger if
        # the lines propagate to it, gets the line, and Sanic's handlers would print it a second time.
        root = logging.getLogger()
        if cors_logger.logger.handlers == [self] and not (cors_logger.logger.propagate and root.handlers):
            logging.getLogger("sanic.root").handle(record)


cors_logger: Final = RateLimitedLogger(logging.getLogger("corsbp"))
cors_logger.logger.addHandler(_SanicHandler())


def enable_debug() -> None:
    """Set the level of the logger to DEBUG, as `sanic --debug` does for Sanic's, unless it has a level."""
    if cors_logger.logger.level == logging.NOTSET:
        cors_logger.logger.setLevel(logging.DEBUG)
