"""The attempt of a page: to read, to send, to open; and the check whether a policy allows it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final

from ..decision.active_policy import ActivePolicy
from ..decision.checked_request import CheckedRequest
from ..decision.compiled import CompiledPolicy
from ..decision.origin_functions import OriginDecision
from ..decision.preflight import PathPolicies
from ..decision.refusal import Refusal, outside_method_refusal
from ..decision.request_check import handshake_refusal, needs_functions, request_refusal
from ..spec.fetch import ORIGIN, REQUEST_HEADERS, REQUEST_METHOD
from ..text import safe_repr

if TYPE_CHECKING:
    from sanic.request import Request


class AttemptKind(Enum):
    """A kind of attempt. `words` continue "a page can", for the log."""

    READ = "read", "read the response to"
    OPEN = "open", "open the WebSocket"
    SEND = "send", "send"
    REQUEST = "request", "make the request"

    def __init__(self, verb: str, words: str) -> None:
        self.verb = verb
        self.words = words


READ: Final = AttemptKind.READ
"""A page wants to read the response to its request, which is served also if it cannot."""

OPEN: Final = AttemptKind.OPEN
"""A page wants to open a WebSocket."""

SEND: Final = AttemptKind.SEND
"""A page wants to send the request for which its browser has sent a preflight."""

REQUEST: Final = AttemptKind.REQUEST
"""A page wants its request to be served, which `check_requests` may refuse."""


class Attempt:
    """The attempt of the page that sent a request.

    active, compiled: the policy in force of the request.
    path: the path of a preflight.
    """

    def __init__(
        self,
        kind: AttemptKind,
        request: Request,
        active: ActivePolicy,
        compiled: CompiledPolicy,
        path: PathPolicies | None = None,
    ) -> None:
        self.kind = kind
        self.request = request
        self.origins: Sequence[str] = request.headers.getall(ORIGIN, ())
        self.active_policy = active
        self.compiled = compiled
        self.path = path

    @property
    def method(self) -> str:
        """The method of the request that the page wants to send, or has sent."""
        is_preflight = self.path is not None
        return str(self.request.headers[REQUEST_METHOD] if is_preflight else self.request.method)

    @property
    def origin(self) -> str:
        """The page's origin; "" where the browser does not send it."""
        return self.origins[0] if self.origins else ""

    @property
    def page(self) -> str:
        """The page's origin, for the log."""
        return safe_repr(self.origin) if self.origins else "another site"

    @property
    def words(self) -> str:
        """The words for the attempt, which continue "a page can", for the log."""
        path = safe_repr(self.request.path)
        # Every handshake is a GET. https://www.rfc-editor.org/rfc/rfc6455#section-4.1
        if self.kind is OPEN:
            return f"{self.kind.words} {path}"
        return f"{self.kind.words} {safe_repr(self.method)} {path}"

    @property
    def is_without_cors(self) -> bool:
        """True if a route without CORS serves the method that the preflight names."""
        return self.path is not None and self.path.policy_for(self.method) is None

    def needs_functions(self, compiled: CompiledPolicy) -> bool:
        """Return whether a policy has to call origin functions about it."""
        if self.kind is REQUEST:
            return needs_functions(compiled, CheckedRequest(self.request))
        return compiled.needs_functions(self.origins)

    def is_allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        """Return whether a policy allows the attempt. Few words are made, which only a report needs."""
        if self.kind in (REQUEST, OPEN):
            return self.refusal(compiled, decision) is None
        if not compiled.allows(self.origins, decision.grant):
            return False
        return self._preflight_refusal(compiled) is None

    def refusal(self, compiled: CompiledPolicy, decision: OriginDecision) -> Refusal | None:
        """Return why a policy refuses it."""
        if self.kind in (REQUEST, OPEN):
            check = request_refusal if self.kind is REQUEST else handshake_refusal
            return check(compiled, CheckedRequest(self.request), decision.grant, decision.failed)
        if not self.is_without_cors:
            refusal = compiled.refusal(self.origins, decision.grant, decision.failed)
            if refusal is not None:
                return refusal
        return self._preflight_refusal(compiled)

    def _preflight_refusal(self, compiled: CompiledPolicy) -> Refusal | None:
        """Return why a preflight does not suffice although its origin is allowed; None if there was none."""
        if self.path is None:
            return None
        options = self.path.options_headers(self.active_policy, compiled, compiled is not self.compiled)
        # Each policy refuses a method of a route without CORS: none of them is the route's.
        if self.is_without_cors:
            return outside_method_refusal(self.method, options.methods)
        return options.refusal(self.method, self.request.headers.getall(REQUEST_HEADERS, ()))
