"""URLs as far as a fetch needs them: valid ones, their origins, and how they are written."""

from __future__ import annotations

import pytest

from corsbp.testing.urls import check_origin, parse_url

from .exchange import API

URLS = [
    # absolute: what is sent
    ("https://api.example", f"{API}/"),
    (" HTTPS://API.Example:443/A?b#c ", f"{API}/A?b"),
    ("\x00\x1fhttps:\\\\api.example\\a", f"{API}/a"),
    ("https://api.example:8443/", f"{API}:8443/"),
    ("http://api.example:80", "http://api.example/"),
    ("http://api.example:443", "http://api.example:443/"),
    ("https://api.example:/x", f"{API}/x"),
    ("https://api.example:008443", f"{API}:8443/"),
    ("https:////two.example/x", "https://two.example/x"),
    ("https://[0:0::1]:8000/x", "https://[::1]:8000/x"),
    ("http://127.1:8000/", "http://127.0.0.1:8000/"),
    ("http://0x7f.1./", "http://127.0.0.1/"),
    ("https://bücher.example/ä?ö", "https://xn--bcher-kva.example/%C3%A4?%C3%B6"),
    ("https://%61pi.example/", f"{API}/"),
    ("https://api.example/a b%20c?d e", f"{API}/a%20b%20c?d%20e"),
    ("https://api.example/\t\r\n\x1b\"'`?\"'`", f"{API}/%1B%22'%60?%22%27`"),
    ("https://api_1.example/", "https://api_1.example/"),
    ("https://api.example/a/../b/./c/%2E%2e/..", f"{API}/"),
    ("https://api.example/a/b/.", f"{API}/a/b/"),
    ("https://api.example//../..//b", f"{API}//b"),
    ("https://@api.example/", f"{API}/"),
    # relative to https://api.example/a/b?c
    ("", f"{API}/a/b?c"),
    ("#d", f"{API}/a/b?c"),
    ("d", f"{API}/a/d"),
    ("../d", f"{API}/d"),
    ("../../../d", f"{API}/d"),
    ("/d?e", f"{API}/d?e"),
    ("?e", f"{API}/a/b?e"),
    ("?", f"{API}/a/b?"),
    ("https:d", f"{API}/a/d"),
    ("//two.example/d", "https://two.example/d"),
    ("\\\\two.example\\d", "https://two.example/d"),
    # names that browsers take, if not each library
    ("https://ä..example/", "https://xn--4ca..example/"),
    ("https://xn--n3h.net", "https://xn--n3h.net/"),
    ("https://xn--ls8h.la", "https://xn--ls8h.la/"),
    ("https://☃.net/", "https://xn--n3h.net/"),
    ("https://%E2%98%83.net/", "https://xn--n3h.net/"),
    ("https://faß.example/", "https://xn--fa-hia.example/"),
    # of other schemes, no more than that is looked at
    ("data:text/plain,a?b#c", "data:text/plain,a?b"),
    ("mailto:ä", "mailto:%C3%A4"),
    ("wss://api.example:443/a", "wss://api.example/a"),
    # no URLs
    ("http:", None),
    ("https://a b/", None),
    ("https://a\x1b/", None),
    ("https://a%00b/", None),
    ("https://*.example/", None),
    ("https://api.example:0/", None),
    ("https://api.example:65536/", None),
    (f"https://api.example:{'9' * 5000}/", None),
    ("https://api.example:x/", None),
    ("https://[::1/", None),
    ("https://[::x]/", None),
    ("https://1.2.3.256/", None),
    ("https://a.0x/", None),
    ("https://xn--a.example/", None),
    ("https://a\N{ACCOUNT OF}b/", None),
]


@pytest.mark.parametrize(("text", "written"), URLS)
def test_urls(text: str, written: str | None) -> None:
    found = parse_url(text, parse_url(f"{API}/a/b?c"))
    assert (found and str(found)) == written
    assert found is None or (str(parse_url(str(found))) == str(found) and str(found).isascii())


def test_a_url_without_a_base() -> None:
    assert [parse_url(text) for text in ("", "/items", "api.example", "https://")] == [None] * 4


@pytest.mark.parametrize(
    "text", ["data:,x", "file:///etc", "blob:https://api.example/1", "capacitor://localhost/x"]
)
def test_other_schemes(text: str) -> None:
    found = parse_url(text)
    assert found is not None and not found.is_http and found.scheme == text.partition(":")[0]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("https://ann@a.example", "https://ann@a.example/"),
        ("https://ann:@a.example", "https://ann@a.example/"),
        ("https://:x@a.example/", "https://:x@a.example/"),
        ("https://a b:c@d:é@a.example/", "https://a%20b:c%40d%3A%C3%A9@a.example/"),
        ("https://:@a.example/", "https://a.example/"),
        ("https://a.example/@", "https://a.example/@"),
    ],
)
def test_user_info_is_for_the_page_and_not_sent(text: str, seen: str) -> None:
    found = parse_url(text)
    assert found is not None and found.with_user_info == seen
    assert found.origin == "https://a.example" and "@" not in f"{found}".removesuffix("/@")


def test_invalid_origins_of_pages() -> None:
    check_origin("https://app.example")
    for origin, message in (
        ("https://app.example/", "meant: https://app.example"),
        ("app.example", "meant: https://app.example"),
        ("https://*.example", "no page has the origin 'https://*.example'"),
        (None, "no page has the origin None; "),
        (b"https://app.example", "not a string"),
    ):
        with pytest.raises(ValueError, match="no page has the origin") as refused:
            check_origin(origin)
        assert message in str(refused.value)
