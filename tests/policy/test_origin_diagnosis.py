"""The faults of entries: their ids, their messages, and what was meant instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import process_time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given, settings

from corsbp import origin_problems
from corsbp.policy import host_diagnosis, origin_diagnosis
from corsbp.spec import origins
from corsbp.spec.origins import is_entry, is_origin
from corsbp.spec.wildcards import is_pattern

from ..spec.test_origins import EXACT, L63, NAME253, PATTERNS, entries, problems_of, well_formed

BAD: list[tuple[object, str, str | None]] = [
    # not even a string
    (None, "entry-type", None),
    (443, "entry-type", None),
    (True, "entry-type", None),
    (["https://app.example"], "entry-type", None),
    ({"origin": "https://app.example"}, "entry-type", None),
    (b"https://app.example", "entry-type", "https://app.example"),
    (b"https://app.example/api", "entry-type", "https://app.example"),
    (b"\xff", "entry-type", None),
    (urlsplit("https://app.example/"), "entry-type", "https://app.example"),
    (httpx.URL("https://App.example:8443"), "entry-type", "https://app.example:8443"),
    (httpx.URL("/relative"), "entry-type", None),
    (re.compile(r"https://.*\.example\.com"), "origin-regex", None),
    # something else
    ("", "origin-empty", None),
    ("  ", "origin-whitespace origin-empty", None),
    ("*", "star-not-alone", None),
    ("null", "origin-null", None),
    ("Null", "origin-null", None),
    (r"https://.*\.example\.com", "origin-regex", None),
    ("^https://app.example$", "origin-regex", None),
    ("https?://app.example", "origin-regex", None),
    ("https://(a|b).example", "origin-regex", None),
    ("https://.*.example.com", "origin-regex", None),
    ("https://.+.example.com", "origin-regex", None),
    ("https://a.example,https://b.example", "origin-several", '["https://a.example", "https://b.example"]'),
    ("https://a.example https://b.example", "origin-several", '["https://a.example", "https://b.example"]'),
    ("https://a.example/; https://b.example", "origin-several", None),
    # white space and control characters
    (" https://app.example", "origin-whitespace", "https://app.example"),
    ("https://app.example\n", "origin-whitespace", "https://app.example"),
    ("https://app.example\r\n", "origin-whitespace", "https://app.example"),
    ("'https://app.example'", "origin-quotes", "https://app.example"),
    ('"https://app.example/"', "origin-quotes origin-trailing-slash", "https://app.example"),
    (" 'app.example' ", "origin-whitespace origin-quotes origin-scheme-missing", "https://app.example"),
    ("''", "origin-quotes origin-empty", None),
    ("https://a b.example.com", "origin-whitespace", None),
    ("https:// app.example", "origin-whitespace", None),
    ("https://app.example\tx", "origin-control-character", None),
    ("https://a\nb.example", "origin-control-character", None),
    ("https://app.example\x00x", "origin-control-character", None),
    ("https://app.example\x7f", "origin-control-character", None),
    # the scheme
    ("app.example", "origin-scheme-missing", "https://app.example"),
    ("app.example:8443", "origin-scheme-missing", "https://app.example:8443"),
    ("app.example:443", "origin-scheme-missing origin-port-default", "https://app.example"),
    ("app.example/", "origin-scheme-missing origin-trailing-slash", "https://app.example"),
    ("//app.example", "origin-scheme-missing", "https://app.example"),
    ("://app.example", "origin-scheme-missing", "https://app.example"),
    ("https:app.example", "origin-scheme-missing", "https://app.example"),
    ("http:/app.example", "origin-scheme-missing", "http://app.example"),
    ("localhost", "origin-scheme-missing", "http://localhost"),
    ("localhost:3000", "origin-scheme-missing", "http://localhost:3000"),
    ("127.0.0.1:8000", "origin-scheme-missing", "http://127.0.0.1:8000"),
    ("[::1]:8000", "origin-scheme-missing", "http://[::1]:8000"),
    ("*.example.com", "origin-scheme-missing", "https://*.example.com"),
    ("*.example.com:*", "origin-scheme-missing", "https://*.example.com:*"),
    (".", "origin-scheme-missing origin-label-empty", None),
    ("1http://app.example", "origin-scheme-invalid", None),
    ("ht_tp://app.example", "origin-scheme-invalid", None),
    ("app.example/?to=https://x.example", "origin-scheme-invalid", None),
    ("s" * 33 + "://app.example", "origin-scheme-invalid", None),
    ("*://app.example", "origin-wildcard-place", "https://app.example"),
    ("*://h", "origin-wildcard-place", "https://h"),
    ("http*://app.example", "origin-wildcard-place", "https://app.example"),
    ("*://*", "origin-wildcard-place origin-wildcard-place", None),
    ("wss://app.example", "origin-scheme-never-sent", "https://app.example"),
    ("WSS://app.example:443", "origin-scheme-never-sent origin-port-default", "https://app.example"),
    ("ws://localhost:3000", "origin-scheme-never-sent", "http://localhost:3000"),
    ("ftp://app.example", "origin-scheme-never-sent", None),
    ("data:text/html,x", "origin-scheme-never-sent", None),
    ("about:blank", "origin-scheme-never-sent", None),
    ("javascript:alert", "origin-scheme-never-sent", None),
    ("blob:https://app.example", "origin-scheme-never-sent", None),
    ("file:", "origin-file", "file://"),
    ("file:///home/me/index.html", "origin-file", "file://"),
    ("file://server/share", "origin-file", "file://"),
    ("file://*", "origin-file", "file://"),
    ("FILE://", "origin-file", "file://"),
    # around the host
    ("https://me@app.example", "origin-userinfo", "https://app.example"),
    ("https://me:secret@app.example:8443", "origin-userinfo", "https://app.example:8443"),
    ("https://app.example@evil.example", "origin-userinfo", "https://evil.example"),
    ("https://app.example/", "origin-trailing-slash", "https://app.example"),
    ("https://*.example.com/", "origin-trailing-slash", "https://*.example.com"),
    ("https://app.example/api", "origin-path", "https://app.example"),
    ("https://app.example/*", "origin-path", "https://app.example"),
    ("https://app.example//", "origin-path", "https://app.example"),
    ("https://app.example?x", "origin-query", "https://app.example"),
    ("https://app.example#", "origin-fragment", "https://app.example"),
    (
        "https://u@app.example:443/a?b#c",
        "origin-fragment origin-query origin-path origin-userinfo origin-port-default",
        "https://app.example",
    ),
    # the port
    ("https://app.example:443", "origin-port-default", "https://app.example"),
    ("http://app.example:80", "origin-port-default", "http://app.example"),
    ("http://[::1]:80", "origin-port-default", "http://[::1]"),
    ("https://*.example.com:443", "origin-port-default", "https://*.example.com"),
    ("https://app.example:", "origin-port-empty", "https://app.example"),
    ("https://app.example:0", "origin-port-invalid", None),
    ("https://app.example:08080", "origin-port-invalid", "https://app.example:8080"),
    ("https://app.example:0443", "origin-port-invalid", "https://app.example"),
    ("https://app.example:65536", "origin-port-invalid", None),
    ("https://app.example:" + "9" * 5000, "origin-port-invalid", None),
    ("https://app.example:-1", "origin-port-invalid", None),
    ("https://app.example:+1", "origin-port-invalid", None),
    ("https://app.example:http", "origin-port-invalid", None),
    ("https://app.example:80:80", "origin-port-invalid", None),
    ("https://app.example:٣", "origin-port-invalid", None),
    ("https://app.example:80*", "origin-wildcard-place", None),
    ("https://app.example:**", "origin-wildcard-place", None),
    # the host
    ("https://", "origin-host-missing", None),
    ("https://:8443", "origin-host-missing", None),
    ("https:///app", "origin-path origin-host-missing", None),
    ("https://App.example", "origin-upper-case", "https://app.example"),
    ("HTTPS://app.example", "origin-upper-case", "https://app.example"),
    (
        "HTTPS://APP.EXAMPLE:443/",
        "origin-trailing-slash origin-port-default origin-upper-case",
        "https://app.example",
    ),
    ("https://münchen.example", "origin-unicode", "https://xn--mnchen-3ya.example"),
    ("https://MÜNCHEN.example", "origin-unicode", "https://xn--mnchen-3ya.example"),
    ("https://faß.example", "origin-unicode", "https://xn--fa-hia.example"),
    ("https://☃.net", "origin-unicode", "https://xn--n3h.net"),
    ("https://*.münchen.example", "origin-unicode", "https://*.xn--mnchen-3ya.example"),
    ("https://app。example", "origin-unicode", "https://app.example"),
    ("https://\u200bapp.example", "origin-unicode", "https://app.example"),
    ("https://\ud800.example", "origin-unicode origin-host-character", None),
    ("https://app.example\\", "origin-host-character", None),
    ("https:\\\\app.example", "origin-scheme-missing origin-host-character", None),
    ("https://%61pp.example", "origin-host-character", None),
    ("https://a!b.example", "origin-host-character", None),
    ("https://a;b.example", "origin-host-character", None),
    ("https://{tenant}.example", "origin-host-character", None),
    ("https://<app>.example", "origin-host-character", None),
    ("https://a[b].example", "origin-host-character", None),
    ("https://a..example.com", "origin-label-empty", None),
    ("https://example.com.", "origin-label-empty", "https://example.com"),
    ("https://.example.com", "origin-label-empty", "https://*.example.com"),
    ("https://*..example.com", "origin-label-empty", None),
    (f"https://a{L63}.example", "origin-label-too-long", None),
    (f"https://a{NAME253}", "origin-label-too-long origin-name-too-long", None),
    (f"https://{NAME253}.a", "origin-name-too-long", None),
    (f"https://*.{NAME253[:252]}", "origin-name-too-long", None),
    ("https://1.2.3", "origin-ip-invalid", None),
    ("https://256.0.0.1", "origin-ip-invalid", None),
    ("https://127.0.0.01", "origin-ip-invalid", None),
    ("http://127.1", "origin-ip-invalid", None),
    ("http://0x7f000001", "origin-ip-invalid", None),
    ("http://2130706433", "origin-ip-invalid", None),
    ("https://example.123", "origin-ip-invalid", None),
    ("https://example.0x1f", "origin-ip-invalid", None),
    ("https://*.1.2.3", "origin-ip-invalid", None),
    ("http://[::0001]", "origin-ip-invalid", "http://[::1]"),
    ("http://[0:0:0:0:0:0:0:1]:80", "origin-port-default origin-ip-invalid", "http://[::1]"),
    ("http://[2001:DB8::1]", "origin-upper-case", "http://[2001:db8::1]"),
    ("http://[::1", "origin-port-invalid origin-ip-invalid", None),
    ("http://[]", "origin-ip-invalid", None),
    ("http://[1::2::3]", "origin-ip-invalid", None),
    ("http://[::ffff:127.0.0.1]", "origin-ip-invalid", None),
    ("http://[::ffff:7f00:1]", "origin-ip-invalid", None),
    ("http://[fe80::1%25eth0]", "origin-ip-invalid", None),
    ("http://[fe80::1%1]", "origin-ip-invalid", None),
    ("http://[v1.a]", "origin-ip-invalid", None),
    ("http://[::1]x", "origin-ip-invalid", None),
    ("http://::1", "origin-ip-invalid", "http://[::1]"),
    # wildcards
    ("https://*", "origin-wildcard-place", None),
    ("https://*:*", "origin-wildcard-place", None),
    ("chrome-extension://*", "origin-wildcard-place", None),
    ("https://*example.com", "origin-wildcard-place", "https://*.example.com"),
    ("https://*.*.example.com", "origin-wildcard-place", "https://*.example.com"),
    ("https://**.example.com", "origin-wildcard-place", "https://*.example.com"),
    ("https://app-*.vercel.app", "origin-wildcard-place", None),
    ("https://app-*{x}.vercel.app", "origin-wildcard-place origin-host-character", None),
    ("https://*-preview.example.com", "origin-wildcard-place", None),
    ("https://app*.example.com", "origin-wildcard-place", None),
    ("https://app.*.com", "origin-wildcard-place", None),
    ("https://example.*", "origin-wildcard-place", None),
    ("https://*Example.com", "origin-upper-case origin-wildcard-place", "https://*.example.com"),
    ("https://*.127.0.0.1", "origin-wildcard-ip", None),
    ("https://*.[::1]", "origin-wildcard-ip", None),
    ("http://192.168.1.*", "origin-wildcard-ip", None),
    ("http://10.*:8080", "origin-wildcard-ip", None),
    # several ports, and networks
    ("http://h:[3000,3001]", "origin-several", '["http://h:3000", "http://h:3001"]'),
    ("http://h:3000,3001", "origin-several", '["http://h:3000", "http://h:3001"]'),
    ("http://h:{3000;3001}", "origin-several", '["http://h:3000", "http://h:3001"]'),
    ("http://h:3000-3010", "origin-several", None),
    ("http://h:[80,3000]", "origin-several", None),
    ("192.168.0.0/16", "origin-network", None),
    ("192.168.1.7/24", "origin-network", None),
    ("http://10.0.0.0/8", "origin-network", None),
    ("fd00::/8", "origin-network", None),
    ("http://10.0.0.0/33", "origin-path", "http://10.0.0.0"),
    ("app.example/16", "origin-scheme-missing origin-path", "https://app.example"),
    # names that no browser can read
    ("https://xn--f", "origin-punycode", None),
    ("https://xn--.example", "origin-punycode", None),
    ("https://xn--a-.example", "origin-punycode", None),
    ("https://a.xn--99999999.example", "origin-punycode", None),
    ("https://*.xn--f.example", "origin-punycode", None),
    ("https://xn--a-yoc", "origin-punycode", None),
    ("https://xn--xn---epa.example", "origin-punycode", None),
    ("https://*.xn--1ug.example", "origin-punycode", None),
    ("https://aא.example", "origin-unicode origin-punycode", None),
    ("https://xn--Mnchen-3ya.example", "origin-upper-case", "https://xn--mnchen-3ya.example"),
    ("https://xn--f/", "origin-trailing-slash origin-punycode", None),
    # web views
    ("app://.:80", "origin-label-empty", None),
    ("app://*", "origin-wildcard-place", None),
    ("app://*.", "origin-label-empty", None),
    ("http://.", "origin-label-empty", None),
    ("https://.", "origin-label-empty", None),
]


def ids_of(entry: object) -> str:
    return " ".join(problem.id for problem in problems_of(entry))


def test_the_tables_are_as_large_as_they_should_be() -> None:
    assert len(EXACT) + len(PATTERNS) + len(BAD) >= 200
    assert len({repr(value) for value in [*EXACT, *PATTERNS, *(value for value, _, _ in BAD)]}) == (
        len(EXACT) + len(PATTERNS) + len(BAD)
    )


@pytest.mark.parametrize(("entry", "ids", "suggestion"), BAD, ids=lambda value: ascii(value)[:60])
def test_problems_of_an_entry(entry: object, ids: str, suggestion: str | None) -> None:
    problems = problems_of(entry)
    assert " ".join(problem.id for problem in problems) == ids
    assert {problem.suggestion for problem in problems} == {suggestion}
    assert all(problem.value is entry and problem.field == "allow_origins" for problem in problems)
    assert not (isinstance(entry, str) and is_entry(entry))


def test_suggestions_are_valid() -> None:
    suggestions = [meant for _, ids, meant in BAD if meant and ids != "origin-several"]
    assert len(suggestions) > 40
    assert [meant for meant in suggestions if problems_of(meant)] == []


TYPED: list[tuple[object, str, str | None]] = [
    ("https://shop.example", "", None),
    ("file://", "", None),
    ("https://shop.example/", "origin-trailing-slash", "https://shop.example"),
    ("https://*.shop.example", "origin-pattern", None),
    ("http://localhost:*", "origin-pattern", None),
    ("*.shop.example", "origin-scheme-missing origin-pattern", None),
    ("https://*shop.example", "origin-wildcard-place origin-pattern", None),
    ("https://a.example https://*.b.example", "origin-several origin-pattern", None),
    ("https://shop.example/*", "origin-path", "https://shop.example"),
    ("*", "star-not-alone", None),
    (b"https://*.shop.example", "entry-type", None),
    (None, "entry-type", None),
]


@pytest.mark.parametrize(("text", "ids", "suggestion"), TYPED, ids=lambda value: ascii(value)[:60])
def test_problems_of_one_origin(text: object, ids: str, suggestion: str | None) -> None:
    found = origin_problems(text)
    assert " ".join(problem.id for problem in found) == ids
    assert {problem.suggestion for problem in found} <= {suggestion}


def message_of(entry: str) -> str:
    return " ".join(problem.message for problem in problems_of(entry))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "https://app-*.vercel.app",
            "has * within its host, and anybody can register names below vercel.app: write a function "
            r'that allows your names only, such as lambda origin, request: re.fullmatch(r"https://app-[a-z0-9-]+-your-team\.vercel\.app"'
            ", origin) is not None",
        ),
        (
            "https://*-shop-acme.vercel.app",
            "has * within its host, and anybody can register names below vercel.app: write a function "
            r'that allows your names only, such as lambda origin, request: re.fullmatch(r"https://[a-z0-9-]+-shop-acme\.vercel\.app"'
            ", origin) is not None",
        ),
        (
            "https://app-*.example.com",
            "has * within its host: write a function that allows your names only, such as "
            r'lambda origin, request: re.fullmatch(r"https://app-[a-z0-9-]+\.example\.com", origin)'
            " is not None",
        ),
        (f"https://*-{'a.' * 130}example", None),
        ("https://*", 'has * for its host: write allow_origins="*" for pages of any origin'),
        (
            "chrome-extension://*",
            "has * for its host: name each host, or write a function, such as lambda origin, request: "
            'origin.startswith("chrome-extension://")',
        ),
        ("*://h", "has * in its scheme: write one entry for each scheme"),
        ("http://h:[3000,3001]", "has several ports: write one entry for each, or :* for any"),
        (
            "192.168.0.0/16",
            "is a network, and an origin has one host: write a function that uses the module ipaddress",
        ),
        (
            "https://app.example.",
            "has a dot at its end: Chromium sends it if the page was opened with one, which is another site",
        ),
        (
            "file:///index.html",
            "is the address of a file: browsers send null for it, or file:// where an app switches that on",
        ),
        ("https://a.xn--f", "has the label 'xn--f', which is not the ASCII form of a name"),
        ("https://a!b#c", "has a fragment; an origin is only scheme://host[:port] has '!' in its host"),
        ("https://a!%&=~+", "has '! % & + =' and more in its host"),
    ],
)
def test_messages(entry: str, message: str | None) -> None:
    assert message is None or message_of(entry) == message
    assert message or "re.fullmatch" not in message_of(entry)


def test_functions_in_messages_work_and_allow_no_other_origin() -> None:
    def shown(entry: str) -> Callable[[str, object], bool]:
        found = re.search("lambda .*", message_of(entry))
        assert found
        function: Callable[[str, object], bool] = eval(found[0], {"re": re})
        assert callable(function)
        return function

    ours = shown("https://app-*.vercel.app")
    assert ours("https://app-git-main-your-team.vercel.app", None) is True
    for other in ("https://app-git-main.vercel.app", "https://app-a-your-team.vercel.app.evil.example"):
        assert ours(other, None) is False
    assert shown("chrome-extension://*")("chrome-extension://abc", None) is True


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "*",
        "*.",
        "**.",
        ".",
        ":",
        "/",
        "@",
        "[",
        "]",
        " ",
        "\x00",
        "ü",
        "ü.",
        "xn--",
        "1.",
        ",",
        "://",
        "https://a,",
    ],
)
def test_a_megabyte_is_diagnosed_in_linear_time(piece: str) -> None:
    """Customers can type any length: the time grows with it, and not with its square."""

    def seconds(length: int) -> float:
        text = f"https://{piece * (length // len(piece))}"
        started = process_time()
        assert origin_problems(text)
        return process_time() - started

    assert seconds(1_000_000) < max(100 * seconds(50_000), 0.5)


def test_only_hosts_of_a_possible_length_are_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Punycode takes seconds for a label of 5,000 characters, either way."""

    def fail(text: str) -> Any:
        raise AssertionError(text)

    for name in ("to_ascii", "is_readable"):
        monkeypatch.setattr(host_diagnosis, name, fail)
    assert ids_of(f"https://{254 * 'ü'}").startswith("origin-unicode")
    assert ids_of(f"https://xn--{60 * 'a'}") == "origin-label-too-long"
    for text in (f"https://{253 * 'ü'}", f"https://xn--{59 * 'a'}/"):
        with pytest.raises(AssertionError):
            problems_of(text)


def test_an_entry_without_a_diagnosis_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(origin_diagnosis.OriginDiagnosis, "read", lambda self, text: text)
    assert ids_of("https://a b") == "origin-host-character"


@pytest.mark.no_cover
@example("[://")  # begins like a list
@example("file://")  # what some programs send for a file: an entry, and no origin of the standard
@settings(max_examples=300, deadline=None)
@given(entries())
def test_an_entry_is_either_valid_or_explained(entry: str) -> None:
    problems = problems_of(entry)
    assert is_entry(entry) is (not problems)
    assert is_origin(entry) or problems or is_pattern(entry)
    if problems:
        found = origin_diagnosis.OriginDiagnosis()
        if origins.parse_entry(entry) is None:
            found.read(entry)
            assert found.faults, "refused without an explanation"
        assert all(
            problem.suggestion is None or not ids_of(problem.suggestion)
            for problem in problems
            if problem.id != "origin-several"
        )
    else:
        assert (
            well_formed(entry.replace("://*.", "://a.").replace(":*", ""))
            or "[" in entry
            or entry == "file://"
        )
