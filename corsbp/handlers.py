"""Per request: Sanic's request and response on one side, the decision on the other."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from copy import copy
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

from multidict import CIMultiDict
from sanic.compat import Header
from sanic.exceptions import Forbidden
from sanic.http import Stage
from sanic.request import Request
from sanic.response import BaseHTTPResponse, HTTPResponse, ResponseStream

from .decision import Headers, Path, Refusal, Rules
from .fetch import ALLOW, ORIGIN, PREFIX, REQUEST_HEADERS, REQUEST_METHOD, VARY
from .origins import is_origin
from .policy import OriginFunction

Middleware: TypeAlias = Callable[..., Any]
Chain: TypeAlias = deque[Middleware]
Response: TypeAlias = BaseHTTPResponse | ResponseStream
Writer: TypeAlias = Callable[[Request, Response], Awaitable[None] | None]
"""Makes a response's CORS headers those of the section; a second time changes nothing."""
Log: TypeAlias = Callable[[Request, Refusal], None] | None

# Below Sanic's own logger: `sanic --debug` shows its debug lines, production does not.
log: Final = logging.getLogger("sanic.root.corsbp")


# --- headers ---------------------------------------------------------------------------------------


def put(response: Response, ours: Headers) -> None:
    """Make these the only CORS headers of a response, and add to its Vary."""
    headers = response.headers
    if headers or type(headers) is not Header:
        headers = headers_of(response)
        ours = _make_room(headers, ours)
    headers.extend(ours)


def headers_of(response: Response) -> Header:
    """A response's headers, also where someone has set a plain dict in their place: Sanic sends that too."""
    if not isinstance(response.headers, Header):
        response.headers = Header(response.headers)
    return response.headers


def _make_room(headers: CIMultiDict[str], ours: Headers) -> Headers:
    """Remove every other `access-control-*`; join our Vary with the one that is there."""
    for name, _ in cors_headers(headers):
        headers.popall(name, None)
    there = headers.getall(VARY, None)
    if there is None:
        return ours
    varies = [value for name, value in ours if name == VARY]
    if varies:
        headers[VARY] = ", ".join(_tokens([*there, *varies]))
    return tuple(pair for pair in ours if pair[0] != VARY)


def cors_headers(headers: CIMultiDict[str]) -> list[tuple[str, str]]:
    """The CORS headers that a response has."""
    return [item for item in headers.items() if item[0][: len(PREFIX)].lower() == PREFIX]


def _tokens(lines: Iterable[str]) -> list[str]:
    """The names of a Vary, each once in any case; `*` stands for all of them."""
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        if token := name.strip():
            names.setdefault(token.lower(), token)
    return ["*"] if "*" in names else list(names.values())


# --- verdicts --------------------------------------------------------------------------------------


class Memo:
    """What has been found out about one request, so that nothing is asked or logged twice."""

    __slots__ = ("failed", "grant", "rules", "said")

    def __init__(self) -> None:
        self.rules: Rules | None = None
        self.grant: str | None = None
        self.failed = False
        self.said = False


def memo(request: Request) -> Memo:
    """The request's memo. Only origin functions and debug logging need one."""
    kept = getattr(request.ctx, "corsbp", None)
    if kept is None:
        kept = request.ctx.corsbp = Memo()
    assert isinstance(kept, Memo)
    return kept


async def verdict(rules: Rules, request: Request) -> str | None:
    """Ask the policy's origin function, once per request; whatever goes wrong refuses."""
    if rules.ask is None:
        return rules.grant(request.headers.getall(ORIGIN, ()))
    origins = request.headers.getall(ORIGIN, ())
    if len(origins) != 1 or not is_origin(origins[0]):
        return None
    kept = memo(request)
    if kept.rules is not rules:
        # Noted before the answer is there: a request that is cancelled meanwhile does not ask again.
        kept.rules, kept.grant, kept.failed = rules, None, True
        answer = await _ask(rules.ask, origins[0], request)
        kept.grant, kept.failed = (origins[0] if answer else None), answer is None
    return kept.grant


