"""Faults in a policy: all are reported at once; warnings do not stop it."""

from __future__ import annotations

import re
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corsbp.policy.policy import CorsPolicy
from corsbp.policy.problems import CorsPolicyError, CorsPolicyWarning, Problem
from corsbp.spec import public_suffixes

APP = "https://app.example"

REFUSED: list[tuple[dict[str, Any], str]] = [
    # origins
    ({"allow_origins": APP}, "bare-string"),
    ({"allow_origins": ""}, "bare-string"),
    ({"allow_origins": APP.encode()}, "not-a-collection"),
    ({"allow_origins": bytearray(b"*")}, "not-a-collection"),
    ({"allow_origins": None}, "not-a-collection"),
    ({"allow_origins": True}, "not-a-collection"),
    ({"allow_origins": 3}, "not-a-collection"),
    ({"allow_origins": {APP: True}}, "not-a-collection"),
    ({"allow_origins": (origin for origin in [APP])}, "not-a-collection"),
    ({"allow_origins": re.compile("https://.*")}, "origin-regex"),
    ({"allow_origins": [re.compile("https://.*")]}, "origin-regex"),
    ({"allow_origins": []}, "origins-empty"),
    ({"allow_origins": set()}, "origins-empty"),
    ({"allow_origins": ["*", APP]}, "star-not-alone"),
    ({"allow_origins": [[APP]]}, "entry-type"),
    ({"allow_origins": [APP, "null", "app.example", "null"]}, "origin-null origin-scheme-missing"),
    ({"allow_origins": [APP, re.compile("https://.*")]}, "origin-regex"),
    ({"allow_origins": ["https://a/", lambda origin, request: True]}, "origin-trailing-slash"),
    ({"allow_origins": ["*", lambda origin, request: True]}, "star-not-alone"),
    ({"allow_origins": ["https://*.example.com", "https://xn--f"]}, "origin-punycode"),
    (
        {"allow_origins": [APP, lambda origin: True, lambda: True]},
        "origin-function-arguments origin-function-arguments",
    ),
    (
        {"allow_origins": "app.example, https://b.example/"},
        "bare-string origin-scheme-missing origin-trailing-slash",
    ),
    ({"allow_origins": "https://a.example *"}, "bare-string star-not-alone"),
    ({"allow_origins": lambda origin: True}, "origin-function-arguments"),
    ({"allow_origins": lambda origin, request, more: True}, "origin-function-arguments"),
    # credentials
    ({"allow_credentials": True}, "credentials-any-origin"),
    ({"allow_credentials": True, "allow_origins": ["*"]}, "credentials-any-origin"),
    ({"allow_credentials": True, "allow_origins": [APP], "expose_headers": "*"}, "credentials-any-exposed"),
    ({"allow_credentials": True, "allow_origins": ["http://app.example"]}, "credentials-insecure-origin"),
    ({"allow_credentials": True, "allow_origins": ["http://10.0.0.1:*"]}, "credentials-insecure-origin"),
    ({"allow_credentials": True, "allow_origins": ["https://*.github.io"]}, "credentials-public-suffix"),
    ({"allow_credentials": True, "allow_origins": ["https://*.co.uk:*"]}, "credentials-public-suffix"),
    (
        {"allow_credentials": True, "allow_origins": ["http://*.com"]},
        "credentials-insecure-origin credentials-public-suffix",
    ),
    (
        {
            "allow_credentials": True,
            "allow_origins": ["http://*.com"],
            "dangerously_allow_insecure_origins": True,
        },
        "credentials-public-suffix",
    ),
    (
        {
            "allow_credentials": True,
            "allow_origins": ["http://*.com"],
            "dangerously_allow_public_suffixes": True,
        },
        "credentials-insecure-origin",
    ),
    ({"allow_credentials": True, "allow_origins": ["https://*.amazonaws.com"]}, "credentials-public-suffix"),
    ({"allow_credentials": True, "allow_origins": [APP, "file://"]}, "credentials-file"),
    (
        {
            "allow_credentials": True,
            "allow_origins": ["file://"],
            "dangerously_allow_insecure_origins": True,
            "dangerously_allow_public_suffixes": True,
        },
        "credentials-file",
    ),
    (
        {"allow_credentials": True, "allow_origins": [APP, lambda origin, request: True, "http://a.example"]},
        "credentials-insecure-origin",
    ),
    # switches
    ({"allow_credentials": "true"}, "not-a-bool"),
    ({"check_websockets": 1}, "not-a-bool"),
    *(
        ({"check_requests": value, "allow_origins": ["https://app.example"]}, "check-requests-value")
        for value in (True, 1, 0, None, "", "Writes", "ALL", ["writes"], "post")
    ),
    ({"dangerously_allow_insecure_origins": None}, "not-a-bool"),
    ({"dangerously_allow_public_suffixes": 0}, "not-a-bool"),
    # methods
    ({"allow_methods": "GET"}, "bare-string"),
    ({"allow_methods": None}, "not-a-collection"),
    ({"allow_methods": ["*", "GET"]}, "star-not-alone"),
    ({"allow_methods": ["GET", b"PUT"]}, "entry-type"),
    ({"allow_methods": ["GET POST"]}, "name-not-token"),
    ({"allow_methods": [""]}, "name-not-token"),
    ({"allow_methods": ["CONNECT", "trace", "Track"]}, "method-forbidden method-forbidden method-forbidden"),
    ({"allow_methods": "GET, TRACE"}, "bare-string method-forbidden"),
    ({"allow_methods": ["P*"]}, "name-wildcard"),
    # headers
    ({"allow_headers": ["X-Custom-*", "*-token"]}, "name-wildcard name-wildcard"),
    ({"allow_headers": "application/json"}, "bare-string header-media-type"),
    ({"allow_headers": "x-a, ETag, x b"}, "bare-string header-of-response"),
    ({"allow_headers": ["application/json", "text/*"]}, "header-media-type header-media-type"),
    ({"allow_headers": ["text/html; charset=utf-8"]}, "name-not-token"),
    ({"expose_headers": ["X-Rate-*"]}, "name-wildcard"),
    ({"expose_headers": ["application/json"]}, "header-media-type"),
    (
        {"expose_headers": ["Access-Control-Allow-Methods", "access-control-allow-headers"]},
        "header-of-preflight header-of-preflight",
    ),
    ({"expose_headers": ["Access-Control-Max-Age", "x-a"]}, "header-of-preflight"),
    ({"allow_headers": "x-token"}, "bare-string"),
    ({"allow_headers": 1}, "not-a-collection"),
    ({"allow_headers": ["*", "authorization"]}, "star-not-alone"),
    ({"allow_headers": [None]}, "entry-type"),
    ({"allow_headers": ["x-token:"]}, "name-not-token"),
    ({"allow_headers": ["Host", "Sec-Fetch-Site", "proxy-x"]}, " ".join(["header-forbidden"] * 3)),
    ({"allow_headers": ["Access-Control-Allow-Origin"]}, "header-of-response"),
    ({"allow_headers": ["ETag"]}, "header-of-response"),
    ({"expose_headers": "x-total"}, "bare-string"),
    ({"expose_headers": {"x-total": 1}}, "not-a-collection"),
    ({"expose_headers": ["*", "x-total"]}, "star-not-alone"),
    ({"expose_headers": ["x total"]}, "name-not-token"),
    ({"expose_headers": ["Set-Cookie", "set-cookie2"]}, "header-set-cookie header-set-cookie"),
    ({"expose_headers": ["Origin"]}, "header-of-request"),
    ({"expose_headers": ["If-None-Match"]}, "header-of-request"),
    # ages
    ({"max_age": "600"}, "max-age-type"),
    ({"max_age": 600.0}, "max-age-type"),
    ({"max_age": 0.5}, "max-age-type"),
    ({"max_age": True}, "max-age-type"),
    ({"max_age": False}, "max-age-type"),
    ({"max_age": timedelta(milliseconds=1500)}, "max-age-fraction"),
    ({"max_age": -1}, "max-age-range"),
    ({"max_age": 86401}, "max-age-range"),
    ({"max_age": timedelta(days=1, microseconds=1)}, "max-age-fraction"),
    ({"max_age": timedelta(days=2)}, "max-age-range"),
    ({"origin_timeout": "5"}, "origin-timeout-type"),
    ({"origin_timeout": None}, "origin-timeout-type"),
    ({"origin_timeout": True}, "origin-timeout-type"),
    ({"origin_timeout": 0}, "origin-timeout-range"),
    ({"origin_timeout": -1.5}, "origin-timeout-range"),
    ({"origin_timeout": 60.5}, "origin-timeout-range"),
    ({"origin_timeout": float("nan")}, "origin-timeout-range"),
    ({"origin_timeout": float("inf")}, "origin-timeout-range"),
    ({"origin_timeout": 10**400}, "origin-timeout-range"),
    ({"origin_timeout": timedelta(minutes=2)}, "origin-timeout-range"),
]
WARNED: list[tuple[dict[str, Any], str]] = [
    ({"max_age": 7201}, "max-age-capped"),
    ({"max_age": timedelta(days=1)}, "max-age-capped"),
    ({"allow_origins": ["https://a.example.com", "https://*.example.com"]}, "origin-covered"),
    ({"allow_origins": ["https://*.example.com:*", "https://*.b.example.com:1", APP]}, "origin-covered"),
    ({"allow_headers": ["Origin", "x-a"]}, "header-set-by-browser"),
    ({"allow_headers": ["DNT", "Accept-Encoding", "keep-alive"]}, " ".join(["header-set-by-browser"] * 3)),
    ({"allow_headers": ["Content-Length", "Date", "x-a"]}, " ".join(["header-set-by-browser"] * 2)),
    ({"allow_headers": ["Accept", "content-language", "x-a"]}, "header-safelisted header-safelisted"),
    ({"expose_headers": ["Content-Type"]}, "header-safelisted"),
    ({"check_requests": "all"}, "requests-any-origin"),
    ({"allow_methods": ["patch", "GET"]}, "method-case"),
    ({"allow_methods": ["Lock"], "max_age": 7201}, "method-case max-age-capped"),
]


