"""Wildcards that allow names which anybody can register, by the public suffix list."""

from __future__ import annotations

from datetime import date

import pytest

from corsbp.spec import public_suffixes
from corsbp.spec.public_suffixes import is_below_public_suffix, list_date, registrable_domain

from .test_origins import problems_of


@pytest.mark.parametrize(
    ("entry", "below"),
    [
        ("https://*.com", True),
        ("https://*.co.uk", True),
        ("https://*.github.io", True),
        ("https://*.github.io:8443", True),
        ("https://*.foo.ck", True),
        ("https://*.xn--p1ai", True),
        ("https://*.internal", True),
        # above one: a wildcard is any depth
        ("https://*.amazonaws.com", True),
        ("https://*.compute.amazonaws.com", True),
        ("https://*.eu-west-1.amazonaws.com", True),
        ("https://*.windows.net", True),
        ("https://*.on.aws", True),
        ("https://*.fastly.net", True),
        ("https://*.amazoncognito.com", True),
        ("https://*.s3.amazonaws.com", True),
        ("https://*.mine.s3.amazonaws.com", False),
        # which the list does not know
        ("https://*.cloudapp.azure.com", False),
        ("https://*.devtunnels.ms", False),
        ("https://*.example.com", False),
        ("https://*.me.github.io", False),
        ("https://*.www.ck", False),
        ("https://*.localhost", False),
        ("https://*.app.localhost:*", False),
        ("https://github.io", False),
        ("https://github.io:*", False),
        ("http://[::1]:*", False),
    ],
)
def test_wildcards_below_public_suffixes(entry: str, below: bool) -> None:
    assert problems_of(entry) == ()
    assert is_below_public_suffix(entry) is below


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("me.github.io", "me.github.io"),
        ("a.www.ck", "www.ck"),
        ("a.foo.ck", "a.foo.ck"),
        ("a.unlisted", "a.unlisted"),
        # https://url.spec.whatwg.org/#host-registrable-domain keeps the dot of the root
        ("a.example.co.uk.", "example.co.uk."),
        ("com", None),
        ("co.uk.", None),
        ("github.io", None),
        ("localhost", None),
    ],
)
def test_registrable_domains(name: str, domain: str | None) -> None:
    assert registrable_domain(name) == domain


def test_the_public_suffix_list_is_read_once_and_only_for_wildcards() -> None:
    public_suffixes._read_list.cache_clear()
    is_below_public_suffix("https://example.com")
    is_below_public_suffix("http://*.localhost")
    assert public_suffixes._read_list.cache_info().currsize == 0
    is_below_public_suffix("https://*.example.com")
    is_below_public_suffix("https://*.example.org")
    assert public_suffixes._read_list.cache_info().misses == 1


def test_wildcards_above_public_suffixes() -> None:
    """Compared with the list, read in another way, and with publicsuffixlist."""
    import publicsuffixlist

    with open(publicsuffixlist.PSLFILE, encoding="utf-8") as file:
        rules = [line.split()[0] for line in file if line.strip() and not line.startswith("//")]
    assert len(rules) > 8000
    above = set()
    for rule in rules:
        labels = rule.lstrip("!*.").encode("idna").decode().split(".")
        above |= {".".join(labels[start:]) for start in range(1, len(labels))}
    assert len(above) > 800
    assert not [name for name in above if not is_below_public_suffix(f"https://*.{name}")]
    # publicsuffixlist compiles the list in another way
    package = publicsuffixlist.PublicSuffixList()
    plain = {rule.lstrip("!*.").encode("idna").decode() for rule in rules} | above
    names = [f"{label}{name}" for name in plain for label in ("", "a.", "www.", "a.b.")]
    assert [
        name for name in names if public_suffixes.is_public_suffix(name) is not package.is_public(name)
    ] == []
    assert [name for name in names if registrable_domain(name) != package.privatesuffix(name)] == []
    hidden = [name for name in above if not public_suffixes.is_public_suffix(name)]
    assert 300 < len(hidden) < 600, len(hidden)


@pytest.mark.parametrize(
    ("head", "day"),
    [
        ("// Mozilla\n\n// VERSION: 2025-01-10_10-28-58_UTC\n", date(2025, 1, 10)),
        ("// VERSION: 2025\n", None),
        ("// Mozilla\n" * 200 + "// VERSION: 2025-01-10_10-28-58_UTC\n", None),
    ],
)
def test_the_day_of_the_list(head: str, day: date | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert date(2025, 1, 1) < (list_date() or date.min) <= date.today()
    monkeypatch.setattr(public_suffixes, "_read_text", lambda: head)
    assert list_date() == day
