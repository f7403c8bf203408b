"""`corsbp explain URL`: responses that a server in front of the app may have sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from corsbp.command import main

from ..support import ORIGIN
from .servers import fixed_server

ALLOW = {"access-control-allow-origin": ORIGIN}
IF_APP = (
    f"If the app itself responded: wrap the route's blueprint: cors_group(…, allow_origins=['{ORIGIN}'])."
)
LET_PASS = "Let OPTIONS pass through the login: a preflight carries no cookies and no Authorization"
CALL_HTTPS = "Change: Call 'https://127.0.0.1:{port}/item' in the page."


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Any:
    """Explain a call of a server: the exit status and what is printed."""

    def run(url: str, *arguments: str) -> tuple[int, str]:
        status = main(["explain", url, *arguments, "--origin", ORIGIN])
        return status, capsys.readouterr().out.replace(url.split("/")[2], "127.0.0.1:{port}")

    return run


PREFLIGHTS: dict[str, tuple[int, Mapping[str, str], list[str]]] = {
    "http to https": (
        301,
        {"location": "https://127.0.0.1:{port}/item"},
        ["Blocked: preflight-redirect.", "The server redirects http to https.", CALL_HTTPS],
    ),
    "the slash": (
        308,
        {"location": "/item/"},
        [
            "The two paths differ only in the slash at the end.",
            "Change: Call 'http://127.0.0.1:{port}/item/' in the page.",
        ],
    ),
    "a login": (
        302,
        {"location": "/accounts/login?next=/item"},
        ["<   location: /accounts/login", "The redirect leads to a login.", f"Change: {LET_PASS}"],
    ),
    "a login elsewhere": (
        303,
        {"location": "https://sso.acme.example/start"},
        ["The redirect leads to a login.", f"Change: {LET_PASS}"],
    ),
    "elsewhere": (
        307,
        {"location": "/authors"},
        [
            "Change: Call 'http://127.0.0.1:{port}/authors' in the page. If it is a login: let OPTIONS pass ",
        ],
    ),
    "nowhere": (307, {}, ["The redirect has no Location.", "Change: Correct the server that sends it."]),
    "401": (
        401,
        {"via": "1.1 gate"},
        [
            "<   server: edge/1.2",
            "<   via: 1.1 gate",
            "A login or a firewall refused the preflight.",
            f"Change: {LET_PASS}",
            IF_APP,
        ],
    ),
    "403": (403, {}, ["A login or a firewall refused the preflight.", LET_PASS, IF_APP]),
    "405": (
        405,
        {},
        ["The server does not know the preflight, or its path.", "let the proxy pass OPTIONS to the", IF_APP],
    ),
    "a success without headers": (
        204,
        {},
        ["A server in front of the app may have responded to OPTIONS itself.", "Let OPTIONS pass to", IF_APP],
    ),
    "429": (429, {}, ["A rate limit refused the request.", "max_age makes them fewer", IF_APP]),
    "502": (
        502,
        {},
        ["A proxy got no valid response from the app.", "Change: Start the app, and check its", IF_APP],
    ),
    "503": (503, {}, ["The app, or the proxy in front of it, is not available.", IF_APP]),
    "504": (504, {}, ["A proxy waited too long for the app.", "proxy_read_timeout in nginx", IF_APP]),
}


@pytest.mark.parametrize("case", PREFLIGHTS)
def test_preflight(case: str, explain: Any) -> None:
    status, headers, lines = PREFLIGHTS[case]
    with fixed_server(ALLOW, preflight=(status, headers)) as url:
        ended, out = explain(url, "PUT")
    assert ended == 1
    assert [line for line in lines if line not in out] == [], out
    assert out.count("Change: ") == 1


def test_preflight_in_the_range_of_no_error(explain: Any) -> None:
    """A status like 304 is neither a redirect nor an error: the browser's own advice stands."""
    with fixed_server(ALLOW, preflight=(304, {})) as url:
        ended, out = explain(url, "PUT")
    assert (ended, IF_APP in out, "With corsbp: wrap the route's blueprint" in out) == (1, False, True)


RESPONSES: dict[str, tuple[int, Mapping[str, str], list[str]]] = {
    "http to https": (
        301,
        {"location": "https://127.0.0.1:{port}/item"},
        ["The server redirects http to https.", CALL_HTTPS],
    ),
    "a login": (302, {"location": "/login"}, ["Change: Log in, or let the app respond with 401 instead."]),
    "elsewhere": (
        302,
        {"location": "/other"},
        ["The redirect itself has no headers of CORS.", "Change: Call 'http://127.0.0.1:{port}/other' in"],
    ),
    "401": (401, {}, ["Blocked: origin-missing.", "The request had no valid login.", IF_APP]),
    "403": (403, {}, ["The request was refused: by a login, a firewall or a list of addresses.", IF_APP]),
    "413": (
        413,
        {},
        [
            "The request's body is larger than a server accepts.",
            "Change: Raise the limit: client_max_body_size in nginx, REQUEST_MAX_SIZE in Sanic.",
            IF_APP,
        ],
    ),
    "404": (
        404,
        {},
        [
            "The server does not know the path.",
            "Change: Check the path, and that the proxy passes it to the app as it is.",
            IF_APP,
        ],
    ),
    "405": (405, {}, ["The server does not know the method on this path.", IF_APP]),
    "502": (502, {}, ["< 502", "A proxy got no valid response from the app.", IF_APP]),
}


