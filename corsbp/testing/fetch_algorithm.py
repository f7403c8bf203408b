"""Pure: `fetch()` of a page as a generator, which yields the requests to send and is sent their responses.

https://fetch.spec.whatwg.org. Left out, since they do not depend on the server's headers: Content Security
Policy, bad ports, HSTS, service workers, the HTTP cache.
"""

from __future__ import annotations

from dataclasses import replace

from corsbp.spec.fetch import RESOURCE_POLICY
from corsbp.text import safe_repr

from .cors_check import check_cors
from .data_urls import read_data_url
from .exchanges import Exchanges
from .fetch_arguments import FetchCall, Page
from .fetch_state import FetchState
from .http_fetch import ask_permission, send_request
from .local_network import address_space, check_permission
from .redirects import REDIRECT_STATUSES, redirect_target
from .response_headers import explain_hidden_headers, readable_headers, show_header
from .result import Answer, Kind, Pairs, Result, Step, StoppedError
from .safelists import BODY_HEADERS, NON_WILDCARD
from .short_text import shorten
from .sites import allows_embedding, is_ip
from .urls import Url

NULL_BODY_STATUSES = frozenset({204, 205, 304})
"""https://fetch.spec.whatwg.org/#null-body-status"""


def run_fetch(page: Page, call: FetchCall) -> Exchanges[Result]:
    """Run one fetch of a page: yield each request, wait for its response, return what the page gets."""
    fetch = FetchState(page, call)
    try:
        fetch.start()
        answer = yield from fetch_response(fetch)
    except StoppedError as stopped:
        fetch.steps.append(stopped.step)
        return _build_result(fetch, "error")
    return _build_result(fetch, fetch.kind, answer)


def fetch_response(fetch: FetchState) -> Exchanges[Answer]:
    """Fetch the last response. If the fetch fails, a preflight may have to leave the cache."""
    try:
        return (yield from _follow_redirects(fetch))
    except StoppedError as stopped:
        # a network error clears the cache: https://fetch.spec.whatwg.org/#concept-cache-clear
        if fetch.preflights.was_needed and not fetch.preflights.stays_cached_after(stopped):
            fetch.page.preflights.clear(fetch.cache_key)
        raise


def _follow_redirects(fetch: FetchState) -> Exchanges[Answer]:
    """Fetch one URL after the other. https://fetch.spec.whatwg.org/#http-fetch"""
    while True:
        answer = yield from _fetch_url(fetch)
        if answer.status not in REDIRECT_STATUSES:
            return answer
        if fetch.call.redirect == "error":
            if fetch.engine.redirect_error_needs_location and not answer.get("location"):
                return answer
            text = f'Status {answer.status} is a redirect, but the page set redirect: "error"'
            raise StoppedError("redirect-refused", text)
        # the page learns only that there is a redirect: https://fetch.spec.whatwg.org/#atomic-http-redirect-handling
        if fetch.call.redirect == "manual":
            fetch.kind = "opaqueredirect"
            return answer
        target = redirect_target(answer, fetch.urls, fetch.engine)
        if target is None:
            return answer
        _redirect(fetch, answer.status, target)


