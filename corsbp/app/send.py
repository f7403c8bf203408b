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
from ..decision.preflight import PathPolicies
from ..report.attempts import READ, Attempt, AttemptKind
from ..report.refused import has_audience, report_refusal
from ..report.report_only import report_difference
from ..spec.fetch import ORIGIN, PREFIX, VARY

_PREFIX: Final = PREFIX.encode()
_VARY: Final = VARY.encode()
_LENGTH: Final = len(PREFIX)
_HANDLER: Final = Stage.HANDLER
_TELLING: Final = frozenset(
    f"{a}{b}" for x, y in ("ac", "va", "tr") for a in (x, x.upper()) for b in (y, y.upper())
)
"""How names begin that have to be looked at: access-control-…, vary, transfer-encoding."""
_decisions: Final[WeakKeyDictionary[Request, OriginDecision]] = WeakKeyDictionary()
"""The decision about the origin of each request, needed also after the head has been sent."""


class SendWrapper:
    """What leaves with the answer to one request, and what has been found out about that request.

    While the head is read, and only then, it takes the place of the response.
    """

    __slots__ = (
        "_headers",
        "_response",
        "_send",
        "_stream",
        "active_policy",
        "attempt_kind",
        "body",
        "compiled",
        "decision",
        "headers",
        "is_reported",
        "path",
        "request",
        "status",
        "stream",
    )

    def __init__(self, request: Request, active: ActivePolicy, send: Callable[..., Any]) -> None:
        self.request = request
        self.active_policy = active
        self.compiled: CompiledPolicy = active.compiled  # to the end, whatever is reconfigured meanwhile
        self.decision: OriginDecision | None = None
        self.attempt_kind: AttemptKind = READ
        self.path: PathPolicies | None = None
        """The path of a preflight."""
        self.is_reported = False
        self._headers: Headers | None = None
        self._stream: Any = request.stream
        self._send = send

    def __call__(self, data: bytes, end_stream: bool) -> Awaitable[None]:
        """As the `send` of the stream."""
        stream = self._stream
        response = stream.response
        if stream.stage is not _HANDLER or response is None:
            return self._send(data, end_stream)  # type: ignore[no-any-return]  # the head has left
        compiled = self.compiled
        headers = compiled.static_headers if self._headers is None else self._headers
        if headers is None:
            if self.decision is not None and not self.decision.in_progress:
                grant = self.decision.grant
            else:
                origins = self.request.headers.getall(ORIGIN, ())
                grant = compiled.grant(origins)
                if grant is None and compiled.needs_functions(origins):
                    return self._decide_and_send(data, end_stream)
            headers = compiled.response_headers(grant)
        self._headers = headers
        if (
            headers is compiled.refused_headers
            or compiled.may_report_granted
            or self.attempt_kind is not READ
        ):
            self.report()
        self._response = response
        self.body = getattr(response, "body", None)
        self.headers = response.headers
        self.status = response.status
        stream.response = self
        return self._send(data, end_stream)  # type: ignore[no-any-return]  # Sanic's are untyped

    async def _decide_and_send(self, data: bytes, end_stream: bool) -> None:
        decision = await self.decide_origin()
        self._headers = self.compiled.response_headers(decision.grant)
        await self(data, end_stream)

    def settle(self, headers: Headers, kind: AttemptKind = READ, path: PathPolicies | None = None) -> None:
        """Send these headers, whatever the policy says of other responses: for OPTIONS.

        `kind` and `path` are those of the page's attempt.
        """
        self._headers = headers
        self.attempt_kind = kind
        self.path = path

    async def decide_origin(self) -> OriginDecision:
        """Return the decision about the request's origin; an origin function is called once for a request."""
        if self.decision is None:
            self.decision = _decisions.get(self.request)
        if self.decision is None:
            self.decision = _decisions[self.request] = OriginDecision()
            await self.decision.decide(self.compiled, self.request)
        else:
            await self.decision.wait()
        return self.decision

    def report(self) -> None:
        """Report once what the page cannot do, or could not do by the report-only policy."""
        compiled, report_only, request = self.compiled, self.compiled.report_only, self.request
        if self.is_reported or (report_only is None and not has_audience(request.app)):
            return
        origins = request.headers.getall(ORIGIN, ())
        if not origins:
            return
        # The usual case, for each response beside a report-only policy: both let the page read it.
        if (
            self.attempt_kind is READ
            and compiled.allows(origins, compiled.grant(origins))
            and (report_only is None or report_only.allows(origins, report_only.grant(origins)))
        ):
            return
        if report_only is not None and not has_audience(request.app, INFO):
            return
        self.is_reported = True
        attempt = Attempt(self.attempt_kind, request, self.active_policy, compiled, self.path)
        decision = self.decision
        if decision is None:
            decision = OriginDecision()
            decision.decide_without_calls(compiled, origins)
        explain = None
        if not attempt.is_allowed(compiled, decision):
            explain = partial(attempt.refusal, compiled, decision)
            report_refusal(compiled, attempt, explain)
        if report_only is not None:
            report_difference(report_only, attempt, explain, decision)

    @property
    def processed_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """As a response's: the headers as they leave. After that, the response is in its place again."""
        response = self._stream.response = self._response
        ours = self._headers or ()
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
