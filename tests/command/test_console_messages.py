"""The messages of the consoles: those of the reference, which another test compares with the engines."""

from __future__ import annotations

import re

import pytest

from corsbp.command.console_messages import BROWSERS, MESSAGES, PREFLIGHT, console_messages
from corsbp.testing import STOPS, Answer, Result, Sent, Step

from ..support import EVIL, ORIGIN, ROOT

ALLOW = ("access-control-allow-origin", ORIGIN)


def make_result(stop: str, *headers: tuple[str, str], status: int = 200, **request: str) -> Result:
    """Make the result of a call that a check stopped."""
    sent = Sent(
        "GET",
        "https://api.example/",
        (("origin", EVIL), *((name.replace("_", "-"), value) for name, value in request.items())),
        preflight=stop.startswith("preflight-"),
        answer=Answer(status, headers),
    )
    return Result("error", "", 0, {}, b"", (sent,), (Step("", stop),))


def test_messages_of_the_reference() -> None:
    readme = (ROOT / "corsbp" / "README.md").read_text()
    table = readme[readme.index("## Messages in the browser's console") : readme.index("### Failed to fetch")]
    assert "Permission was denied for this request to access the `loopback` address space" in readme
    assert set(MESSAGES) < set(STOPS)
    values = {"origin": ORIGIN, "status": "405", "credentials": "", "method": "PUT", "header": "x-foo"}
    for stop, row in MESSAGES.items():
        allowed = f"{ORIGIN}, *" if stop == "origin-several" else ORIGIN
        for browser, message in zip(BROWSERS, row, strict=True):
            text = message.format_map({**values, "allowed": allowed})
            quoted = re.findall(rf"^- {browser}(?:, if [^:]+)?: (.*?)[.…]?$", table, re.M)
            patterns = [".*".join(map(re.escape, re.split(r" ?… ?", each))) for each in quoted]
            assert any(re.search(pattern, text) for pattern in patterns), text


MISSING = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
NO_HEADER = "(Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: {}."
ROWS: list[tuple[Result, str, str, str]] = [
    # the result, and the messages of Chromium, Firefox and Safari
    (
        make_result("origin-missing", status=404),
        MISSING,
        NO_HEADER.format(404),
        f"Origin {EVIL} is not allowed by Access-Control-Allow-Origin. Status code: 404",
    ),
    (
        make_result("origin-other", ALLOW),
        f"The 'Access-Control-Allow-Origin' header has a value '{ORIGIN}' that is not equal to the supplied "
        "origin.",
        f"(Reason: CORS header ‘Access-Control-Allow-Origin’ does not match ‘{ORIGIN}’).",
        f"Origin {EVIL} is not allowed by Access-Control-Allow-Origin. Status code: 200",
    ),
    # a login before the app: Chromium and Firefox look at the origin before they look at the status
    (
        make_result("preflight-status", status=401),
        f"{PREFLIGHT}{MISSING}",
        NO_HEADER.format(401),
        "Preflight response is not successful. Status code: 401",
    ),
    (
        make_result("preflight-status", ("access-control-allow-origin", "*"), status=401),
        f"{PREFLIGHT}It does not have HTTP ok status.",
        "(Reason: CORS preflight response did not succeed). Status code: 401.",
        "Preflight response is not successful. Status code: 401",
    ),
    (
        make_result("preflight-redirect", status=307),
        f"{PREFLIGHT}Redirect is not allowed for a preflight request.",
        NO_HEADER.format(307),
        "Preflight response is not successful. Status code: 307",
    ),
    (
        make_result("preflight-redirect", ("access-control-allow-origin", "*"), status=307),
        f"{PREFLIGHT}Redirect is not allowed for a preflight request.",
        "(Reason: CORS request external redirect not allowed).",
        "Preflight response is not successful. Status code: 307",
    ),
    (
        make_result(
            "preflight-header",
            ("access-control-allow-headers", "X-A"),
            access_control_request_headers="x-a,x-b",
        ),
        "Request header field x-b is not allowed by Access-Control-Allow-Headers in preflight response.",
        "(Reason: header ‘x-b’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS "
        "preflight response).",
        "Request header field x-b is not allowed by Access-Control-Allow-Headers.",
    ),
    (
        make_result("preflight-method"),
        "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
        "(Reason: Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
        "Method PUT is not allowed by Access-Control-Allow-Methods.",
    ),
    (
        make_result("credentials", ALLOW, ("access-control-allow-credentials", "True")),
        "The value of the 'Access-Control-Allow-Credentials' header in the response is 'True' which must be "
        "'true' when the request's credentials mode is 'include'.",
        "(Reason: expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
        'Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
    ),
]


@pytest.mark.parametrize(("result", "chromium", "firefox", "safari"), ROWS)
def test_console_messages(result: Result, chromium: str, firefox: str, safari: str) -> None:
    assert console_messages(result, "PUT") == [
        ("Chromium", chromium),
        ("Firefox", firefox),
        ("Safari", safari),
    ]


def test_no_message() -> None:
    """Of a check without a message, of a call without a response, and of one that sent nothing."""
    assert console_messages(make_result("preflight-malformed"), "GET") == []
    sent = Sent("GET", "https://api.example/", (("origin", ORIGIN),))
    for requests in ((sent,), ()):
        assert (
            console_messages(Result("error", "", 0, {}, b"", requests, (Step("", "no-answer"),)), "GET") == []
        )
