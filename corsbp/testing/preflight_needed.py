"""Pure: whether a fetch needs a preflight, and whether that is remembered when the fetch fails.

https://fetch.spec.whatwg.org/#http-fetch
"""

from __future__ import annotations

from corsbp.spec.fetch import SAFELISTED_METHODS

from .cors_check import StoppedError
from .engines import Engine
from .result import Pairs
from .safelists import unsafe_names


class Permission:
    """What one fetch has to ask for; `headers`: those that it begins with."""

    def __init__(self, engine: Engine, headers: Pairs, listener: bool) -> None:
        self._engine, self._listener = engine, listener
        self._unsafe_at_first = unsafe_names(headers, engine)
        self.needed = self.given = False
        """Whether one was needed so far, and whether the last one that was needed is there."""

    def unsafe(self, headers: Pairs) -> list[str]:
        """The names of the headers that a preflight asks for, after redirects have left some out."""
        before = self._unsafe_at_first if self._engine.asks_for_dropped_headers else []
        return before or unsafe_names(headers, self._engine)

    def needs(self, method: str, headers: Pairs) -> list[str]:
        """Why a preflight is needed; nothing if it is not."""
        needs = [f"the method {method}"] if method not in SAFELISTED_METHODS else []
        needs += [f"the header {name}" for name in self.unsafe(headers)]
        needs += ["an upload listener"] if self._listener else []
        if not needs and self._engine.needs_permission_for_good and (self._unsafe_at_first or self.needed):
            needs = ["what a redirect has left out"]
        self.needed = self.needed or bool(needs)
        return needs

    def outlives(self, stopped: StoppedError) -> bool:
        """Whether a preflight is remembered although the fetch failed."""
        if stopped.step.stop == "redirect-refused":
            return self._engine.remembers_after_redirect_errors
        return self._engine.remembers_after_refusals and self.given
