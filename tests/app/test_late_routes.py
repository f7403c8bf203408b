"""Routes that are added while the app runs, and apps that start several times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import Unauthorized

from corsbp import CorsPolicy, cors_group

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    HttpRequest,
    both_touchups,
    expect,
    handler,
    new_app,
    preflight,
    preflight_headers,
    request,
    run_server,
    send_async,
    send_through_asgi,
    serve,
)


def add(where: Any, uri: str, method: str, **options: Any) -> None:
    name = f"{method.lower()}_{''.join(filter(str.isalpha, uri))}"
    where.add_route(handler, uri, methods=[method], name=name, **options)


def blueprint(name: str) -> Blueprint:
    bp = Blueprint(name, url_prefix=f"/{name}")
    add(bp, "/item", "GET")
    add(bp, "/number/<number:int>", "GET")
    return bp


def rows_of(prefix: str, cors: dict[str, str]) -> dict[str, Expectation]:
    """Return what is expected of blueprint(prefix)."""
    methods = preflight_headers("GET,OPTIONS")
    rows: dict[str, Expectation] = {
        "GET": (request("GET", f"{prefix}/item"), 200, cors),
        "GET, dynamic": (request("GET", f"{prefix}/number/1"), 200, cors),
        "preflight": (preflight(f"{prefix}/item"), 204, cors | methods),
        "preflight, dynamic": (preflight(f"{prefix}/number/1"), 204, cors | methods),
        "OPTIONS": (request("OPTIONS", f"{prefix}/item"), 204, cors | (methods if cors == PUBLIC else {})),
        "not allowed": (request("POST", f"{prefix}/item"), 405, cors),
        "not allowed, dynamic": (request("POST", f"{prefix}/number/1"), 405, cors),
        "not found": (request("GET", f"{prefix}/none"), 404, cors),
        "not found, preflight": (preflight(f"{prefix}/none"), 204, cors | preflight_headers("GET,OPTIONS")),
        "wrong parameter": (request("GET", f"{prefix}/number/one"), 404, cors),
    }
    return {f"{prefix}: {name}": row for name, row in rows.items()}


Change = Callable[[Sanic, dict[str, Blueprint]], None]


def more_routes(app: Sanic, blueprints: dict[str, Blueprint]) -> None:
    add(blueprints["inside"], "/late", "GET")
    add(blueprints["inside"], "/item", "PUT")
    add(app, "/web/late", "GET")
    add(app, "/inside/outside", "GET")


def more_blueprints(app: Sanic, _: dict[str, Blueprint]) -> None:
    app.blueprint(cors_group(blueprint("late")))
    app.blueprint(blueprint("late-web"))


def a_copy(app: Sanic, blueprints: dict[str, Blueprint]) -> None:
    copied = blueprints["web"].copy("copied", url_prefix="/copied", with_registration=False)
    app.blueprint(cors_group(copied, allow_origins=[TWO]))


def neighbours(app: Sanic, _: dict[str, Blueprint]) -> None:
    add(app, "/inside/item", "DELETE")
    add(app, "/inside/number/<number:int>", "OPTIONS")


OUTSIDE: dict[str, Expectation] = {
    "outside": (request("GET", "/web/item"), 200, {}),
    "outside, not found": (request("GET", "/web/none"), 404, {}),
    "outside, not allowed": (request("POST", "/web/item"), 405, {}),
    "outside, preflight": (preflight("/web/item"), 405, {}),
}
METHOD = {"vary": "origin, access-control-request-method"}
TWOS = {"access-control-allow-origin": TWO}
ALL_TWOS = TWOS | preflight_headers("GET,OPTIONS")

CHANGES: dict[Change, dict[str, Expectation]] = {
    more_routes: {
        "/inside: not found, preflight": (
            preflight("/inside/none"),
            204,
            GRANTED | preflight_headers("GET,PUT,OPTIONS"),
        ),
        "late": (request("GET", "/inside/late"), 200, GRANTED),
        "late, refused": (request("GET", "/inside/late", EVIL), 200, REFUSED),
        "late, preflight": (preflight("/inside/late"), 204, GRANTED | preflight_headers("GET,OPTIONS")),
        "late, not allowed": (request("POST", "/inside/late"), 405, GRANTED),
        "late, another method": (request("PUT", "/inside/item"), 200, GRANTED),
        "/inside: preflight": (
            preflight("/inside/item", "PUT"),
            204,
            GRANTED | preflight_headers("GET,PUT,OPTIONS"),
        ),
        "late, outside": (request("GET", "/web/late"), 200, {}),
        "late, outside, preflight": (preflight("/web/late"), 405, {}),
        "late, outside under the prefix": (request("GET", "/inside/outside"), 200, {}),
        "late, outside under the prefix, not allowed": (request("POST", "/inside/outside"), 405, {}),
    },
    more_blueprints: {
        **rows_of("/late", PUBLIC),
        "late, outside": (request("GET", "/late-web/item"), 200, {}),
        "late, outside, preflight": (preflight("/late-web/item"), 405, {}),
        "late, outside, not found": (request("GET", "/late-web/none"), 404, {}),
    },
    a_copy: rows_of("/copied", TWOS)
    | {"/copied: OPTIONS": (request("OPTIONS", "/copied/item"), 204, ALL_TWOS)},
    neighbours: {
        "late, outside on its path": (request("DELETE", "/inside/item"), 200, {}),
        "/inside: preflight": (
            preflight("/inside/item"),
            204,
            GRANTED | preflight_headers("GET,OPTIONS") | METHOD,
        ),
        "late, outside on its path, preflight": (
            preflight("/inside/item", "DELETE"),
            204,
            {"vary": "access-control-request-method"},
        ),
        "late, OPTIONS outside on its path": (request("OPTIONS", "/inside/number/1"), 200, {}),
        "/inside: preflight, dynamic": (
            preflight("/inside/number/1"),
            204,
            GRANTED | preflight_headers("GET,OPTIONS") | METHOD,
        ),
    },
}


async def ask_all(port: int, rows: dict[str, Expectation]) -> None:
    seen = {}
    for name, (one, *_) in rows.items():
        response = await send_async(port, one)
        seen[name] = (response.status, response.cors)
    wrong = {name: response for name, response in seen.items() if response != rows[name][1:]}
    assert not wrong


@both_touchups
@pytest.mark.parametrize(
    ("change", "before"), [*((each, True) for each in CHANGES), (more_blueprints, False)]
)
def test_routes_can_be_added_while_the_app_runs(change: Change, before: bool, touchup: bool) -> None:
    """`before`: the app has a section at its start; else, the first section comes while it runs."""
    changed = {
        name: row
        for name, row in CHANGES[change].items()
        # Sanic does not restore what TOUCHUP removed at startup because no listener for errors existed.
        if before or not touchup or (row[1] not in (404, 405) and "not found" not in name)
    }
    app = new_app(TOUCHUP=touchup)
    # Routes can be added while the app runs only to such a blueprint: Sanic registers all its routes again.
    inside = blueprint("original").copy("inside", url_prefix="/inside", allow_route_overwrite=True)
    blueprints = {"inside": inside, "web": blueprint("web")}
    if before:
        app.blueprint(cors_group(blueprints["inside"], **LISTED))
    app.blueprint(blueprints["web"])
    rows = OUTSIDE | (rows_of("/inside", GRANTED) if before else {})

    async def talk(port: int) -> None:
        await ask_all(port, rows)
        with app.amend():
            change(app, blueprints)
        await ask_all(port, rows | changed)
        with app.amend():
            app.middleware(lambda _, response: response.headers.update({"x-late": "1"}), "response")
        await ask_all(port, rows | changed)

    run_server(serve(app, talk))


@pytest.mark.parametrize("fields", [LISTED, LISTED | {"check_requests": "writes"}], ids=["reads", "checks"])
def test_a_route_without_its_middleware_is_not_served(
    fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The guide's recipe compiles the router alone: Sanic then fails, and does not leave out the login."""
    app = new_app()

    @app.on_request
    async def require_login(_: Request) -> None:
        raise Unauthorized("log in")

    app.blueprint(cors_group(app, **fields))
    add(app, "/early", "POST")

    async def talk(port: int) -> None:
        app.router.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
        add(app, "/late", "POST")
        app.router.finalize()
        await ask_all(port, {"early": (request("POST", "/early"), 401, GRANTED)})
        assert (await send_async(port, request("POST", "/late"))).status == 500

    run_server(serve(app, talk))
    assert "with app.amend():" in caplog.text


