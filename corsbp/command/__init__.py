"""The command `corsbp`: audit, explain, try, why.

The modules, from the entry inwards; imports run downwards only:

    cli               the arguments, and the module that each command runs
    why               an id or a browser's message: what it means, and what to do
    try_page          the page of `corsbp try`, and the servers behind it
    audit             every route of an app with its policy, and the findings
    audit_deployment  what a deployment allows, beside the app
    edge_comparison   differences between an app and its deployment
    edge_checks       faults that the responses of a deployment show: doubled headers, caches, redirects
    deployment        requests to a deployment, at a limited rate
    audit_declared    the declared policies of all routes, as a table and for JSON
    audit_observed    what the responses of an app allow, as a table, for JSON, and as a file
    audit_report      the report of an audit: as text, as JSON, as annotations
    annotations       annotations of GitHub Actions
    explain           one call of a page, step by step, as a browser makes it
    explain_output    what it prints
    explain_call      the call, the route that it reaches, and what to change
    websockets        which pages can open a WebSocket
    refused_requests  requests that `check_requests` refuses: the reason, and what to change
    report_only       what report-only policies report
    observed_app      requests to all routes of an app in memory
    targets           the methods, paths and URLs that get requests
    probe             requests to one method of a route
    observed_method   one method of a route, and the facts that its responses show
    advice            what to change: which argument of which section
    near_miss         an origin that is nearly one of the allowed origins
    route_match       the route that a URL leads to, and the routes near it
    server_responses  responses that may come from a server in front of the app
    loading           `module:app` as typed: the app, or a message that says what was found instead
    findings          what is odd about the routes of an app
    request_findings  what check_requests does not check
    suffix_list       the age of the public suffix list
    finding           one finding
    finding_ids       ids of what only an audit finds: message, meaning, remedy
    other_cors        the settings of other CORS packages in an app
    header_writers    the code that wrote the CORS headers of a response
    snapshot          an audit as a file, and what changed since
    console           tables and lines, for people and for programs
    source_lines      files and lines of the user's code
    proxy_sender      a sender that passes requests on to another sender
    errors            errors that are printed without a traceback
    console_messages  what browsers print in their consoles

Needs the extra "cli", except for `why`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    from .cli import run  # noqa: PLC0415  # `import corsbp.command` imports no command

    return run(arguments)
