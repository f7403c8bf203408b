"""Sections in sections: the innermost decides, and no blueprint can be in two that are side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint

from corsbp import CorsPolicy, CorsPolicyWarning, cors_group

from ..support import (
    EVIL,
    GRANTED,
    LISTED,
    PUBLIC,
    REFUSED,
    TWO,
    Expectation,
    both_touchups,
    expect,
    handler,
    new_app,
    preflight,
    preflight_headers,
    request,
    send,
)

ONES = {"access-control-allow-origin": TWO}


def blueprint(name: str) -> Blueprint:
    bp = Blueprint(name, url_prefix=f"/{name}")
    bp.add_route(handler, "/item", name="get")
    bp.add_route(handler, "/own", name="own", ctx_cors=CorsPolicy(allow_origins=[TWO]))
    bp.add_route(handler, "/none", name="none", ctx_cors=False)
    return bp


def rows_of(prefix: str, cors: dict[str, str], refused: dict[str, str]) -> dict[str, Expectation]:
    """Return what is expected of blueprint(name) under a policy."""
    methods = preflight_headers("GET,OPTIONS")
    return {
        f"{prefix} GET": (request("GET", f"{prefix}/item"), 200, cors),
        f"{prefix} refused": (request("GET", f"{prefix}/item", EVIL), 200, refused),
        f"{prefix} preflight": (preflight(f"{prefix}/item"), 204, cors | methods),
        f"{prefix} not allowed": (request("POST", f"{prefix}/item"), 405, cors),
        f"{prefix} not found": (request("GET", f"{prefix}/x"), 404, cors),
        f"{prefix} own policy": (request("GET", f"{prefix}/own"), 200, ONES),
        f"{prefix} own policy, preflight": (preflight(f"{prefix}/own"), 204, ONES | methods),
        f"{prefix} left out": (request("GET", f"{prefix}/none"), 200, {}),
    }


@both_touchups
@pytest.mark.parametrize("appended", [False, True])
def test_the_innermost_section_decides(appended: bool, touchup: bool) -> None:
    a, b, c, d, e, out = (blueprint(name) for name in ("a", "b", "c", "d", "e", "out"))
    inner = cors_group(a, **LISTED)
    grouped = Blueprint.group(inner, b, url_prefix="/group")
    middle = cors_group(grouped, c, allow_origins=[TWO], url_prefix="/middle")
    if appended:
        outer = cors_group(d, version=1)
        outer.append(middle)
        outer.append(Blueprint.group(e, url_prefix="/plain"))
    else:
        outer = cors_group(middle, d, [Blueprint.group(e, url_prefix="/plain")], version=1)
    app = new_app(Blueprint.group(outer, out, url_prefix="/svc"), TOUCHUP=touchup)
    rows = {
        **rows_of("/v1/svc/middle/group/a", GRANTED, REFUSED),
        **rows_of("/v1/svc/middle/group/b", ONES, ONES),
        **rows_of("/v1/svc/middle/c", ONES, ONES),
        **rows_of("/v1/svc/d", PUBLIC, PUBLIC),
        **rows_of("/v1/svc/plain/e", PUBLIC, PUBLIC),
        "outside": (request("GET", "/svc/out/item"), 200, {}),
        "outside, own policy": (request("GET", "/svc/out/own"), 200, ONES),
        "outside, preflight": (preflight("/svc/out/item"), 405, {}),
    }
    expect(app, rows)


@both_touchups
def test_the_inner_of_two_sections_around_one_blueprint_decides(touchup: bool) -> None:
    bp = blueprint("a")
    app = new_app(cors_group(cors_group(cors_group(bp, **LISTED)), allow_origins=[TWO]), TOUCHUP=touchup)
    with pytest.warns(match="section-empty"):
        expect(app, rows_of("/a", GRANTED, REFUSED))


@pytest.mark.parametrize("outer_first", [False, True])
def test_the_inner_section_decides_where_both_are_registered(outer_first: bool) -> None:
    """Sanic registers a blueprint once for each prefix: both times the innermost section decides."""
    bp = blueprint("a")
    inner = cors_group(bp, **LISTED)
    outer = cors_group(inner, url_prefix="/outer", name_prefix="outer")
    app = new_app(*((outer, inner) if outer_first else (inner, outer)))
    rows = rows_of("/a", GRANTED, REFUSED) | rows_of("/outer/a", GRANTED, REFUSED)
    with pytest.warns(match="section-empty"):
        expect(app, rows)


def side_by_side(bp: Blueprint) -> list[Any]:
    return [cors_group(bp), cors_group(bp, **LISTED, url_prefix="/two", name_prefix="two")]


def within(bp: Blueprint) -> list[Any]:
    first, second = side_by_side(bp)
    return [cors_group(first, Blueprint.group(second))]


def deeper(bp: Blueprint) -> list[Any]:
    first, second = side_by_side(bp)
    return [Blueprint.group(first, url_prefix="/one"), Blueprint.group(cors_group(second))]


@pytest.mark.parametrize("arrange", [side_by_side, within, deeper])
def test_a_blueprint_in_two_sections_side_by_side_is_an_error(
    arrange: Callable[[Blueprint], list[Any]],
) -> None:
    groups = arrange(blueprint("a"))
    with pytest.raises(ValueError, match=r"(?s)'a'.*cors_group\(a\).*a\.copy\('a_copy'"):
        new_app(*groups)


def test_a_second_section_for_a_registered_blueprint_is_an_error() -> None:
    bp = blueprint("a")
    first, second = cors_group(blueprint("b"), bp), cors_group(blueprint("c"), **LISTED)
    app = new_app(first, second)
    second.append(bp)
    with pytest.raises(ValueError, match=r"(?s)'a'.*cors_group\(b, a\).*cors_group\(c, a\).*a\.copy"):
        send(app, request("GET", "/a/item"))


@both_touchups
def test_copies_of_a_blueprint_may_be_in_different_sections(touchup: bool) -> None:
    """The error of side_by_side() advises to do this."""
    a = blueprint("a")
    copies = {name: a.copy(name, url_prefix=f"/{name}") for name in ("b", "c", "plain")}
    app = new_app(
        cors_group(a),
        cors_group(copies["b"], **LISTED),
        cors_group(copies["c"], allow_origins=[TWO]),
        TOUCHUP=touchup,
    )
    app.blueprint(copies["plain"])
    rows = {
        **rows_of("/a", PUBLIC, PUBLIC),
        **rows_of("/b", GRANTED, REFUSED),
        **rows_of("/c", ONES, ONES),
        "outside": (request("GET", "/plain/item"), 200, {}),
        "outside, own policy": (request("GET", "/plain/own"), 200, ONES),
        "outside, not found": (request("GET", "/plain/x"), 404, {}),
    }
    expect(app, rows)


def test_a_section_may_be_on_several_apps() -> None:
    group = cors_group(blueprint("a"), **LISTED)
    one, other = new_app(group), new_app(cors_group(group, url_prefix="/x"))
    for _ in range(2):
        expect(one, rows_of("/a", GRANTED, REFUSED))
        with pytest.warns(match="section-empty"):
            expect(other, rows_of("/x/a", GRANTED, REFUSED))


@both_touchups
def test_a_section_may_be_put_into_another_one_later(touchup: bool) -> None:
    """The blueprint was in the outer section alone; now it is in the inner one too."""
    bp = blueprint("a")
    outer = cors_group(bp, **LISTED)
    app = new_app(outer, TOUCHUP=touchup)
    inner = cors_group(bp)
    outer.append(inner)
    app.blueprint(inner)
    with pytest.warns(CorsPolicyWarning, match="has no route"):
        expect(app, rows_of("/a", PUBLIC, PUBLIC))


def test_a_group_without_a_prefix_may_be_in_another_section() -> None:
    """A list of groups is flattened as `Blueprint.group` does."""
    app = new_app(cors_group([Blueprint.group(blueprint("a")), [blueprint("b")]]))  # type: ignore[list-item]  # as Sanic, whose types leave out lists
    expect(app, rows_of("/a", PUBLIC, PUBLIC) | rows_of("/b", PUBLIC, PUBLIC))
