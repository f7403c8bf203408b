"""Pure: why a page is refused: ids, and in words what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from ..policy.fields import function_name
from ..policy.policy import CorsPolicy, calls_functions_for, origin_functions
from ..policy.problems import ids
from ..spec.fetch import FORBIDDEN_METHODS
from ..spec.origins import is_origin
from ..text import safe_repr

REFUSALS: Final = ids("""
    origin-repeated origin-null origin-malformed origin-not-allowed origin-function-refused
    origin-function-failed method-elsewhere method-not-allowed headers-malformed header-not-allowed
""")
"""Ids of why a page was refused."""


class Refusal(NamedTuple):
    """Why a page is refused.

        @app.signal("corsbp.page.refused")
        async def count(request, section, refusal: Refusal, report_only):
            print(section, refusal.id, refusal.times)

    id: one of `REFUSALS`.
    value: what is refused, as it was sent: an origin, a method, a header's name, or a list of lines.
    expected: what would have matched.
    words: what there is to change. Nothing in it is as it was sent.
    times: how many refusals this one stands for.
    """

    id: str
    value: object
    expected: str
    words: str
    times: int = 1


def origin_refusal(policy: CorsPolicy, origins: Sequence[str], failed: bool) -> Refusal:
    """For what a policy refuses these Origin lines; `failed`: a function of it did."""
    if len(origins) > 1:
        why = f"the request has {len(origins)} Origin lines"
        return Refusal("origin-repeated", list(origins), "one Origin line", why)
    (origin,) = origins
    allowed = policy.allow_origins if isinstance(policy.allow_origins, tuple) else ()
    asked = [f"{function_name(each)}()" for each in origin_functions(policy)]
    named = (repr(each) for each in allowed if isinstance(each, str))
    entries = _first_entries(named, max(0, len(allowed) - len(asked)))
    expected = [f"one of {entries}"] if entries else []
    expected += [f"an origin for which {' or '.join(asked)} returns True"] if asked else []
    if origin == "null":
        why = "allow_origins cannot name what is opaque: a sandboxed frame, a file, a redirect between sites"
        kind = "origin-null"
    elif not is_origin(origin):
        kind, why = "origin-malformed", "no browser sends such an Origin"
    elif not asked or not calls_functions_for(policy, origin):
        why = f"allow_origins leaves it out: it has {entries}"
        if not entries:
            why = "no function is asked about files" if asked else "allow_origins is empty: it allows nobody"
        kind = "origin-not-allowed"
    elif failed:
        kind, why = "origin-function-failed", f"{' or '.join(asked)} failed: see the error in the log"
    else:
        why = "allow_origins does not name it, and " if entries else ""
        why += f"{' and '.join(asked)} did not return True"
        kind = "origin-function-refused"
    return Refusal(kind, origin, ", or ".join(expected), why)


def method_refusal(method: str, allowed: Sequence[str], served: Sequence[str]) -> Refusal:
    """For a method that pages may not use on a path; `served`: those that the section serves there."""
    if method in FORBIDDEN_METHODS:
        why = f"browsers let no page send {method}"
    elif method in served:
        why = f"this path serves {method}, but allow_methods leaves it out"
    elif method.upper() in allowed:
        why = f"methods are case-sensitive, and the page has to write {method.upper()}"
    else:
        why = f"no route of the section serves it here: there is {', '.join(served) or 'none'}"
    return Refusal("method-not-allowed", method, f"one of {', '.join(allowed)}", why)


def outside_method_refusal(method: str, allowed: Sequence[str]) -> Refusal:
    """For a method that a path serves by a route without CORS."""
    why = f"this path serves {method} by a route that is in no section, or has ctx_cors=False"
    return Refusal("method-elsewhere", method, f"one of {', '.join(allowed) or 'none'}", why)


def header_names_refusal(requested: Sequence[str]) -> Refusal:
    """For requested header names that are none."""
    why = "the requested header names are no list of tokens, or too long a one"
    return Refusal("headers-malformed", list(requested), "a list of header names", why)


def header_refusal(name: str, allowed: Sequence[str]) -> Refusal:
    """For a requested header that is not allowed."""
    some = _first_entries(allowed, len(allowed)) or "none"
    why = f"allow_headers leaves out {safe_repr(name)}: it has {some}"
    return Refusal("header-not-allowed", name, f"one of {', '.join(allowed) or 'none'}", why)


def _first_entries(entries: Iterable[str], count: int) -> str:
    """The first few of so many entries, for people: there may be very many."""
    few = list(islice(entries, 5))
    more = f" and {count - len(few)} more" if count > len(few) else ""
    return f"{', '.join(few)}{more}"