def _fetch_url(fetch: FetchState) -> Exchanges[Answer]:
    """Fetch one URL, without following a redirect. https://fetch.spec.whatwg.org/#main-fetch"""
    _upgrade_image(fetch)
    url, mode = fetch.url, fetch.call.mode
    if mode == "navigate":
        return (yield from _navigate(fetch))
    if url.scheme == "data" and (answer := read_data_url(url.target, fetch.engine)):
        fetch.log("A data: URL contains its own response: no request is sent")
        return answer
    _check_scheme(fetch)
    if permission := check_permission(fetch.page, url):
        fetch.steps.append(permission)
    # once a redirect has left the page's origin, CORS applies there too
    if fetch.page.has_origin_of(url) and fetch.kind == "basic":
        fetch.log(f"{shorten(url.origin)} is the page's own origin: no CORS")
        return (yield from send_request(fetch))
    if mode == "same-origin":
        text = f'{shorten(url.origin)} is not the page\'s origin, but the page set mode: "same-origin"'
        raise StoppedError("same-origin-only", text)
    if mode == "no-cors":
        return (yield from _fetch_without_cors(fetch))
    fetch.kind = "cors"
    fetch.log(f"{shorten(url.origin)} is not the page's origin, {fetch.page.origin}: CORS")
    if reasons := fetch.preflights.list_reasons(fetch.method, fetch.headers):
        yield from ask_permission(fetch, reasons)
    answer = yield from send_request(fetch)
    # redirects are checked too, before they are followed
    for step in check_cors(answer, fetch.origin, fetch.includes_credentials):
        fetch.steps.append(step)
    return answer


def _navigate(fetch: FetchState) -> Exchanges[Answer]:
    """Fetch a page that the browser shows instead of this one. https://fetch.spec.whatwg.org/#navigate-fetch"""
    if not fetch.url.is_http:
        text = f"{safe_repr(fetch.url.scheme)} is neither http nor https"
        raise StoppedError("scheme-not-http", text)
    fetch.log(f"The browser leaves the page for {shorten(fetch.url.origin)}: navigation needs no CORS")
    return (yield from send_request(fetch))


def _upgrade_image(fetch: FetchState) -> None:
    """Change an http image on an https page to https. https://w3c.github.io/webappsec-mixed-content/#upgrade-algorithm"""
    url = fetch.url
    is_image = url.is_http and fetch.call.destination == "image"
    if is_image and _is_mixed_content(fetch) and not is_ip(url.host):
        fetch.urls[-1] = replace(url, scheme="https")
        fetch.log("The page is on https: browsers request its images over https")


def _check_scheme(fetch: FetchState) -> None:
    url = fetch.url
    if not url.is_http:
        raise StoppedError("scheme-not-http", f"{safe_repr(url.scheme)} is neither http nor https")
    if _is_mixed_content(fetch):
        text = f"The page is on https, and {shorten(url.origin)} is http: browsers block mixed content"
        raise StoppedError("mixed-content", text, "Serve it over https.")


def _is_mixed_content(fetch: FetchState) -> bool:
    """Check for an http request of an https page. https://w3c.github.io/webappsec-mixed-content/#should-block-fetch"""
    url = fetch.url
    # with permission, the local network may be called over http
    is_local = fetch.engine.asks_for_local_network and address_space(url.host) != "public"
    return fetch.page.origin.startswith("https:") and not (url.is_trustworthy or is_local)


def _fetch_without_cors(fetch: FetchState) -> Exchanges[Answer]:
    """Fetch a response that a page can embed, but not read."""
    if fetch.call.redirect != "follow":
        text = f'Mode "no-cors" does not allow redirect: "{fetch.call.redirect}"'
        raise StoppedError("no-cors-redirect", text)
    # the kind stays opaque, even if a redirect comes back to the page's origin
    fetch.kind = "opaque"
    answer = yield from send_request(fetch)
    _check_resource_policy(fetch, answer)
    return answer


def _check_resource_policy(fetch: FetchState, answer: Answer) -> None:
    """Check the resource policy of the response, or the default of the page's embedder policy.

    https://fetch.spec.whatwg.org/#cross-origin-resource-policy-internal-check
    """
    policy = answer.get(RESOURCE_POLICY)
    change = f"Send {RESOURCE_POLICY}: cross-origin."
    if not allows_embedding(fetch.page.origin, fetch.url, policy, fetch.engine):
        shown = f"{RESOURCE_POLICY}: {safe_repr(policy)}"
        text = f"{shown} does not allow a page of {fetch.page.origin} to embed the response"
        raise StoppedError("resource-policy", text, change)
    is_declared = policy in ("same-origin", "same-site", "cross-origin")
    if fetch.page.embedder_policy == "require-corp" and not is_declared:
        shown = show_header(answer, RESOURCE_POLICY)
        text = f"The page has Cross-Origin-Embedder-Policy: require-corp, and {RESOURCE_POLICY} is {shown}"
        raise StoppedError("embedder-policy", text, f"{change} Or use CORS: crossorigin in the element.")