def problems(**declared: Any) -> tuple[Problem, ...]:
    with pytest.raises(CorsPolicyError) as caught:
        CorsPolicy(**declared)
    return caught.value.problems


def ids(**declared: Any) -> str:
    return " ".join(problem.id for problem in problems(**declared))


@pytest.mark.parametrize(
    ("declared", "expected"), REFUSED, ids=lambda value: re.sub(r" at 0x\w+", "", str(value))[:60]
)
def test_refused_policies(declared: dict[str, Any], expected: str) -> None:
    found = problems(**declared)
    assert " ".join(problem.id for problem in found) == expected
    assert {problem.field for problem in found} <= declared.keys() | {"allow_origins"}


def warned_problems(caught: pytest.WarningsRecorder) -> list[Problem]:
    messages: list[Any] = [warning.message for warning in caught]
    return [message.problem for message in messages]


@pytest.mark.parametrize(("declared", "expected"), WARNED, ids=lambda value: str(value)[:60])
def test_policies_with_warnings(declared: dict[str, Any], expected: str) -> None:
    with pytest.warns(CorsPolicyWarning) as caught:
        policy = CorsPolicy(**declared)
    assert " ".join(problem.id for problem in warned_problems(caught)) == expected
    assert isinstance(policy, CorsPolicy)


