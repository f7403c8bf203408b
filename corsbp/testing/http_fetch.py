"""Pure: the requests of a fetch to one URL: the preflight, and the request itself with its cookies.

https://fetch.spec.whatwg.org/#http-fetch
"""

from __future__ import annotations

from corsbp.spec.fetch import REQUEST_HEADERS, REQUEST_METHOD, SAFELISTED_METHODS

from .exchanges import Exchanges
from .fetch_state import FetchState
from .preflight_check import PreflightRequest, allowed_headers, allowed_methods, check_preflight, max_age
from .request_metadata import build_request_headers
from .result import Answer, Pairs, Sent
from .short_text import shorten


def ask_permission(fetch: FetchState, reasons: list[str]) -> Exchanges[None]:
    """Send a preflight, unless one is cached. https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
    key, state = fetch.cache_key, fetch.preflights
    unsafe = state.unsafe_names(fetch.headers)
    if _is_cached(fetch, unsafe):
        fetch.log(f"A preflight is needed ({', '.join(reasons)}); it is in the preflight cache")
        fetch.sent.append(Sent("OPTIONS", str(key.url), (), preflight=True, cached=True))
        state.has_permission = True
        return
    state.has_permission = False
    fetch.log(f"A preflight is needed: {', '.join(reasons)}")
    # a preflight has no credentials: neither cookies nor Authorization
    headers = build_request_headers(
        fetch.page.origin,
        fetch.urls,
        "cors",
        _preflight_headers(fetch.method, unsafe),
        key.origin,
        engine=fetch.engine,
    )
    answer = yield from fetch.send(Sent("OPTIONS", str(key.url), headers, preflight=True))
    request = PreflightRequest(key.origin, key.credentials, fetch.method, _default_method(fetch), unsafe)
    for step in check_preflight(answer, request, fetch.engine):
        fetch.steps.append(step)
    _add_to_cache(fetch, answer, request)
    state.has_permission = True


def _is_cached(fetch: FetchState, unsafe: list[str]) -> bool:
    """Check whether cached preflights allow the method and every header that needs permission."""
    cache, key = fetch.page.preflights, fetch.cache_key
    # a safelisted method needs no permission, unless it is the only thing that a preflight asks for
    needs_method = not unsafe or fetch.method not in SAFELISTED_METHODS or fetch.call.upload_listener
    if fetch.engine.caches_nothing or (needs_method and not cache.allows_method(key, fetch.method)):
        return False
    return all(cache.allows_header(key, name) for name in unsafe)


def _preflight_headers(method: str, unsafe: list[str]) -> Pairs:
    if not unsafe:
        return ((REQUEST_METHOD, method),)
    # without spaces, unlike the lists of most servers
    return ((REQUEST_METHOD, method), (REQUEST_HEADERS, ",".join(unsafe)))


def _default_method(fetch: FetchState) -> str | None:
    """Return the method of an upload, which the response need not allow by name.

    https://fetch.spec.whatwg.org/#concept-use-cors-preflight-flag
    """
    if fetch.call.upload_listener and not fetch.engine.upload_method_must_be_allowed:
        return fetch.method
    return None


def _add_to_cache(fetch: FetchState, answer: Answer, request: PreflightRequest) -> None:
    methods = allowed_methods(answer, request.default_method)
    if fetch.engine.upload_method_must_be_allowed:
        # such an engine looks for every method in its cache, and the safelisted ones are always allowed
        methods = [*methods, *SAFELISTED_METHODS]
    seconds = max_age(answer, fetch.engine)
    fetch.page.preflights.add(fetch.cache_key, methods, allowed_headers(answer), seconds)


def send_request(fetch: FetchState) -> Exchanges[Answer]:
    """Send the request itself, with cookies. https://fetch.spec.whatwg.org/#http-network-or-cache-fetch"""
    url, page = fetch.url, fetch.page
    page_headers = fetch.headers
    if fetch.engine.sends_headers_as_utf8:
        page_headers = tuple((name, value.encode().decode("latin-1")) for name, value in page_headers)
    headers = build_request_headers(
        page.origin,
        fetch.urls,
        fetch.call.mode,
        page_headers,
        _origin_header(fetch),
        destination=fetch.call.destination,
        engine=fetch.engine,
    )
    navigation = fetch.method if fetch.call.mode == "navigate" else None
    has_cookies = _sends_credentials(fetch)
    if has_cookies:
        cookies, steps = page.cookies.build_header(fetch.urls, page.origin, navigation)
        headers = (*headers, ("cookie", cookies)) if cookies else headers
        fetch.steps += steps
    # a page that writes "omit" does not expect cookies
    elif fetch.call.credentials != "omit":
        fetch.steps += page.cookies.explain_unused(url)
    answer = yield from fetch.send(Sent(fetch.method, str(url), headers, fetch.body or b""))
    # cookies are stored before the CORS check: also if the page cannot read the response
    if has_cookies:
        fetch.steps += page.cookies.store(url, answer.lines("set-cookie"), page.origin, navigation)
    fetch.log(f"{fetch.method} {shorten(url)} got status {answer.status}")
    return answer


def _origin_header(fetch: FetchState) -> str | None:
    """Return the value of Origin, or None. https://fetch.spec.whatwg.org/#append-a-request-origin-header"""
    is_element = fetch.call.mode == "cors" and fetch.call.destination in ("image", "script")
    has_origin = fetch.kind == "cors" or (is_element and fetch.engine.cors_elements_have_origin)
    if not has_origin and fetch.method in ("GET", "HEAD"):
        return None
    # outside of CORS, the default referrer policy hides an https page from an http server
    downgrade = fetch.page.origin.startswith("https:") and fetch.url.scheme == "http"
    return "null" if fetch.kind != "cors" and downgrade else fetch.origin


def _sends_credentials(fetch: FetchState) -> bool:
    """Check whether the request sends cookies, and its response sets them."""
    if fetch.call.credentials != "same-origin":
        return fetch.includes_credentials
    if fetch.kind == "opaque" and fetch.engine.no_cors_keeps_cookies:
        return fetch.page.has_origin_of(fetch.urls[0])
    return fetch.kind == "basic"
