"""Cookies: those that a browser keeps and sends, and the reasons for the others.

https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html
"""

from __future__ import annotations

import re

import pytest
from sanic import text

from corsbp.testing.cookies import USE_ONE_SITE, CookieJar
from corsbp.testing.engines import ENGINES
from corsbp.testing.set_cookie import MAX_LIFETIME, USE_PARTITIONED, NotKeptError
from corsbp.testing.urls import Url, parse_url

from ..support import ORIGIN
from .exchange import API, fetch, fetch_as, headers_of, make_page, response

GRANT = {"allow_origin": ORIGIN, "allow_credentials": "true"}
CROSS_SITE = ["a=1; SameSite=None; Secure", "b=2; Max-Age=60; SameSite=None; Secure"]
MODES = [
    # the fetch, its credentials mode; whether it stores and requests_of
    (f"{API}/", "include", True),
    (f"{API}/", "same-origin", False),
    (f"{API}/", "omit", False),
    (f"{ORIGIN}/", "include", True),
    (f"{ORIGIN}/", "same-origin", True),
    (f"{ORIGIN}/", "omit", False),
]
HOST = "https://api.acme.com"
SIBLING = "https://app.acme.com"


def at(text: str) -> Url:
    url = parse_url(text)
    assert url is not None
    return url


@pytest.mark.parametrize(("url", "credentials", "included"), MODES)
@pytest.mark.parametrize("mode", ["cors", "no-cors"])
def test_credentials_modes(url: str, credentials: str, included: bool, mode: str) -> None:
    page = make_page()
    for _ in range(2):
        result = fetch(
            response(set_cookie=CROSS_SITE, **GRANT), page=page, url=url, credentials=credentials, mode=mode
        )
        assert "set-cookie" not in result.headers
    assert headers_of(result).get("cookie") == ("a=1; b=2" if included else None)
    own = fetch(response(), page=page, url=f"{ORIGIN}/")
    assert headers_of(own).get("cookie") == ("a=1; b=2" if included and ORIGIN in url else None)


def test_a_refused_response_stores_its_cookies_too() -> None:
    """The browser stores cookies before it checks whether the page can read the response."""
    page = make_page()
    assert not fetch(response(set_cookie=CROSS_SITE[0]), page=page, credentials="include").ok_for_page
    assert headers_of(fetch(response(**GRANT), page=page, credentials="include"))["cookie"] == "a=1"


# --- the URLs that get a cookie ---

# its line, set by HOST; a page, and the address that it calls
STORED = [
    ("a=1", HOST, f"{HOST}/x", True),
    ("a=1", SIBLING, f"{HOST}/x", True),
    ("a=1", SIBLING, "https://acme.com/", False),
    ("a=1", SIBLING, "https://sub.api.acme.com/", False),
    ("a=1; Domain=api.acme.com", SIBLING, "https://sub.api.acme.com/", True),
    ("a=1; Domain=.ACME.com", SIBLING, "https://acme.com/", True),
    ("a=1; Domain=acme.com", SIBLING, "https://evilacme.com/", False),
    ("a=1; Domain=", SIBLING, f"{HOST}/x", True),
    ("a=1; Path=/x", SIBLING, f"{HOST}/x/y", True),
    ("a=1; Path=/x", SIBLING, f"{HOST}/x?q", True),
    ("a=1; Path=/x", SIBLING, f"{HOST}/xy", False),
    ("a=1; Path=/x/", SIBLING, f"{HOST}/x/y", True),
    ("a=1; Path=x", SIBLING, f"{HOST}/", True),
    ("a=1; Secure", SIBLING, f"{HOST}/", True),
    ("a=1; Max-Age=0", SIBLING, f"{HOST}/", False),
    ("a=1; Max-Age=-1", SIBLING, f"{HOST}/", False),
    ("a=1; Max-Age=nonsense", SIBLING, f"{HOST}/", True),
    ("a=1; Expires=Sat, 01 Jan 2000 00:00:00 GMT", SIBLING, f"{HOST}/", False),
    ("a=1; Expires=Sat, 01-Jan-00 00:00:00 GMT", SIBLING, f"{HOST}/", False),
    ("a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", SIBLING, f"{HOST}/", True),
    ("a=1; Expires=Fri, 99 Dec 99999 23:59:59 GMT", SIBLING, f"{HOST}/", True),
    ("a=1; Expires=Sat, 01 Jan 2000 00:00:00 GMT; Max-Age=9", SIBLING, f"{HOST}/", True),
    (f"a=1; Path=/{'y' * 1100}", SIBLING, f"{HOST}/", True),
    ("a=1; HttpOnly; SameSite=Strict", SIBLING, f"{HOST}/", True),
    # another site
    ("a=1", ORIGIN, f"{HOST}/", False),
    ("a=1; SameSite=Lax", ORIGIN, f"{HOST}/", False),
    ("a=1; SameSite=Strict", ORIGIN, f"{HOST}/", False),
    ("a=1; SameSite=nonsense; Secure", ORIGIN, f"{HOST}/", False),
    ("a=1; SameSite=None; Secure", ORIGIN, f"{HOST}/", True),
    ("a=1; samesite=NONE; secure=0", ORIGIN, f"{HOST}/", True),
    ("a=1; SameSite=None; Secure", "null", f"{HOST}/", True),
    ("a=1", "null", f"{HOST}/", False),
    ("a=1", "http://app.acme.com", f"{HOST}/", False),
    ("a=1", "capacitor://localhost", f"{HOST}/", False),
]


