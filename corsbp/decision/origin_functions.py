"""Origin functions are asked."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, Final

from ..log import cors_logger
from ..policy.fields import OriginFunction, function_name
from ..spec.fetch import ORIGIN
from ..text import safe_repr
from .compiled import CompiledPolicy

if TYPE_CHECKING:
    from sanic.request import Request


class OriginDecision:
    """What a policy says of a request's origin: `grant` is the access-control-allow-origin, None refuses.

    `verdicts`: what functions have said of it already, each with True, False, or None where it failed.
    """

    __slots__ = ("failed", "formed", "forming", "grant", "verdicts")

    def __init__(self, verdicts: list[tuple[OriginFunction, bool | None]] | None = None) -> None:
        self.grant: str | None = None
        # Until the answer is there: a request that is cancelled meanwhile does not ask again.
        self.failed = True
        self.forming = False
        self.formed: asyncio.Event | None = None
        """For those who wait while it is being formed."""
        self.verdicts = [] if verdicts is None else verdicts

    def recall(self, compiled: CompiledPolicy, origins: Sequence[str]) -> bool:
        """Find the grant without asking any function; False where one would have to be asked."""
        self.grant, failed = compiled.grant(origins), False
        if self.grant is None and compiled.open(origins):
            said = [self._said(function) for function in compiled.ask or ()]
            if True in said:
                self.grant = origins[0]
            elif _NOTHING in said:
                return False
            failed = self.grant is None and None in said
        self.failed = failed
        return True

    def _said(self, function: OriginFunction) -> object:
        for other, verdict in self.verdicts:
            if other == function:
                return verdict
        return _NOTHING

    async def form(self, compiled: CompiledPolicy, request: Request) -> None:
        """Ask the policy, and its functions where no entry allows the origin; whatever goes wrong refuses."""
        origins: Sequence[str] = request.headers.getall(ORIGIN, ())
        self.grant, failed = compiled.grant(origins), False
        if self.grant is None and compiled.open(origins):
            (origin,) = origins
            around, self.forming = _inside.get(), True
            _inside.set(self)
            try:
                for function in compiled.ask or ():
                    said = self._said(function)
                    if said is _NOTHING:
                        place = len(self.verdicts)
                        self.verdicts.append((function, None))  # until it has answered
                        said = _call_safely(function, origin, partial(function, origin, request))
                        if not isinstance(said, bool) and isawaitable(said):
                            said = await _await_result(function, origin, said, compiled.policy.origin_timeout)
                        self.verdicts[place] = function, _validate_result(function, origin, said)
                    if said is True:
                        self.grant = origin
                        break
                    failed = failed or said is not False
            finally:
                _inside.set(around)
                self.forming = False
                if self.formed is not None:
                    self.formed.set()
        self.failed = failed and self.grant is None

    async def wait(self) -> None:
        """Wait until it is formed; but a function that asks what it is asked is not kept waiting."""
        if self.forming and _inside.get() is not self:
            self.formed = self.formed or asyncio.Event()
            await self.formed.wait()


_inside: Final[ContextVar[OriginDecision | None]] = ContextVar("corsbp_inside", default=None)
"""The opinion for which a function is being asked, in that function."""


def _validate_result(function: OriginFunction, origin: str, said: object) -> bool | None:
    """What a function has said; None where it failed, or is no bool."""
    if isinstance(said, bool):
        return said
    if said is not _FAILED:
        message = "The origin function %s() returned %s for %s, which is no bool: refused"
        cors_logger.write(logging.ERROR, message, function_name(function), safe_repr(said), safe_repr(origin))
    return None


_NOTHING: Final = object()
_FAILED: Final = object()


def _call_safely(function: OriginFunction, origin: str, called: Callable[[], object]) -> object:
    """What the function says; _FAILED where it fails, be it with a library's own kind of BaseException."""
    try:
        return called()
    except (KeyboardInterrupt, SystemExit):
        raise
    # that of the function: nothing is awaited here, so that no request can be cancelled
    except BaseException:
        message = "The origin function %s() failed for %s: refused"
        cors_logger.write(logging.ERROR, message, function_name(function), safe_repr(origin), trace=True)
        return _FAILED


def _raise_timeout(seconds: float) -> object:
    raise TimeoutError(f"the origin function did not answer within {seconds} s")


# From Python 3.12 on, a task can begin at once: a function that need not wait costs no turn of the loop.
_AT_ONCE: Final[dict[str, Any]] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


async def _await_result(
    function: OriginFunction, origin: str, answer: Awaitable[object], seconds: float
) -> object:
    """What an async function says. It is awaited in a task of its own, whose end is not the request's."""
    loop = asyncio.get_running_loop()
    task: asyncio.Future[object]
    if iscoroutine(answer):
        task = asyncio.Task(answer, loop=loop, **_AT_ONCE)
    else:
        task = asyncio.ensure_future(answer)
    if not task.done():
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
    return _call_safely(function, origin, task.result if task.done() else partial(_raise_timeout, seconds))
