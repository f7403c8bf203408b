"""Requests that `check_requests` refuses: the reason, and what to change.

In an app, the log has the reason. Of a server, only the response is visible: its status, its headers and its
body. Each sentence claims no more than these show.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from multidict import CIMultiDict

from corsbp.app.forged_requests import MESSAGE
from corsbp.app.inventory import RouteInfo
from corsbp.decision import refusal_ids as ids
from corsbp.decision.checked_request import HeadersToRead
from corsbp.decision.request_check import find_credentials
from corsbp.log import cors_logger
from corsbp.spec.fetch import ALLOW_ORIGIN, CACHE_CONTROL, ORIGIN
from corsbp.testing import Answer, Result, Sent
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import Sender
from corsbp.text import safe_text

from .advice import PageRequest, suggest_argument
from .server_responses import origin_of
from .source_lines import format_line, locate_handler

IDS: Final = frozenset({ids.REQUEST_CROSS_ORIGIN.id, ids.REQUEST_METHOD.id, ids.REQUEST_WITH_CREDENTIALS.id})
"""The ids of the reasons to refuse a request."""

_METADATA: Final = "sec-fetch-"

READS: Final = frozenset({"GET", "HEAD"})
"""Methods of requests that can be sent a second time, since they change nothing."""


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that an app has refused."""

    id: str
    path: str
    line: str
    """The line of the log, with the reason."""


@contextmanager
def collect_refused_requests() -> Iterator[list[RefusedRequest]]:
    """Collect the requests that apps of this process refuse, from the log."""
    refused: list[RefusedRequest] = []

    def add(record: logging.LogRecord) -> None:
        facts: Any = getattr(record, "corsbp", {})
        if facts.get("id") in IDS and not facts["report_only"]:
            refused.append(RefusedRequest(facts["id"], facts["path"], record.getMessage()))

    collector = logging.Handler(logging.DEBUG)
    collector.emit = add  # type: ignore[method-assign]  # a handler of one function
    logger, level = cors_logger.logger, cors_logger.logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)  # of these lines
    try:
        yield refused
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)


def find_refused_request(
    refused: Sequence[RefusedRequest], result: Result
) -> tuple[RefusedRequest, Sent] | None:
    """Return the request of a call that was refused, and what the browser sent; None if none was.

    An app may send requests to itself. An error handler may have redirected from the refused request.
    """
    requests = {safe_text(urlsplit(sent.url).path): sent for sent in result.sent if not sent.preflight}
    return next(((each, requests[each.path]) for each in reversed(refused) if each.path in requests), None)


def carries_credentials(sent: Sent) -> bool:
    """Return whether a browser has added credentials to a request: cookies, a password; or it is a form."""
    request = HeadersToRead(CIMultiDict(sent.headers))
    return find_credentials(request) is not None


def suggest_changes(
    route: RouteInfo | None, refused: RefusedRequest, request: PageRequest, sent: Sent
) -> Iterator[str]:
    """Yield the arguments with which the server accepts a request, and where they are written."""
    policy = route.policy if route else None
    if route is None or policy is None:
        return
    request = replace(request, credentials=carries_credentials(sent))
    if not origin_of(sent):  # as for images and scripts
        yield "Write crossorigin in the tag, so that the browser sends the page's origin."
    for stop in ("origin-other", "preflight-method"):
        if change := suggest_argument(route, policy, stop, request):
            yield change
    if refused.id == ids.REQUEST_CROSS_ORIGIN.id and not route.websocket:
        where = f"{route.name}{format_line(locate_handler(route.handler))}"
        yield (
            f"ctx_cors=POLICY.replace(check_requests=False) on {where} instead, if pages of other sites have "
            "to send this request. POLICY is its policy now."
        )


# --- a server ---


@dataclass(frozen=True, slots=True)
class ServerRefusal:
    """What the response of a server shows of its refusal, and what to change."""

    note: str
    change: str
    is_certain: bool = False
    """Whether it is `check_requests` that refused the request."""


async def explain_server_refusal(result: Result, sender: Sender) -> ServerRefusal | None:
    """Explain a 403 that may be a refusal of `check_requests`: what is known, and what to change.

    A GET or HEAD is sent a second time, as by no browser. Nothing else is: it may change something.
    """
    sent = result.sent[-1] if result.sent else None
    response = sent.answer if sent else None
    if sent is None or response is None or sent.preflight:
        return None
    # An error handler of the app may have changed the status. A page about corsbp is no error.
    if response.status >= 400 and MESSAGE.encode() in response.body:
        note = "The body of the response is that of check_requests: corsbp refused the request."
        return ServerRefusal(note, _suggest_on_server(sent, response), is_certain=True)
    if response.status != 403:
        return None
    if sent.method in READS:
        # A rule that looks at the page lets this request pass; a login or a firewall refuses it as well.
        plain = await sender.send(_without_page(sent))
        if isinstance(plain, NoAnswer) or plain.status == 403:
            return None
        note = (
            f"The same request without Origin and Sec-Fetch-* got status {plain.status}: the server refuses "
            "it because of the page, as check_requests of corsbp does."
        )
    elif response.get(CACHE_CONTROL) == "no-store":
        note = (
            "The request was refused: by a login, a firewall or a list of addresses; or by check_requests of "
            "corsbp, whose refusals have cache-control: no-store, as this response has."
        )
    else:
        return None
    return ServerRefusal(note, f"If corsbp refused it: {_suggest_on_server(sent, response)}")


def _without_page(sent: Sent) -> Sent:
    """Return a request without the headers by which a server knows the page."""
    headers = tuple(
        (name, value)
        for name, value in sent.headers
        if name.lower() != ORIGIN and not name.lower().startswith(_METADATA)
    )
    return replace(sent, headers=headers, answer=None)


def _suggest_on_server(sent: Sent, response: Answer) -> str:
    """Suggest what to change on a server with corsbp, by the grant in its response."""
    origin = origin_of(sent)
    grant = response.get(ALLOW_ORIGIN)
    if grant == "*" or (origin and grant == origin):
        # The method may be left out of allow_methods as well: the response does not show it.
        if carries_credentials(sent):
            return (
                "send the request without cookies, passwords and forms, or write allow_credentials=True; and "
                f"look for {sent.method} in allow_methods."
            )
        return f"add {sent.method} to allow_methods ({ids.REQUEST_METHOD.id})."
    id_ = ids.REQUEST_CROSS_ORIGIN.id
    if origin == "null":
        return (
            f"no list can name null, which sandboxed frames, files and forms from https to http send ({id_})."
        )
    if not origin:
        return (
            f"the browser sends no Origin here ({id_}): write crossorigin in the tag, if the page is allowed."
        )
    return f"the policy does not allow {origin} ({id_}): add it to allow_origins, if it is yours."
