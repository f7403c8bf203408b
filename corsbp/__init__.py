"""CORS for just those Sanic blueprints that you wrap.

    from corsbp import cors_group

    app.blueprint(cors_group(api_bp))                                       # any origin, no credentials
    app.blueprint(cors_group(v1, v2, allow_origins=["https://app.example"], allow_credentials=True))

The packages and modules, from the entry inwards; imports run downwards only.
Each package has a map of its own:

    pytest_plugin  the fixture `cors_browser`
    metrics        metrics for Prometheus: setup()
    group          cors_group(): blueprints and a policy in, a blueprint group out
    arguments      the arguments of cors_group(), checked
    app            the integration with Sanic
    live           origins that are followed from a store
    report         the log, the signal, report-only policies
    decision       which headers a response has, and why a page is refused
    policy         what is declared: validated, and explained
    spec           what the standards say
    log            the logger, with a rate limit
    text           values as safe text, for the log and for messages
    ids            the ids of messages, with their documentation
    testing        a browser for tests
    command        the command `corsbp`
    _pyinstaller   hooks for PyInstaller
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decision.differences import Difference, Differences
    from .decision.refusal import Refusal
    from .group import CorsGroup, cors_group
    from .live.follower import Live
    from .live.options import Source
    from .policy.fields import OriginFunction
    from .policy.origin_diagnosis import origin_problems
    from .policy.policy import CorsPolicy
    from .policy.problems import CorsPolicyError, CorsPolicyWarning, Problem

__all__ = [
    "CorsGroup",
    "CorsPolicy",
    "CorsPolicyError",
    "CorsPolicyWarning",
    "Difference",
    "Differences",
    "Live",
    "OriginFunction",
    "Problem",
    "Refusal",
    "Source",
    "cors_group",
    "origin_problems",
]
__version__ = "0.3.0.dev0"

_MODULES = {
    "CorsGroup": "group",
    "CorsPolicy": "policy.policy",
    "CorsPolicyError": "policy.problems",
    "CorsPolicyWarning": "policy.problems",
    "Difference": "decision.differences",
    "Differences": "decision.differences",
    "Live": "live.follower",
    "OriginFunction": "policy.fields",
    "Problem": "policy.problems",
    "Refusal": "decision.refusal",
    "Source": "live.options",
    "cors_group": "group",
    "origin_problems": "policy.origin_diagnosis",
}


if not TYPE_CHECKING:  # a type checker would accept every name

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used.

        pytest imports this package at every start, for its plugin. That must not import Sanic.
        """
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
