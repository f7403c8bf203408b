"""The examples under every server that people use, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from ..browsers.processes import Program, installed, running
from ..cache.conftest import HTTP
from ..support import (
    GRANTED,
    ORIGIN,
    PUBLIC,
    REFUSED,
    ROOT,
    SEARCH_PATH,
    Expectation,
    HttpRequest,
    preflight,
    preflight_headers,
    request,
    require_package,
    reserve_port,
    send,
)

TWO, EVIL = "https://two.example", "https://evil.example"


def section(prefix: str, policy: dict[str, str] = PUBLIC) -> dict[str, Expectation]:
    """Return what is expected of the blueprint of the quickstart."""
    return {
        f"{prefix}: granted": (request("GET", f"{prefix}/items/7"), 200, policy),
        f"{prefix}: preflight": (
            preflight(f"{prefix}/items/7"),
            204,
            policy | preflight_headers("GET,OPTIONS"),
        ),
        f"{prefix}: not found": (request("GET", f"{prefix}/none"), 404, policy),
        f"{prefix}: wrong parameter": (request("GET", f"{prefix}/items/seven"), 404, policy),
        f"{prefix}: not allowed": (request("POST", f"{prefix}/items/7"), 405, policy),
    }


def outside(path: str) -> dict[str, Expectation]:
    """Return what is expected of a route that is in no section."""
    return {
        f"{path}: outside": (request("GET", path), 200, {}),
        f"{path}: outside, preflight": (preflight(path), 405, {}),
        f"{path}: outside, not allowed": (request("POST", path), 405, {}),
        f"{path}: outside, not found": (request("GET", "/none"), 404, {}),
    }


QUICKSTART = section("/api") | outside("/")
COOKIES = {"access-control-allow-origin": ORIGIN, "access-control-allow-credentials": "true"}
VERSIONS: dict[str, Expectation] = {
    "v1": (request("GET", "/v1/shop/items/"), 200, PUBLIC),
    "v1, preflight": (preflight("/v1/shop/items/"), 204, PUBLIC | preflight_headers("GET,OPTIONS")),
    "v2": (request("GET", "/v2/shop/items/", EVIL), 200, COOKIES),
    "v2, preflight": (
        preflight("/v2/shop/items/a", "PUT", "x-a"),
        204,
        COOKIES
        | preflight_headers("PUT,OPTIONS")
        | {"access-control-allow-headers": "x-a", "vary": "access-control-request-headers"},
    ),
    "v2, not found": (request("GET", "/v2/shop/items/a/b"), 404, COOKIES),
    **outside("/shop/health/"),
}


def wrong(port: int, rows: dict[str, Expectation]) -> list[str]:
    """Return the rows that are not as expected."""
    responses = [
        (response.status, response.cors) for response in send(port, *(row[0] for row in plain(rows)))
    ]
    return [
        f"{name}: {response}, not {row[1:]}"
        for (name, row), response in zip(rows.items(), responses, strict=True)
        if response != row[1:]
    ]


def plain(rows: dict[str, Expectation]) -> Iterator[tuple[HttpRequest, int, dict[str, str]]]:
    for one, status, cors in rows.values():
        assert isinstance(one, HttpRequest)
        yield one, status, cors


@contextmanager
def program(
    folder: Path, module: str, *arguments: str, port: int = 0, search_path: str = SEARCH_PATH
) -> Iterator[Program]:
    """Run `python -m module …` with `folder` in its path, and wait for the port, if there is one."""
    env = {**os.environ, "SANIC_AUTO_EXTEND": "false", "PYTHONPATH": search_path, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", module, *arguments]
    with running(command, folder / f"{module}.log", env=env, cwd=folder) as started:
        if port:
            started.until(lambda: listens(port), "listening")
        yield started


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextmanager
def sanic(folder: Path, target: str, *options: str) -> Iterator[tuple[int, Program]]:
    """Run Sanic's own server, and return its port."""
    with (
        reserve_port() as port,
        program(folder, "sanic", target, "--port", f"{port}", "--no-motd", *options, port=port) as started,
    ):
        yield port, started


def workers(server: Program) -> int:
    """Return how many workers of Sanic logged that they serve."""
    return len(set(re.findall(r"Starting worker \[(\d+)\]", server.read_output())))


