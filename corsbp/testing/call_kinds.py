"""Pure: the calls of a page besides `fetch()`: beacons, forms, images, module scripts and navigation.

The page cannot read the response of any of them. Each has its own task, and this module decides whether the
task is done: the beacon arrives, the image is shown, the script runs.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from .arguments import check_argument, check_choice
from .exchanges import Exchanges
from .fetch_algorithm import fetch_response
from .fetch_arguments import Credentials, Destination, FetchCall, Mode, Page
from .fetch_state import FetchState
from .media_types import is_image, is_script
from .redirects import REDIRECT_STATUSES
from .result import Answer, CallKind, Result, StoppedError
from .safelists import is_safelisted
from .short_text import shorten

CrossOrigin: TypeAlias = Literal["anonymous", "use-credentials"]

MAX_BEACON = 65536
"""Bytes that a beacon can have. https://fetch.spec.whatwg.org/#http-network-or-cache-fetch, "keepalive"."""

FORM_TYPE: Final = "application/x-www-form-urlencoded"
"""Default content type of a form."""


def run_call(page: Page, kind: CallKind, call: FetchCall) -> Exchanges[Result]:
    """Run one call of a page: yield each request, wait for its response, return whether the task is done."""
    fetch = FetchState(page, call)
    try:
        _check_size(kind, fetch)
        fetch.start()
        answer = yield from fetch_response(fetch)
        _check_task(kind, fetch, answer)
    except StoppedError as stopped:
        # the CORS check of the last response comes too late to stop a beacon
        if kind != "beacon" or not _has_arrived(fetch):
            fetch.steps.append(stopped.step)
            return Result("error", "", 0, {}, b"", tuple(fetch.sent), tuple(fetch.steps))
    # only a navigation shows its URL
    url = fetch.url.with_user_info if call.mode == "navigate" else ""
    return Result(kind, url, 0, {}, b"", tuple(fetch.sent), tuple(fetch.steps))


def build_call(
    kind: CallKind,
    url: str,
    body: str | bytes | None,
    content_type: str | None,
    crossorigin: CrossOrigin | None,
) -> FetchCall:
    """Return the request of a call, as the standard of its element or function defines it.

    Raises ValueError if the kind is unknown, or does not take an argument.
    """
    check_choice("kind", kind, CallKind)
    has_body, is_element = kind in ("beacon", "form"), kind in ("image", "script")
    check_argument(has_body or body is None, "body", body, f"not for {kind}")
    check_argument(has_body or content_type is None, "content_type", content_type, f"not for {kind}")
    check_argument(is_element or crossorigin is None, "crossorigin", crossorigin, f"not for {kind}")
    if crossorigin is not None:
        check_choice("crossorigin", crossorigin, CrossOrigin)
    match kind:
        case "beacon":
            return _build_beacon(url, body, content_type)
        case "form":
            headers = (("content-type", content_type or FORM_TYPE),)
            return FetchCall(url, "POST", headers, body or "", "include", "navigate", destination="document")
        case "navigate":
            return FetchCall(url, credentials="include", mode="navigate", destination="document")
        case "image" if crossorigin is None:
            return FetchCall(url, credentials="include", mode="no-cors", destination="image")
    # a module script always uses CORS: https://html.spec.whatwg.org/#fetch-a-module-script-tree
    credentials: Credentials = "include" if crossorigin == "use-credentials" else "same-origin"
    destination: Destination = "image" if kind == "image" else "script"
    return FetchCall(url, credentials=credentials, destination=destination)


def _build_beacon(url: str, body: str | bytes | None, content_type: str | None) -> FetchCall:
    """Return the request of `navigator.sendBeacon()`. https://w3c.github.io/beacon/#sendbeacon-method"""
    if content_type is None:
        return FetchCall(url, "POST", (), body, "include", "no-cors")
    headers = (("content-type", content_type),)
    # a form could send this content type too, without permission
    mode: Mode = "no-cors" if is_safelisted("content-type", content_type) else "cors"
    return FetchCall(url, "POST", headers, body, "include", mode)


def _check_size(kind: CallKind, fetch: FetchState) -> None:
    size = len(fetch.body or b"")
    if kind == "beacon" and size > MAX_BEACON and not fetch.engine.has_no_beacon_limit:
        text = f"The beacon has {size:,} bytes, more than {MAX_BEACON:,}: sendBeacon() returns false"
        raise StoppedError("beacon-too-large", text, "Send less, or use fetch().")


def _check_task(kind: CallKind, fetch: FetchState, answer: Answer) -> None:
    """Raise StoppedError if the response does not do what the page needs."""
    found = f"status {answer.status}, content-type {answer.get('content-type')!r}"
    # browsers show an image with any status
    if kind == "image" and not is_image(answer):
        raise StoppedError("image-invalid", f"The response ({found}) is not an image")
    # https://html.spec.whatwg.org/#fetch-a-single-module-script
    if kind == "script" and not 200 <= answer.status <= 299:
        raise StoppedError("script-status", f"The script got status {answer.status}: it needs 200 to 299")
    if kind == "script" and not is_script(answer):
        change = "Send content-type: text/javascript."
        raise StoppedError("script-type", f"The response ({found}) is not JavaScript", change)
    if kind == "beacon" and fetch.method != "POST":
        text = f"A redirect to {shorten(fetch.url)} has changed the beacon to a GET without its body"
        change = "Send the beacon to the URL of the redirect, or redirect with status 307 or 308."
        raise StoppedError("beacon-redirect", text, change)
    if kind == "navigate" and answer.status in (204, 205):
        fetch.log(f"Status {answer.status} has no page to show: the browser stays where it is")


def _has_arrived(fetch: FetchState) -> bool:
    """Check whether the last request was the beacon itself, and the server did not redirect it."""
    if not fetch.sent or fetch.sent[-1].method != "POST":
        return False
    status = fetch.sent[-1].status
    return status is not None and status not in REDIRECT_STATUSES
