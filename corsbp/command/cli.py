"""The arguments, and who gets them."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console

import corsbp

from .loading import CommandError

EXAMPLES = """\
examples:
  corsbp audit shop:app
  corsbp audit shop:app --snapshot cors.json      # for a review, or for CI to compare with
  corsbp audit shop:app --check cors.json
  corsbp audit shop:app --observed --origin https://app.example    # asked, whatever answers
  corsbp audit shop:app -- --port 80              # behind --, what the app itself reads of sys.argv
  corsbp explain shop:app /v1/items PUT --origin https://app.example --header 'x-token: 1'
  corsbp explain https://api.example/items --origin https://app.example --credentials
  corsbp try shop:app
"""


def run(arguments: Sequence[str] | None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="corsbp",
        description="What pages of other origins may do with an app: all of it, one fetch, or by hand.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"corsbp {corsbp.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    from . import attempt, audit, explain  # noqa: PLC0415  # each knows its own arguments

    for each in (audit, explain, attempt):
        each.add_to(commands)
    ours, theirs = _apart(sys.argv[1:] if arguments is None else list(arguments))
    chosen = parser.parse_args(ours)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not have every character
            stream.reconfigure(errors="backslashreplace")
    out, err = _console(), _console(stderr=True)
    argv, sys.argv = sys.argv, [getattr(chosen, "target", "corsbp"), *theirs]
    try:
        return int(chosen.run(chosen, out, err))
    except CommandError as error:
        err.print(f"corsbp: {error}", markup=False)
        return 2
    except BrokenPipeError:  # `corsbp audit … | head`
        with suppress(OSError):  # so that Python does not try once more as it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        sys.argv = argv


def _apart(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The command's arguments, and those of the app, which follow `--`."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


class Terminal(Console):
    """A console that leaves it to the command what happens when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _console(stderr: bool = False) -> Console:
    """A console whose lines are as long as need be where a program reads them."""
    console = Terminal(stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 10_000
    return console