@pytest.mark.parametrize(("line", "page", "url", "sent"), STORED)
def test_urls_that_get_a_cookie(line: str, page: str, url: str, sent: bool) -> None:
    jar = CookieJar()
    jar.keep(at(f"{HOST}/x"), line, HOST)
    header, steps = jar.build_header([at(url)], page)
    assert header == ("a=1" if sent else None)
    assert bool(steps) is (at(url).host == at(HOST).host and not sent and "SameSite" in f"{steps}")


def test_names_and_values() -> None:
    """Longer paths are first, then older cookies. A new value keeps the place of the old one."""
    jar = CookieJar()
    lines = ["a=1", " b = 2 ; path=/x", "c", "=d", "e==1=", 'f="1, 2"', "g=\xc3\xa4", "a=3", "h=1\t2"]
    for line in lines:
        if line != "h=1\t2":
            jar.keep(at(f"{HOST}/"), line, HOST)
    assert jar.build_header([at(f"{HOST}/x")], HOST)[0] == 'b=2; a=3; d; e==1=; f="1, 2"; g=\xc3\xa4'


def test_cookies_expire() -> None:
    now = 0.0
    jar = CookieJar(lambda: now)
    for line in ("a=1; Max-Age=10", "b=1", "c=1; Max-Age=99999999999999999999999"):
        jar.keep(at(HOST), line, HOST)
    assert jar.build_header([at(HOST)], HOST)[0] == "a=1; b=1; c=1"
    now = 10.0
    assert jar.build_header([at(HOST)], HOST)[0] == "b=1; c=1"
    now = MAX_LIFETIME
    assert jar.build_header([at(HOST)], HOST)[0] is None


# --- what is not kept ---

# the URL of a response to a page of its own site, the line, and the reason
REFUSED = [
    (HOST, "a=1\x00", "its line has a control character"),
    (HOST, "", "it has neither name nor value"),
    (HOST, f"a={'b' * 4096}", "have more than 4096 bytes"),
    (HOST, "a=1; Domain=two.example", "its Domain is 'two.example', but api.acme.com set it"),
    (HOST, "a=1; Domain=pi.acme.com", "its Domain is 'pi.acme.com'"),
    (HOST, "a=1; Domain=com", "its Domain is 'com', below which anybody can register names"),
    ("https://ann.github.io", "a=1; Domain=github.io", "below which anybody can register names"),
    ("https://127.0.0.1", "a=1; Domain=0.0.1", "its Domain is '0.0.1'"),
    (HOST, "a=1; SameSite=None", "SameSite=None needs Secure"),
    ("http://api.acme.com", "a=1; Secure", "it is Secure, but was set over http"),
    ("http://api.acme.com", "s=1", "there is a Secure one of this name, and this is http"),
    (HOST, "a=1; Partitioned", "Partitioned needs Secure"),
    (HOST, "__Secure-a=1", "a name with this prefix needs Secure"),
    (HOST, "__Host-a=1; Secure", "a name with this prefix needs Path=/ and no Domain"),
    (HOST, "__host-a=1; Secure; Path=/x", "a name with this prefix needs Path=/ and no Domain"),
    (HOST, "__Host-a=1; Secure; Path=/; Domain=api.acme.com", "and no Domain"),
    (HOST, "=__Host-a; Secure", "it has no name"),
]


