"""The pages are right: code and transcripts are run, tables match the code, links lead somewhere."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from configparser import ConfigParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sanic import Blueprint, Sanic

from corsbp import CorsPolicy, cors_group
from corsbp.command.suffix_list import check_suffix_list
from corsbp.log import cors_logger

from ..browsers.cases import CASES
from ..browsers.processes import installed
from ..support import (
    EVIL,
    ORIGIN,
    ROOT,
    SEARCH_PATH,
    HttpRequest,
    handler,
    new_app,
    preflight,
    request,
    require_package,
    run_server,
    sanic_process,
    send,
    send_async,
    send_bytes,
    serve,
)
from .test_examples import run_promtool

README = (ROOT / "README.md").read_text()
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "corsbp/**/*.md", "examples/*.md", "tests/*.md")
    for path in ROOT.glob(pattern)
)
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
SHOP, *BLOCKS = [block for language, block in FENCED.findall(README) if language == "python"]
BEFORE = SHOP[: SHOP.rindex("app.blueprint(")]  # each block stands in place of the last line
A_TEST = BLOCKS.pop()

MOST_LINES, MOST_WORDS = 220, 1800
HEADINGS = """
    Quick start, Requirements, Installation, Usage, Multiple origins, WebSockets, Streaming, Configuration,
    Troubleshooting, Testing, Metrics, Security, License
"""
WORDS = "multiple origins, cache, tenant, metrics, nginx, supported versions, response, SSE, 404, proxy"
FIRST_SCREEN = 40  # lines


# --- length, links, and facts that are written in two places ---


def test_pages_have_a_bounded_length(print_at_end: Callable[[str], None]) -> None:
    """The README can be read in one go; the other pages are references."""
    for page in (page for page in PAGES if page.endswith("README.md")):
        text = (ROOT / page).read_text()
        print_at_end(f"{page}: {len(text.splitlines())} lines, {len(text.split())} words")
    assert len(README.splitlines()) <= MOST_LINES
    assert len(README.split()) <= MOST_WORDS


def listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


@pytest.mark.parametrize("heading", listed(HEADINGS))
def test_headings_that_people_search_for(heading: str) -> None:
    assert re.search(rf"^##+ {heading}\b", README, re.M)


@pytest.mark.parametrize("word", listed(WORDS))
def test_words_that_people_search_for(word: str) -> None:
    """In the text and not only within the address of a link."""
    text = re.sub(r"\]\([^)]*\)", "]", README)
    assert re.search(rf"\b{word}", text, re.I)


def test_the_first_screen() -> None:
    """It has a command for a clone in one line each: one serves the example, one runs the tests."""
    screen = "\n".join(README.splitlines()[:FIRST_SCREEN])
    (commands,) = [block for language, block in FENCED.findall(screen) if language == "sh"]
    assert [line.partition("#")[0].strip() for line in commands.splitlines()] == [
        "pip install . && sanic examples.quickstart:app",
        "pip install '.[test]' && python -m pytest",
    ]
    assert "$ curl -i " in screen


def test_extras_that_the_pages_install() -> None:
    """While nothing is on PyPI, each page installs from a path; and each extra exists."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    found = {
        target
        for page in PAGES
        for target in re.findall(
            r"pip install (?:-e )?'?([^\s']*corsbp[^\s']*|\.[^\s']*)", (ROOT / page).read_text()
        )
    }
    for target in found:
        path, _, extras = target.rstrip("]").partition("[")
        assert path in (".", "../corsbp"), target
        assert {*extras.split(",")} <= {"", *setup["options.extras_require"]}, target
    assert {".", "../corsbp", "../corsbp[cli]", "../corsbp[testing]"} <= found


def prose(text: str) -> str:
    """Return a page without its code, which has no links."""
    return re.sub(r"`[^`\n]*`", "`", FENCED.sub("", text))


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of headings: the second of two equal ones ends in -1."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return {f"{anchor}-{n}" if n else anchor for anchor, last in found.items() for n in range(last + 1)}


