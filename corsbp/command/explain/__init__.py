"""`corsbp explain`: one call of a page, step by step, as a browser makes it; of an app, or of any server.

The modules, from the entry inwards; imports run downwards only:

    arguments    the arguments, and the address of the app
    output       what it prints
    call         the call, the route that it reaches, and what to change
    explanation  the call as it was typed, and what explains it
    websockets   which pages can open a WebSocket
    report_only  what report-only policies report
"""

from .arguments import add_to, run

__all__ = ["add_to", "run"]
