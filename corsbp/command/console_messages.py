"""The messages that browsers print in their consoles (Chromium 156, Firefox ESR 153, WebKitGTK 2.50)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from corsbp.command.app_address import assume_address
from corsbp.spec.fetch import ALLOW_CREDENTIALS, ALLOW_HEADERS, ALLOW_ORIGIN, ORIGIN, REQUEST_HEADERS
from corsbp.testing import Answer, Result, Sent
from corsbp.testing.cors_check import check_cors
from corsbp.testing.response_headers import header_names
from corsbp.testing.result import StoppedError
from corsbp.testing.short_text import shorten

BROWSERS: Final = ("Chromium", "Firefox", "Safari")

PREFLIGHT: Final = "Response to preflight request doesn't pass access control check: "
"""Chromium begins most messages about preflights with these words."""

MESSAGES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "origin-missing": (
            "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
            "(Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: {status}.",
            "Origin {origin} is not allowed by Access-Control-Allow-Origin. Status code: {status}",
        ),
        "origin-other": (
            "The 'Access-Control-Allow-Origin' header has a value '{allowed}' that is not equal to the "
            "supplied origin.",
            "(Reason: CORS header ‘Access-Control-Allow-Origin’ does not match ‘{allowed}’).",
            "Origin {origin} is not allowed by Access-Control-Allow-Origin. Status code: {status}",
        ),
        "origin-several": (
            "The 'Access-Control-Allow-Origin' header contains multiple values '{allowed}', but only one is "
            "allowed.",
            "(Reason: CORS header ‘Access-Control-Allow-Origin’ does not match ‘{allowed}’).",
            "Access-Control-Allow-Origin cannot contain more than one origin.",
        ),
        "origin-any": (
            "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard "
            "'*' when the request's credentials mode is 'include'.",
            "(Reason: Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’).",
            "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
        ),
        "credentials": (
            "The value of the 'Access-Control-Allow-Credentials' header in the response is '{credentials}' "
            "which must be 'true' when the request's credentials mode is 'include'.",
            "(Reason: expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
            'Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
        ),
        "preflight-status": (
            f"{PREFLIGHT}It does not have HTTP ok status.",
            "(Reason: CORS preflight response did not succeed). Status code: {status}.",
            "Preflight response is not successful. Status code: {status}",
        ),
        "preflight-redirect": (
            f"{PREFLIGHT}Redirect is not allowed for a preflight request.",
            "(Reason: CORS request external redirect not allowed).",
            "Preflight response is not successful. Status code: {status}",
        ),
        "preflight-method": (
            "Method {method} is not allowed by Access-Control-Allow-Methods in preflight response.",
            "(Reason: Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
            "Method {method} is not allowed by Access-Control-Allow-Methods.",
        ),
        "preflight-header": (
            "Request header field {header} is not allowed by Access-Control-Allow-Headers in preflight "
            "response.",
            "(Reason: header ‘{header}’ is not allowed according to header ‘Access-Control-Allow-Headers’ "
            "from CORS preflight response).",
            "Request header field {header} is not allowed by Access-Control-Allow-Headers.",
        ),
    }
)
"""By an id of `STOPS`: the messages of Chromium, Firefox and Safari. Ids without one are not in the table.

`tests/browsers/test_console.py` compares them with the browsers.
"""


def console_messages(result: Result, method: str) -> list[tuple[str, str]]:
    """Return the browsers, each with the message that it prints for a blocked call with this method."""
    stop = f"{result.blocked_by}"
    # Without a response, browsers print messages of the network, which are not about CORS.
    sent = result.sent[-1] if result.sent else None
    if sent is None or sent.answer is None:
        return []
    templates = [_template(each, stop, sent, number) for number, each in enumerate(_stops(stop, sent))]
    values = _values(sent, sent.answer, method)
    messages = zip(BROWSERS, templates, strict=True)
    return [(browser, template.format_map(values)) for browser, template in messages if template]


def _stops(stop: str, sent: Sent) -> tuple[str, str, str]:
    """Return the check that each browser complains about.

    Browsers look at the origin of a preflight response before its status, except Safari.
    """
    if stop == "preflight-status" and (first := _origin_stop(sent)):
        return first, first, stop
    # Firefox follows the redirect if the response allows the origin.
    if stop == "preflight-redirect" and (first := _origin_stop(sent)):
        return stop, first, stop
    return stop, stop, stop


def _origin_stop(sent: Sent) -> str | None:
    """Return the id of the CORS check that a preflight response fails, whatever its status is."""
    assert sent.answer is not None
    origin = next(value for name, value in sent.headers if name == ORIGIN)
    try:
        list(check_cors(sent.answer, origin, credentials=False, preflight=True))
    except StoppedError as error:
        return error.step.stop
    return None


def _template(stop: str, blocked_by: str, sent: Sent, browser: int) -> str:
    """Return a browser's message for an id; "" if it is not known."""
    if stop in MESSAGES:
        return MESSAGES[stop][browser]
    of_preflight = MESSAGES.get(stop.removeprefix("preflight-"), ("", "", ""))[browser]
    return f"{PREFLIGHT}{of_preflight}" if of_preflight and browser == 0 else of_preflight


