"""A browser to test with: the page's side of CORS, for any Sanic app.

    from corsbp.testing import Browser

    async with Browser(app, origin="https://app.example") as browser:
        result = await browser.fetch("/items", credentials="include")
        assert result.ok_for_page, str(result)

The rooms, from the door inwards; imports run one way, and from `fetching` on nothing imports Sanic or httpx:

    attacks     attack(): look-alike origins against every route
    tables      assert_policy(): who may do what, as a table
    browser     Browser: a page, and the browser around it
    senders     to an app in memory, or to a server
    asgi        an app in memory, called
    fetching    a fetch as a generator of requests
    checks      what a browser looks at in an answer
    memory      what it remembers: preflights and cookies; in what engines differ
    result      what was sent, and what came of it
    safelists   which request headers need a permission
    urls        URLs and their origins

Needs the extra `corsbp[testing]`.
"""

from .attacks import Grant, attack
from .browser import Browser, SyncBrowser
from .result import STOPS, Answer, Result, Sent, Step
from .tables import assert_policy

__all__ = [
    "STOPS",
    "Answer",
    "Browser",
    "Grant",
    "Result",
    "Sent",
    "Step",
    "SyncBrowser",
    "assert_policy",
    "attack",
]
