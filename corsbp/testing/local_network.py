"""Pure: the local network, and the permission that Chromium needs before a public page can call it.

https://wicg.github.io/local-network-access/
"""

from __future__ import annotations

import ipaddress

from corsbp.spec.hosts import is_loopback

from .fetch_arguments import Page
from .result import Step, StoppedError
from .urls import Url, parse_url


def address_space(host: str) -> str:
    """Return "loopback", "local" or "public". A name counts as public, unless it is for local use."""
    if is_loopback(host):
        return "loopback"
    if host.endswith(".local"):
        return "local"
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return "public"
    return "local" if address.is_private else "public"


def check_permission(page: Page, url: Url) -> Step | None:
    """Return a step if the page needs a permission. Raises StoppedError if the user denies it."""
    source = parse_url(page.origin)
    space = address_space(url.host)
    if not page.engine.asks_for_local_network or space == "public":
        return None
    # Chromium asks only public pages: one of the local network may call this machine
    if source is None or not source.is_http or address_space(source.host) != "public":
        return None
    if not page.local_network:
        text = f"Permission was denied for this request to access the `{space}` address space"
        change = "Allow it in the browser's settings of this page, or serve the page from the same network."
        raise StoppedError("local-network", text, change)
    if not source.is_trustworthy:
        # no stop: the name of the page can be one of the local network
        text = f"A public page on http cannot get the permission to access the `{space}` address space"
        return Step(text, change="Serve the page over https.")
    return Step(f"The user is asked for permission to access the `{space}` address space, and allows it")
