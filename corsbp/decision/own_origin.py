"""Pure: the server's own pages, which need no CORS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..spec.fetch import HOST, ORIGIN
from ..spec.origins import DEFAULT_PORTS
from .compiled import CompiledPolicy

if TYPE_CHECKING:
    from sanic.request import Request

_SECURE: Final = frozenset({"https", "wss"})


def is_own_page(request: Request, compiled: CompiledPolicy) -> bool:
    """Return whether a page of the server itself sent a request.

    The host is `request.host`: Sanic's, which follows `SERVER_NAME` and the proxies that the app is
    configured to trust, and is the Host header otherwise.
    """
    origins, hosts = request.headers.getall(ORIGIN, ()), request.headers.getall(HOST, ())
    if len(origins) != 1 or len(hosts) > 1:
        return False
    allow_insecure = compiled.policy.dangerously_allow_insecure_origins
    return is_own_origin(origins[0], request.host, _is_secure(request), allow_insecure)


def is_own_origin(origin: str, host: str, is_secure: bool, allow_insecure: bool) -> bool:
    """Return whether an Origin is the server's own: its host and port are those that the request was sent to.

    Args:
        host: the host that the request was sent to, and its port unless it is the default one.
        is_secure: whether the request came by https or wss.
        allow_insecure: whether an `http` page is the server's own there, too.
    """
    scheme, _, own = origin.lower().partition("://")
    if scheme not in DEFAULT_PORTS:
        return False
    # Whoever can change an http page on its way would speak in the name of the https site.
    if is_secure and scheme == "http" and not allow_insecure:
        return False
    # Browsers leave out the default port in Origin and Host. Proxies may add it, and may change the case.
    port = f":{DEFAULT_PORTS[scheme]}"
    own = own.removesuffix(port)
    return bool(own) and own == host.lower().removesuffix(port)


def _is_secure(request: Request) -> bool:
    """Return whether a request came by https or wss, as Sanic or the ASGI server knows."""
    scope = getattr(request.transport, "scope", {})
    # Of a chain of proxies, X-Forwarded-Proto may list the schemes: the first is the browser's.
    scheme = request.scheme.partition(",")[0].strip()
    return scheme in _SECURE or scope.get("scheme") in _SECURE
