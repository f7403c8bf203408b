"""Warnings at startup about settings that are legal but probably not meant (V6)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, text

from corsbp import CorsGroup, CorsPolicy, CorsPolicyWarning, cors_group
from corsbp.policy.problems import WARNINGS

from ...support import new_app, request, send

Found = set[tuple[str, str, object]]


async def handler(_: Request, **__: Any) -> HTTPResponse:
    return text("here")


def bp_of(name: str, *methods: str, **more: Any) -> Blueprint:
    bp = Blueprint(name, url_prefix=f"/{name}")
    for method in methods:
        bp.add_route(handler, "/item", methods=[method], name=method.lower(), **more)
    return bp


def warned(app: Sanic) -> list[CorsPolicyWarning]:
    """Return the warnings of one startup."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (response,) = send(app, request("GET", "/elsewhere"))
    assert (response.status, response.cors) == (404, {})
    return [each.message for each in caught if isinstance(each.message, CorsPolicyWarning)]


def seen(app: Sanic) -> Found:
    messages = warned(app)
    found = {(each.problem.id, each.problem.field, each.problem.value) for each in messages}
    assert len(found) == len(messages), f"one of these came twice: {[*map(str, messages)]}"
    return found


def unserved(*methods: str) -> Found:
    return {("method-unserved", "allow_methods", method) for method in methods}


def empty(label: str) -> Found:
    return {("section-empty", "cors_group", label)}


def twice(name: str) -> Found:
    return {("blueprint-twice", "cors_group", name)}


OWN = CorsPolicy(max_age=1)


def add(app: Sanic, uri: str, **more: Any) -> Sanic:
    app.add_route(handler, uri, name=uri.strip("/"), **more)
    return app


APPS: dict[str, tuple[Callable[[], Sanic], Found]] = {
    # methods
    "every method": (lambda: new_app(cors_group(bp_of("a", "GET"))), set()),
    "all are served": (
        lambda: new_app(cors_group(bp_of("a", "GET", "PUT"), allow_methods=["GET", "PUT"])),
        set(),
    ),
    "OPTIONS is served by the section": (
        lambda: new_app(cors_group(bp_of("a", "GET"), allow_methods=["GET", "OPTIONS"])),
        set(),
    ),
    "served by another blueprint of the section": (
        lambda: new_app(cors_group(bp_of("a", "GET"), bp_of("b", "PUT"), allow_methods=["GET", "PUT"])),
        set(),
    ),
    "some are not": (
        lambda: new_app(cors_group(bp_of("a", "GET"), allow_methods=["GET", "PUT", "DELETE"])),
        unserved("PUT", "DELETE"),
    ),
    "served outside of the section only": (
        lambda: new_app(cors_group(bp_of("a", "GET"), allow_methods=["GET", "PUT"]), bp_of("b", "PUT")),
        unserved("PUT"),
    ),
    "served by a nested section only": (
        lambda: new_app(
            cors_group(cors_group(bp_of("a", "PUT")), bp_of("b", "GET"), allow_methods=["GET", "PUT"])
        ),
        unserved("PUT"),
    ),
    "two sections": (
        lambda: new_app(
            cors_group(bp_of("a", "GET"), allow_methods=["PUT"]),
            cors_group(bp_of("b", "PUT"), allow_methods=["GET"]),
        ),
        unserved("PUT", "GET"),
    ),
    "no methods at all": (lambda: new_app(cors_group(bp_of("a", "GET"), allow_methods=[])), set()),
    # empty sections
    "no routes": (lambda: add(new_app(cors_group(bp_of("a"))), "/home"), empty("cors_group(a)")),
    "no routes, and then no method is worth a word": (
        lambda: add(new_app(cors_group(bp_of("a"), bp_of("b"), allow_methods=["PUT"])), "/home"),
        empty("cors_group(a, b)"),
    ),
    "one blueprint has none": (lambda: new_app(cors_group(bp_of("a"), bp_of("b", "GET"))), set()),
    "one section of two": (
        lambda: new_app(cors_group(bp_of("a", "GET")), cors_group(bp_of("b"))),
        empty("cors_group(b)"),
    ),
    "only static files": (
        lambda: new_app(cors_group(with_files(Blueprint("a", url_prefix="/a")))),
        set(),
    ),
    "only a websocket": (lambda: new_app(cors_group(with_socket(Blueprint("a", url_prefix="/a")))), set()),
    # routes outside may have a policy of their own (S7)
    "a policy outside": (lambda: add(new_app(cors_group(bp_of("a", "GET"))), "/out", ctx_cors=OWN), set()),
    "left out outside": (
        lambda: add(new_app(cors_group(bp_of("a", "GET"))), "/<n:str>/out", ctx_cors=False),
        set(),
    ),
    "the app itself": (lambda: add(new_app(cors_group(bp_of("a", "GET"))), "/out"), set()),
    # blueprints at two places
    "in a group, then beside it": (
        lambda: beside(cors_group(bp_of("a", "GET"), url_prefix="/v1")),
        twice("a"),
    ),
    "of an inner group": (
        lambda: beside(cors_group(Blueprint.group(bp_of("a", "GET"), url_prefix="/v1"), bp_of("b", "GET"))),
        twice("a"),
    ),
    "in a group that is registered twice": (lambda: registered_twice(cors_group(bp_of("a", "GET"))), set()),
    "routes of several versions": (lambda: new_app(cors_group(of_two_versions())), set()),
    "a copy beside it": (
        lambda: with_copy(bp_of("a", "GET")),
        set(),
    ),
    # all of them
    "several": (
        lambda: add(
            new_app(cors_group(bp_of("a", "GET"), allow_methods=["PUT"]), cors_group(bp_of("b"))),
            "/out",
        ),
        unserved("PUT") | empty("cors_group(b)"),
    ),
}


