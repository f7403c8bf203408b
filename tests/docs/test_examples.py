"""Each example, run by the command `sanic` with two workers, as a reader runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

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


METRICS = "tests.docs.metrics_app:app"
REAL = "https://www.app.example"


class MetricsFleet:
    """Two workers of the example with metrics."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.refused = 0

    def get(self, path: str) -> bytes:
        (response,) = send(self.port, request("GET", path, None))
        assert response.status == 200 and response.cors == {}
        return response.body

    def workers(self, count: int) -> dict[str, int]:
        """Wait until so many workers respond; return their names and processes."""
        found: dict[str, int] = {}
        deadline = time.monotonic() + 60
        while len(found) < count:
            assert time.monotonic() < deadline, found
            process, name = json.loads(self.get("/worker"))
            found[name] = process
        return found

    def refuse(self, *origins: str) -> None:
        """Send requests of origins that are not allowed, one after the other, over one connection."""
        raw = [request("GET", "/api/item", origin).raw() for origin in origins]
        asyncio.run(self._pipeline([each.replace(b"Connection: close\r\n", b"") for each in raw]))
        self.refused += len(origins)

    async def _pipeline(self, requests: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for start in range(0, len(requests), 100):
            writer.write(b"".join(requests[start : start + 100]))
            for _ in requests[start : start + 100]:
                await reader.readuntil(b"\r\n\r\nitem")
        writer.close()
        await writer.wait_closed()

    def samples(self) -> dict[str, float]:
        """Return the samples of the page, by name and labels."""
        families = text_string_to_metric_families(self.get("/metrics").decode())
        samples = [sample for family in families for sample in family.samples]
        return {
            " ".join([each.name, *(each.labels[key] for key in sorted(each.labels))]): each.value
            for each in samples
        }

    def until(self, name: str, expected: float) -> dict[str, float]:
        """Wait until the page has a value; return the page."""
        deadline = time.monotonic() + 60
        while (found := self.samples()).get(name) != expected:
            assert time.monotonic() < deadline, found
        return found


def test_metrics_of_a_fleet_over_a_restart_and_a_flood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is killed and started again, and origins are invented: what comes often has its count."""
    files = tmp_path / "files"
    files.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", os.fspath(files))
    failing, named = "corsbp_live_failing cors_group(live)", f"corsbp_refused_origins_total {REAL} false"
    total = "corsbp_refused_total origin-not-allowed false cors_group(api)"
    with sanic_process(METRICS, "--workers", "2") as port:
        fleet = MetricsFleet(port)
        workers = fleet.workers(2)
        fleet.until(failing, 2)
        for _ in range(20):
            fleet.refuse(REAL)
        fleet.until(named, 20)  # listeners of the signal count after the response
        name, process = next(iter(workers.items()))
        os.kill(process, signal.SIGKILL)
        fleet.until(failing, 1)
        found = fleet.until(named, 20)  # those of the worker that was killed, too
        assert found[total] == 20
        fleet.get(f"/restart/{name}")
        fleet.until(failing, 2)
        assert fleet.workers(2)[name] != process
        for start in range(0, 2000, 500):
            fleet.refuse(*(f"https://{number}.example" for number in range(start, start + 500)))
            fleet.refuse(REAL)
        found = fleet.until(total, fleet.refused)
        assert found[named] == 24
        shown = [key for key in found if key.startswith("corsbp_refused_origins_total ")]
        assert len(shown) == 50
        assert [found[key] for key in shown if key != named] == [1] * 49
        check_by_prometheus(fleet, tmp_path)


def check_by_prometheus(fleet: MetricsFleet, folder: Path) -> None:
    """Let a real Prometheus read the page, with the alerts of the example."""
    prometheus = installed("prometheus", "prometheus")
    job = {"job_name": "app", "static_configs": [{"targets": [f"127.0.0.1:{fleet.port}"]}]}
    rules = [os.fspath(ROOT / "examples" / "metrics_alerts.yml")]
    settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job], "rule_files": rules}
    (folder / "prometheus.yml").write_text(json.dumps(settings))  # JSON is YAML, too
    with reserve_port() as port:
        command = [
            prometheus,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]

        def query(text: str) -> float | None:
            with contextlib.suppress(OSError, LookupError, ValueError):
                path = f"/api/v1/query?query={quote(text)}"
                (response,) = send(port, request("GET", path, None))
                return float(json.loads(response.body)["data"]["result"][0]["value"][1])
            return None

        with running(command, folder / "prometheus.log") as program:
            assert program.until(lambda: query("sum(corsbp_refused_total)"), "scraped") == fleet.refused
            assert query("count(corsbp_refused_origins_total)") == 50
            assert query(f'corsbp_refused_origins_total{{origin="{REAL}"}}') == 24
            assert query("count(time() - corsbp_live_last_success_timestamp_seconds > 300)") == 1


# A series of minutes, and the alerts after 20 minutes.
ALERTS: dict[str, tuple[dict[str, str], set[str]]] = {
    "quiet": (
        {
            'corsbp_refused_origins_total{origin="https://a.example",report_only="false"}': "0+2x30",
            'corsbp_refused_origins_total{origin="https://a.example",report_only="true"}': "0+90x30",
            'corsbp_refused_total{section="s",id="origin-not-allowed",report_only="false"}': "0+90x30",
            'corsbp_live_failing{section="s"}': "0x18 1x1",
            'corsbp_live_last_success_timestamp_seconds{section="s"}': "0+60x30",
            'corsbp_live_origins{section="s"}': "100x15 60x15",
            'corsbp_live_rejected{section="s"}': "0x18 1x1",
        },
        set(),
    ),
    "refused": (
        {'corsbp_refused_origins_total{origin="https://a.example",report_only="false"}': "0+9x30"},
        {"CorsPagesRefused"},
    ),
    "function": (
        {'corsbp_refused_total{section="s",id="origin-function-failed",report_only="false"}': "0+1x30"},
        {"CorsOriginFunctionFails"},
    ),
    "failing": ({'corsbp_live_failing{section="s"}': "0x15 1x15"}, {"CorsLiveSourceFails"}),
    "old": (
        {'corsbp_live_last_success_timestamp_seconds{section="s"}': "0+60x13 780x20"},
        {"CorsLiveOriginsOld"},
    ),
    "gone": ({'corsbp_live_origins{section="s"}': "100x15 40x15"}, {"CorsLiveOriginsGone"}),
    "rejected": ({'corsbp_live_rejected{section="s"}': "0x10 1x20"}, {"CorsLiveEntriesRejected"}),
}


def test_the_alerts(tmp_path: Path) -> None:
    """Each alert fires for what it is about, and for nothing else."""
    promtool = installed("promtool", "prometheus")
    rules = ROOT / "examples" / "metrics_alerts.yml"
    names = re.findall(r"- alert: (\w+)", rules.read_text())
    assert {*names} == set().union(*(fired for _, fired in ALERTS.values()))
    tests = []
    for case, (series, fired) in ALERTS.items():
        queries = [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
                "eval_time": "20m",
                "exp_samples": [{"labels": "{}", "value": int(name in fired)}],
            }
            for name in names
        ]
        given = [{"series": name, "values": values} for name, values in series.items()]
        tests.append({"name": case, "interval": "1m", "input_series": given, "promql_expr_test": queries})
    run_promtool(promtool, tmp_path, {"rule_files": [os.fspath(rules)], "tests": tests})


def run_promtool(promtool: str, folder: Path, tests: dict[str, Any]) -> None:
    """Run tests of rules and queries."""
    file = folder / "tests.yml"
    file.write_text(json.dumps({"evaluation_interval": "1m", **tests}))
    command = [promtool, "test", "rules", os.fspath(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


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
