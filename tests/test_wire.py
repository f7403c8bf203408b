"""Header texts that are known to be clean are strings like any other, and Sanic sends what it always sent."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from multidict import istr
from sanic.compat import Header
from sanic.response import HTTPResponse

from corsbp import CorsPolicy, fetch
from corsbp.decision import Path, Rules
from corsbp.wire import Name, Value

from .cases import POLICIES

KINDS = [Name, Value]
UNSAFE = "\r\n\x00"


@pytest.mark.parametrize("kind", KINDS)
def test_a_string_like_any_other(kind: Any) -> None:
    text = "access-control-max-age"
    known = kind(text)
    assert (known, hash(known), f"{known}", f"{known:>30}") == (text, hash(text), text, f"{text:>30}")
    assert (known.upper(), known + "!", json.dumps([known])) == (text.upper(), f"{text}!", f'["{text}"]')
    for again in (copy.copy(known), copy.deepcopy(known), pickle.loads(pickle.dumps(known))):
        assert again == text


@pytest.mark.parametrize("kind", KINDS)
def test_translations(kind: Any) -> None:
    """Only a table of line breaks is passed over, also if it comes again after another."""
    known = kind("max-age")
    breaks, again = (str.maketrans("", "", UNSAFE) for _ in range(2))
    others = {97: "b"}
    for table, expected in [
        (breaks, "max-age"),
        (others, "mbx-bge"),
        (breaks, "max-age"),
        (again, "max-age"),
    ]:
        assert known.translate(table) == expected


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_that_sanic_would_remove_is_said_to_be_clean(policy: str) -> None:
    rules = Rules(CorsPolicy(**POLICIES[policy]))
    path = Path(dict.fromkeys(fetch.METHODS, rules))
    origins = [*rules.exact, "https://a.tenants.example"]
    pairs = [
        pair
        for grant in origins
        for pair in (*rules.ordinary(grant), *path.preflight(rules, grant, ()), *path.plain(rules, grant))
    ]
    assert len(pairs) > 3
    for text in (text for pair in pairs for text in pair):
        assert not set(text) & set(UNSAFE)
        assert text.isprintable()


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
