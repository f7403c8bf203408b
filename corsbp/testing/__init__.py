"""A simulated browser for tests: the page's side of CORS, for any Sanic app.

    from corsbp.testing import Browser

    async with Browser(app, origin="https://app.example") as browser:
        result = await browser.fetch("/items", credentials="include")
        assert result.ok_for_page, str(result)

The modules, from the entry inwards. Imports run downwards only; from `fetch_algorithm` on, nothing imports
Sanic or httpx:

    attacks              attack(): foreign origins, tried on every route
    policy_table         assert_policy(): a table of calls and expected results
    sync                 SyncBrowser: the browser for tests without `async`
    browser              Browser: a page with cookies and a preflight cache
    page_settings        the page of a browser, from its arguments
    transports           sends requests to an app in memory, or to a server
    asgi                 calls an ASGI app in memory
    call_kinds           beacons, forms, images, module scripts and navigation
    fetch_algorithm      a fetch as a generator of requests
    websocket_handshake  a WebSocket handshake as a generator of one request
    http_fetch           the preflight and the request for one URL
    fetch_state          what redirects change, and what was sent so far
    local_network        address spaces, and the permission to call a private one
    fetch_arguments      the page and the arguments of a fetch
    exchanges            one request and its response
    request_metadata     the headers that every browser sets
    cookies              the cookies that a browser keeps and sends
    set_cookie           one Set-Cookie line
    forms                the body of a form, from its fields
    arguments            the arguments of a browser's methods, checked
    sites                which URLs are of one site, and may embed each other
    data_urls            responses in `data:` URLs
    preflight_needed     whether a request needs a preflight
    preflight_cache      the preflights that the browser has cached
    preflight_check      whether a preflight response allows the request
    redirects            the URL of a redirect
    cors_check           whether a response allows the page to read it
    response_headers     the headers that a page can read
    media_types          images and JavaScript, by their type or first bytes
    safelists            request headers that need no permission
    engines              the standard and three browser engines
    quirks               how engines deviate from the standard
    urls                 URLs and their origins
    result               requests, responses, steps, and what the page gets
    short_text           URLs and lists as short text
    stops                ids of what can stop a page

Needs the extra "testing".
"""

try:
    from .attacks import Grant, attack
    from .browser import Browser
    from .policy_table import assert_policy
    from .result import Answer, Result, Sent, Step
    from .stops import STOPS
    from .sync import SyncBrowser
except ModuleNotFoundError as _error:
    if f"{_error.name}".partition(".")[0] not in ("anyio", "httpx"):
        raise
    _message = f'corsbp.testing needs the extra "testing" of corsbp: no {_error.name}'
    raise ModuleNotFoundError(_message, name=_error.name) from None

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
