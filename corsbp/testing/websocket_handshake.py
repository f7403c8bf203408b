"""Pure: the handshake of a WebSocket: the browser sends its origin, and the server alone decides.

https://websockets.spec.whatwg.org/#concept-websocket-establish
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from corsbp.text import safe_repr

from .cors_check import StoppedError
from .fetch_arguments import Page, address
from .request_metadata import headers_of_browsers
from .result import Answer, NoAnswer, Pairs, Result, Sent, Step, cut
from .urls import SOCKETS

SWITCHING = 101

_UPGRADE: Pairs = (
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "Y29yc2JwLnRlc3RpbmchIQ=="),
)


def shaking_hands(page: Page, text: str) -> Generator[Sent, Answer | NoAnswer, Result]:
    """What comes of `new WebSocket(text)`: yields the request to send, takes its answer."""
    sent: list[Sent] = []
    steps: list[Step] = []
    try:
        answer = yield from _opening(page, text, sent, steps)
    except StoppedError as stopped:
        steps.append(stopped.step)
        return Result("error", "", 0, {}, b"", tuple(sent), tuple(steps))
    return Result("websocket", sent[-1].url, answer.status, {}, b"", tuple(sent), tuple(steps))


def _opening(
    page: Page, text: str, sent: list[Sent], steps: list[Step]
) -> Generator[Sent, Answer | NoAnswer, Answer]:
    schemes = {socket: scheme for scheme, socket in SOCKETS.items()}
    url = address(page, text)
    url = replace(url, scheme=schemes.get(url.scheme, url.scheme))  # which it has for all that follows
    if not url.is_http:
        raise StoppedError("scheme-not-http", f"{safe_repr(url.scheme)} is neither ws, wss, http nor https")
    if page.origin.startswith("https:") and not url.is_trustworthy:
        text = f"The page is https, and {cut(url.origin)} is not: browsers block such mixed content"
        raise StoppedError("mixed-content", text, "Serve it over wss.")
    steps.append(Step("A WebSocket needs no CORS: the server has to check the origin of its handshake"))
    unsaid = {"referer", "accept"} if page.engine.sockets_accept_nothing else {"referer"}
    told = headers_of_browsers(page.origin, [url], "websocket", _UPGRADE, page.origin, engine=page.engine)
    headers = tuple(pair for pair in told if pair[0] not in unsaid)
    cookies, stay = page.cookies.header(url, page.origin)
    headers = (*headers, ("cookie", cookies)) if cookies else headers
    steps.extend(stay)
    asked = Sent("GET", str(replace(url, scheme=SOCKETS[url.scheme])), headers)
    answer = yield asked
    if isinstance(answer, NoAnswer):
        sent.append(asked)
        text = f"{asked.method} {cut(asked.url)} got no answer: {safe_repr(answer.reason)}"
        raise StoppedError("no-answer", text, "This is not about CORS: is the server there?")
    sent.append(replace(asked, answer=answer))
    if answer.status == SWITCHING or not page.engine.sockets_need_success:
        steps.extend(page.cookies.store(url, answer.lines("set-cookie"), page.origin))
    if answer.status != SWITCHING:
        change = "Is there a WebSocket at this address?"
        if answer.status == 403:
            change = (
                f"The server refuses pages of {page.origin}. With corsbp: its origin in allow_origins of the "
                "route's section."
            )
        text = f"The handshake was answered with status {answer.status}, not {SWITCHING}"
        raise StoppedError("handshake-refused", text, change)
    steps.append(Step(f"The handshake was answered with status {SWITCHING}: the socket is open"))
    return answer
