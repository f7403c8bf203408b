"""Pure: the reason to refuse a page, with the words for what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from ..ids import Message
from ..policy.fields import function_name
from ..policy.policy import CorsPolicy, calls_functions_for, origin_functions
from ..spec.fetch import FORBIDDEN_METHODS
from ..spec.origins import is_origin
from ..text import safe_repr
from . import refusal_ids as ids


class Refusal(NamedTuple):
    """The reason for which a page is refused.

        @app.signal("corsbp.page.refused")
        async def count(request, section, refusal: Refusal, report_only):
            print(section, refusal.id, refusal.times)

    id: an id of `refusal_ids`, which never changes its meaning: `"origin-not-allowed"`.
    value: the refused value as it was sent: an origin, a method, the name of a header, or a list of lines.
    expected: what would have matched.
    words: what to change. Values of the request are escaped in it.
    times: the number of refusals that this one stands for.
    """

    id: str
    value: object
    expected: str
    words: str
    times: int = 1


def origin_refusal(policy: CorsPolicy, origins: Sequence[str], failed: bool) -> Refusal:
    """Return why a policy refuses these Origin lines.

    failed: whether an origin function failed.
    """
    if len(origins) > 1:
        lines = _first_entries(map(safe_repr, origins), len(origins))
        words = ids.ORIGIN_REPEATED.fill(count=len(origins), lines=lines)
        return Refusal(ids.ORIGIN_REPEATED.id, list(origins), "one Origin line", words)
    (origin,) = origins
    # "f() or g() failed", but "f() and g() did not return True"
    message = _origin_message(policy, origin, failed)
    words = message.fill(
        entries=_entries(policy), functions=_function_names(policy, "or" if failed else "and")
    )
    return Refusal(message.id, origin, _expected_origins(policy), words)


def _origin_message(policy: CorsPolicy, origin: str, failed: bool) -> Message:
    """Return the message about an origin that a policy refuses."""
    # https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
    if origin == "null":
        return ids.ORIGIN_NULL
    if not is_origin(origin):
        return ids.ORIGIN_MALFORMED
    has_entries, has_functions = bool(_entries(policy)), bool(origin_functions(policy))
    if has_functions and calls_functions_for(policy, origin):
        if failed:
            return ids.FUNCTION_FAILED
        return ids.ENTRIES_AND_FUNCTION_REFUSED if has_entries else ids.FUNCTION_REFUSED
    if has_entries:
        return ids.ORIGIN_NOT_ALLOWED
    return ids.NO_FUNCTION_FOR_FILES if has_functions else ids.NO_ORIGIN_ALLOWED


def _expected_origins(policy: CorsPolicy) -> str:
    """Return in words which origins a policy allows."""
    expected = []
    if entries := _entries(policy):
        expected.append(f"one of {entries}")
    if functions := _function_names(policy, "or"):
        expected.append(f"an origin for which {functions} returns True")
    return ", or ".join(expected)


def _entries(policy: CorsPolicy) -> str:
    """Return the first origins and patterns of a policy; there may be very many."""
    allowed = policy.allow_origins
    if not isinstance(allowed, tuple):
        return ""
    entries = (repr(entry) for entry in allowed if isinstance(entry, str))
    return _first_entries(entries, len(allowed) - len(origin_functions(policy)))


def _function_names(policy: CorsPolicy, word: str) -> str:
    return f" {word} ".join(f"{function_name(function)}()" for function in origin_functions(policy))


def method_refusal(method: str, allowed: Sequence[str], served: Sequence[str]) -> Refusal:
    """Return why a method cannot be used on a path.

    allowed: the methods that the response names. served: those that the section serves on the path.
    """
    # https://fetch.spec.whatwg.org/#forbidden-method
    if method in FORBIDDEN_METHODS:
        message = ids.METHOD_FORBIDDEN
    elif method in served:
        message = ids.METHOD_NOT_ALLOWED
    # Browsers put six methods into upper case, and PATCH is not one of them.
    # https://fetch.spec.whatwg.org/#concept-method-normalize
    elif method.upper() in allowed:
        message = ids.METHOD_CASE
    else:
        message = ids.METHOD_UNSERVED
    words = message.fill(method=method, upper=method.upper(), served=", ".join(served) or "none")
    return Refusal(message.id, method, f"one of {', '.join(allowed)}", words)


def outside_method_refusal(method: str, allowed: Sequence[str]) -> Refusal:
    """Return why a method cannot be used that a route without CORS serves on the path."""
    words = ids.METHOD_ELSEWHERE.fill(method=method)
    return Refusal(ids.METHOD_ELSEWHERE.id, method, f"one of {', '.join(allowed) or 'none'}", words)


def header_names_refusal(requested: Sequence[str]) -> Refusal:
    """Return why the requested header names cannot be read."""
    lines = _first_entries(map(safe_repr, requested), len(requested))
    words = ids.HEADERS_MALFORMED.fill(lines=lines)
    return Refusal(ids.HEADERS_MALFORMED.id, list(requested), "a list of header names", words)


def header_refusal(name: str, allowed: Sequence[str]) -> Refusal:
    """Return why a header cannot be sent."""
    entries = _first_entries(allowed, len(allowed)) or "none"
    words = ids.HEADER_NOT_ALLOWED.fill(name=safe_repr(name), entries=entries)
    return Refusal(ids.HEADER_NOT_ALLOWED.id, name, f"one of {', '.join(allowed) or 'none'}", words)


def _first_entries(entries: Iterable[str], count: int) -> str:
    """Return the first five of `count` entries, and the number of the others."""
    first = list(islice(entries, 5))
    more = f" and {count - len(first)} more" if count > len(first) else ""
    return f"{', '.join(first)}{more}"
