"""Metrics for Prometheus: refused pages and live origins. Needs the extra `corsbp[prometheus]`.

    corsbp.metrics.setup(app)  # import corsbp.metrics

For several workers, set PROMETHEUS_MULTIPROC_DIR to a new, empty folder at each start of the server. Then
prometheus_client keeps the metrics of each worker in files there, and each worker shows those of all.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Iterator
from heapq import nlargest
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import prometheus_client
from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from sanic import HTTPResponse, Request, Sanic, raw

from .app.hooks import AppHooks
from .decision.refusal import Refusal
from .live.follower import OriginFollower
from .log import cors_logger
from .report.named_origins import MAX_ORIGINS, NamedOrigins, RefusedOrigin
from .report.signals import SIGNAL
from .spec.origins import is_origin

_ORIGINS: Final = "corsbp_refused_origins"


def _live_gauge(name: str, text: str, mode: Any) -> Gauge:
    return Gauge(f"corsbp_live_{name}", text, ["section"], multiprocess_mode=mode)


_refused: Final = Counter("corsbp_refused", "Refused pages.", ["section", "id", "report_only"])
_origins: Final = Counter(_ORIGINS, "The most frequent refused origins.", ["origin", "report_only"])
_errors: Final = Counter("corsbp_live_errors", "Failures of the source of live origins.", ["section"])
_failing: Final = _live_gauge("failing", "Workers whose source has an error.", "livesum")
_allowed: Final = _live_gauge("origins", "Allowed origins: the fewest of a worker.", "livemin")
_rejected: Final = _live_gauge("rejected", "Entries that are not valid.", "livemax")
_age: Final = _live_gauge("age_seconds", "Seconds since the last valid value.", "livemax")
_success: Final = _live_gauge("last_success_timestamp_seconds", "Time of the last valid value.", "livemin")
_counted_errors: Final[WeakKeyDictionary[OriginFollower, int]] = WeakKeyDictionary()


def is_multiprocess() -> bool:
    """Return whether prometheus_client keeps the metrics of several workers."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


def collect_all() -> Iterable[Metric]:
    """Return all metrics of prometheus_client, with those of other workers."""
    if is_multiprocess():
        return [*MultiProcessCollector(None).collect()]  # type: ignore[no-untyped-call]
    return REGISTRY.collect()


def read_names() -> set[RefusedOrigin]:
    """Return the origins that have a counter in any worker, also in one that has ended."""
    families = collect_all() if is_multiprocess() else ()  # one worker knows its own
    samples = [each for family in families if family.name == _ORIGINS for each in family.samples]
    return {(each.labels["origin"], each.labels["report_only"]) for each in samples}


class FleetCollector(Collector):
    """The metrics of all workers, with only the most frequent origins."""

    def collect(self) -> Iterator[Metric]:
        """Iterate over the metrics."""
        if is_multiprocess() and os.name == "posix":
            forget_dead_workers(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        for family in collect_all():
            if family.name == _ORIGINS:
                totals = [each for each in family.samples if each.name.endswith("_total")]
                family.samples = nlargest(MAX_ORIGINS, totals, key=lambda each: each.value)
            yield family


def forget_dead_workers(folder: Path) -> None:
    """Remove the gauges of workers that have ended, also if they were killed; counters stay."""
    for worker in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:  # noqa: PERF203  # a page is requested every few seconds
            mark_process_dead(worker)  # type: ignore[no-untyped-call]
        except PermissionError:
            pass  # a process of another user


async def count_refusal(refusal: Refusal, section: str, report_only: bool, **_: Any) -> None:
    """Count a refused page."""
    origin, beside = str(refusal.value), str(report_only).lower()
    _refused.labels(section, refusal.id, beside).inc(refusal.times)
    if is_origin(origin) and (count := _named_origins.count((origin, beside))):
        _origins.labels(origin, beside).inc(count)


async def watch_live_origins(app: Sanic[Any, Any]) -> None:
    """Set the metrics of live origins, once a second."""
    while True:
        hooks = AppHooks.find(app)
        for follower in hooks.followed.followers if hooks else ():
            section, live = follower.label(), follower.live
            age = float("inf") if live.age is None else live.age
            _age.labels(section).set(age)
            _success.labels(section).set(max(0, time.time() - age))
            _allowed.labels(section).set(live.origins)
            _rejected.labels(section).set(live.rejected)
            _failing.labels(section).set(live.error is not None)
            _errors.labels(section).inc(live.failures - _counted_errors.get(follower, 0))
            _counted_errors[follower] = live.failures
        await asyncio.sleep(1)


async def show(_: Request[Any, Any]) -> HTTPResponse:
    """Respond with all metrics; in a thread, since the files of many workers take milliseconds."""
    body = await asyncio.to_thread(prometheus_client.generate_latest, FleetCollector())
    return raw(body, content_type=prometheus_client.CONTENT_TYPE_LATEST)


async def check_workers(app: Sanic[Any, Any]) -> None:
    """Warn if each of several workers has only metrics of its own."""
    if app.state.workers > 1 and not is_multiprocess():
        message = "%s: set PROMETHEUS_MULTIPROC_DIR, or each worker shows only its own metrics"
        cors_logger.log(logging.WARNING, message, app.name)


def setup(app: Sanic[Any, Any], path: str = "/metrics") -> None:
    """Count refused pages, watch live origins, and show all metrics of prometheus_client at a path.

    Raises:
        ValueError: PROMETHEUS_MULTIPROC_DIR is not a folder.
    """
    collect_all()
    app.add_signal(count_refusal, SIGNAL)
    app.add_task(watch_live_origins)  # type: ignore[arg-type]  # Sanic calls it with the app
    app.add_route(show, path, name="corsbp_metrics", ctx_cors=False)
    app.register_listener(check_workers, "main_process_start")


_named_origins: Final = NamedOrigins(read_names)
