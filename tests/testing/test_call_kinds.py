"""Calls besides `fetch()`: the request that the browser sends, and whether the task is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from sanic import HTTPResponse, Request, raw, text

from corsbp.testing import Browser, Result, SyncBrowser
from corsbp.testing.forms import Enctype, encode_form
from corsbp.testing.result import Answer, CallKind, NoAnswer

from ..support import ORIGIN, new_app
from .exchange import API, Reply, fetch, fetch_as, headers_of, make_page, requests_of, response

GIF = b"GIF89a"
KINDS: list[CallKind] = ["beacon", "form", "image", "script", "navigate"]
IMAGE = response(200, GIF)
SCRIPT = response(content_type="text/javascript", allow_origin=ORIGIN)
MOVED = response(302, location="/b")
GRANT = {"allow_origin": ORIGIN, "allow_credentials": "true"}
JSON = {"body": "{}", "content_type": "application/json"}

# --- the request ---

REQUESTS: list[tuple[CallKind, dict[str, Any], Answer, dict[str, str | None]]] = [
    (
        "beacon",
        {"body": "text"},
        response(),
        {
            "origin": ORIGIN,
            "content-type": "text/plain;charset=UTF-8",
            "sec-fetch-mode": "no-cors",
            "sec-fetch-dest": "empty",
        },
    ),
    ("beacon", {}, response(), {"content-type": None, "sec-fetch-mode": "no-cors"}),
    ("beacon", {"body": b"a"}, response(), {"content-type": None, "sec-fetch-mode": "no-cors"}),
    (
        "form",
        {"body": "a=1"},
        response(),
        {
            "origin": ORIGIN,
            "content-type": "application/x-www-form-urlencoded",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
            "upgrade-insecure-requests": "1",
        },
    ),
    ("form", {"content_type": "text/plain"}, response(), {"content-type": "text/plain"}),
    (
        "image",
        {},
        IMAGE,
        {"origin": None, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image", "cookie": "a=1"},
    ),
    (
        "image",
        {"crossorigin": "anonymous"},
        response(200, GIF, allow_origin=ORIGIN),
        {"origin": ORIGIN, "sec-fetch-mode": "cors", "sec-fetch-dest": "image", "cookie": None},
    ),
    ("image", {"crossorigin": "use-credentials"}, response(200, GIF, **GRANT), {"cookie": "a=1"}),
    (
        "script",
        {},
        SCRIPT,
        {"origin": ORIGIN, "sec-fetch-mode": "cors", "sec-fetch-dest": "script", "cookie": None},
    ),
    (
        "script",
        {"crossorigin": "use-credentials"},
        response(content_type="text/javascript", **GRANT),
        {"cookie": "a=1"},
    ),
    (
        "navigate",
        {},
        response(),
        {"origin": None, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "cookie": "a=1"},
    ),
]


@pytest.mark.parametrize(("kind", "options", "answer", "headers"), REQUESTS)
def test_headers_of_a_request(
    kind: CallKind, options: dict[str, Any], answer: Answer, headers: dict[str, str | None]
) -> None:
    page = make_page()
    page.cookies.keep(page.base, "a=1; SameSite=None; Secure", API)
    result = fetch_as(kind, answer, page=page, **options)
    assert result.ok_for_page, str(result)
    method = "POST" if kind in ("beacon", "form") else "GET"
    assert requests_of(result) == [f"{method} /items"]
    sent = headers_of(result)
    assert {name: sent.get(name) for name in headers} == headers
    assert (result.type, result.status, result.body, dict(result.headers)) == (kind, 0, b"", {})


def test_accept_is_that_of_the_destination() -> None:
    replies = {"image": IMAGE, "script": SCRIPT}
    accepts = {kind: headers_of(fetch_as(kind, replies.get(kind, response())))["accept"] for kind in KINDS}
    assert accepts["image"].startswith("image/") and accepts["script"] == accepts["beacon"] == "*/*"
    assert accepts["form"] == accepts["navigate"] and accepts["form"].startswith("text/html,")


@pytest.mark.parametrize("origin", ["https://app.example", "http://app.example"])
def test_a_form_of_an_https_page_does_not_name_its_origin_over_http(origin: str) -> None:
    result = fetch_as("form", response(), url="http://api.example/", page=make_page(origin))
    assert headers_of(result)["origin"] == ("null" if origin.startswith("https") else origin)


# --- beacons ---

# the responses to a beacon, the requests, and what stops it
BEACONS: list[tuple[dict[str, Any], list[Reply], list[str], str | None]] = [
    ({"body": "a"}, [response(500)], ["POST /items"], None),
    ({"body": "a"}, [response(cross_origin_resource_policy="same-origin")], ["POST /items"], None),
    (
        JSON,
        [response(204, **GRANT, allow_headers="content-type"), response(500)],
        ["[OPTIONS /items]", "POST /items"],
        None,
    ),
    (JSON, [response(204)], ["[OPTIONS /items]"], "preflight-origin-missing"),
    (
        JSON,
        [response(204, allow_origin="*", allow_headers="*")],
        ["[OPTIONS /items]"],
        "preflight-origin-any",
    ),
    (JSON, [response(401)], ["[OPTIONS /items]"], "preflight-status"),
    ({"body": "a"}, [NoAnswer("refused")], ["POST /items"], "no-answer"),
    ({"body": "a"}, [MOVED, response()], ["POST /items", "GET /b"], "beacon-redirect"),
    ({"body": "a"}, [response(307, location="/b"), response()], ["POST /items", "POST /b"], None),
    ({"body": "a"}, [response(307, location="https://[")], ["POST /items"], "redirect-location"),
    ({"body": "x" * 65536}, [response()], ["POST /items"], None),
    ({"body": "x" * 65537}, [], [], "beacon-too-large"),
    ({"body": "a", "url": "ftp://api.example/"}, [], [], "scheme-not-http"),
]


@pytest.mark.parametrize(("options", "replies", "requests", "stop"), BEACONS)
def test_a_beacon_arrives_or_not(
    options: dict[str, Any], replies: list[Reply], requests: list[str], stop: str | None
) -> None:
    result = fetch_as("beacon", *replies, **options)
    assert (requests_of(result), result.blocked_by) == (requests, stop)
    assert str(result).splitlines()[-1] == "The beacon arrived." or stop
    assert result.type == ("error" if stop else "beacon")


def test_firefox_sends_a_beacon_of_any_size() -> None:
    assert fetch_as("beacon", response(), page=make_page(engine="firefox"), body="x" * 65537).ok_for_page


# --- images and scripts ---

IMAGES: list[tuple[Answer, bool]] = [
    (response(404, GIF), True),
    (response(200, b"GIF87a", content_type="text/plain"), True),
    (response(200, b"\x89PNG\r\n\x1a\n"), True),
    (response(200, b"\xff\xd8\xff\xe0"), True),
    (response(200, b"RIFF\x10\0\0\0WEBPVP8 "), True),
    (response(200, b"\0\0\1\0\1\0"), True),
    (response(200, b"\0\0\0\x20ftypavif"), True),
    (response(200, b"<svg/>", content_type="image/svg+xml; charset=utf-8"), True),
    (response(200, b"<svg/>", content_type="text/html"), False),
    (response(200, b"", content_type="image/gif"), False),
    (response(401, b'{"error": 1}', content_type="application/json"), False),
]


@pytest.mark.parametrize(("answer", "shown"), IMAGES)
def test_an_image_is_shown_if_it_is_one(answer: Answer, shown: bool) -> None:
    result = fetch_as("image", answer)
    assert result.blocked_by == (None if shown else "image-invalid")
    if shown:
        assert str(result).splitlines()[-1] == "The image is shown."
    else:
        content_type = answer.get("content-type")
        expected = f"The response (status {answer.status}, content-type {content_type!r}) is not an image."
        assert result.why == expected


SCRIPTS: list[tuple[dict[str, Any], str | None]] = [
    ({"content_type": "text/javascript"}, None),
    ({"content_type": "application/X-JavaScript ; charset=utf-8"}, None),
    ({"content_type": ["text/plain", "text/ecmascript"]}, None),
    ({"content_type": "text/javascript1.5"}, None),
    ({"content_type": "text/javascript2"}, "script-type"),
    ({"content_type": "application/json"}, "script-type"),
    ({}, "script-type"),
]


@pytest.mark.parametrize(("headers", "stop"), SCRIPTS)
def test_a_module_script_needs_a_type_of_javascript(headers: dict[str, Any], stop: str | None) -> None:
    result = fetch_as("script", response(allow_origin="*", **headers))
    assert result.blocked_by == stop
    if stop:
        assert "Send content-type: text/javascript." in (result.why or "")


@pytest.mark.parametrize(("status", "stop"), [(203, None), (404, "script-status"), (199, "script-status")])
def test_a_module_script_needs_an_ok_status(status: int, stop: str | None) -> None:
    result = fetch_as("script", response(status, allow_origin="*", content_type="text/javascript"))
    assert result.blocked_by == stop


def test_a_module_script_needs_cors() -> None:
    assert fetch_as("script", response(content_type="text/javascript")).blocked_by == "origin-missing"
    own = fetch_as("script", response(content_type="text/javascript"), url=f"{ORIGIN}/app.js")
    assert own.ok_for_page and str(own).endswith("The script runs.")


@pytest.mark.parametrize("engine", ["standard", "today", "chromium", "firefox", "webkit"])
def test_elements_with_cors_name_the_origin_to_their_own_server(engine: str) -> None:
    own = fetch_as(
        "script", response(content_type="text/javascript"), url=f"{ORIGIN}/", page=make_page(engine=engine)
    )
    expected = ORIGIN if engine in ("chromium", "webkit") else None
    assert headers_of(own).get("origin") == expected


def test_an_http_image_of_an_https_page_is_requested_over_https() -> None:
    result = fetch_as("image", IMAGE, url="http://api.example/logo.png")
    assert result.ok_for_page and result.sent[0].url == "https://api.example/logo.png"
    assert "browsers request its images over https" in str(result)
    # there is no certificate for an address
    assert fetch_as("image", url="http://192.0.2.1/").blocked_by == "mixed-content"
    # only http becomes https
    for url, stop in {"data:,x": "image-invalid", "ws://api.example/": "scheme-not-http"}.items():
        result = fetch_as("image", url=url)
        assert (result.blocked_by, result.sent) == (stop, ())


# --- forms and navigation ---


@pytest.mark.parametrize("kind", ["form", "navigate"])
def test_a_browser_shows_every_response(kind: CallKind) -> None:
    """Navigation knows neither CORS nor resource policies, nor mixed content."""
    for url in ("/items", "http://api.example/items"):
        answer = response(500, cross_origin_resource_policy="same-origin")
        result = fetch_as(kind, MOVED, answer, url=url)
        assert result.ok_for_page and result.url.endswith("//api.example/b")
        assert str(result).splitlines()[-1].endswith("the browser shows the response.") or kind == "navigate"
    for url in ("data:,x", "javascript:1"):
        assert fetch_as(kind, url=url).blocked_by == "scheme-not-http"


def test_a_response_without_a_page() -> None:
    for status in (204, 205):
        result = fetch_as("navigate", response(status))
        assert result.ok_for_page
        assert f"Status {status} has no page to show: the browser stays where it is" in str(result)
    assert "stays where it is" not in str(fetch_as("form", response(204)))


@pytest.mark.parametrize("engine", ["standard", "chromium", "firefox", "webkit"])
def test_the_origin_of_a_form_after_a_redirect_to_another_origin(engine: str) -> None:
    own = f"{ORIGIN}/a"
    moved = response(307, location=f"{API}/b")
    result = fetch_as("form", moved, response(), url=own, page=make_page(engine=engine))
    expected = "null" if engine in ("chromium", "webkit") else ORIGIN
    assert headers_of(result)["origin"] == expected
    twice = fetch_as("form", moved, response(307, location="https://two.example/"), response(), url=own)
    assert headers_of(twice)["origin"] == "null"


# --- the embedder policy ---


@pytest.mark.parametrize("policy", [None, "nonsense", "same-origin", "cross-origin"])
def test_require_corp(policy: str | None) -> None:
    page = make_page(embedder_policy="require-corp")
    headers = {"cross_origin_resource_policy": policy} if policy else {}
    expected = {"same-origin": "resource-policy", "cross-origin": None}.get(policy or "", "embedder-policy")
    image = fetch_as("image", response(200, GIF, **headers), page=page)
    assert image.blocked_by == expected
    opaque = fetch(response(**headers), page=page, mode="no-cors")
    assert opaque.blocked_by == (expected or "opaque")
    if expected == "embedder-policy":
        shown = f"cross-origin-resource-policy is {policy!r}" if policy else "is missing"
        assert image.why is not None and shown in image.why
        assert "Send cross-origin-resource-policy: cross-origin. Or use CORS: crossorigin" in image.why
    # requests with CORS, and to the page's own origin, do not need the header
    cors = response(200, GIF, allow_origin="*", **headers)
    assert fetch_as("image", cors, page=page, crossorigin="anonymous").ok_for_page
    assert fetch_as("image", response(200, GIF, **headers), page=page, url=f"{ORIGIN}/").ok_for_page


# --- a method for each kind ---


def test_a_method_for_each_kind() -> None:
    app, own = new_app(), "https://api.example"

    async def show(request: Request) -> HTTPResponse:
        return raw(GIF, headers={"access-control-allow-origin": own})

    app.add_route(show, "/a", methods=["GET", "POST"])
    calls: list[Callable[[SyncBrowser], Result]] = [
        lambda page: page.submit("/a", {"a": "1", "b": "x y"}),
        lambda page: page.beacon("/a", "text"),
        lambda page: page.beacon("/a", b"1", content_type="text/plain"),
        lambda page: page.navigate("/a"),
        lambda page: page.embed("/a"),
        lambda page: page.embed("/a", crossorigin="anonymous"),
    ]
    with SyncBrowser(Browser(app, own)) as browser:
        results = [call(browser) for call in calls]
    assert browser.results == results and all(result.ok_for_page for result in results)
    sent = [(result.type, result.sent[0], headers_of(result)) for result in results]
    assert [
        (kind, each.method, each.body, headers.get("content-type"), headers["sec-fetch-mode"])
        for kind, each, headers in sent
    ] == [
        ("form", "POST", b"a=1&b=x+y", "application/x-www-form-urlencoded", "navigate"),
        ("beacon", "POST", b"text", "text/plain;charset=UTF-8", "no-cors"),
        ("beacon", "POST", b"1", "text/plain", "no-cors"),
        ("navigate", "GET", b"", None, "navigate"),
        ("image", "GET", b"", None, "no-cors"),
        ("image", "GET", b"", None, "cors"),
    ]


FIELDS = (("a~*", "1 & 2"), ("", "left out"), ('"é"', "one\ntwo\rthree\r\n"))
FORMS: dict[Enctype, str] = {
    "application/x-www-form-urlencoded": "a%7E*=1+%26+2&%22%C3%A9%22=one%0D%0Atwo%0D%0Athree%0D%0A",
    "text/plain": 'a~*=1 & 2\r\n"é"=one\r\ntwo\r\nthree\r\n\r\n',
    "multipart/form-data": (
        '--B\r\nContent-Disposition: form-data; name="a~*"\r\n\r\n1 & 2\r\n'
        '--B\r\nContent-Disposition: form-data; name="%22é%22"\r\n\r\none\r\ntwo\r\nthree\r\n\r\n--B--\r\n'
    ),
}


@pytest.mark.parametrize("enctype", FORMS)
def test_the_body_of_a_form(enctype: Enctype) -> None:
    body, content_type = encode_form(FIELDS, enctype)
    essence, _, boundary = content_type.partition("; boundary=")
    assert (essence, bool(boundary)) == (enctype, enctype == "multipart/form-data")
    assert body.decode().replace(boundary or "\0", "B") == FORMS[enctype]
    assert len(encode_form(dict(FIELDS), enctype)[0]) == len(body)  # a mapping, too


def test_sanic_reads_the_fields_of_a_form() -> None:
    app = new_app()

    @app.post("/a")
    async def read(request: Request) -> HTTPResponse:
        app.ctx.form = request.form
        return text("done")

    with SyncBrowser(Browser(app)) as browser:
        for enctype in get_args(Enctype)[:2]:
            browser.submit("/a", FIELDS[:1], enctype=enctype)
            assert app.ctx.form == {"a~*": ["1 & 2"]}


# --- arguments, and over an app ---

WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ("iframe", {}, "kind: 'iframe' is none of beacon, form, image, script, navigate"),
    ("image", {"body": "a"}, "body: 'a' is not for image"),
    ("navigate", {"content_type": "a/b"}, "content_type: 'a/b' is not for navigate"),
    ("beacon", {"crossorigin": "anonymous"}, "crossorigin: 'anonymous' is not for beacon"),
    ("script", {"crossorigin": "yes"}, "crossorigin: 'yes' is none of anonymous, use-credentials"),
    ("form", {"body": {"a": 1}}, "body: {'a': 1} is neither text nor bytes"),
    ("form", {"url": 7}, "url: 7 is not a string"),
]
WRONG_FORMS: list[tuple[Any, Any, str]] = [
    ({"a": "1"}, "application/json", "enctype: 'application/json' is none of application/x-www-form-urlenc"),
    ({"a": 1}, "text/plain", r"fields: \('a', 1\) is not a name and a value, two strings"),
    ("ab", "text/plain", "fields: 'a' is not a name and a value"),
]


@pytest.mark.parametrize(("kind", "options", "message"), WRONG)
def test_wrong_arguments(kind: Any, options: dict[str, Any], message: str) -> None:
    with SyncBrowser(Browser(new_app())) as browser, pytest.raises(ValueError, match=message):
        browser.fetch_as(kind, **{"url": "/", **options})
    with pytest.raises(ValueError, match="embedder_policy: 'credentialless' is none of"):
        Browser(new_app(), embedder_policy="credentialless")  # type: ignore[arg-type]


@pytest.mark.parametrize(("fields", "enctype", "message"), WRONG_FORMS)
def test_wrong_forms(fields: Any, enctype: Any, message: str) -> None:
    with SyncBrowser(Browser(new_app())) as browser, pytest.raises(ValueError, match=message):
        browser.submit("/", fields, enctype=enctype)


def test_over_an_app() -> None:
    app = new_app()

    @app.get("/page")
    async def page(_: Request) -> HTTPResponse:
        return text("a page")

    with SyncBrowser(Browser(app)) as browser:
        result = browser.fetch_as("image", "/page")
    assert browser.results == [result]
    assert (result.blocked_by, result.sent[0].status) == ("image-invalid", 200)
    assert repr(result) == "<Result blocked_by='image-invalid', GET https://api.example/page: 200>"
    assert repr(fetch_as("image", IMAGE)) == "<Result image, GET https://api.example/items: 200>"
