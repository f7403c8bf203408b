"""The README says what is so: its transcripts are run, its tables are the code's."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping

import pytest

from corsbp.decision import REFUSALS
from corsbp.errors import PROBLEMS, WARNINGS

from .support import ROOT, Ask, exchange_now, served

README = (ROOT / "README.md").read_text()
TRANSCRIPTS = re.findall(r"^```console\n(.*?)^```$", README, re.M | re.S)
CODE = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)


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


def test_transcripts() -> None:
    curls, commands = [], []
    for transcript in TRANSCRIPTS:
        for command, output in steps(transcript):
            (curls if command.startswith("curl ") else commands).append((command, output))
    assert len(curls) >= 3
    assert len(commands) >= 1
    with served("examples.quickstart:app") as port:
        for command, output in curls:
            printed = curl(command, port)
            assert (command, printed.rstrip("\n")) == (command, output.rstrip("\n"))
    for command, output in commands:
        words = shlex.split(command)
        assert words[0] == "python"
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert (command, done.stdout) == (command, output)


@pytest.mark.parametrize("number", range(len(CODE)))
def test_code_is_python(number: int) -> None:
    ast.parse(CODE[number])


@pytest.mark.parametrize(
    ("name", "ids"), [("refusals", REFUSALS), ("problems", PROBLEMS), ("warnings", WARNINGS)]
)
def test_tables(name: str, ids: Mapping[str, str]) -> None:
    """On a mismatch, the table to paste is in the message."""
    table = "\n".join(["| id | |", "| --- | --- |", *(f"| `{key}` | {text} |" for key, text in ids.items())])
    (found,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- end -->", README, re.S)
    assert found.strip() == table
