"""What a route is bound to, and how that stays so when Sanic sets the route's chains anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from .chain import Chain, Middleware, Writer, complete
from .decision import Rules
from .handlers import Log


class Binding(NamedTuple):
    """What a route is bound to: the writer of its answers, and what comes first in its request chain.

    `ours` tells that the handler is `Options.answer`, which says everything itself; `shared` that the route
    is not the section's, but has its path: then other middleware keeps what it does.
    """

    write: Writer
    rules: Rules | None = None
    first: Middleware | None = None
    say: Log = None
    ours: bool = False
    shared: bool = False


class SectionExtra(SimpleNamespace):
    """Sanic's `route.extra`, for a route of a section: the chains that Sanic sets are completed.

    Sanic computes the chains at startup and again when the app is amended or another extension adds
    routes, so a chain that was merely replaced would not stay.
    """

    request_middleware: Chain
    response_middleware: Chain

    def __init__(self, binding: Binding, catch_up: Callable[[], None], extra: SimpleNamespace) -> None:
        super().__init__(corsbp=binding, corsbp_catch_up=catch_up, corsbp_chains={})
        for name, value in vars(extra).items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("request_middleware", "response_middleware"):
            self.corsbp_chains[name] = value
            self.corsbp_catch_up()
            value = self.completed(name)
        super().__setattr__(name, value)

    def completed(self, name: str) -> Chain:
        """A chain of Sanic's with the section's part in it."""
        binding: Binding = self.corsbp
        theirs: Chain = self.corsbp_chains[name]
        if binding.ours and not any(self.corsbp_chains.values()):
            return theirs  # nobody to come before the handler, nobody to come after
        if name == "response_middleware":
            return deque([*theirs, binding.write]) if binding.shared else complete(theirs, binding.write)
        return theirs if binding.first is None else deque([binding.first, *theirs])

    def bind(self, binding: Binding) -> None:
        """Follow another binding from now on."""
        self.corsbp = binding
        for name in self.corsbp_chains:
            super().__setattr__(name, self.completed(name))
