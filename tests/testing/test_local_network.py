"""The local network: which addresses it has, and when Chromium asks for permission."""

from __future__ import annotations

import pytest

from corsbp.testing.local_network import address_space
from corsbp.testing.websocket_handshake import run_handshake

from ..support import ORIGIN
from .exchange import fetch, fetch_as, make_page, response, run_exchanges

SPACES = [
    ("localhost", "loopback"),
    ("api.localhost", "loopback"),
    ("127.0.0.1", "loopback"),
    ("[::1]", "loopback"),
    ("10.0.0.1", "local"),
    ("172.16.0.1", "local"),
    ("192.168.0.1", "local"),
    ("169.254.0.1", "local"),
    ("[fd00::1]", "local"),
    ("[fe80::1]", "local"),
    ("printer.local", "local"),
    ("8.8.8.8", "public"),
    ("[2606:4700::1]", "public"),
    ("api.example", "public"),
]


@pytest.mark.parametrize(("host", "space"), SPACES)
def test_address_spaces(host: str, space: str) -> None:
    assert address_space(host) == space


# the page, the URL that it calls, and whether Chromium asks for the permission
PUBLIC: list[tuple[str, str, bool]] = [
    (ORIGIN, "http://localhost:8000/", True),
    (ORIGIN, "http://192.168.0.1/", True),
    (ORIGIN, "https://10.0.0.1/", True),
    (ORIGIN, "https://api.example/", False),
    ("http://localhost:3000", "http://127.0.0.1:8000/", False),
    ("http://192.168.0.2", "http://127.0.0.1:8000/", False),
    ("http://192.168.0.2", "http://192.168.0.1/", False),
    ("null", "http://127.0.0.1/", False),
    ("capacitor://localhost", "http://127.0.0.1/", False),
]


@pytest.mark.parametrize(("origin", "url", "asked"), PUBLIC)
@pytest.mark.parametrize("allowed", [True, False])
def test_only_public_pages_need_permission(origin: str, url: str, asked: bool, allowed: bool) -> None:
    page = make_page(origin, "chromium", local_network=allowed)
    replies = [] if asked and not allowed else [response(allow_origin="*")]
    result = fetch(*replies, url=url, page=page)
    assert result.blocked_by == ("local-network" if asked and not allowed else None)
    assert ("The user is asked for permission" in str(result)) == (asked and allowed)


def test_words() -> None:
    page = make_page(engine="chromium", local_network=False)
    denied = fetch(url="http://127.0.0.1/", page=page)
    assert denied.why is not None and denied.why.startswith(
        "Permission was denied for this request to access the `loopback` address space. Allow it in"
    )
    local = fetch(url="https://10.0.0.1/", page=page, method="PUT")
    assert "to access the `local` address space" in (local.why or "") and local.sent == ()


def test_navigation_needs_no_permission() -> None:
    page = make_page(engine="chromium", local_network=False)
    for kind in ("form", "navigate"):
        assert fetch_as(kind, response(), url="http://127.0.0.1/", page=page).ok_for_page
    assert fetch_as("beacon", url="http://127.0.0.1/", page=page).blocked_by == "local-network"


@pytest.mark.parametrize("engine", ["standard", "today", "firefox", "webkit"])
def test_other_engines_do_not_ask(engine: str) -> None:
    page = make_page(engine=engine, local_network=False)
    result = fetch(response(allow_origin="*"), url="http://127.0.0.1/", page=page)
    assert result.ok_for_page and "permission" not in str(result)
    assert fetch(url="http://192.168.0.1/", page=page).blocked_by == "mixed-content"


def test_a_public_page_on_http_cannot_get_the_permission() -> None:
    """It is a step and stops nothing, because the page's name can be one of the local network."""
    page = make_page("http://app.example", "chromium")
    result = fetch(response(allow_origin="*"), url="http://127.0.0.1/", page=page)
    assert result.ok_for_page
    assert "A public page on http cannot get the permission to access the `loopback` address space" in str(
        result
    )
    assert "Serve the page over https." in str(result)
    denied = fetch(
        url="http://127.0.0.1/", page=make_page("http://app.example", "chromium", local_network=False)
    )
    assert denied.blocked_by == "local-network"


@pytest.mark.parametrize(
    ("url", "stop"), [("ws://127.0.0.1/", "local-network"), ("wss://api.example/", None)]
)
def test_handshakes_need_permission(url: str, stop: str | None) -> None:
    page = make_page(engine="chromium", local_network=False)
    result = run_exchanges(run_handshake(page, url), *([] if stop else [response(101)]))
    assert result.blocked_by == stop
    allowed = run_exchanges(run_handshake(make_page(engine="chromium"), "ws://192.168.0.1/"), response(101))
    assert allowed.ok_for_page and "the `local` address space, and allows it" in str(allowed)
