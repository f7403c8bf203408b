"""OPTIONS requests of a section: preflights, and all others."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from sanic.request import Request
from sanic.response import HTTPResponse
from sanic_routing.route import Route

from ..decision.compiled import ActivePolicy
from ..decision.preflight import PathPolicies
from ..report.attempts import SEND
from ..spec.fetch import ALLOW, ORIGIN, REQUEST_HEADERS, REQUEST_METHOD
from .send import SendWrapper, send_wrapper_for


def is_preflight(request: Request) -> bool:
    """Whether a browser asks for permission: Fetch, 3.3.2 "HTTP requests"."""
    headers = request.headers
    return request.method == "OPTIONS" and ORIGIN in headers and REQUEST_METHOD in headers


class OptionsHandler:
    """What the OPTIONS requests to one path of one host get; `alone` is a route without any middleware."""

    def __init__(self, path: PathPolicies, active: ActivePolicy, alone: Route) -> None:
        self.path = path
        self.active_policy = active
        self.alone = alone

    def intercept(self, request: Request) -> HTTPResponse | Awaitable[HTTPResponse] | None:
        """The first request middleware: answers the preflights, whoever's the handler is."""
        if not is_preflight(request) or (active := self.followed(request)) is None:
            return None
        request.route = self.alone
        wrapper = send_wrapper_for(request, active)
        compiled, origins = wrapper.compiled, request.headers.getall(ORIGIN)
        grant = compiled.grant(origins)
        if grant is None and compiled.needs_functions(origins):
            return self._decide(request, wrapper)
        self._settle(request, wrapper, grant)
        return HTTPResponse(status=204)

    async def _decide(self, request: Request, wrapper: SendWrapper) -> HTTPResponse:
        decision = await wrapper.decide_origin()
        self._settle(request, wrapper, decision.grant)
        return HTTPResponse(status=204)

    def _settle(self, request: Request, wrapper: SendWrapper, grant: str | None) -> None:
        options = self.path.options_headers(wrapper.active_policy, wrapper.compiled)
        headers = options.preflight_headers(grant, request.headers.getall(REQUEST_HEADERS, ()))
        wrapper.settle(headers, SEND, self.path)

    def followed(self, request: Request) -> ActivePolicy | None:
        """What an OPTIONS request follows; None for a preflight for a route without CORS."""
        return (
            self.path.policy_for(request.headers[REQUEST_METHOD])
            if is_preflight(request)
            else self.active_policy
        )

    async def answer(self, request: Request, **_: Any) -> HTTPResponse:
        """The handler, where the path has none of the user's: for what `intercept` has let pass."""
        response = HTTPResponse(status=204)
        wrapper = send_wrapper_for(request, self.active_policy)
        if self.followed(request) is None:
            wrapper.settle(self.path.headers_without_cors, SEND, self.path)
            return response
        response.headers[ALLOW] = ", ".join(self.path.allow)
        decision = await wrapper.decide_origin()
        options = self.path.options_headers(wrapper.active_policy, wrapper.compiled)
        wrapper.settle(options.plain_headers(decision.grant))
        return response

    def depart(self, request: Request, _: object) -> None:
        """The first response middleware, where it is not ours that answers."""
        if self.followed(request) is not None:
            send_wrapper_for(request, self.active_policy)
