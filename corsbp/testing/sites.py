"""Pure: sites: `https://app.acme.com` and `https://api.acme.com` are one, `http://app.acme.com` is another.

https://html.spec.whatwg.org/#same-site
"""

from __future__ import annotations

from corsbp.spec import public_suffixes
from corsbp.spec.hosts import is_ipv4

from .quirks import Engine
from .urls import Url, parse_url


def is_ip(host: str) -> bool:
    """Check whether a host is an IP address, which has no parent domain."""
    return host.startswith("[") or is_ipv4(host)


def is_public_suffix(host: str) -> bool:
    """Check whether anybody can register names directly below a host: `com`, `github.io`, `localhost`."""
    return not is_ip(host) and public_suffixes.is_public_suffix(host)


def registrable_domain(host: str) -> str:
    """Return the domain that somebody registered, `acme.com`; the host itself if there is none."""
    if is_ip(host):
        return host
    return public_suffixes.registrable_domain(host) or host


def site_of_url(url: Url) -> str:
    """Return the site of a URL: `https://acme.com`."""
    return f"{url.scheme.replace('ws', 'http')}://{registrable_domain(url.host)}"


def site_of_origin(origin: str) -> str:
    """Return the site of an origin; an origin without a host, as `"null"`, is its own site."""
    url = parse_url(origin)
    return site_of_url(url) if url is not None and url.is_http else origin


def is_same_site(origin: str, url: Url) -> bool:
    """Check whether a page of `origin` has the site of `url`. A page of the origin `"null"` never has."""
    return site_of_origin(origin) == site_of_url(url)


def allows_embedding(origin: str, url: Url, policy: str | None, engine: Engine) -> bool:
    """Check whether `Cross-Origin-Resource-Policy` allows a page of `origin` to embed the response of `url`.

    https://fetch.spec.whatwg.org/#cross-origin-resource-policy-internal-check
    """
    # an unknown value counts as no policy
    if policy not in ("same-origin", "same-site") or url.origin == origin:
        return True
    page = parse_url(origin)
    return (
        policy == "same-site"
        and page is not None
        and page.is_http
        and registrable_domain(page.host) == registrable_domain(url.host)
        and not (engine.ip_addresses_are_never_same_site and is_ip(url.host))
        # a page on http may not embed a response that was sent over https
        and (page.scheme == "https" or url.scheme != "https")
    )
