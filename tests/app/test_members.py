"""The members of a section: an app (S7), registered blueprints (S8); and groups that were forgotten (S9)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Sanic

from corsbp import CorsGroup, CorsPolicy, CorsPolicyWarning, cors_group
from corsbp.app.inventory import list_startup_problems

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    Expectation,
    HttpRequest,
    both_touchups,
    expect,
    handler,
    new_app,
    preflight,
    preflight_headers,
    request,
    send,
)

ONES = {"access-control-allow-origin": ORIGIN}
ONE: dict[str, Any] = {"allow_origins": [ORIGIN]}


def bp_of(name: str = "api", prefix: str | None = None, **more: Any) -> Blueprint:
    bp = Blueprint(name, url_prefix=prefix or f"/{name}", **more)
    bp.add_route(handler, "/item", name="item")
    return bp


# --- S7: the app itself ---


@both_touchups
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_group_of_an_app_gives_cors_to_all_its_routes(when: str, touchup: bool, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("file")
    app = new_app(TOUCHUP=touchup)

    def routes() -> None:
        app.add_route(handler, "/", name="home")
        app.add_route(handler, "/item", name="item")
        app.add_route(handler, "/item", methods=["PUT"], name="put", ctx_cors=False)
        app.add_route(handler, "/own/<n:int>", methods=["PUT"], name="own", ctx_cors=CorsPolicy())
        app.static("/files", tmp_path, name="files")
        app.blueprint(bp_of("extension", "/docs"))
        app.blueprint(cors_group(bp_of("other"), **ONE))

    if when == "after":
        routes()
    app.blueprint(cors_group(app, bp_of(), **LISTED))
    if when == "before":
        routes()
    method = {"vary": "origin, access-control-request-method"}
    rows: dict[str, Expectation] = {
        "home": (request("GET", "/"), 200, GRANTED),
        "home, preflight": (preflight("/"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "item": (request("GET", "/item"), 200, GRANTED),
        "refused": (request("GET", "/item", EVIL), 200, REFUSED),
        "left out": (request("PUT", "/item"), 200, {}),
        "left out, preflight": (preflight("/item", "PUT"), 204, {"vary": "access-control-request-method"}),
        "beside it, preflight": (
            preflight("/item"),
            204,
            GRANTED | preflight_headers("GET,OPTIONS") | method,
        ),
        "own": (request("PUT", "/own/1", EVIL), 200, PUBLIC),
        "own, preflight": (
            preflight("/own/1", "PUT", origin=EVIL),
            204,
            PUBLIC | preflight_headers("PUT,OPTIONS"),
        ),
        "file": (request("GET", "/files/a.txt"), 200, GRANTED),
        "no such file": (request("GET", "/files/b.txt"), 404, GRANTED),
        "extension": (request("GET", "/docs/item"), 200, GRANTED),
        "member": (request("GET", "/api/item"), 200, GRANTED),
        "unknown": (request("GET", "/none"), 404, GRANTED),
        "unknown, preflight": (
            preflight("/none", "PUT"),
            204,
            GRANTED | preflight_headers("GET,HEAD,OPTIONS"),
        ),
        "not allowed": (request("DELETE", "/item"), 405, GRANTED),
        "another section": (request("GET", "/other/item", EVIL), 200, ONES),
        "another section, unknown": (request("GET", "/other/none", EVIL), 404, ONES),
    }
    expect(app, rows)


def test_the_group_of_an_app_can_hold_a_section() -> None:
    inner = bp_of("inner")
    app = new_app()
    app.add_route(handler, "/item", name="item")
    app.blueprint(cors_group(app, cors_group(inner, **ONE), **LISTED))
    rows: dict[str, Expectation] = {
        "app": (request("GET", "/item", EVIL), 200, REFUSED),
        "inner": (request("GET", "/inner/item", EVIL), 200, ONES),
    }
    expect(app, rows)
    route = app.router.find_route_by_view_name("item")
    assert route and route.name == f"{app.name}.item"  # as without corsbp
    assert app.url_for("item") == "/item"


def test_an_app_is_wrapped_only_once() -> None:
    app = new_app()
    app.blueprint(cors_group(app))
    with pytest.raises(
        ValueError, match=r"The app is in two sections, cors_group\(app\) and cors_group\(app, api\)"
    ):
        app.blueprint(cors_group(app, bp_of()))


def test_the_group_of_an_app_is_not_registered_on_another_app() -> None:
    with pytest.raises(
        ValueError, match=r"cors_group\(app\) wraps Sanic\(name=.*cannot be registered on Sanic\("
    ):
        new_app(cors_group(new_app()))


# --- S8: blueprints that the app has already ---


@both_touchups
def test_a_blueprint_can_be_registered_before_it_is_wrapped(touchup: bool) -> None:
    bp, beside = bp_of("docs"), bp_of("beside")
    app = new_app(TOUCHUP=touchup)
    app.blueprint(bp, url_prefix="/moved", version=2)
    app.blueprint(cors_group(app.blueprints["docs"], beside, **LISTED))
    beside.add_route(handler, "/late", name="late")
    rows: dict[str, Expectation] = {
        "where it is": (request("GET", "/v2/moved/item"), 200, GRANTED),
        "preflight": (preflight("/v2/moved/item"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "unknown": (request("GET", "/v2/moved/none"), 404, GRANTED),
        "nowhere else": (request("GET", "/docs/item"), 404, {}),
        "beside": (request("GET", "/beside/item"), 200, GRANTED),
        "later": (request("GET", "/beside/late"), 200, GRANTED),
    }
    expect(app, rows)
    assert sorted(route.path for route in app.router.routes) == sorted(
        {route.path for route in app.router.routes}
    )


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (lambda bp: cors_group(bp, url_prefix="/api"), r"cors_group\(docs\) cannot move it below 'api'"),
        (lambda bp: cors_group(bp, version=1), r"cors_group\(docs\) cannot move it below 1"),
        (lambda bp: Blueprint.group(cors_group(bp), url_prefix="/svc"), r"cannot move it below 'svc'"),
        (lambda bp: cors_group(Blueprint.group(bp, url_prefix="/in")), r"has it in a group of its own"),
    ],
)
def test_a_registered_blueprint_keeps_its_prefix(group: Callable[[Blueprint], Any], words: str) -> None:
    bp = bp_of("docs")
    app = new_app(bp)
    before = sorted(route.path for route in app.router.routes)
    with pytest.raises(
        ValueError, match=rf"'docs' is registered already, and .*{words}.*Meant: cors_group\(docs\)"
    ):
        app.blueprint(group(bp))
    assert sorted(route.path for route in app.router.routes) == before


def test_the_documentation_blueprint_of_sanic_ext_can_be_wrapped() -> None:
    pytest.importorskip("sanic_ext")
    app = new_app(AUTO_EXTEND=True)
    app.add_route(handler, "/item", name="item")
    app.extend()
    app.blueprint(cors_group(app.blueprints["openapi"]))
    responses = expect(
        app,
        {
            "in": (request("GET", "/docs/openapi.json", EVIL), 200, PUBLIC),
            "out": (request("GET", "/item", None), 200, {}),
        },
    )
    assert b'"/item"' in responses["in"].body


def test_a_group_can_be_on_two_apps_of_which_one_has_the_blueprint() -> None:
    bp = bp_of("docs")
    group = cors_group(bp, **LISTED)
    one, other = new_app(bp), new_app()
    for app in (one, other):
        app.blueprint(group)
        responses = send(app, request("GET", "/docs/item"), request("GET", "/docs/none"))
        assert [(response.status, response.cors) for response in responses] == [
            (200, GRANTED),
            (404, GRANTED),
        ]


# --- S9: groups that were forgotten ---


def warned(app: Sanic, *requests: HttpRequest) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        send(app, *(requests or [request("GET", "/none")]))
    return [str(each.message) for each in caught if isinstance(each.message, CorsPolicyWarning)]


def kept(bp: Blueprint) -> tuple[CorsGroup | None, Any]:
    return cors_group(bp), bp


def dropped(bp: Blueprint) -> tuple[CorsGroup | None, Any]:
    cors_group(Blueprint.group(bp))
    return None, bp


def registered_before(bp: Blueprint) -> tuple[CorsGroup | None, Any]:
    app = new_app(bp)
    cors_group(bp)
    return None, app


@pytest.mark.parametrize("way", [kept, dropped, registered_before])
def test_a_group_that_is_not_registered_is_named_in_a_warning(
    way: Callable[[Blueprint], tuple[Any, Any]],
) -> None:
    _group, made = way(bp_of())
    app = made if isinstance(made, Sanic) else new_app(made)
    line = way.__code__.co_firstlineno + (2 if way is registered_before else 1)
    message = (
        rf"cors_group: 'cors_group\(api\) at .*test_members\.py:{line}' is registered on no app, "
        r"but the blueprint 'api' is: app\.blueprint\(cors_group\(\.\.\.\)\) registers it \[group-forgotten\]"
    )
    assert [bool(re.fullmatch(message, str(each))) for each in list_startup_problems(app)] == [True]
    (warning,) = warned(app)
    assert re.fullmatch(message, warning)


def test_a_forgotten_group_of_several_blueprints_is_one_warning() -> None:
    one, two = bp_of("one"), bp_of("two")
    cors_group(one, two)
    app = new_app(one, two)
    (warning,) = warned(app)
    assert "cors_group(one, two) at" in warning and "the blueprint 'one' and 'two' is" in warning


def test_a_wrapped_app_without_its_group_is_named_in_a_warning() -> None:
    app = new_app()
    app.add_route(handler, "/item", name="item")
    cors_group(app)
    (warning,) = warned(app)
    assert "cors_group(app) at" in warning and "but the app serves its routes" in warning


def test_a_blueprint_may_be_wrapped_in_one_app_and_not_in_another() -> None:
    """One app with the group and another with the blueprint alone is fine; so is a copy."""
    bp = bp_of()
    with_section, without = new_app(cors_group(bp)), new_app(bp, bp.copy("copy", url_prefix="/copy"))
    assert (warned(with_section), warned(without)) == ([], [])
    assert (list_startup_problems(with_section), list_startup_problems(without)) == ([], [])


def test_a_registered_group_removes_its_listener() -> None:
    """Sanic sorts all listeners for each listener: an app with many blueprints would start slowly."""

    def listeners(*members: Any) -> int:
        return sum(route.name == "server.init.before" for route in new_app(*members).signal_router.routes)

    few, many = ([bp_of(f"b{number}") for number in range(count)] for count in (1, 20))
    assert (
        listeners(cors_group(*few)) == listeners(cors_group(*many)) == listeners(*map(cors_group, many)) == 1
    )


def test_a_group_inside_a_registered_group_is_not_forgotten() -> None:
    app = new_app(Blueprint.group(cors_group(cors_group(bp_of()), bp_of("b")), url_prefix="/x"))
    assert warned(app) == []
