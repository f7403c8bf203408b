"""origin_problems() for a form: an origin with credentials, and one of a web site on the internet."""

from __future__ import annotations

import pytest

from corsbp import CorsPolicy, CorsPolicyError, origin_problems

PUBLIC: list[tuple[str, str, str | None]] = [
    # the entry, ids of its problems with public=True, and what is meant
    ("https://shop.example", "", None),
    ("https://www.shop.example", "", None),
    ("https://shop.co.uk", "", None),
    ("https://xn--bcher-kva.example", "", None),
    ("https://a_b.shop.example", "", None),
    ("https://alice.github.io", "", None),
    ("http://shop.example", "origin-not-public", "https://shop.example"),
    ("http://shop.example:8080", "origin-not-public origin-not-public", None),
    ("https://shop.example:8443", "origin-not-public", None),
    ("https://127.0.0.1", "origin-not-public", None),
    ("https://93.184.216.34", "origin-not-public", None),
    ("https://[2606:2800:21f::1]", "origin-not-public", None),
    ("capacitor://localhost", "origin-not-public", None),
    ("app://.", "origin-not-public", None),
    ("file://", "origin-not-public", None),
    ("https://localhost", "origin-not-public", None),
    ("https://a.localhost", "origin-not-public", None),
    ("https://printer.local", "origin-not-public", None),
    ("https://wiki.internal", "origin-not-public", None),
    ("https://shop.test", "origin-not-public", None),
    ("https://shop.invalid", "origin-not-public", None),
    ("https://expyuzz4wqqyqhjn.onion", "origin-not-public", None),
    ("https://intranet", "origin-not-public", None),
    ("https://com", "origin-not-public", None),
    ("https://co.uk", "origin-not-public", None),
    ("https://github.io", "origin-not-public", None),
    ("https://a_b.example", "origin-not-public", None),
    # other problems are shown beside it, and the correction has none
    (
        "http://Shop.example/",
        "origin-trailing-slash origin-upper-case origin-not-public",
        "https://shop.example",
    ),
    ("https://LOCALHOST", "origin-upper-case origin-not-public", None),
    ("https://*.shop.example", "origin-pattern", None),
    ("*", "star-not-alone", None),
]

PATTERNS = {
    "https://*.shop.example": True,
    "https://*.com": False,
    "https://*.github.io": False,
    "https://*.amazonaws.com": False,  # above the public suffix s3.amazonaws.com
    "https://shop.example:*": False,
}

CREDENTIALS: list[tuple[str, str, str | None]] = [
    ("https://shop.example", "", None),
    ("http://localhost:3000", "", None),
    ("http://shop.example", "credentials-insecure-origin", "https://shop.example"),
    ("http://shop.example:8080", "credentials-insecure-origin", None),
    ("HTTP://shop.example", "origin-upper-case credentials-insecure-origin", "https://shop.example"),
    ("file://", "credentials-file", None),
]


def ids_and_meant(text: str, **options: bool) -> tuple[list[str], str | None]:
    problems = origin_problems(text, **options)
    (meant,) = {problem.suggestion for problem in problems} or {None}
    return sorted(problem.id for problem in problems), meant


@pytest.mark.parametrize(("text", "ids", "meant"), PUBLIC)
def test_public(text: str, ids: str, meant: str | None) -> None:
    assert ids_and_meant(text, public=True) == (sorted(ids.split()), meant)
    if meant:
        assert origin_problems(meant, public=True) == ()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_public_patterns(pattern: str) -> None:
    assert (origin_problems(pattern, patterns=True, public=True) == ()) is PATTERNS[pattern]


@pytest.mark.parametrize(("text", "ids", "meant"), CREDENTIALS)
def test_credentials_as_a_section_with_them_would_say(text: str, ids: str, meant: str | None) -> None:
    assert ids_and_meant(text, credentials=True) == (sorted(ids.split()), meant)
    if len(ids.split()) == 1:
        with pytest.raises(CorsPolicyError) as caught:
            CorsPolicy(allow_origins=[text], allow_credentials=True)
        assert origin_problems(text, credentials=True) == caught.value.problems


def test_credentials_and_a_wildcard_for_names_of_others() -> None:
    (problem,) = origin_problems("https://*.github.io", patterns=True, credentials=True)
    assert problem.id == "credentials-public-suffix"


def test_both() -> None:
    ids, meant = ids_and_meant("http://shop.example", credentials=True, public=True)
    assert ids == ["credentials-insecure-origin", "origin-not-public"]
    assert meant == "https://shop.example"


def test_each_sentence_says_what_is_wrong() -> None:
    messages = {problem.message for text, *_ in PUBLIC for problem in origin_problems(text, public=True)}
    assert {"has a port", "has an IP address and not a name"} <= messages
