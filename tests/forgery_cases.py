"""A table of policies that check requests, and of requests, with the reason for which each is refused.

The pure rules and the app on each server read the same table. The path of every request serves GET and the
methods that change something. The cases of Go's own test of `CrossOriginProtection` are among them: each that
corsbp decides otherwise says why.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .cases import EVIL, ONE, SUB

OWN = "https://api.example"
HOST = "api.example"
GO = "https://trusted.example"

FORGED = "request-cross-origin"
METHOD = "request-method"
CREDENTIALS = "request-with-credentials"

# The sites that a browser names in Sec-Fetch-Site.
SAME, CROSS, SIBLING, USER = "same-origin", "cross-site", "same-site", "none"

POLICIES: dict[str, dict[str, Any]] = {
    "one": {"allow_origins": [ONE]},
    "list": {"allow_origins": [ONE, GO, "capacitor://localhost"]},
    "credentials": {"allow_origins": [ONE], "allow_credentials": True},
    "patterns": {"allow_origins": ["https://*.tenants.example", "http://localhost:*"]},
    "function": {"allow_origins": lambda origin, request: origin == ONE, "allow_credentials": True},
    "broken": {"allow_origins": lambda origin, request: 1 / 0, "allow_credentials": True},
    "methods": {"allow_origins": [ONE], "allow_methods": ["PUT", "GET"]},
    "none": {"allow_origins": [ONE], "allow_methods": ()},
    "any": {},
    "unchecked": {"allow_origins": [ONE], "check_requests": False},
}


class Case(NamedTuple):
    """A request, and the id with which it is refused; None if it is served."""

    name: str
    policy: str
    id: str | None
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    host: str = HOST
    checks: str = "writes"

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the policy."""
        return {"check_requests": self.checks, **POLICIES[self.policy]}