async def _ask(ask: OriginFunction, origin: str, request: Request) -> bool | None:
    """What the origin function says; None where it failed."""
    try:
        try:
            answer: object = ask(origin, request)
        except asyncio.CancelledError as error:  # not the request's: nothing was awaited
            raise RuntimeError("the origin function was cancelled") from error
        if isawaitable(answer):
            answer = await _settle(answer)
    except Exception:
        log.exception("The origin function failed for %r: refused", origin)
        return None
    if isinstance(answer, bool):
        return answer
    log.error("The origin function returned %r for %r, which is no bool: refused", answer, origin)
    return None


async def _settle(awaitable: Awaitable[object]) -> object:
    """Await in a task of its own: its being cancelled and the request's being cancelled are two things."""
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait((task,))
    finally:
        task.cancel()
    if task.cancelled():
        raise RuntimeError("the origin function was cancelled")
    return task.result()


# --- answers ---------------------------------------------------------------------------------------


def writer(rules: Rules, say: Log = None) -> Writer:
    """The response middleware of routes that follow these rules; `say` gets to know of refusals."""
    if rules.ask is not None or say is not None:

        async def ask_and_write(request: Request, response: Response) -> None:
            grant = await verdict(rules, request)
            put(response, rules.ordinary(grant))
            if not getattr(response, "body", True):
                hold(request, response, ask_and_write)
            if say is not None:
                _explain(say, rules, request, grant)

        return ask_and_write

    if rules.static is not None:
        always = rules.ordinary(rules.static)

        def write_always(request: Request, response: Response) -> None:
            headers = response.headers
            if headers or type(headers) is not Header:
                put(response, always)
            else:  # as put() does: this is every answer's way
                headers.extend(always)
            if not getattr(response, "body", True):
                hold(request, response, write_always)

        return write_always

    answer = rules.answer

    def write(request: Request, response: Response) -> None:
        ours = answer(request.headers.getall(ORIGIN, ()))
        headers = response.headers
        if headers or type(headers) is not Header:
            put(response, ours)
        else:
            headers.extend(ours)
        if not getattr(response, "body", True):  # as of `request.respond()`, for a stream
            hold(request, response, write)

    return write


def leave_alone(_: Request, __: Response) -> None:
    """The writer of a route outside every section."""


def keep(request: Request) -> None:
    """Let this request see its route's chains as they are now, whatever is reconfigured meanwhile."""
    assert request.route is not None
    route = copy(request.route)
    route.extra = SimpleNamespace(**vars(route.extra))
    request.route = route


def gate(rules: Rules, say: Log = None) -> Middleware:
    """The request middleware that refuses a WebSocket handshake of an origin that is not allowed.

    A handshake without Origin passes: no browser sent it. https://www.rfc-editor.org/rfc/rfc6455#section-10.2
    """

    async def refuse_handshake(request: Request) -> None:
        keep(request)
        origins = request.headers.getall(ORIGIN, ())
        grant = await verdict(rules, request)
        if origins and not rules.allows(origins, grant):
            if say is not None:
                _explain(say, rules, request, grant)
            raise Forbidden("This WebSocket is not open to pages of this origin")

    return refuse_handshake


