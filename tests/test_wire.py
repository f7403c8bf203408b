"""Header texts that know their bytes are strings like any other, and Sanic sends what it always sent."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from multidict import istr
from sanic.compat import Header
from sanic.response import HTTPResponse

from corsbp.wire import Name, Value

KINDS = [Name, Value]


@pytest.mark.parametrize("kind", KINDS)
def test_a_string_like_any_other(kind: type[Name] | type[Value]) -> None:
    text = "access-control-max-age"
    known = kind(text)
    assert (known, hash(known), f"{known}", f"{known:>30}") == (text, hash(text), text, f"{text:>30}")
    assert (known.upper(), known + "!", json.dumps([known])) == (text.upper(), f"{text}!", f'["{text}"]')
    for encoding in ("utf-8", "ascii", "latin-1", "utf-16"):
        assert known.encode(encoding) == text.encode(encoding)
    assert known.encode(errors="surrogateescape") == text.encode()
    for again in (copy.copy(known), copy.deepcopy(known), pickle.loads(pickle.dumps(known))):
        assert (again, type(again)) == (text, str)


@pytest.mark.parametrize("kind", KINDS)
def test_translations(kind: type[Name] | type[Value]) -> None:
    """Only a table of control characters is passed over, also if it comes again after another."""
    controls = str.maketrans("", "", "\r\n\x00")
    known = kind("max-age")
    for table, expected in [(controls, "max-age"), ({ord("a"): "b"}, "mbx-bge"), (controls, "max-age")]:
        assert known.translate(table) == expected
    assert known.translate([chr(number ^ 1) for number in range(128)]) == "l`y,`fd"
    assert known.translate({"a": 1, 97: None}) == "mx-ge"


@pytest.mark.parametrize("text", ["a\r\nb", "a\x00", "é", "a\x7f"])
def test_what_is_not_clean_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"control characters|can't encode"):
        Value(text)


def test_what_sanic_sends() -> None:
    plain, known = HTTPResponse("x"), HTTPResponse("x")
    pairs = [("access-control-allow-origin", "https://app.example"), ("vary", "origin")]
    plain.headers.extend([(istr(name), value) for name, value in pairs])
    known.headers.extend([(Name(name), Value(value)) for name, value in pairs])
    assert list(known.processed_headers) == list(plain.processed_headers)
    assert Header(known.headers) == plain.headers
    assert known.headers["Vary"] == "origin"
    known.headers["VARY"] = "accept"
    assert known.headers.getall("vary") == ["accept"]