def test_seven_faults_are_reported_at_once() -> None:
    with pytest.raises(CorsPolicyError) as caught:
        CorsPolicy(
            allow_origins=["https://app.example/", "http://partner.example"],
            allow_credentials=True,
            allow_methods=["GET", "TRACE"],
            allow_headers="X-Token",  # type: ignore[arg-type]  # wrong on purpose
            expose_headers=["Set-Cookie"],
            max_age=-1,
            check_websockets="yes",  # type: ignore[arg-type]  # wrong on purpose
        )
    assert str(caught.value).splitlines() == [
        "7 problems in a CORS policy:",
        "- allow_origins: 'https://app.example/' ends in a slash, which browsers do not send;"
        " meant: https://app.example [origin-trailing-slash]",
        "- allow_methods: 'TRACE' is a method that browsers do not allow pages to use [method-forbidden]",
        "- allow_headers: 'X-Token' is one string: Python would take it as a list of characters;"
        ' meant: ["X-Token"] [bare-string]',
        "- expose_headers: 'Set-Cookie' is a header that browsers never show to a page [header-set-cookie]",
        "- max_age: -1 is not from 0 to 86400 seconds; meant: 0 [max-age-range]",
        "- check_websockets: 'yes' is neither True nor False; meant: True [not-a-bool]",
        "- allow_origins: 'http://partner.example' with credentials trusts everybody who can change that page"
        " on the network: use https; meant: https://partner.example [credentials-insecure-origin]",
    ]


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"allow_credentials": "true"}, "True"),
        ({"allow_credentials": " False\n"}, "False"),
        ({"check_websockets": 0}, "False"),
        ({"check_websockets": "none"}, None),
        ({"check_websockets": None}, None),
        ({"max_age": "600"}, "600"),
        ({"max_age": " 600 "}, "600"),
        ({"max_age": "10 minutes"}, None),
        ({"max_age": "-1"}, None),
        ({"max_age": True}, None),
    ],
)
def test_values_of_environment_variables(fields: Any, meant: str | None) -> None:
    """They are texts: the suggestion is the value that the text stands for."""
    with pytest.raises(CorsPolicyError) as caught:
        CorsPolicy(**{"allow_origins": ["https://app.example"], **fields})
    assert [problem.suggestion for problem in caught.value.problems] == [meant]


