"""Arguments with the names of other packages: the error names the field that was meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint

from corsbp import CorsPolicy, cors_group

from ..support import ORIGIN, new_app, text_handler

MEANT = {
    "allow_origins": "origins origin allow_origin allowed_origins CORS_ORIGINS CORS_ALLOWED_ORIGINS "
    "allowOrigins allow_origin_regex CORS_ALLOWED_ORIGIN_REGEXES allow_orgins origin_whitelist "
    "trustedOrigins CSRF_TRUSTED_ORIGINS",
    "allow_credentials": "supports_credentials credentials CORS_SUPPORTS_CREDENTIALS allow_credential "
    "CORS_ALLOW_CREDENTIALS allowCredentials",
    "allow_methods": "methods CORS_METHODS allowed_methods allow_method allowMethods CORS_ALLOW_METHODS",
    "allow_headers": "headers allowed_headers CORS_ALLOW_HEADERS allow_header allowedHeaders",
    "expose_headers": "expose exposed_headers CORS_EXPOSE_HEADERS expose_header exposedHeaders",
    "max_age": "maxage maxAge CORS_MAX_AGE CORS_PREFLIGHT_MAX_AGE max_ages",
    "check_websockets": "check_websocket",
    "check_requests": "csrf csrf_protect CSRF_CHECK_ORIGIN checkOrigin cross_origin_protection check_request "
    "CrossOriginProtection protect_from_forgery check_reqeusts",
}
WORDS = {word: field for field, words in MEANT.items() for word in words.split()}
ENTRIES: dict[str, Callable[..., object]] = {
    "CorsPolicy": CorsPolicy,
    "replace": CorsPolicy().replace,
    "dataclasses.replace": lambda **options: dataclasses.replace(CorsPolicy(), **options),
    "cors_group": lambda **options: cors_group(Blueprint("bp"), **options),
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_arguments_of_other_packages(entry: str, word: str) -> None:
    more = ", a pattern or a function" if "regex" in word.lower() else ""
    with pytest.raises(TypeError) as caught:
        ENTRIES[entry](**{word: None})
    name = "cors_group" if entry == "cors_group" else "CorsPolicy"
    assert str(caught.value) == f"{name}() has no argument {word!r}; meant: {WORDS[word]}={more}"


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("resources", "wrap each blueprint with a policy of its own"),
        ("CORS_ALWAYS_SEND", "corsbp sends what a page needs"),
        ("CORS_AUTOMATIC_OPTIONS", "corsbp responds to OPTIONS"),
        ("intercept_exceptions", "error responses have the headers"),
        ("send_wildcard", '"*" is sent where every origin is allowed'),
        ("CORS_VARY_HEADER", "Vary is sent where responses differ"),
        ("allow_private_network", "browsers replaced it with a prompt that reads no header"),
    ],
)
def test_arguments_that_corsbp_does_not_need(word: str, why: str) -> None:
    declared: dict[str, Any] = {word: True}
    with pytest.raises(TypeError) as caught:
        CorsPolicy(**declared)
    assert str(caught.value) == f"CorsPolicy() has no argument {word!r}: leave it out, {why}"


@pytest.mark.parametrize("word", ["trial", "shadow", "report_to", "report_onl"])
def test_other_names_of_a_report_only_policy(word: str) -> None:
    declared: dict[str, Any] = {word: CorsPolicy()}
    with pytest.raises(TypeError) as caught:
        cors_group(Blueprint("bp"), **declared)
    assert str(caught.value) == f"cors_group() has no argument {word!r}; meant: report_only="
    group = cors_group(Blueprint("bp"))
    with pytest.raises(TypeError) as caught:
        group.reconfigure(CorsPolicy(), **declared)
    assert str(caught.value) == f"CorsGroup.reconfigure() has no argument {word!r}; meant: report_only="
    # a policy by itself has no such field
    with pytest.raises(TypeError, match=rf"CorsPolicy\(\) has no argument '{word}'$"):
        CorsPolicy(**declared)


@pytest.mark.parametrize("word", ["max_age", "maxAge", "CORS_MAX_AGE"])
def test_reconfigure_takes_a_policy_instead_of_fields(word: str) -> None:
    fields: dict[str, Any] = {word: 5}
    with pytest.raises(TypeError) as caught:
        cors_group(Blueprint("bp")).reconfigure(**fields)
    expected = f"CorsGroup.reconfigure() has no argument {word!r}; meant: group.policy.replace(max_age=...)"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ([ORIGIN], f"not ['{ORIGIN}']; meant: CorsPolicy(allow_origins=['{ORIGIN}'])"),
        (ORIGIN, f"not '{ORIGIN}'; meant: CorsPolicy(allow_origins=['{ORIGIN}'])"),
        ({"max_age": 5}, "not {'max_age': 5}; meant: CorsPolicy(max_age=5)"),
        ("*", "not '*'; meant: CorsPolicy()"),
        (True, "not True"),
        (None, "not None"),
    ],
)
def test_a_policy_takes_its_fields_by_name(value: Any, hint: str) -> None:
    with pytest.raises(TypeError) as caught:
        CorsPolicy(value)  # type: ignore[call-arg]  # wrong on purpose
    assert str(caught.value) == f"CorsPolicy() takes its fields by name, {hint}"


def test_reconfigure_takes_policies_by_name() -> None:
    group, strict = cors_group(Blueprint("bp")), CorsPolicy(max_age=5)
    group.reconfigure(policy=strict, report_only=strict)
    assert (group.policy, group.report_only) == (strict, strict)


def test_unknown_arguments() -> None:
    with pytest.raises(TypeError) as caught:
        CorsPolicy(colour="red")  # type: ignore[call-arg]  # wrong on purpose
    assert str(caught.value) == "CorsPolicy() has no argument 'colour'"
    with pytest.raises(TypeError, match="'prefix'; meant: url_prefix="):
        cors_group(Blueprint("bp"), prefix="/v1")  # type: ignore[call-arg]  # wrong on purpose


def test_a_policy_beside_fields_is_refused_even_with_default_values() -> None:
    """The values are the defaults: it counts which arguments are passed."""
    policy = CorsPolicy(max_age=5)
    with pytest.raises(TypeError) as caught:
        cors_group(Blueprint("bp"), policy=policy, max_age=600, allow_credentials=False)
    assert str(caught.value) == (
        "cors_group() takes policy= or its fields, not both: allow_credentials, max_age came with policy=. "
        "Meant: policy=policy.replace(allow_credentials=False, max_age=600)"
    )
    assert cors_group(Blueprint("bp"), policy=None, max_age=5).policy == policy


FOLLOW = "leave it out to follow the section's policy, or write"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("*", "meant: CorsPolicy()"),
        (["*"], "meant: CorsPolicy()"),
        (CorsPolicy, "meant: CorsPolicy()"),
        (True, f"{FOLLOW} CorsPolicy() to allow every origin"),
        (None, f"{FOLLOW} False for no CORS"),
        ("https://app.example", "meant: CorsPolicy(allow_origins=['https://app.example'])"),
        (
            ("https://a.example", "https://b.example"),
            "meant: CorsPolicy(allow_origins=['https://a.example', 'https://b.example'])",
        ),
        ({"max_age": 5}, "meant: CorsPolicy(max_age=5)"),
        (len, "meant: CorsPolicy(allow_origins=...)"),
    ],
    ids=repr,
)
def test_other_values_in_place_of_a_policy(value: Any, meant: str) -> None:
    if not isinstance(value, list | dict):  # which Sanic does not take
        bp = Blueprint("bp")
        bp.add_route(text_handler(""), "/", name="index", ctx_cors=value)
        app = new_app(cors_group(bp))
        with pytest.raises(ValueError, match="is neither a CorsPolicy nor False") as caught:
            app.router.finalize()
        assert str(caught.value).endswith(f"is neither a CorsPolicy nor False; {meant}")
    if value is not None:
        with pytest.raises(TypeError) as refused:
            cors_group(Blueprint("other"), policy=value)
        assert str(refused.value) == f"policy= takes a CorsPolicy, not {value!r}; {meant}"
