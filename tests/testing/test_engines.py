"""What single browsers do otherwise than the standard; tests/browsers/test_models.py has all of it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from corsbp.testing.engines import CHROMIUM, ENGINES, FIREFOX, STANDARD, TODAY, WEBKIT
from corsbp.testing.quirks import Engine
from corsbp.testing.websocket_handshake import run_handshake

from ..support import ORIGIN
from .exchange import fetch, headers_of, make_page, requests_of, response

OURS = {"allow_origin": ORIGIN, "allow_credentials": "true"}
ALLOWED = response(204, **OURS, allow_methods="PUT", max_age="86400")
WITH_COOKIES = {"credentials": "include"}
ALL = ["standard", "today", "chromium", "firefox", "webkit"]


def test_names() -> None:
    assert [*ENGINES] == ALL
    assert ENGINES["standard"] == Engine() and ENGINES["today"] == TODAY


def test_today_is_what_all_do() -> None:
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
def test_how_long_a_preflight_is_remembered(engine: str, seconds: int) -> None:
    now = 0.0
    page = make_page(engine=engine, clock=lambda: now)
    assert requests_of(fetch(ALLOWED, response(**OURS), page=page, method="PUT")) == [
        "[OPTIONS /items]",
        "PUT /items",
    ]
    now = seconds - 1
    assert requests_of(fetch(response(**OURS), page=page, method="PUT")) == [
        "[OPTIONS /items]*",
        "PUT /items",
    ]
    now = seconds
    assert len(fetch(ALLOWED, response(**OURS), page=page, method="PUT").sent) == 2


@pytest.mark.parametrize("engine", ALL)
def test_a_cookie_that_says_nothing_of_its_site(engine: str) -> None:
    page = make_page(engine=engine)
    fetch(
        response(**OURS, set_cookie=["a=1", "b=1; SameSite=Lax", "c=1; SameSite=None"]),
        page=page,
        **WITH_COOKIES,
    )
    kept = headers_of(fetch(response(**OURS), page=page, **WITH_COOKIES)).get("cookie")
    assert kept == {"firefox": "a=1", "webkit": "a=1; c=1"}.get(engine)


@pytest.mark.parametrize("engine", ALL)
def test_what_a_redirect_makes_of_a_request(engine: str) -> None:
    """A PUT that became a GET: some ask once more, and for what is no longer there."""
    grants = response(204, **OURS, allow_methods="PUT", allow_headers="x-a, content-type")
    json = {"content-type": "application/json"}
    moved = response(303, **OURS, location="/new")
    more = [grants] if engine in ("firefox", "webkit") else []
    result = fetch(
        grants,
        moved,
        *more,
        response(**OURS),
        page=make_page(engine=engine),
        method="PUT",
        headers=json,
        body="{}",
    )
    assert requests_of(result)[2:] == ["[OPTIONS /new]"] * len(more) + ["GET /new"]
    if more:
        asked = headers_of(result, 2).get("access-control-request-headers")
        assert asked == ("content-type" if engine == "webkit" else None)
    assert "content-type" not in headers_of(result)


@pytest.mark.parametrize("engine", ALL)
def test_what_a_star_allowed_is_remembered_but_by_firefox(engine: str) -> None:
    star, plain = response(204, allow_origin="*", allow_methods="*", max_age="60"), response(allow_origin="*")
    page = make_page(engine=engine)
    assert requests_of(fetch(star, plain, page=page, method="PUT")) == ["[OPTIONS /items]", "PUT /items"]
    if engine == "firefox":
        assert requests_of(fetch(star, plain, page=page, method="PUT")) == ["[OPTIONS /items]", "PUT /items"]
    elif engine != "today":  # which remembers nothing
        assert requests_of(fetch(plain, page=page, method="PUT")) == ["[OPTIONS /items]*", "PUT /items"]


@pytest.mark.parametrize("engine", ALL)
def test_what_a_page_reads_without_any_request_or_redirect(engine: str) -> None:
    data = fetch(url="data:,four", page=make_page(engine=engine))
    assert data.headers.get("content-length") == ("4" if engine == "firefox" else None)
    nowhere = fetch(
        response(302, b"body", allow_origin="*"), page=make_page(engine=engine), redirect="manual"
    )
    assert nowhere.body == (b"body" if engine == "webkit" else b"")


@pytest.mark.parametrize("engine", ALL)
def test_what_a_handshake_tells(engine: str) -> None:
    """Chromium tells nothing of the page's place, WebKit that a WebSocket is asked for."""
    exchange = run_handshake(make_page(engine=engine), "/feed")
    headers = dict(next(exchange).headers)
    fetches = {name: value for name, value in headers.items() if name.startswith("sec-fetch-")}
    expected = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "websocket", "sec-fetch-dest": "empty"}
    if engine == "webkit":
        expected["sec-fetch-dest"] = "websocket"
    assert fetches == ({} if engine == "chromium" else expected)


@pytest.mark.parametrize("engine", ALL)
def test_a_handshake_that_is_refused_sets_cookies_but_in_chromium(engine: str) -> None:
    page = make_page(engine=engine)
    exchange = run_handshake(page, "/feed")
    next(exchange)
    with pytest.raises(StopIteration):
        exchange.send(response(403, set_cookie="a=1; SameSite=None; Secure"))
    sent = headers_of(fetch(response(**OURS), page=page, **WITH_COOKIES))
    assert sent.get("cookie") == (None if engine == "chromium" else "a=1")


@pytest.mark.parametrize("engine", ALL)
def test_redirects_to_nowhere(engine: str) -> None:
    """An answer without an address is none for some; WebKit stops at an empty one."""
    nowhere = fetch(response(302, **OURS), page=make_page(engine=engine), redirect="error")
    assert nowhere.blocked_by == (None if engine in ("chromium", "webkit") else "redirect-refused")
    empty = response(302, **OURS, location="")
    more = [] if engine in ("chromium", "webkit") else [response(**OURS)]
    came = fetch(empty, *more, page=make_page(engine=engine))
    assert came.blocked_by == ("redirect-location" if engine == "webkit" else None)
    assert came.status == (302 if engine == "chromium" else 200 if more else 0)


@pytest.mark.parametrize("engine", ALL)
def test_what_a_redirected_request_tells_of_its_place(engine: str) -> None:
    """WebKit tells nothing after a change of origin, and Firefox takes another origin for another site."""
    away = response(302, allow_origin="*", location=f"{ORIGIN}:8443/")
    came = headers_of(fetch(away, response(allow_origin="*"), page=make_page(engine=engine)))
    assert came.get("sec-fetch-site") == (None if engine == "webkit" else "cross-site")
    near = response(302, allow_origin="*", location="https://other.app.example/")
    start = "https://api.app.example/"
    came = headers_of(fetch(near, response(allow_origin="*"), url=start, page=make_page(engine=engine)))
    expected = {"webkit": None, "firefox": "cross-site"}
    assert came.get("sec-fetch-site") == expected.get(engine, "same-site")
