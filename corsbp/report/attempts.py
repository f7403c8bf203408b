"""What a page attempted, and whether a policy allows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..decision.compiled import ActivePolicy, CompiledPolicy
from ..decision.origin_functions import OriginDecision
from ..decision.preflight import PathPolicies
from ..decision.refusal import Refusal, outside_method_refusal
from ..spec.fetch import ORIGIN, REQUEST_HEADERS, REQUEST_METHOD
from ..text import safe_repr

if TYPE_CHECKING:
    from sanic.request import Request


class Reading:
    """The page that sent a request wants to read the answer. Refused, it was served all the same."""

    can = "read the answer to"

    def __init__(self, request: Request) -> None:
        self.request = request
        self.origins: Sequence[str] = request.headers.getall(ORIGIN, ())

    @property
    def page(self) -> str:
        """Whose page it is, for the log."""
        return safe_repr(self.origins[0])

    @property
    def what(self) -> str:
        """What it can, or cannot, for the log."""
        return f"{self.can} {safe_repr(self.request.method)} {safe_repr(self.request.path)}"

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        """Whether it may, by these rules: that costs little, and is asked for each answer report-only."""
        return compiled.allows(self.origins, decision.grant)

    def refusal(self, compiled: CompiledPolicy, decision: OriginDecision) -> Refusal | None:
        """Why it may not, in words; for those who hear of it."""
        return compiled.refusal(self.origins, decision.grant, decision.failed)


class Opening(Reading):
    """It wants to open a WebSocket."""

    can = "open the WebSocket"

    @property
    def what(self) -> str:
        return f"{self.can} {safe_repr(self.request.path)}"

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        return not compiled.policy.check_websockets or super().allowed(compiled, decision)


class Sending(Reading):
    """It wants to send a request, for which its browser has sent a preflight."""

    can = "send"

    def __init__(
        self, path: PathPolicies, active: ActivePolicy, compiled: CompiledPolicy, request: Request
    ) -> None:
        super().__init__(request)
        self.path = path
        self.active_policy = active
        self.compiled = compiled

    @property
    def what(self) -> str:
        return f"{self.can} {safe_repr(self.request.headers[REQUEST_METHOD])} {safe_repr(self.request.path)}"

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        return super().allowed(compiled, decision) and self._of_lists(compiled) is None

    def refusal(self, compiled: CompiledPolicy, decision: OriginDecision) -> Refusal | None:
        return super().refusal(compiled, decision) or self._of_lists(compiled)

    def _of_lists(self, compiled: CompiledPolicy) -> Refusal | None:
        """What stops it, its origin being granted."""
        lists = self.path.lists(self.active_policy, compiled, tried=compiled is not self.compiled)
        headers = self.request.headers
        return lists.refusal(headers[REQUEST_METHOD], headers.getall(REQUEST_HEADERS, ()))


class SendingElsewhere(Sending):
    """The same, where the method is that of a route without CORS."""

    def allowed(self, compiled: CompiledPolicy, decision: OriginDecision) -> bool:
        return False

    def refusal(self, compiled: CompiledPolicy, decision: OriginDecision) -> Refusal:
        return outside_method_refusal(
            self.request.headers[REQUEST_METHOD], self.path.lists(self.active_policy, self.compiled).methods
        )


AttemptFactory: TypeAlias = "Callable[[Request], Reading]"
"""What the page that sent a request wants."""
