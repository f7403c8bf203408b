"""OPTIONS requests of a section: preflights, and all others."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from logging import DEBUG, INFO
from typing import Any

from sanic.request import Request
from sanic.response import HTTPResponse
from sanic_routing.route import Route

from ..decision.compiled import ActivePolicy
from ..decision.preflight import PathPolicies
from ..report.attempts import Reading, Sending, SendingElsewhere
from ..report.refused import has_audience
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
        compiled, headers = wrapper.compiled, request.headers
        grant = compiled.grant(headers.getall(ORIGIN))
        if grant is None and compiled.ask is not None:
            return self._ask(request, wrapper, active)
        self._settle(request, wrapper, active, grant)
        return HTTPResponse(status=204)

    async def _ask(self, request: Request, wrapper: SendWrapper, active: ActivePolicy) -> HTTPResponse:
        decision = await wrapper.ask()
        self._settle(request, wrapper, active, decision.grant)
        return HTTPResponse(status=204)

    def _settle(
        self, request: Request, wrapper: SendWrapper, active: ActivePolicy, grant: str | None
    ) -> None:
        compiled = wrapper.compiled
        answer = self.path.lists(active, compiled).preflight(
            grant, request.headers.getall(REQUEST_HEADERS, ())
        )
        hears = has_audience(request.app, DEBUG if compiled.report_only is None else INFO)
        wrapper.settle(answer, partial(Sending, self.path, active, compiled) if hears else None)

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
            wrapper.settle(
                self.path.elsewhere,
                partial(SendingElsewhere, self.path, self.active_policy, wrapper.compiled),
            )
            return response
        response.headers[ALLOW] = ", ".join(self.path.allow)
        decision = await wrapper.ask()
        wrapper.settle(self.path.lists(self.active_policy, wrapper.compiled).plain(decision.grant), Reading)
        return response

    def depart(self, request: Request, _: object) -> None:
        """The first response middleware, where it is not ours that answers."""
        if self.followed(request) is not None:
            send_wrapper_for(request, self.active_policy)
