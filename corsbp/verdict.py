"""Origin functions are asked; and why a page was refused is told."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, Final

from sanic.request import Request

from .decision import Refusal, Rules
from .fetch import ORIGIN
from .fields import OriginFunction, name_of
from .journal import journal, shown


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
        origins: Sequence[str] = request.headers.getall(ORIGIN, ())
        self.grant, failed = rules.grant(origins), False
        if self.grant is None and rules.open(origins):
            origin = origins[0]
            for function in rules.ask or ():
                answer = _outcome(function, origin, partial(function, origin, request))
                if not isinstance(answer, bool) and isawaitable(answer):
                    seconds = rules.policy.origin_timeout
                    task = await _settled(answer, seconds)
                    late = partial(_too_late, seconds)
                    answer = _outcome(function, origin, task.result if task else late)
                if answer is True:
                    self.grant = origin
                    break
                failed = failed or answer is not False
                if not isinstance(answer, bool) and answer is not _FAILED:
                    message = "The origin function %s() returned %s for %s, which is no bool: refused"
                    values = name_of(function), shown(answer), shown(origin)
                    journal.write(logging.ERROR, message, *values)
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


_FAILED: Final = object()


def _outcome(function: OriginFunction, origin: str, called: Callable[[], object]) -> object:
    """What the function says; _FAILED where it fails, be it with a library's own kind of BaseException."""
    try:
        return called()
    except (KeyboardInterrupt, SystemExit):
        raise
    # that of the function: nothing is awaited here, so that no request can be cancelled
    except BaseException:
        message = "The origin function %s() failed for %s: refused"
        journal.write(logging.ERROR, message, name_of(function), shown(origin), trace=True)
        return _FAILED


def _too_late(seconds: float) -> object:
    raise TimeoutError(f"the origin function did not answer within {seconds} s")


# From Python 3.12 on, a task can begin at once: a function that need not wait costs no turn of the loop.
_AT_ONCE: Final[dict[str, Any]] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


async def _settled(awaitable: Awaitable[object], seconds: float) -> asyncio.Future[object] | None:
    """Await in a task of its own, whose end is not the request's; None where that takes too long."""
    loop = asyncio.get_running_loop()
    task: asyncio.Future[object]
    if iscoroutine(awaitable):
        task = asyncio.Task(awaitable, loop=loop, **_AT_ONCE)
    else:
        task = asyncio.ensure_future(awaitable)
    if task.done():
        return task
    waiter = loop.create_future()

    def wake(ended: object = None) -> None:
        if ended is task and not task.cancelled():
            task.exception()  # noted, so that asyncio does not speak of it where nobody waits any more
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(wake)
    timer = loop.call_later(seconds, wake)
    try:
        await waiter
    finally:
        timer.cancel()
        task.cancel()
    return task if task.done() else None
