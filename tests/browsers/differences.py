"""Where real browsers do otherwise than the simulator, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from corsbp.testing.browser import EngineName


@dataclass(frozen=True)
class Difference:
    """What engines do otherwise than the simulator, and the scenarios that show it."""

    reason: str
    engines: tuple[str, ...]
    names: tuple[str, ...]
    simulated: tuple[EngineName, ...] = get_args(EngineName)


CHROMIUM, FIREFOX, WEBKIT = "chromium", "firefox", "webkit"
STANDARD: tuple[EngineName, ...] = ("standard",)
LETTERS = tuple(
    f"request headers: accept{label}" for label in (" with a letter of Latin-1", ", 100 letters of Latin-1")
)
EMPTY_LOCATION = ("redirect to empty from api/a", "redirect to empty from home/a")
WHERE = ("one site", "another site")
ALLOWED = ", null is allowed"

DIFFERENCES = [
    # what `engine="today"` does as well
    Difference(
        "* in allow-headers covers Authorization",
        (CHROMIUM, FIREFOX, WEBKIT),
        ("headers: *, for authorization", "headers: *, and x-one, for authorization"),
        STANDARD,
    ),
    # what `engine="today"` does not count on: that preflights are remembered
    Difference(
        "a negative max-age is 0, and not nonsense, which is 5 seconds",
        (CHROMIUM, FIREFOX, WEBKIT),
        ("preflight-cache: max-age -1",),
        STANDARD,
    ),
    Difference(
        "nonsense in max-age is 0, and not 5 seconds",
        (FIREFOX,),
        tuple(
            f"preflight-cache: max-age {label}"
            for label in ("junk", "600 and junk", "two lines", "two lines that differ", "a sum", "a fraction")
        ),
        STANDARD,
    ),
    Difference(
        "what * allowed is not remembered",
        (FIREFOX,),
        ("preflight-cache: * in the methods", "preflight-cache: * in the headers"),
        STANDARD,
    ),
    Difference(
        "what is allowed with credentials is not remembered for requests without",
        (FIREFOX,),
        ("preflight-cache: first with credentials",),
        STANDARD,
    ),
    Difference(
        "a preflight is remembered though the answer to the request was refused",
        (CHROMIUM, WEBKIT),
        ("preflight-cache: after a refused answer", "preflight-cache: after a second refused answer"),
        STANDARD,
    ),
    Difference(
        "a preflight is remembered though the redirect after it failed",
        (CHROMIUM, WEBKIT),
        ("preflight-cache: after another scheme", "preflight-cache: after no URL"),
        STANDARD,
    ),
    Difference(
        "a preflight is remembered though the redirect after it failed",
        (CHROMIUM, FIREFOX, WEBKIT),
        ("preflight-cache: after redirect: error",),
        STANDARD,
    ),
    Difference(
        "a listener on the upload does not allow the method that it asks for",
        (CHROMIUM, FIREFOX, WEBKIT),
        ("upload: PUT, same-origin, no methods", "upload: PUT, include, no methods"),
        STANDARD,
    ),
    # cookies
    Difference(
        "a cookie that says nothing of SameSite goes to other sites",
        (FIREFOX, WEBKIT),
        tuple(f"cookies: {label}, another site" for label in ("no SameSite", "nonsense")),
    ),
    Difference(
        "a cookie that says nothing of SameSite goes to other sites",
        (FIREFOX,),
        ("cookies: Secure, another site",),
    ),
    Difference(
        "no Secure cookie is kept over http, on this machine either",
        (WEBKIT,),
        (
            *("cookies: Secure, one site", "cookies: prefixes"),
            *(f"cookies: {kind}, {where}" for kind in ("None and Secure", "Partitioned") for where in WHERE),
        ),
    ),
    Difference(
        "SameSite=None needs no Secure", (WEBKIT,), tuple(f"cookies: None, {where}" for where in WHERE)
    ),
    Difference(
        "nothing is known of prefixes",
        (WEBKIT,),
        ("cookies: prefixes in small letters", "cookies: a prefix as a value"),
    ),
    Difference("cookies may be longer than 4,096 bytes", (WEBKIT,), ("cookies: 4,097 bytes",)),
    Difference("a value ends where it is no ASCII", (WEBKIT,), ("cookies: UTF-8",)),
    Difference("a long attribute counts", (WEBKIT,), ("cookies: a long path",)),
    Difference("an address has domains above it", (WEBKIT,), ("cookies: domains",)),
    Difference(
        "a sandboxed frame is of its page's site", (WEBKIT,), ("cookies: one site, a sandboxed frame",)
    ),
    Difference("a cookie without = is a name, not a value", (FIREFOX,), ("cookies: without =",)),
    Difference("a cookie without a name is none", (FIREFOX,), ("cookies: without a name",)),
    Difference(
        "after a redirect from another site, the request is of another site",
        (FIREFOX,),
        ("cookies: a redirect from third to api",),
    ),
    # what a browser tells
    Difference(
        "after a redirect, another port is another site",
        (FIREFOX,),
        tuple(f"metadata: a redirect from {start} to api" for start in ("home", "api")),
    ),
    Difference(
        "after a redirect, nothing is told in mode cors",
        (WEBKIT,),
        tuple(
            f"metadata: a redirect from {start} to {end}"
            for start, end in (("home", "api"), ("home", "third"), ("third", "home"))
        ),
    ),
    Difference(
        "two ports of an address are not one site for Cross-Origin-Resource-Policy",
        (CHROMIUM,),
        ("embedding: 'same-site', api/a",),
    ),
    Difference(
        "the answer of a data: URL has a content-length",
        (FIREFOX,),
        ("bodies: data", "bodies: data, a sandboxed frame"),
    ),
    # request headers
    Difference(
        "lines of the same name are joined before they are measured, not measured each",
        (CHROMIUM, WEBKIT),
        ("request headers: 1024 bytes together", "request headers: 200 bytes in two"),
    ),
    Difference(
        "safelisted values may have more than 1024 bytes together",
        (FIREFOX,),
        ("request headers: more than 1024 bytes together",),
    ),
    Difference(
        "a preflight names a header twice that is there twice",
        (FIREFOX,),
        ("request headers: the same one twice",),
    ),
    Difference("accept with a letter of Latin-1 needs a permission", (FIREFOX,), LETTERS),
    Difference(
        "a letter of Latin-1 is sent as UTF-8", (WEBKIT,), (*LETTERS, "request headers: a letter of Latin-1")
    ),
    Difference(
        "a letter of Latin-1 in an answer cannot be read",
        (WEBKIT,),
        ("response-headers: a letter of Latin-1",),
    ),
    # redirects
    Difference(
        "the GET that a 303 makes of a PUT has a preflight",
        (FIREFOX, WEBKIT),
        ("redirect-origin: 303 of PUT",),
    ),
    Difference(
        "a preflight is sent on for Authorization, which is then not sent",
        (FIREFOX, WEBKIT),
        tuple(
            f"redirect-origin: {label}"
            for label in (
                "home to api, authorization",
                "api to home, authorization",
                f"api to home, authorization{ALLOWED}",
                "api to third, authorization",
                f"api to third, authorization{ALLOWED}",
            )
        ),
    ),
    Difference(
        "a preflight after a redirect has the page's origin, the request after it null",
        (FIREFOX,),
        tuple(
            f"redirect-origin: api to {end}, {what}{allowed}"
            for end in ("home", "third")
            for what in ("PUT", "a header")
            for allowed in ("", ALLOWED)
        ),
    ),
    Difference(
        "the origin is null as soon as a redirect leads a POST away",
        (CHROMIUM,),
        ("mode no-cors: 307 of POST, home to api to home",),
    ),
    Difference(
        "cookies stay with a redirect that leads away",
        (WEBKIT,),
        tuple(
            f"mode no-cors: {status} of {method}, home to api to home"
            for status in (302, 307)
            for method in ("GET", "POST")
        ),
    ),
    Difference("a redirect to an empty address is none", (CHROMIUM,), EMPTY_LOCATION),
    Difference("a redirect to an empty address fails at once", (WEBKIT,), EMPTY_LOCATION),
    Difference(
        "a redirect without an address is none",
        (CHROMIUM, WEBKIT),
        ("redirect: error, api/a, no location", "redirect: error, home/a, no location"),
    ),
    Difference(
        "a redirect without an address, not followed, can be read",
        (WEBKIT,),
        ("redirect: manual, api/a, no location", "redirect: manual, home/a, no location"),
    ),
    Difference(
        "a redirect to an address with a user name always fails",
        (CHROMIUM,),
        ("redirect to user name, home from home/a", "mode no-cors: api to user info"),
    ),
    Difference(
        "the same address twice is one address",
        (CHROMIUM, FIREFOX),
        ("urls: Location: twice the same",),
    ),
    Difference(
        "two addresses are one with a comma inside",
        (WEBKIT,),
        ("urls: Location: twice the same", "urls: Location: two"),
    ),
    Difference(
        "bytes beyond ASCII are UTF-8, which no standard says",
        (CHROMIUM, FIREFOX),
        ("urls: Location: in UTF-8",),
    ),
]

EXCEPTIONS: dict[EngineName, dict[tuple[str, str], str]] = {
    simulated: {
        (name, engine): difference.reason
        for difference in DIFFERENCES
        if simulated in difference.simulated
        for engine in difference.engines
        for name in difference.names
    }
    for simulated in get_args(EngineName)
}
"""By what is simulated, then by scenario and engine: why they come out differently."""
