"""Pure: URLs and their origins, as far as a fetch needs them. https://url.spec.whatwg.org"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import idna

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
_KEPT = "%/:=&?~+!$,;'@()*[]|"  # in paths and queries


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL without its fragment: `host` in lower case, `port` None where it is the default."""

    scheme: str
    host: str
    port: int | None
    target: str
    user_info: bool = False

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`, as browsers send it. https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin"""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port is not None else "")

    @property
    def is_http(self) -> bool:
        return self.scheme in _PORTS

    @property
    def is_trustworthy(self) -> bool:
        """Whether https pages may call it. https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy"""
        return self.scheme == "https" or is_loopback(self.host)

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def is_loopback(host: str) -> bool:
    """Whether a host names this machine: `localhost`, names below it, 127.0.0.0/8, [::1]."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parse(text: str, base: Url | None = None) -> Url | None:
    """The URL that `text` is, relative to `base` if there is one; None if it is none."""
    text = re.sub(r"[\t\r\n]", "", text.strip())
    try:
        parts = urlsplit(urljoin(str(base), text) if base is not None else text)
        port, host = parts.port, parts.hostname or ""
        if ":" in host:
            host = f"[{host}]"
        elif not host.isascii():
            host = idna.encode(host, uts46=True).decode()
    except ValueError:  # idna's errors are among them
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:  # nothing more needs to be known about those
        return Url(scheme, host, port, parts.path) if scheme else None
    if not _HOST.fullmatch(host) or port == 0:
        return None
    query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
    target = f"{quote(parts.path, safe=_KEPT) or '/'}{query}"
    user_info = "@" in parts.netloc
    return Url(scheme, host, None if port == _PORTS[scheme] else port, target, user_info)
