"""The signal `corsbp.page.refused`: its listeners are called after the response, at most 64 at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from ..decision.compiled import CompiledPolicy
from ..decision.refusal import Refusal
from ..decision.request_facts import request_facts
from ..log import RateLimitedLogger, cors_logger

if TYPE_CHECKING:
    from sanic import Sanic
    from sanic.request import Request


SIGNAL: Final = "corsbp.page.refused"
_ANY: Final = "corsbp.page.*"

MAX_CONCURRENT: Final = 64
"""Maximum number of concurrent calls of listeners, or of functions of report-only policies, per worker."""

overload_logger: Final = RateLimitedLogger(cors_logger.logger, lines=1)

Context: TypeAlias = dict[str, Any]
"""The keyword arguments of a listener."""


def has_listener(app: Sanic[Any, Any]) -> bool:
    """Return whether the app listens to the signal now: listeners can come at any time."""
    # Listeners are in it, and those who wait with `app.event()`.
    names = app.signal_router.name_index
    return SIGNAL in names or _ANY in names


def send_signal(
    compiled: CompiledPolicy, request: Request, refusal: Refusal, report_only: bool = False
) -> None:
    """Call the app's listeners after the response."""
    loop = asyncio.get_running_loop()
    dispatcher = _dispatchers.get(loop) or _dispatchers.setdefault(loop, SignalDispatcher())
    section = compiled.label()
    dispatcher.send({"request": request, "section": section, "refusal": refusal, "report_only": report_only})


class TaskLimiter:
    """Tasks beside the requests of a worker, at most `MAX_CONCURRENT` at once."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def has_room(self) -> bool:
        """True if another task can be started now."""
        return len(self.tasks) < MAX_CONCURRENT

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(job)
        # The loop keeps a weak reference only.
        # https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task
        self.tasks.add(task)
        task.add_done_callback(self.finish)

    def finish(self, task: asyncio.Task[None]) -> None:
        """Make room for another task."""
        self.tasks.discard(task)


class SignalDispatcher(TaskLimiter):
    """The calls of the signal's listeners.

    While too many are running, further refusals of one section, id and kind wait together and become one
    call, whose `refusal` has their number in `times`: nothing grows with what is refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[tuple[object, ...], Context] = {}

    def send(self, context: Context) -> None:
        """Call the listeners now, or when others have finished."""
        if self.has_room:
            self._call_listeners(context)
            return
        refusal: Refusal = context["refusal"]
        key = context["request"].app, context["section"], refusal.id, context["report_only"]
        if key in self.waiting:
            times = self.waiting[key]["refusal"].times + 1
            context["refusal"] = Refusal(*refusal[:-1], times)
        self.waiting[key] = context
        # One line a second: each further refusal would be one.
        message = "%d calls of listeners to %s are running: what is refused meanwhile is reported together"
        overload_logger.write(logging.WARNING, message, MAX_CONCURRENT, SIGNAL)

    def finish(self, task: asyncio.Task[None]) -> None:
        super().finish(task)
        # A task that is cancelled ends with the loop, where nothing new begins.
        if self.waiting and not task.cancelled():
            oldest = next(iter(self.waiting))
            self._call_listeners(self.waiting.pop(oldest))

    def _call_listeners(self, context: Context) -> None:
        app: Sanic[Any, Any] = context["request"].app
        call = app.dispatch(SIGNAL, context=context, inline=True, fail_not_found=False)
        # Two tasks, so that a listener that raises CancelledError differs from a loop that ends.
        self.start(_wait_for_listeners(asyncio.ensure_future(call), context))


async def _wait_for_listeners(call: asyncio.Future[Any], context: Context) -> None:
    """Wait until the listeners have finished, and log whatever goes wrong in them."""
    try:
        await asyncio.wait({call})
    finally:
        call.cancel()
    try:
        call.result()
    # Some libraries have a BaseException of their own. KeyboardInterrupt has ended the loop by itself.
    except BaseException:
        facts = request_facts(
            context["request"], context["section"], context["refusal"].id, context["report_only"]
        )
        cors_logger.write(logging.ERROR, "A listener to %s failed", SIGNAL, facts=facts, trace=True)


_dispatchers: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, SignalDispatcher]] = WeakKeyDictionary()
