"""Redirects: the requests after them, their origin, and invalid redirects. https://fetch.spec.whatwg.org/#http-redirect-fetch"""

from __future__ import annotations

from typing import Any

import pytest

from ..support import ORIGIN, TWO
from .exchange import Reply, fetch, headers_of, make_page, requests_of, response

STAR: dict[str, Any] = {"allow_origin": "*"}
PUBLIC = response(**STAR)
LISTS = response(204, **STAR, allow_methods="*", allow_headers="*,authorization", max_age="60")
BODY: dict[str, Any] = {"body": b"{}", "headers": {"Content-Type": "text/plain", "accept": "a"}}


def to(location: str, status: int = 302, **headers: str) -> Reply:
    return response(status, location=location, **STAR, **headers)


# the fetch, its replies, the requests, and the origin of the last request
REDIRECTS: list[tuple[str, dict[str, Any], list[Reply], list[str], str | None]] = [
    ("within the API", {}, [to("/b"), PUBLIC], ["GET /items", "GET /b"], ORIGIN),
    ("relative", {"url": "/a/b?q"}, [to("c"), PUBLIC], ["GET /a/b?q", "GET /a/c"], ORIGIN),
    ("to a third site", {}, [to(f"{TWO}/b"), PUBLIC], ["GET /items", f"GET {TWO}/b"], "null"),
    (
        "away and back",
        {},
        [to(TWO), to("https://api.example"), PUBLIC],
        ["GET /items", f"GET {TWO}/", "GET /"],
        "null",
    ),
    ("to the page's own", {}, [to(f"{ORIGIN}/b"), PUBLIC], ["GET /items", f"GET {ORIGIN}/b"], "null"),
    (
        "another port is another site",
        {},
        [to("https://api.example:444/"), PUBLIC],
        ["GET /items", "GET :444/"],
        "null",
    ),
    (
        "from the page's own",
        {"url": f"{ORIGIN}/a"},
        [to("https://api.example/b"), PUBLIC],
        [f"GET {ORIGIN}/a", "GET /b"],
        ORIGIN,
    ),
    (
        "within the page's own",
        {"url": f"{ORIGIN}/a"},
        [to("/b"), response()],
        [f"GET {ORIGIN}/a", f"GET {ORIGIN}/b"],
        None,
    ),
    (
        "same-origin",
        {"url": f"{ORIGIN}/a", "mode": "same-origin"},
        [to("/b"), response()],
        [f"GET {ORIGIN}/a", f"GET {ORIGIN}/b"],
        None,
    ),
    ("nowhere", {}, [response(302, **STAR)], ["GET /items"], ORIGIN),
    ("304 is no redirect", {}, [to("/b", 304)], ["GET /items"], ORIGIN),
    ("300 is no redirect", {}, [to("/b", 300)], ["GET /items"], ORIGIN),
    ("a fragment is not sent", {}, [to("/b#c"), PUBLIC], ["GET /items", "GET /b"], ORIGIN),
    (
        "a preflight at each address",
        {"method": "PUT"},
        [LISTS, to("/b", 307), LISTS, PUBLIC],
        ["[OPTIONS /items]", "PUT /items", "[OPTIONS /b]", "PUT /b"],
        ORIGIN,
    ),
    (
        "a preflight of an origin that is null",
        {"method": "PUT"},
        [LISTS, to(f"{TWO}/", 308), LISTS, PUBLIC],
        ["[OPTIONS /items]", "PUT /items", f"[OPTIONS {TWO}/]", f"PUT {TWO}/"],
        "null",
    ),
    ("20 redirects", {}, [to("/items")] * 20 + [PUBLIC], ["GET /items"] * 21, ORIGIN),
]


@pytest.mark.parametrize(
    ("options", "replies", "sent", "origin"),
    [row[1:] for row in REDIRECTS],
    ids=[row[0] for row in REDIRECTS],
)
def test_requests_after_redirects(
    options: dict[str, Any], replies: list[Reply], sent: list[str], origin: str | None
) -> None:
    result = fetch(*replies, **options)
    assert (result.blocked_by, requests_of(result)) == (None, sent), str(result)
    assert headers_of(result).get("origin") == origin
    assert result.type == ("basic" if origin is None else "cors")
    last = sent[-1].partition(" ")[2]
    assert result.url == (last if "://" in last else f"https://api.example{last}")
    for step in [each for each in result.steps if "redirects to" in each.text]:
        assert ("null" in step.text) == (step.text.endswith(", and the origin is null from here on"))
    assert ("null from here on" in str(result)) is (origin == "null")


