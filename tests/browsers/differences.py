"""The differences between browsers and their models in `corsbp.testing.engines`.

A model is a list of quirks; these differences would cost more code than they are worth.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A difference between an engine and its model, and the scenarios that show it."""

    reason: str
    engine: str
    names: tuple[str, ...]


SANDBOXED = "cookies: one site, a sandboxed frame"
DIFFERENCES = [
    Difference(
        "a preflight of the page's own server, after a redirect, need not name its origin",
        "firefox",
        tuple(
            f"redirect-origin: api to home, {what}, null is allowed"
            for what in ("PUT", "authorization", "a header")
        ),
    ),
    Difference("the page sees a data: URL without its spaces", "firefox", ("bodies: data",)),
    Difference("an address has domains above it", "webkit", ("cookies: domains",)),
    Difference("a sandboxed frame is of its page's site", "webkit", (SANDBOXED, f"by name: {SANDBOXED}")),
    Difference(
        "after a redirect from another site to an IP address, the request is of the page's own site",
        "webkit",
        ("cookies: a redirect from third to api",),
    ),
    Difference("a handshake is redirected", "webkit", ("sockets: a redirect",)),
    Difference(
        "any resource policy satisfies the embedder policy, even an unknown one",
        "firefox",
        tuple(
            f"require-corp: {call}, {where}, nonsense"
            for call in ("fetch", "image")
            for where in ("one site", "another site")
        ),
    ),
    Difference(
        "of two content types, the first one counts", "webkit", ("scripts: text/plain, text/javascript",)
    ),
    Difference(
        "the beacon of a sandboxed frame has the origin of its page",
        "webkit",
        ("beacons: a sandboxed frame",),
    ),
]
EXCEPTIONS = {(name, each.engine): each.reason for each in DIFFERENCES for name in each.names}
"""The reasons for different outcomes, by scenario and engine."""

FORGERY_DIFFERENCES = [
    Difference(
        "the beacon of a sandboxed frame has the origin of its page",
        "webkit",
        ("cookies: beacon of sandboxed",),
    ),
    Difference(
        "an http and an https page of one host are of one site",
        "firefox",
        tuple(
            f"cookies: {call} to secure"
            for call in (
                *(
                    f"{kind} of mixed"
                    for kind in ("form", "beacon", "no-cors", "fetch", "fetch with cookies")
                ),
                *(f"{kind} of app" for kind in ("form", "fetch with cookies")),
            )
        ),
    ),
]
FORGERY_EXCEPTIONS = {(name, each.engine): each.reason for each in FORGERY_DIFFERENCES for name in each.names}
"""The same for the cases of `forgeries.py`."""
