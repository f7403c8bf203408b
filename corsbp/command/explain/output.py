"""Print the explanation of a call: requests, responses, the browser's checks, and what to change."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from corsbp.command.console_messages import console_messages
from corsbp.spec.fetch import ALLOW, ORIGIN, PREFIX, VARY
from corsbp.testing import Result, Sent, Step
from corsbp.testing.short_text import shorten

from . import websockets
from .explanation import Explanation

DONE: Final = {
    "websocket": "The page can open the WebSocket.",
    "beacon": "The beacon arrives.",
    "form": "The form is sent, and the browser shows the response.",
    "image": "The image is shown.",
    "script": "The script runs.",
    "navigate": "The browser shows the response.",
}
"""By the kind of a result: the outcome of a call whose response the page cannot read."""

RESPONSE_HEADERS: Final = frozenset({VARY, ALLOW, "location", "server", "via"})
"""Headers that are printed beside those of CORS. `server` and `via` name a server in front of the app."""


def print_explanation(explanation: Explanation, method: str, out: Console) -> None:
    """Print what was sent, each check, the outcome, and what to change."""
    result = explanation.result
    # First the requests and responses themselves, then what the browser makes of them.
    for sent in result.sent:
        _print_request(sent, out)
        _print_response(sent, out)
    for step in result.steps:
        _print_step(step, out)
    if explanation.refused:
        _print_refusal(explanation.refused, out)
    _print_outcome(result, method, out)
    if explanation.open_to_all:
        out.print(Text(websockets.OPEN_TO_ALL, style="bold"))
    for note in explanation.notes:
        out.print(Text(note))
    for change in explanation.changes:
        out.print(Text("Change: ", style="bold").append(change, style="not bold"))


def _print_request(sent: Sent, out: Console) -> None:
    """Print a request with the headers that CORS depends on."""
    kind = "preflight: " if sent.preflight else ""
    out.print(Text(f"> {kind}{sent.method} {shorten(sent.url)}", style="bold"))
    for name, value in sent.headers:
        # The rest of a browser's headers decides nothing.
        if name == ORIGIN or name.lower() in ("cookie", "authorization") or name.startswith(PREFIX):
            out.print(Text(f">   {name.lower()}: {shorten(value)}"))


def _print_response(sent: Sent, out: Console) -> None:
    """Print a response with the headers that CORS depends on."""
    response = sent.answer
    if response is None:
        out.print(Text("< remembered, not sent" if sent.cached else "< no response"))
        return
    out.print(Text(f"< {response.status}", style="bold"))
    for name, value in response.headers:
        if name.lower().startswith(PREFIX) or name.lower() in RESPONSE_HEADERS:
            out.print(Text(f"<   {name.lower()}: {shorten(value)}"))


def _print_step(step: Step, out: Console) -> None:
    if step.stop:
        out.print(Text("  x ", style="red").append(step.text, style="not dim"))
    # It stops nothing, but the response may not be what the page expects: a lost cookie, for example.
    elif step.change:
        out.print(Text("  ! ", style="yellow").append(step.text, style="not dim"))
    else:
        out.print(Text(f"  . {step.text}", style="dim"))


def _print_refusal(reason: str, out: Console) -> None:
    out.print(
        Text(f"Refused: {reason}.", style="bold red").append(" The handler did not run.", style="not bold")
    )


def _print_outcome(result: Result, method: str, out: Console) -> None:
    if not result.ok_for_page:
        out.print(Text(f"Blocked: {result.blocked_by}.", style="bold red"))
        for browser, message in console_messages(result, method):
            out.print(Text(f"  {browser}: ", style="dim").append(message))
    # The page gets no response of these calls: success is that they did their work.
    elif result.type in DONE:
        out.print(Text(DONE[result.type], style="bold green"))
    else:
        out.print(Text(f"The page reads status {result.status}.", style="bold green"))
        if names := ", ".join(result.headers):
            out.print(Text(f"It can read the headers {shorten(names)}."))
