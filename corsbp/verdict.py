"""Origin functions are asked, once per request; what else has to be noted of one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from inspect import isawaitable

from sanic.request import Request

from .decision import Rules
from .fetch import ORIGIN
from .journal import journal, shown
from .origins import is_origin
from .policy import OriginFunction
from .wire import Value


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
        answer = await _ask(rules.ask, origins[0], request, rules.policy.origin_timeout)
        kept.grant, kept.failed = (Value(origins[0]) if answer else None), answer is None
    return kept.grant


async def _ask(ask: OriginFunction, origin: str, request: Request, seconds: float) -> bool | None:
    """What the origin function says; None where it failed."""
    try:
        try:
            answer: object = ask(origin, request)
        except asyncio.CancelledError as error:  # not the request's: nothing was awaited
            raise RuntimeError("the origin function was cancelled") from error
        if isawaitable(answer):
            answer = await _settle(answer, seconds)
    except Exception:
        journal.write(logging.ERROR, "The origin function failed for %s: refused", shown(origin), trace=True)
        return None
    if isinstance(answer, bool):
        return answer
    message = "The origin function returned %s for %s, which is no bool: refused"
    journal.write(logging.ERROR, message, shown(answer), shown(origin))
    return None


async def _settle(awaitable: Awaitable[object], seconds: float) -> object:
    """Await for so long, in a task of its own: its being cancelled is not the request's."""
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait((task,), timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
    if not task.done():
        raise TimeoutError(f"the origin function did not answer within {seconds} s")
    if task.cancelled():
        raise RuntimeError("the origin function was cancelled")
    return task.result()


def _forget(task: asyncio.Future[object]) -> None:
    """Take note of how a task ended that nobody waits for, so that asyncio does not speak of it."""
    if not task.cancelled():
        task.exception()
