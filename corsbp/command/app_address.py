"""The address at which `corsbp explain` assumes the app of a page."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from corsbp.spec.hosts import is_loopback

BASE_URL: Final = "https://api.example"
"""The address of an app in memory, for the browser, unless the page is on this machine."""

PORT: Final = 8000
"""The port of an app on this machine, as with the command `sanic`."""


def assume_address(origin: str) -> str:
    """Assume an address of the app: for a page on this machine, the same host, so that both are one site.

    With another host, the browser would not send the cookies that it sends in reality.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}:{PORT}" if is_loopback(name) else BASE_URL