COMMONEST: list[tuple[dict[str, Any], str, str, str | None]] = [
    (
        {"allow_origins": ["https://app.example/"]},
        "origin-trailing-slash",
        "ends in a slash, which browsers do not send",
        "https://app.example",
    ),
    (
        {"allow_origins": ["https://app.example/api"]},
        "origin-path",
        "has a path; an origin is only scheme://host[:port]",
        "https://app.example",
    ),
    (
        {"allow_origins": ["app.example"]},
        "origin-scheme-missing",
        "does not begin with a scheme and ://",
        "https://app.example",
    ),
    (
        {"allow_origins": ["https://app.example:443"]},
        "origin-port-default",
        "names the default port of https, which browsers leave out",
        "https://app.example",
    ),
    (
        {"allow_origins": ["https://App.Example"]},
        "origin-upper-case",
        "has capital letters; browsers send lower case",
        "https://app.example",
    ),
    (
        {"allow_origins": ["https://münchen.example"]},
        "origin-unicode",
        "has an international name, which browsers send in its ASCII form",
        "https://xn--mnchen-3ya.example",
    ),
    (
        {"allow_origins": ["null"]},
        "origin-null",
        "is what every sandboxed frame and local file sends: it would allow everyone",
        None,
    ),
    (
        {"allow_origins": "https://app.example"},
        "bare-string",
        "is one string: Python would take it as a list of characters",
        '["https://app.example"]',
    ),
    (
        {"allow_credentials": True},
        "credentials-any-origin",
        "with credentials allows every page on the web to act as each of your users: name the origins",
        None,
    ),
    (
        {"allow_origins": ["https://*example.com"]},
        "origin-wildcard-place",
        "has * where it is not the whole leftmost label of a longer host",
        "https://*.example.com",
    ),
]


@pytest.mark.parametrize(("declared", "problem_id", "message", "suggestion"), COMMONEST)
def test_messages_of_the_most_common_mistakes(
    declared: dict[str, Any], problem_id: str, message: str, suggestion: str | None
) -> None:
    (problem,) = problems(**declared)
    assert (problem.id, problem.message, problem.suggestion) == (problem_id, message, suggestion)