def links(page: str) -> Iterator[str]:
    """Return the links of a page to files and headings of the project, relative to its root."""
    for link in re.findall(r"\]\(([^)]+)\)", prose((ROOT / page).read_text())):
        if not link.startswith("https://"):
            file, hash_, anchor = link.partition("#")
            target = (ROOT / page).parent / file if file else ROOT / page
            yield f"{os.path.relpath(target, ROOT)}{hash_}{anchor}"


def leads_somewhere(link: str) -> bool:
    file, _, anchor = link.partition("#")
    path = ROOT / file
    return path.exists() and (not anchor or anchor in anchors(path.read_text()))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    assert [link for link in links(page) if not leads_somewhere(link)] == []


def test_links_that_lead_nowhere_are_found() -> None:
    assert {"readmemd", "a-b", "a-b-1"} == anchors("# README.md\n## A b\n```sh\n# no\n```\n### `A` b?")
    assert leads_somewhere("README.md#usage") and not leads_somewhere("README.md#abuse")
    assert not leads_somewhere("READYOU.md")


def rows(page: str, chapter: str) -> list[list[str]]:
    text = (ROOT / page).read_text().partition(f"\n## {chapter}\n")[2].partition("\n## ")[0]
    table = [line for line in text.splitlines() if line.startswith("| ")]
    return [line[2:-2].split(" | ") for line in table[2:]]


def test_both_pages_list_the_fields_alike() -> None:
    """Names, order and defaults are equal on both pages that list them."""
    fields = inspect.signature(CorsPolicy).parameters.values()
    written = [(f"`{each.name}`", f"`{each.default!r}`".replace("'", '"')) for each in fields]
    assert [(name, default) for name, _, default in rows("README.md", "Configuration")] == written
    assert [name for name, *_ in rows("corsbp/README.md", "Policy fields")] == [name for name, _ in written]


def test_supported_versions_and_dependencies_are_those_of_setup_cfg() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    ((oldest, newest),) = re.findall(r"Python ([\d.]+) to ([\d.]+), Sanic", README)
    assert setup["options"]["python_requires"] == f">={oldest}"
    declared = re.findall(r"Python :: 3\.(\d+)", setup["metadata"]["classifiers"])
    assert newest == f"3.{max(map(int, declared))}"
    needed = re.findall(r"^([a-z]+)[><=]+([\d.]+)", setup["options"]["install_requires"], re.M)
    assert f"Sanic {dict(needed)['sanic']} to " in README
    (sentence,) = re.findall(r"^.*Dependencies: (.*?)\.", README, re.M)
    assert sorted(re.findall(r"`(\w+)`", sentence)) == sorted(name for name, _ in needed)


def test_the_number_of_browser_cases_is_right() -> None:
    page = (ROOT / "tests" / "README.md").read_text()
    assert f"{len(CASES)} cases in Chromium" in page


def test_the_picture_of_the_packages() -> None:
    """CONTRIBUTING.md shows each package, `cors_group()` above them, and nothing else."""
    picture = re.search(r"^```\n(.*?)^```$", (ROOT / "CONTRIBUTING.md").read_text(), re.M | re.S)
    assert picture
    column = 24  # behind it, each line says what the packages do
    shown = [name for line in picture[1].splitlines() for name in line[:column].split() if name.isalpha()]
    packages = [path.parent.name for path in (ROOT / "corsbp").glob("[!_]*/__init__.py")]
    assert sorted(shown) == sorted(["group", *packages])


# --- transcripts ---


