"""Pure: what a browser looks at in an answer. https://fetch.spec.whatwg.org/#http-cors-protocol"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from corsbp.spec.fetch import (
    ALLOW_CREDENTIALS,
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    EXPOSE_HEADERS,
    FORBIDDEN_RESPONSE_HEADERS,
    MAX_AGE,
    PREFIX,
    RESOURCE_POLICY,
    SAFELISTED_METHODS,
    SAFELISTED_RESPONSE_HEADERS,
    is_token,
)
from corsbp.text import safe_repr

from .engines import Engine
from .result import Answer, Step, quoted
from .safelists import NON_WILDCARD

DEFAULT_MAX_AGE = 5
"""Seconds that a preflight is remembered whose answer says nothing, or nonsense."""


class StoppedError(Exception):
    """The browser goes no further."""

    def __init__(self, stop: str, text: str, change: str | None = None) -> None:
        super().__init__(text)
        self.step = Step(text, stop, change)


def cors_check(answer: Answer, origin: str, credentials: bool, preflight: bool = False) -> Iterator[Step]:
    """Whether a page of `origin` may read an answer; `credentials`: its credentials mode is "include".

    Yields what passed, raises StoppedError. https://fetch.spec.whatwg.org/#concept-cors-check
    """
    prefix, whose = ("preflight-", "The preflight's answer") if preflight else ("", "The answer")
    lines, value = answer.lines(ALLOW_ORIGIN), answer.get(ALLOW_ORIGIN)
    grant = f"{ALLOW_ORIGIN}: {value if value is None else safe_repr(value)}"
    if value is None:
        text = f"{whose} (status {answer.status}) has no {ALLOW_ORIGIN} for the origin {origin}"
        raise StoppedError(f"{prefix}origin-missing", text, _how_to_allow(origin, credentials))
    if value == "*" and not credentials:
        yield Step(f"{grant} lets every origin in")
        return
    if value == "*":
        text = f"{grant} is no grant for a page that sends credentials"
        change = (
            f"{_how_to_allow(origin, credentials)} Or leave out credentials: 'include' in the page, "
            "if it needs no cookies."
        )
        raise StoppedError(f"{prefix}origin-any", text, change)
    if value != origin:
        several = len(lines) > 1 or "," in value
        text = f"{grant} {'names several origins' if several else f'is not the origin {origin}'}"
        change = (
            "Send it once: look for a proxy or a second middleware that adds one."
            if several
            else _how_to_allow(origin, credentials)
        )
        raise StoppedError(f"{prefix}origin-{'several' if several else 'other'}", text, change)
    yield Step(f"{grant} is the page's origin")
    if credentials:
        allowed = answer.get(ALLOW_CREDENTIALS)
        if allowed != "true":
            said = "missing" if allowed is None else safe_repr(allowed)
            text = f"{whose} does not allow credentials: {ALLOW_CREDENTIALS} is {said}, not true"
            change = (
                f"Send {ALLOW_CREDENTIALS}: true. With corsbp: allow_credentials=True. "
                "Or leave out credentials: 'include' in the page."
            )
            raise StoppedError(f"{prefix}credentials", text, change)
        yield Step(f"{ALLOW_CREDENTIALS}: true")


def _how_to_allow(origin: str, credentials: bool) -> str:
    if origin == "null":
        return (
            "The origin is null: a sandboxed frame, a file, or a redirect from one site to another. Nobody "
            "should be let in by that name: call the address that the redirect leads to, or allow any origin "
            f"without credentials ({ALLOW_ORIGIN}: *). With corsbp: allow_origins='*'."
        )
    more = ", allow_credentials=True" if credentials else ""
    return (
        f"Send {ALLOW_ORIGIN}: {origin}. With corsbp: "
        f"cors_group(…, allow_origins=[{origin!r}]{more}) around the route's blueprint."
    )


def preflight_check(
    answer: Answer,
    origin: str,
    credentials: bool,
    *,
    method: str,
    unnamed: str | None,
    unsafe: Sequence[str],
    engine: Engine,
) -> Iterator[Step]:
    """Whether a preflight's answer allows a request with this method and these headers.

    `unnamed`: a method that is allowed where the answer names none. `unsafe`: the names of the headers that
    need a permission, in lower case.
    https://fetch.spec.whatwg.org/#cors-preflight-fetch
    """
    if answer.status in REDIRECTS:
        text = f"The preflight was redirected (status {answer.status} to {safe_repr(answer.get('location'))})"
        raise StoppedError("preflight-redirect", text, "Call the address that it leads to.")
    if not 200 <= answer.status <= 299:
        text = f"The preflight was answered with status {answer.status}: only 200 to 299 pass"
        change = (
            "Answer OPTIONS before anything that asks who it is, in the app or before it (a proxy, a login): "
            "preflights carry no cookies and no Authorization. With corsbp: wrap the route's blueprint in "
            "cors_group()."
            if answer.status in (401, 403, 407)
            else "Answer OPTIONS on this path. With corsbp: wrap the route's blueprint in cors_group()."
        )
        raise StoppedError("preflight-status", text, change)
    yield Step(f"The preflight was answered with status {answer.status}")
    yield from cors_check(answer, origin, credentials, preflight=True)
    methods, headers = allowed_methods(answer, unnamed), header_list(answer, ALLOW_HEADERS)
    star = not credentials
    if method not in methods and method not in SAFELISTED_METHODS and not (star and "*" in methods):
        literal = " (with credentials, * is the name of a method)" if "*" in methods else ""
        listed = f"{ALLOW_METHODS}: {_said(answer, ALLOW_METHODS)}"
        text = f"The method {safe_repr(method)} is not in {listed}{literal}"
        change = (
            "Add it. With corsbp: a route of the section with this method on this path, and the method in "
            "allow_methods where that is a list."
        )
        if method.upper() != method:
            change = f"Write {method.upper()!r} in the page: browsers send this method as it is spelt."
        raise StoppedError("preflight-method", text, change)
    yield Step(f"The method {method} is allowed")
    for name in unsafe:
        if name in headers:
            continue
        if star and "*" in headers:
            if name not in NON_WILDCARD or engine.star_covers_authorization:
                continue
            text = f"{name} is not in {ALLOW_HEADERS}: {_said(answer, ALLOW_HEADERS)}; * never covers it"
            change = f"Send {ALLOW_HEADERS}: *,{name}. With corsbp: allow_headers='*' names it."
            raise StoppedError("preflight-authorization", text, change)
        literal = " (with credentials, * is the name of a header)" if "*" in headers else ""
        text = f"The header {name} is not in {ALLOW_HEADERS}: {_said(answer, ALLOW_HEADERS)}{literal}"
        raise StoppedError("preflight-header", text, f"Add it. With corsbp: allow_headers=[…, {name!r}].")
    if unsafe:
        yield Step(f"The headers {', '.join(unsafe)} are allowed")


REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""https://fetch.spec.whatwg.org/#redirect-status"""


