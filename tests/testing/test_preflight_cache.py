"""The preflight cache: its keys, its entries, and how long they last.

https://fetch.spec.whatwg.org/#cors-preflight-cache
"""

from __future__ import annotations

from typing import Any

import pytest

from corsbp.testing.preflight_cache import PreflightCache
from corsbp.testing.result import Answer

from ..support import ORIGIN, TWO
from .exchange import fetch, fetch_from, make_page, requests_of, response

HEADERS = {"allow_origin": ORIGIN, "allow_credentials": "true"}
ALL = response(204, **HEADERS, allow_methods="PUT,DELETE", allow_headers="X-A,x-b", max_age="60")
STAR = response(204, allow_origin="*", allow_methods="*", allow_headers="*", max_age="60")
NAMED = response(204, allow_origin="*", allow_headers="*,authorization", max_age="60")
GRANT = response(**HEADERS)

COOKIES = {"credentials": "include"}
PUT, DELETE = {"method": "PUT"}, {"method": "DELETE"}
LISTENER = {"upload_listener": True}


def sets(*names: str) -> dict[str, Any]:
    return {"headers": dict.fromkeys(names, "1")}


class Time:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


# the preflight response of the first fetch; two fetches; whether the second needs a preflight again
REMEMBERED: list[tuple[str, Answer, dict[str, Any], dict[str, Any], bool]] = [
    ("the same", ALL, PUT, PUT, False),
    ("spelt otherwise", ALL, PUT, {"method": "put"}, False),
    ("a method of the same list", ALL, PUT, DELETE, False),
    ("another method", ALL, PUT, {"method": "PATCH"}, True),
    ("any method", STAR, PUT, {"method": "PATCH"}, False),
    ("a header of the same list", ALL, sets("x-a"), sets("X-B", "x-A"), False),
    ("another header", ALL, sets("x-a"), sets("x-a", "x-c"), True),
    ("any header", STAR, sets("x-a"), sets("x-c"), False),
    ("a method and a header", ALL, PUT, PUT | sets("x-a"), False),
    ("a method, and another header", ALL, PUT, PUT | sets("x-c"), True),
    ("a header, and another method", ALL, sets("x-a"), sets("x-a") | {"method": "PATCH"}, True),
    ("a safelisted method needs no entry", ALL, sets("x-a"), sets("x-a") | {"method": "POST"}, False),
    ("Authorization under *", STAR, sets("x-a"), sets("authorization"), True),
    ("Authorization by name", NAMED, sets("x-a"), sets("Authorization"), False),
    ("another path", ALL, PUT, PUT | {"url": "/other"}, True),
    ("another query", ALL, PUT, PUT | {"url": "/items?a"}, True),
    ("another port", ALL, PUT, PUT | {"url": "https://api.example:8443/items"}, True),
    ("a fragment", ALL, PUT, PUT | {"url": "/items#a"}, False),
    ("with cookies, then without", ALL, PUT | COOKIES, PUT, False),
    ("without cookies, then with", ALL, PUT, PUT | COOKIES, True),
    ("omitted, then as for the same origin", ALL, PUT | {"credentials": "omit"}, PUT, False),
    ("a listener", ALL, LISTENER, LISTENER, True),
    ("a listener, where no methods are named", response(**HEADERS), LISTENER, LISTENER, False),
    ("a listener, and another method", response(**HEADERS), LISTENER, LISTENER | {"method": "POST"}, True),
]


@pytest.mark.parametrize(
    ("preflight", "first", "second", "again"),
    [row[1:] for row in REMEMBERED],
    ids=[row[0] for row in REMEMBERED],
)
def test_entries(preflight: Answer, first: dict[str, Any], second: dict[str, Any], again: bool) -> None:
    page = make_page()
    fetch_from(preflight, GRANT, page=page, **first)
    result = fetch_from(ALL, GRANT, page=page, **second)
    assert result.sent[0].preflight
    assert result.sent[0].cached is not again
    assert requests_of(result)[0].endswith("*") is not again
    assert (result.sent[0].answer is None) is not again
    steps = [step.text for step in result.steps if step.text.startswith("A preflight is needed")]
    assert [text.endswith("it is in the preflight cache") for text in steps] == [not again]
    assert "preflight cache" in str(result.sent[0]) or again


AGES = [
    *[(f"{seconds}", seconds) for seconds in (1, 60, 86400)],
    *[
        (text, 5)
        for text in (None, "", "junk", "1.5", "-1", "+60", "60s", "60, 60", "\N{ARABIC-INDIC DIGIT ONE}")
    ],
    (["60", "60"], 5),
    (" 60\t", 60),
    ("0", 0),
    ("00060", 60),
    ("0" * 30 + "60", 60),
    ("86401", 86400),
    ("9" * 5000, 86400),
]


