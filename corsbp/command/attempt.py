"""The page of `corsbp try`, and the servers behind it."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console


def add_to(commands: Any) -> None:
    """Declare `corsbp try`."""
    parser = commands.add_parser("try", help="call an app's routes from a page in your own browser")
    parser.add_argument("target", metavar="MODULE:APP")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Serve the app and the page until Ctrl-C."""
    raise NotImplementedError
