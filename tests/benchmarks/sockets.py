"""One run over real sockets: wrk against two workers of each layer, in turn.

``python -m tests.benchmarks.sockets LAYER PORT`` is the server.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import TextIO

from sanic import Sanic
from sanic.worker.loader import AppLoader

from tests.benchmarks import driver, requests, tables
from tests.benchmarks.environment import ROOT
from tests.benchmarks.layers import LAYERS, ORIGIN, REQUESTS, Layer
from tests.support import reserve_port

COMPARED = ("bare Sanic", "corsbp, two origins", "sanic-ext")
WORKERS = 2
CONNECTIONS = 32
START_TIMEOUT = 30


# -- the server, in the child --------------------------------------------------------------------------------


def make_app(name: str) -> Sanic:
    layer = next(layer for layer in LAYERS if layer.name == name)
    return driver.make_app("sockets", layer.build)


def _serve(name: str, port: int) -> None:
    loader = AppLoader(factory=partial(make_app, name))
    app = loader.load()
    app.prepare(host="127.0.0.1", port=port, workers=WORKERS, access_log=False, motd=False)
    Sanic.serve(primary=app, app_loader=loader)


# -- the client, in the parent -------------------------------------------------------------------------------


@contextlib.contextmanager
def server(layer: Layer) -> Iterator[int]:
    """Run two workers of a layer on a free loopback port, and return it once its headers are checked."""
    # Its output is shown if it does not start; when it is stopped, it only reports broken pipes.
    # It also leaves temporary files then: they are removed with the directory.
    with (
        reserve_port() as port,
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryDirectory() as scratch,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.sockets", layer.name, str(port)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": scratch},
            stdout=said,
            stderr=said,
            start_new_session=True,  # the workers are its children: the whole group is stopped
        )
        try:
            _wait_until_it_answers(layer, port, process, said)
            yield port
        finally:
            _stop(process)


def _wait_until_it_answers(layer: Layer, port: int, process: subprocess.Popen[bytes], said: TextIO) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.sendall(REQUESTS["granted"][0])
                response = connection.recv(65536).decode("latin-1")
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                said.seek(0)
                raise RuntimeError(f"the server of {layer.name!r} does not answer: {said.read()}") from None
            time.sleep(0.1)
    if wrong := requests.fault(layer, "granted", response):
        raise requests.WrongHeadersError(wrong)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)


def _wrk(port: int, seconds: int) -> tuple[float, float]:
    """Return requests per second, and the 99th percentile of the latency in ms."""
    # One thread: server and client share the machine.
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-H", f"Origin: {ORIGIN}"]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/api/items/7"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=seconds + 30,
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if rate is None or slow is None or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    return float(rate[1]), float(slow[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slow[2]]


def run(*, quick: bool = False, rounds: int | None = None) -> None:
    if shutil.which("wrk") is None:
        tables.console.print("\nSockets: not measured, wrk is not installed (on Debian: apt install wrk).")
        return
    rounds, seconds = (1, 1) if quick else (rounds or 7, 4)
    rates: dict[str, list[float]] = {name: [] for name in COMPARED}
    slowest: dict[str, list[float]] = {name: [] for name in COMPARED}
    with contextlib.ExitStack() as stack:
        ports = {layer.name: stack.enter_context(server(layer)) for layer in LAYERS if layer.name in COMPARED}
        for turn in range(rounds):
            for step in range(len(COMPARED)):
                name = COMPARED[(turn + step) % len(COMPARED)]
                rate, slow = _wrk(ports[name], seconds)
                rates[name].append(rate)
                slowest[name].append(slow)
    # Within a round, since the machine may be faster or slower minutes later.
    of_bare = {
        name: median(rate / bare for rate, bare in zip(rates[name], rates[COMPARED[0]], strict=True))
        for name in COMPARED
    }
    rows = [
        [
            name,
            f"{median(rates[name]):,.0f}",
            f"{of_bare[name]:.0%}",
            f"{min(rates[name]):,.0f} to {max(rates[name]):,.0f}",
            f"{median(slowest[name]):.2f}",
        ]
        for name in COMPARED
    ]
    tables.show(
        f"Over sockets: granted requests, {WORKERS} workers",
        ["layer", "requests/s", "of bare", "in all rounds", "p99, ms"],
        rows,
        notes=f"{tables.machine()}; wrk with {CONNECTIONS} connections on the same machine; "
        f"medians of {rounds} rounds of {seconds} s, in turn.",
    )


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
