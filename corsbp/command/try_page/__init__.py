"""`corsbp try`: an app, and beside it a page that calls its routes from other origins.

Sanic's own server serves the app, and a second Sanic app serves the page, on ports of their own and under
several names of this machine: for a browser, each is another origin. The page runs `fetch` in a hidden frame
of the chosen origin. Signals of the app show the requests and responses. The browser of `corsbp.testing`
explains the call: it replays these responses, so that the app gets no request twice. That browser also
simulates pages of origins that this machine cannot have, and the page marks such calls.

The modules, from the entry inwards; imports run downwards only:

    start       the arguments, and both servers until Ctrl-C
    web         the app that serves the page and its frames
    page        the page: its origins, its routes, its HTML
    reasons     why a call was allowed or blocked, and what to change
    watching    the requests and responses of the app
"""

from .start import add_to, run

__all__ = ["add_to", "run"]
