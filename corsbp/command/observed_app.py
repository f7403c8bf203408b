"""Requests to all routes of an app in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sanic import Sanic

from corsbp.testing.transports import SHORT_READING, AppSender

from .header_writers import HeaderWriters
from .observed_method import ObservedMethod, Target
from .probe import observe


async def observe_app(
    app: Sanic[Any, Any], list_targets: Callable[[], Sequence[Target]], origins: Sequence[str]
) -> list[ObservedMethod]:
    """Start an app in memory, and send requests to the targets as pages of these origins.

    Args:
        list_targets: lists the targets of the started app: extensions add routes at startup.

    Raises:
        RuntimeError: the app does not start.
        ValueError: one of the origins is not an origin.
    """
    with HeaderWriters() as writers:
        async with AppSender(app, SHORT_READING) as sender:
            return [await observe(target, sender, [*origins], writers) for target in list_targets()]
