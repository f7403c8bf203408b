"""Findings and changes as annotations of GitHub Actions, at the line that declares the route.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import os
from typing import Final

from corsbp.command.finding import Level

_COMMANDS: Final[dict[Level, str]] = {"error": "error", "warning": "warning", "info": "notice"}


def format_annotation(level: Level, title: str, text: str, line: str | None) -> str:
    """Return a workflow command; `line` is `/srv/shop.py:12`, or None for what concerns no single line."""
    # Without a file, GitHub shows the annotation on the page of the run.
    properties = [f"title={_escape_property(title)}"]
    if line is not None:
        file, _, number = line.rpartition(":")
        properties = [f"file={_escape_property(os.path.relpath(file))}", f"line={number}", *properties]
    return f"::{_COMMANDS[level]} {','.join(properties)}::{_escape(text)}"


def _escape(text: str) -> str:
    # A line end would end the command, and the rest of the text would be a command of its own.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
