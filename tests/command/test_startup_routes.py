"""`routes-at-startup`: what can add routes that an audit of an app that is not started cannot list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest
from sanic import Blueprint, Sanic

from corsbp import cors_group
from corsbp.app.inventory import list_routes
from corsbp.command.audit.findings import audit_app
from corsbp.testing.transports import AppSender

from ..support import handler, new_app


async def add_late(app: Sanic) -> None:
    app.add_route(handler, "/late", name="late")


async def add_decorated(app: Sanic) -> None:
    @app.route("/late")
    async def late(_: object) -> Any:
        return None


async def add_inside(app: Sanic) -> None:
    def mount() -> None:
        app.blueprint(Blueprint("late"))

    mount()


async def connect(app: Sanic) -> None:
    app.ctx.routes = {"route": "database"}.get("route")


@wraps(add_late)
async def decorated(app: Sanic) -> None:
    await add_late(app)


class Connect:
    """A listener that is not a function."""

    async def __call__(self, app: Sanic) -> None:
        await connect(app)


def make_app(*listeners: Callable[..., Any], event: str = "before_server_start", **config: Any) -> Sanic:
    bp = Blueprint("api", url_prefix="/api")
    bp.add_route(handler, "/item", name="item")
    for listener in listeners[1:]:  # of the blueprint
        bp.listener(listener, event)
    app = new_app(cors_group(bp, allow_origins="*"), **config)
    for listener in listeners[:1]:
        app.register_listener(listener, event)
    return app


def sources(app: Sanic) -> list[str]:
    """Return what can add routes, without lines."""
    found = [each for each in audit_app(app)[1] if each.id == "routes-at-startup"]
    assert {(each.level, each.where) for each in found} <= {("info", app.name)}
    return [each.text.partition(" ")[0] for each in found]


@pytest.mark.parametrize("event", ["main_process_start", "before_server_start"])
@pytest.mark.parametrize("listener", [add_late, add_decorated, add_inside, decorated])
def test_listeners_that_can_add_routes(listener: Callable[..., Any], event: str) -> None:
    assert sources(make_app(listener, event=event)) == [f"{listener.__name__}()"]


def test_listeners_of_a_blueprint() -> None:
    assert sorted(sources(make_app(connect, add_late, add_inside))) == ["add_inside()", "add_late()"]


def test_the_line_of_a_listener() -> None:
    (finding,) = audit_app(make_app(add_late))[1]
    line = add_late.__code__.co_firstlineno
    assert finding.text == (
        f"add_late() at tests/command/test_startup_routes.py:{line} can add routes when the app starts: "
        "they are not in this list"
    )


@pytest.mark.parametrize("listener", [connect, Connect(), partial(connect)])
def test_other_listeners(listener: Callable[..., Any]) -> None:
    assert sources(make_app(listener)) == sources(make_app(add_late, event="after_server_stop")) == []


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, True),
        ({"OAS": False}, False),
        ({"OAS": False, "HEALTH": True}, False),
        ({"OAS": False, "HEALTH": True, "HEALTH_ENDPOINT": True}, True),
        ({"AUTO_EXTEND": False}, False),
    ],
)
def test_sanic_ext(config: dict[str, Any], found: bool) -> None:
    """It is there if a start adds a path; after `app.extend()`, the list has the path instead."""
    sanic_ext = pytest.importorskip("sanic_ext")
    app = make_app(**{"AUTO_EXTEND": True, **config})
    assert sources(app) == ["sanic-ext"] * found
    listed = paths(app)

    async def start() -> set[str]:
        async with AppSender(app, 1):
            return paths(app)

    assert (asyncio.run(start()) > listed) is found
    extended = make_app(**{"AUTO_EXTEND": True, **config})
    sanic_ext.Extend(extended)
    assert sources(extended) == []
    assert (paths(extended) > listed) is (found or not config.get("AUTO_EXTEND", True))


def test_without_sanic_ext(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corsbp.command.audit.startup_routes.find_spec", lambda _: None)
    assert sources(make_app(AUTO_EXTEND=True)) == []


def paths(app: Sanic) -> set[str]:
    return {route.path for route in list_routes(app)}
