"""Pure: who fetches, and what: the arguments of `fetch()`, and what browsers make of them.

https://fetch.spec.whatwg.org/#dom-request
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from corsbp.spec.fetch import FORBIDDEN_METHODS, SAFELISTED_METHODS, is_token, normalise_method
from corsbp.text import safe_repr

from .cookies import Cookies
from .cors_check import StoppedError
from .engines import Engine
from .preflight_cache import Preflights
from .result import Pairs, Step, quoted
from .safelists import is_forbidden, is_no_cors_safelisted
from .urls import Url, parse

Credentials: TypeAlias = Literal["omit", "same-origin", "include"]
Mode: TypeAlias = Literal["cors", "no-cors", "same-origin"]
Redirect: TypeAlias = Literal["follow", "error", "manual"]


@dataclass(frozen=True, slots=True)
class Page:
    """Who fetches: a page of `origin` (`"null"` for a sandboxed frame), in a browser with its memory.

    `base`: what relative addresses are relative to.
    """

    origin: str
    base: Url
    engine: Engine
    preflights: Preflights
    cookies: Cookies = field(default_factory=Cookies)

    def is_of(self, url: Url) -> bool:
        """Whether `url` has the page's origin. https://html.spec.whatwg.org/#same-origin"""
        return url.origin == self.origin  # nothing is of the origin "null"


@dataclass(frozen=True, slots=True)
class Call:
    """What the page asks for: the arguments of `fetch()`."""

    url: str
    method: str = "GET"
    headers: Pairs = ()
    body: str | bytes | None = None
    credentials: Credentials = "same-origin"
    mode: Mode = "cors"
    redirect: Redirect = "follow"
    upload_listener: bool = False


def checked(page: Page, call: Call) -> tuple[Url, str]:
    """The URL and the method of a call. Raises StoppedError for what `new Request()` refuses."""
    url = address(page, call.url)
    if not is_token(call.method):
        raise StoppedError("method-invalid", f"{safe_repr(call.method)} is the name of no method")
    if call.method.upper() in FORBIDDEN_METHODS:
        raise StoppedError("method-forbidden", f"Browsers let no page use the method {call.method}")
    method = normalise_method(call.method)
    if call.mode == "no-cors" and method not in SAFELISTED_METHODS:
        raise StoppedError("no-cors-method", f'Mode "no-cors" knows no {method}')
    if call.body is not None and method in ("GET", "HEAD"):
        raise StoppedError("body-not-allowed", f"A {method} has no body")
    for name, value in call.headers:
        if not is_token(name) or any(character in "\0\r\n" or ord(character) > 255 for character in value):
            raise StoppedError("header-invalid", f"{safe_repr(name)}: {safe_repr(value)} is no header")
    return url, method


def address(page: Page, text: str) -> Url:
    """The URL that a page calls. Raises StoppedError."""
    url = parse(text, page.base)
    if url is None:
        raise StoppedError("url-invalid", f"{safe_repr(text)} is no URL")
    if url.user:
        text = "The address has a user name or password in it"
        raise StoppedError("url-user-info", text, "Send an Authorization header instead.")
    return url


def own_headers(call: Call) -> tuple[Pairs, list[Step]]:
    """What stays of the headers that the page sets, and what a text brings along; a word on the others."""
    kept: Pairs = ()
    dropped = []
    for name, value in call.headers:
        if _stays(call, kept, name, value):
            kept = (*kept, (name, value))
        else:
            dropped.append(name)
    if isinstance(call.body, str) and "content-type" not in {name.lower() for name, _ in kept}:
        kept = (*kept, ("content-type", "text/plain;charset=UTF-8"))
    told = f"The browser drops the headers {quoted(dropped)}: no page may set them"
    return kept, [Step(told)] if dropped else []


def _stays(call: Call, kept: Pairs, name: str, value: str) -> bool:
    """Whether a header that the page sets stays, after those before it."""
    if call.mode == "no-cors":
        before = [other for key, other in kept if key.lower() == name.lower()]
        return is_no_cors_safelisted(name, ", ".join([*before, value]))
    return not is_forbidden(name, value)
