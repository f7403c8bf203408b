"""The vocabulary of the Fetch standard, and the list of header names in a preflight (P4)."""

from __future__ import annotations

import string
import tracemalloc

import pytest
from multidict import istr

from corsbp.decision.vary import merge_vary
from corsbp.spec import fetch
from corsbp.spec.fetch import (
    MAX_REQUESTED_LENGTH,
    MAX_REQUESTED_NAMES,
    is_token,
    normalise_method,
    parse_requested_headers,
    sort_methods,
)


def test_header_names_have_the_type_that_sanic_does_not_fold() -> None:
    names = {name: value for name, value in vars(fetch).items() if isinstance(value, istr)}
    assert names == {
        "ORIGIN": "origin",
        "REQUEST_METHOD": "access-control-request-method",
        "REQUEST_HEADERS": "access-control-request-headers",
        "FETCH_SITE": "sec-fetch-site",
        "FETCH_MODE": "sec-fetch-mode",
        "FETCH_DEST": "sec-fetch-dest",
        "ALLOW_ORIGIN": "access-control-allow-origin",
        "ALLOW_CREDENTIALS": "access-control-allow-credentials",
        "ALLOW_METHODS": "access-control-allow-methods",
        "ALLOW_HEADERS": "access-control-allow-headers",
        "MAX_AGE": "access-control-max-age",
        "EXPOSE_HEADERS": "access-control-expose-headers",
        "RESOURCE_POLICY": "cross-origin-resource-policy",
        "VARY": "vary",
        "ALLOW": "allow",
        "HOST": "host",
        "AUTHORIZATION": "authorization",
        "CACHE_CONTROL": "cache-control",
        "COOKIE": "cookie",
    }
    assert [name for name in names.values() if name.startswith(fetch.PREFIX)] == [
        name for name in names.values() if name.startswith("access")
    ]


