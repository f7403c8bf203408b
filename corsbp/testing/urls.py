"""Pure: URLs and their origins, as far as a fetch needs them. https://url.spec.whatwg.org"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from corsbp.policy.origin_diagnosis import origin_problems
from corsbp.spec.hosts import is_loopback, is_readable, to_ascii
from corsbp.spec.origins import is_origin

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
SOCKETS = {"http": "ws", "https": "wss"}
"""The schemes of a WebSocket's handshake, by those of its server's pages."""

_HOST = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the last label: the host is an IPv4 address
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
_PLACE = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?")
_STRIPPED = "".join(map(chr, range(33)))  # around a URL
_ASCII = "".join(map(chr, range(32, 127)))
_KEPT = "%/:=&?~+!$,;@()*[]|"
_KEPT_IN_PATHS = "'"
_KEPT_IN_USERS = "%!$&'()*+,~"
_KEPT_IN_QUERIES = "\\^`{}"


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL without its fragment: `host` in lower case, `port` None where it is the default.

    `user` is a name and a password, which are no part of it as a string, since nobody sends them.
    """

    scheme: str
    host: str
    port: int | None
    target: str
    user: str = ""

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`, as browsers send it. https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin"""
        return f"{self.scheme}://{self.place}"

    @property
    def place(self) -> str:
        """`host[:port]`, as the header Host has it."""
        return self.host + (f":{self.port}" if self.port is not None else "")

    @property
    def is_http(self) -> bool:
        return self.scheme in SOCKETS

    @property
    def is_socket(self) -> bool:
        return self.scheme in SOCKETS.values()

    @property
    def is_trustworthy(self) -> bool:
        """Whether https pages may call it. https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy"""
        return self.is_encrypted or is_loopback(self.host)

    @property
    def is_encrypted(self) -> bool:
        return self.scheme in ("https", "wss")

    @property
    def with_user(self) -> str:
        """As a page sees it."""
        return f"{self}".replace("://", f"://{self.user}@", 1) if self.user else f"{self}"

    def __str__(self) -> str:
        return f"{self.origin if self.host else f'{self.scheme}:'}{self.target}"


def check_origin(origin: object) -> None:
    """Raise ValueError, with what was meant, for what is the origin of no page."""
    if not (isinstance(origin, str) and is_origin(origin)):
        faults = "".join(f"; {each}" for each in origin_problems(origin))
        raise ValueError(f"no page has the origin {origin!r}{faults}")


def parse(text: str, base: Url | None = None) -> Url | None:
    """The URL that `text` is, relative to `base` if there is one; None if it is none."""
    match = _URL.fullmatch(re.sub(r"[\t\r\n]", "", text.strip(_STRIPPED)))
    assert match is not None, "all of its parts can be missing"
    scheme, path, query = (match[1] or "").lower(), match[2], match[3]
    if scheme and scheme not in _PORTS:  # nothing more needs to be known about those
        return Url(scheme, "", None, quote(f"{path}{query or ''}", safe=_ASCII))
    path = path.replace("\\", "/")
    try:
        if base is None or scheme not in ("", base.scheme) or path.startswith("//"):
            return _absolute(scheme or (base.scheme if base else ""), path, query or "")
        before, question, asked = base.target.partition("?")
        if not path:
            path, query = before, f"{question}{asked}" if query is None else query
        elif not path.startswith("/"):
            path = f"{before.rpartition('/')[0]}/{path}"
        return replace(base, target=_target(path, query or ""))
    except (ValueError, OSError):
        return None


def _absolute(scheme: str, rest: str, query: str) -> Url | None:
    authority, _, path = rest.lstrip("/").partition("/")
    user, _, place = authority.rpartition("@")
    match = _PLACE.fullmatch(place)
    if not scheme or match is None:
        return None
    host, port = _host(match[1]), int(match[2] or _PORTS[scheme])
    if not _HOST.fullmatch(host) or not 0 < port < 65536:
        return None
    target = _target(f"/{path}", query)
    return Url(scheme, host, None if port == _PORTS[scheme] else port, target, _user(user))


def _user(text: str) -> str:
    """A user's name and password as they are written; "" for neither."""
    name, _, password = (quote(part, safe=_KEPT_IN_USERS) for part in text.partition(":"))
    return f"{name}:{password}" if password else name


def _host(text: str) -> str:
    """A host as it is written in origins. https://url.spec.whatwg.org/#concept-host-parser"""
    if text.startswith("["):
        return f"[{ipaddress.IPv6Address(text[1:-1])}]"
    host = unquote(text).lower()
    if not host.isascii():
        host = to_ascii(host)
    if not all(map(is_readable, host.split("."))):
        raise ValueError(host)
    if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    return host


def _target(path: str, query: str) -> str:
    """A path and a query as they are sent: without the segments `.` and `..`, and escaped."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            del kept[-1:]
        elif dots != ".":
            kept.append(segment)
    if dots in (".", ".."):
        kept.append("")
    return (
        f"/{quote('/'.join(kept), safe=_KEPT + _KEPT_IN_PATHS)}{quote(query, safe=_KEPT + _KEPT_IN_QUERIES)}"
    )
