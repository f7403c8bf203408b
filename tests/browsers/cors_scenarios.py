"""Scenarios of CORS: `fetch()` with all kinds of headers, preflights and redirects.

Many ideas are from the web-platform-tests, and the groups have their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from .scenario import OPEN, OPEN_HEADERS, Call, Pairs, Reply, Route, Scenario

ORIGIN = "access-control-allow-origin"
CREDENTIALS = "access-control-allow-credentials"
METHODS = "access-control-allow-methods"
HEADERS = "access-control-allow-headers"
EXPOSE = "access-control-expose-headers"
MAX_AGE = "access-control-max-age"

ANY: Pairs = ((ORIGIN, "*"),)
NULL: Pairs = ((ORIGIN, "null"),)
PUT = Call(method="PUT")
WITH_COOKIES = Call(credentials="include")
ONE: Pairs = (("x-one", "1"),)
TOKEN: Pairs = (("authorization", "Bearer secret"),)
MODES: tuple[Literal["omit", "same-origin", "include"], ...] = ("omit", "same-origin", "include")


def respond(*headers: Pairs, status: int = 200) -> Route:
    """Return a route whose replies have only these headers, one tuple for each reply."""
    return Route(tuple(Reply(each, status) for each in headers), OPEN.preflights)


def preflight_allows(*headers: Pairs, status: int = 204) -> Route:
    """Return a route whose preflight responses have these headers. It allows the request itself."""
    return Route(OPEN.replies, tuple(Reply(each, status) for each in headers))


def redirect_to(to: str, status: int = 307, headers: Pairs = OPEN_HEADERS) -> Route:
    return Route((Reply((*headers, ("location", to)), status),), OPEN.preflights)


def one(name: str, fetch: Call, route: Route = OPEN, **more: Any) -> Scenario:
    """Return a scenario with one call of one address."""
    return Scenario(name, (fetch,), {fetch.to: route}, **more)


# Simple requests, and those that are none


def basic() -> Iterator[Scenario]:
    for to in ("home/a", "api/a", "third/a", "shop/a"):
        yield one(f"basic: GET of {to}", Call(to))
        yield one(f"basic: PUT of {to}", Call(to, "PUT", body="{}"))
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        yield one(f"simple-requests: {method}", Call(method=method), methods(method))
    for method in ("get", "head", "post", "put", "delete", "patch", "options"):
        yield one(f"simple-requests: {method} in small letters", Call(method=method), methods("*"))
    yield one("simple-requests: a method of its own", Call(method="CHICKEN"), methods("CHICKEN"))
    for method in ("TRACE", "connect", "no method"):
        yield one(f"simple-requests: {method} is refused", Call(method=method))
    for body, kind in [
        ("text", None),
        ("text", "text/plain"),
        ("a=1", "application/x-www-form-urlencoded"),
        ("{}", "application/json"),
        ("{}", "text/plain; charset=utf-8"),
        ("{}", "TEXT/PLAIN;x=y"),
        ("{}", "text/plain; (comment)"),
        ("{}", "text/plain, application/json"),
        ("{}", "text"),
        ("{}", ""),
    ]:
        headers: Pairs = () if kind is None else (("content-type", kind),)
        yield one(f"simple-requests: POST of {kind}", Call(method="POST", headers=headers, body=body))
    yield one("basic: GET with a body", Call(body="text"))
    yield one("basic: HEAD with a body", Call(method="HEAD", body="text"))
    for status in (404, 500):
        yield one(f"basic: {status} is read", Call(), respond(ANY, status=status))


def methods(allowed: str) -> Route:
    return preflight_allows((*ANY, (METHODS, allowed)))


def request_headers() -> Iterator[Scenario]:
    for label, pairs in {
        "accept, 128 bytes": (("accept", "a" * 128),),
        "accept, 129 bytes": (("accept", "a" * 129),),
        "accept with an unsafe byte": (("accept", "a/b;c=(d)"),),
        "accept-language": (("accept-language", "en, de;q=0.5"),),
        "accept-language with an unsafe byte": (("accept-language", "en_US"),),
        "content-language": (("content-language", "en"),),
        "content-language with an unsafe byte": (("content-language", '"en"'),),
        "range": (("range", "bytes=0-9"),),
        "range without an end": (("range", "bytes=5-"),),
        "range from the end": (("range", "bytes=-5"),),
        "range backwards": (("range", "bytes=9-0"),),
        "several ranges": (("range", "bytes=0-1,3-4"),),
        "range in other units": (("range", "items=0-1"),),
        "thrice 128 bytes": tuple(
            (name, "a" * 128) for name in ("accept", "accept-language", "content-language")
        ),
        "1024 bytes together": (("accept", "a" * 128),) * 8,
        "more than 1024 bytes together": (("accept", "a" * 128),) * 9,
        "200 bytes in two": (("accept", "a" * 100),) * 2,
        "60 bytes in two": (("accept", "a" * 30),) * 2,
        "a letter of Latin-1": (("x-one", "\xe4"),),
        "a letter beyond Latin-1": (("x-one", "\u20ac"),),
        "accept with a letter of Latin-1": (("accept", "\xe4"),),
        "accept, 100 letters of Latin-1": (("accept", "\xe4" * 100),),
        "content-type with a letter of Latin-1": (("content-type", "text/plain;x=\xe4"),),
        "a tab inside": (("x-one", "1\t2"),),
        "a line break": (("x-one", "1\n2"),),
        "a line break at the end": (("x-one", "1\n"),),
        "DEL in accept": (("accept", "a\x7f"),),
        "quotes in content-type": (("content-type", 'text/plain; charset="utf-8"'),),
        "two forms in content-type": (("content-type", "text/plain, text/plain"),),
        "safe and unsafe accept": (("accept", "a"), ("accept", "(b)")),
        "authorization": TOKEN,
        "several, unsorted": (("x-two", "2"), ("X-One", "1"), ("content-type", "application/json")),
        "the same one twice": (("x-one", "1"), ("x-one", "2")),
        "an empty value": (("x-one", ""),),
        "spaces around the value": (("x-one", "  1 "),),
        "forbidden ones": (("cookie", "a=b"), ("origin", "http://evil.example"), ("sec-x", "1"), *ONE),
        "a method's override": (("x-http-method-override", "TRACE"), *ONE),
        "an invalid name": (("x one", "1"),),
    }.items():
        yield one(f"request headers: {label}", Call(headers=pairs))
    many = tuple((f"x-{number}", "v") for number in range(9))
    allowed = (*ANY, (HEADERS, ",".join(name for name, _ in many)))
    yield one("request headers: many", Call(headers=many), preflight_allows(allowed))
    for label, pairs in {
        "drops them": (*ONE, *TOKEN),
        "keeps the safelisted": (("accept", "a/b"), ("content-language", "en")),
        "drops a long one": (("accept", "a" * 129),),
        "drops two that are long together": (("accept", "a" * 100), ("accept", "b" * 100)),
        "drops a range": (("range", "bytes=0-9"),),
        "drops another content type": (("content-type", "application/json"),),
        "keeps a form's content type": (("content-type", "multipart/form-data"),),
    }.items():
        yield one(f"request headers: no-cors {label}", Call(mode="no-cors", headers=pairs))
        posted = Call(method="POST", mode="no-cors", headers=pairs, body="text")
        yield one(f"request headers: no-cors {label}, POST", posted)


def urls() -> Iterator[Scenario]:
    for name in (
        "a b",
        "ä",
        "a%20b%zz",
        "./x/../y/%2E",
        "x//y",
        "x\\y",
        "a#here",
        "a;b@c:d&e=f,g!$+(h)*~'",
        "a<b>c^d`e{f}",
        "a?",
        "a?q=ä&r=[]|'\"<>`{}^\\",
        "  a  ",
        "a\tb",
        "\U0001f600",
    ):
        yield one(f"urls: {name!r}", Call(f"api/{name}"))
    for location in (
        "{folder}/b",
        "?b",
        "a?",
        "x//y",
        "../{number}/./b",
        "http:b",
        "http:{folder}/b",
        "http:/{api}/b",
        "http:\\\\{api}\\b",
        "HTTP://{api}/b",
        "  b  ",
        "\\b",
        "x\\y",
        "///{api}/b",
        "//",
        "http:///",
        "http://{api}:1/b",
        "http://LOCALHOST:{port}{folder}/b",
        "http://127.1:{port}{folder}/b",
        "http://0x7f.1:{port}{folder}/b",
        "http://%6cocalhost:{port}{folder}/b",
        "about:blank",
        "javascript:1",
    ):
        yield one(f"urls: Location: {location}", Call(), redirect_to(location))
    yield one("urls: Location: in UTF-8", Call(), redirect_to("ä".encode().decode("latin-1")))
    yield one("urls: Location: in Latin-1", Call(), redirect_to("\xe4"))
    for label, lines in {"twice the same": ("b", "b"), "two": ("b", "c")}.items():
        headers = (*OPEN_HEADERS, *(("location", line) for line in lines))
        yield one(f"urls: Location: {label}", Call(), respond(headers, status=307))


# What respond say


ORIGINS = {
    "missing": (),
    "*": ("*",),
    "the page's": ("{origin}",),
    "another": ("http://other.example",),
    "null": ("null",),
    "twice": ("{origin}", "{origin}"),
    "two lines": ("{origin}", "*"),
    "two lines of *": ("*", "*"),
    "a list": ("{origin}, http://other.example",),
    "a list with spaces": ("{origin} http://other.example",),
    "upper case": ("HTTP://127.0.0.1",),
    "a slash at its end": ("{origin}/",),
    "spaces around": ("  {origin}  ",),
    "tabs around": ("\t{origin}\t",),
    "empty": ("",),
    "without scheme": ("127.0.0.1",),
    "quoted": ('"{origin}"',),
    "NULL": ("NULL",),
    "a pattern": ("http://127.0.0.1:*",),
    "**": ("**",),
}


def allow_origin() -> Iterator[Scenario]:
    for label, values in ORIGINS.items():
        headers = tuple((ORIGIN, value) for value in values)
        with_true = (*headers, (CREDENTIALS, "true"))
        yield one(f"origin: {label}", Call(), respond(headers))
        yield one(f"origin: {label}, with credentials", WITH_COOKIES, respond(with_true), cookie=True)
        yield one(f"origin: {label}, in a preflight", PUT, preflight_allows((*headers, (METHODS, "PUT"))))
        yield one(f"origin: {label}, for a sandboxed frame", Call(), respond(headers), opaque=True)
    yield one("origin: missing in the request after a preflight", PUT, respond(()))
    yield one("origin: a sandboxed frame's own server", Call("home/a"), opaque=True)
    yield one("origin: a sandboxed frame, a preflight", PUT, opaque=True)
    yield one("origin: same origin, POST sends it", Call("home/a", "POST", body="text"))
    yield one("origin: same origin, HEAD does not", Call("home/a", "HEAD"))
    yield one("origin: same origin, DELETE sends it", Call("home/a", "DELETE"))


CREDENTIALS_VALUES = {
    "missing": (),
    "true": ("true",),
    "True": ("True",),
    "TRUE": ("TRUE",),
    "two lines": ("true", "true"),
    "spaces around": (" true ",),
    "a list": ("true, false",),
    "false": ("false",),
    "1": ("1",),
    "empty": ("",),
}


def credentials_flag() -> Iterator[Scenario]:
    for label, values in CREDENTIALS_VALUES.items():
        headers = ((ORIGIN, "{origin}"), *((CREDENTIALS, value) for value in values))
        yield one(f"credentials-flag: {label}", WITH_COOKIES, respond(headers), cookie=True)
        yield one(
            f"credentials-flag: {label}, in a preflight",
            replace(WITH_COOKIES, method="PUT"),
            preflight_allows((*headers, (METHODS, "PUT"))),
            cookie=True,
        )
        yield one(f"credentials-flag: {label}, not needed", Call(), respond(headers), cookie=True)
    for credentials in MODES:
        for to in ("home/a", "api/a"):
            fetch = Call(to, credentials=credentials)
            yield one(f"credentials-flag: {credentials}, {to}", fetch, cookie=True)
            set_cookie = respond((*OPEN_HEADERS, ("set-cookie", "new=1; path={folder}")))
            again = replace(fetch, credentials="include")
            yield Scenario(
                f"credentials-flag: {credentials}, {to}, Set-Cookie", (fetch, again), {to: set_cookie}
            )
        yield one(f"credentials-flag: {credentials}, no-cors", Call(mode="no-cors", credentials=credentials))
    include = WITH_COOKIES
    for label, cookies, cookie in [
        ("though the response is refused", ("new=1; path={folder}",), False),
        ("deletes one", ("session=; max-age=0; path={folder}",), True),
        ("replaces one", ("session=bob; path={folder}",), True),
        ("elsewhere", ("new=1; path=/nowhere",), True),
        ("two lines", ("one=1; path={folder}", "two=2; path={folder}"), False),
        ("HttpOnly", ("new=1; path={folder}; HttpOnly",), False),
        ("SameSite=Strict", ("new=1; path={folder}; SameSite=Strict",), False),
        ("of another domain", ("new=1; path={folder}; domain=localhost",), False),
        ("expires", ("new=1; path={folder}; expires=Sat, 01 Jan 2000 00:00:00 GMT",), False),
        ("long", ("new=1; path={folder}; max-age=1000",), False),
        ("default path", ("new=1",), False),
        ("quoted", ('new="1, 2"; path={folder}',), False),
    ]:
        headers = tuple(("set-cookie", each) for each in cookies)
        routes = {
            "api/a": respond(
                ((ORIGIN, "null"), *headers) if "refused" in label else (*OPEN_HEADERS, *headers)
            )
        }
        yield Scenario(f"credentials-flag: Set-Cookie {label}", (include, include), routes, cookie=cookie)
    yield one(
        "credentials-flag: no-cors with a cookie", Call(mode="no-cors", credentials="include"), cookie=True
    )


def allow_methods() -> Iterator[Scenario]:
    for label, lines in {
        "missing": (),
        "a list": ("GET, PUT",),
        "without spaces": ("GET,PUT,DELETE",),
        "two lines": ("GET", "PUT"),
        "small letters": ("put",),
        "another": ("DELETE",),
        "*": ("*",),
        "* and another": ("DELETE, *",),
        "empty": ("",),
        "empty elements": (",, PUT ,,",),
        "malformed": ("PUT, not a method",),
        "malformed, with *": ("*, @",),
        "quoted": ('"PUT"',),
    }.items():
        headers = (*OPEN_HEADERS, *((METHODS, line) for line in lines))
        yield one(f"methods: {label}", PUT, preflight_allows(headers))
        with_cookies = replace(WITH_COOKIES, method="PUT")
        yield one(f"methods: {label}, with credentials", with_cookies, preflight_allows(headers))
        posted = Call(method="POST", headers=ONE)
        yield one(f"methods: {label}, for POST", posted, preflight_allows((*headers, (HEADERS, "x-one"))))
    yield one("methods: PATCH for patch", Call(method="patch"), methods("PATCH"))
    yield one("methods: patch for patch", Call(method="patch"), methods("patch"))
    yield one("methods: patch for PATCH", Call(method="PATCH"), methods("patch"))


def allow_headers() -> Iterator[Scenario]:
    for label, lines in {
        "missing": (),
        "a list": ("x-one, authorization",),
        "mixed case": ("X-One,AUTHORIZATION",),
        "two lines": ("x-one", "authorization"),
        "another": ("x-two",),
        "*": ("*",),
        "*,authorization": ("*,authorization",),
        "*, and x-one": ("*, x-one",),
        "empty": ("",),
        "empty elements": (",x-one ,,authorization,",),
        "malformed": ("x-one, authorization, not a name",),
        "malformed, with *": ("*, authorization, @",),
    }.items():
        route = preflight_allows((*OPEN_HEADERS, *((HEADERS, line) for line in lines)))
        yield one(f"headers: {label}", Call(headers=ONE), route)
        yield one(f"headers: {label}, for authorization", Call(headers=TOKEN), route)
        with_cookies = replace(WITH_COOKIES, headers=ONE)
        yield one(f"headers: {label}, with credentials", with_cookies, route)
    star = preflight_allows((*OPEN_HEADERS, (HEADERS, "*")))
    yield one("headers: * for authorization, with credentials", replace(WITH_COOKIES, headers=TOKEN), star)
    yield one("headers: * for a header named *", replace(WITH_COOKIES, headers=(("*", "1"),)), star)


def response_headers() -> Iterator[Scenario]:
    given: Pairs = (
        ("x-empty", ""),
        ("x-spaces", "  1  2  "),
        ("vary", "Origin"),
        ("x-total", "3"),
        ("x-total", "4"),
        ("x-other", "5"),
        ("content-type", "text/plain"),
        ("content-language", "en"),
        ("expires", "0"),
        ("last-modified", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("pragma", "no-cache"),
        ("set-cookie", "seen=1; max-age=0"),
        ("authorization", "none"),
    )
    for label, lines in {
        "nothing exposed": (),
        "a list": ("x-total, authorization",),
        "mixed case": ("X-Total",),
        "two lines": ("x-total", "x-other"),
        "*": ("*",),
        "* and one": ("*, x-total",),
        "malformed": ("x-total, not a name",),
        "empty": ("",),
        "Set-Cookie": ("set-cookie, x-total",),
    }.items():
        headers = (*OPEN_HEADERS, *given, *((EXPOSE, line) for line in lines))
        yield one(f"response-headers: {label}", Call(), respond(headers))
        yield one(f"response-headers: {label}, with credentials", WITH_COOKIES, respond(headers))
    letter = respond((*OPEN_HEADERS, ("content-language", "\xe4")))
    yield one("response-headers: a letter of Latin-1", Call(), letter)
    yield one("response-headers: same origin", Call("home/a"), respond(given))
    yield one("response-headers: no-cors", Call(mode="no-cors"), respond((*ANY, *given)))
    yield one(
        "response-headers: an upload",
        Call(method="POST", body="text", kind="upload"),
        respond((*ANY, *given)),
    )


# Preflights


def preflights() -> Iterator[Scenario]:
    allowed = (*OPEN_HEADERS, (METHODS, "PUT"))
    for status in (200, 201, 204, 206, 299, 300, 304, 400, 401, 403, 404, 405, 407, 500, 501, 503):
        yield one(f"status-preflight: {status}", PUT, preflight_allows(allowed, status=status))
    for status in (301, 302, 303, 307, 308):
        moved = preflight_allows((*allowed, ("location", "http://{api}/b")), status=status)
        yield one(f"status-preflight: {status} with a location", PUT, moved)
    yield one("preflight-failure: carries no cookie", replace(WITH_COOKIES, method="PUT"), cookie=True)
    yield one("preflight-failure: sets no cookie", PUT, preflight_allows((*allowed, ("set-cookie", "a=1"))))
    yield Scenario(
        "preflight-failure: its Set-Cookie is not kept",
        (replace(WITH_COOKIES, method="PUT"), WITH_COOKIES),
        {"api/a": preflight_allows((*allowed, ("set-cookie", "a=1; path={folder}")))},
    )
    yield one("preflight-failure: the request is refused", PUT, respond((("x-nothing", "1"),)))
    yield one(
        "preflight-failure: header and method", Call(method="PUT", headers=ONE), preflight_allows(allowed)
    )
    yield one("preflight-failure: nothing allowed", PUT, preflight_allows(()))
    for credentials in ("same-origin", "include"):
        fetch = Call(method="POST", body="text", kind="upload", credentials=credentials)
        yield one(f"upload: {credentials}", fetch, cookie=True)
        yield one(f"upload: {credentials}, no methods", fetch, preflight_allows(OPEN_HEADERS), cookie=True)
        yield one(f"upload: {credentials}, refused", fetch, preflight_allows(()), cookie=True)
    upload = Call(method="POST", body="text", kind="upload")
    yield one("upload: same origin", replace(upload, to="home/a"))
    yield one("upload: PUT", replace(upload, method="PUT"))
    yield one("upload: with a header", replace(upload, headers=ONE))
    yield one("upload: the response is refused", upload, respond(()))
    yield Scenario(
        "upload: again", (upload, upload), {"api/a": preflight_allows((*OPEN_HEADERS, (MAX_AGE, "600")))}
    )


def cached(ages: Pairs = (), **more: Any) -> Route:
    """Return a route that allows PUT, DELETE and two headers for ten minutes."""
    lists = ((METHODS, more.get("methods", "PUT, DELETE")), (HEADERS, more.get("headers", "x-one, x-two")))
    return preflight_allows((*OPEN_HEADERS, *lists, *(ages or ((MAX_AGE, "600"),))))


def preflight_cache() -> Iterator[Scenario]:
    named = Call(headers=ONE)
    for label, ages in {
        "600": ("600",),
        "0": ("0",),
        "-1": ("-1",),
        "junk": ("junk",),
        "600 and junk": ("600s",),
        "two lines": ("600", "600"),
        "two lines that differ": ("0", "600"),
        "a sum": ("+600",),
        "empty": ("",),
        "a fraction": ("600.5",),
        "spaces around": (" 600 ",),
        "beyond all limits": ("9" * 30,),
    }.items():
        route = cached(tuple((MAX_AGE, age) for age in ages))
        yield Scenario(f"preflight-cache: max-age {label}", (PUT, PUT), {"api/a": route})
    yield Scenario("preflight-cache: no max-age", (PUT, PUT), {"api/a": cached((("x-a", "1"),))})
    for label, fetches in {
        "four times": (PUT,) * 4,
        "another method that is allowed": (PUT, Call(method="DELETE")),
        "another method that is not": (PUT, Call(method="CHICKEN")),
        "a header that is allowed": (PUT, Call(method="PUT", headers=ONE)),
        "a header after a method": (PUT, named),
        "a method after a header": (named, PUT),
        "the header again": (named, named),
        "another header": (named, Call(headers=(("x-two", "2"),))),
        "one of two headers": (Call(headers=(*ONE, ("x-two", "2"))), named),
        "two headers after one": (named, Call(headers=(*ONE, ("x-two", "2")))),
        "then a simple request": (PUT, Call(), PUT),
        "then with credentials": (PUT, replace(PUT, credentials="include")),
        "first with credentials": (replace(PUT, credentials="include"), PUT),
        "omit after same-origin": (PUT, replace(PUT, credentials="omit")),
        "another URL": (PUT, replace(PUT, to="api/b")),
        "another query": (PUT, replace(PUT, to="api/a?b")),
        "another host": (PUT, replace(PUT, to="third/a")),
    }.items():
        routes = {f"{host}/{name}": cached() for host in ("api", "third") for name in ("a", "b", "a?b")}
        yield Scenario(f"preflight-cache: {label}", fetches, routes)
    stars: dict[str, dict[str, Any]] = {"methods": {"methods": "*"}, "headers": {"headers": "*"}}
    for label, lists in stars.items():
        fetch = PUT if label == "methods" else named
        yield Scenario(f"preflight-cache: * in the {label}", (fetch,) * 4, {"api/a": cached(**lists)})
    for headers in ("*, authorization", "*"):
        star = {"api/a": cached(headers=headers)}
        label = "*, authorization" if "," in headers else "* for authorization"
        yield Scenario(f"preflight-cache: {label}", (Call(headers=TOKEN),) * 4, star)
    refused = Route((Reply(), OPEN.replies[0]), cached().preflights)
    yield Scenario("preflight-cache: after a refused response", (PUT, PUT), {"api/a": refused})
    later = Route((OPEN.replies[0], Reply(), OPEN.replies[0]), cached().preflights)
    yield Scenario("preflight-cache: after a second refused response", (PUT, PUT, PUT), {"api/a": later})
    fails = Route(OPEN.replies, (Reply(status=500), *cached().preflights))
    yield Scenario("preflight-cache: after a failed preflight", (PUT, PUT, PUT), {"api/a": fails})
    less = Route(OPEN.replies, (*cached().preflights, Reply(OPEN_HEADERS, 204)))
    yield Scenario(
        "preflight-cache: a failed preflight clears it",
        (PUT, Call(method="CHICKEN"), PUT),
        {"api/a": less},
    )
    yield Scenario(
        "preflight-cache: a safelisted method is not in it",
        (named, Call(method="POST", headers=ONE)),
        {"api/a": cached()},
    )


# Redirects


def redirects() -> Iterator[Scenario]:
    null = {"api/b": respond((*NULL, (CREDENTIALS, "true"))), "third/b": respond(NULL)}
    null_allows = Route((Reply(NULL),), (Reply((*NULL, (METHODS, "PUT"), (HEADERS, "x-one")), 204),))
    for status in (301, 302, 303, 307, 308):
        for method, body in (("GET", None), ("POST", "text"), ("PUT", "text"), ("HEAD", None)):
            yield Scenario(
                f"redirect-origin: {status} of {method}",
                (Call(method=method, body=body, headers=(("content-type", "text/plain"),)),),
                {"api/a": redirect_to("http://{api}/b", status)},
            )
    json = Call(method="PUT", body="{}", headers=(("content-type", "application/json"),))
    for start, fetch in {"api": json, "home": json, "home, a form": replace(json, headers=())}.items():
        place = f"{start.partition(',')[0]}/a"
        fetches = (replace(fetch, to=place),)
        yield Scenario(
            f"redirect-origin: 303 of PUT, {start} to api",
            fetches,
            {place: redirect_to("http://{api}/b", 303)},
        )
    for start, location in (
        ("home/a", "b"),
        ("api/a", "b"),
        ("api/a", "//{api}/b"),
        ("api/a", "http://{api}/b#here"),
    ):
        label = f"redirect-origin: {start} to {location}"
        yield Scenario(label, (Call(start),), {start: redirect_to(location)}, cookie=True)
    for start, end in (
        ("home", "home"),
        ("home", "api"),
        ("api", "api"),
        ("api", "home"),
        ("api", "third"),
    ):
        for label, fetch in {
            "GET": Call(),
            "POST": Call(method="POST", body="text"),
            "PUT": PUT,
            "credentials": WITH_COOKIES,
            "authorization": Call(headers=TOKEN),
            "a header": Call(headers=ONE),
            "no-cors": Call(mode="no-cors", credentials="include"),
        }.items():
            fetches, name = (replace(fetch, to=f"{start}/a"),), f"redirect-origin: {start} to {end}, {label}"
            routes = {f"{start}/a": redirect_to(f"http://{{{end}}}/b")}
            yield Scenario(name, fetches, routes, cookie=True)
            if start != "home":
                allowed = {**routes, f"{end}/b": null_allows}
                yield Scenario(f"{name}, null is allowed", fetches, allowed, cookie=True)
    yield Scenario(
        "redirect-origin: api to third to third",
        (Call(),),
        {
            "api/a": redirect_to("http://{third}/b"),
            "third/b": redirect_to("http://{third}/c", headers=NULL),
            **null,
        },
    )
    yield Scenario(
        "redirect-origin: api to third and back",
        (Call(),),
        {
            "api/a": redirect_to("http://{third}/b"),
            "third/b": redirect_to("http://{api}/b", headers=NULL),
            "api/b": respond(NULL),
        },
    )
    yield Scenario(
        "redirect-origin: api to third to home",
        (Call(),),
        {
            "api/a": redirect_to("http://{third}/b"),
            "third/b": redirect_to("http://{home}/b", headers=NULL),
            "home/b": respond(NULL),
        },
    )
    yield Scenario(
        "redirect-origin: the redirect is not allowed", (Call(),), {"api/a": redirect_to("b", headers=())}
    )
    yield Scenario(
        "redirect-origin: * is enough",
        (Call(),),
        {"api/a": redirect_to("b", headers=ANY), "api/b": respond(ANY)},
    )
    yield Scenario(
        "redirect-origin: credentials, null",
        (WITH_COOKIES,),
        {"api/a": redirect_to("http://{third}/b"), "third/b": respond((*NULL, (CREDENTIALS, "true")))},
    )
    for label, location in {
        "user name": "http://user@{api}/b",
        "user name and password": "http://user:secret@{api}/b",
        "user name, home": "http://user@{home}/b",
        "user name, third": "http://user@{third}/b",
        "another scheme": "ftp://{api}/b",
        "data": "data:text/plain,text",
        "no URL": "http://[",
        "empty": "",
    }.items():
        for start in ("api/a", "home/a"):
            yield Scenario(
                f"redirect to {label} from {start}", (Call(start),), {start: redirect_to(location)}
            )
    yield one("redirect without a location", Call(), respond(OPEN_HEADERS, status=302))
    for redirect in ("error", "manual"):
        for to in ("api/a", "home/a"):
            fetch = Call(to, redirect=redirect)
            yield one(f"redirect: {redirect}, {to}", fetch, redirect_to("b"))
            yield one(f"redirect: {redirect}, {to}, no redirect", fetch)
            yield one(f"redirect: {redirect}, {to}, no location", fetch, respond(OPEN_HEADERS, status=302))
            yield one(f"redirect: {redirect}, {to}, an empty location", fetch, redirect_to(""))
        put = replace(PUT, redirect=redirect)
        yield one(f"redirect: {redirect}, PUT", put, redirect_to("b"))
        yield one(f"redirect: {redirect}, not allowed", Call(redirect=redirect), redirect_to("b", headers=()))
    yield one("redirect: in a circle", Call(), redirect_to("http://{api}/a"))
    yield Scenario(
        "redirect: twenty", (Call("api/20"),), {f"api/{n}": redirect_to(str(n - 1)) for n in range(1, 21)}
    )
    yield Scenario(
        "redirect: twenty-one", (Call("api/21"),), {f"api/{n}": redirect_to(str(n - 1)) for n in range(1, 22)}
    )
    yield Scenario(
        "redirect: a cookie on the way",
        (replace(WITH_COOKIES, to="api/a"),),
        {"api/a": redirect_to("b", headers=(*OPEN_HEADERS, ("set-cookie", "new=1; path={folder}")))},
    )


def modes() -> Iterator[Scenario]:
    for mode in ("no-cors", "same-origin"):
        for to in ("home/a", "api/a", "third/a"):
            yield one(f"mode {mode}: {to}", Call(to, mode=mode))
            yield one(f"mode {mode}: POST to {to}", Call(to, "POST", mode=mode, body="text"))
        yield one(f"mode {mode}: home to api", Call("home/a", mode=mode), redirect_to("http://{api}/b"))
        yield one(f"mode {mode}: PUT", Call("home/a", "PUT", mode=mode))
    yield one("mode no-cors: api to home", Call(mode="no-cors"), redirect_to("http://{home}/b"))
    for status in (302, 307):
        for method in ("GET", "POST"):
            yield Scenario(
                f"mode no-cors: {status} of {method}, home to api to home",
                (Call("home/a", method=method, mode="no-cors", body="text" if method == "POST" else None),),
                {
                    "home/a": redirect_to("http://{api}/b", status),
                    "api/b": redirect_to("http://{home}/c", status),
                },
                cookie=True,
            )
    yield one("mode no-cors: api to third", Call(mode="no-cors"), redirect_to("http://{third}/b"))
    yield one(
        "mode no-cors: POST, api to third",
        Call(method="POST", mode="no-cors", body="text"),
        redirect_to("http://{third}/b"),
    )
    yield one("mode no-cors: api to user info", Call(mode="no-cors"), redirect_to("http://user@{api}/b"))
    yield one("mode no-cors: 404", Call(mode="no-cors"), respond((), status=404))
    for redirect in ("error", "manual"):
        yield one(f"mode no-cors: redirect {redirect}", Call(mode="no-cors", redirect=redirect))
        yield one(
            f"mode no-cors: redirect {redirect}, home",
            Call("home/a", mode="no-cors", redirect=redirect),
            redirect_to("b"),
        )
    yield one("mode no-cors: a sandboxed frame", Call(mode="no-cors"), opaque=True)
    yield one("mode same-origin: a sandboxed frame", Call("home/a", mode="same-origin"), opaque=True)


SCENARIOS = [
    *basic(),
    *request_headers(),
    *urls(),
    *allow_origin(),
    *credentials_flag(),
    *allow_methods(),
    *allow_headers(),
    *response_headers(),
    *preflights(),
    *preflight_cache(),
    *redirects(),
    *modes(),
]
