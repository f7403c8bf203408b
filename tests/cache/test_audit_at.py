"""`corsbp audit --observed --at`: real nginx in front of an app, each server with one fault."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from corsbp.command import main
from corsbp.command.audit.observed_method import UNKNOWN_ORIGIN
from tests.support import ROOT

from .conftest import EDGE_APP, nginx_servers
from .edge_app import A, B, items

PASS = "location / { proxy_pass http://app; }"

BY_NGINX = "server: nginx"
EXPOSE = "no longer for pages to read: x-total"
# What is in front of the app, and what `--check` says of it: with a file of declared policies, and beside the
# same lines with a file of --observed, which knows of responses without a route, too.
SERVERS: dict[str, tuple[str, list[str], list[str]]] = {
    "good": (PASS, [], []),
    "a cache that honours Vary": (
        "location / { proxy_pass http://app; proxy_cache answers; proxy_cache_valid any 10m; }",
        [],
        [],
    ),
    "headers of CORS once more": (
        "location / { proxy_pass http://app; add_header access-control-allow-origin * always; }",
        [
            "error GET /public/feed: access-control-allow-origin comes 2 times: *, * [edge-header-twice]",
            f"error GET /shop/items: access-control-allow-origin comes 2 times: {A}, * [edge-header-twice]",
            "error GET /health: gained an unknown origin [edge-difference]",
        ],
        [],
    ),
    "an app that is down": (
        "location / { proxy_pass http://app; } location /shop/ { proxy_pass http://127.0.0.1:1; }",
        [
            f"error GET /shop/items: lost {A}, {B}: status 502 without headers of CORS, {BY_NGINX}",
            f"error PUT /shop/items: lost {A}, {B}: status 502 without headers of CORS, {BY_NGINX}",
        ],
        [f"error GET /shop/(no route): lost {A}, {B}: status 502 without headers of CORS, {BY_NGINX}"],
    ),
    "a path that does not reach the app": (
        "location / { proxy_pass http://app; } location /public/ { return 404; }",
        [
            "error GET /public/feed: lost {public}an unknown origin: status 404 without headers of CORS",
        ],
        [],
    ),
    "a prefix that is cut off": (
        "location / { proxy_pass http://app; } location /shop/ { proxy_pass http://app/; }",
        [f"error GET /shop/items: lost {A}, {B}: status 404 without headers of CORS, {BY_NGINX}"],
        [],
    ),
    "OPTIONS that a login refuses": (
        "location / { proxy_pass http://app; if ($request_method = OPTIONS) { return 401; } }",
        [
            f"error PUT /shop/items: lost {A}, {B}: status 401 without headers of CORS, {BY_NGINX}",
            "error GET /public/feed: an unknown origin: now only the request header none [edge-difference]",
        ],
        [],
    ),
    "preflights that nginx responds to": (
        "location / { proxy_pass http://app; if ($request_method = OPTIONS) {"
        " add_header access-control-allow-origin *; add_header access-control-allow-headers *;"
        ' add_header access-control-allow-methods "GET, POST, DELETE"; return 204; } }',
        [
            "error GET /public/feed: the preflight allows DELETE, POST, which the app does not serve here: "
            "another server responded [edge-preflight]",
            "error GET /public/feed: an unknown origin: no longer the request header authorization",
        ],
        [],
    ),
    "a cache that ignores Vary": (
        "location / { proxy_pass http://app; proxy_cache answers; proxy_cache_valid any 10m;"
        " proxy_ignore_headers Vary; }",
        [
            f"error GET /shop/items: a page of {B} gets the response for {A} [edge-cached]",
            f"error GET /shop/items: a page of {UNKNOWN_ORIGIN} gets the response for {A} [edge-cached]",
        ],
        [],
    ),
    "Vary that is dropped": (
        "location / { proxy_pass http://app; proxy_hide_header vary; }",
        ["error GET /shop/items: the response depends on the origin, and has no Vary: Origin (Vary: miss"],
        [],
    ),
    "an Origin that does not reach the app": (
        'location / { proxy_pass http://app; proxy_set_header origin ""; }',
        [f"error GET /shop/items: lost {A}, {B}: status 200 without headers of CORS, {BY_NGINX}"],
        [f"error GET /shop/(no route): lost {A}, {B}: status 404 without headers of CORS, {BY_NGINX}"],
    ),
    "a header that is dropped": (
        "location / { proxy_pass http://app; proxy_hide_header access-control-expose-headers; }",
        [f"error GET /shop/items: {A}: {EXPOSE} [edge-difference]"],
        [],
    ),
    "credentials that are dropped": (
        "location / { proxy_pass http://app; proxy_hide_header access-control-allow-credentials; }",
        [f"error GET /shop/items: {A}: no longer with credentials [edge-difference]"],
        [],
    ),
    "errors of its own": (
        "location / { proxy_pass http://app; proxy_intercept_errors on; error_page 404 /404.html; }"
        " location = /404.html { internal; return 404; }",
        [],
        [f"error GET /shop/(no route): lost {A}, {B}: status 404 without headers of CORS, {BY_NGINX}"],
    ),
    "http to https": (
        "return 301 https://$host:{port}$request_uri;",
        ["error http://127.0.0.1:{port}: redirects to https://127.0.0.1:{port} [edge-redirect]"],
        [],
    ),
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def ports(folder: Path) -> Iterator[dict[str, int]]:
    with nginx_servers({name: lines for name, (lines, *_) in SERVERS.items()}, folder) as numbers:
        yield numbers


@pytest.fixture(scope="module", autouse=True)
def _root() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Any:
    """Audit a deployment: the exit status, and the lines that are printed."""

    def run(*options: str) -> tuple[int, list[str]]:
        status = main(["audit", EDGE_APP, "--observed", *options])
        return status, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture(scope="module", params=["declared", "observed"])
def file(request: pytest.FixtureRequest, folder: Path) -> Path:
    """Write a snapshot of the app in memory: of its policies, or of its responses."""
    path = folder / f"{request.param}.json"
    options = ["--observed", "--origin", A, "--origin", B] if request.param == "observed" else []
    assert main(["audit", EDGE_APP, *options, "--snapshot", str(path)]) == 0
    return path


@pytest.mark.parametrize("name", SERVERS)
def test_check(name: str, file: Path, ports: dict[str, int], audit: Any) -> None:
    _, both, of_observed = SERVERS[name]
    port = ports[name]
    status, lines = audit("--at", f"http://127.0.0.1:{port}", "--check", str(file), "--rate", "1000")
    expected = both + (of_observed if file.stem == "observed" else [])
    # A file of declared policies names no origin of a public section, one of --observed names two.
    public = f"{A}, {B}, " if file.stem == "observed" else ""
    expected = [line.replace("{port}", str(port)).replace("{public}", public) for line in expected]
    missing = [line for line in expected if not any(each.startswith(line) for each in lines)]
    assert missing == [], "\n".join(lines)
    errors = [line for line in lines if line.startswith("error")]
    assert (status, bool(errors)) == (int(bool(expected)), bool(expected)), "\n".join(lines)
    assert "not checked: limits of a body (413), as no body is sent; " in "\n".join(lines)


def test_without_a_file(ports: dict[str, int], audit: Any) -> None:
    """The declared policies are compared, and the table is shown."""
    status, lines = audit("--at", f"http://127.0.0.1:{ports['good']}", "--rate", "1000")
    rows = [" ".join(line.split()) for line in lines]
    assert status == 0
    assert rows[0] == f"methods path server an unknown origin {A} {B}"
    assert "GET,PUT /shop/items nginx no yes, with credentials yes, with credentials" in rows
    assert not [row for row in rows if "/chat" in row]


def test_json(ports: dict[str, int], audit: Any) -> None:
    port = ports["an app that is down"]
    status, lines = audit("--at", f"http://127.0.0.1:{port}", "--rate", "1000", "--json")
    found = json.loads("\n".join(lines))
    assert (status, found["at"]) == (1, f"http://127.0.0.1:{port}")
    assert {each["id"] for each in found["findings"]} == {"edge-difference"}
    assert found["findings"][0]["paths"] == ["/shop/items"]


def test_annotations(ports: dict[str, int], audit: Any) -> None:
    """At the line that declares the route; without a file for the whole deployment."""
    options = ("--rate", "1000", "--format", "github")
    _, lines = audit("--at", f"http://127.0.0.1:{ports['an app that is down']}", *options)
    line = items.__code__.co_firstlineno
    where = f"file=tests/cache/edge_app.py,line={line}"
    start = f"::error {where},title=corsbp edge-difference::GET /shop/items: lost "
    assert any(each.startswith(start) for each in lines), "\n".join(lines)
    port = ports["http to https"]
    _, lines = audit("--at", f"http://127.0.0.1:{port}", *options)
    expected = (
        f"::error title=corsbp edge-redirect::http://127.0.0.1:{port}: redirects to https://127.0.0.1:{port}"
    )
    assert expected in lines
