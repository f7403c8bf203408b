"""Origin functions are asked, once per request; what else has to be noted of one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Final

from sanic.request import Request

from .decision import Rules
from .fetch import ORIGIN
from .origins import is_origin
from .policy import OriginFunction
from .wire import Value

# Below Sanic's own logger: `sanic --debug` shows its debug lines, production does not.
log: Final = logging.getLogger("sanic.root.corsbp")


class Memo:
    """What has been found out about one request, so that nothing is asked or logged twice."""

    __slots__ = ("failed", "grant", "rules", "said")

    def __init__(self) -> None:
        self.rules: Rules | None = None
        self.grant: str | None = None
        self.failed = False
        self.said = False


def memo(request: Request) -> Memo:
    """The request's memo. Only origin functions and debug logging need one."""
    kept = getattr(request.ctx, "corsbp", None)
    if kept is None:
        kept = request.ctx.corsbp = Memo()
    assert isinstance(kept, Memo)
    return kept


async def verdict(rules: Rules, request: Request) -> str | None:
    """Ask the policy's origin function, once per request; whatever goes wrong refuses."""
    if rules.ask is None:
        return rules.grant(request.headers.getall(ORIGIN, ()))
    origins = request.headers.getall(ORIGIN, ())
    if len(origins) != 1 or not is_origin(origins[0]):
        return None
    kept = memo(request)
    if kept.rules is not rules:
        # Noted before the answer is there: a request that is cancelled meanwhile does not ask again.
        kept.rules, kept.grant, kept.failed = rules, None, True
        answer = await _ask(rules.ask, origins[0], request)
        kept.grant, kept.failed = (Value(origins[0]) if answer else None), answer is None
    return kept.grant


async def _ask(ask: OriginFunction, origin: str, request: Request) -> bool | None:
    """What the origin function says; None where it failed."""
    try:
        try:
            answer: object = ask(origin, request)
        except asyncio.CancelledError as error:  # not the request's: nothing was awaited
            raise RuntimeError("the origin function was cancelled") from error
        if isawaitable(answer):
            answer = await _settle(answer)
    except Exception:
        log.exception("The origin function failed for %r: refused", origin)
        return None
    if isinstance(answer, bool):
        return answer
    log.error("The origin function returned %r for %r, which is no bool: refused", answer, origin)
    return None


async def _settle(awaitable: Awaitable[object]) -> object:
    """Await in a task of its own: its being cancelled and the request's being cancelled are two things."""
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait((task,))
    finally:
        task.cancel()
    if task.cancelled():
        raise RuntimeError("the origin function was cancelled")
    return task.result()
