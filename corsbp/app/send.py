"""CORS headers are added as the head of a response is sent, on any server.

Sanic's servers (HTTP/1, HTTP/3 and ASGI) call the `send` of a request's stream, and that reads
`stream.response.processed_headers` once. A `SendWrapper` stands in front of that call. Nobody can set a
header after it, no response goes past it (streams, files, errors, other middleware's responses), and it
leaves nothing on the response, which may be one object for many requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from logging import ERROR
from typing import Any, Final

from sanic.exceptions import ServerError
from sanic.helpers import has_message_body
from sanic.http import Http, Stage
from sanic.request import Request
from sanic.response import BaseHTTPResponse

from ..decision.active_policy import ActivePolicy
from ..decision.compiled import CompiledPolicy
from ..decision.origin_functions import OriginDecision, decide_origin
from ..decision.preflight import PathPolicies
from ..decision.vary import EncodedHeaders, forbid_storing, has_names_to_compare, merge_headers, vary_by
from ..log import cors_logger
from ..report.attempts import READ, REQUEST, Attempt, AttemptKind
from ..report.request_reports import kinds_to_report, report_attempts
from ..spec.fetch import ORIGIN
from ..text import safe_repr

_HANDLER: Final = Stage.HANDLER
_SANICS_HEADERS: Final = BaseHTTPResponse.processed_headers
_unhookable: Final[set[str]] = set()
"""The classes of streams that were logged, since no wrapper goes in front of them."""


class SendWrapper:
    """The headers that are sent with the response to one request, and what is known about that request.

    While the head is made, and only then, it takes the place of the response.
    """

    __slots__ = (
        "_headers",
        "_response",
        "_send",
        "_stream",
        "active_policy",
        "attempt_kind",
        "body",
        "checked_names",
        "compiled",
        "decision",
        "errors_only",
        "headers",
        "is_reported",
        "path",
        "request",
        "status",
        "stream",
    )

    def __init__(
        self, request: Request, active: ActivePolicy, stream: Any, send: Any, errors_only: bool
    ) -> None:
        self.request: Request = request
        self.active_policy: ActivePolicy = active
        self.compiled: CompiledPolicy = active.compiled  # to the end, whatever is reconfigured meanwhile
        self.errors_only: bool = errors_only
        self.decision: OriginDecision | None = None
        self.attempt_kind: AttemptKind = READ
        self.path: PathPolicies | None = None
        """The path of a preflight."""
        self.is_reported: bool = False
        self.checked_names: tuple[str, ...] = ()
        """The headers by which the request was checked, if its response can be in a cache."""
        self._headers: EncodedHeaders | None = None
        self._stream = stream
        self._send = send

    def __call__(self, data: bytes, end_stream: bool) -> Awaitable[None]:
        """Send data, as the `send` of the stream does; the head first, if it has not been sent."""
        stream = self._stream
        response = stream.response
        if response is self:  # the head could not be made, and the handler tries again
            response = stream.response = self._response
        if stream.stage is not _HANDLER or response is None or (self.errors_only and response.status < 400):
            return self._send(data, end_stream)  # type: ignore[no-any-return]  # Sanic's are untyped
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
        is_refused = headers is compiled.refused_headers
        self._headers = vary_by(headers, self.checked_names) if self.checked_names else headers
        if is_refused or compiled.may_report_granted or self.attempt_kind is not READ:
            self.report()
        self._response = response
        self.body: Any = getattr(response, "body", None)
        self.headers: Any = response.headers
        self.status: Any = response.status
        stream.response = self
        return self._send(data, end_stream)  # type: ignore[no-any-return]  # Sanic's are untyped

    async def _decide_and_send(self, data: bytes, end_stream: bool) -> None:
        """Send data when origin functions have decided."""
        decision = await self.decide_origin()
        self._headers = self.compiled.response_headers(decision.grant)
        # Another task may have sent the head meanwhile: what sends now, is the stream's to say.
        send = self._stream.send
        if send is None:
            raise ServerError("Response stream was ended, no more response data is allowed to be sent.")
        await send(data, end_stream)

    @property
    def is_attached(self) -> bool:
        """Whether the response goes through this."""
        return self._send is not None

    def settle(
        self, headers: EncodedHeaders, kind: AttemptKind = READ, path: PathPolicies | None = None
    ) -> None:
        """Send these headers, whatever the policy says of other responses: for OPTIONS.

        `kind` and `path` are those of the page's attempt.
        """
        self._headers = headers
        self.attempt_kind = kind
        self.path = path

    async def decide_origin(self) -> OriginDecision:
        """Return the decision about the request's origin by the policy that the request began with."""
        self.decision = await decide_origin(self.request, self.compiled, self.decision)
        return self.decision

    def report(self) -> None:
        """Report once what the page cannot do, or could not do by the report-only policy."""
        if self.is_reported:
            return
        request, compiled = self.request, self.compiled
        kinds = kinds_to_report(self.attempt_kind, request, compiled, has_route=not self.errors_only)
        if kinds:
            self.is_reported = True
            attempts = [Attempt(kind, request, self.active_policy, compiled, self.path) for kind in kinds]
            report_attempts(attempts, compiled, self.decision)

    @property
    def processed_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """The headers as they are sent. After that, the response is in its place again."""
        response = self._stream.response = self._response
        headers, others = self._headers or (), response.processed_headers
        if self.attempt_kind is REQUEST:  # it was refused, and the next one to this URL may not be
            others = forbid_storing(others)
        # a class of the user's may send others than those of `response.headers`
        is_sanics = type(response).processed_headers is _SANICS_HEADERS
        if is_sanics and not has_names_to_compare(self.headers):
            return chain(others, headers)
        others = list(others)
        has_body: bool = has_message_body(self.status)  # type: ignore[no-untyped-call]  # Sanic's has no types
        if not has_body:
            self.headers.pop("transfer-encoding", None)  # by which HTTP/3 would send the body in chunks
        return merge_headers(others, headers, has_body)


