"""Make one call as a page would, and find out why the page can or cannot read the response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from sanic import Sanic

from corsbp.command.advice import if_needed, suggest_change, suggest_exposing, suggest_login, suggest_method
from corsbp.command.near_miss import find_near_miss
from corsbp.command.proxy_sender import SingleHostSender
from corsbp.command.refused_requests import (
    RefusedRequest,
    collect_refused_requests,
    explain_server_refusal,
    find_refused_request,
    suggest_changes,
)
from corsbp.command.route_match import (
    RouteMatch,
    describe_missing_route,
    describe_route,
    match_url,
)
from corsbp.command.server_responses import REDIRECTS, explain_redirect, explain_response, vary_names
from corsbp.spec.fetch import ALLOW_ORIGIN, EXPOSE_HEADERS, ORIGIN
from corsbp.testing import Browser, Result, Sent
from corsbp.testing.response_headers import header_names, hidden_headers
from corsbp.testing.short_text import format_list, shorten
from corsbp.testing.transports import SHORT_READING, AppSender, Sender, ServerSender

from . import websockets
from .explanation import Call, Explanation
from .report_only import wait_for_reports

WITH_LOGIN: Final = "Here: --credentials --cookie 'session=…; SameSite=None; Secure', as the API sets it."
"""The options of a call with a login."""


async def explain_call(call: Call, app: Sanic[Any, Any] | None) -> Explanation:
    """Make the call, or the handshake of a WebSocket. Without an app, `call.url` is the URL of a server."""
    if app is not None:
        # An app in memory has no network: it is not the host that a redirect names.
        sender = SingleHostSender(AppSender(app, SHORT_READING), call.base_url)
        base_url = call.base_url
    else:
        sender = SingleHostSender(ServerSender())
        # The browser's base URL has the scheme of a page, not of a WebSocket.
        is_websocket = websockets.is_websocket_url(call.url)
        base_url = call.url.replace("ws", "http", 1) if is_websocket else call.url
    async with sender, wait_for_reports():
        # Listeners may have added routes, so the app is started already.
        match = match_url(app, call.url, call.method) if app else RouteMatch(None)
        browser = Browser.using(
            sender,
            call.origin,
            base_url=base_url,
            engine=call.engine,
            embedder_policy=call.embedder_policy,
            local_network=call.local_network,
        )
        for cookie in call.cookies:
            browser.set_cookie(cookie, call.url)
        if websockets.is_websocket_url(call.url) or (match.route and match.route.websocket):
            explanation = await _explain_handshake(call, match, browser, sender, base_url)
        else:
            # Within `async with`: when the app stops, Sanic's router forgets its routes.
            explanation = await _explain_fetch(call, app, browser, sender)
    return replace(explanation, route=match.route)


async def _explain_fetch(
    call: Call, app: Sanic[Any, Any] | None, browser: Browser, sender: SingleHostSender
) -> Explanation:
    with collect_refused_requests() as refused:
        result = await _fetch(call, browser)
    if sender.left_to:
        return _explain_leaving(sender.left_to, result)
    if app is None:
        explanation = await _explain_on_server(call, result, sender)
    elif found := find_refused_request(refused, result):
        explanation = _explain_refused(call, match_url(app, found[1].url, found[1].method), result, *found)
    else:
        explanation = _explain_in_app(call, app, result)
    # A cookie that is not sent stops nothing, but the response may depend on it.
    cookies = [step.change for step in result.steps if step.change and not step.stop]
    return replace(explanation, changes=tuple(dict.fromkeys([*cookies, *explanation.changes])))


async def _fetch(call: Call, browser: Browser) -> Result:
    if call.kind:
        return await browser.fetch_as(
            call.kind,
            call.url,
            body=call.body,
            content_type=next((value for _, value in call.headers), None),
            crossorigin="use-credentials" if call.credentials else None,
        )
    return await browser.fetch(
        call.url,
        call.method,
        headers=call.headers,
        body=call.body,
        credentials="include" if call.credentials else "same-origin",
    )


def _describe_lost_cookie(match: RouteMatch, call: Call, result: Result) -> Iterator[str]:
    """Yield the route of a response whose cookie is lost, though the page reads the response."""
    response = result.sent[-1].answer
    if match.route and response and response.get("set-cookie") and any(step.change for step in result.steps):
        yield describe_route(match, call.method)


def _hidden_headers(result: Result) -> list[str]:
    """Return the headers that the page may miss in the response that it reads."""
    response = result.sent[-1].answer
    return hidden_headers(response, result.headers) if response and result.type == "cors" else []


async def _explain_handshake(
    call: Call, match: RouteMatch, browser: Browser, sender: Sender, base_url: str
) -> Explanation:
    with collect_refused_requests() as refused:
        result = await browser.websocket(call.url)
    open_to_all = False
    if result.ok_for_page:
        open_to_all = await websockets.is_open_to_all(sender, call.url, base_url, call.cookies)
    if match.route is None:
        changes = [websockets.PASS_HOST] if _is_own_page(call, result) else _last_change(result)
        return Explanation(result, (), tuple(changes), open_to_all)
    if found := find_refused_request(refused, result):
        return _explain_refused(call, match, result, *found)
    change = websockets.suggest_change(match.route, result, call.origin, open_to_all)
    return Explanation(result, (describe_route(match, "GET"),), (change,) if change else (), open_to_all)


def _is_own_page(call: Call, result: Result) -> bool:
    """Return whether a handshake was refused though page and WebSocket have one address, in the browser."""
    # corsbp compares Origin with Host; a proxy that sends its own Host makes them differ.
    own = urlsplit(call.origin).netloc == urlsplit(call.url).netloc
    return own and result.blocked_by == "handshake-refused" and result.sent[-1].status == 403


def _last_change(result: Result) -> Iterator[str]:
    """Yield the change that the browser of `corsbp.testing` suggests for the check that stopped the call."""
    step = result.steps[-1]
    if step.change and step.stop:
        yield step.change


# --- an app in memory ---


def _explain_in_app(call: Call, app: Sanic[Any, Any], result: Result) -> Explanation:
    # After redirects, the last response is that of another route.
    last = result.sent[-1] if result.sent else None
    match = match_url(app, last.url if last else call.url, call.method)
    if result.ok_for_page:
        return _explain_status(call, match, result)
    if result.blocked_by == "no-answer":
        return Explanation(result, (), tuple(_last_change(result)))
    note = describe_route(match, call.method)
    change = suggest_change(match, f"{result.blocked_by}", call.as_page_request())
    # A section responds to preflights itself: wrapping helps, whatever the app's middleware redirects.
    if last and not last.preflight and (redirect := explain_redirect(result)):
        return _explain_redirect_in_app(result, last, redirect, note, change)
    changes = [change] if change else []
    if not change and (match.route or last is None or last.status != 404):
        changes = list(_last_change(result))
    return Explanation(result, (note,), tuple(changes))


def _explain_redirect_in_app(
    result: Result, last: Sent, redirect: tuple[str | None, str], note: str, wrap: str | None
) -> Explanation:
    """Explain a redirect without CORS headers, or one to a login, which is not to be wrapped."""
    meaning, change = redirect
    if wrap and last.status in REDIRECTS:
        change = f"{change} Or, if the page is to follow the redirect: {wrap}"
    return Explanation(result, tuple(filter(None, (note, meaning))), (change,))


def _explain_refused(
    call: Call, match: RouteMatch, result: Result, refused: RefusedRequest, sent: Sent
) -> Explanation:
    """Explain a request that `check_requests` refuses, whatever the page can read of the response."""
    notes = (refused.line, describe_route(match, sent.method))
    changes = suggest_changes(match.route, refused, call.as_page_request(), sent)
    return Explanation(result, notes, tuple(changes), refused=refused.id)


def _explain_status(call: Call, match: RouteMatch, result: Result) -> Explanation:
    """Explain a 401, 404 or 405 that the page can read."""
    notes = tuple(_describe_lost_cookie(match, call, result))
    if result.status == 401 and (change := suggest_login(match, call.as_page_request(), result)):
        return Explanation(result, notes, (f"{change} {WITH_LOGIN}",))
    # The 404 of a handler is as the app means it; that of the router is a path that does not exist.
    if result.status == 404 and match.route is None:
        return Explanation(result, (describe_missing_route(match),))
    if result.status == 405 and match.route and call.method not in match.methods:
        return Explanation(result, notes, (suggest_method(match, match.route, call.method),))
    expose = suggest_exposing(match.route, _hidden_headers(result)) if match.route else None
    return Explanation(result, notes, (expose,) if expose else ())


def _explain_leaving(url: str, result: Result) -> Explanation:
    """Explain a redirect out of the app: the page has the origin null there, and what to do instead."""
    start, host = shorten(result.sent[0].url), shorten(urlsplit(url).netloc)
    # https://fetch.spec.whatwg.org/#concept-request-tainted-origin
    note = (
        f"{start} redirects to {host}, another origin. There the page has the origin null, "
        "which a server allows only with every origin (access-control-allow-origin: *)."
    )
    navigate = f"Navigate if a person is to go there: location.assign({start!r})."
    return Explanation(result, (note,), (f"{navigate} Or call {shorten(url)} in the page.",))


# --- a server ---


def _explain_readable_on_server(call: Call, result: Result) -> Explanation:
    """Explain a response that the page reads; of the policy, only the headers of the response are known."""
    response = result.sent[-1].answer
    if result.status == 401:
        return _explain_status(call, RouteMatch(None), result)
    if response is None or not (names := _hidden_headers(result)):
        return Explanation(result)
    exposed = [name for name in header_names(response, EXPOSE_HEADERS) or () if name != "*"]
    change = f"expose_headers=[{format_list([*exposed, *names])}]{if_needed(names)}"
    return Explanation(result, (), (f"In the policy of the route: {change}",))


async def _explain_on_server(call: Call, result: Result, sender: Sender) -> Explanation:
    if refusal := await explain_server_refusal(result, sender):
        refused = "check_requests" if refusal.is_certain else None
        return Explanation(result, (refusal.note,), (refusal.change,), refused=refused)
    if result.ok_for_page:
        return _explain_readable_on_server(call, result)
    # Nothing is known of the app: the change is for a route that has no CORS yet.
    arguments = call.as_page_request().policy_arguments()
    wrap = f"wrap the route's blueprint: cors_group(…, {arguments})." if arguments else "cors_group(…)."
    if explained := explain_response(result, wrap):
        meaning, change = explained
        return Explanation(result, (meaning,) if meaning else (), (change,))
    response = result.sent[-1].answer if result.sent else None
    allowed = response.get(ALLOW_ORIGIN) if response else None
    changes = list(_last_change(result))
    if response and result.blocked_by == "origin-other" and ORIGIN in vary_names(response):
        # A list sends no header to a page that it does not allow, and a single origin has no Vary.
        note = (
            f"The response is for pages of {shorten(allowed)}, though it has Vary: Origin: a cache that "
            "ignores Vary may have sent it."
        )
        change = "Have the cache honour Vary: Origin, or keep it from these responses."
        return Explanation(result, (note,), (f"{change} If the app itself responded: {changes[0]}",))
    if allowed and (near_miss := find_near_miss(call.origin, [allowed])):
        note = f"{near_miss.describe(call.origin)}."
        if near_miss.is_scheme and call.origin.startswith("http:"):
            # Never advise http beside https: anyone on its way can change such a page.
            changes = ["Open the page with https."]
        return Explanation(result, (note,), tuple(changes))
    return Explanation(result, (), tuple(changes))
