"""Quirks of single engines; tests/browsers/test_models.py shows all of them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from corsbp.testing.engines import CHROMIUM, ENGINES, FIREFOX, STANDARD, TODAY, WEBKIT
from corsbp.testing.quirks import Engine
from corsbp.testing.websocket_handshake import run_handshake

from ..support import ORIGIN
from .exchange import fetch, headers_of, make_page, requests_of, response

GRANT = {"allow_origin": ORIGIN, "allow_credentials": "true"}
ALLOWED = response(204, **GRANT, allow_methods="PUT", max_age="86400")
WITH_COOKIES = {"credentials": "include"}
ALL = ["standard", "today", "chromium", "firefox", "webkit"]


def test_names() -> None:
    assert [*ENGINES] == ALL
    assert ENGINES["standard"] == Engine() and ENGINES["today"] == TODAY


def test_today_has_the_common_quirks() -> None:
    unlike = {field.name for field in fields(Engine) if getattr(TODAY, field.name) != field.default}
    assert unlike == {
        *("wildcard_covers_authorization", "upload_method_must_be_allowed", "caches_after_redirect_errors"),
        *("longest_max_age", "caches_nothing"),
    }
    for name in unlike - {"longest_max_age", "caches_nothing"}:
        assert all(getattr(each, name) for each in (CHROMIUM, FIREFOX, WEBKIT))
    assert not any(each.caches_nothing for each in (STANDARD, CHROMIUM, FIREFOX, WEBKIT))


@pytest.mark.parametrize(
    ("engine", "seconds"), [("standard", 86400), ("chromium", 7200), ("firefox", 86400), ("webkit", 600)]
)
def test_time_for_which_a_preflight_is_cached(engine: str, seconds: int) -> None:
    now = 0.0
    page = make_page(engine=engine, clock=lambda: now)
    assert requests_of(fetch(ALLOWED, response(**GRANT), page=page, method="PUT")) == [
        "[OPTIONS /items]",
        "PUT /items",
    ]
    now = seconds - 1
    assert requests_of(fetch(response(**GRANT), page=page, method="PUT")) == [
        "[OPTIONS /items]*",
        "PUT /items",
    ]
    now = seconds
    assert len(fetch(ALLOWED, response(**GRANT), page=page, method="PUT").sent) == 2


@pytest.mark.parametrize("engine", ALL)
def test_a_cookie_without_samesite(engine: str) -> None:
    page = make_page(engine=engine)
    fetch(
        response(**GRANT, set_cookie=["a=1", "b=1; SameSite=Lax", "c=1; SameSite=None"]),
        page=page,
        **WITH_COOKIES,
    )
    kept = headers_of(fetch(response(**GRANT), page=page, **WITH_COOKIES)).get("cookie")
    assert kept == {"firefox": "a=1", "webkit": "a=1; c=1"}.get(engine)


@pytest.mark.parametrize("engine", ALL)
def test_preflights_after_a_redirect(engine: str) -> None:
    """After a PUT became a GET, some engines send another preflight, even for headers that are dropped."""
    grants = response(204, **GRANT, allow_methods="PUT", allow_headers="x-a, content-type")
    json = {"content-type": "application/json"}
    moved = response(303, **GRANT, location="/new")
    more = [grants] if engine in ("firefox", "webkit") else []
    result = fetch(
        grants,
        moved,
        *more,
        response(**GRANT),
        page=make_page(engine=engine),
        method="PUT",
        headers=json,
        body="{}",
    )
    assert requests_of(result)[2:] == ["[OPTIONS /new]"] * len(more) + ["GET /new"]
    if more:
        requested = headers_of(result, 2).get("access-control-request-headers")
        assert requested == ("content-type" if engine == "webkit" else None)
    assert "content-type" not in headers_of(result)


@pytest.mark.parametrize("engine", ALL)
def test_firefox_does_not_cache_a_wildcard(engine: str) -> None:
    star, plain = response(204, allow_origin="*", allow_methods="*", max_age="60"), response(allow_origin="*")
    page = make_page(engine=engine)
    assert requests_of(fetch(star, plain, page=page, method="PUT")) == ["[OPTIONS /items]", "PUT /items"]
    if engine == "firefox":
        assert requests_of(fetch(star, plain, page=page, method="PUT")) == ["[OPTIONS /items]", "PUT /items"]
    elif engine != "today":  # which caches nothing
        assert requests_of(fetch(plain, page=page, method="PUT")) == ["[OPTIONS /items]*", "PUT /items"]


@pytest.mark.parametrize("engine", ALL)
def test_data_urls_and_redirects_without_a_url(engine: str) -> None:
    data = fetch(url="data:,four", page=make_page(engine=engine))
    assert data.headers.get("content-length") == ("4" if engine == "firefox" else None)
    nowhere = fetch(
        response(302, b"body", allow_origin="*"), page=make_page(engine=engine), redirect="manual"
    )
    assert nowhere.body == (b"body" if engine == "webkit" else b"")


@pytest.mark.parametrize("engine", ALL)
def test_metadata_of_a_handshake(engine: str) -> None:
    """Chromium sends none, and WebKit has a destination of its own."""
    exchange = run_handshake(make_page(engine=engine), "/feed")
    headers = dict(next(exchange).headers)
    fetches = {name: value for name, value in headers.items() if name.startswith("sec-fetch-")}
    expected = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "websocket", "sec-fetch-dest": "empty"}
    if engine == "webkit":
        expected["sec-fetch-dest"] = "websocket"
    assert fetches == ({} if engine == "chromium" else expected)


@pytest.mark.parametrize("engine", ALL)
def test_a_refused_handshake_sets_no_cookies_in_chromium(engine: str) -> None:
    page = make_page(engine=engine)
    exchange = run_handshake(page, "/feed")
    next(exchange)
    with pytest.raises(StopIteration):
        exchange.send(response(403, set_cookie="a=1; SameSite=None; Secure"))
    sent = headers_of(fetch(response(**GRANT), page=page, **WITH_COOKIES))
    assert sent.get("cookie") == (None if engine == "chromium" else "a=1")


@pytest.mark.parametrize("engine", ALL)
def test_redirects_without_a_url(engine: str) -> None:
    """For some engines, they are ordinary responses. WebKit stops at an empty URL."""
    nowhere = fetch(response(302, **GRANT), page=make_page(engine=engine), redirect="error")
    assert nowhere.blocked_by == (None if engine in ("chromium", "webkit") else "redirect-refused")
    empty = response(302, **GRANT, location="")
    more = [] if engine in ("chromium", "webkit") else [response(**GRANT)]
    result = fetch(empty, *more, page=make_page(engine=engine))
    assert result.blocked_by == ("redirect-location" if engine == "webkit" else None)
    assert result.status == (302 if engine == "chromium" else 200 if more else 0)


@pytest.mark.parametrize("engine", ALL)
def test_metadata_after_a_redirect(engine: str) -> None:
    """WebKit sends none after a change of origin, and Firefox takes another origin for another site."""
    away = response(302, allow_origin="*", location=f"{ORIGIN}:8443/")
    result = headers_of(fetch(away, response(allow_origin="*"), page=make_page(engine=engine)))
    assert result.get("sec-fetch-site") == (None if engine == "webkit" else "cross-site")
    near = response(302, allow_origin="*", location="https://other.app.example/")
    start = "https://api.app.example/"
    result = headers_of(fetch(near, response(allow_origin="*"), url=start, page=make_page(engine=engine)))
    expected = {"webkit": None, "firefox": "cross-site"}
    assert result.get("sec-fetch-site") == expected.get(engine, "same-site")
