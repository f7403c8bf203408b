"""A browser to test with: the page's side of CORS, for any Sanic app.

    from corsbp.testing import Browser

    async with Browser(app, origin="https://app.example") as browser:
        result = await browser.fetch("/items", credentials="include")
        assert result.ok_for_page, str(result)

The modules, from the entry inwards; imports run downwards only, and from `fetch_algorithm` on nothing imports
Sanic or httpx:

    attacks              attack(): look-alike origins against every route
    policy_table         assert_policy(): who may do what, as a table
    sync                 SyncBrowser: the same, for tests without `async`
    browser              Browser: a page, and the browser around it
    transports           to an app in memory, or to a server
    asgi                 an app in memory, called
    fetch_algorithm      a fetch as a generator of requests
    websocket_handshake  that of a WebSocket
    fetch_arguments      who fetches, and what
    request_metadata     the headers that every browser sends
    cookies              which are kept, which are sent, and why not
    sites                which addresses are one site
    data_urls            addresses that are their own answer
    redirects            where an answer leads
    preflight_needed     whether a preflight is needed
    cors_check           what a browser looks at in an answer
    preflight_cache      the preflights that it remembers
    result               what was sent, and what came of it
    safelists            which request headers need a permission
    engines              in what browsers differ
    urls                 URLs and their origins

Needs the extra `corsbp[testing]`.
"""

try:
    from .attacks import Grant, attack
    from .browser import Browser
    from .policy_table import assert_policy
    from .result import STOPS, Answer, Result, Sent, Step
    from .sync import SyncBrowser
except ModuleNotFoundError as error:
    if f"{error.name}".partition(".")[0] not in ("anyio", "httpx"):
        raise
    raise ModuleNotFoundError(
        "corsbp.testing needs: pip install 'corsbp[testing]'", name=error.name
    ) from None

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
