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

SOCKETS = {"http": "ws", "https": "wss"}
"""The scheme of a WebSocket handshake, by the scheme of the server's pages."""

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_HOST = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
# a last label of this form makes the host an IPv4 address
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?")
# characters around a URL that are dropped
_STRIPPED = "".join(map(chr, range(33)))
_ASCII = "".join(map(chr, range(32, 127)))
# characters that are not escaped: https://url.spec.whatwg.org/#percent-encoded-bytes
_UNESCAPED = "%/:=&?~+!$,;@()*[]|"
_UNESCAPED_IN_PATHS = _UNESCAPED + "'"
_UNESCAPED_IN_USER_INFO = "%!$&'()*+,~"
_UNESCAPED_IN_QUERIES = _UNESCAPED + "\\^`{}"


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL without its fragment.

    `host` is in lower case, and `port` is None for the scheme's default. `user_info` is not part of
    `str(url)`, since browsers do not send it.
    """

    scheme: str
    host: str
    port: int | None
    target: str
    user_info: str = ""

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`, as in a header. https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin"""
        return f"{self.scheme}://{self.host_and_port}"

    @property
    def host_and_port(self) -> str:
        """`host[:port]`, as in the header Host."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_http(self) -> bool:
        return self.scheme in SOCKETS

    @property
    def is_socket(self) -> bool:
        return self.scheme in SOCKETS.values()

    @property
    def is_trustworthy(self) -> bool:
        """True if https pages may call it. https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy"""
        return self.is_encrypted or is_loopback(self.host)

    @property
    def is_encrypted(self) -> bool:
        return self.scheme in ("https", "wss")

    @property
    def with_user_info(self) -> str:
        """The URL as pages see it, with user name and password."""
        if not self.user_info:
            return str(self)
        return str(self).replace("://", f"://{self.user_info}@", 1)

    def __str__(self) -> str:
        return f"{self.origin}{self.target}" if self.host else f"{self.scheme}:{self.target}"


def check_origin(origin: object) -> None:
    """Raise ValueError, with a suggestion, if no page can have this origin."""
    if not (isinstance(origin, str) and is_origin(origin)):
        problems = "".join(f"; {problem}" for problem in origin_problems(origin))
        raise ValueError(f"no page has the origin {origin!r}{problems}")


def parse_url(text: str, base: Url | None = None) -> Url | None:
    """Parse a URL, relative to `base` if there is one. Returns None if it is invalid."""
    match = _URL.fullmatch(re.sub(r"[\t\r\n]", "", text.strip(_STRIPPED)))
    assert match is not None, "every part of the pattern is optional"
    scheme, path, query = (match[1] or "").lower(), match[2], match[3]
    if scheme and scheme not in _PORTS:
        # browsers send no request there: its parts do not matter
        return Url(scheme, "", None, quote(f"{path}{query or ''}", safe=_ASCII))
    # in these schemes, a backslash is a slash
    path = path.replace("\\", "/")
    try:
        if base is None or scheme not in ("", base.scheme) or path.startswith("//"):
            return _parse_absolute(scheme or (base.scheme if base else ""), path, query or "")
        return replace(base, target=_resolve(base, path, query))
    except (ValueError, OSError):  # not a number, or not an address
        return None


def _resolve(base: Url, path: str, query: str | None) -> str:
    """Return the target of a relative URL. `query` is None if it has none."""
    base_path, question, base_query = base.target.partition("?")
    if not path and query is None:
        return _build_target(base_path, f"{question}{base_query}")
    if not path:
        path = base_path
    elif not path.startswith("/"):
        path = f"{base_path.rpartition('/')[0]}/{path}"
    return _build_target(path, query or "")


def _parse_absolute(scheme: str, rest: str, query: str) -> Url | None:
    authority, _, path = rest.lstrip("/").partition("/")
    user_info, _, place = authority.rpartition("@")
    match = _HOST_AND_PORT.fullmatch(place)
    if not scheme or match is None:
        return None
    host, port = _parse_host(match[1]), int(match[2] or _PORTS[scheme])
    if not _HOST.fullmatch(host) or not 0 < port < 65536:
        return None
    target = _build_target(f"/{path}", query)
    explicit_port = None if port == _PORTS[scheme] else port
    return Url(scheme, host, explicit_port, target, _escape_user_info(user_info))


def _escape_user_info(text: str) -> str:
    name, _, password = (quote(part, safe=_UNESCAPED_IN_USER_INFO) for part in text.partition(":"))
    return f"{name}:{password}" if password else name


def _parse_host(text: str) -> str:
    """Return a host as origins have it. https://url.spec.whatwg.org/#concept-host-parser"""
    if text.startswith("["):
        return f"[{ipaddress.IPv6Address(text[1:-1])}]"
    host = unquote(text).lower()
    if not host.isascii():
        host = to_ascii(host)
    if not all(map(is_readable, host.split("."))):
        raise ValueError(host)
    if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        # inet_aton() knows the short, octal and hexadecimal forms that browsers know
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    return host


def _build_target(path: str, query: str) -> str:
    """Return a path and a query as they are sent: escaped, and without the segments `.` and `..`."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            del kept[-1:]
        elif dots != ".":
            kept.append(segment)
    # a path that ends with dots ends with a slash
    if dots in (".", ".."):
        kept.append("")
    escaped_path = quote("/".join(kept), safe=_UNESCAPED_IN_PATHS)
    return f"/{escaped_path}{quote(query, safe=_UNESCAPED_IN_QUERIES)}"
