"""The command `corsbp`: audit, explain, try, why.

The rooms, from the door inwards; imports run one way:

    cli         the arguments, and who gets them
    audit       an app's whole CORS surface on one screen
    observed    the same of an app that is asked: as a table, for machines, as a file
    attempt     the page of `corsbp try`, and the servers behind it
    explain     one fetch, step by step, as a browser has it
    sockets     who may open a WebSocket
    tried       what a policy on trial would have decided
    asking      what an app lets pages do, asked of it in memory
    handshake   a WebSocket handshake, as a browser sends it
    advice      which argument of which section to change
    loading     `module:app` as typed: the app, or what was found instead
    findings    what is odd about a surface
    neighbours  what other packages for CORS are set to in an app
    snapshot    a surface as a file, and what changed since
    screen      tables, for people and for programs
    through     a sender that sends through another one
    words       what browsers print in their consoles

Needs the extra `corsbp[cli]`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

NEEDED = ("httpx", "rich")
"""What the extra brings: for requests, and for the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"corsbp: {' and '.join(missing)} missing: pip install 'corsbp[cli]'", file=sys.stderr)
        return 2
    from .cli import run  # noqa: PLC0415  # which imports them

    return run(arguments)