def _redirect(fetch: FetchState, status: int, target: Url) -> None:
    """Change the request for the URL of a redirect. https://fetch.spec.whatwg.org/#http-redirect-fetch"""
    source = fetch.url
    leaves_page = fetch.call.mode == "cors" and not fetch.page.has_origin_of(target)
    refuses_user_info = leaves_page or fetch.kind == "cors" or fetch.engine.refuses_user_info_in_redirects
    if target.user_info and refuses_user_info:
        text = "The redirect goes to a URL with a user name or password"
        raise StoppedError("redirect-user-info", text)
    _change_method(fetch, status)
    if source.origin != target.origin:
        # Authorization is for the server that it was written for
        fetch.headers = _without(fetch.headers, NON_WILDCARD)
        if _is_tainted_at_once(fetch) or not fetch.page.has_origin_of(source):
            fetch.is_tainted = True
    fetch.urls.append(target)
    now_null = ", and the origin is null from here on" if fetch.is_tainted else ""
    fetch.log(f"Status {status} redirects to {shorten(target)}{now_null}")


def _is_tainted_at_once(fetch: FetchState) -> bool:
    """Check for engines that do not wait for a second change of origin."""
    match fetch.call.mode:
        case "no-cors":
            return fetch.engine.no_cors_origin_is_null_at_once
        case "navigate":
            return fetch.engine.navigation_origin_is_null_at_once
    return False


def _change_method(fetch: FetchState, status: int) -> None:
    """Change the method to GET and drop the body, where a redirect does."""
    # browsers always did so after 301 and 302: https://www.rfc-editor.org/rfc/rfc9110#status.301
    is_post = status in (301, 302) and fetch.method == "POST"
    if is_post or (status == 303 and fetch.method not in ("GET", "HEAD")):
        fetch.method, fetch.body = "GET", None
        fetch.headers = _without(fetch.headers, BODY_HEADERS)


def _without(headers: Pairs, names: frozenset[str]) -> Pairs:
    return tuple(pair for pair in headers if pair[0].lower() not in names)


def _build_result(fetch: FetchState, kind: Kind, answer: Answer | None = None) -> Result:
    """Return the part of the response that the page can read."""
    if answer is not None and kind in ("basic", "cors"):
        return _readable_result(fetch, kind, answer)
    url, body = "", b""
    if kind == "opaque":
        text = 'The page set mode: "no-cors", and gets a response that it cannot read'
        fetch.steps.append(Step(text, "opaque", 'Leave out mode: "no-cors".'))
    elif kind == "opaqueredirect" and answer is not None:
        url = fetch.url.with_user_info
        if fetch.engine.reads_redirect_without_location and not answer.get("location"):
            body = answer.body
        text = 'The page set redirect: "manual", and gets a response that it cannot read'
        fetch.steps.append(Step(text, "opaque-redirect"))
    return Result(kind, url, 0, {}, body, tuple(fetch.sent), tuple(fetch.steps))


def _readable_result(fetch: FetchState, kind: Kind, answer: Answer) -> Result:
    headers = readable_headers(answer, fetch.includes_credentials if kind == "cors" else None)
    if not answer.complete:
        fetch.log("The body has not ended: the page reads it as it arrives")
    if kind == "cors":
        fetch.steps += explain_hidden_headers(answer, headers)
    # a page may read any status, also an error
    return Result(
        kind,
        fetch.url.with_user_info,
        answer.status,
        headers,
        b"" if answer.status in NULL_BODY_STATUSES else answer.body,
        tuple(fetch.sent),
        tuple(fetch.steps),
    )
