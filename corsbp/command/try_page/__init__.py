"""`corsbp try`: an app, and beside it a page that calls its routes from other origins.

The app is served by Sanic's own server, the page by a second app of Sanic, on ports of their own and under
several names of this machine: a browser takes each for another origin. The page runs a fetch in a hidden
frame of the origin that was picked. What came and went is read from the app's signals, and explained by the
browser of `corsbp.testing`, which is given the answers that were seen: nothing is sent to the app a second
time. An origin of which this machine can have no page is simulated by that browser, and marked so.

The modules, from the entry inwards; imports run downwards only:

    start       the arguments, and both servers until Ctrl-C
    web         the app that serves the page and its frames
    page        what the page is about, and what it can ask
    reasons     why a call came out as it did, and what to change
    watching    what the app saw: requests as they came, answers as they went
"""

from .start import add_to, run

__all__ = ["add_to", "run"]
