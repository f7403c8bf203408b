"""CORS for just those Sanic blueprints that you wrap.

    from corsbp import cors_group

    app.blueprint(cors_group(api_bp))                                       # any origin, no credentials
    app.blueprint(cors_group(v1, v2, allow_origins=["https://app.example"], allow_credentials=True))

The rooms, from the door inwards; imports run one way (`testing` has a map of its own):

    pytest_plugin  the fixture `cors_browser`
    group      cors_group(): a policy and blueprints in, a blueprint group out
    surface    an app's routes and who may call them, for reviews
    section    the blueprint by which a group meets the app
    mount      the one room that touches the app: its hooks
    live       origins from a store are followed while the app runs
    oddities   what is legal at startup, but probably not meant
    whose      whose a request is, by the app's router
    ownership  whose a blueprint is, and a path that has no route
    routing    what the app's router knows
    chain      a route's middleware, with the section's part in it
    binding    what each route is bound to: a table in, a table out
    handlers   per request: the section's part
    departure  the one place where headers leave
    trial      what a policy on trial would decide differently
    seen       who hears why a page is refused: the log, the signal
    verdict    origin functions are asked
    paths      what OPTIONS answers on a path
    decision   which headers
    refusals   why a page is refused, and what to change
    prefixes   the longest prefix of a path
    intake     what is good in origins from a store
    policy     what is declared: a value
    checks     what is wrong with what is declared, all of it
    names      what is wrong with a method's or header's name
    fields     the types of what is declared, and what it becomes
    diagnosis  what is wrong with an origin, and what was meant
    hosts      what is wrong with its host
    suffixes   below which names strangers register others
    origins    the grammar of origins and patterns, and membership
    fetch      the vocabulary of the Fetch standard
    dialects   what other packages call the fields
    errors     what can be wrong, with ids
    journal    what is said in the log, within bounds
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnosis import origin_problems
    from .errors import CorsPolicyError, CorsPolicyWarning, Problem
    from .group import CorsGroup, cors_group
    from .policy import CorsPolicy

__all__ = [
    "CorsGroup",
    "CorsPolicy",
    "CorsPolicyError",
    "CorsPolicyWarning",
    "Problem",
    "cors_group",
    "origin_problems",
]
__version__ = "0.2.0"

_ROOMS = {
    "CorsGroup": "group",
    "CorsPolicy": "policy",
    "CorsPolicyError": "errors",
    "CorsPolicyWarning": "errors",
    "Problem": "errors",
    "cors_group": "group",
    "origin_problems": "diagnosis",
}


if not TYPE_CHECKING:  # to which it would allow every name

    def __getattr__(name: str) -> Any:
        """Fetch a public name where it is first asked for.

        pytest imports this package at every start, for its plugin, and must not be made to import Sanic.
        """
        if name not in _ROOMS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_ROOMS[name]}", __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
