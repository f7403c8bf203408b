"""A refused page: its line in the log, and the signal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..decision.compiled import CompiledPolicy
from ..decision.refusal import Refusal
from ..decision.request_facts import request_facts
from ..log import cors_logger
from .attempts import Attempt
from .signals import has_listener, send_signal

if TYPE_CHECKING:
    from sanic import Sanic

_is_enabled: Final = cors_logger.logger.isEnabledFor

Explain: TypeAlias = Callable[[], Refusal | None]
"""Returns why a page is refused. It is called only if the refusal is reported: words take time."""


def has_audience(app: Sanic[Any, Any]) -> bool:
    """Return whether refused pages are logged, or the app listens to the signal."""
    return _is_enabled(logging.DEBUG) or has_listener(app)


def report_refusal(compiled: CompiledPolicy, attempt: Attempt, explain: Explain) -> None:
    """Log that a page is refused, and send the signal."""
    # In production, DEBUG is off and there may be no listener: then the reason is not looked for.
    is_logged = cors_logger.admits(logging.DEBUG)
    has_listeners = has_listener(attempt.request.app)
    refusal = explain() if is_logged or has_listeners else None
    if refusal is None:
        return
    if is_logged:
        section = compiled.label()
        values = section, attempt.page, attempt.words, refusal.id, refusal.words
        facts = request_facts(attempt.request, section, refusal.id, report_only=False)
        cors_logger.log(logging.DEBUG, "%s: a page of %s cannot %s: %s: %s", *values, facts=facts)
    if has_listeners:
        send_signal(compiled, attempt.request, refusal)
