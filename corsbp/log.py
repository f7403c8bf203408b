"""The logger `corsbp`, with a rate limit: requests cannot flood the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LINES_PER_SECOND: Final = 50


@dataclass(slots=True)
class LineCount:
    """The lines of one level in one second."""

    second: float
    logged: int = 0
    left_out: int = 0


class RateLimitedLogger:
    """A logger with a rate limit for each level.

    At most `lines` lines of a level are logged in a second. The first line of a later second is preceded by
    the number of lines that were left out. `clock` returns the time in seconds.
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

        Callers whose line is expensive to build call this first, and log the line themselves.
        """
        # A level that is switched off costs this look-up and nothing else: DEBUG is off in production.
        if not self.logger.isEnabledFor(level):
            return False
        second = self.clock() // 1
        count = self.counts.get(level)
        if count is None or count.second != second:
            if count is not None and count.left_out:
                self.logger.log(level, "%d more lines like the last were left out", count.left_out)
            count = self.counts[level] = LineCount(second)
        if count.logged >= self.lines:
            count.left_out += 1
            return False
        count.logged += 1
        return True

    def write(self, level: int, message: str, *values: object, trace: bool = False) -> None:
        """Log a message with its values, as `Logger.log` does; with the current traceback if `trace`."""
        if self.admits(level):
            self.logger.log(level, message, *values, exc_info=trace)


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
