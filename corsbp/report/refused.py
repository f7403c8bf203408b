"""Who hears why a page is refused: the log, and the app's listeners to the signal `corsbp.page.refused`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from ..decision.compiled import ActivePolicy, CompiledPolicy
from ..decision.origin_functions import OriginDecision
from ..decision.preflight import PathPolicies
from ..decision.refusal import Refusal, outside_method_refusal
from ..log import RateLimitedLogger, cors_logger, safe_repr
from ..spec.fetch import ORIGIN, REQUEST_HEADERS, REQUEST_METHOD

if TYPE_CHECKING:
    from sanic import Sanic
    from sanic.request import Request

SIGNAL: Final = "corsbp.page.refused"
_ANY: Final = "corsbp.page.*"
MAX_CONCURRENT: Final = 64
"""Calls that are under way at most in a worker, of listeners, or of functions that only a report-only policy has."""

_log_hears = cors_logger.logger.isEnabledFor
strained: Final = RateLimitedLogger(cors_logger.logger, lines=1)


# --- what pages want ---


class Reading:
    """The page that sent a request wants to read the answer. Refused, it was served all the same."""

    can = "read the answer to"

    def __init__(self, request: Request) -> None:
        self.request = request
        self.origins: Sequence[str] = request.headers.getall(ORIGIN, ())

    @property
    def page(self) -> str:
        """Whose page it is, for the log."""
        return safe_repr(self.origins[0])

    @property
    def what(self) -> str:
        """What it can, or cannot, for the log."""
        return f"{self.can} {safe_repr(self.request.method)} {safe_repr(self.request.path)}"

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        """Whether it may, by these rules: that costs little, and is asked for each answer report-only."""
        return compiled.allows(self.origins, decision.grant)

    def refusal(self, compiled: CompiledPolicy, decision: OriginDecision) -> Refusal | None:
        """Why it may not, in words; for those who hear of it."""
        return compiled.refusal(self.origins, decision.grant, decision.failed)


class Opening(Reading):
    """It wants to open a WebSocket."""

    can = "open the WebSocket"

    @property
    def what(self) -> str:
        return f"{self.can} {safe_repr(self.request.path)}"

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        return not compiled.policy.check_websockets or super().allowed(compiled, decision)


class Sending(Reading):
    """It wants to send a request, for which its browser has sent a preflight."""

    can = "send"

    def __init__(
        self, path: PathPolicies, active: ActivePolicy, compiled: CompiledPolicy, request: Request
    ) -> None:
        super().__init__(request)
        self.path = path
        self.active_policy = active
        self.compiled = compiled

    @property
    def what(self) -> str:
        return f"{self.can} {safe_repr(self.request.headers[REQUEST_METHOD])} {safe_repr(self.request.path)}"

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        return super().allowed(compiled, decision) and self._of_lists(compiled) is None

    def refusal(self, compiled: CompiledPolicy, decision: OriginDecision) -> Refusal | None:
        return super().refusal(compiled, decision) or self._of_lists(compiled)

    def _of_lists(self, compiled: CompiledPolicy) -> Refusal | None:
        """What stops it, its origin being granted."""
        lists = self.path.lists(self.active_policy, compiled, tried=compiled is not self.compiled)
        headers = self.request.headers
        return lists.refusal(headers[REQUEST_METHOD], headers.getall(REQUEST_HEADERS, ()))


class SendingElsewhere(Sending):
    """The same, where the method is that of a route without CORS."""

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        return False

    def refusal(self, compiled: CompiledPolicy, decision: OriginDecision) -> Refusal:
        return outside_method_refusal(
            self.request.headers[REQUEST_METHOD], self.path.lists(self.active_policy, self.compiled).methods
        )


AttemptFactory: TypeAlias = "Callable[[Request], Reading]"
"""What the page that sent a request wants."""

Why: TypeAlias = Callable[[], Refusal | None]
"""Why it is refused, found out for those who hear of it."""


# --- who hears of it ---


def has_audience(app: Sanic[Any, Any], level: int = logging.DEBUG) -> bool:
    """Whether anybody hears of what is logged at this level, or of the signal."""
    return _log_hears(level) or has_listener(app)


def has_listener(app: Sanic[Any, Any]) -> bool:
    """Whether the app listens to the signal: as it does now, since listeners can come later."""
    names = app.signal_router.name_index
    return SIGNAL in names or _ANY in names


def log_refusal(compiled: CompiledPolicy, attempt: Reading, why: Why) -> None:
    """Log that a page is refused, and call the app's listeners."""
    logged, listens = cors_logger.admits(logging.DEBUG), has_listener(attempt.request.app)
    if (logged or listens) and (refusal := why()):
        if logged:
            values = compiled.label(), attempt.page, attempt.what, refusal.id, refusal.words
            cors_logger.logger.debug("%s: a page of %s cannot %s: %s: %s", *values)
        if listens:
            send_signal(compiled, attempt.request, refusal)


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
