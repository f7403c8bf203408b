"""The one place where headers leave: the section's are put among those of others as the head is read.

Sanic's servers (HTTP/1, HTTP/3 and ASGI) call the `send` of a request's stream, and that reads
`stream.response.processed_headers` once. A `Departure` stands in front of that call. Nobody can set a header
after it, no exit goes past it (streams, files, errors, other middleware's responses), and it leaves nothing
on the response, which may be one object for many requests.
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

from ..decision.compiled import Follow, Headers, Rules
from ..decision.origin_functions import Opinion
from ..report.refused import Reading, Wish, heard, tell
from ..report.report_only import compare
from ..spec.fetch import ORIGIN, PREFIX, VARY

_PREFIX: Final = PREFIX.encode()
_VARY: Final = VARY.encode()
_LENGTH: Final = len(PREFIX)
_TELLING: Final = frozenset(
    f"{a}{b}" for x, y in ("ac", "va", "tr") for a in (x, x.upper()) for b in (y, y.upper())
)
"""How names begin that have to be looked at: access-control-…, vary, transfer-encoding."""
_opinions: Final[WeakKeyDictionary[Request, Opinion]] = WeakKeyDictionary()
"""What functions have said of requests: asked for, too, when the head has left and the departure is gone."""


class Departure:
    """What leaves with the answer to one request, and what has been found out about that request.

    While the head is read, and only then, it takes the place of the response.
    """

    __slots__ = (
        "_answer",
        "_response",
        "_send",
        "_stream",
        "body",
        "follow",
        "headers",
        "opinion",
        "request",
        "rules",
        "said",
        "status",
        "stream",
        "wish",
    )

    def __init__(self, request: Request, follow: Follow, send: Callable[..., Any]) -> None:
        self.request = request
        self.follow = follow
        self.rules: Rules = follow.rules  # to the end, whatever is reconfigured meanwhile
        self.opinion: Opinion | None = None
        self.wish: Wish = Reading
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
        rules = self.rules
        answer = rules.always if self._answer is None else self._answer
        if answer is None:
            if self.opinion is not None and not self.opinion.forming:
                answer = rules.ordinary(self.opinion.grant)
            else:
                origins = self.request.headers.getall(ORIGIN, ())
                answer = rules.answer(origins)
                if answer is rules.refused and rules.ask is not None and len(origins) == 1:
                    return self._ask_and_send(data, end_stream)
        self._answer = answer
        if answer is rules.refused or rules.watched or self.wish is not Reading:
            self.explain()
        self._response = response
        self.body = getattr(response, "body", None)
        self.headers = response.headers
        self.status = response.status
        stream.response = self
        return self._send(data, end_stream)  # type: ignore[no-any-return]  # Sanic's are untyped

    async def _ask_and_send(self, data: bytes, end_stream: bool) -> None:
        opinion = await self.ask()
        self._answer = self.rules.ordinary(opinion.grant)
        await self(data, end_stream)

    def settle(self, answer: Headers, wish: Wish | None) -> None:
        """Let these headers leave, whatever the rules say of an ordinary answer: for OPTIONS.

        `wish` is what the page wants; None if nobody hears of it.
        """
        self._answer = answer
        self.wish = wish or Reading
        self.said = wish is None

    async def ask(self) -> Opinion:
        """The verdict on the request's origin; a function is asked once."""
        if self.opinion is None:
            self.opinion = _opinions.get(self.request)
        if self.opinion is None:
            self.opinion = _opinions[self.request] = Opinion()
            await self.opinion.form(self.rules, self.request)
        else:
            await self.opinion.wait()
        return self.opinion

    def explain(self) -> None:
        """Tell once what the page may not do, or could not do by the rules on trial."""
        rules, trial, request = self.rules, self.rules.trial, self.request
        if self.said or (trial is None and not heard(request.app)):
            return
        origins = request.headers.getall(ORIGIN, ())
        if not origins:
            return
        # The usual case, and the way of every answer while a policy is on trial: both let the page read.
        if self.wish is Reading and rules.lets(origins) and (trial is None or trial.lets(origins)):
            return
        if trial is not None and not heard(request.app, INFO):
            return
        self.said = True
        wish, opinion = self.wish(request), self.opinion
        if opinion is None:
            opinion = Opinion()
            opinion.recall(rules, origins)
        why = None if wish.allowed(rules, opinion) else partial(wish.refusal, rules, opinion)
        if why is not None:
            tell(rules, wish, why)
        if trial is not None:
            compare(trial, wish, why, opinion)

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
            headers.append((_VARY, merged(*vary).encode(errors="surrogateescape")))
        return headers


def departing(request: Request) -> Departure | None:
    """The departure that a request has, until its head has left."""
    there = getattr(request.stream, "response_func" if type(request.stream) is Http else "send", None)
    return there if type(there) is Departure else None


def departure(request: Request, follow: Follow) -> Departure:
    """The departure of a request: the one it has, or a new one. After the answer, it changes nothing."""
    stream: Any = request.stream
    # HTTP/1 keeps in an attribute what its own `send` is to call.
    place = "response_func" if type(stream) is Http else "send"
    there: Any = getattr(stream, place, None)
    if type(there) is Departure:
        return there
    send = there
    if place == "send":
        scope = getattr(request.transport, "scope", {})
        send = _denial(stream, scope) if scope.get("type") == "websocket" else there
    mine = Departure(request, follow, send)
    if there is not None:
        setattr(stream, place, mine)
    return mine


def _denial(stream: Any, scope: Any) -> Callable[..., Any]:
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


def merged(*lines: str) -> str:
    """A Vary of the names in these lines, each once in any case; `*` stands for all of them."""
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        if token := name.strip():
            names.setdefault(token.lower(), token)
    return "*" if "*" in names else ", ".join(names.values())