@pytest.mark.parametrize(("age", "seconds"), AGES)
def test_max_age(age: Any, seconds: int) -> None:
    """The response decides: 5 seconds if its value is missing or invalid, at most a day."""
    clock = Time()
    page = make_page(clock=clock)
    preflight = response(**HEADERS, allow_methods="PUT", **({} if age is None else {"max_age": age}))
    preflights = []
    for now in (1000.0, 1000 + max(seconds - 0.5, 0), 1000 + seconds):
        clock.now = now
        preflights.append(not fetch_from(preflight, GRANT, page=page, **PUT).sent[0].cached)
    assert preflights == [True, seconds == 0, True]


@pytest.mark.parametrize(
    ("age", "engines"), [("-1", ["firefox", "chromium", "webkit"]), ("junk", ["firefox"])]
)
def test_engines_that_do_not_cache_an_invalid_age(age: str, engines: list[str]) -> None:
    preflight = response(**HEADERS, allow_methods="PUT", max_age=age)
    for engine in ("standard", "chromium", "firefox", "webkit"):
        page = make_page(engine=engine)
        fetch_from(preflight, GRANT, page=page, **PUT)
        assert fetch_from(preflight, GRANT, page=page, **PUT).sent[0].cached is (engine not in engines)


def test_a_response_renews_entries() -> None:
    """Entries that the next response names get its age, also a shorter one. The others keep theirs."""
    clock = Time()
    page = make_page(clock=clock)
    fetch_from(ALL, GRANT, page=page, **PUT)
    fetch_from(response(**HEADERS, allow_headers="x-a,x-c", max_age="10"), GRANT, page=page, **sets("x-c"))
    clock.now += 10
    assert fetch_from(ALL, GRANT, page=page, **sets("x-a")).sent[0].cached is False
    assert fetch_from(ALL, GRANT, page=page, **sets("x-b")).sent[0].cached is True
    assert fetch_from(ALL, GRANT, page=page, **DELETE).sent[0].cached is True


FORGET = [
    ("the response allows another origin", PUT, [response(allow_origin=TWO)], True),
    ("the response cannot be read", PUT, [response(500)], True),
    (
        "the response is a redirect, and redirect is error",
        PUT | {"redirect": "error"},
        [response(302, **HEADERS, location="/b")],
        True,
    ),
    ("a redirect to an invalid URL", PUT, [response(302, **HEADERS, location="https://[")], True),
    ("a redirect to another scheme", PUT, [response(307, **HEADERS, location="ftp://x/")], True),
    (
        "a redirect to a URL that fails",
        PUT,
        [response(307, **HEADERS, location="/b"), response(401)],
        False,
    ),
    ("redirects without end", PUT, [response(307, **HEADERS, location="/items")] * 21, True),
    ("another path", PUT | {"url": "/other"}, [response(401)], False),
    ("a request that needs no preflight", {}, [response(500)], False),
]


@pytest.mark.parametrize(
    ("options", "replies", "cleared"), [row[1:] for row in FORGET], ids=[row[0] for row in FORGET]
)
def test_a_failure_clears_entries(options: dict[str, Any], replies: list[Answer], cleared: bool) -> None:
    """Only those of this origin and URL, and only if the request needed a preflight."""
    page = make_page()
    fetch_from(ALL, GRANT, page=page, **PUT | COOKIES)
    assert fetch(*replies, page=page, **options).blocked_by
    assert fetch_from(ALL, GRANT, page=page, **PUT).sent[0].cached is not cleared


@pytest.mark.parametrize(
    ("engine", "preflight", "stop"),
    [
        ("standard", response(**HEADERS), None),
        ("standard", response(**HEADERS, allow_methods="DELETE"), "preflight-method"),
        ("today", response(**HEADERS), "preflight-method"),
    ],
)
def test_a_listener_allows_its_method_if_the_response_names_none(
    engine: str, preflight: Answer, stop: str | None
) -> None:
    options: dict[str, Any] = PUT | COOKIES | LISTENER
    assert fetch_from(preflight, GRANT, page=make_page(engine=engine), **options).blocked_by == stop


def test_origins_have_separate_entries() -> None:
    """Two pages of one browser: one is a sandboxed frame."""
    public = response(204, allow_origin="*", allow_methods="*", max_age="60")
    memory = PreflightCache(lambda: 0.0)
    for origin in (ORIGIN, TWO, "null"):
        page = make_page(origin)
        one = type(page)(page.origin, page.base, page.engine, memory)
        preflights = [
            not fetch_from(public, response(allow_origin="*"), page=one, **PUT).sent[0].cached
            for _ in range(2)
        ]
        assert preflights == [True, False]


def test_engine_today() -> None:
    """It accepts `*` for Authorization, and caches no preflight."""
    star = response(204, allow_origin="*", allow_headers="*", max_age="86400")
    for engine, read, blocked in (("standard", False, "preflight-authorization"), ("today", True, None)):
        result = fetch_from(
            star, response(allow_origin="*"), page=make_page(engine=engine), **sets("authorization")
        )
        assert (result.ok_for_page, result.blocked_by) == (read, blocked)
    page = make_page(engine="today")
    options = [fetch_from(ALL, GRANT, page=page, **PUT).sent[0].cached for _ in range(2)]
    assert options == [False, False]
