"""Request headers: those that need no permission, and those that pages cannot set."""

from __future__ import annotations

import pytest

from corsbp.testing.safelists import is_forbidden, is_no_cors_safelisted, is_safelisted, unsafe_names

# https://fetch.spec.whatwg.org/#cors-safelisted-request-header: name, value, whether it passes
SAFELISTED = [
    *[("accept", value, True) for value in ("*/*", "", "a" * 128, "é" * 128, "text/html;q=0.9, */*", "a\tb")],
    *[
        ("accept", value, False)
        for value in ("a" * 129, "é" * 129, *'"():<>?@[\\]{}', "\x01", "\x7f", "a\x1f")
    ],
    ("Accept-Language", "de-CH, de;q=0.8, *", True),
    *[("accept-language", value, False) for value in ("a" * 129, "de_CH", "é", "de\t", "a/b", "a:b")],
    *[("content-language", value, value != "de/en") for value in ("de, en=1.0", "", "de/en")],
    *[
        ("content-type", value, True)
        for value in ("text/plain", "Text/Plain ; charset=utf-8", " \ttext/plain")
    ],
    *[
        ("content-type", f"{value};a", True)
        for value in ("multipart/form-data", "application/x-www-form-urlencoded")
    ],
    ("content-type", f"text/plain;{'a' * 117}", True),
    ("content-type", f"text/plain;{'a' * 118}", False),
    *[
        ("Content-Type", value, False)
        for value in (
            "",
            "text",
            "text/",
            "text/html",
            "application/json",
            "text/plain, text/plain",
            "text /plain",
            'text/plain;a="b"',
            "text/plain;a:b",
        )
    ],
    *[("range", value, True) for value in ("bytes=0-", "bytes=0-0", "bytes=1-20", f"bytes=0-{'9' * 120}")],
    *[
        ("Range", value, False)
        for value in (
            "bytes=-5",
            "bytes=2-1",
            "bytes=10-9",
            "bytes=0-1,3-4",
            "bytes = 0-",
            "bytes=0- ",
            "Bytes=0-",
            "bytes=\N{ARABIC-INDIC DIGIT ONE}-",
        )
    ],
    *[(name, "1", False) for name in ("x-a", "authorization", "dpr", "downlink", "accept-encoding", "")],
]


@pytest.mark.parametrize(("name", "value", "passes"), SAFELISTED)
def test_headers_that_need_no_permission(name: str, value: str, passes: bool) -> None:
    assert is_safelisted(name, value) is passes
    assert unsafe_names([(name, value)]) == ([] if passes else [name.lower()])
    assert is_no_cors_safelisted(name, value) is (passes and name.lower() != "range")


def test_values_of_more_than_1024_bytes_together() -> None:
    """All of them need permission, even the short ones."""
    pairs = [("Accept", "é" * 128)] * 7 + [("accept-language", "a" * 120)]
    assert unsafe_names([*pairs, ("Range", "bytes=0-")]) == []
    assert unsafe_names([*pairs, ("Range", "bytes=0-9"), ("X-A", "")]) == [
        "accept",
        "accept-language",
        "range",
        "x-a",
    ]
    # what needs one anyway does not count
    assert unsafe_names([("X-B", "b" * 5000), ("accept", "a"), ("X-A", ""), ("x-b", "")]) == ["x-a", "x-b"]


# https://fetch.spec.whatwg.org/#forbidden-request-header
FORBIDDEN = [
    *[
        (name, "", True)
        for name in ("Cookie", "Sec-", "sec-fetch-mode", "Proxy-Authorization", "HOST", "te", "via", "origin")
    ],
    *[(name, "", False) for name in ("authorization", "x-cookie", "user-agent", "section", "proxy", "range")],
    *[("X-HTTP-Method-Override", value, True) for value in ("TRACE", "get,\tTrack ", "connect")],
    *[("x-http-method", value, value == "TRACE") for value in ("PUT", "TRACE", "xTRACE", "")],
    ("x-method-override", "trace", True),
    ("x-method-overrides", "trace", False),
]


@pytest.mark.parametrize(("name", "value", "forbidden"), FORBIDDEN)
def test_headers_that_pages_cannot_set(name: str, value: str, forbidden: bool) -> None:
    assert is_forbidden(name, value) is forbidden
