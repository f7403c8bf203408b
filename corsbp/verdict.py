"""Origin functions are asked; and why a page was refused is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from inspect import isawaitable

from sanic.request import Request

from .decision import Refusal, Rules
from .fetch import ORIGIN
from .fields import OriginFunction
from .journal import journal, shown
from .origins import is_origin


class Opinion:
    """What a policy says of a request's origin: `grant` is the access-control-allow-origin, None refuses."""

    __slots__ = ("failed", "grant", "said")

    def __init__(self) -> None:
        self.grant: str | None = None
        # Until the answer is there: a request that is cancelled meanwhile does not ask again.
        self.failed = True
        self.said = False
        """Whether it has been told why the page is refused."""

    async def form(self, rules: Rules, request: Request) -> None:
        """Ask the policy, and its functions where no entry allows the origin; whatever goes wrong refuses."""
        origins = request.headers.getall(ORIGIN, ())
        self.grant, failed = rules.grant(origins), False
        for function in rules.ask or () if self.grant is None and rules.open(origins) else ():
            answer = await _ask(function, origins[0], request, rules.policy.origin_timeout)
            if answer:
                self.grant = origins[0]
                break
            failed = failed or answer is None
        self.failed = failed


def tell(rules: Rules, request: Request, refusal: Refusal | None) -> None:
    """Log why a request, or what a preflight asks for, is refused; nothing if it is not."""
    if refusal is not None:
        journal.write(
            logging.DEBUG,
            "%s refused %s %s for origin %s: %s: %s is not %s",
            rules.label(),
            shown(request.method),
            shown(request.path),
            shown(request.headers.getall(ORIGIN, [])),
            refusal.id,
            shown(refusal.value),
            refusal.expected,
        )


async def _ask(ask: OriginFunction, origin: str, request: Request, seconds: float) -> bool | None:
    """What the origin function says; None where it failed."""
    try:
        answer = _called(ask, origin, request)
        if isawaitable(answer):
            answer = _result(await _settled(answer, seconds), seconds)
    except Exception:
        journal.write(logging.ERROR, "The origin function failed for %s: refused", shown(origin), trace=True)
        return None
    if isinstance(answer, bool):
        return answer
    message = "The origin function returned %s for %s, which is no bool: refused"
    journal.write(logging.ERROR, message, shown(answer), shown(origin))
    return None


class _StoppedError(Exception):
    """An origin function ended with what is no Exception: it was cancelled, say."""


def _called(ask: OriginFunction, origin: str, request: Request) -> object:
    try:
        return ask(origin, request)
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # not the request's own end: nothing was awaited
        raise _StoppedError("the origin function was stopped") from error


def _result(task: asyncio.Future[object] | None, seconds: float) -> object:
    if task is None:
        raise TimeoutError(f"the origin function did not answer within {seconds} s")
    try:
        return task.result()
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise _StoppedError("the origin function was stopped") from error


async def _settled(awaitable: Awaitable[object], seconds: float) -> asyncio.Future[object] | None:
    """Await in a task of its own, whose end is not the request's; None where that takes too long."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task = asyncio.ensure_future(awaitable)
    task.add_done_callback(wake)
    timer = loop.call_later(seconds, wake)
    try:
        await waiter
    finally:
        timer.cancel()
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
    return task if task.done() else None


def _forget(task: asyncio.Future[object]) -> None:
    """Take note of how a task ended that nobody waits for, so that asyncio does not speak of it."""
    if not task.cancelled():
        task.exception()
