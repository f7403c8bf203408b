"""Pure: a fetch, step by step: a generator that yields the requests to send and takes their answers.

https://fetch.spec.whatwg.org. Left out, since no server has a say in it: Content Security Policy, bad ports,
HSTS, service workers, the HTTP cache. Cookies know no SameSite.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from corsbp.fetch import (
    ALLOW_HEADERS,
    ALLOW_METHODS,
    FORBIDDEN_METHODS,
    ORIGIN,
    REQUEST_HEADERS,
    REQUEST_METHOD,
    SAFELISTED_METHODS,
    is_token,
)
from corsbp.journal import shown

from .checks import (
    REDIRECTS,
    StoppedError,
    cors_check,
    header_list,
    max_age,
    not_readable,
    preflight_check,
    readable_headers,
)
from .memory import Asker, Cookies, Credentials, Engine, Preflights
from .result import Answer, Kind, NoAnswer, Pairs, Result, Sent, Step, cut, quoted
from .safelists import (
    BODY_HEADERS,
    NON_WILDCARD,
    is_forbidden,
    is_no_cors_safelisted,
    normalise_method,
    unsafe_names,
)
from .urls import Url, parse

Mode: TypeAlias = Literal["cors", "no-cors", "same-origin"]
Redirect: TypeAlias = Literal["follow", "error", "manual"]
Exchanges: TypeAlias = Generator[Sent, Answer | NoAnswer, Answer]
"""Yields requests, takes their answers, returns the last."""

MOST_REDIRECTS = 20
NO_BODY = frozenset({204, 205, 304})
"""Fetch, "null body status"."""


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


def fetching(page: Page, call: Call) -> Generator[Sent, Answer | NoAnswer, Result]:
    """One fetch of a page: yields each request to send, takes its answer, returns what the page gets."""
    fetch = _Fetch(page, call)
    try:
        answer = yield from fetch.run()
    except StoppedError as stopped:
        fetch.steps.append(stopped.step)
        return fetch.result("error")
    return fetch.result(fetch.kind, answer)


class _Fetch:
    """The state of one fetch; the names are the standard's."""

    def __init__(self, page: Page, call: Call) -> None:
        self.page, self.call = page, call
        self.method, self.headers = call.method, call.headers
        self.body = call.body.encode() if isinstance(call.body, str) else call.body
        self.includes = call.credentials == "include"
        self.urls: list[Url] = []
        self.tainted = False
        self.kind: Kind = "basic"
        self.sent: list[Sent] = []
        self.steps: list[Step] = []

    def run(self) -> Exchanges:
        self.prepare()
        while True:
            answer = yield from self.one_url()
            if answer.status not in REDIRECTS:
                return answer
            if self.call.redirect == "error":
                text = f'Status {answer.status} is a redirect, and the page said redirect: "error"'
                raise StoppedError("redirect-refused", text)
            if self.call.redirect == "manual":
                self.kind = "opaqueredirect"
                return answer
            locations = answer.lines("location")
            if not locations:
                return answer
            if len(locations) > 1:
                text = f"The redirect leads to several addresses: {quoted(locations)}"
                raise StoppedError("redirect-location", text)
            self.follow(answer.status, locations[0])

    # --- https://fetch.spec.whatwg.org/#dom-request ---

    def prepare(self) -> None:
        """What `new Request()` refuses, leaves out and puts right."""
        call = self.call
        url = parse(call.url, self.page.base)
        if url is None:
            raise StoppedError("url-invalid", f"{shown(call.url)} is no URL")
        if url.user_info:
            text = "The address has a user name or password in it"
            raise StoppedError("url-user-info", text, "Send an Authorization header instead.")
        self.urls.append(url)
        if not is_token(call.method):
            raise StoppedError("method-invalid", f"{shown(call.method)} is the name of no method")
        if call.method.upper() in FORBIDDEN_METHODS:
            raise StoppedError("method-forbidden", f"Browsers let no page use the method {call.method}")
        self.method = normalise_method(call.method)
        if call.mode == "no-cors" and self.method not in SAFELISTED_METHODS:
            raise StoppedError("no-cors-method", f'Mode "no-cors" knows no {self.method}')
        if call.body is not None and self.method in ("GET", "HEAD"):
            raise StoppedError("body-not-allowed", f"A {self.method} has no body")
        for name, value in call.headers:
            if (
                not is_token(name)
                or any(character in value for character in "\0\r\n")
                or not _is_latin(value)
            ):
                raise StoppedError("header-invalid", f"{shown(name)}: {shown(value)} is no header")
        self.fill_headers()

    def fill_headers(self) -> None:
        """What stays of the page's headers, and what a text brings along."""
        self.headers, dropped = (), []
        for name, value in self.call.headers:
            if self.keeps(name, value):
                self.headers = (*self.headers, (name, value))
            else:
                dropped.append(name)
        text = isinstance(self.call.body, str)
        if text and "content-type" not in {name.lower() for name, _ in self.headers}:
            self.headers = (*self.headers, ("content-type", "text/plain;charset=UTF-8"))
        if dropped:
            self.steps.append(Step(f"The browser drops the headers {quoted(dropped)}: no page may set them"))

    def keeps(self, name: str, value: str) -> bool:
        """Whether a header that the page sets stays, after those before it."""
        if self.call.mode == "no-cors":
            before = [other for key, other in self.headers if key.lower() == name.lower()]
            return is_no_cors_safelisted(name, ", ".join([*before, value]))
        return not is_forbidden(name, value)

    # --- https://fetch.spec.whatwg.org/#main-fetch ---

    def one_url(self) -> Exchanges:
        """Fetch the last of the URLs, without following it further."""
        url, mode = self.urls[-1], self.call.mode
        if not url.is_http:
            raise StoppedError("scheme-not-http", f"{shown(url.scheme)} is neither http nor https")
        if self.page.origin.startswith("https:") and url.scheme == "http" and not url.is_trustworthy:
            text = f"The page is https, and {cut(url.origin)} is http: browsers block such mixed content"
            raise StoppedError("mixed-content", text, "Serve it over https.")
        if self.page.is_of(url) and self.kind == "basic":
            self.steps.append(Step(f"{cut(url.origin)} is the page's own origin: no CORS"))
            return (yield from self.request(url))
        if mode == "same-origin":
            text = f'{cut(url.origin)} is not the page\'s origin, and the page said mode: "same-origin"'
            raise StoppedError("same-origin-only", text)
        if mode == "no-cors":
            if self.call.redirect != "follow":
                raise StoppedError(
                    "no-cors-redirect", f'Mode "no-cors" knows no redirect: "{self.call.redirect}"'
                )
            self.kind = "opaque"
            return (yield from self.request(url))
        self.kind = "cors"
        self.steps.append(Step(f"{cut(url.origin)} is not the page's origin, {self.page.origin}: CORS"))
        asker = Asker(self.origin, url, self.includes)
        needs = self.needs_permission()
        try:
            if needs:
                yield from self.preflight(asker, needs)
            answer = yield from self.request(url)
            for step in cors_check(answer, self.origin, self.includes):
                self.steps.append(step)
        except StoppedError:
            if needs:
                self.page.preflights.forget(asker)
            raise
        return answer

    @property
    def origin(self) -> str:
        """What the page's origin is called. https://fetch.spec.whatwg.org/#serializing-a-request-origin"""
        return "null" if self.tainted else self.page.origin

    # --- https://fetch.spec.whatwg.org/#http-fetch ---

    def needs_permission(self) -> list[str]:
        """Why a preflight is needed; nothing if it is not."""
        needs = [f"the method {self.method}"] if self.method not in SAFELISTED_METHODS else []
        needs += [f"the header {name}" for name in unsafe_names(self.headers)]
        return needs + (["an upload listener"] if self.call.upload_listener else [])

    def preflight(self, asker: Asker, needs: list[str]) -> Generator[Sent, Answer | NoAnswer, None]:
        """Ask for permission, unless it is remembered. https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
        known, engine = self.page.preflights, self.page.engine
        unsafe = unsafe_names(self.headers)
        ask_method = self.method not in SAFELISTED_METHODS or self.call.upload_listener
        if (
            engine.remembers_preflights
            and (not ask_method or known.knows_method(asker, self.method))
            and all(known.knows_header(asker, name) for name in unsafe)
        ):
            self.steps.append(Step(f"A preflight is needed ({', '.join(needs)}), and remembered"))
            self.sent.append(Sent("OPTIONS", str(asker.url), (), preflight=True, cached=True))
            return
        self.steps.append(Step(f"A preflight is needed: {', '.join(needs)}"))
        headers: Pairs = (("accept", "*/*"), (ORIGIN, self.origin), (REQUEST_METHOD, self.method))
        if unsafe:
            headers = (*headers, (REQUEST_HEADERS, ",".join(unsafe)))
        answer = yield from self.send(Sent("OPTIONS", str(asker.url), headers, preflight=True))
        for step in preflight_check(
            answer, self.origin, self.includes, method=self.method, unsafe=unsafe, engine=engine
        ):
            self.steps.append(step)
        methods = header_list(answer, ALLOW_METHODS)
        if answer.get(ALLOW_METHODS) is None and self.call.upload_listener:
            methods = [self.method]
        known.remember(asker, methods, header_list(answer, ALLOW_HEADERS), max_age(answer, engine))

    def request(self, url: Url) -> Exchanges:
        """The request itself. https://fetch.spec.whatwg.org/#http-network-or-cache-fetch"""
        headers = self.headers
        if "accept" not in {name.lower() for name, _ in headers}:
            headers = (("accept", "*/*"), *headers)
        if self.kind == "cors" or self.method not in ("GET", "HEAD"):
            # https://fetch.spec.whatwg.org/#append-a-request-origin-header, with the usual referrer policy
            secret = self.kind == "opaque" and self.page.origin.startswith("https:") and url.scheme == "http"
            headers = (*headers, (ORIGIN, "null" if secret else self.origin))
        credentials = self.includes or (self.call.credentials == "same-origin" and self.kind == "basic")
        if credentials and (cookies := self.page.cookies.header(url)):
            headers = (*headers, ("cookie", cookies))
        answer = yield from self.send(Sent(self.method, str(url), headers, self.body or b""))
        if credentials:
            self.page.cookies.store(url, answer.lines("set-cookie"))
        self.steps.append(Step(f"{self.method} {cut(url)} was answered with status {answer.status}"))
        return answer

    def send(self, sent: Sent) -> Exchanges:
        answer = yield sent
        if isinstance(answer, NoAnswer):
            self.sent.append(sent)
            text = f"{sent.method} {cut(sent.url)} got no answer: {shown(answer.reason)}"
            raise StoppedError("no-answer", text, "This is not about CORS: is the server there?")
        self.sent.append(replace(sent, answer=answer))
        return answer

    # --- https://fetch.spec.whatwg.org/#http-redirect-fetch ---

    def follow(self, status: int, location: str) -> None:
        """Go on to where a redirect leads."""
        here = self.urls[-1]
        there = parse(location, here)
        if there is None:
            raise StoppedError(
                "redirect-location", f"The redirect leads to {shown(location)}, which is no URL"
            )
        if not there.is_http:
            raise StoppedError("redirect-scheme", f"The redirect leads to {shown(location)}")
        if len(self.urls) > MOST_REDIRECTS:
            raise StoppedError("redirect-too-many", f"More than {MOST_REDIRECTS} redirects")
        foreign = self.call.mode == "cors" and not self.page.is_of(there)
        if there.user_info and (foreign or self.kind == "cors"):
            text = "The redirect leads to an address with a user name or password in it"
            raise StoppedError("redirect-user-info", text)
        post = status in (301, 302) and self.method == "POST"
        if post or (status == 303 and self.method not in ("GET", "HEAD")):
            self.method, self.body = "GET", None
            self.headers = tuple(pair for pair in self.headers if pair[0].lower() not in BODY_HEADERS)
        if here.origin != there.origin:
            self.headers = tuple(pair for pair in self.headers if pair[0].lower() not in NON_WILDCARD)
            if not self.page.is_of(here):
                self.tainted = True
        self.urls.append(there)
        now_null = ", and the origin is null from here on" if self.tainted else ""
        self.steps.append(Step(f"Status {status} leads to {cut(there)}{now_null}"))

    # --- what the page gets ---

    def result(self, kind: Kind, answer: Answer | None = None) -> Result:
        url, status, headers, body = "", 0, {}, b""
        if answer is not None and kind in ("basic", "cors"):
            headers = readable_headers(answer, self.includes if kind == "cors" else None)
            url, status = str(self.urls[-1]), answer.status
            body = b"" if status in NO_BODY else answer.body
            if not answer.complete:
                self.steps.append(Step("The body has not come to its end: the page reads it as it comes"))
            if kind == "cors":
                self.steps.extend(not_readable(answer, headers))
        elif kind == "opaque":
            text = 'The page said mode: "no-cors": it gets an answer that it cannot read'
            self.steps.append(Step(text, "opaque", 'Leave out mode: "no-cors".'))
        elif kind == "opaqueredirect":
            text = 'The page said redirect: "manual": it gets an answer that it cannot read'
            url = str(self.urls[-1])
            self.steps.append(Step(text, "opaque-redirect"))
        return Result(kind, url, status, headers, body, tuple(self.sent), tuple(self.steps))


def _is_latin(value: str) -> bool:
    return all(ord(character) < 256 for character in value)
