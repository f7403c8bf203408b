"""fetch(): every id that can stop it, with its message, and the calls that pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from corsbp.testing import STOPS
from corsbp.testing.result import NoAnswer

from ..support import EVIL, ORIGIN, TWO
from .exchange import API, Reply, fetch, headers_of, make_page, requests_of, response

COOKIES = {"credentials": "include"}
PUBLIC = response(allow_origin="*")
GRANT = response(allow_origin=ORIGIN)
YES = response(204, allow_origin=ORIGIN, allow_methods="PUT", allow_headers="x-a")


class Stop(NamedTuple):
    """The id that stops a fetch, the replies that it gets, and parts of the message."""

    id: str
    options: dict[str, Any]
    replies: tuple[Reply, ...]
    message: tuple[str, ...]


def stop(stop_id: str, options: dict[str, Any], replies: list[Reply], *message: str) -> Stop:
    return Stop(stop_id, options, tuple(replies), message)


PUT: dict[str, Any] = {"method": "PUT"}
TABLE = [
    # --- before anything is sent ---
    stop("url-invalid", {"url": "https://a b/"}, [], "'https://a b/' is not a valid URL."),
    stop("url-invalid", {"url": "https://api.example:70000/"}, [], "is not a valid URL."),
    stop("url-user-info", {"url": "https://ann:x@api.example/"}, [], "Send an Authorization header"),
    stop("method-invalid", {"method": "GET\n"}, [], r"'GET\n' is not a valid method."),
    stop("method-invalid", {"method": ""}, [], "'' is not a valid method."),
    stop("method-forbidden", {"method": "Trace"}, [], "Browsers do not allow pages to use Trace."),
    stop("method-forbidden", {"method": "CONNECT"}, [], "CONNECT."),
    stop("header-invalid", {"headers": {"x a": "1"}}, [], "'x a': '1' is not a valid header."),
    stop(
        "header-invalid",
        {"headers": {"x-a": "1\r\nx-b: 2"}},
        [],
        r"'x-a': '1\r\nx-b: 2' is not a valid header.",
    ),
    stop("header-invalid", {"headers": {"x-a": "€"}}, [], "'€' is not a valid header."),
    stop("header-invalid", {"headers": {"": "1"}}, [], "'': '1' is not a valid header."),
    stop("body-not-allowed", {"body": b"x"}, [], "A GET request cannot have a body."),
    stop("body-not-allowed", {"body": b"", "method": "head"}, [], "A HEAD request cannot have a body."),
    stop("no-cors-method", {"mode": "no-cors", **PUT}, [], 'Mode "no-cors" does not allow PUT.'),
    stop(
        "no-cors-redirect", {"mode": "no-cors", "redirect": "error"}, [], 'does not allow redirect: "error".'
    ),
    stop("same-origin-only", {"mode": "same-origin"}, [], "https://api.example is not the page's"),
    stop("scheme-not-http", {"url": "ftp://api.example/"}, [], "'ftp' is neither http nor https."),
    stop("scheme-not-http", {"url": "ftp://api.example/", "mode": "no-cors"}, [], "'ftp' is neither"),
    stop("mixed-content", {"url": "http://api.example/"}, [], "http://api.example is http", "over https."),
    # --- on the way ---
    stop(
        "no-answer", {}, [NoAnswer("refused\n")], r"got no response: 'refused\n'. ", "is the server running?"
    ),
    stop("no-answer", PUT, [NoAnswer("refused")], "OPTIONS https://api.example/items got no response"),
    # --- the preflight ---
    stop("preflight-redirect", PUT, [response(307, location="/x")], "(status 307 to '/x')", "Call the URL"),
    stop(
        "preflight-status",
        PUT,
        [response(401)],
        "got status 401: only 200 to 299 are accepted. Respond to OPTIONS before",
    ),
    stop(
        "preflight-status", PUT, [response(407)], "no Authorization. With corsbp: wrap the route's blueprint"
    ),
    stop("preflight-status", PUT, [response(405)], "Respond to OPTIONS on this path. With corsbp: wrap"),
    stop("preflight-status", PUT, [response(199)], "got status 199"),
    stop("preflight-status", PUT, [response(300, allow_origin="*")], "got status 300"),
    stop(
        "preflight-origin-missing",
        PUT,
        [response(204)],
        f"The preflight response (status 204) has no access-control-allow-origin for the origin {ORIGIN}. ",
        f"Send access-control-allow-origin: {ORIGIN}. With corsbp: cors_group(…, allow_origins=['{ORIGIN}'])",
    ),
    stop(
        "preflight-origin-several",
        PUT,
        [response(204, allow_origin=[ORIGIN, ORIGIN])],
        f"'{ORIGIN}, {ORIGIN}' names more than one origin. Send it once",
    ),
    stop(
        "preflight-origin-any",
        PUT | COOKIES,
        [response(204, allow_origin="*", allow_credentials="true")],
        "'*' does not allow a page that sends credentials. ",
        f"allow_origins=['{ORIGIN}'], allow_credentials=True)",
        "Or leave out credentials: 'include' in the page, if it needs no cookies.",
    ),
    stop(
        "preflight-origin-other",
        PUT,
        [response(204, allow_origin=TWO)],
        f"'{TWO}' is not the origin {ORIGIN}.",
    ),
    stop(
        "preflight-credentials",
        PUT | COOKIES,
        [response(204, allow_origin=ORIGIN)],
        "The preflight response does not allow credentials: access-control-allow-credentials is missing, ",
        "With corsbp: allow_credentials=True.",
    ),
    stop(
        "preflight-malformed",
        PUT,
        [response(204, allow_origin="*", allow_methods="PUT GET")],
        "access-control-allow-methods is not a list of names: 'PUT GET'. Write names with commas",
    ),
    stop(
        "preflight-malformed",
        {"headers": {"x-a": "1"}},
        [response(204, allow_origin="*", allow_headers=["x-a", "a/b"])],
        "access-control-allow-headers is not a list of names: 'x-a, a/b'.",
    ),
    stop(
        "preflight-method",
        PUT,
        [response(204, allow_origin="*", allow_methods="GET,put")],
        "The method 'PUT' is not in access-control-allow-methods: 'GET,put'. Add it. With corsbp: a route",
    ),
    stop(
        "preflight-method", PUT, [response(204, allow_origin="*")], "access-control-allow-methods: missing."
    ),
    stop(
        "preflight-method",
        PUT | COOKIES,
        [response(204, allow_origin=ORIGIN, allow_credentials="true", allow_methods="*")],
        "'*' (with credentials, * is an ordinary method name).",
    ),
    stop(
        "preflight-method",
        {"method": "patch"},
        [response(204, allow_origin="*", allow_methods="PATCH")],
        "The method 'patch' is not in",
        "Write 'PATCH' in the page: browsers send this method as it is written.",
    ),
    stop(
        "preflight-authorization",
        {"headers": {"Authorization": "x"}},
        [response(204, allow_origin="*", allow_headers="*")],
        "authorization is not in access-control-allow-headers: '*'; * does not cover it. ",
        "Send access-control-allow-headers: *,authorization. With corsbp: allow_headers='*' does so.",
    ),
    stop(
        "preflight-header",
        {"headers": {"X-B": "1", "x-a": "1"}},
        [response(204, allow_origin="*", allow_headers="X-A")],
        "The header x-b is not in access-control-allow-headers: 'X-A'. Add it. ",
        "With corsbp: allow_headers=[…, 'x-b'].",
    ),
    stop(
        "preflight-header",
        {"headers": {"x-a": "1"}} | COOKIES,
        [response(204, allow_origin=ORIGIN, allow_credentials="true", allow_headers="*")],
        "'*' (with credentials, * is an ordinary header name).",
    ),
    stop(
        "preflight-header",
        {"headers": {"authorization": "x"}},
        [response(204, allow_origin="*")],
        "The header authorization is not in access-control-allow-headers: missing.",
    ),
    # --- redirects ---
    stop(
        "redirect-refused",
        {"redirect": "error"},
        [response(302, allow_origin="*")],
        "Status 302 is a redirect",
    ),
    stop(
        "redirect-location",
        {},
        [response(302, allow_origin="*", location="https://[")],
        "goes to 'https://[', which is not a valid URL.",
    ),
    stop(
        "redirect-location",
        {},
        [response(302, allow_origin="*", location=["/a", "/b"])],
        "The redirect names several URLs: '/a', '/b'.",
    ),
    stop(
        "redirect-scheme",
        {},
        [response(302, allow_origin="*", location="data:,x")],
        "The redirect goes to 'data:,x'.",
    ),
    stop(
        "redirect-user-info",
        {},
        [response(302, allow_origin="*", location="https://ann@api.example/")],
        "a URL with a user name or password.",
    ),
    stop(
        "redirect-too-many",
        {},
        [response(302, allow_origin="*", location="/items")] * 21,
        "There are more than 20 redirects.",
    ),
    # --- the response ---
    stop(
        "origin-missing", {}, [response(500)], "The response (status 500) has no access-control-allow-origin"
    ),
    stop(
        "origin-several",
        {},
        [response(allow_origin=f"{ORIGIN}, *")],
        "names more than one origin. Send it once: look",
    ),
    stop("origin-several", {}, [response(allow_origin=["*", "*"])], "'*, *' names more than one origin"),
    stop(
        "origin-any",
        COOKIES,
        [response(allow_origin="*")],
        "does not allow a page that sends credentials",
    ),
    stop("origin-other", {}, [response(allow_origin=EVIL)], f"'{EVIL}' is not the origin {ORIGIN}."),
    stop("origin-other", {}, [response(allow_origin=ORIGIN.upper())], "is not the origin"),
    stop("origin-other", {}, [response(allow_origin=f"{ORIGIN}/")], "is not the origin"),
    stop(
        "origin-other", {}, [response(allow_origin="")], "access-control-allow-origin: '' is not the origin"
    ),
    stop(
        "origin-missing",
        {"page": make_page("null")},
        [response()],
        "The origin is null: a sandboxed frame, a file",
    ),
    stop(
        "credentials",
        COOKIES,
        [response(allow_origin=ORIGIN, allow_credentials="True")],
        "The response does not allow credentials: access-control-allow-credentials is 'True', not true.",
    ),
    stop(
        "resource-policy",
        {"mode": "no-cors"},
        [response(cross_origin_resource_policy="same-site")],
        "cross-origin-resource-policy: 'same-site' does not allow a page of https://app.example to embed the "
        "response. ",
        "Send cross-origin-resource-policy: cross-origin.",
    ),
    # --- what the page gets, but cannot look into ---
    stop(
        "opaque", {"mode": "no-cors"}, [PUBLIC], 'a response that it cannot read. Leave out mode: "no-cors".'
    ),
    stop(
        "opaque-redirect", {"redirect": "manual"}, [response(301, allow_origin="*")], 'set redirect: "manual"'
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_stops(row: Stop) -> None:
    """The page learns only that it was stopped."""
    result = fetch(*row.replies, **row.options)
    assert (result.blocked_by, result.ok_for_page) == (row.id, False)
    why = result.why or ""
    assert not [text for text in row.message if text not in why], why
    assert why[-1] in ".?" and why.isprintable()
    assert (result.status, result.headers, result.body) == (0, {}, b"")
    assert result.type == {"opaque": "opaque", "opaque-redirect": "opaqueredirect"}.get(row.id, "error")
    last = result.steps[-1]
    assert str(result).splitlines()[-2 if last.change else -1] == f"Blocked: {row.id}."
    assert f"  x {last.text}" in str(result).splitlines()
    assert (last.change or "") in str(result)


# ids that other calls than fetch() have, or only Chromium
ELSEWHERE = {
    *("local-network", "beacon-too-large", "beacon-redirect", "embedder-policy"),
    *("image-invalid", "script-status", "script-type", "handshake-refused"),
}


def test_every_stop_is_in_the_table() -> None:
    assert [*dict.fromkeys(row.id for row in TABLE)] == [each for each in STOPS if each not in ELSEWHERE]


# --- what passes: the requests, and what the page reads ---

READ: list[tuple[dict[str, Any], list[Reply], list[str], int]] = [
    ({}, [PUBLIC], ["GET /items"], 200),
    ({}, [GRANT], ["GET /items"], 200),
    ({}, [response(500, allow_origin="*")], ["GET /items"], 500),
    ({"method": "post", "body": b"a"}, [PUBLIC], ["POST /items"], 200),
    (COOKIES, [response(allow_origin=ORIGIN, allow_credentials="true")], ["GET /items"], 200),
    ({"method": "put"}, [YES, GRANT], ["[OPTIONS /items]", "PUT /items"], 200),
    # a safelisted method need not be named, an upload listener need not be allowed by name
    ({"headers": {"x-a": "1"}}, [YES, GRANT], ["[OPTIONS /items]", "GET /items"], 200),
    ({"method": "POST", "upload_listener": True}, [PUBLIC, GRANT], ["[OPTIONS /items]", "POST /items"], 200),
    # any status from 200 to 299
    (
        PUT,
        [response(299, b"x", allow_origin="*", allow_methods="*"), PUBLIC],
        ["[OPTIONS /items]", "PUT /items"],
        200,
    ),
    (
        PUT,
        [response(204, allow_origin="*", allow_methods=["a,,", " PUT\t"]), PUBLIC],
        ["[OPTIONS /items]", "PUT /items"],
        200,
    ),
    (
        {"headers": {"X-A": "1"}},
        [response(allow_origin="*", allow_headers="*"), PUBLIC],
        ["[OPTIONS /items]", "GET /items"],
        200,
    ),
    (
        {"headers": {"Authorization": "x"}},
        [response(allow_origin="*", allow_headers="*,AUTHORIZATION"), PUBLIC],
        ["[OPTIONS /items]", "GET /items"],
        200,
    ),
    # an opaque origin
    ({"page": make_page("null")}, [PUBLIC], ["GET /items"], 200),
    ({"page": make_page("null")}, [response(allow_origin="null")], ["GET /items"], 200),
    # what is on this machine may be http
    ({"url": "http://localhost:8000/"}, [PUBLIC], ["GET http://localhost:8000/"], 200),
    ({"url": "http://api.localhost/"}, [PUBLIC], ["GET http://api.localhost/"], 200),
    ({"url": "http://127.0.0.2/"}, [PUBLIC], ["GET http://127.0.0.2/"], 200),
    ({"url": "http://[::1]:8000/"}, [PUBLIC], ["GET http://[::1]:8000/"], 200),
    (
        {"url": "http://api.example/", "page": make_page("http://app.example")},
        [PUBLIC],
        ["GET http://api.example/"],
        200,
    ),
    # the page's own origin: no CORS, with whatever mode
    (
        {"url": f"{ORIGIN}/x", "method": "PUT", "headers": {"x-a": "1"}},
        [response()],
        [f"PUT {ORIGIN}/x"],
        200,
    ),
    ({"url": f"{ORIGIN}:443", "mode": "same-origin"}, [response()], [f"GET {ORIGIN}/"], 200),
    ({"url": f"{ORIGIN}/x", "mode": "no-cors", "redirect": "error"}, [response()], [f"GET {ORIGIN}/x"], 200),
]


@pytest.mark.parametrize(("options", "replies", "sent", "status"), READ)
def test_calls_that_pass(options: dict[str, Any], replies: list[Reply], sent: list[str], status: int) -> None:
    result = fetch(*replies, **options)
    assert (result.blocked_by, result.why, requests_of(result), result.status) == (
        None,
        None,
        sent,
        status,
    ), str(result)
    assert [each.answer for each in result.sent] == replies
    assert result.type == ("basic" if ORIGIN in sent[0] else "cors")
    assert result.url == sent[-1].replace(" /", " https://api.example/").partition(" ")[2]
    assert str(result).endswith(f"\nThe page reads status {status}.")


EMBEDDED: list[tuple[dict[str, Any], str | list[str], bool]] = [
    # the page and the address, the policy; whether the page may embed it
    ({}, "cross-origin", True),
    ({}, "same-origin", False),
    ({}, "same-site", False),
    ({}, "SAME-ORIGIN", True),
    ({}, ["same-origin", "same-origin"], True),
    ({"url": "https://api.app.example/"}, "same-site", True),
    ({"url": "https://api.app.example/"}, "same-origin", False),
    ({"url": "http://localhost/"}, "same-site", False),
    ({"url": "http://api.app.example/", "page": make_page("http://app.example")}, "same-site", True),
    ({"url": "https://api.app.example/", "page": make_page("http://app.example")}, "same-site", False),
    ({"url": f"{ORIGIN}/"}, "same-origin", True),
    ({"page": make_page("null")}, "same-site", False),
    ({"page": make_page("null")}, "cross-origin", True),
    ({"page": make_page("capacitor://localhost")}, "same-site", False),
]


@pytest.mark.parametrize(("options", "policy", "may"), EMBEDDED)
def test_responses_that_a_page_can_embed(options: dict[str, Any], policy: str | list[str], may: bool) -> None:
    answer = response(allow_origin="*", cross_origin_resource_policy=policy)
    assert (fetch(answer, mode="no-cors", **options).blocked_by == "resource-policy") is not may
    if "page" not in options:
        assert fetch(answer, **options).ok_for_page, "in mode cors, it has no effect"


def test_a_redirect_with_a_resource_policy() -> None:
    refused = response(302, location="/b", cross_origin_resource_policy="same-origin")
    assert fetch(refused, mode="no-cors").blocked_by == "resource-policy"


DATA = [
    ("data:,", "", "text/plain;charset=US-ASCII"),
    ("data:text/plain,hello%20there?a#b", "hello there?a", "text/plain"),
    ("DATA:text/html;charset=utf-8,é", "é", "text/html;charset=utf-8"),
    ("data:;charset=utf-8,a,b", "a,b", "text/plain;charset=utf-8"),
    ("data:nonsense,a", "a", "text/plain;charset=US-ASCII"),
    ("data:text/plain;base64,aGVsbG8", "hello", "text/plain"),
    ("data:; BASE64 ,aGV%20sbG8=", "hello", "text/plain;charset=US-ASCII"),
    ("data:text/plain", None, None),
    ("data:;base64,a", None, None),
    ("data:;base64,a%00bc", None, None),
]


@pytest.mark.parametrize(("url", "text", "kind"), DATA)
def test_data_urls(url: str, text: str | None, kind: str | None) -> None:
    for page in (make_page(), make_page("null")):
        for options in ({}, {"mode": "no-cors"}, {"mode": "same-origin"}, {"method": "POST", "body": "a"}):
            result = fetch(url=url, page=page, **options)
            assert (result.blocked_by, result.sent) == (None if kind else "scheme-not-http", ())
            assert result.text == (text or "")
            assert result.headers == ({"content-type": kind} if kind else {})


# --- the requests' own headers ---

USUAL = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "accept-language": "en-US,en;q=0.9",
    "user-agent": "Mozilla/5.0 (compatible; corsbp.testing)",
    "referer": f"{ORIGIN}/",
}


def sec(site: str = "cross-site", mode: str = "cors") -> dict[str, str]:
    return {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": "empty"}


CORS = USUAL | {"origin": ORIGIN} | sec()
OWN = USUAL | sec("same-origin")
EMBED = USUAL | sec(mode="no-cors")
NULL = {name: value for name, value in CORS.items() if name != "referer"} | {"origin": "null"}
HEADERS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, CORS),
    (
        {"headers": {"Accept": "text/plain"}},
        {name: value for name, value in CORS.items() if name != "accept"} | {"Accept": "text/plain"},
    ),
    ({"page": make_page("null")}, NULL),
    ({"url": f"{ORIGIN}/"}, OWN),
    ({"url": f"{ORIGIN}/", "method": "HEAD"}, OWN),
    ({"url": f"{ORIGIN}/", "method": "POST"}, OWN | {"origin": ORIGIN}),
    ({"url": f"{ORIGIN}/", "method": "DELETE"}, OWN | {"origin": ORIGIN}),
    ({"url": f"{ORIGIN}/", "mode": "same-origin"}, USUAL | sec("same-origin", "same-origin")),
    ({"url": "https://api.app.example/"}, CORS | sec("same-site")),
    ({"mode": "no-cors"}, EMBED),
    ({"mode": "no-cors", "method": "POST"}, EMBED | {"origin": ORIGIN}),
    ({"mode": "no-cors", "method": "POST", "url": "http://localhost/"}, EMBED | {"origin": "null"}),
    ({"headers": {"range": "bytes=0-9"}}, CORS | {"range": "bytes=0-9", "accept-encoding": "identity"}),
    # neither metadata nor an address for what anybody can read on its way
    (
        {"url": "http://api.example/", "page": make_page("http://app.example")},
        USUAL | {"origin": "http://app.example", "referer": "http://app.example/"},
    ),
    # what no page may set
    ({"headers": {"Cookie": "a=b", "Sec-X": "1", "proxy-a": "1", "HOST": "x", "Origin": "https://x"}}, CORS),
    ({"headers": {"X-HTTP-Method-Override": "PUT, trace"}}, CORS),
    (
        {"mode": "no-cors", "headers": {"Accept": "a", "x-a": "1", "Content-Type": "application/json"}},
        {name: value for name, value in EMBED.items() if name != "accept"} | {"Accept": "a"},
    ),
    ({"mode": "no-cors", "headers": {"content-type": "text/plain"}}, EMBED | {"content-type": "text/plain"}),
]


@pytest.mark.parametrize(("options", "headers"), HEADERS)
def test_headers_of_a_request(options: dict[str, Any], headers: dict[str, str]) -> None:
    grant = response(allow_origin=headers.get("origin", "*"))
    result = fetch(grant, **options)
    assert headers_of(result) == headers
    dropped = [name for name in options.get("headers", ()) if name not in headers]
    steps = [step.text for step in result.steps if step.text.startswith("The browser drops the headers")]
    assert steps == [
        f"The browser drops the headers {', '.join(map(repr, dropped))}: pages may not set them"
    ] * bool(dropped)


def test_a_preflight_has_sorted_names_and_no_credentials() -> None:
    page = make_page()
    page.cookies.keep(page.base, "session=ann; SameSite=None; Secure", API)
    headers = {
        "X-B": "1",
        "authorization": "t",
        "Accept": "a",
        "x-A": "1",
        "content-type": "application/json",
    }
    result = fetch(response(401), page=page, method="put", headers=headers, body=b"{}", **COOKIES)
    assert headers_of(result) == CORS | {
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,content-type,x-a,x-b",
    }
    assert (result.sent[0].preflight, result.sent[0].body) == (True, b"")
    assert "A preflight is needed: the method PUT, the header authorization, the header content-type" in str(
        result
    )
    without = fetch(response(401), upload_listener=True)
    assert headers_of(without) == CORS | {"access-control-request-method": "GET"}
    assert "A preflight is needed: an upload listener" in str(without)


# --- the part of the response that the page can read ---

PLAIN = {
    "Cache-Control": "c",
    "content-language": "de",
    "content-length": "2",
    "content-type": "text/plain",
    "expires": "0",
    "last-modified": "l",
    "pragma": "p",
}
OTHERS = {"etag": "e", "x-b": ["1", "2"], "Set-Cookie": "a=b", "set-cookie2": "c"}
READABLE: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
    ({}, {}, set()),
    ({}, {"expose-headers": "ETag"}, {"etag"}),
    ({}, {"expose-headers": ["x-c, x-b", "etag"]}, {"etag", "x-b"}),
    ({}, {"expose-headers": "set-cookie,set-cookie2"}, set()),
    ({}, {"expose-headers": "etag x-b"}, set()),
    (
        {},
        {"expose-headers": "*"},
        {"etag", "x-b", "access-control-allow-origin", "access-control-expose-headers"},
    ),
    (COOKIES, {"expose-headers": "*, x-b"}, {"x-b"}),
    (
        {"url": f"{ORIGIN}/"},
        {},
        {"etag", "x-b", "access-control-allow-origin", "access-control-allow-credentials"},
    ),
]


@pytest.mark.parametrize(("options", "headers", "more"), READABLE)
def test_headers_that_the_page_can_read(
    options: dict[str, Any], headers: dict[str, Any], more: set[str]
) -> None:
    grant = (
        {"allow-origin": ORIGIN, "allow-credentials": "true"}
        if "url" in options or "credentials" in options
        else {"allow-origin": "*"}
    )
    result = fetch(response(200, b"{}", **PLAIN, **OTHERS, **grant, **headers), **options)
    assert set(result.headers) == {name.lower() for name in PLAIN} | more
    assert result.headers["cache-control"] == "c"
    assert result.headers.get("x-b", "1, 2") == "1, 2"
    hidden = [name for name in ("etag", "x-b") if name not in more]
    steps = [step.text for step in result.steps if step.text.startswith("The page cannot read")]
    names = ", ".join(map(repr, hidden))
    assert [text.partition(":")[0] for text in steps] == [f"The page cannot read the headers {names}"] * bool(
        hidden
    )
    assert (result.body, result.text, result.json()) == (b"{}", "{}", {})


def test_texts_are_escaped_and_cut() -> None:
    evil = "\x1b[2K\n" + "a" * 5000
    url = f"https://{'h' * 3000}/{'p' * 5000}"
    names = {f"x-{'n' * 3000}-{number}": "1" for number in range(100)}
    grant = {"allow_origin": "*"}
    replies: list[list[Reply]] = [
        [NoAnswer(evil)],
        [response(allow_origin=evil)],
        [response(allow_origin=evil + ",")],
        [response(302, location=evil, **grant), response()],
        [response(302, location=f"https://{evil}", **grant)],
        [response(302, location=f"ftp{'p' * 3000}://x", **grant)],
        [response(302, location=url, **grant), response(allow_origin=evil)],
        [response(302, location=url, **grant), NoAnswer("refused")],
        [response(**grant, **names, **{"\x1b[2K": "1"})],
    ]
    results = [fetch(*each) for each in replies]
    headers: dict[str, Any] = {"method": "PUT", "headers": {"x-a": "1"}, **COOKIES}
    ok = {"allow_origin": ORIGIN, "allow_credentials": "true", "allow_methods": "PUT", "allow_headers": "x-a"}
    preflights = [
        response(302, location=evil),
        *(response(**{**ok, name: value}) for name in ok for value in (evil, "," + "b" * 5000)),
    ]
    results += [fetch(each, **headers) for each in preflights]
    assert len({each_result.blocked_by for each_result in results}) > 8
    for each_result in results:
        texts = [
            str(each_result),
            repr(each_result),
            *map(str, each_result.sent),
            *(step.text for step in each_result.steps),
            each_result.why or "",
        ]
        for text in texts:
            assert text.replace("\n", "").isprintable()
        assert all(len(line) < 12_000 for text in texts for line in text.splitlines())
        assert all(
            len(step.text) < 1000 for step in each_result.steps if "cannot read the headers" not in step.text
        )


def test_short_form_of_a_result() -> None:
    assert repr(fetch(PUBLIC)) == "<Result status 200, GET https://api.example/items: 200>"
    refused = fetch(response(401), method="PUT")
    assert (
        repr(refused)
        == "<Result blocked_by='preflight-status', preflight OPTIONS https://api.example/items: 401>"
    )
    assert repr(fetch(url="https://[")) == "<Result blocked_by='url-invalid'>"
    assert (
        repr(fetch(NoAnswer("refused")))
        == "<Result blocked_by='no-answer', GET https://api.example/items: no response>"
    )
    assert fetch(response(200, b"\xff", allow_origin="*")).text == "\N{REPLACEMENT CHARACTER}"
    assert fetch(NoAnswer("refused")).sent[0].status is None