def _said(answer: Answer, name: str) -> str:
    value = answer.get(name)
    return "missing" if value is None else safe_repr(value)


def allowed_methods(answer: Answer, unnamed: str | None) -> list[str]:
    """The methods that the answer to a preflight allows; `unnamed` where it says nothing of them."""
    said = answer.get(ALLOW_METHODS) is not None
    return header_list(answer, ALLOW_METHODS) if said or unnamed is None else [unnamed]


def header_list(answer: Answer, name: str) -> list[str]:
    """The names in a header of the answer to a preflight; header names in lower case.

    Raises StoppedError where it is no list. https://fetch.spec.whatwg.org/#extract-header-list-values
    """
    names = names_in(answer, name)
    if names is None:
        text = f"{name} is no list of names: {_said(answer, name)}"
        raise StoppedError("preflight-malformed", text, "Write names with commas between them.")
    return [each.lower() for each in names] if name == ALLOW_HEADERS else names


def names_in(answer: Answer, name: str) -> list[str] | None:
    """The names in a header, [] where it is missing; None where it is no list of names."""
    elements = [element.strip(" \t") for line in answer.lines(name) for element in line.split(",")]
    names = [element for element in elements if element]
    return names if all(map(is_token, names)) else None


def max_age(answer: Answer, engine: Engine) -> int:
    """Seconds that the answer to a preflight is remembered."""
    said = (answer.get(MAX_AGE) or "").strip(" \t")
    # more digits than that are more than any limit, and Python need not make a number of a million of them
    if given := re.fullmatch(r"0*([0-9]{1,20})[0-9]*", said):
        return min(int(given[1]), engine.longest_max_age)
    negative = engine.negative_age_is_zero and re.fullmatch(r"-[0-9]+", said)
    return 0 if negative or (said and engine.nonsense_age_is_zero) else DEFAULT_MAX_AGE


def as_utf8(answer: Answer) -> Answer:
    """An answer whose headers are read as UTF-8; a page gets the bytes of what comes of it."""
    texts = [(name, value.encode("latin-1").decode(errors="replace")) for name, value in answer.headers]
    return replace(answer, headers=tuple((name, text.encode().decode("latin-1")) for name, text in texts))


def readable_headers(answer: Answer, credentials: bool | None) -> dict[str, str]:
    """The headers that a page may read; `credentials` None: those of its own origin.

    https://fetch.spec.whatwg.org/#concept-filtered-response-cors
    """
    names = {name.lower() for name, _ in answer.headers} - FORBIDDEN_RESPONSE_HEADERS
    if credentials is not None:
        exposed = {name.lower() for name in names_in(answer, EXPOSE_HEADERS) or ()}
        if credentials or "*" not in exposed:
            names &= SAFELISTED_RESPONSE_HEADERS | exposed
    return {name: f"{answer.get(name)}" for name in sorted(names)}


def not_readable(answer: Answer, readable: dict[str, str]) -> Iterator[Step]:
    """A word on the headers that the page does not see."""
    hidden = {name.lower() for name, _ in answer.headers} - set(readable) - FORBIDDEN_RESPONSE_HEADERS - _DULL
    interesting = sorted(name for name in hidden if not name.startswith(PREFIX))
    if interesting:
        names = quoted(interesting)
        yield Step(
            f"The page cannot read the headers {names}: they are not in {EXPOSE_HEADERS}. "
            f"With corsbp: expose_headers=[{names}]"
        )


_DULL = frozenset(
    {
        *(
            "vary",
            "connection",
            "keep-alive",
            "date",
            "server",
            "transfer-encoding",
            "alt-svc",
            "accept-ranges",
        ),
        *("content-security-policy", "strict-transport-security", "permissions-policy", "referrer-policy"),
        *("x-content-type-options", "x-frame-options", "x-xss-protection"),
        *("cross-origin-opener-policy", "cross-origin-embedder-policy", RESOURCE_POLICY),
    }
)
"""Headers that no page has a use for."""