def beside(group: CorsGroup) -> Sanic:
    app = new_app(group)
    bp, *_ = [each for each in app.blueprints.values() if each.name == "a"]
    app.blueprint(bp, url_prefix="/v2", name_prefix="v2")
    return app


def registered_twice(group: CorsGroup) -> Sanic:
    app = new_app(group)
    app.blueprint(group, url_prefix="/v2", name_prefix="v2")
    return app


def of_two_versions() -> Blueprint:
    bp = Blueprint("a", url_prefix="/a", version=1)
    bp.add_route(handler, "/item", name="one")
    bp.add_route(handler, "/item", name="two", version=2)
    return bp


def with_copy(bp: Blueprint) -> Sanic:
    return new_app(cors_group(bp), bp.copy("a_copy", url_prefix="/copy"))


def with_files(bp: Blueprint) -> Blueprint:
    bp.static("/file", __file__, name="file")
    return bp


def with_socket(bp: Blueprint) -> Blueprint:
    bp.websocket("/ws", name="ws")(handler)
    return bp


@pytest.mark.parametrize("name", APPS)
def test_doubtful_settings_are_warnings_at_startup(name: str) -> None:
    make, expected = APPS[name]
    assert seen(make()) == expected


def test_startup_warnings_name_the_cause_and_the_remedy() -> None:
    app = new_app(cors_group(bp_of("a", "GET"), allow_methods=["PUT"]), cors_group(bp_of("b")))
    assert {str(each) for each in warned(app)} == {
        "allow_methods: 'PUT' is served by no route of cors_group(a) [method-unserved]",
        "cors_group: 'cors_group(b)' has no route [section-empty]",
    }
    (warning,) = warned(beside(cors_group(bp_of("a", "GET"), url_prefix="/v1")))
    assert str(warning) == (
        "cors_group: 'a' is registered at /v1/a and at /v2, and has CORS at both: cors_group(a) wraps the "
        "blueprint, wherever it is. Register a copy where you want none [blueprint-twice]"
    )


COOKIES = CorsPolicy(allow_origins=["https://app.example"], allow_credentials=True)


@pytest.mark.parametrize(
    ("section", "route", "found"),
    [
        (COOKIES, CorsPolicy(max_age=0), True),
        (COOKIES, CorsPolicy(allow_headers=["x-a"], expose_headers=["x-b"]), True),
        (CorsPolicy(allow_origins=lambda *_: False), CorsPolicy(max_age=0), True),
        (COOKIES, CorsPolicy(), False),  # says that every page is meant
        (COOKIES, COOKIES.replace(max_age=0), False),
        (COOKIES, CorsPolicy(allow_origins=["https://*.com"], max_age=0), False),
        (CorsPolicy(), CorsPolicy(max_age=0), False),
        (COOKIES, False, False),
    ],
)
@pytest.mark.parametrize("extended", [False, True])
def test_an_open_route_in_a_section_that_is_not_open_is_a_warning(
    section: CorsPolicy, route: Any, found: bool, extended: bool
) -> None:
    if extended:
        pytest.importorskip("sanic_ext")
    group = cors_group(bp_of("a", "GET", ctx_cors=route), bp_of("b", "GET"), policy=section)
    app = new_app(group, AUTO_EXTEND=extended)
    assert seen(app) == ({("route-open", "ctx_cors", f"{app.name}.a.get (/a/item)")} if found else set())


def test_the_warning_of_an_open_route_names_it() -> None:
    app = new_app(cors_group(bp_of("a", "GET", ctx_cors=CorsPolicy(max_age=0)), policy=COOKIES))
    assert [str(each) for each in warned(app)] == [
        f"ctx_cors: '{app.name}.a.get (/a/item)' allows every origin, in cors_group(a), which does not: a "
        "policy in ctx_cors inherits nothing. Write group.policy.replace(max_age=0), or CorsPolicy() if "
        "every origin is meant [route-open]"
    ]


def test_a_late_route_counts_for_the_warnings() -> None:
    bp = bp_of("a", "GET")
    app = new_app(cors_group(bp, allow_methods=["GET", "PUT"]))
    bp.add_route(handler, "/late", methods=["PUT"], name="late")
    assert seen(app) == set()


def test_warnings_come_at_every_startup() -> None:
    app = new_app(cors_group(bp_of("a", "GET"), allow_methods=["PUT"]), TOUCHUP=False)
    assert seen(app) == seen(app) == unserved("PUT")


def test_a_warning_as_an_error_stops_the_app() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", CorsPolicyWarning)
        with pytest.raises(CorsPolicyWarning, match="has no route"):
            send(new_app(cors_group(bp_of("a"))))


def test_automatic_heads_of_sanic_ext_count_as_served() -> None:
    pytest.importorskip("sanic_ext")
    app = new_app(cors_group(bp_of("a", "GET"), allow_methods=["GET", "HEAD", "PUT"]), AUTO_EXTEND=True)
    assert seen(app) == unserved("PUT")


def test_every_startup_warning_has_a_case() -> None:
    found = {problem for _, expected in APPS.values() for problem, *_ in expected} | {"two-layers"}
    assert found == {"method-unserved", "section-empty", "blueprint-twice", "two-layers"} <= set(WARNINGS)
