"""Calls of origin functions, with a timeout; whatever goes wrong in one refuses the origin."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from ..log import cors_logger
from ..policy.fields import OriginFunction, function_name
from ..spec.fetch import ORIGIN
from ..text import safe_repr
from .compiled import CompiledPolicy
from .request_facts import request_facts

if TYPE_CHECKING:
    from sanic.request import Request

_NOT_CALLED: Final = object()
_FAILED: Final = object()

# From Python 3.12 on, a task can begin at once: a function that need not wait costs no turn of the loop.
# https://docs.python.org/3/library/asyncio-task.html#asyncio.Task
_EAGER: Final[dict[str, Any]] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class OriginDecision:
    """The decision of a policy about a request's origin.

    grant: the access-control-allow-origin of the response; None refuses.
    failed: whether a function failed, so that its origin is refused.
    results: what functions have returned for this request, each True, False, or None if it failed. A
        report-only policy shares them, so that no function is called twice for a request.
    """

    __slots__ = ("_finished", "failed", "grant", "in_progress", "results")

    def __init__(self, results: list[tuple[OriginFunction, bool | None]] | None = None) -> None:
        self.grant: str | None = None
        # Until the decision is made: a request that is cancelled meanwhile does not call the functions again.
        self.failed: bool = True
        self.in_progress: bool = False
        self._finished: asyncio.Event | None = None
        self.results: list[tuple[OriginFunction, bool | None]] = [] if results is None else results

    def decide_without_calls(self, compiled: CompiledPolicy, origins: Sequence[str]) -> bool:
        """Decide by the entries and the results that are there; return False if a function must be called."""
        self.grant = compiled.grant(origins)
        if self.grant is not None or not compiled.needs_functions(origins):
            self.failed = False
            return True
        results = [self._result_of(function) for function in compiled.functions]
        if True in results:
            self.grant, self.failed = origins[0], False
            return True
        if _NOT_CALLED in results:
            return False
        self.failed = None in results
        return True

    def _result_of(self, function: OriginFunction) -> object:
        for other, result in self.results:
            # A method is another object at each look at it, but equal.
            if other == function:
                return result
        return _NOT_CALLED

    async def decide(self, compiled: CompiledPolicy, request: Request) -> None:
        """Decide, and call functions where no entry allows the origin."""
        origins: Sequence[str] = request.headers.getall(ORIGIN, ())
        if self.decide_without_calls(compiled, origins):
            return
        outer, self.in_progress = _current_decision.get(), True
        _current_decision.set(self)
        try:
            for function in compiled.functions:
                if await self._call(function, compiled, request):
                    break
        finally:
            _current_decision.set(outer)
            self.in_progress = False
            if self._finished is not None:
                self._finished.set()
        self.decide_without_calls(compiled, origins)

    async def _call(self, function: OriginFunction, compiled: CompiledPolicy, request: Request) -> bool:
        """Return whether a function allows the origin; call it if the request has no result of it yet."""
        result = self._result_of(function)
        if result is _NOT_CALLED:
            place = len(self.results)
            self.results.append((function, None))  # a call that is cancelled counts as one that failed
            result = await FunctionCall(function, compiled, request).result()
            self.results[place] = function, result
        return result is True

    async def wait(self) -> None:
        """Wait until the decision is made.

        A function that itself wants to know the decision does not wait for it: it would wait for itself.
        """
        if self.in_progress and _current_decision.get() is not self:
            self._finished = self._finished or asyncio.Event()
            await self._finished.wait()


_current_decision: Final[ContextVar[OriginDecision | None]] = ContextVar("corsbp_decision", default=None)
"""In an origin function: the decision for which it is called."""


class FunctionCall:
    """A call of an origin function for a request. Whatever goes wrong in it is logged, and refuses."""

    def __init__(self, function: OriginFunction, compiled: CompiledPolicy, request: Request) -> None:
        self.function = function
        self.compiled = compiled
        self.request = request
        self.origin: str = request.headers[ORIGIN]

    async def result(self) -> bool | None:
        """Call the function, and return its result; None if it failed, or did not return a bool."""
        result = self._catch(partial(self.function, self.origin, self.request))
        if not isinstance(result, bool) and isawaitable(result):
            result = await self._await(result)
        if isinstance(result, bool):
            return result
        if result is not _FAILED:
            message = "The origin function %s() returned %s for %s, which is not a bool: refused"
            self._log(message, function_name(self.function), safe_repr(result), safe_repr(self.origin))
        return None

    def _catch(self, call: Callable[[], object]) -> object:
        """Return the result of `call`; _FAILED if it raises."""
        try:
            return call()
        except (KeyboardInterrupt, SystemExit):
            raise
        # Some libraries have a BaseException of their own. CancelledError is the function's too: nothing is
        # awaited here, so that it cannot be that of a request whose client has gone.
        except BaseException:
            message = "The origin function %s() failed for %s: refused"
            self._log(message, function_name(self.function), safe_repr(self.origin), trace=True)
            return _FAILED

    async def _await(self, awaitable: Awaitable[object]) -> object:
        """Return the result of an async function, awaited in a task of its own.

        So the function can be cancelled, or cancel itself, and the request goes on.
        """
        loop = asyncio.get_running_loop()
        task: asyncio.Future[object]
        if iscoroutine(awaitable):
            task = asyncio.Task(awaitable, loop=loop, **_EAGER)
        else:
            task = asyncio.ensure_future(awaitable)
        if not task.done():
            await self._wait_for(task)
        return self._catch(task.result if task.done() else self._raise_timeout)

    async def _wait_for(self, task: asyncio.Future[object]) -> None:
        """Wait until a task is done, or the time is up; then cancel it.

        `asyncio.wait_for` would wait until a task that ignores its cancellation has ended.
        """
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()

        def wake(ended: object = None) -> None:
            if ended is task and not task.cancelled():
                # A look at the exception, so that asyncio does not log it where nobody waits any more.
                task.exception()
            if not waiter.done():
                waiter.set_result(None)

        task.add_done_callback(wake)
        timer = loop.call_later(self.compiled.policy.origin_timeout, wake)
        try:
            await waiter
        finally:
            timer.cancel()
            task.cancel()

    def _raise_timeout(self) -> object:
        seconds = self.compiled.policy.origin_timeout
        raise TimeoutError(f"the origin function did not return within {seconds} s")

    def _log(self, message: str, *values: str, trace: bool = False) -> None:
        compiled = self.compiled
        facts = request_facts(
            self.request, compiled.label(), "origin-function-failed", compiled.is_report_only
        )
        cors_logger.write(logging.ERROR, message, *values, facts=facts, trace=trace)


_decisions: Final[dict[int, tuple[ref[Request], dict[CompiledPolicy, OriginDecision]]]] = {}
"""The decisions about each request, by policy; also after its head was sent.

By identity: requests of a class of the user's may be equal to each other, or have no hash.
"""


async def decide_origin(
    request: Request, compiled: CompiledPolicy, known: OriginDecision | None = None
) -> OriginDecision:
    """Return the decision of a policy about the origin of a request; its functions are called once for it."""
    decision = known
    if decision is None:
        decisions = _decisions_about(request)
        decision = decisions.get(compiled)
        if decision is None:
            decision = decisions[compiled] = OriginDecision()
            await decision.decide(compiled, request)
            return decision
    await decision.wait()
    return decision


def _decisions_about(request: Request) -> dict[CompiledPolicy, OriginDecision]:
    """Return the decisions about a request, which are forgotten with it."""
    key = id(request)
    if key not in _decisions:
        _decisions[key] = ref(request, lambda _: _decisions.pop(key, None)), {}
    return _decisions[key][1]
