"""Pure: which addresses are one site: `https://app.acme.com` and `https://api.acme.com`, but no `http` one.

https://html.spec.whatwg.org/#same-site
"""

from __future__ import annotations

from corsbp.spec import public_suffixes
from corsbp.spec.hosts import is_ipv4

from .engines import Engine
from .urls import Url, parse


def is_ip(host: str) -> bool:
    """Whether a host is an address, which has no names above it."""
    return host.startswith("[") or is_ipv4(host)


def is_public_suffix(host: str) -> bool:
    """Whether strangers register names right below this one: `com`, `github.io`, a name without a dot."""
    return not is_ip(host) and public_suffixes.is_public_suffix(host)


def registered(host: str) -> str:
    """The name above a host that somebody registered, `acme.com`; the host itself where there is none."""
    return host if is_ip(host) else (public_suffixes.registrable_domain(host) or host)


def site(url: Url) -> str:
    """The site that a URL is of: `https://acme.com`."""
    return f"{url.scheme.replace('ws', 'http')}://{registered(url.host)}"


def site_of(origin: str) -> str:
    """The site that a page of `origin` is of; `"null"` stands for itself."""
    page = parse(origin)
    return site(page) if page is not None and page.is_http else origin


def is_same_site(origin: str, url: Url) -> bool:
    """Whether a page of `origin` and `url` are of one site; a page of the origin `"null"` is of none."""
    return site_of(origin) == site(url)


def may_embed(origin: str, url: Url, policy: str | None, engine: Engine) -> bool:
    """Whether `Cross-Origin-Resource-Policy` lets a page of `origin` embed the answer of `url`.

    https://fetch.spec.whatwg.org/#cross-origin-resource-policy-internal-check
    """
    if policy not in ("same-origin", "same-site") or url.origin == origin:
        return True
    page = parse(origin)
    return (
        policy == "same-site"
        and page is not None
        and page.is_http
        and registered(page.host) == registered(url.host)
        and not (engine.addresses_are_no_site and is_ip(url.host))
        and (page.scheme == "https" or url.scheme != "https")
    )
