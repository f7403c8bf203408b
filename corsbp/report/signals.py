"""The signal `corsbp.page.refused`: its listeners are called after the response, at most 64 at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from ..decision.compiled import CompiledPolicy
from ..decision.refusal import Refusal
from ..log import RateLimitedLogger, cors_logger

if TYPE_CHECKING:
    from sanic import Sanic
    from sanic.request import Request


SIGNAL: Final = "corsbp.page.refused"


_ANY: Final = "corsbp.page.*"


MAX_CONCURRENT: Final = 64
"""Maximum number of concurrent calls of listeners, or of functions of report-only policies, per worker."""


strained: Final = RateLimitedLogger(cors_logger.logger, lines=1)


def has_listener(app: Sanic[Any, Any]) -> bool:
    """Whether the app listens to the signal: as it does now, since listeners can come later."""
    names = app.signal_router.name_index
    return SIGNAL in names or _ANY in names


def send_signal(
    compiled: CompiledPolicy, request: Request, refusal: Refusal, report_only: bool = False
) -> None:
    """Call the app's listeners, after the answer."""
    loop = asyncio.get_running_loop()
    calls = _calls.get(loop) or _calls.setdefault(loop, SignalDispatcher())
    calls.make(Call(request, compiled.label, refusal, report_only))


class Job(asyncio.Task[None]):
    """A task that knows whether it is cancelled, or has awaited something that was."""

    ends = False

    def cancel(self, msg: Any = None) -> bool:
        self.ends = True
        return super().cancel(msg)


class TaskLimiter:
    """What runs beside the requests of a worker: at most `MAX_CONCURRENT` of it."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Start a job, unless so many are under way already."""
        if len(self.tasks) >= MAX_CONCURRENT:
            return False
        task = Job(job(), loop=asyncio.get_running_loop())
        self.tasks.add(task)
        task.add_done_callback(self.ended)
        return True

    def ended(self, task: asyncio.Task[None]) -> None:
        """One is done."""
        self.tasks.discard(task)


class Call(NamedTuple):
    """A call of the listeners: what they are told."""

    request: Request
    label: Callable[[], str]
    refusal: Refusal
    report_only: bool

    async def make(self) -> None:
        """Call them; whatever goes wrong is theirs, and logged."""
        context = {"request": self.request, "section": self.label()}
        context |= {"refusal": self.refusal, "report_only": self.report_only}
        try:
            await self.request.app.dispatch(SIGNAL, context=context, inline=True, fail_not_found=False)
        except BaseException as error:  # which may be a library's own kind
            ends = isinstance(error, asyncio.CancelledError) and getattr(asyncio.current_task(), "ends", True)
            if ends or isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            cors_logger.write(logging.ERROR, "A listener to %s failed", SIGNAL, trace=True)


class SignalDispatcher(TaskLimiter):
    """The calls of listeners.

    While as many as may be are under way, further refusals of one section, id and kind wait together, and
    become one call: its `refusal` says how many `times`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[tuple[object, ...], Call] = {}

    def make(self, call: Call) -> None:
        """Make a call, now or when others have ended."""
        if self.start(call.make):
            return
        key = call.request.app, call.label, call.refusal.id, call.report_only
        times = 1 + (self.waiting[key].refusal.times if key in self.waiting else 0)
        together = Refusal(*call.refusal[:-1], times)
        self.waiting[key] = Call(call.request, call.label, together, call.report_only)
        message = "%d calls of listeners to %s are under way: what is refused meanwhile is told together"
        strained.write(logging.WARNING, message, MAX_CONCURRENT, SIGNAL)

    def ended(self, task: asyncio.Task[None]) -> None:
        super().ended(task)
        if self.waiting and not task.cancelled():
            self.start(self.waiting.pop(next(iter(self.waiting))).make)


_calls: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, SignalDispatcher]] = WeakKeyDictionary()
