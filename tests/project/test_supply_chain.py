"""Dependencies have a reason and a licence, nothing uses the network, and one source makes one wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from ..support import ROOT, require_package
from .test_packaging import copy_project

PERMISSIVE = {"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"}
ASKS_FOR_ITS_OWN_FILES_ONLY = {"publicsuffixlist": "MPL-2.0"}
SPELLINGS = {"MIT License": "MIT", "Apache License 2.0": "Apache-2.0", "Apache 2": "Apache-2.0"}


def dependencies() -> dict[str, str]:
    """Return each runtime dependency of setup.cfg with the comment above it."""
    (listed,) = re.findall(
        r"^install_requires =\s*\n((?:[ \t]+\S.*\n)+)", (ROOT / "setup.cfg").read_text(), re.M
    )
    found, reason = {}, ""
    for line in map(str.strip, listed.splitlines()):
        if line.startswith("#"):
            reason = line.lstrip("# ")
        else:
            found[Requirement(line).name], reason = reason, ""
    return found


def licence(name: str) -> str:
    about: Any = metadata.metadata(name)
    licence_text = about.get("License-Expression") or about.get("License") or ""
    return SPELLINGS.get(licence_text, licence_text)


@pytest.mark.skipif((ROOT / "PKG-INFO").exists(), reason="an sdist's setup.cfg has lost its comments")
def test_dependencies_have_a_reason() -> None:
    assert "sanic" in dependencies()
    assert [name for name, reason in dependencies().items() if len(reason) < 20] == []


@pytest.mark.parametrize("name", dependencies())
def test_dependencies_may_be_used_by_everyone(name: str) -> None:
    allowed = {*PERMISSIVE, ASKS_FOR_ITS_OWN_FILES_ONLY.get(name, "MIT")}
    assert licence(name) in allowed


# --- network ---

NETWORK = {
    *("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.getnameinfo"),
    *("socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request", "http.client.connect"),
}
LISTEN = f"""
import sys

def hear(event, arguments):
    if event in {sorted(NETWORK)}:
        print(event, arguments)

sys.addaudithook(hear)
"""
POLICIES = """
from corsbp import CorsPolicy, CorsPolicyError, cors_group

CorsPolicy(allow_origins=["https://*.partner.example", "http://localhost:*"])
for wrong in ("https://*.github.io", "https://*.co.uk", "https://bücher.example", "https://host"):
    try:
        CorsPolicy(allow_origins=[wrong], allow_credentials=True)
    except CorsPolicyError:
        pass
"""
APP = """
import asyncio
import socket
from sanic import Blueprint, Sanic
from sanic.response import empty

bp = Blueprint("bp", url_prefix="/bp")
bp.add_route(lambda request: empty(), "/item")
app = Sanic("app")
app.config.AUTO_EXTEND = False
app.blueprint(cors_group(bp, allow_origins=["https://*.example.com"], allow_credentials=True))
"""
ASGI = """
async def start():
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive():
        return events.pop(0)

    async def send(message):
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"], said

asyncio.run(start())
"""
SERVER = """
async def start():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = await app.create_server(sock=sock, return_asyncio_server=True)
        await server.startup()
        await server.before_start()
        await server.start_serving()
        await server.after_start()
        await server.before_stop()
        server.close()
        await server.wait_closed()
        await server.after_stop()

asyncio.run(start())
"""


def network_events(*code: str) -> str:
    """Return the audit events of the network while a new process runs this code."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([LISTEN, *code])],
        cwd=ROOT,
        env={**os.environ, "SANIC_NO_COLOR": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return "".join(line for line in done.stdout.splitlines(True) if line.partition(" ")[0] in NETWORK)


@pytest.mark.parametrize("code", [(POLICIES,), (POLICIES, APP, ASGI), (POLICIES, APP, SERVER)])
def test_import_and_startup_use_no_network(code: tuple[str, ...]) -> None:
    assert network_events(*code) == ""


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.getaddrinfo('localhost', 1)",
        "import socket; socket.socket().connect_ex(('127.0.0.1', 1))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
    ],
)
def test_use_of_the_network_is_noticed(code: str) -> None:
    assert network_events(code)


# --- the wheel ---


def wheel(folder: Path, *options: str, hash_seed: int) -> Path:
    """Build a wheel with a fixed time, fixed permissions and fixed tools."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *options],
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": f"{hash_seed}"},
        capture_output=True,
        text=True,
        umask=0o022,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    (path,) = (folder / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build from files of other times and folders: from the clone, and from the source distribution."""
    for name in ("build", "setuptools"):
        require_package(name)
    folder = tmp_path_factory.mktemp("wheels")
    first, second = folder / "first", folder / "somewhere" / "else"
    copy_project(first)
    for path in first.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # as git creates them
    shutil.copytree(first, second)
    for number, path in enumerate(sorted(second.rglob("*"), reverse=True)):
        os.utime(path, (1_500_000_000 + number * 1000,) * 2)
    return [wheel(first, "--sdist", "--wheel", hash_seed=1), wheel(second, hash_seed=2)]


def test_two_builds_give_the_same_bytes(wheels: list[Path]) -> None:
    """The wheel and the source distribution; `build` in the folder has a module that was deleted."""
    first, second = (sorted(path.parent.iterdir()) for path in wheels)
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with zipfile.ZipFile(wheels[0]) as archive:
        assert "corsbp/deleted.py" not in archive.namelist()


def test_the_wheel_requires_the_documented_packages_only(wheels: list[Path]) -> None:
    (about,) = metadata.distributions(path=[str(wheels[0])])
    requires = map(Requirement, about.requires or [])
    assert {each.name for each in requires if not each.marker} == set(dependencies())
