"""Pure: a fetch, step by step: a generator that yields the requests to send and takes their answers.

https://fetch.spec.whatwg.org. Left out, since no server has a say in it: Content Security Policy, bad ports,
HSTS, service workers, the HTTP cache.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeAlias

from corsbp.spec.fetch import (
    ALLOW_HEADERS,
    REQUEST_HEADERS,
    REQUEST_METHOD,
    RESOURCE_POLICY,
    SAFELISTED_METHODS,
)
from corsbp.text import safe_repr

from .cors_check import (
    REDIRECTS,
    StoppedError,
    allowed_methods,
    as_utf8,
    cors_check,
    header_list,
    max_age,
    not_readable,
    preflight_check,
    readable_headers,
)
from .data_urls import answer_of
from .fetch_arguments import Call, Page, checked, own_headers
from .preflight_cache import Asker
from .preflight_needed import Permission
from .redirects import leads
from .request_metadata import headers_of_browsers
from .result import Answer, Kind, NoAnswer, Pairs, Result, Sent, Step, cut
from .safelists import BODY_HEADERS, NON_WILDCARD
from .sites import may_embed
from .urls import Url

Exchanges: TypeAlias = Generator[Sent, Answer | NoAnswer, Answer]
"""Yields requests, takes their answers, returns the last."""

NO_BODY = frozenset({204, 205, 304})
"""Fetch, "null body status"."""


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
        self.page, self.call, self.engine = page, call, page.engine
        self.method, self.headers = call.method, call.headers
        self.body = call.body.encode() if isinstance(call.body, str) else call.body
        self.includes = call.credentials == "include"
        self.urls: list[Url] = []
        self.tainted = False
        self.kind: Kind = "basic"
        self.sent: list[Sent] = []
        self.steps: list[Step] = []

    def run(self) -> Exchanges:
        url, self.method = checked(self.page, self.call)
        self.headers, self.steps = own_headers(self.call)
        self.permission = Permission(self.engine, self.headers, self.call.upload_listener)
        self.urls.append(url)
        try:
            return (yield from self.all_urls())
        except StoppedError as stopped:
            if self.permission.needed and not self.permission.outlives(stopped):
                self.page.preflights.forget(self.asker)
            raise

    def all_urls(self) -> Exchanges:
        """Fetch one URL after the other, as redirects lead."""
        while True:
            answer = yield from self.one_url()
            if answer.status not in REDIRECTS:
                return answer
            if self.call.redirect == "error":
                if self.engine.only_locations_redirect and not answer.get("location"):
                    return answer
                text = f'Status {answer.status} is a redirect, and the page said redirect: "error"'
                raise StoppedError("redirect-refused", text)
            if self.call.redirect == "manual":
                self.kind = "opaqueredirect"
                return answer
            there = leads(answer, self.urls, self.engine)
            if there is None:
                return answer
            self.follow(answer.status, there)

    # --- https://fetch.spec.whatwg.org/#main-fetch ---

    def one_url(self) -> Exchanges:
        """Fetch the last of the URLs, without following it further."""
        url, mode = self.urls[-1], self.call.mode
        if url.scheme == "data" and (answer := answer_of(url.target, self.engine)):
            self.steps.append(Step("A data: URL is its own answer: nothing is sent"))
            return answer
        if not url.is_http:
            raise StoppedError("scheme-not-http", f"{safe_repr(url.scheme)} is neither http nor https")
        if self.page.origin.startswith("https:") and not url.is_trustworthy:
            text = f"The page is https, and {cut(url.origin)} is http: browsers block such mixed content"
            raise StoppedError("mixed-content", text, "Serve it over https.")
        if self.page.is_of(url) and self.kind == "basic":
            self.steps.append(Step(f"{cut(url.origin)} is the page's own origin: no CORS"))
            return (yield from self.request(url))
        if mode == "same-origin":
            text = f'{cut(url.origin)} is not the page\'s origin, and the page said mode: "same-origin"'
            raise StoppedError("same-origin-only", text)
        if mode == "no-cors":
            return (yield from self.no_cors(url))
        self.kind = "cors"
        self.steps.append(Step(f"{cut(url.origin)} is not the page's origin, {self.page.origin}: CORS"))
        if needs := self.permission.needs(self.method, self.headers):
            yield from self.preflight(self.asker, needs)
        answer = yield from self.request(url)
        for step in cors_check(answer, self.origin, self.includes):
            self.steps.append(step)
        return answer

    def no_cors(self, url: Url) -> Exchanges:
        """What a page may embed, but not read."""
        if self.call.redirect != "follow":
            text = f'Mode "no-cors" knows no redirect: "{self.call.redirect}"'
            raise StoppedError("no-cors-redirect", text)
        self.kind = "opaque"
        answer = yield from self.request(url)
        policy = answer.get(RESOURCE_POLICY)
        if not may_embed(self.page.origin, url, policy, self.engine):
            text = (
                f"{RESOURCE_POLICY}: {safe_repr(policy)} lets no page of {self.page.origin} embed the answer"
            )
            raise StoppedError("resource-policy", text, f"Send {RESOURCE_POLICY}: cross-origin.")
        return answer

    @property
    def origin(self) -> str:
        """What the page's origin is called. https://fetch.spec.whatwg.org/#serializing-a-request-origin"""
        return "null" if self.tainted else self.page.origin

    @property
    def asker(self) -> Asker:
        """Who asks for a permission, and for what address."""
        origin = self.page.origin if self.engine.preflights_keep_origin else self.origin
        return Asker(origin, self.urls[-1], self.includes)

    # --- https://fetch.spec.whatwg.org/#http-fetch ---

    def preflight(self, asker: Asker, needs: list[str]) -> Generator[Sent, Answer | NoAnswer, None]:
        """Ask for permission, unless it is remembered. https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
        known, engine = self.page.preflights, self.engine
        unsafe = self.permission.unsafe(self.headers)
        ask_method = not unsafe or self.method not in SAFELISTED_METHODS or self.call.upload_listener
        if (
            not engine.remembers_nothing
            and (not ask_method or known.knows_method(asker, self.method))
            and all(known.knows_header(asker, name) for name in unsafe)
        ):
            self.steps.append(Step(f"A preflight is needed ({', '.join(needs)}), and remembered"))
            self.sent.append(Sent("OPTIONS", str(asker.url), (), preflight=True, cached=True))
            self.permission.given = True
            return
        self.permission.given = False
        self.steps.append(Step(f"A preflight is needed: {', '.join(needs)}"))
        asks: Pairs = ((REQUEST_METHOD, self.method),)
        if unsafe:
            asks = (*asks, (REQUEST_HEADERS, ",".join(unsafe)))
        headers = headers_of_browsers(self.page.origin, self.urls, "cors", asks, asker.origin, engine=engine)
        answer = yield from self.send(Sent("OPTIONS", str(asker.url), headers, preflight=True))
        # https://fetch.spec.whatwg.org/#concept-use-cors-preflight-flag: its method need not be named
        unnamed = self.method if self.call.upload_listener and not engine.listener_allows_nothing else None
        for step in preflight_check(
            answer,
            asker.origin,
            self.includes,
            method=self.method,
            unnamed=unnamed,
            unsafe=unsafe,
            engine=engine,
        ):
            self.steps.append(step)
        methods = allowed_methods(answer, unnamed)
        if engine.listener_allows_nothing:
            methods = [*methods, *SAFELISTED_METHODS]  # which need not be allowed, but for a listener
        known.remember(asker, methods, header_list(answer, ALLOW_HEADERS), max_age(answer, engine))
        self.permission.given = True

    def request(self, url: Url) -> Exchanges:
        """The request itself. https://fetch.spec.whatwg.org/#http-network-or-cache-fetch"""
        origin = None
        if self.kind == "cors" or self.method not in ("GET", "HEAD"):
            # https://fetch.spec.whatwg.org/#append-a-request-origin-header, with the usual referrer policy
            secret = self.kind == "opaque" and self.page.origin.startswith("https:") and url.scheme == "http"
            origin = "null" if secret else self.origin
        given = self.headers
        if self.engine.sends_utf8:
            given = tuple((name, value.encode().decode("latin-1")) for name, value in given)
        headers = headers_of_browsers(
            self.page.origin, self.urls, self.call.mode, given, origin, engine=self.engine
        )
        kept = self.kind == "opaque" and self.engine.no_cors_keeps_cookies and self.page.is_of(self.urls[0])
        ours = self.kind == "basic" or kept
        credentials = self.includes or (self.call.credentials == "same-origin" and ours)
        if credentials:
            cookies, stay = self.page.cookies.header(url, self.page.origin, self.urls)
            headers = (*headers, ("cookie", cookies)) if cookies else headers
            self.steps.extend(stay)
        elif self.call.credentials != "omit":
            self.steps.extend(self.page.cookies.unasked(url))
        answer = yield from self.send(Sent(self.method, str(url), headers, self.body or b""))
        if credentials:
            lines = answer.lines("set-cookie")
            self.steps.extend(self.page.cookies.store(url, lines, self.page.origin))
        self.steps.append(Step(f"{self.method} {cut(url)} was answered with status {answer.status}"))
        return answer

    def send(self, sent: Sent) -> Exchanges:
        answer = yield sent
        if isinstance(answer, NoAnswer):
            self.sent.append(sent)
            text = f"{sent.method} {cut(sent.url)} got no answer: {safe_repr(answer.reason)}"
            raise StoppedError("no-answer", text, "This is not about CORS: is the server there?")
        self.sent.append(replace(sent, answer=answer))
        return as_utf8(answer) if self.engine.reads_utf8 else answer

    # --- https://fetch.spec.whatwg.org/#http-redirect-fetch ---

    def follow(self, status: int, there: Url) -> None:
        """Go on to where a redirect leads."""
        here = self.urls[-1]
        foreign = self.call.mode == "cors" and not self.page.is_of(there)
        if there.user and (foreign or self.kind == "cors" or self.engine.user_info_fails):
            text = "The redirect leads to an address with a user name or password in it"
            raise StoppedError("redirect-user-info", text)
        post = status in (301, 302) and self.method == "POST"
        if post or (status == 303 and self.method not in ("GET", "HEAD")):
            self.method, self.body = "GET", None
            self.headers = tuple(pair for pair in self.headers if pair[0].lower() not in BODY_HEADERS)
        if here.origin != there.origin:
            self.headers = tuple(pair for pair in self.headers if pair[0].lower() not in NON_WILDCARD)
            at_once = self.call.mode == "no-cors" and self.engine.no_cors_is_null_at_once
            if at_once or not self.page.is_of(here):
                self.tainted = True
        self.urls.append(there)
        now_null = ", and the origin is null from here on" if self.tainted else ""
        self.steps.append(Step(f"Status {status} leads to {cut(there)}{now_null}"))

    # --- what the page gets ---

    def result(self, kind: Kind, answer: Answer | None = None) -> Result:
        url, status, headers, body = "", 0, {}, b""
        if answer is not None and kind in ("basic", "cors"):
            headers = readable_headers(answer, self.includes if kind == "cors" else None)
            url, status = self.urls[-1].with_user, answer.status
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
            url = self.urls[-1].with_user
            if answer is not None and self.engine.reads_what_leads_nowhere and not answer.get("location"):
                body = answer.body
            self.steps.append(Step(text, "opaque-redirect"))
        return Result(kind, url, status, headers, body, tuple(self.sent), tuple(self.steps))
