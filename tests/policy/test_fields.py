"""The fields of a policy: the value that each declared value becomes."""

from __future__ import annotations

import enum
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corsbp.policy.fields import CHROMIUM_MAX_AGE, LONGEST_MAX_AGE
from corsbp.policy.policy import CorsPolicy
from corsbp.policy.problems import CorsPolicyWarning

APP = "https://app.example"


# warnings are errors in these tests: a policy of this table has no warning either
@pytest.mark.parametrize(
    ("declared", "field", "value"),
    [
        ({}, "allow_origins", "*"),
        ({"allow_origins": "*"}, "allow_origins", "*"),
        ({"allow_origins": ["*"]}, "allow_origins", "*"),
        ({"allow_origins": ("*", "*")}, "allow_origins", "*"),
        ({"allow_origins": [APP]}, "allow_origins", (APP,)),
        ({"allow_origins": ["http://b", "http://a", "http://b"]}, "allow_origins", ("http://b", "http://a")),
        ({"allow_origins": {"http://b", "http://a"}}, "allow_origins", ("http://a", "http://b")),
        ({"allow_origins": frozenset({"http://b", "http://a"})}, "allow_origins", ("http://a", "http://b")),
        ({"allow_origins": {APP: 1}.keys()}, "allow_origins", (APP,)),
        ({"allow_origins": [APP], "allow_credentials": True}, "allow_credentials", True),
        ({"allow_origins": ["http://localhost:*"], "allow_credentials": True}, "allow_credentials", True),
        ({"allow_origins": ["https://*.com"]}, "allow_origins", ("https://*.com",)),
        (
            {
                "allow_origins": ["http://app.example"],
                "allow_credentials": True,
                "dangerously_allow_insecure_origins": True,
            },
            "dangerously_allow_insecure_origins",
            True,
        ),
        (
            {
                "allow_origins": ["https://*.github.io"],
                "allow_credentials": True,
                "dangerously_allow_public_suffixes": True,
            },
            "dangerously_allow_public_suffixes",
            True,
        ),
        ({}, "allow_methods", "*"),
        ({"allow_methods": ["*"]}, "allow_methods", "*"),
        ({"allow_methods": []}, "allow_methods", ()),
        (
            {"allow_methods": {"OPTIONS", "delete", "get", "GET"}},
            "allow_methods",
            ("GET", "DELETE", "OPTIONS"),
        ),
        ({"allow_methods": ["ZAP", "PATCH", "LOCK"]}, "allow_methods", ("PATCH", "LOCK", "ZAP")),
        ({}, "allow_headers", "*"),
        ({"allow_headers": ["*"]}, "allow_headers", "*"),
        ({"allow_headers": ()}, "allow_headers", ()),
        (
            {"allow_headers": ["X-Token", "Content-Type", "x-token", "range", "Authorization"]},
            "allow_headers",
            ("authorization", "content-type", "range", "x-token"),
        ),
        ({}, "expose_headers", ()),
        ({"expose_headers": "*"}, "expose_headers", "*"),
        ({"expose_headers": ["*"]}, "expose_headers", "*"),
        ({"expose_headers": ["X-B", "x-a", "ETag"]}, "expose_headers", ("etag", "x-a", "x-b")),
        ({"expose_headers": ["Range"]}, "expose_headers", ("range",)),
        ({}, "max_age", 600),
        ({"max_age": None}, "max_age", None),
        ({"max_age": 0}, "max_age", 0),
        ({"max_age": CHROMIUM_MAX_AGE}, "max_age", 7200),
        ({"max_age": timedelta(hours=1)}, "max_age", 3600),
        ({}, "origin_timeout", 5.0),
        ({"origin_timeout": 60}, "origin_timeout", 60.0),
        ({"origin_timeout": timedelta(milliseconds=250)}, "origin_timeout", 0.25),
        ({}, "check_websockets", True),
        ({"check_websockets": False}, "check_websockets", False),
        ({}, "check_requests", False),
        ({"check_requests": "writes", "allow_origins": [APP]}, "check_requests", "writes"),
        ({"check_requests": "all", "allow_origins": [APP]}, "check_requests", "all"),
    ],
    ids=lambda value: str(value)[:18],  # short of what sets hold, in an order of chance
)
def test_values_of_fields(declared: dict[str, Any], field: str, value: object) -> None:
    policy = CorsPolicy(**declared)
    assert getattr(policy, field) == value
    assert type(getattr(policy, field)) is type(value)
    assert policy.replace() == policy


def test_the_bounds_of_max_age() -> None:
    assert (CHROMIUM_MAX_AGE, LONGEST_MAX_AGE) == (7200, 86400)
    with pytest.warns(CorsPolicyWarning):
        assert CorsPolicy(max_age=LONGEST_MAX_AGE).max_age == LONGEST_MAX_AGE


def test_strings_of_other_classes_become_plain() -> None:
    class Name(str, enum.Enum):
        APP = "https://app.example"
        TOKEN = "X-Token"

    policy = CorsPolicy(allow_origins=[Name.APP], allow_headers=[Name.TOKEN])
    assert policy == CorsPolicy(allow_origins=[APP], allow_headers=["x-token"])
    assert isinstance(policy.allow_origins, tuple)
    assert [type(value) for value in policy.allow_origins] == [str]
    assert repr(policy).count("Name") == 0


def test_the_order_of_a_set_is_stable() -> None:
    code = """if True:
        from corsbp import CorsPolicy
        names = {f"x-{number}" for number in range(20)}
        print(CorsPolicy(
            allow_origins={f"https://{name}.example" for name in names},
            allow_methods={name.upper() for name in names}, allow_headers=names, expose_headers=names,
        ))
    """
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert "x-19" in runs.pop()
