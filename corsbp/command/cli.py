"""The arguments of the command line, and the module that each command runs."""

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
    "audit": "list every route, the origins that may call it, and what is odd",
    "explain": "explain why a page can or cannot read a response",
    "try": "call the routes of an app from a page in your own browser",
    "why": "explain an id of an error, a warning or a log line, and what to do",
}
MODULES: Final = {"try": "try_page"}
"""The modules of commands whose names Python does not allow for a module."""

REQUIRED: Final = ("httpx", "rich")
"""Packages that the extra "cli" installs: for requests, and for the terminal. `why` needs none."""

EXAMPLES = """\
examples:
  corsbp audit shop:app
  corsbp audit shop:app --snapshot cors.json      # for a review, or for CI to compare with
  corsbp audit shop:app --check cors.json
  corsbp audit shop:app --observed --origin https://app.example    # what the responses say
  corsbp audit shop:app -- --port 80              # arguments after -- are passed to the app as sys.argv
  corsbp explain shop:app /v1/items PUT --origin https://app.example --header 'x-token: 1'
  corsbp explain https://api.example/items --origin https://app.example --credentials
  corsbp try shop:app
  corsbp why origin-trailing-slash
"""


def run(arguments: Sequence[str] | None) -> int:
    """Run a command; return its exit status."""
    own, of_app = _split_arguments(sys.argv[1:] if arguments is None else list(arguments))
    name = next((each for each in own if not each.startswith("-")), None)
    if missing := _missing_packages(name):
        print(f'corsbp: this needs the extra "cli" of corsbp: no {" and no ".join(missing)}', file=sys.stderr)
        return 2
    parsed = _parser(name).parse_args(own)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # A terminal may not have every character.
            stream.reconfigure(errors="backslashreplace")
    # Apps parse sys.argv as they are imported, and would stop at the arguments of this command.
    argv, sys.argv = sys.argv, [getattr(parsed, "target", "corsbp"), *of_app]
    try:
        return int(parsed.run(parsed, *_consoles_for(name)))
    except CommandError as error:
        print(f"corsbp: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `corsbp audit … | head`
        with suppress(OSError):  # Python flushes stdout once more as it ends, which would raise again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        sys.argv = argv


def _split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split the arguments at `--`: those of the command, and those of the app."""
    if "--" not in arguments:
        return arguments, []
    separator = arguments.index("--")
    return arguments[:separator], arguments[separator + 1 :]


def _missing_packages(command: str | None) -> list[str]:
    """Return the packages that this command needs and that are not installed."""
    if command not in COMMANDS or command == "why":
        return []
    return [package for package in REQUIRED if find_spec(package) is None]


def _parser(command: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows all commands, but only the arguments of this one.

    The module of another command is not imported: it may need packages that are not installed.
    """
    parser = argparse.ArgumentParser(
        prog="corsbp",
        description="Find out which pages of other origins can call an app.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version",
        action=_PrintVersion,
        nargs=0,
        help="show the version, and the age of the public suffix list",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary)
        if name == command:
            import_module(f".{MODULES.get(name, name)}", __package__).add_to(subparser)
    return parser


class _PrintVersion(argparse.Action):
    """The option `--version`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version of corsbp and the age of its data."""
        from .suffix_list import describe_suffix_list  # noqa: PLC0415  # other runs do not read the list

        print(f"corsbp {corsbp.__version__}\n{describe_suffix_list()}")
        parser.exit()


def _consoles_for(command: str | None) -> tuple[Any, ...]:
    """Open the consoles for stdout and stderr; `why` needs none."""
    if command == "why":
        return ()
    from .console import open_console  # noqa: PLC0415  # imports rich, which `why` must not need

    return open_console(), open_console(stderr=True)