def _values(sent: Sent, response: Answer, method: str) -> dict[str, str]:
    """Return the values that the messages show."""
    requested = next((value for name, value in sent.headers if name == REQUEST_HEADERS), "")
    allowed = {name.lower() for name in header_names(response, ALLOW_HEADERS) or ()}
    return {
        "origin": next((value for name, value in sent.headers if name == ORIGIN), ""),
        "status": str(response.status),
        "allowed": shorten(response.get(ALLOW_ORIGIN) or ""),
        "credentials": shorten(response.get(ALLOW_CREDENTIALS) or ""),
        "method": shorten(method),
        "header": shorten(next((name for name in requested.split(",") if name not in allowed), "")),
    }


# --- from a message to ids ---


CUT_MESSAGES: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "origin-other": re.compile("not equal to the supplied origin|does not match '[^,]*$"),
        "origin-several": re.compile("contains multiple values|Multiple CORS header|does not match '.*,"),
        "origin-any": re.compile("must not be the wildcard"),
        "credentials": re.compile("which must be 'true'"),
        # Firefox names the header that the redirect lacks.
        "preflight-redirect": re.compile("Origin' missing.* Status code: 3"),
    }
)
"""Parts of messages that are enough to know them, as on the page `corsbp/README.md`, which cuts some."""

NULL_ORIGIN: Final = re.compile("origin '?null'? (?:has been blocked|is not allowed)", re.IGNORECASE)
"""What messages of each kind say if the page has the origin null."""

OTHER_MESSAGES: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "handshake-refused": re.compile(
            "Error during WebSocket handshake|did not accept the WebSocket handshake"
            "|can't establish a connection to the server(?! at (?!ws))"
        ),
        "local-network": re.compile("Permission was denied for this request to access the"),
        "mixed-content": re.compile("^Mixed Content"),
        "no-answer": re.compile("net::ERR_(CONNECTION|NAME)_|CORS request did not succeed"),
        "resource-policy": re.compile(
            r"net::ERR_BLOCKED_BY_RESPONSE\.NotSameOrigin|Cross-Origin-(Embedder|Resource)-Policy"
        ),
    }
)
"""Messages that `corsbp explain` does not print: they are not about CORS, or have no response to show."""


EVERY_FAILURE: Final = re.compile("Failed to fetch|NetworkError when attempting to fetch|Load failed")
"""What scripts get from each browser, whatever stopped the call."""


_PLAIN_QUOTES: Final = str.maketrans("‘’", "''")
"""Firefox's quotation marks: few keyboards have them."""


def find_stops(text: str) -> list[str]:
    """Return the ids of `STOPS` that a message, or a part of it, can be about, and `origin-null`."""
    text = text.translate(_PLAIN_QUOTES)
    null = ["origin-null"] if NULL_ORIGIN.search(text) else []
    return [*_find_checks(text), *null]


def _find_checks(text: str) -> list[str]:
    full = [stop for stop, row in MESSAGES.items() if any(_pattern(each).search(text) for each in row)]
    cut = [stop for stop, pattern in CUT_MESSAGES.items() if pattern.search(text)]
    found = [*dict.fromkeys([*full, *cut])]
    if not found:
        return [stop for stop, pattern in OTHER_MESSAGES.items() if pattern.search(text)]
    if PREFLIGHT not in text:
        return found
    # Chromium has the same words after these for a preflight as for the response.
    return [stop if stop.startswith("preflight-") else f"preflight-{stop}" for stop in found]


def _pattern(template: str) -> re.Pattern[str]:
    """Return a pattern of a message, whatever its values are, without the words that stand around many."""
    constant = template.partition(" Status code: ")[0].translate(_PLAIN_QUOTES)
    constant = constant.removeprefix(PREFLIGHT).rstrip(".")
    constant = constant.removeprefix("(Reason: ").removesuffix(")")
    parts = re.split(r"\{\w+\}", constant)
    return re.compile(".*".join(map(re.escape, parts)))


def suggest_commands(text: str, stops: Collection[str] = ()) -> tuple[str, str]:
    """Return the commands that make the call of a browser's message: of the server, and of the app.

    Args:
        stops: the ids that the message is about.
    """
    url = _find(r"(?:at|load|to) '?((?:http|ws)s?://[^\s']+?)[.']?(?:\s|$)", text) or "URL"
    parts = urlsplit(url)
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    options = []
    if method := _find(r"Method (\S+) is not allowed", text):
        options.append(method)
    origin = _find(r"origin '?([a-z][a-z0-9+.-]*://[^\s']+|null)", text) or "ORIGIN"
    options += ["--origin", origin]
    if header := _find(r"(?:field |header [‘'])([\w-]+)[’']? is not allowed", text):
        options += ["--header", f"{header}: 1"]
    if any(stop.removeprefix("preflight-") in ("origin-any", "credentials") for stop in stops):
        options.append("--credentials")
    address = f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}"
    assumed = url == "URL" or address == assume_address(origin)
    # A URL can have characters that a shell reads: & in a query, at least.
    explain = ["corsbp", "explain"]
    app = ["MODULE:APP", "/PATH" if url == "URL" else path]
    at = [] if assumed else ["--base-url", address]
    return shlex.join([*explain, url, *options]), shlex.join([*explain, *app, *options, *at])


def _find(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.IGNORECASE)
    return found[1] if found else None