class Options:
    """What the OPTIONS requests to one path get.

    `own` writes the headers of a handler of the user's; None where the handler is `answer`.
    """

    __slots__ = ("own", "path", "say")

    def __init__(self, path: Path, own: Writer | None = None, say: Log = None) -> None:
        self.path = path
        self.own = own
        self.say = say

    def concerns(self, request: Request) -> bool:
        """Whether this OPTIONS request is a preflight for a method that has CORS here."""
        headers = request.headers
        return (
            ORIGIN in headers
            and REQUEST_METHOD in headers
            and self.path.rules_for(headers[REQUEST_METHOD]) is not None
        )

    def intercept(self, request: Request) -> HTTPResponse | Awaitable[HTTPResponse] | None:
        """The first request middleware: answers the preflights, whoever's the handler is."""
        if request.method == "OPTIONS" and self.concerns(request):
            return HTTPResponse(status=204)  # whose headers the response middleware writes
        return None

    def answer(self, request: Request, **_: Any) -> HTTPResponse | Awaitable[HTTPResponse]:
        """The handler, where the path has none of the user's."""
        response = HTTPResponse(status=204)
        headers = request.headers
        if REQUEST_METHOD not in headers or ORIGIN not in headers:
            response.headers[ALLOW] = self.path.allow
        if request.route is not None and request.route.extra.response_middleware:
            return response  # written once, at the end of the chain
        written = self.write(request, response)
        return response if written is None else _once(written, response)

    def write(self, request: Request, response: Response) -> Awaitable[None] | None:
        """The response middleware of the OPTIONS route, whoever answered."""
        if request.path == "*":
            return None  # asks about the server: Sanic routes it to the root, but no page sends it
        headers = request.headers
        origins = headers.getall(ORIGIN, ())
        method = headers.get(REQUEST_METHOD) if origins and request.method == "OPTIONS" else None
        rules = self.path.rules_for(method)
        if self.own is not None and (method is None or rules is None):
            return self.own(request, response)
        if rules is None:
            put(response, self.path.elsewhere)
            if self.say is not None and method is not None:
                _say_once(self.say, request, self.path.elsewhere_refusal(method))
            return None
        if rules.ask is not None or self.say is not None:
            return self._ask_and_write(rules, method, request, response)
        put(response, self._headers(self.path, rules, method, rules.grant(origins), request))
        return None

    async def _ask_and_write(
        self, rules: Rules, method: str | None, request: Request, response: Response
    ) -> None:
        path, say = self.path, self.say  # as they were when it was asked
        grant = await verdict(rules, request)
        put(response, self._headers(path, rules, method, grant, request))
        if say is not None:
            _explain(say, rules, request, grant, path)

    @staticmethod
    def _headers(
        path: Path, rules: Rules, method: str | None, grant: str | None, request: Request
    ) -> Headers:
        if method is None:
            return path.plain(rules, grant)
        return path.preflight(rules, grant, request.headers.getall(REQUEST_HEADERS, ()))


async def _once(written: Awaitable[None], response: HTTPResponse) -> HTTPResponse:
    await written
    return response


def _explain(
    say: Callable[[Request, Refusal], None],
    rules: Rules,
    request: Request,
    grant: str | None,
    path: Path | None = None,
) -> None:
    """Say why a request, or what a preflight asks for, is refused; nothing if it is not."""
    headers = request.headers
    refusal = rules.refusal(headers.getall(ORIGIN, ()), grant, memo(request).failed)
    method = headers.get(REQUEST_METHOD)
    if refusal is None and path is not None and method is not None and ORIGIN in headers:
        refusal = path.refusal(rules, method, headers.getall(REQUEST_HEADERS, ()))
    if refusal is not None:
        _say_once(say, request, refusal)


def _say_once(say: Callable[[Request, Refusal], None], request: Request, refusal: Refusal) -> None:
    """One line per refused request or preflight."""
    kept = memo(request)
    if not kept.said:
        kept.said = True
        say(request, refusal)


# --- chains ----------------------------------------------------------------------------------------


def complete(chain: Iterable[Middleware], write: Writer) -> Chain:
    """A route's response middleware with the section's headers at the end of every way out of it.

    Sanic leaves the chain at the first middleware that returns a response or raises, so running last
    is not enough.
    """
    others = [_guarded(each, write) for each in chain if not is_other_cors(each)]
    if not others:
        return deque([write])

    def first(request: Request, response: Response) -> None:
        hold(request, response, write)  # one of the others may send it

    return deque([first, *others, write])


def hold(request: Request, response: Response, write: Writer) -> None:
    """Let the headers be written once more as the response leaves: someone may set others until then."""
    if request.stream is not None and isinstance(response, BaseHTTPResponse):
        response.stream = LastWord(request, write)  # type: ignore[assignment]


