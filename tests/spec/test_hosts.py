"""The hosts of origins: this machine, and international names."""

from __future__ import annotations

import pytest

from corsbp.spec.hosts import is_loopback, is_readable, to_ascii


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *[(host, True) for host in ("localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]")],
        *[
            (host, False)
            for host in ("localhost.example", "xlocalhost", "128.0.0.1", "[::2]", "127.0.0.1.nip.io")
        ],
    ],
)
def test_loopback_hosts(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def ascii_form(name: str) -> str:
    """Return the label of a name, valid or not."""
    return f"xn--{name.encode('punycode').decode()}"


# Firefox 153 and WebKit 2.50 read exactly these. https://www.unicode.org/reports/tr46/#Validity_Criteria
READABLE = [
    "bücher",
    "faß",
    "ς",
    "☃",
    "💩",
    "≠",
    "é-",
    "é_",
    "ab--é",
    "1é",
    "日本",
    "ไทย",
    "l·l",
    # right to left
    "שלום",
    "أهلا",
    "א1",
    "ب۳1",
    "\u0627\u064e",
    "אָ",
    "۳",
    # joiners: after a virama, and between letters that join
    "क\u094d\u200d",
    "क\u094d\u200cष",
    "නම\u0dca\u200dර",
    "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",
]
UNREADABLE = [
    # a mark at the beginning: spacing, non-spacing, enclosing
    "\u093eक",
    "\u0301a",
    "\u20dda",
    # joiners in other places
    "\u200d",
    "\u200c",
    "a\u200db",
    "नाम\u200c",
    "نام\u200c",
    "👩\u200d💻",
    # the Bidi rule, RFC 5893, 2: its conditions 1 to 6
    "1א",
    "-א",
    "٣",
    "אa",
    "يa",
    "א-",
    "ب1٢",
    "a٣",
    "aא",
    # encoded twice: the label of a label
    "xn--é",
    "xn--",
    # mapped to something else
    "É",
    "e\u0301",
    "ａé",
    "é\u00ad",
    "❤\ufe0f",
    # disallowed
    "\ufffd",
    "\ue000",
    "a\u200eé",
]


@pytest.mark.parametrize("name", READABLE, ids=ascii)
def test_labels_that_browsers_read(name: str) -> None:
    assert is_readable(ascii_form(name))
    assert to_ascii(name) == ascii_form(name)


@pytest.mark.parametrize("name", UNREADABLE, ids=ascii)
def test_labels_that_browsers_do_not_read(name: str) -> None:
    assert not is_readable(ascii_form(name))


@pytest.mark.parametrize(
    ("label", "readable"),
    [
        ("example", True),
        ("r3---sn-x", True),
        ("xn-example", True),
        ("axn--", True),
        ("xn--", False),
        ("xn--a", False),
        ("xn--a-", False),
        ("xn--99999999", False),
        ("xn--ü", False),
        ("xn--a-yoc", False),
        ("xn--xn---epa", False),
    ],
)
def test_labels_with_an_ascii_prefix(label: str, readable: bool) -> None:
    assert is_readable(label) is readable


def test_characters_that_are_newer_than_python() -> None:
    """Unicode 15 has the first, a right-to-left letter; Python 3.10 and 3.11 do not, and browsers read it."""
    assert is_readable(ascii_form("\U00010ec2"))


@pytest.mark.parametrize(
    ("host", "form"),
    [
        ("EXAMPLE.com", "example.com"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("app\u3002例え", "app.xn--r8jz45g"),
        ("\ufffd.example", "\ufffd.example"),
    ],
)
def test_the_form_that_browsers_send(host: str, form: str) -> None:
    assert to_ascii(host) == form
