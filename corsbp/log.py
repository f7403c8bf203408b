"""The logger `corsbp`, with a rate limit: so many lines a second, whatever requests contain."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

LINES_PER_SECOND: Final = 50


class RateLimitedLogger:
    """A logger that does not let itself be flooded.

    Of what is written at a level within a second, `lines` lines go to `logger`; the first line of a later
    second says how many were left out. `clock` tells the time in seconds.
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
        self.counts: dict[int, list[float]] = {}
        """Of each level: a second, the lines written in it, and those left out."""

    def admits(self, level: int) -> bool:
        """Whether a line of this level is logged now. One that would be, but for the flood, is counted."""
        if not self.logger.isEnabledFor(level):
            return False
        last, written, left_out = self.counts.get(level, (-1, 0, 0))
        second = self.clock() // 1
        if second != last:
            if left_out:
                self.logger.log(level, "%d more lines like the last were left out", left_out)
            written = left_out = 0
        room = written < self.lines
        self.counts[level] = [second, written + room, left_out + (not room)]
        return room

    def write(self, level: int, message: str, *values: object, trace: bool = False) -> None:
        """Log a message with its values, as loggers do; with the exception's traceback if `trace`."""
        if self.admits(level):
            self.logger.log(level, message, *values, exc_info=trace)


class _SanicHandler(logging.Handler):
    """Where nobody has set up handlers for `corsbp`, its lines go where Sanic's own go."""

    def emit(self, record: logging.LogRecord) -> None:
        root = logging.getLogger()
        if cors_logger.logger.handlers == [self] and not (cors_logger.logger.propagate and root.handlers):
            logging.getLogger("sanic.root").handle(record)


cors_logger: Final = RateLimitedLogger(logging.getLogger("corsbp"))
cors_logger.logger.addHandler(_SanicHandler())


def enable_debug() -> None:
    """As `sanic --debug` says everything, so does this logger, unless somebody has set its level."""
    if cors_logger.logger.level == logging.NOTSET:
        cors_logger.logger.setLevel(logging.DEBUG)