@pytest.mark.parametrize(
    ("declared", "suggestion"),
    [
        ({"allow_origins": ""}, None),
        ({"allow_methods": "GET, POST"}, '["GET", "POST"]'),
        ({"allow_headers": "X-A;X-B"}, '["X-A", "X-B"]'),
        ({"expose_headers": "X-A X-A"}, '["X-A"]'),
        ({"allow_headers": ["*", "authorization"]}, "*"),
        ({"allow_headers": ["X-A: "]}, "X-A"),
        ({"allow_headers": ["x a"]}, None),
        ({"max_age": 600.0}, "600"),
        ({"max_age": 0.5}, None),
        ({"max_age": 100_000}, "86400"),
        ({"max_age": timedelta(milliseconds=1500)}, "1"),
        ({"allow_credentials": True, "allow_origins": ["http://a.example"]}, "https://a.example"),
        ({"allow_credentials": True, "allow_origins": ["http://a.example:8080"]}, None),
    ],
)
def test_suggestions(declared: dict[str, Any], suggestion: str | None) -> None:
    assert [problem.suggestion for problem in problems(**declared)] == [suggestion]


@pytest.mark.parametrize(
    ("declared", "suggestions"),
    [
        ({"allow_origins": "app.example"}, ['["https://app.example"]', "https://app.example"]),
        (
            {"allow_origins": f"{APP}, http://localhost:3000/"},
            [f'["{APP}", "http://localhost:3000"]', "http://localhost:3000"],
        ),
        ({"allow_origins": f"{APP},null"}, [None, None]),
        ({"allow_headers": "application/json, x-a"}, ['["content-type", "x-a"]', "content-type"]),
        ({"allow_methods": "GET, TRACE"}, [None, None]),
        ({"allow_methods": "patch,GET"}, ['["patch", "GET"]']),
    ],
)
def test_suggestions_for_a_string_in_place_of_a_list(
    declared: dict[str, Any], suggestions: list[str | None]
) -> None:
    """One for the list, and one for each word that is wrong."""
    assert [problem.suggestion for problem in problems(**declared)] == suggestions


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "Accept",
            "is a header that every page may set anyway, unless its value has more than 128 characters, "
            'or one of "():<>?@[\\]{} in it',
        ),
        (
            "Accept-Language",
            "is a header that every page may set anyway, unless its value has more than 128 characters, or "
            "another character in it than letters, digits, spaces and *,-.;=",
        ),
        ("Origin", "is a header that only browsers may set: no page needs permission for it"),
    ],
)
def test_warnings_about_headers_that_need_no_permission(header: str, message: str) -> None:
    with pytest.warns(CorsPolicyWarning) as caught:
        CorsPolicy(allow_headers=[header])
    assert [problem.message for problem in warned_problems(caught)] == [message]


def test_a_warning_names_the_wider_entry() -> None:
    with pytest.warns(CorsPolicyWarning, match=re.escape("is already allowed by 'https://*.example.com'")):
        CorsPolicy(allow_origins=["https://*.example.com", "https://a.example.com"])


def test_warnings_point_to_the_line_that_made_the_policy() -> None:
    with pytest.warns(CorsPolicyWarning) as made:
        CorsPolicy(max_age=7201)
    with pytest.warns(CorsPolicyWarning) as replaced:
        CorsPolicy().replace(max_age=7201)
    assert {made[0].filename, replaced[0].filename} == {__file__}
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert lines[made[0].lineno - 1].strip() == "CorsPolicy(max_age=7201)"
    assert lines[replaced[0].lineno - 1].strip() == "CorsPolicy().replace(max_age=7201)"


def test_a_refused_policy_issues_no_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert ids(max_age=7201, allow_methods=["patch", "TRACE"]) == "method-forbidden"
    assert caught == []


def test_the_public_suffix_list_is_only_read_for_wildcards_with_credentials() -> None:
    public_suffixes._read_list.cache_clear()
    CorsPolicy(allow_origins=["https://*.example.com"])
    CorsPolicy(allow_origins=[APP], allow_credentials=True)
    CorsPolicy(
        allow_origins=["https://*.com"], allow_credentials=True, dangerously_allow_public_suffixes=True
    )
    assert public_suffixes._read_list.cache_info().currsize == 0
    CorsPolicy(allow_origins=["https://*.example.com"], allow_credentials=True)
    assert public_suffixes._read_list.cache_info().currsize == 1
