"""OPTIONS requests of a section: preflights, and all others."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from sanic.request import Request
from sanic.response import HTTPResponse
from sanic_routing.route import Route

from ..decision.active_policy import ActivePolicy
from ..decision.preflight import PathPolicies
from ..report.attempts import SEND
from ..spec.fetch import ALLOW, ORIGIN, REQUEST_HEADERS, REQUEST_METHOD
from .send import SendWrapper, send_wrapper_for


def is_preflight(request: Request) -> bool:
    """Return whether a request is a preflight.

    https://fetch.spec.whatwg.org/#cors-preflight-request
    """
    headers = request.headers
    return request.method == "OPTIONS" and ORIGIN in headers and REQUEST_METHOD in headers


class OptionsHandler:
    """Responses to the OPTIONS requests to one path of one host.

    active: the policy of requests that are not preflights.
    in_section: whether the path has an OPTIONS handler of the user's in a section.
    route: of a preflight, while its response is sent: it has no middleware.
    """

    def __init__(self, path: PathPolicies, active: ActivePolicy, in_section: bool = False) -> None:
        self.path = path
        self.active_policy = active
        self.in_section = in_section
        self.route: Route | None = None

    def intercept(self, request: Request) -> HTTPResponse | Awaitable[HTTPResponse] | None:
        """Respond to a preflight: the first request middleware, whichever handler the path has."""
        if not is_preflight(request):
            return None
        active = self.path.policy_for(request.headers[REQUEST_METHOD])
        if active is None:
            self._leave_preflight(request)
            return None
        request.route = self.route
        wrapper = send_wrapper_for(request, active)
        compiled, origins = wrapper.compiled, request.headers.getall(ORIGIN)
        grant = compiled.grant(origins)
        if grant is None and compiled.needs_functions(origins):
            return self._decide(request, wrapper)
        self._set_headers(request, wrapper, grant)
        return HTTPResponse(status=204)

    async def _decide(self, request: Request, wrapper: SendWrapper) -> HTTPResponse:
        """Respond to a preflight about whose origin functions decide."""
        decision = await wrapper.decide_origin()
        self._set_headers(request, wrapper, decision.grant)
        return HTTPResponse(status=204)

    def _set_headers(self, request: Request, wrapper: SendWrapper, grant: str | None) -> None:
        """Set the headers of the response to a preflight."""
        options = self.path.options_headers(wrapper.active_policy, wrapper.compiled)
        headers = options.preflight_headers(grant, request.headers.getall(REQUEST_HEADERS, ()))
        wrapper.settle(headers, SEND, self.path)

    def _leave_preflight(self, request: Request) -> None:
        """Leave a preflight to the path's own handler: the method that it asks for has no CORS.

        That handler may be in the section, whose headers would then grant what they do not mean.
        """
        if self.in_section:
            wrapper = send_wrapper_for(request, self.active_policy)
            wrapper.settle(self.path.headers_without_cors, SEND, self.path)

    async def respond(self, request: Request, **_: Any) -> HTTPResponse:
        """Respond to what `intercept` has left: the handler of a path for which the user has none."""
        response = HTTPResponse(status=204)
        wrapper = send_wrapper_for(request, self.active_policy)
        if is_preflight(request):  # for a method without CORS
            wrapper.settle(self.path.headers_without_cors, SEND, self.path)
            return response
        response.headers[ALLOW] = ", ".join(self.path.allow)
        decision = await wrapper.decide_origin()
        options = self.path.options_headers(wrapper.active_policy, wrapper.compiled)
        wrapper.settle(options.plain_headers(decision.grant))
        return response

    def attach(self, request: Request, _: object) -> None:
        """Have the response sent with CORS headers: the first response middleware, beside `respond`.

        To a preflight for a method without CORS, middleware of the app may respond: that stays as it is.
        """
        if not is_preflight(request):
            send_wrapper_for(request, self.active_policy)
