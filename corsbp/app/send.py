"""The one place where headers leave: the section's are put among those of others as the head is read.

Sanic's servers (HTTP/1, HTTP/3 and ASGI) call the `send` of a request's stream, and that reads
`stream.response.processed_headers` once. A `SendWrapper` stands in front of that call. Nobody can set a
header after it, no exit goes past it (streams, files, errors, other middleware's responses), and it leaves
nothing on the response, which may be one object for many requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import chain
from logging import INFO
from typing import Any, Final
from weakref import WeakKeyDictionary

from sanic.helpers import has_message_body
from sanic.http import Http, Stage
from sanic.request import Request

from ..decision.compiled import ActivePolicy, CompiledPolicy, Headers
from ..decision.origin_functions import OriginDecision
from ..report.attempts import AttemptFactory, Reading
from ..report.refused import has_audience, log_refusal
from ..report.report_only import report_difference
from ..spec.fetch import ORIGIN, PREFIX, VARY

_PREFIX: Final = PREFIX.encode()
_VARY: Final = VARY.encode()
_LENGTH: Final = len(PREFIX)
_TELLING: Final = frozenset(
    f"{a}{b}" for x, y in ("ac", "va", "tr") for a in (x, x.upper()) for b in (y, y.upper())
)
"""How names begin that have to be looked at: access-control-…, vary, transfer-encoding."""
_opinions: Final[WeakKeyDictionary[Request, OriginDecision]] = WeakKeyDictionary()
"""What functions have said of requests: asked for, too, when the head has left and the departure is gone."""


class SendWrapper:
    """What leaves with the answer to one request, and what has been found out about that request.

    While the head is read, and only then, it takes the place of the response.
    """

    __slots__ = (
        "_answer",
        "_response",
        "_send",
        "_stream",
        "active_policy",
        "attempt",
        "body",
        "compiled",
        "decision",
        "headers",
        "request",
        "said",
        "status",
        "stream",
    )

    def __init__(self, request: Request, active: ActivePolicy, send: Callable[..., Any]) -> None:
        self.request = request
        self.active_policy = active
        self.compiled: CompiledPolicy = active.compiled  # to the end, whatever is reconfigured meanwhile
        self.decision: OriginDecision | None = None
        self.attempt: AttemptFactory = Reading
        self.said = False
        """Whether it has been told what the page may not."""
        self._answer: Headers | None = None
        self._stream: Any = request.stream
        self._send = send

    def __call__(self, data: bytes, end_stream: bool) -> Awaitable[None]:
        """As the `send` of the stream."""
        stream = self._stream
        response = stream.response
        if stream.stage is not Stage.HANDLER or response is None:
            return self._send(data, end_stream)  # type: ignore[no-any-return]  # the head has left
        compiled = self.compiled
        answer = compiled.always if self._answer is None else self._answer
        if answer is None:
            if self.decision is not None and not self.decision.forming:
                answer = compiled.ordinary(self.decision.grant)
            else:
                origins = self.request.headers.getall(ORIGIN, ())
                answer = compiled.answer(origins)
                if answer is compiled.refused and compiled.ask is not None and len(origins) == 1:
                    return self._ask_and_send(data, end_stream)
        self._answer = answer
        if answer is compiled.refused or compiled.watched or self.attempt is not Reading:
            self.explain()
        self._response = response
        self.body = getattr(response, "body", None)
        self.headers = response.headers
        self.status = response.status
        stream.response = self
        return self._send(data, end_stream)  # type: ignore[no-any-return]  # Sanic's are untyped

    async def _ask_and_send(self, data: bytes, end_stream: bool) -> None:
        decision = await self.ask()
        self._answer = self.compiled.ordinary(decision.grant)
        await self(data, end_stream)

    def settle(self, answer: Headers, attempt: AttemptFactory | None) -> None:
        """Let these headers leave, whatever the rules say of an ordinary answer: for OPTIONS.

        `wish` is what the page wants; None if nobody hears of it.
        """
        self._answer = answer
        self.attempt = attempt or Reading
        self.said = attempt is None

    async def ask(self) -> OriginDecision:
        """The verdict on the request's origin; a function is asked once."""
        if self.decision is None:
            self.decision = _opinions.get(self.request)
        if self.decision is None:
            self.decision = _opinions[self.request] = OriginDecision()
            await self.decision.form(self.compiled, self.request)
        else:
            await self.decision.wait()
        return self.decision

    def explain(self) -> None:
        """Tell once what the page may not do, or could not do by the report-only policy."""
        compiled, report_only, request = self.compiled, self.compiled.report_only, self.request
        if self.said or (report_only is None and not has_audience(request.app)):
            return
        origins = request.headers.getall(ORIGIN, ())
        if not origins:
            return
        # The usual case, and the way of every answer while a policy is report-only: both let the page read.
        if (
            self.attempt is Reading
            and compiled.lets(origins)
            and (report_only is None or report_only.lets(origins))
        ):
            return
        if report_only is not None and not has_audience(request.app, INFO):
            return
        self.said = True
        attempt, decision = self.attempt(request), self.decision
        if decision is None:
            decision = OriginDecision()
            decision.recall(compiled, origins)
        why = None if attempt.allowed(compiled, decision) else partial(attempt.refusal, compiled, decision)
        if why is not None:
            log_refusal(compiled, attempt, why)
        if report_only is not None:
            report_difference(report_only, attempt, why, decision)

    @property
    def processed_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """As a response's: the headers as they leave. After that, the response is in its place again."""
        response = self._stream.response = self._response
        ours = self._answer or ()
        theirs = response.processed_headers
        for name in self.headers:
            if name[:1] in "aAvVtT" and name[:2] in _TELLING:
                return self._put(theirs, ours)
        return chain(theirs, ours)

    def _put(self, theirs: Iterable[tuple[bytes, bytes]], ours: Headers) -> list[tuple[bytes, bytes]]:
        """Ours among those of others: the only CORS headers, and one Vary."""
        headers: list[tuple[bytes, bytes]] = []
        vary = [value.decode() for name, value in ours if name == _VARY]
        merging, empty = bool(vary), not has_message_body(self.status)  # type: ignore[no-untyped-call]  # Sanic's has no types
        for name, value in list(theirs):
            key = name.lower()
            if key == _VARY and merging:
                vary.insert(-1, value.decode(errors="surrogateescape"))
            elif key == b"transfer-encoding" and empty:
                # HTTP/3: Sanic gives it to every answer without a length, which the protocol forbids.
                self.headers.pop("transfer-encoding", None)
            elif key[:_LENGTH] != _PREFIX:
                headers.append((name, value))
        headers.extend(pair for pair in ours if pair[0] != _VARY)
        if merging:
            headers.append((_VARY, merge_vary(*vary).encode(errors="surrogateescape")))
        return headers


