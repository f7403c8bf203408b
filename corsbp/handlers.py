"""Per request: Sanic's request and response on one side, the decision on the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from types import SimpleNamespace
from typing import Any, TypeAlias

from sanic.compat import Header
from sanic.exceptions import Forbidden
from sanic.request import Request
from sanic.response import HTTPResponse

from .chain import Middleware, Writer, complete, hold
from .decision import Headers, Path, Refusal, Rules
from .fetch import ALLOW, ORIGIN, REQUEST_HEADERS, REQUEST_METHOD
from .headers import Response, put
from .verdict import memo, verdict

Log: TypeAlias = Callable[[Request, Refusal], None] | None
"""Gets to know of refusals; None in production."""


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
            if self.own is leave_alone:
                # The chain of a route outside is left alone: this preflight gets one of its own.
                keep(request)
                assert request.route is not None
                extra = request.route.extra
                extra.response_middleware = complete(extra.corsbp_chains["response_middleware"], self.write)
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