@pytest.mark.parametrize("options", [["--workers", "3"], ["--fast"]], ids=" ".join)
def test_every_worker_of_sanic_serves_the_same(tmp_path: Path, options: list[str]) -> None:
    """Each connection goes to whichever worker is free."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = cpus if options == ["--fast"] else 3
    with sanic(tmp_path, "examples.quickstart:app", *options) as (port, server):
        server.until(lambda: workers(server) == count, "ready")
        for _ in range(5):
            assert not wrong(port, QUICKSTART)


@pytest.mark.parametrize("example", ["quickstart", "versions"])
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "granian"])
def test_asgi_servers_serve_the_same(tmp_path: Path, server: str, example: str) -> None:
    require_package(server)
    with reserve_port() as port:
        bind = {
            "uvicorn": ["--port", f"{port}"],
            "hypercorn": ["--bind", f"127.0.0.1:{port}"],
            "granian": ["--interface", "asgi", "--host", "127.0.0.1", "--port", f"{port}"],
        }[server]
        with program(tmp_path, server, f"examples.{example}:app", *bind, port=port):
            assert not wrong(port, {"quickstart": QUICKSTART, "versions": VERSIONS}[example])


def test_a_unix_socket_behind_nginx_serves_the_same() -> None:
    path = installed("nginx", "nginx-light")
    with (
        reserve_port() as port,
        tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True) as name,
    ):
        folder = Path(name)  # not tmp_path: the path of a socket may have about a hundred characters
        upstream = f"location / {{ proxy_pass http://unix:{folder}/app.sock; }}"
        server = f"server {{ listen 127.0.0.1:{port}; {upstream} }}"
        configuration = folder / "nginx.conf"
        configuration.write_text(HTTP.format(folder=folder, servers=server))
        nginx = [path, "-p", name, "-e", "stderr", "-c", os.fspath(configuration)]
        target = ["examples.versions:app", "--unix", f"{folder}/app.sock", "--no-motd", "--workers", "2"]
        with program(folder, "sanic", *target) as app, running(nginx, folder / "nginx.log") as proxy:
            # The socket is there earlier, but each worker creates it again: in between, there is no response.
            app.until(lambda: workers(app) == 2, "ready")
            proxy.until(lambda: listens(port), "listening")
            assert not wrong(port, VERSIONS)


def test_an_edited_policy_is_served_after_a_reload(tmp_path: Path) -> None:
    """The new policy is in force soon after, and never in part."""
    example = tmp_path / "edited.py"
    source = (ROOT / "examples" / "quickstart.py").read_text()
    example.write_text(source)
    rows = section("/api", GRANTED) | outside("/")
    rows["/api: refused"] = (request("GET", "/api/items/7", EVIL), 200, REFUSED)
    with sanic(tmp_path, "edited:app", "--auto-reload") as (port, server):
        assert not wrong(port, QUICKSTART)
        edited = source.replace("cors_group(api)", f"cors_group(api, allow_origins={[ORIGIN, TWO]})")
        assert edited != source
        (tmp_path / "new").write_text(edited)
        (tmp_path / "new").replace(example)
        server.until(touched_until(example, lambda: not wrong(port, rows)), "reloaded")


def touched_until(path: Path, done: Callable[[], bool]) -> Callable[[], bool]:
    """Return whether it is done; touch the file now and then, since a reloader misses early edits."""
    wait, last = 1.0, time.monotonic()

    def ready() -> bool:
        nonlocal wait, last
        with contextlib.suppress(OSError, IndexError, ValueError):  # no response, or half of one, in between
            if done():
                return True
        if time.monotonic() - last > wait:
            wait, last = 2 * wait, time.monotonic()  # a slow machine needs time to start
            path.touch()
        return False

    return ready


LATE = """
from examples.quickstart import api, app, item
from corsbp import cors_group
from sanic import empty

growing = api.copy("growing", url_prefix="/growing", allow_route_overwrite=True)
section = cors_group(growing, allow_origins={origins})
app.blueprint(section)


@app.get("/change")
async def change(_):
    with app.amend():
        {change}
    return empty()
"""
LISTED = section("/growing", GRANTED) | {"refused": (request("GET", "/growing/items/7", EVIL), 200, REFUSED)}
CHANGES: dict[str, tuple[str, dict[str, Expectation]]] = {
    "a section": (
        "app.blueprint(cors_group(api.copy('late', url_prefix='/late', with_registration=False)))",
        section("/late"),
    ),
    "a route outside": (
        "app.add_route(item, '/late/items/<number:int>', name='late')",
        outside("/late/items/7"),
    ),
    "bp.register after add_route": (
        "growing.add_route(item, '/late/<number:int>', name='late')",
        {
            "late": (request("GET", "/growing/late/7"), 200, GRANTED),
            "late, refused": (request("GET", "/growing/late/7", EVIL), 200, REFUSED),
            "late, preflight": (
                preflight("/growing/late/7"),
                204,
                GRANTED | preflight_headers("GET,OPTIONS"),
            ),
            "late, not found": (request("GET", "/growing/late/seven"), 404, GRANTED),
            "late, not allowed": (request("POST", "/growing/late/7"), 405, GRANTED),
        },
    ),
    "bp.register of an appended blueprint": (
        "section.append(api.copy('late', url_prefix='/late', with_registration=False));"
        " section.blueprints[-1].register(app, {})",
        # Sanic does not list it among the blueprints of the app, but it is in the section
        section("/late", GRANTED),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_sections_can_be_added_at_runtime(tmp_path: Path, change: str) -> None:
    """`app.amend()` and `bp.register` run in a handler; they change one process only."""
    code, rows = CHANGES[change]
    (tmp_path / "late.py").write_text(LATE.format(origins=[ORIGIN, TWO], change=code))
    with sanic(tmp_path, "late:app", "--single-process") as (port, _):
        assert not wrong(port, QUICKSTART | LISTED)
        assert send(port, request("GET", "/change"))[0].status == 204
        assert not wrong(port, QUICKSTART | LISTED | rows)


BOTH = """
from sanic import Sanic
from examples.quickstart import app as primary
from examples.versions import app as secondary

for app in (primary, secondary):
    app.config.TOUCHUP = {touchup}

if __name__ == "__main__":
    primary.prepare(port={ports[0]}, motd=False)
    secondary.prepare(port={ports[1]}, motd=False)
    Sanic.serve(primary=primary)
"""


@pytest.mark.parametrize("touchup", [False, True])
def test_two_apps_in_one_process_have_their_own_sections(tmp_path: Path, touchup: bool) -> None:
    with reserve_port() as one, reserve_port() as other:
        (tmp_path / "both.py").write_text(BOTH.format(ports=(one, other), touchup=touchup))
        with program(tmp_path, "both", port=one) as server:
            server.until(lambda: listens(other), "listening")
            for (port, rows), _ in product([(one, QUICKSTART), (other, VERSIONS)], range(2)):
                assert not wrong(port, rows)
