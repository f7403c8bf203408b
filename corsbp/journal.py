"""What is said in the log: cut to size, and so many lines a second, whatever requests are filled with."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

LINES_A_SECOND: Final = 50
LONGEST: Final = 200
"""Characters of a value that are shown."""


def shown(value: object) -> str:
    """A value as `repr()` has it, which escapes what is not printable, cut after `LONGEST` characters."""
    # Text is cut before it is escaped: nobody makes us escape a megabyte.
    length = len(value) if isinstance(value, str) else 0
    text = repr(value[: LONGEST + 1]) if isinstance(value, str) else repr(value)
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({max(length, len(text))} characters)"


class Journal:
    """A logger that does not let itself be flooded.

    Of what is written within a second, `lines` lines go to `logger`; the first line of a later second says
    how many were left out. `clock` tells the time in seconds.
    """

    def __init__(
        self,
        logger: logging.Logger,
        lines: int = LINES_A_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.logger = logger
        self.lines = lines
        self.clock = clock
        self.second = -1.0
        self.written = 0
        self.left_out = 0

    def write(self, level: int, message: str, *values: object, trace: bool = False) -> None:
        """Log a message with its values, as loggers do; with the exception's traceback if `trace`."""
        if not self.logger.isEnabledFor(level):
            return
        second = self.clock() // 1
        if second != self.second:
            if self.left_out:
                self.logger.log(level, "%d more lines like the last were left out", self.left_out)
            self.second, self.written, self.left_out = second, 0, 0
        if self.written == self.lines:
            self.left_out += 1
            return
        self.written += 1
        self.logger.log(level, message, *values, exc_info=trace)


# Below Sanic's own logger: `sanic --debug` shows its debug lines, production does not.
journal: Final = Journal(logging.getLogger("sanic.root.corsbp"))
