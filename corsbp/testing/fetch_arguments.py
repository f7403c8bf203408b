"""Pure: the page that calls `fetch()`, and the arguments that it passes.

https://fetch.spec.whatwg.org/#dom-request
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from corsbp.spec.fetch import FORBIDDEN_METHODS, SAFELISTED_METHODS, is_token, normalise_method
from corsbp.text import safe_repr

from .cookies import CookieJar
from .preflight_cache import PreflightCache
from .quirks import Engine
from .result import Pairs, Step, StoppedError
from .safelists import is_forbidden, is_no_cors_safelisted
from .short_text import format_list
from .urls import Url, parse_url

Credentials: TypeAlias = Literal["omit", "same-origin", "include"]
Mode: TypeAlias = Literal["cors", "no-cors", "same-origin"]
Redirect: TypeAlias = Literal["follow", "error", "manual"]
Destination: TypeAlias = Literal["empty", "document", "image", "script", "websocket"]
EmbedderPolicy: TypeAlias = Literal["unsafe-none", "require-corp"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of `origin` (`"null"` for a sandboxed frame) in a browser with cookies and a preflight cache.

    Relative URLs are relative to `base`. `local_network` is whether the user allows calls to the local
    network.
    """

    origin: str
    base: Url
    engine: Engine
    preflights: PreflightCache
    cookies: CookieJar = field(default_factory=CookieJar)
    embedder_policy: EmbedderPolicy = "unsafe-none"
    local_network: bool = True

    def has_origin_of(self, url: Url) -> bool:
        """Compare the origins of page and URL. https://html.spec.whatwg.org/#same-origin"""
        return url.origin == self.origin  # never equal for a page of the origin "null"


@dataclass(frozen=True, slots=True)
class FetchCall:
    """The arguments of `fetch()`, or the request of another call of the page."""

    url: str
    method: str = "GET"
    headers: Pairs = ()
    body: str | bytes | None = None
    credentials: Credentials = "same-origin"
    mode: Mode | Literal["navigate"] = "cors"
    redirect: Redirect = "follow"
    upload_listener: bool = False
    destination: Destination = "empty"


def check_arguments(page: Page, call: FetchCall) -> tuple[Url, str]:
    """Return the URL and the method of a call. Raises StoppedError where `new Request()` throws."""
    url = resolve_url(page, call.url)
    if not is_token(call.method):
        raise StoppedError("method-invalid", f"{safe_repr(call.method)} is not a valid method")
    if call.method.upper() in FORBIDDEN_METHODS:
        raise StoppedError("method-forbidden", f"Browsers do not allow pages to use {call.method}")
    method = normalise_method(call.method)
    if call.mode == "no-cors" and method not in SAFELISTED_METHODS:
        raise StoppedError("no-cors-method", f'Mode "no-cors" does not allow {method}')
    if call.body is not None and method in ("GET", "HEAD"):
        raise StoppedError("body-not-allowed", f"A {method} request cannot have a body")
    for name, value in call.headers:
        if not is_token(name) or not _is_header_value(value):
            raise StoppedError(
                "header-invalid", f"{safe_repr(name)}: {safe_repr(value)} is not a valid header"
            )
    return url, method


def _is_header_value(value: str) -> bool:
    """Check for Latin-1 without line breaks. https://fetch.spec.whatwg.org/#header-value"""
    return not any(character in "\0\r\n" or ord(character) > 255 for character in value)


def resolve_url(page: Page, text: str) -> Url:
    """Parse the URL that a page calls. Raises StoppedError if it is invalid or has a user name."""
    url = parse_url(text, page.base)
    if url is None:
        raise StoppedError("url-invalid", f"{safe_repr(text)} is not a valid URL")
    if url.user_info:
        text = "The URL contains a user name or a password"
        raise StoppedError("url-user-info", text, "Send an Authorization header instead.")
    return url


def filter_headers(call: FetchCall) -> tuple[Pairs, list[Step]]:
    """Return the headers that the browser sends for the page, and a step that lists the others.

    A text has a content type of its own.
    """
    kept: Pairs = ()
    dropped = []
    for name, value in call.headers:
        if _is_allowed(call, kept, name, value):
            kept = (*kept, (name, value))
        else:
            dropped.append(name)
    if isinstance(call.body, str) and "content-type" not in {name.lower() for name, _ in kept}:
        kept = (*kept, ("content-type", "text/plain;charset=UTF-8"))
    text = f"The browser drops the headers {format_list(dropped)}: pages may not set them"
    return kept, [Step(text)] if dropped else []


def _is_allowed(call: FetchCall, kept: Pairs, name: str, value: str) -> bool:
    """Check whether the page may set a header after the ones that are kept."""
    if call.mode == "no-cors":
        earlier = [other for key, other in kept if key.lower() == name.lower()]
        return is_no_cors_safelisted(name, ", ".join([*earlier, value]))
    return not is_forbidden(name, value)