def is_other_cors(middleware: Middleware) -> str | None:
    """The other CORS package that an app-wide middleware belongs to: it has no say in a section."""
    while (inner := getattr(middleware, "func", None)) is not None:
        middleware = inner
    module = f"{getattr(middleware, '__module__', None)}."
    packages = {"sanic_ext.extensions.http.cors.": "sanic_ext", "sanic_cors.": "sanic_cors"}
    return next((package for prefix, package in packages.items() if module.startswith(prefix)), None)


def _guarded(middleware: Middleware, write: Writer) -> Middleware:
    """The middleware, with the section's headers written to the response that it ends the chain with."""

    async def guarded(request: Request, response: Response) -> Any:
        headers = headers_of(response)
        cors, vary = cors_headers(headers), headers.getall(VARY, [])
        try:
            result = middleware(request, response)
            if isawaitable(result):
                result = await result
        except Exception:
            # Sanic logs it and sends this response as it is now.
            _undo_vary(headers_of(response), cors, vary)
            await _done(write(request, response))
            raise
        if isinstance(result, Response):
            _undo_vary(headers_of(result), cors, vary)
            await _done(write(request, result))
        else:
            _undo_vary(headers_of(response), cors, vary)
        return result

    return guarded


def _undo_vary(headers: CIMultiDict[str], cors: list[tuple[str, str]], vary: list[str]) -> None:
    """If other CORS code wrote here, its Vary goes the way of its headers: back to what was there before."""
    if cors_headers(headers) == cors:
        return
    before, after = _tokens(vary), _tokens(headers.popall(VARY, []))
    kept = _tokens([*before, *(name for name in after if name.lower() != ORIGIN)])
    if kept:
        headers[VARY] = ", ".join(kept)


async def _done(written: Awaitable[None] | None) -> None:
    if written is not None:
        await written


class LastWord:
    """Stands in for `request.stream` once a request failed: writes the headers as the answer leaves.

    Sanic runs no response middleware of a route for an error that has no route, and none a second time
    where a handler called `request.respond()` before it failed.
    """

    __slots__ = ("_before", "_request", "_stream", "_write")

    def __init__(self, request: Request, write: Writer) -> None:
        mine = {"_request": request, "_stream": request.stream, "_write": write, "_before": None}
        for name, value in mine.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._stream, name, value)

    def __bool__(self) -> bool:
        return bool(self._stream)

    def __aiter__(self) -> Any:
        return self._stream.__aiter__()

    def respond(self, response: BaseHTTPResponse) -> BaseHTTPResponse:
        """As Sanic's, but what the response sends passes through here."""
        response = self._stream.respond(response)
        response.stream = self  # type: ignore[assignment]
        if self._before is None:
            headers = headers_of(response)
            object.__setattr__(self, "_before", (cors_headers(headers), headers.getall(VARY, [])))
        return response

    @property
    def send(self) -> Callable[..., Awaitable[None]] | None:
        """As Sanic's: None once the answer has ended."""
        return self._send if self._stream.send is not None else None

    async def _send(self, data: bytes, end_stream: bool) -> None:
        if self._stream.stage is Stage.HANDLER:
            response = self._stream.response
            if self._before is not None:
                _undo_vary(headers_of(response), *self._before)
            await _done(self._write(self._request, response))
            scope = getattr(self._request.transport, "scope", None)
            if scope is not None and scope["type"] == "websocket":
                await self._refuse(scope)
                return
        await self._stream.send(data, end_stream=end_stream)

    async def _refuse(self, scope: Any) -> None:
        """ASGI: a handshake is not answered by `http.response.start`.

        https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
        """
        send, response = self._request.transport.send, self._stream.response
        self._stream.stage = Stage.IDLE
        if "websocket.http.response" in (scope.get("extensions") or {}):
            head = {"type": "websocket.http.response.start", "status": response.status}
            await send({**head, "headers": list(response.processed_headers)})
            await send({"type": "websocket.http.response.body", "body": response.body or b""})
        else:
            await send({"type": "websocket.close", "code": 1008})
