"""A page, and a server that says what a test tells it to: the pure part of the browser, without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from corsbp.testing.cookies import CookieJar
from corsbp.testing.engines import ENGINES
from corsbp.testing.fetch_algorithm import run_fetch
from corsbp.testing.fetch_arguments import FetchCall, Page
from corsbp.testing.preflight_cache import PreflightCache
from corsbp.testing.result import Answer, NoAnswer, Result, Sent
from corsbp.testing.urls import parse_url

from ..support import ORIGIN

API = "https://api.example"
Said: TypeAlias = Answer | NoAnswer


def page(
    origin: str = ORIGIN, engine: str = "standard", base: str = API, clock: Callable[[], float] = lambda: 0.0
) -> Page:
    url = parse_url(base)
    assert url is not None
    known = ENGINES[engine]
    return Page(origin, url, known, PreflightCache(clock, known), CookieJar(engine=known))


def says(status: int = 200, body: bytes = b"", /, **headers: str | Sequence[str]) -> Answer:
    """An answer; underscores in names stand for dashes, a list for several lines; `allow_` for the prefix."""
    pairs = []
    for key, values in headers.items():
        name = key.replace("_", "-")
        if name.startswith(("allow-", "expose-", "max-age")):
            name = f"access-control-{name}"
        pairs += [(name, value) for value in ([values] if isinstance(values, str) else values)]
    return Answer(status, tuple(pairs), body)


def drive(who: Page, call: FetchCall, *answers: Said) -> Result:
    """What the page gets of a fetch whose requests are answered so, one after the other, all of them."""
    exchanges, left = run_fetch(who, call), [*answers]
    try:
        next(exchanges)
        while True:
            assert left, "one more request than there are answers"
            exchanges.send(left.pop(0))
    except StopIteration as done:
        assert not left, f"not asked for: {left}"
        result: Result = done.value
        return result


def fetch(*answers: Said, url: str = "/items", who: Page | None = None, **options: Any) -> Result:
    """As `fetch(url, options)` in a page of `who`; headers may be a dict."""
    if "headers" in options:
        options["headers"] = tuple(dict(options["headers"]).items())
    return drive(who or page(), FetchCall(url, **options), *answers)


def served(preflight: Answer, answer: Answer, *, who: Page, url: str = "/items", **options: Any) -> Result:
    """As `fetch`, of a server that gives one answer to preflights and one to all else."""
    if "headers" in options:
        options["headers"] = tuple(options["headers"].items())
    exchanges = run_fetch(who, FetchCall(url, **options))
    try:
        sent = next(exchanges)
        while True:
            sent = exchanges.send(preflight if sent.preflight else answer)
    except StopIteration as done:
        result: Result = done.value
        return result


def sends(result: Result) -> list[str]:
    """The requests in short, preflights in brackets, remembered ones with a star."""

    def short(sent: Sent) -> str:
        text = f"{sent.method} {sent.url.removeprefix(API)}"
        return f"[{text}]{'*' * sent.cached}" if sent.preflight else text

    return [short(sent) for sent in result.sent]


def headers_of(result: Result, number: int = -1) -> dict[str, str]:
    """The headers of a request that was sent, each of which is there once."""
    pairs = result.sent[number].headers
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
