"""Metrics for Prometheus: refused pages and live origins. Needs the extra "prometheus".

Several workers need PROMETHEUS_MULTIPROC_DIR: https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from heapq import nlargest
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

try:
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Metric, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
    from prometheus_client.registry import Collector
except ModuleNotFoundError as _error:
    _message = f'corsbp.metrics needs the extra "prometheus" of corsbp: no {_error.name}'
    raise ModuleNotFoundError(_message, name=_error.name) from None
from sanic import HTTPResponse, Request, Sanic, raw

from .app.hooks import AppHooks
from .decision.refusal import Refusal
from .live.follower import OriginFollower
from .log import cors_logger
from .report.named_origins import MAX_ORIGINS, NamedOrigins, RefusedOrigin
from .report.signals import SIGNAL
from .spec.origins import is_origin

INTERVAL: Final = 1.0  # seconds
_ORIGINS: Final = "corsbp_refused_origins"
_FOLDER: Final = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # as prometheus_client looks when it is imported


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


def collect_all() -> Iterable[Metric]:
    """Return all metrics of prometheus_client, with those of other workers."""
    return read_files(Path(_FOLDER)) if _FOLDER else REGISTRY.collect()


def read_files(folder: Path) -> list[Metric]:
    """Return the metrics of all workers, without the gauges of those that have ended or were killed."""
    files = []
    for path in folder.glob("*.db"):
        worker = path.stem.rpartition("_")[2]
        is_gauge = path.name.startswith("gauge_live") and worker.isdecimal()
        if is_gauge and os.name == "posix" and has_ended(int(worker)):
            mark_process_dead(worker)  # type: ignore[no-untyped-call]
        with suppress(FileNotFoundError):  # the gauges are removed
            if path.stat().st_size:  # prometheus_client cannot read a file that a worker makes just now
                files.append(path)
    return [*MultiProcessCollector.merge(files)]  # type: ignore[no-untyped-call]


def has_ended(process: int) -> bool:
    """Return whether a process has ended. On Windows, this would end it."""
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)  # not for a process of another user
    return False


def read_names() -> set[RefusedOrigin]:
    """Return the origins that have a counter in any worker, also in one that has ended."""
    families = collect_all() if _FOLDER else ()  # one worker knows its own
    samples = [each for family in families if family.name == _ORIGINS for each in family.samples]
    return {(each.labels["origin"], each.labels["report_only"]) for each in samples}


class FleetCollector(Collector):
    """The metrics of all workers, with only the most frequent origins."""

    def collect(self) -> Iterator[Metric]:
        for family in collect_all():
            if family.name == _ORIGINS:
                totals = [each for each in family.samples if each.name.endswith("_total")]
                family.samples = nlargest(MAX_ORIGINS, totals, key=lambda each: each.value)
            yield family


async def count_refusal(refusal: Refusal, section: str, report_only: bool, **_: Any) -> None:
    """Count a refused page."""
    origin, beside = str(refusal.value), str(report_only).lower()
    _refused.labels(section, refusal.id, beside).inc(refusal.times)
    if is_origin(origin) and (count := _named_origins.count((origin, beside))):
        _origins.labels(origin, beside).inc(count)


def watch_live_origins(app: Sanic[Any, Any]) -> None:
    """Set the metrics of live origins, now and again and again."""
    asyncio.get_running_loop().call_later(INTERVAL, watch_live_origins, app)
    hooks = AppHooks.find(app)
    for follower in hooks.followed.followers if hooks else ():
        section, live = follower.label(), follower.live
        _age.labels(section).set(age := float("inf") if live.age is None else live.age)
        _success.labels(section).set(max(0, time.time() - age))
        _allowed.labels(section).set(live.origins)
        _rejected.labels(section).set(live.rejected)
        _failing.labels(section).set(live.error is not None)
        _errors.labels(section).inc(live.failures - _counted_errors.get(follower, 0))
        _counted_errors[follower] = live.failures


async def show(_: Request[Any, Any]) -> HTTPResponse:
    """Respond with all metrics; in a thread, since the files of many workers take milliseconds."""
    return raw(await asyncio.to_thread(generate_latest, FleetCollector()), content_type=CONTENT_TYPE_LATEST)


async def check_workers(app: Sanic[Any, Any]) -> None:
    """Warn if each of several workers has only metrics of its own."""
    if app.state.workers > 1 and not _FOLDER:
        cors_logger.log(logging.WARNING, "metrics of several workers need PROMETHEUS_MULTIPROC_DIR")


def setup(app: Sanic[Any, Any], path: str = "/metrics") -> None:
    """Count refused pages, watch live origins, and show all metrics of prometheus_client at a path.

    Raises:
        ValueError: PROMETHEUS_MULTIPROC_DIR is not a folder.
    """
    if _FOLDER:
        MultiProcessCollector(None)  # type: ignore[no-untyped-call]
    app.add_signal(count_refusal, SIGNAL)
    app.register_listener(watch_live_origins, "after_server_start")
    app.add_route(show, path, name="corsbp_metrics", ctx_cors=False)
    app.register_listener(check_workers, "main_process_start")


_named_origins: Final = NamedOrigins(read_names)
