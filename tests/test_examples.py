"""Each example, run as its reader would run it: by Sanic's own command, with two workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from .support import ORIGIN, ROOT, ask, over, preflight, served

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PUBLIC = {"access-control-allow-origin": "*"}


def test_every_example_is_short_and_run_here() -> None:
    apps = {"guarded_api", "guide", "mistaken_api", "mistakes", "quickstart", "tenants", "versions"}
    stores = {"live_postgres", "live_valkey"}  # of which test_live_examples.py has the tests
    assert {path.stem for path in EXAMPLES} == apps | stores | {"test_api"}
    for path in EXAMPLES:
        longest = 80 if path.stem in stores else 60 if path.stem == "tenants" else 40
        assert len(path.read_text().splitlines()) < longest, path.name


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


# What each of three mistakes looks like in a failing test: the assertion, and the steps below it.
MISTAKES = {
    "test_orders_of_a_user[PUT]": [
        'assert page.fetch("/orders/7", method, credentials="include").ok_for_page',
        "where False = <Result blocked_by='preflight-status', preflight OPTIONS https://api.example/orders/7",
        "  . A preflight is needed: the method PUT",
        "  x The preflight was answered with status 401: only 200 to 299 pass",
        "Answer OPTIONS before anything that asks who it is: preflights carry no cookies and no "
        "Authorization. With corsbp: wrap the route's blueprint in cors_group().",
    ],
    "test_orders_of_a_user[GET]": [
        "where False = <Result blocked_by='origin-any', GET https://api.example/orders/7: 200>",
        "  x access-control-allow-origin: '*' is no grant for a page that sends credentials",
        "With corsbp: cors_group(…, allow_origins=['https://app.example'], allow_credentials=True) around ",
    ],
    "test_how_many_prices_there_are": [
        "assert None == '2'",
        "  . The page cannot read the headers 'x-total': they are not in access-control-expose-headers. "
        "With corsbp: expose_headers=['x-total']",
        "The page reads status 200.",
    ],
}


@pytest.mark.parametrize(("api", "failing"), [("guarded_api", []), ("mistaken_api", [*MISTAKES])])
def test_a_users_tests(api: str, failing: list[str]) -> None:
    """They fail on the API that was written by hand, with what to change, and pass on the other."""
    plugin = ["-o", "addopts=", "-p", "no:corsbp", "-p", "corsbp.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "examples/test_api.py"],
        cwd=ROOT,
        env={**os.environ, "API": api},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == bool(failing), done.stdout
    stories = re.split(r"^_{3,} (test_\S+) _{3,}$", done.stdout, flags=re.M)
    assert sorted(stories[1::2]) == sorted(failing)
    for name, story in zip(stories[1::2], stories[2::2], strict=True):
        assert not [text for text in MISTAKES[name] if text not in story], story


def test_the_users_tests_are_not_among_ours(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("testpaths") == ["tests"]
