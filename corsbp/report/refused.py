"""Who hears why a page is refused: the log, and the app's listeners to the signal `corsbp.page.refused`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from ..decision.compiled import Follow, Rules
from ..decision.origin_functions import Opinion
from ..decision.preflight import Path
from ..decision.refusal import Refusal, elsewhere
from ..log import Journal, journal, shown
from ..spec.fetch import ORIGIN, REQUEST_HEADERS, REQUEST_METHOD

if TYPE_CHECKING:
    from sanic import Sanic
    from sanic.request import Request

SIGNAL: Final = "corsbp.page.refused"
_ANY: Final = "corsbp.page.*"
AT_ONCE: Final = 64
"""Calls that are under way at most in a worker, of listeners, or of functions that only a trial has."""

_log_hears = journal.logger.isEnabledFor
strained: Final = Journal(journal.logger, lines=1)


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
        return shown(self.origins[0])

    @property
    def what(self) -> str:
        """What it can, or cannot, for the log."""
        return f"{self.can} {shown(self.request.method)} {shown(self.request.path)}"

    def allowed(self, rules: Rules, opinion: Opinion) -> bool:
        """Whether it may, by these rules: that costs little, and is asked for each answer on trial."""
        return rules.allows(self.origins, opinion.grant)

    def refusal(self, rules: Rules, opinion: Opinion) -> Refusal | None:
        """Why it may not, in words; for those who hear of it."""
        return rules.refusal(self.origins, opinion.grant, opinion.failed)


class Opening(Reading):
    """It wants to open a WebSocket."""

    can = "open the WebSocket"

    @property
    def what(self) -> str:
        return f"{self.can} {shown(self.request.path)}"

    def allowed(self, rules: Rules, opinion: Opinion) -> bool:
        return not rules.policy.check_websockets or super().allowed(rules, opinion)


class Sending(Reading):
    """It wants to send a request, for which its browser has sent a preflight."""

    can = "send"

    def __init__(self, path: Path, follow: Follow, rules: Rules, request: Request) -> None:
        super().__init__(request)
        self.path = path
        self.follow = follow
        self.rules = rules

    @property
    def what(self) -> str:
        return f"{self.can} {shown(self.request.headers[REQUEST_METHOD])} {shown(self.request.path)}"

    def allowed(self, rules: Rules, opinion: Opinion) -> bool:
        return super().allowed(rules, opinion) and self._of_lists(rules) is None

    def refusal(self, rules: Rules, opinion: Opinion) -> Refusal | None:
        return super().refusal(rules, opinion) or self._of_lists(rules)

    def _of_lists(self, rules: Rules) -> Refusal | None:
        """What stops it, its origin being granted."""
        lists = self.path.lists(self.follow, rules, tried=rules is not self.rules)
        headers = self.request.headers
        return lists.refusal(headers[REQUEST_METHOD], headers.getall(REQUEST_HEADERS, ()))


class SendingElsewhere(Sending):
    """The same, where the method is that of a route without CORS."""

    def allowed(self, rules: Rules, opinion: Opinion) -> bool:
        return False

    def refusal(self, rules: Rules, opinion: Opinion) -> Refusal:
        return elsewhere(
            self.request.headers[REQUEST_METHOD], self.path.lists(self.follow, self.rules).methods
        )


Wish: TypeAlias = "Callable[[Request], Reading]"
"""What the page that sent a request wants."""

Why: TypeAlias = Callable[[], Refusal | None]
"""Why it is refused, found out for those who hear of it."""


# --- who hears of it ---


def heard(app: Sanic[Any, Any], level: int = logging.DEBUG) -> bool:
    """Whether anybody hears of what is logged at this level, or of the signal."""
    return _log_hears(level) or listened(app)


def listened(app: Sanic[Any, Any]) -> bool:
    """Whether the app listens to the signal: as it does now, since listeners can come later."""
    names = app.signal_router.name_index
    return SIGNAL in names or _ANY in names


def tell(rules: Rules, wish: Reading, why: Why) -> None:
    """Log that a page is refused, and call the app's listeners."""
    logged, listens = journal.admits(logging.DEBUG), listened(wish.request.app)
    if (logged or listens) and (refusal := why()):
        if logged:
            values = rules.label(), wish.page, wish.what, refusal.id, refusal.words
            journal.logger.debug("%s: a page of %s cannot %s: %s: %s", *values)
        if listens:
            signal(rules, wish.request, refusal)


def signal(rules: Rules, request: Request, refusal: Refusal, trial: bool = False) -> None:
    """Call the app's listeners, after the answer."""
    loop = asyncio.get_running_loop()
    calls = _calls.get(loop) or _calls.setdefault(loop, Calls())
    calls.make(Call(request, rules.label, refusal, trial))


class Job(asyncio.Task[None]):
    """A task that knows whether it is cancelled, or has awaited something that was."""

    ends = False

    def cancel(self, msg: Any = None) -> bool:
        self.ends = True
        return super().cancel(msg)


class Beside:
    """What runs beside the requests of a worker: at most `AT_ONCE` of it."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Start a job, unless so many are under way already."""
        if len(self.tasks) >= AT_ONCE:
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
    trial: bool

    async def make(self) -> None:
        """Call them; whatever goes wrong is theirs, and logged."""
        context = {"request": self.request, "section": self.label()}
        context |= {"refusal": self.refusal, "trial": self.trial}
        try:
            await self.request.app.dispatch(SIGNAL, context=context, inline=True, fail_not_found=False)
        except BaseException as error:  # which may be a library's own kind
            ends = isinstance(error, asyncio.CancelledError) and getattr(asyncio.current_task(), "ends", True)
            if ends or isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            journal.write(logging.ERROR, "A listener to %s failed", SIGNAL, trace=True)


class Calls(Beside):
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
        key = call.request.app, call.label, call.refusal.id, call.trial
        times = 1 + (self.waiting[key].refusal.times if key in self.waiting else 0)
        together = Refusal(*call.refusal[:-1], times)
        self.waiting[key] = Call(call.request, call.label, together, call.trial)
        message = "%d calls of listeners to %s are under way: what is refused meanwhile is told together"
        strained.write(logging.WARNING, message, AT_ONCE, SIGNAL)

    def ended(self, task: asyncio.Task[None]) -> None:
        super().ended(task)
        if self.waiting and not task.cancelled():
            self.start(self.waiting.pop(next(iter(self.waiting))).make)


_calls: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Calls]] = WeakKeyDictionary()