TCHAR = set("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)  # RFC 9110, 5.6.2


def test_characters_of_tokens() -> None:
    assert {chr(code) for code in range(0x180) if is_token(chr(code))} == TCHAR
    assert {chr(code) for code in range(0x180) if is_token(f"a{chr(code)}")} == TCHAR


@pytest.mark.parametrize("text", ["", "a b", "a\n", "a\r\nx: y", "\u212aelvin", "content-type:", '"a"'])
def test_texts_that_are_not_tokens(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    "name", ["host", "cookie", "origin", "te", "set-cookie", "proxy-authorization", "sec-fetch-site", "sec-"]
)
def test_request_headers_that_no_page_may_set(name: str) -> None:
    assert fetch.is_forbidden_request_header(name)


@pytest.mark.parametrize(
    "name", ["authorization", "content-type", "x-http-method", "x-http-method-override", "secret", "proxy"]
)
def test_request_headers_that_a_page_may_set(name: str) -> None:
    assert not fetch.is_forbidden_request_header(name)


def test_no_name_is_in_two_tables_that_contradict_each_other() -> None:
    assert not fetch.REQUEST_ONLY_HEADERS & fetch.RESPONSE_ONLY_HEADERS
    assert not fetch.REQUEST_ONLY_HEADERS & fetch.SAFELISTED_RESPONSE_HEADERS
    assert not fetch.RESPONSE_ONLY_HEADERS & fetch.SAFELISTED_REQUEST_HEADERS
    assert not [name for name in fetch.SAFELISTED_REQUEST_HEADERS if fetch.is_forbidden_request_header(name)]
    assert set(fetch.METHODS) == fetch.NORMALISED | {"PATCH"}


@pytest.mark.parametrize(
    ("methods", "ordered"),
    [
        ([], ()),
        (["OPTIONS", "DELETE", "GET"], ("GET", "DELETE", "OPTIONS")),
        (reversed(fetch.METHODS), fetch.METHODS),
        (
            ["ZAP", "OPTIONS", "LOCK", "PATCH", "LOCK", "DELETE"],
            ("PATCH", "DELETE", "LOCK", "ZAP", "OPTIONS"),
        ),
    ],
)
def test_methods_have_one_order_that_ends_in_options(methods: list[str], ordered: tuple[str, ...]) -> None:
    assert sort_methods(methods) == ordered


@pytest.mark.parametrize(
    ("method", "sent"),
    [(name.lower(), name) for name in ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")]
    + [(name, name) for name in ("patch", "Patch", "PATCH", "chicken")],
)
def test_browsers_write_methods_in_upper_case_except_patch(method: str, sent: str) -> None:
    assert normalise_method(method) == sent


MOST = [f"x-{number}" for number in range(MAX_REQUESTED_NAMES)]
LONGEST = "x" * MAX_REQUESTED_LENGTH


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([], ""),
        ([""], ""),
        ([" , ,\t,"], ""),
        (["authorization"], "authorization"),
        (["authorization,content-type,x-a"], "authorization,content-type,x-a"),
        (["X-B, \tx-a\t ,Authorization"], "x-b,x-a,authorization"),
        ([",x-a,,x-b,"], "x-a,x-b"),
        (["x-a,x-b", "x-c"], "x-a,x-b,x-c"),
        (["x-a", "", "x-b"], "x-a,x-b"),
        (["x-a,x-a"], "x-a,x-a"),
        (["*"], "*"),
        (["x-a b"], None),
        (["x-a;x-b"], None),
        (["x-a,\x00"], None),
        (["x-a\r\nset-cookie: a=b"], None),
        (["x-a\x0b"], None),
        (["x-ä"], None),
        (["\xa0x-a"], None),
        (["x-a,\u212a"], None),
        ([",".join(MOST)], ",".join(MOST)),
        (MOST, ",".join(MOST)),
        ([",".join([*MOST, "x"])], None),
        ([*MOST, "x"], None),
        ([LONGEST], LONGEST),
        ([f"{LONGEST}x"], None),
        ([LONGEST[:4000], LONGEST[:4191]], f"{LONGEST[:4000]},{LONGEST[:4191]}"),
        ([LONGEST[:4000], LONGEST[:4192]], None),
        ([" " * (MAX_REQUESTED_LENGTH - 1) + "x"], "x"),
        (["," * (MAX_REQUESTED_NAMES - 1)], ""),
        (["," * MAX_REQUESTED_NAMES], None),
        (["," * MAX_REQUESTED_LENGTH], None),
        ([""] * (MAX_REQUESTED_NAMES + 1), None),
    ],
)
def test_parse_requested_headers(lines: list[str], names: str | None) -> None:
    assert parse_requested_headers(lines) == names


def test_a_list_of_commas_is_not_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """GHSA-mh55-gqvf-xfwm: the work must not grow with the number of elements in a request."""
    looked_at = []

    def looks(name: str) -> bool:
        looked_at.append(name)
        return True

    monkeypatch.setattr(fetch, "is_token", looks)
    assert parse_requested_headers(["a," * (MAX_REQUESTED_LENGTH // 2)]) is None
    assert looked_at == []
    assert parse_requested_headers(["a,b"]) == "a,b"
    assert looked_at == ["a", "b"]


def test_a_list_of_commas_needs_little_memory() -> None:
    commas = ["," * MAX_REQUESTED_LENGTH]
    parse_requested_headers(commas)
    tracemalloc.start()
    try:
        parse_requested_headers(commas)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MAX_REQUESTED_LENGTH


@pytest.mark.parametrize(
    ("lines", "merged"),
    [
        (["origin"], "origin"),
        (["Accept, Origin", "origin"], "Accept, Origin"),
        (
            ["accept-encoding", "origin, access-control-request-method"],
            "accept-encoding, origin, access-control-request-method",
        ),
        ([" , accept ,,", ""], "accept"),
        (["accept, *", "origin"], "*"),
        ([""], ""),
    ],
)
def test_merge_vary(lines: list[str], merged: str) -> None:
    assert merge_vary(*lines) == merged
