"""Pages of the server itself may open its sockets."""

from __future__ import annotations

import pytest

from corsbp import CorsPolicy

from .test_websockets import POLICIES, app_of, handshake, open_all

OWN = [
    # origin of the page, Host of the handshake, whether both are the same server
    ("https://api.example", "api.example", True),
    ("http://api.example", "api.example", True),  # only a proxy knows the scheme of the request
    ("https://api.example", "api.example:443", True),
    ("http://api.example", "api.example:80", True),
    ("https://api.example:8443", "api.example:8443", True),
    ("https://api.example", "API.Example", True),
    ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
    ("http://[::1]:8000", "[::1]:8000", True),
    ("https://api.example", "api.example:80", False),
    ("http://api.example", "api.example:443", False),
    ("https://api.example:8443", "api.example", False),
    ("https://api.example", "api.example:8443", False),
    ("https://app.api.example", "api.example", False),
    ("https://api.example.evil.example", "api.example", False),
    ("app://api.example", "api.example", False),
    ("null", "null", False),
    ("api.example", "api.example", False),
    ("https://", "", False),
]


@pytest.mark.parametrize("name", ["one", "a function", "an async function"])
def test_pages_of_the_server_itself_may_open_its_sockets(name: str) -> None:
    """W1: Origin and Host have the same host and port; the default ports may be left out."""
    app = app_of(CorsPolicy(**POLICIES[name][0]))
    responses = open_all(app, *(handshake(origin, host=host) for origin, host, _ in OWN))
    seen = [
        (origin, host, response.status == 101)
        for (origin, host, _), response in zip(OWN, responses, strict=True)
    ]
    assert seen == OWN
    twice = handshake("https://api.example", "https://api.example")
    assert [response.status for response in open_all(app_of(CorsPolicy(**POLICIES[name][0])), twice)] == [403]
