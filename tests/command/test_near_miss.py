"""Origins that are nearly one of the allowed origins."""

from __future__ import annotations

import pytest

from corsbp.command.near_miss import find_near_miss

APP = "https://app.example.com"
ROWS: list[tuple[str, str, str | None]] = [
    # the page's origin, an allowed origin, and the only difference
    ("http://app.example.com", APP, "the scheme"),
    ("https://localhost:3000", "http://localhost:3000", "the scheme"),
    (f"{APP}:8443", APP, "the port"),
    ("http://localhost:5173", "http://localhost:3000", "the port"),
    ("https://www.shop.example", "https://shop.example", "www."),
    ("https://shop.example", "https://www.shop.example", "www."),
    (APP, f"{APP}/", "the slash at the end"),
    (APP, "https://App.Example.com", "upper and lower case"),
    ("http://localhost:3000", "http://127.0.0.1:3000", "the name of this machine"),
    ("http://[::1]:3000", "http://127.0.0.1:3000", "the name of this machine"),
    ("https://app.exmple.com", APP, "one letter"),
    ("https://app.exaample.com", APP, "one letter"),
    ("https://app.axample.com", APP, "one letter"),
    ("https://app.examlpe.com", APP, "one letter"),
    ("https://app.example.co", APP, "one letter"),
    (APP, APP, None),
    ("https://b.a.example", "https://*.a.example", None),
    ("http://app.example.com:8080", APP, None),
    ("https://api.example.com", "https://app.example.org", None),
    ("https://elsewhere.example", APP, None),
    ("https://a.b", "https://c.b", None),
    ("null", APP, None),
]


@pytest.mark.parametrize(("origin", "allowed", "difference"), ROWS)
def test_near_miss(origin: str, allowed: str, difference: str | None) -> None:
    found = find_near_miss(origin, ["https://other.example", allowed])
    assert (found.difference if found else None) == difference
    if found:
        assert found.allowed == allowed
        expected = f"{origin} differs only in {difference} from {allowed}, which is allowed"
        assert found.describe(origin) == expected
