"""Cases of forged requests: the page, its call, and what the app makes of each request (`check_requests`).

The app is `http://127.0.0.1:PORT`, and has a cookie. Its policies allow the pages `app` (the same host,
another port) and `shop` (another site). `mixed` is the app over http, and `secure` the app over https, both
with one host and one port.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from .scenario import Call

OWN, SANDBOXED, INSECURE = "own", "sandboxed", "mixed"
ALLOWED, ALLOWED_SITE = "app", "shop"
OTHER_PORT, OTHER_SITE = "other", "stranger"

HANDLER, PREFLIGHT = "handler", "preflight"
CROSS_ORIGIN, CREDENTIALS, METHOD = "request-cross-origin", "request-with-credentials", "request-method"

FORM = Call(kind="form", body="a=1")
NO_CORS = Call(method="POST", mode="no-cors", credentials="include", body="text")
FETCH = Call(method="POST", credentials="omit", body="text")
IMAGE = Call(kind="image")
WRITES = {
    "form": FORM,
    "text form": replace(FORM, content_type="text/plain"),
    "file form": replace(FORM, content_type="multipart/form-data"),
    "beacon": Call(kind="beacon", body="text"),
    "no-cors": NO_CORS,
    "fetch": FETCH,
    "fetch with cookies": replace(FETCH, credentials="include"),
}
JSON = {
    "JSON beacon": Call(kind="beacon", body="{}", content_type="application/json"),
    "PUT": replace(FETCH, method="PUT", credentials="include"),
}
READS = {
    "link": Call(kind="navigate"),
    "image": IMAGE,
    "image with CORS": replace(IMAGE, crossorigin="anonymous"),
    "GET": replace(FETCH, method="GET", body=None),
}


@dataclass(frozen=True)
class Forgery:
    """One call of a page, and its outcome: a handler, a preflight that denies it, or the id of a refusal.

    In `call.to`, `{own}` and `{app}` are origins, `{case}` is the query of this case.
    """

    name: str
    page: str
    call: Call
    outcome: str
    unlike: Mapping[str, str] = field(default_factory=dict)  # engines with another outcome

    def outcome_in(self, engine: str) -> str:
        return self.unlike.get(engine, self.outcome)


def calls_of(
    section: str, page: str, calls: Mapping[str, Call], outcome: str, *, host: str = OWN, **unlike: str
) -> Iterator[Forgery]:
    for label, call in calls.items():
        path = "picture" if call.kind == "image" else "item"
        to = f"{{{host}}}/{section}/{path}?{{case}}"
        name = f"{section}: {label} of {page}" + ("" if host == OWN else f" to {host}")
        yield Forgery(name, page, replace(call, to=to), outcome, unlike)


def pick(*labels: str) -> dict[str, Call]:
    return {label: {**WRITES, **JSON, **READS}[label] for label in labels}


def forgeries() -> Iterator[Forgery]:
    some = pick("form", "beacon", "no-cors", "fetch", "fetch with cookies")
    # an allowed page may send all that the policy says, as may the server's own
    yield from calls_of("cookies", OWN, {**WRITES, **JSON}, HANDLER)
    yield from calls_of("cookies", ALLOWED, {**some, **JSON}, HANDLER)
    yield from calls_of("cookies", ALLOWED_SITE, {**some, **JSON}, HANDLER)
    for page in (OTHER_PORT, OTHER_SITE, SANDBOXED):
        # the beacon of a sandboxed frame has the origin of its page, which is allowed here
        unlike = {"webkit": HANDLER} if page == SANDBOXED else {}
        yield from calls_of("cookies", page, pick("beacon"), CROSS_ORIGIN, **unlike)
        yield from calls_of(
            "cookies", page, pick("form", "no-cors", "fetch", "fetch with cookies"), CROSS_ORIGIN
        )
        yield from calls_of("cookies", page, JSON, PREFLIGHT)
    yield from calls_of("cookies", OTHER_SITE, pick("text form", "file form"), CROSS_ORIGIN)
    yield from calls_of("cookies", OTHER_SITE, READS, HANDLER)
    exempt = replace(FORM, to="{own}/cookies/callback?{case}")
    yield Forgery("an exempt route: form of stranger", OTHER_SITE, exempt, HANDLER)

    yield from calls_of(
        "tokens", ALLOWED, pick("form", "beacon", "no-cors", "fetch with cookies"), CREDENTIALS
    )
    yield from calls_of("tokens", ALLOWED, pick("fetch"), HANDLER)
    yield from calls_of("tokens", ALLOWED_SITE, pick("form"), CREDENTIALS)
    yield from calls_of("tokens", ALLOWED_SITE, pick("fetch"), HANDLER)

    yield from calls_of("all", OWN, READS, HANDLER)
    yield from calls_of("all", ALLOWED, pick("link", "image with CORS", "GET"), HANDLER)
    yield from calls_of("all", ALLOWED, pick("image"), CROSS_ORIGIN)
    yield from calls_of("all", OTHER_SITE, pick("link"), HANDLER)
    yield from calls_of("all", OTHER_SITE, pick("image", "image with CORS", "GET"), CROSS_ORIGIN)
    yield from calls_of("all", SANDBOXED, pick("image", "GET"), CROSS_ORIGIN)
    # http to https: the own page can be changed by everybody on its way
    yield from calls_of("cookies", INSECURE, some, CROSS_ORIGIN, host="secure")
    yield from calls_of("cookies", ALLOWED, pick("form", "fetch with cookies"), HANDLER, host="secure")
    yield from calls_of("cookies", OTHER_SITE, pick("form"), CROSS_ORIGIN, host="secure")
    yield from redirects()


def redirects() -> Iterator[Forgery]:
    """Redirects by the app itself, and by an allowed origin."""
    statuses = {307: pick("form", "no-cors", "fetch"), 308: pick("form")}
    for status, calls in statuses.items():
        yield from over(OWN, status, OWN, calls, HANDLER)
        # a page that the origin changes twice for has the origin `null`
        yield from over(ALLOWED, status, OWN, calls, CROSS_ORIGIN)
        yield from over(OWN, status, ALLOWED, calls, HANDLER)
        yield from over(OWN, status, OTHER_SITE, calls, CROSS_ORIGIN)
        yield from over(ALLOWED, status, OTHER_SITE, calls, CROSS_ORIGIN)
    # at the first change already: Chromium and WebKit in forms, Chromium without CORS
    yield from over(ALLOWED, 307, ALLOWED, pick("form"), CROSS_ORIGIN, firefox=HANDLER)
    yield from over(ALLOWED, 308, ALLOWED, pick("form"), CROSS_ORIGIN, firefox=HANDLER)
    yield from over(ALLOWED, 307, ALLOWED, pick("no-cors"), HANDLER, chromium=CROSS_ORIGIN)
    yield from over(ALLOWED, 307, ALLOWED, pick("fetch"), HANDLER)


def over(
    host: str, status: int, page: str, calls: Mapping[str, Call], outcome: str, **unlike: str
) -> Iterator[Forgery]:
    """Yield calls of an address that redirects them to the app."""
    for label, call in calls.items():
        to = f"{{{host}}}/moved/{status}?{{case}}&to={{own}}/cookies/item?{{case}}"
        yield Forgery(f"{status} over {host}: {label} of {page}", page, replace(call, to=to), outcome, unlike)


FORGERIES = [*forgeries()]
