"""`python -m tests.docs.guide_recipe FILE [--many]`: the CORS recipe of Sanic's guide, and the page.

FILE is `guide/content/en/guide/how-to/cors.md` in a clone of Sanic. The page is examples/sanic_guide.md. The
commands of the page are sent to the recipe as it is, to the repaired recipe, and to the one with corsbp. The
exit status is 1 if a response differs.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import logging
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
import warnings
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from sanic import Sanic
from sanic import __version__ as sanic_version

from ..support import ROOT, HttpRequest, ReceivedResponse, restore_sanic, send

PAGE = (ROOT / "examples" / "sanic_guide.md").read_text()
MODULES = re.compile(r"^###? `(\w+\.py)`\n\n```python\n(.*?)^```$", re.M | re.S)
CHAPTERS = ("## What is wrong", "### Hidden behind the 500", "## The repair", "## The two lines with corsbp")
LOCAL = "localhost:9999"
REPAIR_OF_PREFLIGHTS = 3  # lines of the repair
LOOP = "Passing the loop argument to listeners is deprecated"
DEPRECATES_LOOP = tuple(map(int, sanic_version.split(".")[:2])) >= (25, 12)


class Step(NamedTuple):
    """A command of the page, and the lines that it prints."""

    command: str
    output: list[str]


class Chapter(NamedTuple):
    """The commands of a chapter, what they log, and whether no other error of the page is logged."""

    steps: list[Step]
    log: set[str]
    is_cured: bool


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language; a block in a list is indented."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.M | re.S)
    return [textwrap.dedent(block) for _, block in found]


def chapter(heading: str, page: str = PAGE) -> Chapter:
    """Return the commands and the log lines of a chapter, without those of its parts.

    The chapter with the text to paste has no parts: the headings in it are those of the text.
    """
    text = page.partition(f"\n{heading}\n")[2]
    text = re.split(r"^## " if "````" in text.partition("\n## ")[0] else r"^##+ ", text, flags=re.M)[0]
    parts = re.split(r"^\$ (.*)\n", "".join(blocks(text, "console")), flags=re.M)[1:]
    steps = [
        Step(command, [line for line in output.splitlines() if line])
        for command, output in zip(parts[::2], parts[1::2], strict=True)
    ]
    log = {line for block in blocks(text, "text") for line in block.splitlines()}
    return Chapter(steps, log, heading in CHAPTERS[2:])


def script() -> list[str]:
    """Return the lines of the repair."""
    (command,) = blocks(PAGE.partition("\n## The repair\n")[2].partition("\n## ")[0], "sh")
    program, option, lines, file = shlex.split(command)
    assert (program, option, file) == ("sed", "-i.bak", "cors.md")
    return lines.strip().splitlines()


def repair(recipe: str, lines: list[str]) -> str:
    """Return the recipe after these lines of the repair."""
    command = ["sed", "\n".join(lines)]
    return subprocess.run(command, input=recipe, capture_output=True, text=True, check=True).stdout


def responses(recipe: str, steps: list[Step], more: str = "") -> tuple[list[ReceivedResponse], set[str]]:
    """Serve a recipe with the routes of the page; return the responses, and the errors and warnings."""
    routes, *_ = blocks(PAGE, "python")
    modules = dict(MODULES.findall(recipe))
    modules["orders.py"] = routes + more
    errors, log = Errors(), logging.getLogger("sanic.error")
    restore_sanic()
    with tempfile.TemporaryDirectory() as folder:
        for name, code in modules.items():
            Path(folder, name).write_text(code)
        sys.path.insert(0, folder)
        handlers, registered = log.handlers, set(Sanic._app_registry)
        try:
            app = importlib.import_module("orders").app
            app.config.update({"AUTO_EXTEND": False, "USE_UVLOOP": False, "MOTD": False})
            log.handlers = [errors]
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                received = send(app, *(_request(each.command) for each in steps))
            warned = {f"{each.category.__name__}: {each.message}" for each in caught}
            return received, errors.lines | warned
        finally:
            log.handlers = handlers
            for name in set(Sanic._app_registry) - registered:
                Sanic.unregister_app(Sanic._app_registry[name])
            sys.path.remove(folder)
            for name in modules:
                sys.modules.pop(name.removesuffix(".py"), None)


class Errors(logging.Handler):
    """The exceptions that Sanic logs, as the last line of each traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception of a record."""
        if record.exc_info and record.exc_info[0]:
            kind, error, _ = record.exc_info
            self.lines.add(f"{kind.__name__}: {error}")


def _request(command: str) -> HttpRequest:
    program, show_headers, *words = shlex.split(command)
    assert (program, show_headers) == ("curl", "-i"), command
    *options, target = words
    given = list(zip(options[::2], options[1::2], strict=True))
    assert {option for option, _ in given} <= {"-X", "-H"}, command
    headers = [value.partition(": ")[::2] for option, value in given if option == "-H"]
    host, slash, path = target.partition("/")
    assert host == LOCAL, command
    return HttpRequest(dict(given).get("-X", "GET"), slash + path, tuple(headers))


def shown(response: ReceivedResponse) -> list[str]:
    """Return the status and the CORS headers of a response, as the page shows them."""
    lines = [f"{name}: {value}" for name, value in response.headers if _is_of_cors(name)]
    status = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"
    return [status, *map(in_order, lines)]


def _is_of_cors(name: str) -> bool:
    return name.lower() == "vary" or name.lower().startswith("access-control-")


def in_order(line: str) -> str:
    """Return a header with its methods sorted, and another line as it is."""
    name, _, value = line.partition(": ")
    methods = name.lower() == "access-control-allow-methods"
    return f"{name}: {','.join(sorted(value.split(',')))}" if methods else line


def differences(recipe: str, expected: Chapter) -> list[str]:
    """Return what differs from the page when the recipe is served."""
    received, errors = responses(recipe, expected.steps)
    found = [
        f"{step.command}: {shown(response)}, the page has {step.output}"
        for step, response in zip(expected.steps, received, strict=True)
        if shown(response) != [*map(in_order, step.output)]
    ]
    named = {line for block in blocks(PAGE, "text") for line in block.splitlines()}
    logged = {line for line in expected.log if LOOP not in line or DEPRECATES_LOOP}
    found += [f"not in the log: {line}" for line in sorted(logged - errors)]
    return found + [f"still in the log: {line}" for line in sorted(errors & named) if expected.is_cured]


def variants(recipe: str) -> dict[str, str]:
    """Return the recipe of each chapter."""
    (text,) = re.findall(r"^````markdown\n(.*?)^````$", PAGE, re.M | re.S)
    lines = script()
    changed = (recipe, repair(recipe, lines[:REPAIR_OF_PREFLIGHTS]), repair(recipe, lines), text)
    return dict(zip(CHAPTERS, changed, strict=True))


def fails_with_many_routes(recipe: str) -> bool:
    """Return whether an app with 1,000 more routes does not start."""
    more = 'for number in range(1000):\n    app.add_route(orders, f"/{number}", name=f"route{number}")\n'
    try:
        responses(recipe, [], more)
    except RecursionError:
        return True
    return False


def blob(text: str) -> str:
    """Return the id that git gives to a file with this text."""
    content = text.encode()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def main() -> int:
    """Compare each chapter of the page with what a recipe does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--many", action="store_true", help="start it with 1,000 routes, too: some minutes")
    options = parser.parse_args()
    Sanic.test_mode = True  # keeps what TOUCHUP removes from Sanic's classes for the next app
    text = options.file.read_text()
    if blob(text) not in PAGE:
        print("The recipe is not the one that the page is about.")
    found = []
    for heading, recipe in variants(text).items():
        expected = chapter(heading)
        found += (wrong := differences(recipe, expected))
        print(f"{heading.strip('# ')}: {len(expected.steps)} responses, {len(wrong)} differences")
        if options.many and heading != CHAPTERS[1]:
            fails = fails_with_many_routes(recipe)
            print(f"  with 1,000 routes it {'does not start' if fails else 'starts'}")
            found += [] if fails == (heading == CHAPTERS[0]) else ["1,000 routes"]
    print(*found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
