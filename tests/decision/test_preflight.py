"""The headers of OPTIONS for each path: methods by route, and why a preflight does not suffice."""

from __future__ import annotations

import pytest

from corsbp import CorsPolicy
from corsbp.decision.active_policy import ActivePolicy
from corsbp.decision.compiled import CompiledPolicy
from corsbp.decision.preflight import PathPolicies
from corsbp.decision.refusal import outside_method_refusal
from corsbp.decision.vary import EncodedHeaders


def text(headers: EncodedHeaders) -> dict[str, str]:
    """Return headers as strings."""
    return {name.decode(): value.decode() for name, value in headers}


def test_methods_follow_their_routes() -> None:
    """Two policies and a route without CORS on one path."""
    one, two = ActivePolicy(CorsPolicy()), ActivePolicy(CorsPolicy(allow_origins=["https://a.example"]))
    path = PathPolicies({"DELETE": None, "POST": two, "GET": one, "PUT": two})
    assert path.allow == ("GET", "POST", "PUT", "DELETE", "OPTIONS")
    assert path.options_headers(one, one.compiled).methods == ("GET", "OPTIONS")
    assert path.options_headers(two, two.compiled).methods == ("POST", "PUT", "OPTIONS")
    owners = {method: path.policy_for(method) for method in ("GET", "POST", "DELETE", "PATCH", None)}
    assert owners == {"GET": one, "POST": two, "DELETE": None, "PATCH": one, None: one}
    vary = text(path.options_headers(two, two.compiled).preflight_headers("https://a.example", ()))["vary"]
    assert vary == "access-control-request-method"


def test_methods_of_every_kind() -> None:
    """QUERY is a method like others; TRACE can be served, but browsers do not send it."""
    follow = ActivePolicy(CorsPolicy())
    path = PathPolicies(dict.fromkeys(("OPTIONS", "QUERY", "TRACE", "GET"), follow))
    assert path.allow == ("GET", "QUERY", "TRACE", "OPTIONS")
    assert path.options_headers(follow, follow.compiled).methods == ("GET", "QUERY", "OPTIONS")


def test_a_path_without_cors() -> None:
    path = PathPolicies({"GET": None})
    assert (path.default, path.policy_for("GET"), path.policy_for("PUT")) == (None, None, None)
    assert outside_method_refusal("GET", ()).expected == "one of none"


def test_a_path_has_the_headers_of_the_new_policy_and_of_the_one_before() -> None:
    follow = ActivePolicy(CorsPolicy(), lambda: "the section")
    path, before = PathPolicies({"GET": follow}), follow.compiled
    lists = path.options_headers(follow, before)
    assert path.options_headers(follow, before) is lists
    follow.change(CorsPolicy(max_age=7), None)
    assert (
        text(path.options_headers(follow, follow.compiled).preflight_headers("*", ()))[
            "access-control-max-age"
        ]
        == "7"
    )
    assert (
        text(path.options_headers(follow, before).preflight_headers("*", ()))["access-control-max-age"]
        == "600"
    )
    assert follow.compiled.label() == "the section"


NARROW = CompiledPolicy(CorsPolicy(allow_methods=["GET"], allow_headers=["x-a"]))


@pytest.mark.parametrize(
    ("method", "names", "expected"),
    [
        ("GET", [], None),
        ("POST", [], None),  # needs no permission, whatever the lists say
        ("DELETE", [], ("method-not-allowed", "DELETE", "one of GET, OPTIONS")),
        ("GET", ["x-a"], None),
        # a safelisted name is asked for where its value is not
        ("GET", ["x-a, accept"], ("header-not-allowed", "accept", "one of x-a")),
        ("GET", ["x-a", "x-b"], ("header-not-allowed", "x-b", "one of x-a")),
        ("GET", ["x a"], ("headers-malformed", ["x a"], "a list of header names")),
    ],
)
def test_reasons_why_a_preflight_does_not_suffice(method: str, names: list[str], expected: object) -> None:
    follow = ActivePolicy(NARROW.policy)
    refusal = (
        PathPolicies(dict.fromkeys(("GET", "DELETE"), follow))
        .options_headers(follow, NARROW)
        .refusal(method, names)
    )
    assert (refusal and refusal[:3]) == expected


def test_any_header_is_allowed_by_a_star() -> None:
    follow = ActivePolicy(CorsPolicy())
    assert (
        PathPolicies({"GET": follow}).options_headers(follow, follow.compiled).refusal("GET", ["x-anything"])
        is None
    )
