"""A refused page: the log line, and the signal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ..decision.compiled import CompiledPolicy
from ..decision.refusal import Refusal
from ..log import cors_logger
from .attempts import Reading
from .signals import has_listener, send_signal

if TYPE_CHECKING:
    from sanic import Sanic


_log_hears = cors_logger.logger.isEnabledFor


Why: TypeAlias = Callable[[], Refusal | None]
"""Why it is refused, found out for those who hear of it."""


def has_audience(app: Sanic[Any, Any], level: int = logging.DEBUG) -> bool:
    """Whether anybody hears of what is logged at this level, or of the signal."""
    return _log_hears(level) or has_listener(app)


def log_refusal(compiled: CompiledPolicy, attempt: Reading, why: Why) -> None:
    """Log that a page is refused, and call the app's listeners."""
    logged, listens = cors_logger.admits(logging.DEBUG), has_listener(attempt.request.app)
    if (logged or listens) and (refusal := why()):
        if logged:
            values = compiled.label(), attempt.page, attempt.what, refusal.id, refusal.words
            cors_logger.logger.debug("%s: a page of %s cannot %s: %s: %s", *values)
        if listens:
            send_signal(compiled, attempt.request, refusal)