def test_a_late_route_can_have_its_own_policy() -> None:
    app = new_app()
    bp = blueprint("original").copy("inside", url_prefix="/inside", allow_route_overwrite=True)
    app.blueprint(cors_group(bp, **LISTED))

    async def talk(port: int) -> None:
        with app.amend():
            add(bp, "/item", "DELETE", ctx_cors=CorsPolicy())
        rows: dict[str, Expectation] = {
            "GET": (request("GET", "/inside/item"), 200, GRANTED),
            "DELETE": (request("DELETE", "/inside/item"), 200, PUBLIC),
            "preflight": (
                preflight("/inside/item"),
                204,
                GRANTED | preflight_headers("GET,OPTIONS") | METHOD,
            ),
            "preflight for DELETE": (
                preflight("/inside/item", "DELETE"),
                204,
                PUBLIC | preflight_headers("DELETE,OPTIONS") | {"vary": "access-control-request-method"},
            ),
        }
        await ask_all(port, rows)

    run_server(serve(app, talk))


@both_touchups
def test_an_app_can_start_several_times(touchup: bool) -> None:
    app, bp = new_app(TOUCHUP=touchup), blueprint("inside")
    group = cors_group(bp, **LISTED)
    app.blueprint(group)
    app.blueprint(blueprint("web"))
    rows = OUTSIDE | rows_of("/inside", GRANTED)
    for _ in range(3):
        expect(app, rows)
    group.reconfigure(CorsPolicy(allow_origins=[TWO]))
    rows |= rows_of("/inside", TWOS)
    rows["/inside: OPTIONS"] = (request("OPTIONS", "/inside/item"), 204, ALL_TWOS)
    for _ in range(3):
        expect(app, rows)


def test_an_app_can_start_several_times_through_asgi() -> None:
    app = new_app(cors_group(blueprint("inside"), **LISTED), blueprint("web"))
    rows = OUTSIDE | rows_of("/inside", GRANTED)
    responses = send_through_asgi(app, *[one for one, *_ in rows.values() if isinstance(one, HttpRequest)])
    seen = {name: (response.status, response.cors) for name, response in zip(rows, responses, strict=True)}
    assert seen == {name: row[1:] for name, row in rows.items()}
