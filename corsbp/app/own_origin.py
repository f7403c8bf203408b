"""Whether a page is the server's own."""

from __future__ import annotations

from collections.abc import Iterable

from ..spec.origins import DEFAULT_PORTS


def is_own_origin(origins: Iterable[str], hosts: Iterable[str]) -> bool:
    """Whether a page of the server itself asks: its host and port as in Host, the scheme's port left out."""
    try:
        (origin,), (host,) = origins, hosts
    except ValueError:
        return False
    scheme, _, own = origin.partition("://")
    port = f":{DEFAULT_PORTS.get(scheme)}"
    return bool(own) and scheme in DEFAULT_PORTS and own.removesuffix(port) == host.lower().removesuffix(port)
