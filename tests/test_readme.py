"""The README says what is so: its transcripts are run, its tables are the code's."""

from __future__ import annotations

import asyncio
import inspect
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from sanic import Sanic

from corsbp.command.findings import MORE
from corsbp.decision import REFUSALS
from corsbp.errors import PROBLEMS, WARNINGS
from corsbp.testing import STOPS, SyncBrowser

from .support import ORIGIN, ROOT, Ask, ask, exchange_now, preflight, send, served

README = (ROOT / "README.md").read_text()
TRANSCRIPTS = re.findall(r"^```console\n(.*?)^```$", README, re.M | re.S)
TESTS, CODE = [], []
for block in re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S):
    (TESTS if "def test_" in block else CODE).append(block)


def steps(transcript: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ (.*)\n", transcript, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def curl(command: str, port: int) -> str:
    """What `curl -i` prints, for the options that the README uses."""
    words = iter(shlex.split(command)[1:])
    method, headers, target = "GET", [], ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, value = next(words).split(": ")
            headers.append((name, value))
        elif word != "-i":
            target = word
    host, _, path = target.partition("/")
    assert host == "localhost:8000"
    raw = exchange_now(port, Ask(method, f"/{path}", tuple(headers)))
    return raw.decode().replace("\r\n", "\n")


def trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def test_transcripts(tmp_path: Path) -> None:
    folder, status = tmp_path / "clone", 0
    folder.mkdir()
    for name in ("corsbp", "examples"):
        (folder / name).symlink_to(ROOT / name)
    curls, commands = [], []
    for transcript in TRANSCRIPTS:
        for command, output in steps(transcript):
            if "127.0.0.1:8080" not in command:  # nginx, which has tests of its own
                (curls if command.startswith("curl ") else commands).append((command, output))
    assert len(curls) >= 3
    assert len(commands) >= 1
    with served("examples.quickstart:app") as port:
        for command, output in curls:
            printed = curl(command, port)
            assert (command, printed.rstrip("\n")) == (command, output.rstrip("\n"))
    for command, output in commands:
        words = shlex.split(command)
        assert words[0] in ("python", "corsbp", "echo")
        if words[0] == "echo":
            assert (command, output.strip()) == ("echo $?", f"{status}")
            continue
        words = words[1:] if words[0] == "python" else ["-m", *words]
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        status = done.returncode
        assert (command, trimmed(done.stdout)) == (command, trimmed(output))


PREAMBLE = """
from sanic import Blueprint, Sanic, text
from corsbp import CorsPolicy, cors_group

app = Sanic("readme")


def blueprint(name, **options):
    made = Blueprint(name, **{"url_prefix": f"/{name}", **options})
    made.add_route(lambda request: text("hello"), "/", name="index")
    return made


api, account, partners, health = map(blueprint, ("api", "account", "partners", "health"))
v1, v2 = (blueprint(f"v{n}", url_prefix="/items", version=n) for n in (1, 2))
"""
AFTER = 'app.blueprint(cors_group(api, allow_origins=["https://app.example"]))'
ANY, OURS = {"access-control-allow-origin": "*"}, {"access-control-allow-origin": ORIGIN}
COOKIES = OURS | {"access-control-allow-credentials": "true"}
VARY = {"vary": "origin"}
TIMING = "timing-allow-origin"
SHOP = "https://shop-git-main-acme.vercel.app"
PREVIEW = "https://pr-preview.example.com"

# By a word of each block: what comes before and after it, and what the app then answers.
BLOCKS: dict[str, tuple[str, str, list[tuple[Ask, int, dict[str, str]]]]] = {
    'Sanic("shop")': ("", "", [(ask("GET", "/api/items/7"), 200, ANY)]),
    "cors_group(account": (PREAMBLE, "", [(ask("GET", "/account/"), 200, COOKIES)]),
    "http://localhost:*": (PREAMBLE, "", [(ask("GET", "/partners/"), 200, OURS | VARY)]),
    "is_preview": (
        PREAMBLE,
        "",
        [
            (ask("GET", "/api/"), 200, OURS | VARY | {TIMING: ORIGIN}),
            (ask("GET", "/api/", SHOP), 200, VARY | {"access-control-allow-origin": SHOP, TIMING: SHOP}),
            (ask("GET", "/api/", "https://shop-1.vercel.app"), 200, VARY),
        ],
    ),
    "public = cors_group(v1)": (
        PREAMBLE,
        "",
        [
            (ask("GET", "/v1/shop/items/"), 200, ANY),
            (ask("GET", "/v2/shop/items/"), 200, COOKIES),
            (preflight("/shop/health/"), 405, {}),
        ],
    ),
    "cors_group(app))": (
        PREAMBLE
        + 'app.blueprint(blueprint("openapi"))\napp.add_route(lambda _: text("home"), "/", name="home")\n',
        "",
        [
            (ask("GET", "/"), 200, ANY),
            (ask("GET", "/none"), 404, ANY),
            (ask("GET", "/openapi/"), 200, ANY),
            (preflight("/openapi/"), 204, ANY),
        ],
    ),
    "ctx_cors=CorsPolicy()": (
        PREAMBLE,
        AFTER,
        [
            (preflight("/api/feed"), 204, ANY),
            (ask("GET", "/api/"), 200, OURS),
            (preflight("/api/internal"), 405, {}),
        ],
    ),
    "re.compile": (
        PREAMBLE,
        "",
        [
            (ask("GET", "/api/", PREVIEW), 200, {"access-control-allow-origin": PREVIEW} | VARY),
            (ask("GET", "/api/", f"{PREVIEW}.evil.example"), 200, VARY),
        ],
    ),
}


@pytest.mark.parametrize("block", CODE, ids=lambda block: block.splitlines()[0])
def test_code(block: str) -> None:
    (word,) = [word for word in BLOCKS if word in block]
    before, after, rows = BLOCKS[word]
    names: dict[str, Any] = {}
    exec("\n".join([before, block, after]), names)
    app: Sanic = names["app"]
    app.config.update({"AUTO_EXTEND": False, "USE_UVLOOP": False})
    for (one, status, cors), answer in zip(rows, send(app, *(row[0] for row in rows)), strict=True):
        headers = {name.lower(): value for name, value in answer.headers}
        seen = {name: value for name, value in headers.items() if name in {*cors, *COOKIES, *VARY, TIMING}}
        assert (one.path, answer.status, seen) == (one.path, status, cors)


@pytest.mark.parametrize("block", TESTS, ids=lambda block: re.findall(r"def (\w+)", block)[0])
def test_a_users_tests(block: str, cors_browser: Callable[..., SyncBrowser]) -> None:
    """With the API of the example that the chapter names; a server of it runs where one is called."""
    names: dict[str, Any] = runpy.run_path(str(ROOT / "examples" / "guarded_api.py"))
    names["app"].config.AUTO_EXTEND = False
    with served("examples.guarded_api:app") if "127.0.0.1:8000" in block else nullcontext(0) as port:
        exec(block.replace("127.0.0.1:8000", f"127.0.0.1:{port}"), names)
        (test,) = [each for name, each in names.items() if name.startswith("test_")]
        done = test(*[cors_browser] * len(inspect.signature(test).parameters))
        if inspect.iscoroutine(done):
            asyncio.run(done)


def test_every_block_is_known() -> None:
    assert len(CODE) == len(BLOCKS)
    assert len(TESTS) == 3


@pytest.mark.parametrize(
    ("name", "ids"),
    [("refusals", REFUSALS), ("problems", PROBLEMS), ("warnings", WARNINGS), ("stops", STOPS)],
)
def test_tables(name: str, ids: Mapping[str, str]) -> None:
    """On a mismatch, the table to paste is in the message."""
    table = "\n".join(["| id | |", "| --- | --- |", *(f"| `{key}` | {text} |" for key, text in ids.items())])
    (found,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- end -->", README, re.S)
    assert found.strip() == table


@pytest.mark.parametrize(
    ("name", "ids"),
    [("problems", PROBLEMS), ("warnings", WARNINGS), ("refusals", REFUSALS), ("findings", MORE)],
)
def test_every_id_says_what_to_do(name: str, ids: Mapping[str, str]) -> None:
    """In the file beside the code: what it means in the code's own words, and what to do."""
    text = (ROOT / "corsbp" / "README.md").read_text()
    (found,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- end -->", text, re.S)
    rows = [line[2:-2].split(" | ") for line in found.strip().splitlines()[2:]]
    assert [(id_, means.rstrip(".").lower()) for id_, means, _ in rows] == [
        (f"`{id_}`", means.rstrip(".").lower()) for id_, means in ids.items()
    ]
    assert all(re.match(r"[A-Z`].{6,}\.$", todo) for *_, todo in rows)
