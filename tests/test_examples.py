"""Each example, run as its reader would run it: by Sanic's own command, with two workers."""

from __future__ import annotations

import subprocess
import sys

from .support import ORIGIN, ROOT, ask, over, preflight, served

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PUBLIC = {"access-control-allow-origin": "*"}


def test_every_example_is_short_and_run_here() -> None:
    assert {path.stem for path in EXAMPLES} == {"guide", "mistakes", "quickstart", "tenants", "versions"}
    for path in EXAMPLES:
        assert len(path.read_text().splitlines()) < 40, path.name


def test_quickstart() -> None:
    with served("examples.quickstart:app", "--workers", "2") as port:
        item, listed, site, outside = over(
            port, ask("GET", "/api/items/7"), preflight("/api/items/7"), ask("GET", "/"), preflight("/")
        )
    assert (item.status, item.body, item.cors) == (200, b'{"item":7}', PUBLIC)
    assert (listed.status, listed["access-control-allow-methods"]) == (204, "GET,OPTIONS")
    assert (site.status, site.cors) == (200, {})
    assert (outside.status, outside.cors) == (405, {})


def test_guide() -> None:
    """The guide's transcript: curl without any Origin."""
    with served("examples.guide:app", "--workers", "2") as port:
        got, options = over(port, ask("GET", "/", origin=None), ask("OPTIONS", "/", origin=None))
    granted = {
        "access-control-allow-origin": "https://mydomain.com",
        "access-control-allow-credentials": "true",
    }
    assert (got.status, got.body, got.cors) == (200, b"...", granted)
    assert (options.status, options.body) == (204, b"")
    names = options.cors.pop("access-control-allow-headers").split(",")
    assert names == ["accept", "authorization", "content-type", "origin", "x-request-id", "x-xsrf-token"]
    assert options.cors == granted | {
        "access-control-allow-methods": "GET,POST,OPTIONS",
        "access-control-allow-headers": ",".join(names),
    }


def test_versions() -> None:
    with served("examples.versions:app", "--workers", "2") as port:
        v1, v2, evil, put, health = over(
            port,
            ask("GET", "/v1/shop/items/"),
            ask("GET", "/v2/shop/items/"),
            ask("GET", "/v2/shop/items/", "https://evil.example"),
            preflight("/v2/shop/items/a", "PUT"),
            ask("GET", "/shop/health/"),
        )
    credentials = {"access-control-allow-origin": ORIGIN, "access-control-allow-credentials": "true"}
    assert (v1.status, v1.cors) == (200, PUBLIC)
    assert (v2.status, v2.cors) == (evil.status, evil.cors) == (200, credentials)
    assert (put.status, put["access-control-allow-methods"]) == (204, "PUT,OPTIONS")
    assert (health.status, health.cors) == (200, {})


def test_mistakes() -> None:
    """They are errors, not warnings."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "examples.mistakes"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("8 problems in a CORS policy:\n- allow_origins: 'mydomain.com' ")
