"""What is said in the log: cut to size, and so many lines a second, whatever requests are filled with."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

LINES_PER_SECOND: Final = 50
MAX_SHOWN: Final = 200
"""Characters of a value that are shown."""


def safe_repr(value: object) -> str:
    """A value as `repr()` has it, which escapes what is not printable, cut after `MAX_SHOWN` characters."""
    # Text is cut before it is escaped: nobody makes us escape a megabyte.
    length = len(value) if isinstance(value, str) else 0
    text = _repr(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}… ({max(length, len(text))} characters)"


def _repr(value: object) -> str:
    """`repr(value)`; or, where that fails, what it is."""
    try:
        return repr(value)
    except Exception:  # the value's own, and it is only to be shown
        return f"<a {type(value).__qualname__} that cannot be shown>"


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
        self.written: dict[int, list[float]] = {}
        """Of each level: a second, the lines written in it, and those left out."""

    def admits(self, level: int) -> bool:
        """Whether a line of this level is logged now. One that would be, but for the flood, is counted."""
        if not self.logger.isEnabledFor(level):
            return False
        last, written, left_out = self.written.get(level, (-1, 0, 0))
        second = self.clock() // 1
        if second != last:
            if left_out:
                self.logger.log(level, "%d more lines like the last were left out", left_out)
            written = left_out = 0
        room = written < self.lines
        self.written[level] = [second, written + room, left_out + (not room)]
        return room

    def write(self, level: int, message: str, *values: object, trace: bool = False) -> None:
        """Log a message with its values, as loggers do; with the exception's traceback if `trace`."""
        if self.admits(level):
            self.logger.log(level, message, *values, exc_info=trace)


class _SanicsHandlers(logging.Handler):
    """Where nobody has set up handlers for `corsbp`, its lines go where Sanic's own go."""

    def emit(self, record: logging.LogRecord) -> None:
        root = logging.getLogger()
        if cors_logger.logger.handlers == [self] and not (cors_logger.logger.propagate and root.handlers):
            logging.getLogger("sanic.root").handle(record)


cors_logger: Final = RateLimitedLogger(logging.getLogger("corsbp"))
cors_logger.logger.addHandler(_SanicsHandlers())


def enable_debug() -> None:
    """As `sanic --debug` says everything, so does this logger, unless somebody has set its level."""
    if cors_logger.logger.level == logging.NOTSET:
        cors_logger.logger.setLevel(logging.DEBUG)
