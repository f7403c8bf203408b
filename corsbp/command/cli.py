"""The arguments, and who gets them."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import corsbp

from .errors import CommandError

COMMANDS: Final = {
    "audit": "every route, who may call it, and what is odd",
    "explain": "why a page can, or cannot, read an answer",
    "try": "call an app's routes from a page in your own browser",
    "why": "what an id in an error or a log line means, and what to do",
}
ROOMS: Final = {"try": "try_page"}
"""Of the commands that have not the name of their room."""
NEEDED: Final = ("httpx", "rich")
"""What the extra brings: for requests, and for the terminal. Only `why` does without."""

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
  corsbp why origin-trailing-slash
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
    ours, theirs = _apart(sys.argv[1:] if arguments is None else list(arguments))
    named = next((each for each in ours if not each.startswith("-")), None)
    missing = [name for name in NEEDED if named in COMMANDS and named != "why" and find_spec(name) is None]
    if missing:
        print(f"corsbp: {' and '.join(missing)} missing: pip install 'corsbp[cli]'", file=sys.stderr)
        return 2
    for name, what in COMMANDS.items():
        one = commands.add_parser(name, help=what)
        if name == named:  # the others are not even imported
            import_module(f".{ROOMS.get(name, name)}", __package__).add_to(one)
    chosen = parser.parse_args(ours)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not have every character
            stream.reconfigure(errors="backslashreplace")
    argv, sys.argv = sys.argv, [getattr(chosen, "target", "corsbp"), *theirs]
    try:
        return int(chosen.run(chosen, *([] if named == "why" else _consoles())))
    except CommandError as error:
        print(f"corsbp: {error}", file=sys.stderr)
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


def _consoles() -> tuple[Any, Any]:
    """For what the command says, and what it says beside."""
    from .console import console  # noqa: PLC0415  # which imports what the extra brings

    return console(), console(stderr=True)