def current_send_wrapper(request: Request) -> SendWrapper | None:
    """Return the wrapper of a request, until its head has been sent."""
    stream, attribute = _find_send(request.stream)
    wrapper = getattr(stream, attribute, None)
    return wrapper if type(wrapper) is SendWrapper else None


def send_wrapper_for(request: Request, active: ActivePolicy, errors_only: bool = False) -> SendWrapper:
    """Return the wrapper of a request: the one that it has, or a new one. After the response, it is unused.

    errors_only: whether a response with a status below 400 is in no section.
    """
    stream: Any = request.stream
    send: Any = stream.response_func if isinstance(stream, Http) else None
    if send is None:
        return _send_wrapper_for_other(request, active, errors_only)
    if type(send) is SendWrapper:
        return send
    wrapper = stream.response_func = SendWrapper(request, active, stream, send, errors_only)
    return wrapper


def _send_wrapper_for_other(request: Request, active: ActivePolicy, errors_only: bool) -> SendWrapper:
    """Return the wrapper of a request whose stream is not that of Sanic's HTTP/1 server, or has ended."""
    stream, attribute = _find_send(request.stream)
    send: Any = getattr(stream, attribute, None)
    if type(send) is SendWrapper:
        return send
    if attribute == "send":
        scope = getattr(request.transport, "scope", {})
        send = _send_for_denial(stream, scope) if scope.get("type") == "websocket" else send
    wrapper = SendWrapper(request, active, stream, send, errors_only)
    if send is not None:
        setattr(stream, attribute, wrapper)
    elif getattr(stream, "stage", None) is _HANDLER:
        _log_unhookable(stream)
    return wrapper


def _find_send(stream: Any) -> tuple[Any, str]:
    """Return the stream that sends the response, and its attribute that is called for it."""
    if not isinstance(stream, Http):
        # behind an object that somebody put in its place: what responds is what sends
        stream = getattr(getattr(stream, "respond", None), "__self__", stream)
    # HTTP/1 keeps in an attribute what its own `send` is to call.
    return stream, "response_func" if isinstance(stream, Http) else "send"


def _log_unhookable(stream: object) -> None:
    """Log once that the responses of a kind of stream are sent without CORS headers."""
    name = f"{type(stream).__module__}.{type(stream).__qualname__}"
    if name not in _unhookable:
        _unhookable.add(name)
        what = "has nothing that sends: responses have no CORS headers, and no WebSocket opens"
        cors_logger.write(ERROR, f"The server's stream %s {what}", safe_repr(name))


def _send_for_denial(stream: Any, scope: Any) -> Callable[..., Any]:
    """Return the `send` of a refused ASGI handshake, to which `http.response.start` is no response.

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
