"""Pages of the server itself may open its sockets."""

from __future__ import annotations

import pytest

from corsbp import CorsPolicy

from .test_websockets import POLICIES, app_of, handshake, open_all

OWN = [
    # the page, the Host of the handshake, whether they are the same server
    ("https://api.example", "api.example", True),
    ("http://api.example", "api.example", True),  # what scheme the server was called by, a proxy knows
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
def test_pages_of_the_server_itself_may(name: str) -> None:
    """W1: host and port as in Host, the default ports of http and https left out on either side."""
    app = app_of(CorsPolicy(**POLICIES[name][0]))
    answers = open_all(app, *(handshake(origin, host=host) for origin, host, _ in OWN))
    seen = [
        (origin, host, answer.status == 101) for (origin, host, _), answer in zip(OWN, answers, strict=True)
    ]
    assert seen == OWN
    twice = handshake("https://api.example", "https://api.example")
    assert [answer.status for answer in open_all(app_of(CorsPolicy(**POLICIES[name][0])), twice)] == [403]
