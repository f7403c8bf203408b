"""A section is the routes of its blueprints, whatever they consist of and are put into (S1, S2, S5)."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text
from sanic.views import HTTPMethodView

import corsbp
from corsbp import CorsGroup, CorsPolicy, CorsPolicyError, cors_group

from ..support import (
    ORIGIN,
    HttpRequest,
    new_app,
    preflight,
    request,
    run_server,
    send,
    send_async,
    send_bytes,
    serve,
)

PUBLIC = {"access-control-allow-origin": "*"}
LISTS = {"access-control-allow-headers": "*,authorization", "access-control-max-age": "600"}


async def handler(_: Request, **__: object) -> HTTPResponse:
    return text("here")


def bp(name: str = "api", uri: str = "/x", url_prefix: str | None = "/api", **options: Any) -> Blueprint:
    blueprint = Blueprint(name, url_prefix=url_prefix, **options)
    blueprint.add_route(handler, uri, name="x")
    return blueprint


# Ways to build and register a section, with a path inside and a path outside.
GROUPS: dict[str, tuple[Callable[[], list[Any]], str, str | None]] = {
    "a blueprint": (lambda: [cors_group(bp()), bp("site", url_prefix="/site")], "/api/x", "/site/x"),
    "several": (lambda: [cors_group(bp("a", url_prefix="/a"), bp("b", url_prefix="/b"))], "/b/x", None),
    "a list of blueprints": (lambda: [cors_group([bp("a"), [bp("b", url_prefix="/b")]])], "/b/x", None),  # type: ignore[list-item]  # as Sanic, whose types leave out lists
    "a group": (lambda: [cors_group(Blueprint.group(bp(), url_prefix="/g"))], "/g/api/x", None),
    "a group of groups": (
        lambda: [cors_group(Blueprint.group(Blueprint.group(bp(), url_prefix="/in"), url_prefix="/out"))],
        "/out/in/api/x",
        None,
    ),
    "its own prefix": (lambda: [cors_group(bp(), url_prefix="/cors")], "/cors/api/x", "/api/x"),
    "its own version": (lambda: [cors_group(bp(), version=2)], "/v2/api/x", "/api/x"),
    "a version prefix": (
        lambda: [cors_group(bp(), version=2, version_prefix="/api/version", url_prefix="/p")],
        "/api/version2/p/api/x",
        None,
    ),
    "a blueprint's version": (lambda: [cors_group(bp(version="1.1"))], "/v1.1/api/x", None),
    "a name prefix": (
        lambda: [cors_group(bp(), name_prefix="one"), bp("api2", url_prefix="/site")],
        "/api/x",
        "/site/x",
    ),
    "beside others in a group": (
        lambda: [
            Blueprint.group(
                cors_group(bp()), bp("health", url_prefix="/health"), url_prefix="/svc", version=3
            )
        ],
        "/v3/svc/api/x",
        "/v3/svc/health/x",
    ),
    "strict slashes of the group": (lambda: [cors_group(bp(), strict_slashes=True)], "/api/x", None),
    "a blueprint without prefix": (
        lambda: [cors_group(bp(url_prefix=None)), bp("site", url_prefix="/site")],
        "/x",
        "/site/x",
    ),
    "a copied blueprint": (
        lambda: [cors_group(bp("a").copy("b", url_prefix="/b")), bp("a")],
        "/b/x",
        "/api/x",
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_every_way_to_put_blueprints_together_is_a_section(name: str) -> None:
    make, inside, outside = GROUPS[name]
    app = new_app(*make())
    got, listed = send(app, request("GET", inside), preflight(inside))
    assert (got.status, got.body, got.cors) == (200, b"here", PUBLIC)
    assert (listed.status, listed.cors) == (
        204,
        PUBLIC | {"access-control-allow-methods": "GET,OPTIONS"} | LISTS,
    )
    if outside:
        got, listed = send(app, request("GET", outside), preflight(outside))
        assert (got.cors, listed.status, listed.cors) == ({}, 404 if got.status == 404 else 405, {})


# Every type of parameter: the path as declared, and one that matches.
PARAMETERS = {
    "<name>": "abc",
    "<name:str>": "a%20b",
    "<n:int>": "-3",
    "<n:float>": "1.5",
    "<name:alpha>": "abc",
    "<name:slug>": "a-b-1",
    "<name:strorempty>": "",
    "<p:path>": "a/b/c",
    "<d:ymd>": "2026-11-22",
    "<u:uuid>": "123e4567-e89b-12d3-a456-426614174000",
    "<file:ext>": "a.txt",
    "<file:ext=txt>": "a.txt",
    "<file=int:ext=txt|md>": "7.md",
    r"<name:[A-Z]{2}\d>": "AB1",
    r"<name:(?P<name>[a-z]+)\.html>": "page.html",
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("unquote", [True, False])
def test_every_type_of_parameter_works_in_a_section(unquote: bool, strict: bool) -> None:
    # One unquoted route makes Sanic itself respond 500 to every file name with an extension.
    parameters = {uri: value for uri, value in PARAMETERS.items() if not (unquote and ":ext" in uri)}
    blueprints = [_with_parameter(number, uri, unquote) for number, uri in enumerate(parameters)]
    app = new_app(cors_group(*blueprints, strict_slashes=strict))
    paths = [f"/p{number}/{value}/end" for number, value in enumerate(parameters.values())]
    gets, listed = send(app, *map(_get, paths)), send(app, *map(preflight, paths))
    expected = PUBLIC | {"access-control-allow-methods": "GET,POST,OPTIONS"} | LISTS
    for path, got, response in zip(paths, gets, listed, strict=True):
        assert (got.status, got.cors) == (200, PUBLIC), path
        assert (response.status, response.cors) == (204, expected), path


def _get(path: str) -> HttpRequest:
    return request("GET", path)


def _with_parameter(number: int, uri: str, unquote: bool) -> Blueprint:
    blueprint = Blueprint(f"p{number}", url_prefix=f"/p{number}")
    for method in ("GET", "POST"):
        blueprint.add_route(handler, f"/{uri}/end", [method], name=method.lower(), unquote=unquote)
    return blueprint


def test_strict_slashes_work_as_without_corsbp() -> None:
    strict, loose = Blueprint("strict", strict_slashes=True), Blueprint("loose", strict_slashes=False)
    for blueprint in (strict, loose):
        blueprint.add_route(handler, f"/{blueprint.name}", name="plain")
    strict.add_route(handler, "/slash/", name="slash")
    app = new_app(cors_group(strict, loose), cors_group(bp(url_prefix="/other")))
    paths = {"/strict": 200, "/strict/": 404, "/slash/": 200, "/slash": 404, "/loose": 200, "/loose/": 200}
    gets, listed = send(app, *map(_get, paths)), send(app, *map(preflight, paths))
    assert dict(zip(paths, (response.status for response in gets), strict=True)) == paths
    # the root is in no section, so a 404 there has no headers
    assert [response.cors for response in gets] == [PUBLIC if paths[path] == 200 else {} for path in paths]
    # Sanic itself responds 405 where a slash is too many
    unlisted = {"/strict/": 405, "/slash": 404}
    assert [a.status for a in listed] == [unlisted.get(path, 204) for path in paths]


def test_routes_and_blueprints_may_come_later() -> None:
    """Blueprints appended, routes declared after cors_group() and after app.blueprint()."""
    first, second = Blueprint("first", url_prefix="/first"), Blueprint("second", url_prefix="/second")
    group = cors_group(first)
    first.add_route(handler, "/declared", name="declared")
    group.append(second)
    second.add_route(handler, "/appended", name="appended")
    app = new_app(group)
    first.add_route(handler, "/registered", name="registered")
    third = Blueprint("third", url_prefix="/third")
    third.add_route(handler, "/inserted", name="inserted")
    group.insert(0, third)
    app.blueprint(third)

    paths = ["/first/declared", "/second/appended", "/first/registered", "/third/inserted"]
    expected = PUBLIC | {"access-control-allow-methods": "GET,OPTIONS"} | LISTS
    for path, got, listed in zip(
        paths, send(app, *map(_get, paths)), send(app, *map(preflight, paths)), strict=True
    ):
        assert (path, got.status, got.cors) == (path, 200, PUBLIC)
        assert (path, listed.status, listed.cors) == (path, 204, expected)


def test_views_static_files_and_websockets(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("file")
    blueprint = Blueprint("api", url_prefix="/api")

    class View(HTTPMethodView):
        def get(self, _: Request) -> HTTPResponse:
            return text("get")

        async def put(self, _: Request) -> HTTPResponse:
            return text("put")

    blueprint.add_route(View.as_view(), "/view")
    blueprint.static("/files", tmp_path, name="files")
    blueprint.static("/file", tmp_path / "a.txt", name="file")
    app = new_app(cors_group(blueprint))
    app.static("/site", tmp_path, name="site")
    methods = {
        "/api/view": "GET,PUT,OPTIONS",
        "/api/files/a.txt": "GET,HEAD,OPTIONS",
        "/api/file": "GET,HEAD,OPTIONS",
    }
    for path, listed in methods.items():
        got, response = send(app, request("GET", path), preflight(path))
        assert (path, got.status, got.cors) == (path, 200, PUBLIC)
        assert response.cors == PUBLIC | {"access-control-allow-methods": listed} | LISTS
    put, site = send(app, request("PUT", "/api/view"), request("GET", "/site/a.txt"))
    assert (put.body, put.cors, site.status, site.cors) == (b"put", PUBLIC, 200, {})


def test_hosts() -> None:
    """One path has two hosts, one inside and one outside; a blueprint may be for several hosts."""
    inside, outside = Blueprint("in", host="in.example"), Blueprint("out", host="out.example")
    several = Blueprint("several", url_prefix="/several", host=["one.example", "two.example"])
    for blueprint in (inside, outside, several):
        blueprint.add_route(handler, "/x", name="x")
        blueprint.add_route(handler, "/<n:int>", ["POST"], name="n")
    app = new_app(cors_group(inside, several), outside)
    rows = [
        ("/x", "in.example", "GET", 200, True),
        ("/x", "out.example", "GET", 200, False),
        ("/x", "none.example", "GET", 404, False),
        ("/5", "in.example", "POST", 200, True),
        ("/5", "out.example", "POST", 200, False),
        ("/several/x", "two.example", "GET", 200, True),
        ("/several/7", "one.example", "POST", 200, True),
    ]
    for path, host, method, status, has in rows:
        got, listed = send(
            app,
            request(method, path, host=host),
            request("OPTIONS", path, host=host, access_control_request_method=method),
        )
        assert (path, host, got.status, got.cors) == (path, host, status, PUBLIC if has else {})
        expected = PUBLIC | {"access-control-allow-methods": f"{method},OPTIONS"} | LISTS
        assert (path, host, listed.cors) == (path, host, expected if has else {})
        assert (listed.status == 204) is has


def _site(app: Sanic) -> None:
    """Return an app with routes outside and all kinds of responses."""

    @app.get("/")
    def index(_: Request) -> HTTPResponse:
        return text(
            "index", headers={"vary": "accept-encoding", "access-control-allow-origin": "https://own.example"}
        )

    @app.post("/form/<n:int>")
    def form(_: Request, n: int) -> HTTPResponse:
        return text(str(n), status=201)

    @app.get("/boom")
    def boom(_: Request) -> HTTPResponse:
        raise RuntimeError("boom")

    @app.options("/own")
    def own(_: Request) -> HTTPResponse:
        return text("own")

    @app.on_response
    def stamp(_: Request, response: HTTPResponse) -> None:
        response.headers["x-stamp"] = "1"

    site = Blueprint("site", url_prefix="/site")
    site.add_route(handler, "/<name>", name="page")
    app.blueprint(site)


OUTSIDE = [
    request("GET", "/"),
    request("HEAD", "/"),
    request("POST", "/form/1"),
    request("GET", "/form/1"),
    request("GET", "/form/x"),
    request("GET", "/boom"),
    request("OPTIONS", "/own"),
    preflight("/own"),
    request("OPTIONS", "/"),
    preflight("/"),
    preflight("/boom", "DELETE"),
    request("GET", "/site/page"),
    request("DELETE", "/site/page"),
    request("GET", "/site/page/deeper"),
    request("GET", "/unknown"),
    preflight("/unknown"),
    request("GET", "/apix"),
    request("GET", "/API/x"),
    request("POST", "/form/1", body="x" * 2000),
    request("PROPFIND", "/site/page"),
]


def _raw(app: Sanic, requests: list[HttpRequest]) -> list[bytes]:
    async def talk(port: int) -> list[bytes]:
        return [await send_bytes(port, one.raw()) for one in requests]

    raw: list[bytes] = run_server(serve(app, talk))
    return raw


@pytest.mark.parametrize("touchup", [True, False])
def test_responses_outside_are_equal_byte_for_byte(touchup: bool, caplog: pytest.LogCaptureFixture) -> None:
    """S2: the same app with and without corsbp, including errors."""
    caplog.set_level(logging.CRITICAL)
    with_section, without = (new_app(TOUCHUP=touchup, REQUEST_MAX_SIZE=1000) for _ in range(2))
    for app in (with_section, without):
        _site(app)
    with_section.blueprint(cors_group(bp()))
    without.blueprint(bp())
    ours, bare = _raw(with_section, OUTSIDE), _raw(without, OUTSIDE)
    statuses = {int(one.split()[1]) for one in bare}
    assert statuses == {200, 201, 404, 405, 413, 500}
    assert ours == bare


def test_one_group_may_be_on_two_apps() -> None:
    group = cors_group(bp())
    for app in (new_app(group, TOUCHUP=False), new_app(group, TOUCHUP=False)):
        got, listed = send(app, request("GET", "/api/x"), preflight("/api/x"))
        assert (got.cors, listed.status) == (PUBLIC, 204)


def test_one_app_may_start_twice() -> None:
    app = new_app(cors_group(bp()), cors_group(bp("other", url_prefix="/other"), allow_origins=[ORIGIN]))
    for _ in range(2):
        _, response = app.test_client.get("/other/x", headers={"origin": ORIGIN})
        assert response is not None
        assert response.headers["access-control-allow-origin"] == ORIGIN
        _, response = app.test_client.options("/api/x")
        assert response is not None
        assert response.headers["access-control-allow-methods"] == "GET,OPTIONS"
    assert [route for route in app.router.routes if "OPTIONS" in route.methods] == []


def test_nothing_is_added_to_the_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """F3: nor is the router compiled more often."""

    def compiled(make: Callable[..., Any]) -> tuple[list[str], str, int]:
        app, count = new_app(make(bp()), bp("other", url_prefix="/other")), 0
        finalize = app.router.finalize

        def counted(*args: Any, **options: Any) -> None:
            nonlocal count
            count += 1
            finalize(*args, **options)

        monkeypatch.setattr(app.router, "finalize", counted)
        send(app, preflight("/api/x"))
        names = sorted(route.name.partition(".")[2] for route in app.router.routes)
        return names, app.router.find_route_src, count

    assert compiled(cors_group) == compiled(Blueprint.group)


# S1, issue: clear errors at the call
WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "nothing": (cors_group, TypeError, "needs at least one blueprint: cors_group(api_bp)"),
    "a string": (
        lambda: cors_group("api"),  # type: ignore[arg-type]  # wrong on purpose
        TypeError,
        "wraps blueprints and groups of them, not 'api'",
    ),
    "a handler": (
        lambda: cors_group(handler),  # type: ignore[arg-type]  # wrong on purpose
        TypeError,
        "; meant: the blueprint of its route",
    ),
    "a policy": (
        lambda: cors_group(bp(), CorsPolicy()),  # type: ignore[arg-type]  # wrong on purpose
        TypeError,
        "not CorsPolicy(); meant: policy=...",
    ),
    "two apps": (
        lambda: cors_group(new_app(), new_app()),
        TypeError,
        "wraps the routes of one app, not of Sanic(name=",
    ),
    "both": (
        lambda: cors_group(bp(), policy=CorsPolicy(), max_age=5, allow_credentials=False),
        TypeError,
        "allow_credentials, max_age came with policy=. "
        "Meant: policy=policy.replace(allow_credentials=False, max_age=5)",
    ),
    "no policy": (
        lambda: cors_group(bp(), policy={}),  # type: ignore[arg-type]  # wrong on purpose
        TypeError,
        "policy= takes a CorsPolicy, not {}",
    ),
    "a bare string": (
        lambda: cors_group(bp(), allow_origins=ORIGIN),  # type: ignore[arg-type]  # wrong on purpose
        CorsPolicyError,
        '["https://app.example"]',
    ),
    "* with credentials": (
        lambda: cors_group(bp(), allow_credentials=True),
        CorsPolicyError,
        "credentials-any-origin",
    ),
    "appended": (lambda: cors_group(bp()).append(3), TypeError, "not 3"),  # type: ignore[arg-type]  # wrong on purpose
    "inserted": (lambda: cors_group(bp()).insert(0, None), TypeError, "not None"),  # type: ignore[arg-type]  # wrong on purpose
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_raise_at_the_call(name: str) -> None:
    call, error, words = WRONG[name]
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def test_a_group_is_a_blueprint_group() -> None:
    blueprint, seen = bp(), []
    group = cors_group(blueprint, max_age=5, url_prefix="/g", version=1, name_prefix="n", strict_slashes=True)
    assert isinstance(group, CorsGroup)
    assert (group.blueprints, len(group), group[0]) == ([blueprint], 1, blueprint)
    assert (group.url_prefix, group.version, group.version_prefix) == ("/g", 1, "/v")
    assert (group.name_prefix, group.strict_slashes) == ("n", True)
    assert group.policy == CorsPolicy(max_age=5)

    @group.on_request
    def first(_: Request) -> None:
        seen.append("request")

    @group.on_response
    def last(_: Request, __: HTTPResponse) -> None:
        seen.append("response")

    error: Any = ZeroDivisionError  # the types of Sanic want instances

    @group.exception(error)
    def divided(_: Request, __: Exception) -> HTTPResponse:
        return text("divided", status=418)

    @blueprint.get("/zero")
    def zero(_: Request) -> HTTPResponse:
        return text(str(1 / 0))

    response, listed = send(new_app(group), request("GET", "/v1/g/api/zero"), preflight("/v1/g/api/zero"))
    assert (response.status, response.body, response.cors) == (418, b"divided", PUBLIC)
    assert seen == ["request", "response"]
    assert listed["access-control-max-age"] == "5"


def test_sanic_ext_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """corsbp does not import sanic-ext to find out whether it is used."""
    monkeypatch.delitem(sys.modules, "sanic_ext", raising=False)
    (response,) = send(new_app(cors_group(bp())), preflight("/api/x"))
    assert response.status == 204
    assert "sanic_ext" not in sys.modules


def test_help_shows_the_defaults() -> None:
    shown = str(inspect.signature(cors_group))
    assert "allow_credentials: 'bool' = False" in shown
    assert "max_age: 'int | timedelta | None' = 600" in shown


def test_no_code_of_corsbp_runs_outside_of_sections() -> None:
    """S2: every Python call is watched while the same requests are served a second time."""
    app = new_app(
        cors_group(bp(), allow_origins=[ORIGIN, "https://*.example.com"]), bp("site", url_prefix="/site")
    )
    ours = str(Path(corsbp.__file__).parent)

    def called(path: str) -> set[str]:
        names: set[str] = set()

        def watch(frame: FrameType, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(ours):
                names.add(frame.f_code.co_name)

        async def talk(port: int) -> None:
            await send_async(port, request("GET", path))  # from now on Sanic has the route in its cache
            sys.setprofile(watch)
            try:
                response = await send_async(port, request("GET", path))
            finally:
                sys.setprofile(None)
            assert response.status == 200

        run_server(serve(app, talk))
        return names

    assert called("/site/x") == set()
    assert called("/api/x") >= {"attach", "response_headers"}