@pytest.mark.parametrize(("url", "line", "message"), REFUSED)
def test_cookies_that_are_not_kept(url: str, line: str, message: str) -> None:
    jar = CookieJar()
    jar.keep(at(HOST), "s=1; Secure", HOST)
    with pytest.raises(NotKeptError, match="The browser does not keep the cookie ") as raised:
        jar.keep(at(url), line, url)
    assert message in str(raised.value) and str(raised.value).isprintable()
    (step,) = jar.store(at(url), [line], url)
    assert (step.text, step.stop, step.change) == (str(raised.value), None, raised.value.change)
    assert jar.build_header([at(HOST)], HOST)[0] == "s=1"


def test_firefox_keeps_no_value_without_a_name() -> None:
    with pytest.raises(NotKeptError, match="it has no name"):
        CookieJar(engine=ENGINES["firefox"]).keep(at(HOST), "=1", HOST)
    jar = CookieJar()
    jar.keep(at(HOST), "=1", HOST)
    assert jar.build_header([at(HOST)], HOST)[0] == "1"


@pytest.mark.parametrize("url", [HOST, "http://localhost:8000", "http://127.0.0.1", "http://a.localhost"])
@pytest.mark.parametrize(
    "line", ["a=1; Secure", "__Host-a=1; Secure; Path=/", "__Secure-a=1; Secure", f"a={'b' * 4095}"]
)
def test_secure_cookies_of_this_machine(url: str, line: str) -> None:
    """They may be set over http."""
    jar = CookieJar()
    jar.keep(at(url), line, url)
    assert jar.build_header([at(url)], url)[0] == line.partition(";")[0]


def test_a_domain_that_is_a_public_suffix_means_the_host_only() -> None:
    jar = CookieJar()
    jar.keep(at("https://github.io"), "a=1; Domain=github.io", "https://github.io")
    assert jar.build_header([at("https://github.io")], "https://github.io")[0] == "a=1"
    assert jar.build_header([at("https://ann.github.io")], "https://ann.github.io")[0] is None


# --- what a result response ---


def test_a_cookie_that_is_not_sent_is_a_step() -> None:
    page = make_page()
    page.cookies.keep(at(API), "session=ann", API)
    result = fetch(response(**GRANT), page=page, credentials="include")
    assert result.ok_for_page
    (step,) = [each for each in result.steps if "is not sent" in each.text]
    assert step.text == (
        "The cookie 'session' is not sent: it is SameSite=Lax, and https://api.example is another site "
        "than the page, https://app.example"
    )
    assert (step.stop, step.change) == (None, USE_PARTITIONED)
    assert str(result).splitlines()[-2:] == ["The page reads status 200.", USE_PARTITIONED]
    result = fetch(response(set_cookie="new=1", **GRANT), page=page, credentials="include")
    assert "The browser does not keep the cookie 'new': it is SameSite=Lax, and https://api" in str(result)
    result = fetch(response(**GRANT), page=page)
    assert "The cookies 'session' are not sent: the page did not set credentials: 'include'" in str(result)
    assert "are not sent" not in str(fetch(response(**GRANT), page=page, credentials="omit"))


@pytest.mark.parametrize("third_party", [True, False])
def test_the_cookie_of_the_advice_is_kept_and_sent(third_party: bool) -> None:
    """Sanic accepts the suggested call, and browsers that block third-party cookies keep its cookie."""
    arguments = re.search(r"add_cookie\(…, (.*?)\)", USE_PARTITIONED)
    assert arguments is not None
    answer = text("welcome")
    eval(f"add_cookie('session', 'ann', {arguments[1]})", {"add_cookie": answer.add_cookie})
    jar = CookieJar(third_party=third_party)
    assert jar.store(at(API), [f"{each}" for each in answer.cookies.cookies], ORIGIN) == []
    assert jar.build_header([at(API)], ORIGIN) == ("__Host-session=ann", [])


def test_a_browser_that_blocks_third_party_cookies() -> None:
    jar = CookieJar(third_party=False)
    jar.keep(at(HOST), CROSS_SITE[0], HOST)
    assert jar.build_header([at(HOST)], SIBLING) == ("a=1", [])
    header, (step,) = jar.build_header([at(HOST)], ORIGIN)
    assert (header, step.change) == (None, USE_ONE_SITE)
    assert "and the browser blocks third-party cookies" in step.text
    (step,) = jar.store(at(HOST), [CROSS_SITE[1]], ORIGIN)
    assert "does not keep the cookie 'b': https://acme.com is another site" in step.text
    assert jar.build_header([at(HOST)], SIBLING) == ("a=1", [])


