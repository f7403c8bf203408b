"""Scenarios of other calls than `fetch()`: beacons, forms, images, module scripts, navigation; and COEP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, get_args
from urllib.parse import urlencode

from corsbp.testing.forms import Enctype

from .cors_scenarios import ANY, HEADERS, ORIGIN, redirect_to, respond
from .scenario import OPEN, OPEN_HEADERS, Call, Pairs, Reply, Route, Scenario
from .site_scenarios import KINDS, POLICY

# one pixel, without a byte beyond ASCII
GIF = "GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2L\1\0;"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
POST_ADDRESS = '<script>opener.postMessage(location.href, "*"); close();</script>'
HOSTS = {"home": "home/a", "one site": "api/a", "another site": "third/a"}
FIELDS = {"a~*": "1 & 2", '"é"': "one\ntwo\rthree\r\n", "": "%20+"}
CROSSORIGIN: tuple[Literal["anonymous", "use-credentials"], ...] = ("anonymous", "use-credentials")


def gif(*headers: tuple[str, str], status: int = 200) -> Route:
    return Route((Reply((("content-type", "image/gif"), *headers), status, GIF),))


def script(*headers: tuple[str, str], status: int = 200, content_type: str = "text/javascript") -> Route:
    return Route((Reply((("content-type", content_type), *headers), status, "0;"),))


def page(*headers: tuple[str, str], status: int = 200) -> Route:
    """A page that posts its address to the window that opened it."""
    return Route((Reply((("content-type", "text/html"), *headers), status, POST_ADDRESS),))


def one(name: str, call: Call, routes: Mapping[str, Route] | Route, **more: object) -> Scenario:
    if isinstance(routes, Route):
        routes = {call.to: routes}
    # the referrer of a sandboxed frame is the page around it
    metadata = not more.get("opaque")
    return Scenario(name, (call,), routes, metadata=metadata, **more)  # type: ignore[arg-type]


def images() -> Iterator[Scenario]:
    image = Call(kind="image")
    for where, to in HOSTS.items():
        yield one(f"images: {where}", replace(image, to=to), gif())
        for value in ("same-origin", "same-site", "cross-origin"):
            yield one(f"images: {where}, {value}", replace(image, to=to), gif((POLICY, value)))
        for crossorigin in CROSSORIGIN:
            call = replace(image, to=to, crossorigin=crossorigin)
            for label, headers in {"nothing allowed": (), "*": ANY, "credentials": OPEN_HEADERS}.items():
                yield one(f"images: {where}, {crossorigin}, {label}", call, gif(*headers), cookie=True)
    yield one("images: 404", image, gif(status=404))
    yield one("images: 500", image, gif(status=500))
    for label, reply in {
        "text": Reply((("content-type", "image/gif"),)),
        "without a type": Reply(body=GIF),
        "as text": Reply((("content-type", "text/plain"),), body=GIF),
        "nothing": Reply((("content-type", "image/gif"),), body=""),
        "SVG": Reply((("content-type", "image/svg+xml"),), body=SVG),
        "SVG as HTML": Reply((("content-type", "text/html"),), body=SVG),
        "204": Reply(status=204, body=""),
    }.items():
        yield one(f"images: {label}", image, Route((reply,)))
    moved: Pairs = (("location", "http://{third}/b"),)
    yield one("images: a redirect", image, {"api/a": Route((Reply(moved, 302),)), "third/b": gif()})
    yield one("images: a sandboxed frame", image, gif(), opaque=True)
    for label, line in KINDS.items():
        for host in ("api", "third"):
            yield one(
                f"images: cookies, {label}, {host}",
                replace(image, to=f"{host}/a"),
                gif(),
                visits=((host, f"visit=1; {line}"),),
            )


def scripts() -> Iterator[Scenario]:
    call = Call(kind="script")
    for where, to in HOSTS.items():
        for label, headers in {"nothing allowed": (), "*": ANY, "credentials": OPEN_HEADERS}.items():
            yield one(f"scripts: {where}, {label}", replace(call, to=to), script(*headers), cookie=True)
            with_cookies = replace(call, to=to, crossorigin="use-credentials")
            yield one(
                f"scripts: {where}, use-credentials, {label}", with_cookies, script(*headers), cookie=True
            )
    for status in (203, 404, 500):
        yield one(f"scripts: {status}", call, script(*ANY, status=status))
    for content_type in (
        "application/javascript; charset=utf-8",
        "application/x-javascript",
        "text/ecmascript",
        "TEXT/JAVASCRIPT",
        "text/plain",
        "text/html",
        "application/octet-stream",
        "text/javascript, text/plain",
        "text/plain, text/javascript",
    ):
        yield one(f"scripts: {content_type}", call, script(*ANY, content_type=content_type))
    yield one("scripts: without a type", call, Route((Reply(ANY, body="0;"),)))
    away = redirect_to("http://{third}/b", headers=ANY)
    yield one("scripts: a redirect", call, {"api/a": away, "third/b": script(*ANY)})
    yield one("scripts: a sandboxed frame", call, script(*ANY), opaque=True)


def beacons() -> Iterator[Scenario]:
    beacon = Call(kind="beacon", body="text")
    json = replace(beacon, body="{}", content_type="application/json")
    allowed = (*OPEN_HEADERS, (HEADERS, "content-type"))
    for where, to in HOSTS.items():
        for label, call in {
            "text": beacon,
            "nothing": replace(beacon, body=None),
            "text/plain": replace(beacon, content_type="text/plain"),
            "JSON": json,
        }.items():
            yield one(f"beacons: {where}, {label}", replace(call, to=to), OPEN, cookie=True)
            yield one(f"beacons: {where}, {label}, nothing allowed", replace(call, to=to), respond(()))
    for label, preflight in {
        "nothing": (),
        "*": (*ANY, (HEADERS, "*")),
        "no header": OPEN_HEADERS,
        "no credentials": ((ORIGIN, "{origin}"), (HEADERS, "content-type")),
    }.items():
        yield one(f"beacons: JSON, {label}", json, Route((Reply(),), (Reply(preflight, 204),)))
    yield one("beacons: JSON, the response allows nothing", json, Route((Reply(),), (Reply(allowed, 204),)))
    yield one("beacons: JSON, 401", json, Route((Reply(),), (Reply(allowed, 401),)))
    yield one("beacons: 500", beacon, respond((), status=500))
    yield one("beacons: same-origin", beacon, respond(((POLICY, "same-origin"),)))
    for status in (303, 307):
        moved = Route((Reply((("location", "http://{third}/b"),), status),))
        yield one(f"beacons: {status}", beacon, {"api/a": moved})
        yield one(
            f"beacons: JSON, {status}", json, {"api/a": replace(moved, preflights=(Reply(allowed, 204),))}
        )
    yield one("beacons: a sandboxed frame", beacon, OPEN, opaque=True)
    yield one("beacons: too large", replace(beacon, body="x" * 65537), OPEN)
    for label, line in KINDS.items():
        visits = (("third", f"visit=1; {line}"),)
        yield one(f"beacons: cookies, {label}", replace(beacon, to="third/a"), OPEN, visits=visits)


def windows() -> Iterator[Scenario]:
    """Navigation and forms, each in a new window."""
    for call in (Call(kind="navigate"), Call(kind="form", body="a=1&b=x+y")):
        name = f"{call.kind}"
        for where, to in HOSTS.items():
            yield one(f"{name}: {where}", replace(call, to=to), page())
        for label, line in KINDS.items():
            for host in ("api", "third"):
                # a second time with the cookie of the response
                routes = {f"{host}/a": page(("set-cookie", f"page=1; {line}"))}
                calls = (replace(call, to=f"{host}/a"),) * 2
                visits = ((host, f"visit=1; {line}"),)
                yield Scenario(f"{name}: cookies, {label}, {host}", calls, routes, visits=visits)
        yield one(f"{name}: 404", call, page(status=404))
        yield one(f"{name}: same-origin", call, page((POLICY, "same-origin")))
        for status in (302, 307):
            for start, end in (("home", "third"), ("api", "third"), ("third", "home"), ("third", "third")):
                moved = Route((Reply((("location", f"http://{{{end}}}/b"),), status),))
                yield one(
                    f"{name}: {status} from {start} to {end}",
                    replace(call, to=f"{start}/a"),
                    {f"{start}/a": moved, f"{end}/b": page()},
                    visits=((end, f"lax=1; {KINDS['Lax']}"), (end, f"strict=1; {KINDS['Strict']}")),
                )
    yield one("form: text", Call(kind="form", body="a=1", content_type="text/plain"), page())
    for enctype in get_args(Enctype):
        fields = Call(kind="form", body=urlencode(FIELDS), content_type=enctype)
        yield one(f"form: special characters, {enctype}", fields, page())


def embedder_policy() -> Iterator[Scenario]:
    for where, to in HOSTS.items():
        for value in (None, "same-origin", "same-site", "cross-origin", "nonsense"):
            headers = () if value is None else ((POLICY, value),)
            label = f"{where}, {value}"
            fetch = Call(to, mode="no-cors")
            yield one(f"require-corp: fetch, {label}", fetch, respond(headers), require_corp=True)
            image = Call(to, kind="image")
            yield one(f"require-corp: image, {label}", image, gif(*headers), require_corp=True)
        cors = Call(to, kind="image", crossorigin="anonymous")
        yield one(f"require-corp: image with CORS, {where}", cors, gif(*ANY), require_corp=True)
        yield one(f"require-corp: script, {where}", Call(to, kind="script"), script(*ANY), require_corp=True)
        yield one(f"require-corp: fetch with CORS, {where}", Call(to), respond(ANY), require_corp=True)
        yield one(
            f"require-corp: beacon, {where}", Call(to, kind="beacon", body="a"), OPEN, require_corp=True
        )


SCENARIOS = [*images(), *scripts(), *beacons(), *windows(), *embedder_policy()]