FAILURES: list[tuple[str, dict[str, Any], list[Reply], str, int]] = [
    ("null is not the page's origin", {}, [to(TWO), response(allow_origin=ORIGIN)], "origin-other", 2),
    ("null by name", {}, [to(TWO), response(allow_origin="null")], "", 2),
    (
        "null with cookies",
        {"credentials": "include"},
        [
            response(302, location=TWO, allow_origin=ORIGIN, allow_credentials="true"),
            response(allow_origin=ORIGIN, allow_credentials="true"),
        ],
        "origin-other",
        2,
    ),
    ("the redirect itself has no grant", {}, [response(302, location="/b")], "origin-missing", 1),
    (
        "also where the page would not follow it",
        {"redirect": "manual"},
        [response(302, location="/b")],
        "origin-missing",
        1,
    ),
    (
        "nowhere, and not to be followed",
        {"redirect": "manual"},
        [response(302, **STAR)],
        "opaque-redirect",
        1,
    ),
    ("no second permission", {"method": "PUT"}, [LISTS, to("/b", 307), response(401)], "preflight-status", 3),
    ("of a preflight", {"method": "PUT"}, [to("/b", 307)], "preflight-redirect", 1),
    (
        "out of the own origin",
        {"url": f"{ORIGIN}/a", "mode": "same-origin"},
        [to("https://api.example/")],
        "same-origin-only",
        1,
    ),
    ("to http", {}, [to("http://api.example/")], "mixed-content", 1),
    ("no-cors", {"mode": "no-cors"}, [response(302, location=TWO), response()], "opaque", 2),
    (
        "user info of another site",
        {"url": f"{ORIGIN}/a"},
        [to("https://ann@api.example/")],
        "redirect-user-info",
        1,
    ),
    (
        "user info of the page's own, after another",
        {},
        [to(f"https://ann@{ORIGIN.removeprefix('https://')}/")],
        "redirect-user-info",
        1,
    ),
    (
        "user info of the page's own",
        {"url": f"{ORIGIN}/a"},
        [to(f"https://ann@{ORIGIN.removeprefix('https://')}/"), response()],
        "",
        2,
    ),
    (
        "user info, no-cors",
        {"mode": "no-cors"},
        [response(302, location="https://ann@two.example/"), response()],
        "opaque",
        2,
    ),
]


@pytest.mark.parametrize(
    ("options", "replies", "blocked_by", "count"),
    [row[1:] for row in FAILURES],
    ids=[row[0] for row in FAILURES],
)
def test_redirects_that_fail(
    options: dict[str, Any], replies: list[Reply], blocked_by: str, count: int
) -> None:
    result = fetch(*replies, **options)
    assert (result.blocked_by or "", len(result.sent)) == (blocked_by, count), str(result)


METHODS = [
    *[(status, "POST", "GET") for status in (301, 302, 303)],
    *[(status, "POST", "POST") for status in (307, 308)],
    *[(status, "PUT", "PUT") for status in (301, 302, 307, 308)],
    (303, "PUT", "GET"),
    (303, "HEAD", "HEAD"),
    (301, "HEAD", "HEAD"),
]


@pytest.mark.parametrize(("status", "method", "then"), METHODS)
def test_method_after_a_redirect(status: int, method: str, then: str) -> None:
    """If the body is dropped, so are the headers that describe it, and no others."""
    options = {"method": method, "url": f"{ORIGIN}/a", **({} if method == "HEAD" else BODY)}
    result = fetch(to("/b", status), response(), **options)
    last = result.sent[-1]
    assert (last.method, last.body) == (then, b"{}" if then == method != "HEAD" else b"")
    headers = headers_of(result)
    assert ("Content-Type" in headers) is (then == method != "HEAD")
    assert headers["accept"] == ("*/*" if method == "HEAD" else "a")
    assert ("origin" in headers) is (then not in ("GET", "HEAD"))


@pytest.mark.parametrize(
    ("location", "kept"), [("/b", True), (f"{TWO}/b", False), ("https://api.example:444/", False)]
)
def test_authorization_is_dropped_for_another_origin(location: str, kept: bool) -> None:
    options: dict[str, Any] = {"headers": {"Authorization": "t", "x-a": "1"}}
    result = fetch(LISTS, to(location), LISTS, PUBLIC, **options)
    assert ("Authorization" in headers_of(result)) is kept
    assert headers_of(result)["x-a"] == "1"
    names = headers_of(result, -2)["access-control-request-headers"]
    assert names == ("authorization,x-a" if kept else "x-a")


TRAVELS = "SameSite=None; Secure"


def test_cookies_of_a_redirect() -> None:
    """They are stored and sent on its way, if the credentials mode allows it."""
    grant = {"allow_origin": ORIGIN, "allow_credentials": "true"}
    first = response(
        302, location="/b", set_cookie=[f"a=1; {TRAVELS}", f"b=2; Path=/other; {TRAVELS}"], **grant
    )
    for credentials, cookies in (("include", "a=1"), ("same-origin", None), ("omit", None)):
        result = fetch(first, response(**grant), page=make_page(), credentials=credentials)
        assert headers_of(result).get("cookie") == cookies