def sent(*origins: str, site: str | None = None, **more: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request: its Origin lines, its Sec-Fetch-Site, and more."""
    pairs = [("origin", origin) for origin in origins]
    pairs += [("sec-fetch-site", site)] if site is not None else []
    return (*pairs, *((name.replace("_", "-"), value) for name, value in more.items()))


NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}

MALFORMED = [
    "",
    " ",
    "*",
    "x",
    f"{ONE}/",
    f"{ONE}/path",
    f"{ONE},{EVIL}",
    f"{ONE} {EVIL}",
    "https://user@app.example",
    "https://",
    "https://app.example:",
    "https://app.example:0",
    "https://app.example:65536",
    "https://app.example:443:443",
    "http:app.example",
    "https://app .example",
    "https://app..example",
    "https://\u212aelvin.example",
    "https://app.example\x7f",
    "null null",
    "null://",
]


def go(test: str, name: str, id_: str | None, method: str = "POST", *origins: str, **headers: str) -> Case:
    """Return a case of Go's `TestCrossOriginProtection…`, for the server `https://example.com`."""
    return Case(f"Go {test}: {name}", "list", id_, method, sent(*origins, **headers), "example.com")


ATTACKER = "https://attacker.example"
TRUSTED = "TrustedOriginBypass"
GO_CASES = [
    go("SecFetchSite", "same-origin allowed", None, site=SAME),
    go("SecFetchSite", "none allowed", None, site=USER),
    go("SecFetchSite", "cross-site blocked", FORGED, site=CROSS),
    go("SecFetchSite", "same-site blocked", FORGED, site=SIBLING),
    go("SecFetchSite", "no header with no origin", None),
    go("SecFetchSite", "no header with matching origin", None, "POST", "https://example.com"),
    go("SecFetchSite", "no header with mismatched origin", FORGED, "POST", ATTACKER),
    go("SecFetchSite", "no header with null origin", FORGED, "POST", "null"),
    go("SecFetchSite", "GET allowed", None, "GET", site=CROSS),
    go("SecFetchSite", "HEAD allowed", None, "HEAD", site=CROSS),
    go("SecFetchSite", "OPTIONS allowed", None, "OPTIONS", site=CROSS),
    go("SecFetchSite", "PUT blocked", FORGED, "PUT", site=CROSS),
    go(TRUSTED, "trusted origin without sec-fetch-site", None, "POST", GO),
    go(TRUSTED, "trusted origin with cross-site", None, "POST", GO, site=CROSS),
    go(TRUSTED, "untrusted origin without sec-fetch-site", FORGED, "POST", ATTACKER),
    go(TRUSTED, "untrusted origin with cross-site", FORGED, "POST", ATTACKER, site=CROSS),
    go("Server", "cross-site", FORGED, "POST", ATTACKER, site=CROSS),
    go("Server", "same-origin", None, site=SAME),
    go("Server", "origin matches host", None, "POST", "http://127.0.0.1:8000")._replace(
        host="127.0.0.1:8000"
    ),
    go("Server", "trusted origin", None, "POST", GO),
    go("Server", "untrusted origin", FORGED, "POST", ATTACKER),
]
"""The requests of Go's tests of `net/http.CrossOriginProtection` (src/net/http/csrf_test.go)."""

CASES = [
    # --- what reads only ---
    *(
        Case(f"{method} is safe", "one", None, method, sent(EVIL, site=CROSS))
        for method in ("GET", "HEAD", "OPTIONS")
    ),
    *(
        Case(f"{method} is not", "one", FORGED, method, sent(EVIL))
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ),
    Case("no check", "unchecked", None, "POST", sent(EVIL, site=CROSS, cookie="a=1")),
    # --- several lines, and a malformed Origin ---
    Case("two Origins", "one", FORGED, headers=sent(ONE, ONE)),
    Case("two Origins, of the own page", "one", FORGED, headers=sent(OWN, OWN, site=SAME)),
    Case("two Origins, any allowed", "any", FORGED, headers=sent(ONE, EVIL)),
    Case("two sites", "one", FORGED, headers=(*sent(OWN, site=SAME), ("sec-fetch-site", SAME))),
    Case("two sites, any allowed", "any", FORGED, headers=(*sent(site=SAME), ("sec-fetch-site", CROSS))),
    *(Case(f"malformed {origin!r}", "list", FORGED, headers=sent(origin)) for origin in MALFORMED),
    *(
        Case(f"malformed {origin!r}, any allowed", "any", FORGED, headers=sent(origin))
        for origin in MALFORMED
    ),
    Case("malformed, from the own page", "any", FORGED, headers=sent(f"{OWN}/", site=SAME)),
    Case("malformed, sent by the user", "any", FORGED, headers=sent("", site=USER)),
    # --- the own page, the user, no browser ---
    Case("own page", "one", None, headers=sent(OWN, site=SAME, cookie="a=1")),
    Case("own page without Origin", "one", None, headers=sent(site=SAME, cookie="a=1")),
    Case("own page, Host changed by a proxy", "one", None, headers=sent(EVIL, site=SAME)),
    Case("own page, no-referrer", "one", None, headers=sent("null", site=SAME)),
    Case("own form", "methods", None, headers=sent(OWN, site=SAME, cookie="a=1", **NAVIGATION)),
    Case("other case", "one", FORGED, headers=sent(site="Same-Origin")),
    Case("more than the word", "one", FORGED, headers=sent(site=f"{SAME},{SAME}")),
    Case("the user", "one", None, headers=sent(site=USER, cookie="a=1")),
    Case("the user, own", "one", None, headers=sent(OWN, site=USER)),
    Case("the user, allowed", "one", None, headers=sent(ONE, site=USER, cookie="a=1")),
    Case("the user, opaque", "one", None, headers=sent("null", site=USER)),
    Case("an extension", "one", None, headers=sent("chrome-extension://abcdefghijklmnop", site=USER)),
    Case("none beside a web page", "one", FORGED, headers=sent(EVIL, site=USER)),
    Case("none beside a web page, in capitals", "one", FORGED, headers=sent(EVIL.upper(), site=USER)),
    Case("no browser", "one", None, headers=sent(cookie="a=1", authorization="Basic YTpi")),
    Case("own Origin", "one", None, headers=sent(OWN, cookie="a=1")),
    Case("own Origin with its port", "one", None, headers=sent(f"{OWN}:443")),
    Case("own Origin in capitals", "one", None, headers=sent("HTTPS://API.example")),
    Case("own host in capitals", "one", None, headers=sent(OWN), host="API.Example"),
    Case("own host with its port", "one", None, headers=sent(OWN), host="api.example:443"),
    Case("own host with a dot", "one", None, headers=sent(f"{OWN}."), host="api.example."),
    Case("own http page", "one", None, headers=sent("http://api.example")),
    Case("own address", "one", None, headers=sent("http://[::1]:8000"), host="[::1]:8000"),
    Case("another port", "one", FORGED, headers=sent(f"{OWN}:8443")),
    Case("another port of the host", "one", FORGED, headers=sent(OWN), host="api.example:8443"),
    Case("another scheme", "one", FORGED, headers=sent("app://api.example")),
    Case("no Host", "one", FORGED, headers=sent(OWN), host=""),
    Case("neither", "one", FORGED, headers=sent("https://:443"), host=""),
    Case("own host from another site", "one", FORGED, headers=sent(OWN, site=CROSS)),
    Case("own host from a sibling", "one", FORGED, headers=sent(OWN, site=SIBLING)),
    # --- pages of others ---
    Case("another page", "one", FORGED, headers=sent(EVIL, site=CROSS)),
    Case("another page, any site", "one", FORGED, headers=sent(EVIL)),
    Case("a sibling", "one", FORGED, headers=sent("https://blog.api.example", site=SIBLING)),
    Case("opaque", "one", FORGED, headers=sent("null")),
    Case("opaque, cross-site", "one", FORGED, headers=sent("null", site=CROSS)),
    Case("opaque in capitals", "one", FORGED, headers=sent("NULL")),
    Case("no Origin, cross-site", "one", FORGED, headers=sent(site=CROSS)),
    Case("no Origin, an empty site", "one", FORGED, headers=sent(site="")),
    Case("no Origin, an unknown site", "one", FORGED, headers=sent(site="new-word")),
    Case("own Origin, an unknown site", "one", FORGED, headers=sent(OWN, site="new-word")),
    Case("a form", "list", FORGED, headers=sent(EVIL, site=CROSS, cookie="a=1", **NAVIGATION)),
    Case("one subdomain too few", "patterns", FORGED, headers=sent("https://tenants.example")),
    # --- pages that are allowed, used as the policy says ---
    Case("allowed", "one", None, headers=sent(ONE, site=CROSS)),
    Case("allowed sibling", "one", None, headers=sent(ONE, site=SIBLING)),
    Case("allowed, http", "one", None, headers=sent(ONE)),
    Case("allowed, an unknown site", "one", None, headers=sent(ONE, site="new-word")),
    Case("allowed in capitals", "one", FORGED, headers=sent(ONE.upper())),
    Case("allowed with its port", "one", FORGED, headers=sent(f"{ONE}:443")),
    Case("allowed app", "list", None, headers=sent("capacitor://localhost", site=CROSS)),
    Case("allowed by a pattern", "patterns", None, headers=sent(SUB, site=CROSS)),
    Case("allowed by any port", "patterns", None, headers=sent("http://localhost:3000", site=CROSS)),
    Case("allowed by a function", "function", None, headers=sent(ONE, site=CROSS, cookie="a=1")),
    Case("refused by a function", "function", FORGED, headers=sent(EVIL, site=CROSS)),
    Case("a function that fails", "broken", FORGED, headers=sent(ONE, site=CROSS)),
    Case("a function that fails, own page", "broken", None, headers=sent(OWN)),
    Case("any", "any", None, headers=sent(EVIL, site=CROSS)),
    Case("any, opaque", "any", None, headers=sent("null", site=CROSS)),
    Case("any, no Origin", "any", None, headers=sent(site=CROSS)),
    # --- with its method ---
    Case("a method of the list", "methods", None, "PUT", sent(ONE, site=CROSS)),
    Case("another method", "methods", METHOD, "POST", sent(ONE, site=CROSS)),
    Case("another method, own page", "methods", None, "POST", sent(OWN)),
    Case("another method, another page", "methods", FORGED, "POST", sent(EVIL)),
    Case("no method", "none", METHOD, "DELETE", sent(ONE)),
    Case("another method, and a cookie", "methods", FORGED, "POST", sent(ONE, cookie="a=1")),
    # --- without credentials ---
    Case("a cookie", "one", CREDENTIALS, headers=sent(ONE, site=CROSS, cookie="a=1")),
    Case("an empty cookie", "one", CREDENTIALS, headers=sent(ONE, site=CROSS, cookie="")),
    Case("a cookie, any", "any", CREDENTIALS, headers=sent(EVIL, site=CROSS, cookie="a=1")),
    Case("a cookie, any, no Origin", "any", CREDENTIALS, headers=sent(site=CROSS, cookie="a=1")),
    Case("a cookie, allowed", "credentials", None, headers=sent(ONE, site=CROSS, cookie="a=1")),
    Case("a token", "one", None, headers=sent(ONE, authorization="Bearer abc")),
    Case("a token, in other case", "one", None, headers=sent(ONE, authorization="bEARER abc")),
    Case("a bare scheme", "one", None, headers=sent(ONE, authorization="Bearer")),
    Case("a password", "one", CREDENTIALS, headers=sent(ONE, authorization="Basic YTpi")),
    Case("Negotiate", "one", CREDENTIALS, headers=sent(ONE, authorization="negotiate abc")),
    Case("an empty Authorization", "one", CREDENTIALS, headers=sent(ONE, authorization="")),
    Case("a scheme like it", "one", CREDENTIALS, headers=sent(ONE, authorization="Bearer2 abc")),
    Case("a scheme before it", "one", CREDENTIALS, headers=sent(ONE, authorization="Basic,Bearer abc")),
    Case(
        "a token and a password",
        "one",
        CREDENTIALS,
        headers=(*sent(ONE, authorization="Bearer abc"), ("authorization", "Basic YTpi")),
    ),
    Case("a password, allowed", "credentials", None, headers=sent(ONE, authorization="Basic YTpi")),
    Case("a form of an allowed page", "one", CREDENTIALS, headers=sent(ONE, site=CROSS, **NAVIGATION)),
    Case("a form, any", "any", CREDENTIALS, headers=sent(EVIL, site=CROSS, **NAVIGATION)),
    Case("a form, allowed", "credentials", None, headers=sent(ONE, site=CROSS, cookie="a=1", **NAVIGATION)),
    Case("another mode", "one", None, headers=sent(ONE, site=CROSS, sec_fetch_mode="no-cors")),
    # --- "all" ---
    Case("all: own page", "one", None, "GET", sent(site=SAME), checks="all"),
    Case("all: no browser", "one", None, "GET", checks="all"),
    Case("all: allowed", "one", None, "GET", sent(ONE, site=CROSS), checks="all"),
    Case(
        "all: allowed, a cookie", "one", CREDENTIALS, "GET", sent(ONE, site=CROSS, cookie="a=1"), checks="all"
    ),
    Case("all: another page", "one", FORGED, "GET", sent(EVIL, site=CROSS), checks="all"),
    Case("all: an image", "one", FORGED, "GET", sent(site=CROSS, sec_fetch_dest="image"), checks="all"),
    Case("all: an image of any page", "any", None, "GET", sent(site=CROSS), checks="all"),
    Case("all: HEAD", "one", FORGED, "HEAD", sent(EVIL, site=CROSS), checks="all"),
    Case("all: HEAD, allowed", "one", None, "HEAD", sent(ONE, site=CROSS), checks="all"),
    Case("all: a method left out", "none", METHOD, "GET", sent(ONE, site=CROSS), checks="all"),
    Case("all: a link", "one", None, "GET", sent(site=CROSS, cookie="a=1", **NAVIGATION), checks="all"),
    Case("all: a link, any", "any", None, "GET", sent(site=CROSS, cookie="a=1", **NAVIGATION), checks="all"),
    Case("all: HEAD by a link", "one", None, "HEAD", sent(site=CROSS, **NAVIGATION), checks="all"),
    Case("all: two Origins by a link", "one", FORGED, "GET", sent(ONE, ONE, **NAVIGATION), checks="all"),
    Case(
        "all: a frame",
        "one",
        FORGED,
        "GET",
        sent(site=CROSS, sec_fetch_mode="navigate", sec_fetch_dest="iframe"),
        checks="all",
    ),
    Case(
        "all: two destinations",
        "one",
        FORGED,
        "GET",
        (*sent(site=CROSS, **NAVIGATION), ("sec-fetch-dest", "document")),
        checks="all",
    ),
    Case("all: a form", "one", FORGED, "POST", sent(EVIL, site=CROSS, **NAVIGATION), checks="all"),
    Case("all: OPTIONS", "one", None, "OPTIONS", sent(EVIL, site=CROSS), checks="all"),
    *GO_CASES,
    # --- where Go differs ---
    # Go compares Host with the host of Origin, byte for byte. Browsers leave out the default port and write
    # lower case; a proxy may not.
    Case("not Go: Origin with :443", "list", None, headers=sent(f"{OWN}:443")),
    Case("not Go: Host with :443", "list", None, headers=sent(OWN), host="api.example:443"),
    Case("not Go: Host in capitals", "list", None, headers=sent(OWN), host="API.EXAMPLE"),
    # Go takes the host out of what `url.Parse` reads. No browser sends these, and programs do not agree on
    # which host they name.
    Case("not Go: a path", "list", FORGED, headers=sent(f"{OWN}/path")),
    Case("not Go: a user", "list", FORGED, headers=sent("https://user@api.example")),
    # Go has no schemes. Pages of http and https alone are the server's own: `ftp` has no pages, and an app
    # may register every other scheme.
    Case("not Go: another scheme", "list", FORGED, headers=sent("ftp://api.example")),
    Case("not Go: the scheme of an app", "list", FORGED, headers=sent("app://api.example")),
    # Go reads the first of several lines, and a proxy may read the last.
    Case("not Go: two lines", "list", FORGED, headers=sent(GO, EVIL)),
    Case("not Go: two sites", "list", FORGED, headers=(*sent(site=SAME), ("sec-fetch-site", CROSS))),
    # Go takes an empty Origin, or Sec-Fetch-Site, for a missing one. Browsers send neither empty.
    Case("not Go: an empty Origin", "list", FORGED, headers=sent("")),
    Case("not Go: an empty site", "list", FORGED, headers=sent(OWN, site="")),
    # In Go an empty Host is the own one of an Origin without a host.
    Case("not Go: an empty Host", "list", FORGED, headers=sent("https://"), host=""),
    Case("not Go: an empty Host beside an Origin", "list", FORGED, headers=sent(OWN), host=""),
    # Go trusts `none` whatever Origin says. Here, a web page in Origin has to be own or allowed.
    Case("not Go: none beside a web page", "list", FORGED, headers=sent(EVIL, site=USER)),
    # Go has no policy: a trusted origin may send cookies, and forms.
    Case(
        "not Go: a cookie of a trusted page", "list", CREDENTIALS, headers=sent(GO, site=CROSS, cookie="a=1")
    ),
    Case("not Go: a form of a trusted page", "list", CREDENTIALS, headers=sent(GO, site=CROSS, **NAVIGATION)),
]
# Go's exemptions are patterns of paths; here they are the policies of routes:
# tests/app/test_cross_origin_protection.py has those cases, and the others of Go that are no requests.

UNROUTED = [
    # Go checks QUERY and TRACE. Their standards define both as safe, and no browser sends TRACE.
    # https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
    *(
        Case(f"{method} is safe", "one", None, method, sent(EVIL, site=CROSS))
        for method in ("QUERY", "TRACE")
    ),
    *(
        Case(f"all: {method}", "one", FORGED, method, sent(EVIL, site=CROSS), checks="all")
        for method in ("QUERY", "TRACE")
    ),
]
"""Cases for the rules alone: Sanic routes no such method."""

assert len({case.name for case in CASES}) == len(CASES)