def steps(transcript: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ (.*)\n", transcript, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def send_as_curl(port: int, message: HttpRequest) -> bytes:
    """Return the bytes of a response on a connection that stays open, as curl leaves it."""
    # The second request closes the connection, so that the end of the first response need not be guessed.
    both = message.raw().replace(b"Connection: close\r\n", b"") + HttpRequest("GET", "/").raw()
    raw = asyncio.run(send_bytes(port, both))
    return raw[: raw.rindex(b"HTTP/1.1 ")]


def curl(command: str, port: int) -> str:
    """Return the output of `curl -i`, for the options that the README uses."""
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
    raw = send_as_curl(port, HttpRequest(method, f"/{path}", tuple(headers)))
    return raw.decode().replace("\r\n", "\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a reader, with the files that the README tells them to write."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(A_TEST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{SEARCH_PATH}")
    return tmp_path


def transcripts(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page with their output."""
    blocks = FENCED.findall((ROOT / page).read_text())
    return [step for language, block in blocks if language == "console" for step in steps(block)]


GUIDE = "examples/sanic_guide.md"  # its transcripts are those of test_guide_recipe.py
WITH_TRANSCRIPTS = [page for page in PAGES if page != GUIDE and transcripts(page)]


def test_the_transcript_of_the_readme() -> None:
    ((command, output),) = transcripts("README.md")
    with sanic_process("examples.quickstart:app") as port:
        assert curl(command, port).rstrip("\n") == output.rstrip("\n")


@pytest.mark.parametrize("page", [page for page in WITH_TRANSCRIPTS if page != "README.md"])
def test_commands_print_the_transcripts(page: str, tmp_path: Path) -> None:
    """The commands run one after the other in a clone."""
    if "corsbp audit" in str(transcripts(page)) and [*check_suffix_list("")]:
        pytest.skip("the public suffix list of this environment is old, which is one finding more")
    for name in ("corsbp", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    status = 0
    for command, output in transcripts(page):
        if command == "echo $?":
            assert output.strip() == f"{status}"
        elif "127.0.0.1:8080" not in command:  # nginx, which has tests of its own
            done = run_in(tmp_path, command)
            assert "Traceback" not in done.stderr
            status = done.returncode
            assert (command, trimmed(done.stdout)) == (command, trimmed(output))


def test_commands_within_lines_work(folder: Path) -> None:
    """They run on an app without faults, whose pages may send cookies."""
    (block,) = [block for block in BLOCKS if "allow_credentials=True))" in block]
    (folder / "shop.py").write_text(BEFORE + block)
    commands = re.findall(r"`(corsbp [a-z]+ shop:app[^`]*)`", README)
    assert len(commands) == 2
    assert [option for option in ("--origin", "--credentials", "--header") if option not in commands[0]] == []
    for command in commands:
        done = run_in(folder, command)
        assert (command, done.returncode) == (command, 0), done.stdout + done.stderr


def run_in(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    program, *words = shlex.split(command)
    assert program in ("python", "corsbp")
    arguments = words if program == "python" else ["-m", "corsbp", *words]
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


# --- code ---

ANY, OURS = {"access-control-allow-origin": "*"}, {"access-control-allow-origin": ORIGIN}
COOKIES = OURS | {"access-control-allow-credentials": "true"}
VARY = {"vary": "origin"}
CUSTOMER, PARTNER = "https://customer.example", "https://eu.partner.example"
ITEM = "/api/items/7"

# By a word of each block: the response to https://app.example, unless another page is named.
ANSWERS: dict[str, list[tuple[HttpRequest, int, dict[str, str]]]] = {
    "allow_credentials=True))": [(request("GET", ITEM), 200, COOKIES)],
    "is_customer": [
        (request("GET", ITEM), 200, OURS | VARY),
        (request("GET", ITEM, CUSTOMER), 200, {"access-control-allow-origin": CUSTOMER} | VARY),
        (request("GET", ITEM, PARTNER), 200, {"access-control-allow-origin": PARTNER} | VARY),
        (request("GET", ITEM, "https://partner.example"), 200, VARY),
    ],
    "os.environ": [(request("GET", ITEM), 200, {}), (preflight(ITEM), 405, {})],
    "api.copy": [
        (request("GET", f"/v1/shop{ITEM}"), 200, ANY),
        (request("GET", f"/v2/shop{ITEM}"), 200, COOKIES),
        (request("GET", "/"), 200, {}),
    ],
    "cors_group(app)": [
        (request("GET", "/"), 200, ANY),
        (request("GET", ITEM), 200, ANY),
        (request("GET", "/none"), 404, ANY),
    ],
    "ctx_cors=CorsPolicy()": [
        (request("GET", "/api/feed"), 200, ANY),
        (request("GET", ITEM), 200, OURS),
    ],
}


def answers(block: str, expected: list[tuple[HttpRequest, int, dict[str, str]]]) -> None:
    names: dict[str, Any] = {}
    exec(BEFORE + block, names)
    app: Sanic = names["app"]
    app.config.update({"AUTO_EXTEND": False, "USE_UVLOOP": False})
    came = send(app, *(row[0] for row in expected))
    for (one, status, cors), response in zip(expected, came, strict=True):
        seen = {name: value for name, value in response.cors.items() if name in {*COOKIES, *VARY}}
        assert (one.path, response.status, seen) == (one.path, status, cors)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
@pytest.mark.usefixtures("folder")
def test_each_block_responds_as_its_text_says(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORIGINS", raising=False)
    (word,) = [word for word in ANSWERS if word in block]
    answers(block, ANSWERS[word])


@pytest.mark.parametrize(
    ("variable", "granted"),
    [
        ("http://localhost:*", {"http://localhost:3000"}),
        (f"{ORIGIN} https://two.example", {ORIGIN, "https://two.example"}),
    ],
)
def test_origins_come_from_the_environment(
    variable: str, granted: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORIGINS", variable)
    (block,) = [block for block in BLOCKS if "os.environ" in block]
    pages = [ORIGIN, "https://two.example", "http://localhost:3000", "https://evil.example"]
    grants = [VARY | ({"access-control-allow-origin": page} if page in granted else {}) for page in pages]
    answers(
        block, [(request("GET", ITEM, page), 200, grant) for page, grant in zip(pages, grants, strict=True)]
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_block_imports_the_names_that_it_uses(page: str) -> None:
    """Each block can be pasted; those of the README continue its first one."""
    require_package("ruff")
    blocks = [block for language, block in FENCED.findall((ROOT / page).read_text()) if language == "python"]
    for block in blocks:
        code = BEFORE + block if block in BLOCKS else block
        command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F821", "-"]
        done = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{block}"


RUN_BY = {
    "README.md": "tests/docs/test_readme.py",
    "corsbp/README.md": "tests/docs/test_readme.py",
    "corsbp/testing/README.md": "tests/testing/test_docs.py",
    "examples/README.md": "tests/docs/test_recipes.py",
    GUIDE: "tests/docs/guide_recipe.py",
}


def test_every_page_with_code_has_a_test_that_runs_it() -> None:
    assert {page for page in PAGES if "```python" in (ROOT / page).read_text()} == {*RUN_BY}
    for page, test in RUN_BY.items():
        assert page.rpartition("/")[2] in (ROOT / test).read_text()


def test_the_blocks_about_log_and_signal_work() -> None:
    """The blocks of the chapter about production do what the text around them says."""
    chapter = (ROOT / "corsbp" / "README.md").read_text().partition("\n## In production\n")[2]
    switch, _formatter, listener, _metrics, report_only, _differences, function, _week = [
        block for language, block in FENCED.findall(chapter) if language == "python"
    ]
    logger = logging.getLogger("corsbp")
    level = logger.level
    try:
        exec(switch, {})
        assert logger.isEnabledFor(logging.DEBUG)
    finally:
        logger.setLevel(level)
    names: dict[str, Any] = {}
    exec(function, names)
    assert names["section"].report_only == CorsPolicy(allow_methods=["GET"])
    exec(report_only, names)
    assert (names["section"].policy, names["section"].report_only) == (names["NOW"], names["NEXT"])
    exec(listener, names)
    app, counters = names["app"], names["counters"]
    app.config.update({"AUTO_EXTEND": False, "USE_UVLOOP": False})
    api = Blueprint("api")
    api.add_route(handler, "/")
    app.blueprint(cors_group(api, allow_origins=[ORIGIN]))

    async def counted() -> None:
        while not counters:
            await asyncio.sleep(0.01)

    async def talk(port: int) -> None:
        for page in (ORIGIN, EVIL):
            await send_async(port, request("GET", "/", page))
        await asyncio.wait_for(counted(), 60)

    run_server(serve(app, talk))
    assert counters == {("cors_group(api)", "origin-not-allowed"): 1}


def test_the_block_about_metrics_and_its_table() -> None:
    """The page has each metric of the table, and no other of corsbp."""
    chapter = (
        (ROOT / "corsbp" / "README.md").read_text().partition("\n### Metrics\n")[2].partition("\n### ")[0]
    )
    ((_, block),) = FENCED.findall(chapter)
    names: dict[str, Any] = {}
    exec(block, names)
    group = cors_group(api := Blueprint("api", url_prefix="/api"), allow_origins=[ORIGIN])
    api.add_route(handler, "/item")

    async def none(_: Sanic) -> AsyncIterator[list[str]]:
        yield []

    group.follow(none)
    names["app"].blueprint(group)
    names["app"].config.update({"AUTO_EXTEND": False, "USE_UVLOOP": False})
    _, response = send(names["app"], request("GET", "/api/item", EVIL), request("GET", "/metrics", None))
    shown = {
        name.removesuffix("_created") for name in re.findall(r"^(corsbp_\w+){", response.body.decode(), re.M)
    }
    table = {
        name
        for line in chapter.splitlines()
        if line[:3] == "| `"
        for name in re.findall(r"`(corsbp_\w+)`", line)
    }
    assert {name for name in shown if not name.endswith(("errors", "refused", "origins"))} <= table
    assert table <= shown


def test_the_blocks_about_records_and_differences_work() -> None:
    """A JSON formatter has the facts of a line; the route for administrators responds as the page shows."""
    chapter = (ROOT / "corsbp" / "README.md").read_text().partition("\n## In production\n")[2]
    blocks = [block for language, block in FENCED.findall(chapter) if language == "python"]
    (formatter,) = [block for block in blocks if "class JsonFormatter" in block]
    (differences,) = [block for block in blocks if "/admin/differences" in block]
    names: dict[str, Any] = {}
    logs: dict[str, Any] = {}
    exec(differences, names)
    app, api = names["app"], names["api"]
    app.config.update({"AUTO_EXTEND": False, "USE_UVLOOP": False})
    api.add_route(handler, "/item")
    logger = logging.getLogger("corsbp")
    handlers, level = logger.handlers[:], logger.level
    exec(formatter, logs)
    logs["handler"].setStream(output := StringIO())
    logger.setLevel(logging.INFO)
    try:
        old = request("GET", "/api/item", "https://old.app.example")
        *_, response = send(app, *[old] * 1000, request("GET", "/admin/differences", None))
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
    assert f"    {response.body.decode()}\n" in chapter
    (line,) = output.getvalue().splitlines()
    facts = json.loads(line)
    assert "could no longer read" in facts.pop("message")
    assert time.time() - 600 < facts.pop("time") <= time.time()
    assert facts == {
        "level": "INFO",
        "section": "cors_group(api)",
        "origin": "https://old.app.example",
        "id": "origin-not-allowed",
        "method": "GET",
        "path": "/api/item",
        "report_only": True,
    }
    keys = re.findall(
        r"^\| `(\w+)` \|", chapter.partition("| key of `record.corsbp` |")[2].partition("\n\n")[0], re.M
    )
    assert keys == [name for name in facts if name != "level"]


# --- the summary of a week ---


@pytest.fixture
def summary() -> str:
    chapter = (ROOT / "corsbp" / "README.md").read_text().partition("\n## In production\n")[2]
    return chapter.partition("\n### A summary of the week\n")[2].partition("\n## ")[0]


def test_the_summary_of_the_log(summary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers, one after the other, append to one file; the oldest of its lines is older than a week."""
    ((_, script),) = [each for each in FENCED.findall(summary) if each[0] == "python"]
    chapter = (ROOT / "corsbp" / "README.md").read_text().partition("\n## In production\n")[2]
    (formatter,) = [block for _, block in FENCED.findall(chapter) if "class JsonFormatter" in block]
    monkeypatch.chdir(tmp_path)
    assert 'logging.handlers.WatchedFileHandler("cors.jsonl")' in summary
    formatter = formatter.replace("StreamHandler()", 'handlers.WatchedFileHandler("cors.jsonl")')
    old = {"time": time.time() - 7 * 24 * 3600 - 1, "level": "DEBUG", "message": "old", "id": "origin-null"}
    (tmp_path / "cors.jsonl").write_text(json.dumps(old) + "\n")
    logger = logging.getLogger("corsbp")
    handlers, level = logger.handlers[:], logger.level
    for _ in range(2):
        log_refusals(formatter.replace("import logging\n", "import logging.handlers\n"))
        logger.handlers[-1].close()
        logger.handlers[:] = handlers
        logger.setLevel(level)
    (tmp_path / "week.py").write_text(script)
    command = f"zcat -f cors.jsonl* | {shlex.quote(sys.executable)} week.py"
    assert command.replace(shlex.quote(sys.executable), "python") in summary
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "20 lines that were left out",
        f"6 refused cors_group(api) origin-not-allowed {EVIL}",
        "2 report-only cors_group(api) origin-not-allowed https://old.example",
        "2 refused cors_group(api) method-not-allowed https://app.example",
    ]


def log_refusals(formatter: str) -> None:
    """Serve refused pages in a new worker, which logs them with this formatter."""
    exec(formatter, {})
    logging.getLogger("corsbp").setLevel(logging.DEBUG)
    now = CorsPolicy(allow_origins=["https://app.example", "https://old.example"])
    api = Blueprint("api", url_prefix="/api")
    api.add_route(handler, "/item")
    app = new_app(cors_group(api, policy=now, report_only=now.replace(allow_origins=["https://app.example"])))
    refused = [request("GET", "/api/item", EVIL)] * 3 + [
        request("GET", "/api/item", "https://old.example")
    ] * 2
    send(app, *refused, preflight("/api/item", "PUT", origin="https://app.example"))
    cors_logger.log(logging.DEBUG, "%d more lines like the last were left out", 10)


def test_the_summary_of_prometheus(summary: str, tmp_path: Path) -> None:
    """Over restarts, and with counts that began within the week; hours, the query after eight days."""
    promtool = installed("promtool", "prometheus")
    ((_, query),) = [each for each in FENCED.findall(summary) if each[0] == "promql"]
    name = 'corsbp_refused_origins_total{{origin="{}",report_only="{}",instance="{}"}}'
    series = {
        name.format("always", "false", "a"): "0+10x192",  # 1,680 in the last 168 hours
        name.format("always", "true", "a"): "5x192",  # none in this week
        name.format("once", "false", "a"): "_x100 3x92",
        name.format("restarted", "false", "a"): "0+10x100 0+10x91",
        name.format("machines", "false", "a"): "_x100 1x92",
        name.format("machines", "false", "b"): "_x100 1x92",
    }
    expected = {"always": 1680, "restarted": 1670, "once": 3, "machines": 2}
    tests = {
        "interval": "1h",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"round({query})",
                "eval_time": "192h",
                "exp_samples": [
                    {"labels": f'{{origin="{origin}",report_only="false"}}', "value": value}
                    for origin, value in expected.items()
                ],
            }
        ],
    }
    run_promtool(promtool, tmp_path, {"tests": [tests]})


def test_every_block_is_known() -> None:
    assert len(BLOCKS) == len(ANSWERS)
    assert {language for language, _ in FENCED.findall(README)} == {"python", "sh", "console"}


def test_a_users_test(folder: Path) -> None:
    plugin = ["-p", "corsbp.pytest_plugin", "-p", "no:corsbp", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, "test_shop.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_mistake_that_the_page_names_fails() -> None:
    with pytest.raises(ValueError, match=r"meant: https://mydomain\.com"):
        CorsPolicy(allow_origins=["mydomain.com"])