@pytest.mark.parametrize("third_party", [True, False])
def test_a_partitioned_cookie_is_for_the_pages_of_one_site(third_party: bool) -> None:
    jar = CookieJar(third_party=third_party)
    jar.keep(at(HOST), "a=1; SameSite=None; Secure; Partitioned", ORIGIN)
    jar.keep(at(HOST), "a=2; SameSite=None; Secure; Partitioned", HOST)
    jar.keep(at(HOST), "a=3; SameSite=None; Secure; Partitioned", "null")
    sent = [
        jar.build_header([at(HOST)], page) for page in (ORIGIN, "https://www.app.example", SIBLING, "null")
    ]
    assert sent == [("a=1", []), ("a=1", []), ("a=2", []), ("a=3", [])]
    assert jar.build_header([at(HOST)], "https://two.example") == (None, [])


def test_a_secure_cookie_over_http() -> None:
    jar = CookieJar()
    jar.keep(at(HOST), "a=1; Secure", HOST)
    header, (step,) = jar.build_header([at("http://api.acme.com")], "http://app.acme.com")
    assert (header, step.change) == (None, "Serve it over https.")


@pytest.mark.parametrize("engine", ["standard", "chromium", "firefox", "webkit"])
def test_webkit_sends_cookies_in_mode_no_cors_after_a_redirect_from_home(engine: str) -> None:
    page = make_page(engine=engine)
    page.cookies.keep(page.base, "a=1; SameSite=None; Secure", API)
    moved = response(302, location=f"{API}/b")
    result = fetch(moved, response(), url=f"{ORIGIN}/", page=page, mode="no-cors")
    assert headers_of(result).get("cookie") == ("a=1" if engine == "webkit" else None)
    away = fetch(response(), page=page, mode="no-cors")
    assert headers_of(away).get("cookie") is None


# --- navigation ---

# the SameSite attribute of a cookie, the method of the navigation, and whether another site's page sends it
NAVIGATIONS = [
    ("SameSite=Strict", "GET", False),
    ("SameSite=Lax", "GET", True),
    ("SameSite=Lax", "POST", False),
    ("", "GET", True),
    ("", "POST", False),
    ("SameSite=None; Secure", "POST", True),
]


@pytest.mark.parametrize(("attributes", "method", "sent"), NAVIGATIONS)
def test_cookies_of_a_navigation_from_another_site(attributes: str, method: str, sent: bool) -> None:
    for third_party in (True, False):  # the new page is no third party
        jar = CookieJar(third_party=third_party)
        jar.keep(at(HOST), f"a=1; {attributes}", HOST)
        header, steps = jar.build_header([at(HOST)], ORIGIN, method)
        assert header == ("a=1" if sent else None)
        if not sent:
            (step,) = steps
            assert step.change is not None and "another site, https://app.example" in step.text
        assert jar.build_header([at(HOST)], SIBLING, method)[0] == "a=1"


def test_a_navigation_keeps_every_cookie_of_the_new_page() -> None:
    lines = ["a=1; SameSite=Strict", "b=1", "c=1; SameSite=None; Secure; Partitioned"]
    jar = CookieJar(third_party=False)
    assert jar.store(at(HOST), lines, ORIGIN, "POST") == []
    assert jar.build_header([at(HOST)], ORIGIN, "GET")[0] == "b=1; c=1"
    # which is partitioned by the new page's site
    assert jar.build_header([at(HOST)], ORIGIN)[0] is None
    assert jar.build_header([at(HOST)], HOST)[0] == "a=1; b=1; c=1"


@pytest.mark.parametrize("engine", ["standard", "chromium"])
def test_chromium_sends_new_default_cookies_with_forms(engine: str) -> None:
    now = 0.0
    page = make_page(engine=engine, clock=lambda: now)
    page.cookies.keep(page.base, "a=1", API)
    page.cookies.keep(page.base, "b=1; SameSite=Lax", API)

    def sent() -> str | None:
        return headers_of(fetch_as("form", response(), page=page)).get("cookie")

    assert sent() == ("a=1" if engine == "chromium" else None)
    now = 120.0
    assert sent() is None
