"""`corsbp.metrics`: what Prometheus reads from an app, of one worker and of several."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from prometheus_client import Counter
from prometheus_client import values as prometheus_values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families
from sanic import Sanic

import corsbp.metrics
from corsbp import CorsPolicy
from corsbp.report.named_origins import MAX_ORIGINS, NamedOrigins

from .live.followed import do_not_wait, followed, group_of, put
from .support import (
    EVIL,
    ORIGIN,
    ROOT,
    TWO,
    new_app,
    preflight,
    request,
    run_server,
    send,
    send_async,
    send_through_asgi,
    serve,
)

SECTION = "cors_group(api)"


class Workers:
    """Workers as prometheus_client knows them, all in this process: each has a number and its own files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.number = os.getpid()
        monkeypatch.setattr(corsbp.metrics, "_FOLDER", os.fspath(folder))
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", os.fspath(folder))
        value_class = prometheus_values.MultiProcessValue(lambda: self.number)  # type: ignore[no-untyped-call]  # it has no types
        monkeypatch.setattr(prometheus_values, "ValueClass", value_class)
        self.opened: list[MmapedDict] = []

        def open_file(path: str) -> MmapedDict:
            self.opened.append(MmapedDict(path))  # type: ignore[no-untyped-call]  # it has no types
            return self.opened[-1]

        monkeypatch.setattr(prometheus_values, "MmapedDict", open_file)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.db"))

    def close(self) -> None:
        """Close their files: a worker leaves that to the end of its process."""
        for file in self.opened:
            file.close()  # type: ignore[no-untyped-call]  # it has no types