def current_send_wrapper(request: Request) -> SendWrapper | None:
    """The departure that a request has, until its head has left."""
    there = getattr(request.stream, "response_func" if type(request.stream) is Http else "send", None)
    return there if type(there) is SendWrapper else None


def send_wrapper_for(request: Request, active: ActivePolicy) -> SendWrapper:
    """The departure of a request: the one it has, or a new one. After the answer, it changes nothing."""
    stream: Any = request.stream
    # HTTP/1 keeps in an attribute what its own `send` is to call.
    place = "response_func" if type(stream) is Http else "send"
    there: Any = getattr(stream, place, None)
    if type(there) is SendWrapper:
        return there
    send = there
    if place == "send":
        scope = getattr(request.transport, "scope", {})
        send = _send_for_denial(stream, scope) if scope.get("type") == "websocket" else there
    mine = SendWrapper(request, active, send)
    if there is not None:
        setattr(stream, place, mine)
    return mine


def _send_for_denial(stream: Any, scope: Any) -> Callable[..., Any]:
    """The `send` of an ASGI handshake, which is not answered by `http.response.start`.

    https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
    """

    async def deny(_: bytes, end_stream: bool) -> None:
        send, response, stream.stage = stream.transport.send, stream.response, Stage.IDLE
        if "websocket.http.response" in (scope.get("extensions") or {}):
            head = {"type": "websocket.http.response.start", "status": response.status}
            await send({**head, "headers": list(response.processed_headers)})
            await send({"type": "websocket.http.response.body", "body": response.body or b""})
        else:
            await send({"type": "websocket.close", "code": 1008})

    return deny


def merge_vary(*lines: str) -> str:
    """A Vary of the names in these lines, each once in any case; `*` stands for all of them."""
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        if token := name.strip():
            names.setdefault(token.lower(), token)
    return "*" if "*" in names else ", ".join(names.values())
