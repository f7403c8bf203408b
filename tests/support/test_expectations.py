"""A failing test names the request and the header that is wrong."""

from __future__ import annotations

import pytest
from sanic import Blueprint

from corsbp import cors_group

from . import (
    EVIL,
    GRANTED,
    LISTED,
    PUBLIC,
    REFUSED,
    Expectation,
    differences,
    expect,
    explain_comparison,
    handler,
    new_app,
    preflight,
    preflight_headers,
    request,
)


def failure_of(table: dict[str, Expectation]) -> list[str]:
    """Return the lines of the failure of `expect` on an app with one section and one plain route."""
    blueprint = Blueprint("api", url_prefix="/api")
    blueprint.add_route(handler, "/item")
    app = new_app(cors_group(blueprint, **LISTED))
    app.add_route(handler, "/plain")
    with pytest.raises(AssertionError) as failed:
        expect(app, table)
    return str(failed.value).splitlines()


def test_each_difference_is_one_line_with_the_request_and_the_header() -> None:
    right = preflight_headers("GET,HEAD,OPTIONS")
    assert failure_of(
        {
            "no section": (request("GET", "/plain"), 200, PUBLIC),
            "as expected": (request("GET", "/api/item"), 200, GRANTED),
            "refused": (request("GET", "/api/item", EVIL), 404, GRANTED),
            "preflight": (preflight("/api/item"), 204, right | GRANTED | {"access-control-max-age": "5"}),
            "no Origin": (request("GET", "/api/item", None), 200, {}),
            "bytes": (b"GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 201, {}),
        }
    ) == [
        "no section: GET /plain from https://app.example:"
        " access-control-allow-origin: expected '*', got None",
        "refused: GET /api/item from https://evil.example: status: expected 404, got 200",
        "refused: GET /api/item from https://evil.example:"
        " access-control-allow-origin: expected 'https://app.example', got None",
        "preflight: OPTIONS /api/item for GET from https://app.example:"
        " access-control-allow-methods: expected 'GET,HEAD,OPTIONS', got 'GET,OPTIONS'",
        "preflight: OPTIONS /api/item for GET from https://app.example:"
        " access-control-max-age: expected '5', got '600'",
        "no Origin: GET /api/item without Origin: vary: expected None, got 'origin'",
        "bytes: 'GET /plain HTTP/1.1': status: expected 201, got 200",
    ]


def test_headers_that_are_equal_are_not_shown() -> None:
    many = {f"access-control-{number}": "a" for number in range(50)}
    assert differences((200, many), (200, many | {"vary": "origin"})) == ["vary: expected None, got 'origin'"]


@pytest.mark.parametrize(
    ("got", "expected"), [(PUBLIC | REFUSED, PUBLIC), ((200, PUBLIC | REFUSED), (200, PUBLIC))]
)
def test_pytest_shows_the_header_that_is_wrong_in_a_plain_comparison(got: object, expected: object) -> None:
    assert explain_comparison(got, expected) == [
        "the response is not as expected (right)",
        "vary: expected None, got 'origin'",
    ]


@pytest.mark.parametrize("other", [None, 1, [], {"a": 1}, {1: 1}, (200, []), ("a", {}), (1, 2, 3)])
def test_other_comparisons_are_left_to_pytest(other: object) -> None:
    assert explain_comparison(other, PUBLIC) is None
    assert explain_comparison(PUBLIC, other) is None


def test_the_hook_is_in_place() -> None:
    with pytest.raises(AssertionError, match="vary: expected None, got 'origin'"):
        assert REFUSED | PUBLIC == PUBLIC
