"""The command `corsbp`: audit, explain, try, why.

The modules, from the entry inwards; imports run downwards only:

    cli               the arguments, and the module that each command runs
    why               an id or a browser's message: what it means, and what to do
    try_page          the page of `corsbp try`, and the servers behind it
    explain           one call of a page, step by step
    audit             every route of an app with its policy, and the findings
    refused_requests  requests that `check_requests` refuses: the reason, and what to change
    advice            what to change: which argument of which section
    near_miss         an origin that is nearly one of the allowed origins
    route_match       the route that a URL leads to, and the routes near it
    server_responses  responses that may come from a server in front of the app
    loading           `module:app` as typed: the app, or a message that says what was found instead
    suffix_list       the age of the public suffix list
    finding           one finding
    finding_ids       ids of what only an audit finds: message, meaning, remedy
    console           tables and lines, for people and for programs
    source_lines      files and lines of the user's code
    proxy_sender      a sender that passes requests on to another sender
    errors            errors that are printed without a traceback
    console_messages  what browsers print in their consoles
    app_address       the address at which `explain` assumes the app

Needs the extra "cli", except for `why`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    from .cli import run  # noqa: PLC0415  # `import corsbp.command` imports no command

    return run(arguments)
