"""Each example, run by the command `sanic` with two workers, as a reader runs it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..browsers.processes import installed, running
from ..support import ORIGIN, ROOT, preflight, request, reserve_port, sanic_process, send

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PUBLIC = {"access-control-allow-origin": "*"}


def test_every_example_is_short_and_run_here() -> None:
    apps = {"guarded_api", "guide", "mistaken_api", "metrics", "mistakes", "quickstart"}
    apps |= {"tighten", "versions"}
    stores = {"live_postgres", "live_valkey", "tenants", "customer_form"}  # tests/live has their tests
    assert {path.stem for path in EXAMPLES} == apps | stores | {"test_api"}
    for path in EXAMPLES:
        longest = 120 if path.stem in stores else 40
        assert len(path.read_text().splitlines()) < longest, path.name


def test_the_quickstart_responds_as_its_text_says() -> None:
    with sanic_process("examples.quickstart:app", "--workers", "2") as port:
        item, listed, site, outside = send(
            port,
            request("GET", "/api/items/7"),
            preflight("/api/items/7"),
            request("GET", "/"),
            preflight("/"),
        )
    assert (item.status, item.body, item.cors) == (200, b'{"item":7}', PUBLIC)
    assert (listed.status, listed["access-control-allow-methods"]) == (204, "GET,OPTIONS")
    assert (site.status, site.cors) == (200, {})
    assert (outside.status, outside.cors) == (405, {})


def test_the_guide_responds_as_its_transcript() -> None:
    """The transcript of the guide uses curl without Origin."""
    with sanic_process("examples.guide:app", "--workers", "2") as port:
        got, options = send(port, request("GET", "/", origin=None), request("OPTIONS", "/", origin=None))
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


def test_each_version_has_its_policy() -> None:
    with sanic_process("examples.versions:app", "--workers", "2") as port:
        v1, v2, evil, put, health = send(
            port,
            request("GET", "/v1/shop/items/"),
            request("GET", "/v2/shop/items/"),
            request("GET", "/v2/shop/items/", "https://evil.example"),
            preflight("/v2/shop/items/a", "PUT"),
            request("GET", "/shop/health/"),
        )
    credentials = {"access-control-allow-origin": ORIGIN, "access-control-allow-credentials": "true"}
    assert (v1.status, v1.cors) == (200, PUBLIC)
    assert (v2.status, v2.cors) == (evil.status, evil.cors) == (200, credentials)
    assert (put.status, put["access-control-allow-methods"]) == (204, "PUT,OPTIONS")
    assert (health.status, health.cors) == (200, {})


def test_the_mistakes_are_errors() -> None:
    """They are errors, not warnings."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "examples.mistakes"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("8 problems in a CORS policy:\n- allow_origins: 'mydomain.com' ")


def samples(port: int) -> dict[str, float]:
    """Return the samples that Prometheus reads from /metrics."""
    (response,) = send(port, request("GET", "/metrics", None))
    families = text_string_to_metric_families(response.body.decode())
    assert response.status == 200 and response.cors == {}
    return {
        ",".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_each_worker_shows_the_counts_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers count; each of them shows the sums."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", os.fspath(tmp_path))
    with sanic_process("examples.metrics:app", "--workers", "2") as port:
        rounds = 0
        while rounds < 20 or (rounds < 1000 and len(list(tmp_path.glob("counter_*.db"))) < 2):
            origin = f"https://{rounds}.example"
            send(
                port,
                request("GET", "/api/item", origin),
                preflight("/api/item", "PUT"),
                request("GET", "/api/item"),
            )
            rounds += 1
        send(port, *[request("GET", "/api/item", f"https://{rounds + each}.example") for each in range(200)])
        send(port, request("GET", "/api/item", "https://\xff"))  # whatever is sent, the metrics can be read
        deadline = time.monotonic() + 60
        while sum(v for name, v in samples(port).items() if "refused_total" in name) < 2 * rounds + 201:
            assert time.monotonic() < deadline, samples(port)
        found = samples(port)
    assert len(list(tmp_path.glob("counter_*.db"))) == 2
    counted = {name: value for name, value in found.items() if name.startswith("cors_refused_total")}
    assert counted == {
        "cors_refused_total,origin-not-allowed,False,cors_group(api)": rounds + 200,
        "cors_refused_total,method-not-allowed,False,cors_group(api)": rounds,
        "cors_refused_total,origin-malformed,False,cors_group(api)": 1,
    }
    origins = [name for name in found if name.startswith("cors_refused_origins_total")]
    assert 20 <= len(origins) <= 40


def test_prometheus_reads_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus = installed("prometheus", "prometheus")
    workers, data = tmp_path / "workers", tmp_path / "data"
    workers.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", os.fspath(workers))
    with sanic_process("examples.metrics:app", "--workers", "2") as port, reserve_port() as own:
        send(port, *[request("GET", "/api/item", "https://evil.example")] * 3)
        target = {"job_name": "app", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        configuration = {"global": {"scrape_interval": "1s"}, "scrape_configs": [target]}
        (tmp_path / "prometheus.yml").write_text(json.dumps(configuration))  # JSON is YAML, too
        command = [
            prometheus,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{own}",
        ]

        def read() -> float | None:
            with contextlib.suppress(OSError, LookupError, ValueError):
                (response,) = send(own, request("GET", "/api/v1/query?query=sum(cors_refused_total)", None))
                return float(json.loads(response.body)["data"]["result"][0]["value"][1])
            return None

        with running(command, tmp_path / "prometheus.log") as program:
            assert program.until(read, "scraped") == 3


def test_the_stricter_policy_is_reported_before_it_is_in_force() -> None:
    """The pages are granted while the stricter policy is report-only, then it is in force."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "examples.tighten"],
        cwd=ROOT,
        env={**os.environ, "SANIC_AUTO_EXTEND": "false"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    logged = [line.removesuffix(": it has 'https://www.app.example'") for line in lines]
    assert logged == [
        "https://www.app.example reads the item",
        *(
            line
            for name in ("old.app", "unknown")
            for line in (
                f"cors_group(api) report-only: a page of 'https://{name}.example' could no longer read the "
                "response to 'GET' '/api/item': origin-not-allowed: allow_origins leaves it out",
                f"https://{name}.example reads the item",
            )
        ),
        "The list does not contain old.app.example. Add it, and put the policy in force:",
        "https://www.app.example reads the item",
        "https://old.app.example reads the item",
        "https://unknown.example is refused",
    ]


# The output of a failing test for three mistakes: the assertion, and the steps below it.
MISTAKES = {
    "test_orders_of_a_user[PUT]": [
        'assert page.fetch("/orders/7", method, credentials="include").ok_for_page',
        "where False = <Result blocked_by='preflight-status', preflight OPTIONS https://api.example/orders/7",
        "  . A preflight is needed: the method PUT",
        "  x The preflight got status 401: only 200 to 299 are accepted",
        "Respond to OPTIONS before anything that needs a login, in the app or in front of it (a proxy, an "
        "auth gateway): preflights carry no cookies and no Authorization. With corsbp: wrap the route's "
        "blueprint in cors_group().",
    ],
    "test_orders_of_a_user[GET]": [
        "where False = <Result blocked_by='origin-any', GET https://api.example/orders/7: 200>",
        "  x access-control-allow-origin: '*' does not allow a page that sends credentials",
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
    """They fail on the API with CORS by hand, and pass on the one with corsbp."""
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


def test_the_tests_of_the_examples_are_not_collected(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("testpaths") == ["tests"]
