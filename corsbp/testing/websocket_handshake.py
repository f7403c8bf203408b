"""Pure: the handshake of a WebSocket: the browser sends the page's origin, and only the server checks it.

https://websockets.spec.whatwg.org/#concept-websocket-establish
"""

from __future__ import annotations

from dataclasses import replace

from corsbp.text import safe_repr

from .exchanges import Exchanges, exchange
from .fetch_arguments import Page, resolve_url
from .local_network import address_space, check_permission
from .request_metadata import build_request_headers
from .result import Answer, Pairs, Result, Sent, Step, StoppedError
from .short_text import shorten
from .urls import SOCKETS, Url

SWITCHING_PROTOCOLS = 101

# the key is a constant, because nothing checks the server's proof that it read it
_UPGRADE: Pairs = (
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "Y29yc2JwLnRlc3RpbmchIQ=="),
)
_SCHEMES = {socket: scheme for scheme, socket in SOCKETS.items()}


def run_handshake(page: Page, text: str) -> Exchanges[Result]:
    """Run `new WebSocket(text)`: yield the request, wait for its response, return what the page gets."""
    sent: list[Sent] = []
    steps: list[Step] = []
    try:
        answer = yield from _open_socket(page, text, sent, steps)
    except StoppedError as stopped:
        steps.append(stopped.step)
        return Result("error", "", 0, {}, b"", tuple(sent), tuple(steps))
    return Result("websocket", sent[-1].url, answer.status, {}, b"", tuple(sent), tuple(steps))


def _open_socket(page: Page, text: str, sent: list[Sent], steps: list[Step]) -> Exchanges[Answer]:
    url = _check_url(page, text)
    if permission := check_permission(page, url):
        steps.append(permission)
    steps.append(Step("A WebSocket needs no CORS: the server must check the origin of the handshake"))
    cookies, cookie_steps = page.cookies.build_header([url], page.origin)
    steps += cookie_steps
    headers = _handshake_headers(page, url)
    if cookies:
        headers = (*headers, ("cookie", cookies))
    socket_url = replace(url, scheme=SOCKETS[url.scheme])
    answer = yield from exchange(Sent("GET", str(socket_url), headers), sent)
    if answer.status == SWITCHING_PROTOCOLS or not page.engine.refused_handshakes_set_no_cookies:
        steps += page.cookies.store(url, answer.lines("set-cookie"), page.origin)
    if answer.status != SWITCHING_PROTOCOLS:
        # there can be an ordinary route, or none
        change = "Is there a WebSocket at this URL?"
        if answer.status == 403:
            change = (
                f"The server refuses pages of {page.origin}. With corsbp: add the origin to allow_origins of "
                "the route's section."
            )
        text = f"The handshake got status {answer.status}, not {SWITCHING_PROTOCOLS}"
        raise StoppedError("handshake-refused", text, change)
    steps.append(Step(f"The handshake got status {SWITCHING_PROTOCOLS}: the socket is open"))
    return answer


def _check_url(page: Page, text: str) -> Url:
    """Return the URL of a socket with the scheme http or https, which all other checks know."""
    url = resolve_url(page, text)
    url = replace(url, scheme=_SCHEMES.get(url.scheme, url.scheme))
    if not url.is_http:
        raise StoppedError("scheme-not-http", f"{safe_repr(url.scheme)} is not ws, wss, http or https")
    # with permission, the local network may be called over ws
    is_local = page.engine.asks_for_local_network and address_space(url.host) != "public"
    if page.origin.startswith("https:") and not (url.is_trustworthy or is_local):
        text = f"The page is on https, and {shorten(url.origin)} is not: browsers block mixed content"
        raise StoppedError("mixed-content", text, "Serve it over wss.")
    return url


def _handshake_headers(page: Page, url: Url) -> Pairs:
    # WebSockets have no referrer: https://websockets.spec.whatwg.org/#concept-websocket-establish
    dropped = {"referer"}
    if page.engine.handshakes_have_no_accept:
        dropped.add("accept")
    destination = "websocket" if page.engine.handshakes_have_destination_websocket else "empty"
    headers = build_request_headers(
        page.origin,
        [url],
        "websocket",
        _UPGRADE,
        page.origin,
        destination=destination,
        engine=page.engine,
    )
    return tuple(pair for pair in headers if pair[0] not in dropped)
