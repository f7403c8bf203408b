"""Faults that the responses of a deployment show by themselves: doubled headers, caches, redirects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

from corsbp.app.inventory import RouteInfo
from corsbp.command import finding_ids
from corsbp.command.finding import Finding, make_finding
from corsbp.command.server_responses import REDIRECTS, origin_of, vary_names
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_functions
from corsbp.spec import wildcards
from corsbp.spec.fetch import ALLOW_METHODS, ALLOW_ORIGIN, ORIGIN, PREFIX, VARY
from corsbp.testing import Answer, Sent
from corsbp.testing.response_headers import header_names
from corsbp.testing.short_text import shorten

from .observed_method import ObservedMethod

ADDED_METHODS: Final = frozenset({"OPTIONS", "HEAD"})
"""Methods that preflight responses name beside those of the routes."""


def check_edge(observed: Iterable[ObservedMethod], base_url: str) -> Iterator[Finding]:
    """Yield the faults of a deployment, each of them once for each method of a route."""
    observed = list(observed)
    served: dict[tuple[str, str | None], set[str]] = {}
    for each in observed:
        served.setdefault((each.route.path, each.route.host), set()).update(each.route.methods)
    # The methods of a path come from all its routes, as in a preflight response of corsbp.
    for each in observed:
        paths = (each.route.path,)
        if each.no_response:
            yield make_finding(
                "error", finding_ids.EDGE_NO_RESPONSE, each.key, paths, reason=each.no_response
            )
        yield from _check_twice(each)
        yield from _check_cache(each)
        yield from _check_preflights(each, served[each.route.path, each.route.host])
        yield from _check_redirects(each, base_url)


def _check_twice(observed: ObservedMethod) -> Iterator[Finding]:
    """Find CORS headers in several lines. https://fetch.spec.whatwg.org/#cors-check"""
    found: dict[str, list[str]] = {}
    # Browsers join the lines with a comma, and compare the result with the origin as one value.
    for _, response in observed.exchanges:
        for name in {name.lower() for name, _ in response.headers if name.lower().startswith(PREFIX)}:
            lines = response.lines(name)
            if len(lines) > 1:
                found.setdefault(name, lines)
    for name, lines in found.items():
        yield make_finding(
            "error",
            finding_ids.EDGE_HEADER_TWICE,
            observed.key,
            (observed.route.path,),
            header=name,
            count=len(lines),
            value=shorten(", ".join(lines)),
        )


def _check_cache(observed: ObservedMethod) -> Iterator[Finding]:
    """Find responses for another origin, and responses that depend on the origin without saying so."""
    # A cache has no part in preflights: OPTIONS is not cacheable (RFC 9110, 9.3.7).
    found = [(sent, response) for sent, response in observed.exchanges if not sent.preflight]
    where, paths = observed.key, (observed.route.path,)
    # A difference between two pages shows that the server looks at Origin, even without its source code.
    allowed = {response.get(ALLOW_ORIGIN) for _, response in found}
    for sent, response in found:
        vary = vary_names(response)
        varies = "*" in vary or ORIGIN in vary
        if len(allowed) > 1 and not varies:
            text = shorten(response.get(VARY) or "missing")
            yield make_finding("error", finding_ids.EDGE_VARY, where, paths, vary=text)
        if is_cached_for_another_origin(observed.route, sent, response):
            age = response.get("age")
            yield make_finding(
                "error",
                finding_ids.EDGE_CACHED,
                where,
                paths,
                origin=origin_of(sent),
                allowed=shorten(response.get(ALLOW_ORIGIN)),
                age=f" (Age: {shorten(age)})" if age else "",
            )


def is_cached_for_another_origin(route: RouteInfo, sent: Sent, response: Answer) -> bool:
    """Return whether a response names another origin, though the app names the origin of the page, or none.

    A policy with a single origin names it in each response, for every page.
    """
    allowed = response.get(ALLOW_ORIGIN)
    # A doubled header is a fault of its own, and its first value may be another origin.
    if allowed in (None, "*", origin_of(sent)) or len(response.lines(ALLOW_ORIGIN)) > 1:
        return False
    if route.policy is not None:
        return not is_static(route.policy)
    return ORIGIN in vary_names(response)


def is_static(policy: CorsPolicy) -> bool:
    """Return whether a policy sends the same headers to every page.

    https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
    """
    entries = origin_entries(policy)
    if policy.allow_origins == "*":
        return True
    return len(entries) == 1 and not origin_functions(policy) and not wildcards.is_pattern(entries[0])


def _check_preflights(observed: ObservedMethod, served: set[str]) -> Iterator[Finding]:
    """Find preflight responses that corsbp does not send: it allows only methods that the path serves."""
    if observed.route.policy is None:
        return
    for sent, response in observed.exchanges:
        names = set(header_names(response, ALLOW_METHODS) or ()) if sent.preflight else set()
        if others := names - served - ADDED_METHODS:
            methods = shorten(", ".join(sorted(others)))
            paths = (observed.route.path,)
            yield make_finding("error", finding_ids.EDGE_PREFLIGHT, observed.key, paths, methods=methods)


def _check_redirects(observed: ObservedMethod, base_url: str) -> Iterator[Finding]:
    """Find redirects to the other scheme of the same host: a page on https cannot follow one to http."""
    base = urlsplit(base_url)
    for sent, response in observed.exchanges:
        location = response.get("location")
        if response.status not in REDIRECTS or not location:
            continue
        target = urlsplit(urljoin(sent.url, location))
        # Redirects of the app to other paths and hosts are as the app is.
        if target.hostname != base.hostname or target.scheme == base.scheme:
            continue
        location = shorten(target.geturl())
        paths = (observed.route.path,)
        yield make_finding("error", finding_ids.EDGE_REDIRECT, observed.key, paths, location=location)