@pytest.mark.parametrize("case", RESPONSES)
def test_response(case: str, explain: Any) -> None:
    status, headers, lines = RESPONSES[case]
    with fixed_server(headers, status) as url:
        ended, out = explain(url)
    assert ended == 1
    assert [line for line in lines if line not in out] == [], out
    assert out.count("Change: ") == 1


def test_redirect_to_a_login_that_browsers_follow(explain: Any) -> None:
    others: dict[str, tuple[int, dict[str, str]]] = {"/login": (200, {})}
    with fixed_server({**ALLOW, "location": "/login"}, 302, others=others) as url:
        ended, out = explain(url)
    assert ended == 1
    assert "The call was redirected to 'http://127.0.0.1:{port}/login', probably a login." in out
    assert "Change: Log in, send the cookie, or let the app respond with 401 to pages instead" in out


def test_other_responses_keep_the_advice_of_the_browser(explain: Any) -> None:
    with fixed_server({}) as url:
        ended, out = explain(url)
    assert ended == 1 and "If the app itself responded" not in out
    assert f"Change: Send access-control-allow-origin: {ORIGIN}. With corsbp: cors_group(" in out


@pytest.mark.parametrize("preflight", [None, (204, {"vary": "Accept-Encoding, origin"})])
def test_server_that_does_not_allow_the_origin(preflight: Any, explain: Any) -> None:
    """Vary: Origin shows that the server has a policy, and looked at the origin."""
    with fixed_server({"vary": "Origin"}, preflight=preflight) as url:
        ended, out = explain(url, "PUT" if preflight else "GET")
    assert ended == 1
    assert f"Vary: Origin shows that the server decided by the origin, and does not allow {ORIGIN}.\n" in out
    assert f"Change: Add '{ORIGIN}' to the allowed origins: with corsbp, to allow_origins of the" in out


def test_response_for_another_origin(explain: Any) -> None:
    """A list of origins sends no header to a page that it does not allow."""
    with fixed_server({"access-control-allow-origin": "https://b.example", "vary": "Origin"}) as url:
        ended, out = explain(url)
    assert ended == 1
    assert "The response is for pages of https://b.example, though it has Vary: Origin: a cache that " in out
    assert "Change: Have the cache honour Vary: Origin, or keep it from these responses. If the app" in out


def test_401_of_a_call_without_a_login(explain: Any) -> None:
    with fixed_server(ALLOW, 401) as url:
        ended, out = explain(url)
    assert ended == 0 and "Change: The call has no login." in out


def test_login_that_is_called(explain: Any) -> None:
    """A call of the login itself was not redirected."""
    preflight = (204, ALLOW | {"access-control-allow-methods": "PUT"})
    with fixed_server({}, preflight=preflight) as url:
        ended, out = explain(url.replace("/item", "/login"), "PUT")
    assert ended == 1 and "> PUT http" in out and "was redirected" not in out


def test_null_origin(capsys: pytest.CaptureFixture[str]) -> None:
    with fixed_server({}, 502) as url:
        assert main(["explain", url, "--origin", "null"]) == 1
    assert "If the app itself responded: cors_group(…)." in capsys.readouterr().out


def test_near_miss(explain: Any) -> None:
    """An allowed origin that differs in one thing is named; http is not advised beside https."""
    with fixed_server({"access-control-allow-origin": f"{ORIGIN}/"}) as url:
        ended, out = explain(url)
    assert ended == 1
    assert f"{ORIGIN} differs only in the slash at the end from {ORIGIN}/, which is allowed.\n" in out
    assert f"Change: Send access-control-allow-origin: {ORIGIN}." in out


def test_near_miss_of_http(capsys: pytest.CaptureFixture[str]) -> None:
    with fixed_server(ALLOW) as url:
        assert main(["explain", url, "--origin", "http://app.example"]) == 1
    out = capsys.readouterr().out
    assert f"http://app.example differs only in the scheme from {ORIGIN}, which is allowed.\n" in out
    assert "Change: Open the page with https.\n" in out and "Send access-control" not in out


def test_output_is_cut(explain: Any) -> None:
    """A server can send a Location of any length."""
    with fixed_server({"location": f"https://elsewhere.example/{'a' * 70_000}"}, 302) as url:
        ended, out = explain(url)
    assert ended == 1
    assert len(out) < 3_000 and "… (70026 characters)" in out
