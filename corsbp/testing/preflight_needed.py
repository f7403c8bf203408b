"""Pure: whether a request needs a preflight, and whether the preflight stays cached if the request fails.

https://fetch.spec.whatwg.org/#http-fetch
"""

from __future__ import annotations

from corsbp.spec.fetch import SAFELISTED_METHODS

from .quirks import Engine
from .result import Pairs, StoppedError
from .safelists import unsafe_names


class PreflightState:
    """The preflights that one call needs. `headers` are those of its first request."""

    def __init__(self, engine: Engine, headers: Pairs, upload_listener: bool) -> None:
        self._engine, self._upload_listener = engine, upload_listener
        self._first_unsafe = unsafe_names(headers, engine)
        self.was_needed: bool = False
        """Whether a request of this call needed a preflight."""
        self.has_permission = False
        """Whether the last preflight that was needed allowed the request."""

    def unsafe_names(self, headers: Pairs) -> list[str]:
        """Return the names of the headers that a preflight lists; `headers` are those after redirects."""
        if self._engine.preflights_dropped_headers and self._first_unsafe:
            return self._first_unsafe
        return unsafe_names(headers, self._engine)

    def list_reasons(self, method: str, headers: Pairs) -> list[str]:
        """List the reasons for which a request needs a preflight; an empty list if it needs none."""
        reasons = [f"the header {name}" for name in self.unsafe_names(headers)]
        if method not in SAFELISTED_METHODS:
            reasons.insert(0, f"the method {method}")
        if self._upload_listener:
            reasons.append("an upload listener")
        # such an engine decides once for the whole redirect chain
        repeats = self._first_unsafe or self.was_needed
        if not reasons and repeats and self._engine.repeats_preflight_after_redirect:
            reasons = ["a request before the redirect needed one"]
        self.was_needed = self.was_needed or bool(reasons)
        return reasons

    def stays_cached_after(self, error: StoppedError) -> bool:
        """Check whether the preflight stays in the cache although the call fails."""
        if error.step.stop == "redirect-refused":
            return self._engine.caches_after_redirect_errors
        return self._engine.caches_after_refused_responses and self.has_permission
