"""Pure: whether the response to a preflight allows the request.

https://fetch.spec.whatwg.org/#cors-preflight-fetch
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corsbp.spec.fetch import ALLOW_HEADERS, ALLOW_METHODS, MAX_AGE, SAFELISTED_METHODS
from corsbp.text import safe_repr

from .cors_check import check_cors
from .quirks import Engine
from .redirects import REDIRECT_STATUSES
from .response_headers import header_names, show_header
from .result import Answer, Step, StoppedError
from .safelists import NON_WILDCARD

DEFAULT_MAX_AGE = 5
"""Seconds for which a preflight is cached if its response does not say, or has an invalid value."""

WITHOUT_LOGIN = (
    "Respond to OPTIONS before anything that needs a login, in the app or in front of it (a proxy, an auth "
    "gateway): preflights carry no cookies and no Authorization. With corsbp: wrap the route's blueprint in "
    "cors_group()."
)
WITH_OPTIONS = "Respond to OPTIONS on this path. With corsbp: wrap the route's blueprint in cors_group()."


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """The request that a preflight asks permission for."""

    origin: str
    credentials: bool
    """Whether the credentials mode is "include"."""

    method: str
    default_method: str | None
    """A method that is allowed if the response names none."""

    unsafe: Sequence[str]
    """Names of the headers that need permission, in lower case."""


def check_preflight(answer: Answer, request: PreflightRequest, engine: Engine) -> Iterator[Step]:
    """Check whether a preflight response allows the request. Yields passed steps, raises StoppedError."""
    yield _check_status(answer)
    yield from check_cors(answer, request.origin, request.credentials, preflight=True)
    # both lists have to be valid before either is compared
    methods = allowed_methods(answer, request.default_method)
    headers = allowed_headers(answer)
    yield _check_method(answer, request, methods)
    for name in request.unsafe:
        if name not in headers:
            _check_wildcard(answer, request, name, headers, engine)
    if request.unsafe:
        yield Step(f"The headers {', '.join(request.unsafe)} are allowed")


def _check_status(answer: Answer) -> Step:
    status = answer.status
    if status in REDIRECT_STATUSES:
        text = f"The preflight was redirected (status {status} to {safe_repr(answer.get('location'))})"
        raise StoppedError("preflight-redirect", text, "Call the URL that it redirects to.")
    # https://fetch.spec.whatwg.org/#ok-status: also 304 is refused
    if not 200 <= status <= 299:
        change = WITHOUT_LOGIN if status in (401, 403, 407) else WITH_OPTIONS
        text = f"The preflight got status {status}: only 200 to 299 are accepted"
        raise StoppedError("preflight-status", text, change)
    return Step(f"The preflight got status {status}")


def _check_method(answer: Answer, request: PreflightRequest, methods: Sequence[str]) -> Step:
    method = request.method
    wildcard = "*" in methods
    # with credentials, `*` is an ordinary name: https://fetch.spec.whatwg.org/#cors-preflight-fetch
    covered = wildcard and not request.credentials
    if not covered and method not in methods and method not in SAFELISTED_METHODS:
        text = (
            f"The method {safe_repr(method)} is not in {ALLOW_METHODS}: {show_header(answer, ALLOW_METHODS)}"
        )
        if wildcard:
            text += " (with credentials, * is an ordinary method name)"
        change = (
            "Add it. With corsbp: a route of the section with this method on this path, and the method in "
            "allow_methods if that is a list."
        )
        # browsers convert only six methods to upper case, and PATCH is not one of them
        if method.upper() != method:
            change = f"Write {method.upper()!r} in the page: browsers send this method as it is written."
        raise StoppedError("preflight-method", text, change)
    return Step(f"The method {method} is allowed")


def _check_wildcard(
    answer: Answer, request: PreflightRequest, name: str, headers: Sequence[str], engine: Engine
) -> None:
    """Raise StoppedError if no `*` among the allowed headers covers this one."""
    text = f"The header {name} is not in {ALLOW_HEADERS}: {show_header(answer, ALLOW_HEADERS)}"
    wildcard = "*" in headers
    if wildcard and not request.credentials:
        if name not in NON_WILDCARD or engine.wildcard_covers_authorization:
            return
        change = f"Send {ALLOW_HEADERS}: *,{name}. With corsbp: allow_headers='*' does so."
        raise StoppedError("preflight-authorization", f"{text}; * does not cover it", change)
    if wildcard:
        text += " (with credentials, * is an ordinary header name)"
    raise StoppedError("preflight-header", text, f"Add it. With corsbp: allow_headers=[…, {name!r}].")


def allowed_methods(answer: Answer, default: str | None) -> list[str]:
    """Return the methods that a preflight response allows; `default` if it has no list."""
    if default is not None and answer.get(ALLOW_METHODS) is None:
        return [default]
    return _list_names(answer, ALLOW_METHODS)


def allowed_headers(answer: Answer) -> list[str]:
    """Return the headers that a preflight response allows, in lower case."""
    return [name.lower() for name in _list_names(answer, ALLOW_HEADERS)]


def _list_names(answer: Answer, header: str) -> list[str]:
    names = header_names(answer, header)
    if names is None:
        text = f"{header} is not a list of names: {show_header(answer, header)}"
        raise StoppedError("preflight-malformed", text, "Write names with commas between them.")
    return names


def max_age(answer: Answer, engine: Engine) -> int:
    """Return the seconds for which a preflight response is cached."""
    value = (answer.get(MAX_AGE) or "").strip(" \t")
    # Twenty digits exceed every limit; converting a million of them would take Python long.
    if digits := re.fullmatch(r"0*([0-9]{1,20})[0-9]*", value):
        return min(int(digits[1]), engine.longest_max_age)
    if engine.negative_max_age_is_zero and re.fullmatch(r"-[0-9]+", value):
        return 0
    return 0 if value and engine.invalid_max_age_is_zero else DEFAULT_MAX_AGE
