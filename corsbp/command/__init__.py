"""The command `corsbp`: audit, explain, try, why.

The modules, from the entry inwards; imports run downwards only:

    cli               the arguments, and who gets them
    why               what an id means, and what to do
    audit             an app's whole CORS surface on one screen
    audit_observed    the same of an app that is asked: as a table, for machines, as a file
    try_page          the page of `corsbp try`, and the servers behind it
    explain           one fetch, step by step, as a browser has it
    websockets        who may open a WebSocket
    tried             what a report-only policy would have decided
    probe             what an app lets pages do, asked of it in memory
    advice            which argument of which section to change
    loading           `module:app` as typed: the app, or what was found instead
    findings          what is odd about a surface
    other_cors        what other packages for CORS are set to in an app
    header_writers    who writes the headers of CORS while an app is asked
    snapshot          a surface as a file, and what changed since
    console           what is printed, for people and for programs
    proxy_sender      a sender that sends through another one
    errors            what is said instead of a traceback
    console_messages  what browsers print in their consoles

Needs the extra `corsbp[cli]`, but for `why`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    from .cli import run  # noqa: PLC0415  # so that nothing is imported of a command that does not run

    return run(arguments)
