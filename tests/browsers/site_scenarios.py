"""Scenarios that depend on sites: cookies, metadata, embedding, sockets; and bodies without an end.

As in `cors_scenarios`; `home` and `api` are one site here, on two ports, and `third` and `shop` are two
others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .cors_scenarios import (
    ANY,
    HEADERS,
    METHODS,
    NULL,
    PUT,
    WITH_COOKIES,
    one,
    preflight_allows,
    redirect_to,
    respond,
)
from .scenario import OPEN, OPEN_HEADERS, Call, Pairs, Reply, Route, Scenario

THIRD = replace(WITH_COOKIES, to="third/a")
CROSS_SITE = "SameSite=None; Secure"
POLICY = "cross-origin-resource-policy"
FEED: Pairs = (("content-type", "text/event-stream"),)


KINDS = {
    "no SameSite": "path={folder}",
    "Lax": "path={folder}; SameSite=Lax",
    "Strict": "path={folder}; SameSite=Strict",
    "None": "path={folder}; SameSite=None",
    "None and Secure": "path={folder}; samesite=NONE; secure",
    "nonsense": "path={folder}; SameSite=Nonsense",
    "Secure": "path={folder}; Secure",
    "Partitioned": f"path={{folder}}; {CROSS_SITE}; Partitioned",
    "Lax after None": "path={folder}; SameSite=None; SameSite=Lax; HttpOnly",
}


def cross_site_cookie(name: str, attributes: str) -> tuple[str, str]:
    """Return a cookie for other sites, and one for WebKit, which keeps no Secure cookie over http."""
    return f"{name}=1; {attributes}; {CROSS_SITE}", f"{name}=1; {attributes}; SameSite=None"


def cookies() -> Iterator[Scenario]:
    for label, attributes in KINDS.items():
        for where, hosts in {"one site": ("api",), "another site": ("third", "shop")}.items():
            fetches = tuple(replace(WITH_COOKIES, to=f"{host}/a") for host in hosts for _ in range(2))
            visits = tuple((host, f"visit=1; {attributes}") for host in hosts)
            sets = respond((*OPEN_HEADERS, ("set-cookie", f"fetch=1; {attributes}")))
            routes = dict.fromkeys((fetch.to for fetch in fetches), sets)
            yield Scenario(f"cookies: {label}, {where}", fetches, routes, visits=visits)
    for label, lines in {
        "prefixes": (f"__Secure-a=1; path={{folder}}; {CROSS_SITE}", "__Secure-b=1; path={folder}"),
        "prefixes in small letters": ("__secure-a=1; path={folder}", "__host-b=1; path={folder}; secure"),
        "a prefix as a value": ("=__Secure-a; path={folder}",),
        "a prefix with a path": (f"__Host-a=1; path={{folder}}; {CROSS_SITE}",),
        "4,096 bytes": (f"a={'b' * 4095}; path={{folder}}",),
        "4,097 bytes": (f"a={'b' * 4096}; path={{folder}}",),
        "without =": ("a; path={folder}",),
        "without a name": ("=a; path={folder}",),
        "values": (
            *("a=; path={folder}", "; path={folder}", "b=c=d; path={folder}", "  e  =  f  ;  path={folder}"),
            *("g=h,i; path={folder}", 'j="k; l"; path={folder}'),
        ),
        "UTF-8": ("a=\xc3\xa4; path={folder}",),
        "ages": (
            *("a=1; path={folder}; max-age=0", "b=1; path={folder}; max-age=-1"),
            *("c=1; path={folder}; max-age=1s", "d=1; path={folder}; max-age=0; max-age=9"),
            "e=1; path={folder}; expires=Sat, 01 Jan 2000 00:00:00 GMT; max-age=9",
            "f=1; path={folder}; expires=Sat, 01 Jan 2000 00:00:00 GMT",
            *("g=1; path={folder}; expires=Sat, 01-Jan-00 00:00:00 GMT", "h=1; path={folder}; expires=soon"),
        ),
        "paths": (
            "a=1; path={folder}/a",
            "b=1; path={folder}/",
            "c=1; path={folder}",
            "d=1; path={folder}/b",
        ),
        "a path below, with a slash": ("a=1; path={folder}/a/",),
        "a long path": (f"a=1; path=/{'x' * 1100}",),
        "domains": ("a=1; path={folder}; domain=127.0.0.1", "b=1; path={folder}; domain=0.0.1"),
    }.items():
        visits = tuple(("api", line) for line in lines)
        yield Scenario(f"cookies: {label}", (WITH_COOKIES,), visits=visits)
    names = enumerate(("shop.localhost", ".shop.localhost", "localhost", "a.shop.localhost", "127.0.0.1"))
    cookies = [cross_site_cookie(f"a{n}", f"path={{folder}}; domain={name}") for n, name in names]
    visits = tuple(("shop", line) for each in cookies for line in each)
    yield Scenario("cookies: domains of names", (replace(WITH_COOKIES, to="shop/a"),), visits=visits)
    kept = (*cross_site_cookie("a", "path={folder}"), "lax=1; path={folder}; SameSite=Lax")
    both = tuple(("third", line) for line in kept)
    for label, fetches in {
        "omit and same-origin": (
            replace(THIRD, credentials="omit"),
            replace(THIRD, credentials="same-origin"),
        ),
        "methods": (replace(THIRD, method="POST", body="text"), replace(THIRD, method="PUT")),
        "no-cors": (replace(THIRD, mode="no-cors"),),
    }.items():
        yield Scenario(f"cookies: another site, {label}", fetches, visits=both)
    yield Scenario("cookies: another site, a sandboxed frame", (THIRD,), visits=both, opaque=True)
    lax = (("api", "lax=1; path={folder}; SameSite=Lax"),)
    yield Scenario("cookies: one site, a sandboxed frame", (WITH_COOKIES,), visits=lax, opaque=True)
    null = respond((*NULL, ("access-control-allow-credentials", "true")))
    for start, end in (("api", "third"), ("third", "api"), ("home", "third")):
        routes = {
            f"{start}/a": redirect_to(f"http://{{{end}}}/b"),
            f"{end}/b": OPEN if start == "home" else null,
        }
        visits = tuple((end, line) for _, line in both)
        fetch = replace(WITH_COOKIES, to=f"{start}/a")
        yield Scenario(f"cookies: a redirect from {start} to {end}", (fetch,), routes, visits=visits)


def metadata() -> Iterator[Scenario]:
    ranged = Call(headers=(("range", "bytes=0-9"),))
    for label, fetches in {
        "home": (Call("home/a"), Call("home/a", "POST", body="text")),
        "home, other modes": (Call("home/a", mode="same-origin"), Call("home/a", mode="no-cors")),
        "one site": (Call(), Call(mode="no-cors"), PUT),
        "another site": (THIRD, replace(THIRD, mode="no-cors"), replace(PUT, to="third/a")),
        "a range": (ranged, replace(ranged, to="home/a")),
        "an upload": (Call(method="POST", body="text", kind="upload"),),
    }.items():
        yield Scenario(f"metadata: {label}", fetches, metadata=True)
    for start, end in (
        ("home", "home"),
        ("home", "api"),
        ("home", "third"),
        ("api", "api"),
        ("third", "home"),
    ):
        routes = {f"{start}/a": redirect_to(f"http://{{{end}}}/b"), f"{end}/b": respond(ANY)}
        fetches = tuple(Call(f"{start}/a", mode=mode) for mode in ("cors", "no-cors"))
        yield Scenario(f"metadata: a redirect from {start} to {end}", fetches, routes, metadata=True)


def embedding() -> Iterator[Scenario]:
    for value in ("same-origin", "same-site", "cross-origin", "SAME-ORIGIN", "nonsense", " same-origin ", ""):
        for to in ("home/a", "api/a", "third/a"):
            fetch = Call(to, mode="no-cors")
            yield one(f"embedding: {value!r}, {to}", fetch, respond(((POLICY, value),)))
    same_origin: Pairs = ((POLICY, "same-origin"),)
    yield one("embedding: two lines", Call(mode="no-cors"), respond((*same_origin, *same_origin)))
    yield one("embedding: has no effect in mode cors", Call(), respond((*ANY, *same_origin)))
    post = Call(mode="no-cors", method="POST", body="text")
    yield one("embedding: POST", post, respond(same_origin))
    yield one("embedding: 404", Call(mode="no-cors"), respond(same_origin, status=404))
    yield one("embedding: a redirect", Call(mode="no-cors"), redirect_to("b", headers=same_origin))
    away = {"home/a": redirect_to("http://{third}/b"), "third/b": respond(same_origin)}
    yield Scenario("embedding: where a redirect redirect_to", (Call("home/a", mode="no-cors"),), away)
    yield one("embedding: a sandboxed frame", Call(mode="no-cors"), respond(same_origin), opaque=True)
    home = Call("home/a", mode="no-cors")
    yield one("embedding: a sandboxed frame, home", home, respond(same_origin), opaque=True)


def bodies() -> Iterator[Scenario]:
    def with_body(body: str, *headers: tuple[str, str], status: int = 200) -> Route:
        return Route((Reply((*OPEN_HEADERS, *headers), status, body),), OPEN.preflights)

    stream = Call(kind="stream")
    yield one("bodies: a stream of events", stream, with_body("data: news\n\n", *FEED))
    refused = Route((Reply(FEED, body="data: news\n\n"),))
    yield one("bodies: a stream of events that is refused", stream, refused)
    yield one("bodies: a byte order mark", Call(), with_body("\N{BYTE ORDER MARK}text"))
    for status in (204, 205, 304):
        yield one(f"bodies: {status}", Call(), with_body("", status=status))
    data = Call("data:text/plain,hello%20there?a#b")
    urls = (
        *("data:,", "data:text/plain;charset=utf-8;base64,aGVsbG8", "data:; base64 ,aGV%20sbG8="),
        *("data:;charset=utf-8,hello", "data:nonsense,hello", "data:text/html,<b>"),
    )
    fetches = (
        *map(Call, urls),
        *(data, replace(data, method="POST", body="text"), replace(data, headers=(("x-one", "1"),))),
        *(replace(data, mode="no-cors"), replace(data, mode="same-origin")),
    )
    yield Scenario("bodies: data", fetches)
    yield Scenario("bodies: data, a sandboxed frame", (data,), opaque=True)
    yield Scenario("bodies: invalid data", (Call("data:text/plain"), Call("data:;base64,a")))
    allowed = (*OPEN_HEADERS, (METHODS, "PUT"), (HEADERS, "x-one"), ("access-control-max-age", "600"))
    for label, fails in {
        "redirect: error": redirect_to("b"),
        "another scheme": redirect_to("ftp://{api}/b"),
        "no URL": redirect_to("http://["),
    }.items():
        route = Route(
            (OPEN.replies[0], *fails.replies, OPEN.replies[0]), preflight_allows(allowed).preflights
        )
        fetch = replace(PUT, redirect="error" if "error" in label else "follow")
        yield Scenario(f"preflight-cache: after {label}", (fetch, fetch, fetch), {"api/a": route})
    upload = Call(method="PUT", body="text", kind="upload")
    for credentials in ("same-origin", "include"):
        fetch = replace(upload, credentials=credentials)
        yield one(f"upload: PUT, {credentials}, no methods", fetch, preflight_allows(OPEN_HEADERS))


def open_socket(*headers: tuple[str, str], status: int = 101) -> Route:
    """Return a route that responds to a handshake."""
    return Route((Reply(headers, status),))


def sockets() -> Iterator[Scenario]:
    """Handshakes of WebSockets: no CORS, but an origin and cookies."""
    for where, to in {"home": "home/a", "one site": "api/a", "another site": "third/a"}.items():
        socket = Call(to, kind="socket")
        yield one(f"sockets: {where}", socket, open_socket(), metadata=True)
        yield one(f"sockets: {where}, a sandboxed frame", socket, open_socket(), metadata=True, opaque=True)
    for label, attributes in KINDS.items():
        for where, host in {"one site": "api", "another site": "third"}.items():
            sets = open_socket(("set-cookie", f"socket=1; {attributes}"))
            to = f"{host}/a"
            fetches = (Call(to, kind="socket"),) * 2
            yield Scenario(
                f"sockets: {label}, {where}", fetches, {to: sets}, visits=((host, f"visit=1; {attributes}"),)
            )


def closed_sockets() -> Iterator[Scenario]:
    socket = Call(kind="socket")
    for status in (200, 403, 404, 503):
        yield one(f"sockets: {status}", socket, open_socket(status=status))
    yield one("sockets: a redirect", socket, open_socket(("location", "b"), status=307))
    refused = open_socket(("set-cookie", "socket=1; path={folder}"), status=403)
    yield Scenario("sockets: a cookie of a refusal", (socket, socket), {"api/a": refused})


def named() -> Iterator[Scenario]:
    """Repeat the scenarios for a page whose host has a name: an IP address has no parent domain."""
    for each in (*cookies(), *metadata(), *embedding(), *sockets()):
        if "domains" not in each.name:
            yield replace(each, name=f"by name: {each.name}", named=True)


SCENARIOS = [*cookies(), *metadata(), *embedding(), *bodies(), *sockets(), *closed_sockets(), *named()]