@pytest.fixture(autouse=True)
def _metrics_as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forget(monkeypatch)
    yield
    forget(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back all that a worker has counted."""
    monkeypatch.setattr(corsbp.metrics, "_named_origins", NamedOrigins(corsbp.metrics.read_names))
    for metric in vars(corsbp.metrics).values():
        if isinstance(metric, Counter | prometheus_client.Gauge):
            metric._metrics.clear()  # clear() warns, since it leaves the files as they are


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    made = Workers(tmp_path, monkeypatch)
    yield made
    made.close()


def app_of(*groups: Any, **policy: Any) -> Sanic:
    app = new_app(*(groups or [group_of(**policy)]))
    corsbp.metrics.setup(app)
    return app


def samples(text: str) -> dict[str, float]:
    """Return the samples of a page by name and labels: `corsbp_refused_total{…}`."""
    return {
        " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("corsbp_") and not sample.name.endswith("_created")
    }


async def read(port: int) -> dict[str, float]:
    response = await send_async(port, request("GET", "/metrics", ORIGIN))
    assert (response.status, response.cors) == (200, {})
    assert response["content-type"] == prometheus_client.CONTENT_TYPE_LATEST
    return samples(response.body.decode())


def talk_to(app: Sanic, talk: Callable[[int], Awaitable[Any]]) -> None:
    run_server(serve(app, talk))


# --- refused pages ---


@pytest.mark.parametrize("several", [False, True])
def test_refused_pages(several: bool, request: pytest.FixtureRequest) -> None:
    if several:
        request.getfixturevalue("workers")
    check_refused_pages()


def check_refused_pages() -> None:
    app = app_of(allow_origins=[ORIGIN, TWO], report_only=CorsPolicy(allow_origins=[ORIGIN]))

    async def talk(port: int) -> None:
        messages = [
            *[request("GET", "/api/item", EVIL)] * 3,
            *[request("GET", "/api/item", TWO)] * 2,
            request("GET", "/api/item", "https://\xff"),
            request("GET", "/api/item", ORIGIN),
            preflight("/api/item", "DELETE"),
        ]
        for message in messages:
            await send_async(port, message)
        assert await read(port) == {
            f"corsbp_refused_total origin-not-allowed false {SECTION}": 3,
            f"corsbp_refused_total origin-not-allowed true {SECTION}": 2,
            f"corsbp_refused_total origin-malformed false {SECTION}": 1,
            f"corsbp_refused_total method-not-allowed false {SECTION}": 1,
            f"corsbp_refused_origins_total {EVIL} false": 3,
            f"corsbp_refused_origins_total {TWO} true": 2,
        }

    talk_to(app, talk)


def refuse(origin: str, times: int = 1) -> None:
    """Count refusals in this worker."""
    app, group = Sanic("other"), group_of(allow_origins=[ORIGIN])
    app.blueprint(group)
    refusal = group.section.active_policy.compiled.refusal([origin], None, False)
    assert refusal is not None
    for _ in range(times):
        asyncio.run(corsbp.metrics.count_refusal(refusal, SECTION, False))


def shown() -> dict[str, float]:
    """Return the origins that the metrics show."""
    text = prometheus_client.generate_latest(corsbp.metrics.FleetCollector()).decode()
    name = "corsbp_refused_origins_total "
    return {key.removeprefix(name).split()[0]: value for key, value in samples(text).items() if name in key}


def test_few_origins_are_shown(workers: Workers) -> None:
    """More have a name, since each of several workers had named some; the most frequent are shown."""
    for number in range(MAX_ORIGINS + 5):
        refuse(f"https://{number}.example", 1 + (number >= MAX_ORIGINS))
    assert len(corsbp.metrics.read_names()) == MAX_ORIGINS + 5
    found = shown()
    assert len(found) == MAX_ORIGINS
    assert [found[f"https://{MAX_ORIGINS + number}.example"] for number in range(5)] == [2] * 5


def test_a_worker_counts_what_the_one_before_it_has_named(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(EVIL, 2)
    for number in range(MAX_ORIGINS):
        refuse(f"https://{number}.example", 3)
    forget(monkeypatch)
    workers.number += 1
    refuse(TWO, 2)  # which reads the names
    refuse(EVIL)
    assert len(workers.files()) == 2
    assert shown()[EVIL] == 3
    assert len(shown()) == MAX_ORIGINS


def test_refusals_that_are_reported_together() -> None:
    """A worker that has too many to report counts them all; it knows the origin of the last one only."""

    async def report() -> None:
        refusal = group.section.active_policy.compiled.refusal([EVIL], None, False)
        assert refusal is not None
        await corsbp.metrics.count_refusal(refusal._replace(times=9), SECTION, False, request=None)

    group = group_of(allow_origins=[ORIGIN])
    asyncio.run(report())
    assert shown() == {EVIL: 1}
    text = prometheus_client.generate_latest(corsbp.metrics.FleetCollector()).decode()
    assert samples(text)[f"corsbp_refused_total origin-not-allowed false {SECTION}"] == 9


# --- live origins ---


@pytest.mark.parametrize("several", [False, True])
def test_live_origins(several: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if several:
        request.getfixturevalue("workers")
    monkeypatch.setattr(corsbp.metrics, "INTERVAL", 0.01)
    group, store = followed([ORIGIN, TWO, "https://a.example/"], allow_origins=[EVIL])
    app = app_of(group, group_of("other"))

    async def talk(port: int) -> None:
        async def value(name: str) -> float:
            return (await read(port))[f"corsbp_live_{name} {SECTION}"]

        async def comes(name: str, expected: float) -> None:
            deadline = time.monotonic() + 60
            while await value(name) != expected:
                assert time.monotonic() < deadline, (name, await read(port))

        assert await value("origins") == 2
        assert await value("rejected") == 1
        assert (await value("failing"), await value("errors_total")) == (0, 0)
        assert 0 <= await value("age_seconds") < 50
        assert time.time() - 50 < await value("last_success_timestamp_seconds") <= time.time()
        store.put(7)  # which is not valid
        await comes("errors_total", 1)
        await comes("failing", 1)
        await put(group, store, [])
        await comes("failing", 0)
        await comes("origins", 0)
        assert (await value("rejected"), await value("errors_total")) == (0, 1)

    talk_to(app, talk)
    store.opened = 0  # so that it gives its first value again

    async def talk_again(port: int) -> None:
        deadline = time.monotonic() + 60
        while (found := await read(port))[f"corsbp_live_origins {SECTION}"] != 2:
            assert time.monotonic() < deadline, found
        assert found[f"corsbp_live_errors_total {SECTION}"] == 1  # not counted again

    talk_to(app, talk_again)


def test_before_the_first_value() -> None:
    group, _ = followed(allow_origins=[EVIL])
    do_not_wait(group)

    async def talk(port: int) -> None:
        found = await read(port)
        assert found[f"corsbp_live_age_seconds {SECTION}"] == float("inf")
        assert found[f"corsbp_live_last_success_timestamp_seconds {SECTION}"] == 0

    talk_to(app_of(group), talk)


def test_an_app_without_a_section() -> None:
    app = Sanic("bare")
    corsbp.metrics.setup(app, "/own")
    (response,) = send(app, request("GET", "/own", None))
    assert response.status == 200


def test_through_asgi() -> None:
    group, _ = followed([ORIGIN], allow_origins=[EVIL])
    app = app_of(group)
    (response,) = send_through_asgi(app, request("GET", "/metrics", None))
    assert samples(response.body.decode())[f"corsbp_live_origins {SECTION}"] == 1


# --- workers ---


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize("name", ["killed", "of another user"])
def test_gauges_of_a_worker_that_has_ended(
    name: str, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its live origins are no more; what it counted stays."""
    if name == "of another user":

        def refuse_to_kill(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "kill", refuse_to_kill)
    own, ended = os.getpid(), ended_process()
    for workers.number in (own, ended):
        corsbp.metrics._failing._metrics.clear()
        corsbp.metrics._failing.labels(SECTION).set(1)
        corsbp.metrics._refused._metrics.clear()
        corsbp.metrics._refused.labels(SECTION, "origin-null", "false").inc()
    text = prometheus_client.generate_latest(corsbp.metrics.FleetCollector()).decode()
    expected = {"killed": 1, "of another user": 2}[name]
    assert samples(text) == {
        f"corsbp_live_failing {SECTION}": expected,
        f"corsbp_refused_total origin-null false {SECTION}": 2,
    }
    assert (f"gauge_livesum_{ended}.db" in workers.files()) is (name != "killed")


def test_a_file_that_a_worker_makes_just_now(workers: Workers) -> None:
    """It is empty until prometheus_client has written its head."""
    refuse(EVIL)
    (workers.folder / "counter_1.db").touch()
    assert shown() == {EVIL: 1}


def test_a_folder_that_is_missing(workers: Workers) -> None:
    workers.folder.rmdir()
    with pytest.raises(ValueError, match="PROMETHEUS_MULTIPROC_DIR is not set or not a directory"):
        app_of()


@pytest.mark.parametrize(
    ("count", "several", "warns"), [(1, False, False), (2, False, True), (2, True, False)]
)
def test_several_workers_need_a_folder(
    count: int,
    several: bool,
    warns: bool,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if several:
        request.getfixturevalue("workers")
    app = app_of()
    app.state.workers = count
    asyncio.run(corsbp.metrics.check_workers(app))
    assert any("need PROMETHEUS_MULTIPROC_DIR" in each.getMessage() for each in caplog.records) is warns


# --- the module ---


@pytest.mark.parametrize("missing", ["prometheus_client", "prometheus_client.registry"])
def test_without_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra to install, not only the missing module."""
    monkeypatch.setitem(sys.modules, missing, None)
    expected = rf'^corsbp\.metrics needs the extra "prometheus" of corsbp: no {re.escape(missing)}$'
    with pytest.raises(ModuleNotFoundError, match=expected):
        importlib.reload(corsbp.metrics)


def test_the_module_is_short() -> None:
    assert len((ROOT / "corsbp/metrics.py").read_text().splitlines()) <= 150
