"""Go's tests of `net/http.CrossOriginProtection` that are more than one request to one route.

The requests of the others are in the table (`forgery_cases.GO_CASES`), with the cases that differ.
https://github.com/golang/go/blob/master/src/net/http/csrf_test.go
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, text
from sanic.exceptions import Forbidden

from corsbp import CorsPolicy, CorsPolicyError, cors_group
from corsbp.app.forged_requests import MESSAGE

from ..forgery_cases import CROSS, GO, GO_CASES, sent
from ..support import HttpRequest, new_app, run_server, send, send_async, serve

ATTACKER = "https://attacker.example"
CHECKED = CorsPolicy(allow_origins=[GO], check_requests="writes")
EXEMPT = CHECKED.replace(check_requests=False)


async def ok(_: Request, **__: str) -> HTTPResponse:
    return text("ok")


def make_app() -> Sanic:
    """Return an app with the paths of Go's tests."""
    bp = Blueprint("site")
    bp.add_route(ok, "/", methods=["GET", "POST"], name="root")
    bp.add_route(ok, "/api/", methods=["POST"], name="api")
    bp.add_route(ok, "/bypass/", methods=["POST"], name="bypass", ctx_cors=EXEMPT)
    bp.add_route(ok, "/bypass/bar", methods=["POST"], name="bar", ctx_cors=EXEMPT)
    bp.add_route(ok, "/only/<foo:str>", methods=["POST"], name="only", ctx_cors=EXEMPT)
    bp.add_route(ok, "/only/<foo:str>/foo", methods=["POST"], name="below")
    return new_app(cors_group(bp, policy=CHECKED))


def attack(path: str, site: str | None = None) -> HttpRequest:
    return HttpRequest("POST", path, sent(ATTACKER, site=site))


PATTERN_BYPASS = {
    "bypass path without sec-fetch-site": ("/bypass/", None, 200),
    "bypass path with cross-site": ("/bypass/", CROSS, 200),
    "non-bypass path without sec-fetch-site": ("/api/", None, 403),
    "non-bypass path with cross-site": ("/api/", CROSS, 403),
    "redirect to bypass path with trailing slash": ("/bypass", None, 200),
    "redirect to non-bypass path with trailing slash": ("/api", None, 403),
    "wildcard bypass": ("/only/123", None, 200),
    "non-wildcard": ("/only/123/foo", None, 403),
    # Go redirects to the path without `..`, and compares that with its patterns. Sanic does not redirect:
    # such a path has no route, so that no handler runs.
    "redirect to bypass path without ..": ("/foo/../bypass/bar", None, 404),
    "redirect to non-bypass path with ..": ("/foo/../api/bar", None, 404),
}


def test_exemptions_are_routes_and_not_patterns_of_paths() -> None:
    """TestCrossOriginProtectionPatternBypass, and "bypass path" of TestCrossOriginProtectionServer."""
    responses = send(make_app(), *(attack(path, site) for path, site, _ in PATTERN_BYPASS.values()))
    statuses = [response.status for response in responses]
    assert dict(zip(PATTERN_BYPASS, statuses, strict=True)) == {
        name: status for name, (_, _, status) in PATTERN_BYPASS.items()
    }


def test_the_error_handler_of_the_app_is_the_deny_handler() -> None:
    """TestCrossOriginProtectionSetDenyHandler."""
    denied, served = HttpRequest("POST", "/", sent(site=CROSS)), HttpRequest("GET", "/")
    (plain,) = send(make_app(), denied)
    assert plain.status == 403 and MESSAGE.encode() in plain.body
    app = make_app()
    app.error_handler.add(Forbidden, lambda request, error: text("custom error", 418))
    teapot, fine = send(app, denied, served)
    assert (teapot.status, teapot.body, fine.status) == (418, b"custom error", 200)


ORIGINS = {
    "valid origin": ("https://example.com", False),
    "valid origin with port": ("https://example.com:8080", False),
    "http origin": ("http://example.com", False),
    "missing scheme": ("example.com", True),
    "missing host": ("https://", True),
    "trailing slash": ("https://example.com/", True),
    "with path": ("https://example.com/path", True),
    "with query": ("https://example.com?query=value", True),
    "with fragment": ("https://example.com#fragment", True),
    "invalid url": ("https://ex ample.com", True),
    "empty string": ("", True),
    "null": ("null", True),
}


@pytest.mark.parametrize("name", ORIGINS)
def test_an_origin_that_go_does_not_trust_is_an_error(name: str) -> None:
    """TestCrossOriginProtectionAddTrustedOriginErrors."""
    origin, is_error = ORIGINS[name]
    if is_error:
        with pytest.raises(CorsPolicyError):
            CorsPolicy(allow_origins=[origin], check_requests="writes")
    else:
        assert CorsPolicy(allow_origins=[origin], check_requests="writes").allows(origin)


def test_an_origin_can_be_added_while_requests_are_under_way() -> None:
    """TestCrossOriginProtectionAddingBypassesConcurrently."""
    bp = Blueprint("site")
    bp.add_route(ok, "/", methods=["POST"], name="root")
    group = cors_group(bp, policy=CHECKED)
    origin = "https://concurrent.example"
    one = HttpRequest("POST", "/", sent(origin, site=CROSS))

    async def talk(port: int) -> tuple[int, Counter[int], int]:
        before = await send_async(port, one)
        running = [asyncio.ensure_future(send_async(port, one)) for _ in range(10)]
        await asyncio.sleep(0)
        group.reconfigure(CHECKED.replace(allow_origins=[GO, origin]))
        during = Counter(response.status for response in await asyncio.gather(*running))
        return before.status, during, (await send_async(port, one)).status

    before, during, after = run_server(serve(new_app(group), talk))
    assert (before, after) == (403, 200)
    assert set(during) <= {403, 200} and during.total() == 10


def test_no_request_of_go_is_left_out() -> None:
    names = Counter(case.name.partition(":")[0] for case in GO_CASES)
    assert names == {"Go SecFetchSite": 12, "Go TrustedOriginBypass": 4, "Go Server": 5}
    assert len(PATTERN_BYPASS) == 10
