"""Cookies: kept and sent as a fetch's credentials mode says, by domain, path and `Secure`."""

from __future__ import annotations

import pytest

from corsbp.testing.memory import Cookies
from corsbp.testing.urls import parse

from ..support import ORIGIN
from .script import API, fetch, headers_of, page, says

GRANT = {"allow_origin": ORIGIN, "allow_credentials": "true"}
MODES = [
    # the fetch, its credentials mode; whether it stores, and whether it sends
    (f"{API}/", "include", True),
    (f"{API}/", "same-origin", False),
    (f"{API}/", "omit", False),
    (f"{ORIGIN}/", "include", True),
    (f"{ORIGIN}/", "same-origin", True),
    (f"{ORIGIN}/", "omit", False),
]


@pytest.mark.parametrize(("url", "credentials", "included"), MODES)
@pytest.mark.parametrize("mode", ["cors", "no-cors"])
def test_who_stores_and_who_sends(url: str, credentials: str, included: bool, mode: str) -> None:
    who = page()
    for _ in range(2):
        result = fetch(
            says(set_cookie=["a=1", "b=2; Max-Age=60"], **GRANT),
            who=who,
            url=url,
            credentials=credentials,
            mode=mode,
        )
        assert "set-cookie" not in result.headers
    assert headers_of(result).get("cookie") == ("a=1; b=2" if included else None)
    own = fetch(says(), who=who, url=f"{ORIGIN}/")
    assert headers_of(own).get("cookie") == ("a=1; b=2" if included and ORIGIN in url else None)


def test_a_sandboxed_frame_has_no_origin_whose_cookies_it_could_send() -> None:
    who = page("null")
    who.cookies.store(who.base, ["a=1"])
    assert "cookie" not in headers_of(fetch(says(allow_origin="*"), who=who))
    who.cookies.store(who.base, ["b=1"])
    assert (
        headers_of(
            fetch(says(allow_origin="null", allow_credentials="true"), who=who, credentials="include")
        )["cookie"]
        == "a=1; b=1"
    )


def test_a_refused_answer_stores_its_cookies_all_the_same() -> None:
    """The page cannot read it; the browser has stored them by then."""
    who = page()
    assert not fetch(says(set_cookie="a=1"), who=who, credentials="include").ok_for_page
    assert headers_of(fetch(says(**GRANT), who=who, credentials="include"))["cookie"] == "a=1"


STORED = [
    ("a=1", f"{API}/x", True),
    ("a=1", "https://two.example/", False),
    ("a=1", "https://sub.api.example/", False),
    ("a=1; Domain=api.example", "https://sub.api.example/", True),
    ("a=1; Domain=two.example", "https://two.example/", False),
    ("a=1; Path=/x", f"{API}/x/y", True),
    ("a=1; Path=/x", f"{API}/", False),
    ("a=1; Secure", f"{API}/", True),
    ("a=1; Secure", "http://api.example/", False),
    ("a=1; Max-Age=0", f"{API}/", False),
    ("a=1; HttpOnly; SameSite=Strict", f"{API}/", True),
    ("", f"{API}/", False),
]


@pytest.mark.parametrize(("line", "url", "sent"), STORED)
def test_where_a_cookie_goes(line: str, url: str, sent: bool) -> None:
    base, to = parse(f"{API}/x"), parse(url)
    assert base is not None and to is not None
    jar = Cookies()
    jar.store(base, [line])
    assert jar.header(to) == ("a=1" if sent else None)
