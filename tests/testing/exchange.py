"""A page, and a server whose responses a test writes: the pure part of the browser, without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from corsbp.testing.call_kinds import build_call, run_call
from corsbp.testing.cookies import CookieJar
from corsbp.testing.engines import ENGINES
from corsbp.testing.exchanges import Exchanges
from corsbp.testing.fetch_algorithm import run_fetch
from corsbp.testing.fetch_arguments import EmbedderPolicy, FetchCall, Page
from corsbp.testing.preflight_cache import PreflightCache
from corsbp.testing.result import Answer, CallKind, NoAnswer, Result, Sent
from corsbp.testing.urls import parse_url

from ..support import ORIGIN

API = "https://api.example"
Reply: TypeAlias = Answer | NoAnswer


def make_page(
    origin: str = ORIGIN,
    engine: str = "standard",
    base: str = API,
    clock: Callable[[], float] = lambda: 0.0,
    *,
    embedder_policy: EmbedderPolicy = "unsafe-none",
    local_network: bool = True,
) -> Page:
    url = parse_url(base)
    assert url is not None
    model = ENGINES[engine]
    cache, cookies = PreflightCache(clock, model), CookieJar(clock, engine=model)
    return Page(origin, url, model, cache, cookies, embedder_policy, local_network)


def response(status: int = 200, body: bytes = b"", /, **headers: str | Sequence[str]) -> Answer:
    """Make a response.

    Underscores in names stand for dashes, a list for several lines, and `allow_` for `access-control-allow-`.
    """
    pairs = []
    for key, values in headers.items():
        name = key.replace("_", "-")
        if name.startswith(("allow-", "expose-", "max-age")):
            name = f"access-control-{name}"
        pairs += [(name, value) for value in ([values] if isinstance(values, str) else values)]
    return Answer(status, tuple(pairs), body)


def run_exchanges(exchanges: Exchanges[Result], *replies: Reply) -> Result:
    """Return the result of a call whose requests get these replies, in this order. All must be needed."""
    left = [*replies]
    try:
        next(exchanges)
        while True:
            assert left, "there are more requests than replies"
            exchanges.send(left.pop(0))
    except StopIteration as done:
        assert not left, f"these replies were not needed: {left}"
        result: Result = done.value
        return result


def fetch(*replies: Reply, url: str = "/items", page: Page | None = None, **options: Any) -> Result:
    """Call `fetch(url, options)` in the page. Headers can be a dictionary."""
    if "headers" in options:
        options["headers"] = tuple(dict(options["headers"]).items())
    return run_exchanges(run_fetch(page or make_page(), FetchCall(url, **options)), *replies)


def fetch_as(
    kind: CallKind, *replies: Reply, url: str = "/items", page: Page | None = None, **options: Any
) -> Result:
    """Send a request in another way than `fetch()`."""
    arguments = {"body": None, "content_type": None, "crossorigin": None, **options}
    call = build_call(kind, url, **arguments)
    return run_exchanges(run_call(page or make_page(), kind, call), *replies)


def fetch_from(
    preflight: Answer, answer: Answer, *, page: Page, url: str = "/items", **options: Any
) -> Result:
    """Call `fetch()` with one response for all preflights, and another for all other requests."""
    if "headers" in options:
        options["headers"] = tuple(options["headers"].items())
    exchanges = run_fetch(page, FetchCall(url, **options))
    try:
        sent = next(exchanges)
        while True:
            sent = exchanges.send(preflight if sent.preflight else answer)
    except StopIteration as done:
        result: Result = done.value
        return result


def requests_of(result: Result) -> list[str]:
    """Return the requests in short, preflights in brackets, cached ones with a star."""

    def shorten(sent: Sent) -> str:
        text = f"{sent.method} {sent.url.removeprefix(API)}"
        return f"[{text}]{'*' * sent.cached}" if sent.preflight else text

    return [shorten(sent) for sent in result.sent]


def headers_of(result: Result, number: int = -1) -> dict[str, str]:
    """Return the headers of a request, in which each name occurs once."""
    pairs = result.sent[number].headers
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
