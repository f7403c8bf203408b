"""Responses compared with what is expected: the status, and exactly these CORS headers.

A difference is one line, with the request and the header:

    a page: GET /item from https://app.example: access-control-allow-origin: expected '*', got None
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sanic import Sanic

from .apps import ORIGIN
from .client import HttpRequest, ReceivedResponse
from .servers import send

PUBLIC = {"access-control-allow-origin": "*"}
"""The CORS headers of a response in a section that allows every origin."""
GRANTED = {"access-control-allow-origin": ORIGIN, "vary": "origin"}
"""The CORS headers for a page of ORIGIN, in a section that allows a list of origins."""
REFUSED = {"vary": "origin"}
"""The CORS headers for other pages, in a section that allows a list of origins."""

Expectation: TypeAlias = tuple[HttpRequest | bytes, int, dict[str, str]]
"""A request, the status of its response, and the CORS headers of the response (no others may come)."""


def preflight_headers(methods: str = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS") -> dict[str, str]:
    """Return what a granted preflight adds to the grant; the default is that of a path without any route."""
    return {
        "access-control-allow-methods": methods,
        "access-control-allow-headers": "*,authorization",
        "access-control-max-age": "600",
    }


def expect(
    target: Sanic | int, expectations: Mapping[str, Expectation], debug: bool = False
) -> dict[str, ReceivedResponse]:
    """Send the requests of a table, and fail with a line for each difference from what it expects.

    `expectations`: a name for each request, as `{"a page": (request("GET", "/item"), 200, GRANTED)}`.
    `target`: an app or a port, as for send(). Returns the responses by name, for other assertions.
    """
    __tracebackhide__ = True
    requests = [message for message, _, _ in expectations.values()]
    responses = dict(zip(expectations, send(target, *requests, debug=debug), strict=True))
    wrong = []
    for name, (message, status, headers) in expectations.items():
        response = responses[name]
        found = differences((status, headers), (response.status, response.cors))
        wrong += [f"{name}: {name_of(message)}: {difference}" for difference in found]
    if wrong:
        raise AssertionError("\n".join(wrong))
    return responses


def name_of(message: HttpRequest | bytes) -> str:
    """Return a short name for a request: method, path and origin, or the first line of its bytes."""
    if isinstance(message, bytes):
        return repr(message.partition(b"\r\n")[0].decode("latin-1"))
    return str(message)


def differences(expected: tuple[int, dict[str, str]], got: tuple[int, dict[str, str]]) -> list[str]:
    """Return a line for the status and each header that are not as expected."""
    lines = []
    if expected[0] != got[0]:
        lines.append(f"status: expected {expected[0]}, got {got[0]}")
    for name in sorted({*expected[1], *got[1]}):
        values = expected[1].get(name), got[1].get(name)
        if values[0] != values[1]:
            lines.append(f"{name}: expected {values[0]!r}, got {values[1]!r}")
    return lines


def explain_comparison(left: object, right: object) -> list[str] | None:
    """Return what pytest shows for a failed `response.cors == {…}` or `(status, cors) == (…)`; else None."""
    got, expected = as_status_and_headers(left), as_status_and_headers(right)
    if got is None or expected is None:
        return None
    return ["the response is not as expected (right)", *differences(expected, got)]


def as_status_and_headers(value: object) -> tuple[int, dict[str, str]] | None:
    """Return CORS headers with a status, 0 for headers alone; None for anything else."""
    status, headers = value if isinstance(value, tuple) and len(value) == 2 else (0, value)
    if not isinstance(status, int) or not isinstance(headers, dict):
        return None
    cors = all(isinstance(name, str) and name.startswith(("access-control-", "vary")) for name in headers)
    return (status, headers) if cors else None


def without_cors(response: ReceivedResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers and body of a response, without the headers that a section adds.

    They have to be equal to those of the same app without corsbp.
    """
    ours = ("access-control-", "vary")
    rest = [(name, value) for name, value in response.headers if not name.lower().startswith(ours)]
    return response.status, rest, response.body
