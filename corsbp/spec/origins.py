"""The grammar of origins and patterns, and membership.

An origin is `scheme://host[:port]` as browsers serialise it (RFC 6454, 6.2; HTML, "ASCII serialization of an
origin"; URL, "host serializer"). A pattern is an origin whose leftmost label is `*`, any depth of subdomains,
or whose port is `*`, any port or none, or both. Everything is compared byte for byte.

Web views have origins of two more forms: `app://.`, of a scheme of the app's own, and `file://`, which
Chromium sends for local files where an app switches that on; otherwise it sends `null`.

The grammar of hosts is narrower than that of the URL standard: letters, digits, `-` and `_` in labels of 1 to
63 characters. That covers the names that DNS zones really have, `_` and `xn--` included. It leaves out what
the standard merely does not forbid (quotes, braces, `;`, `,` …): no site needs it, and much code that reads
headers later fails on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from .hosts import MAX_LABEL, MAX_NAME, is_host, is_loopback, is_readable

MAX_SCHEME = 32  # no standard has a limit; the longest in use has 20
MAX_LENGTH = MAX_SCHEME + len("://") + MAX_NAME + len(":65535")

DEFAULT_PORTS = {"http": "80", "https": "443"}
FILE = "file://"
# A WebSocket's handshake carries the origin of its page, https and not wss. Pages of the others have opaque
# origins. https://html.spec.whatwg.org/#concept-origin-opaque
NEVER_SENT = frozenset({"about", "blob", "data", "file", "ftp", "javascript", "mailto", "ws", "wss"})

# None of these backtracks far: no character both continues a part and begins the next.
_SCHEME = rf"[a-z][a-z0-9+.-]{{0,{MAX_SCHEME - 1}}}"
_NAME = rf"[a-z0-9_-]{{1,{MAX_LABEL}}}(?:\.[a-z0-9_-]{{1,{MAX_LABEL}}})*"
is_name: Callable[[str], re.Match[str] | None] = re.compile(_NAME).fullmatch
_is_decimal_port = re.compile(r"[1-9][0-9]{0,4}").fullmatch
_entry = re.compile(
    rf"({_SCHEME})://(\[[0-9a-f:]{{2,39}}\]|(?:\*\.)?{_NAME}|\.)(?::(\*|[1-9][0-9]{{0,4}}))?"
).fullmatch
# Most origins: a site with a name that does not end in a number, on the default port of its scheme. One of at
# most `MAX_NAME` characters needs no other look.
_is_usual = re.compile(
    rf"https?://(?:[a-z0-9-]{{1,{MAX_LABEL}}}\.)*[a-z][a-z0-9-]{{0,{MAX_LABEL - 1}}}"
).fullmatch


class Entry(NamedTuple):
    """The parts of a valid origin or pattern."""

    scheme: str
    host: str  # with the `*.` or the brackets
    port: str  # digits, "*" or ""


def is_origin(value: str) -> bool:
    """Return whether `value` is an origin in the form that browsers send; `null` and patterns are not.

    The work is bounded: what is longer than `MAX_LENGTH` is refused unread.
    """
    if len(value) <= MAX_NAME and _is_usual(value):
        return True
    return parse_entry(value) is not None and "*" not in value


def is_sent_origin(value: str) -> bool:
    """Return whether `value` is `null` or an origin of RFC 6454, which has more than browsers send.

    It may be in upper case, and name the default port of its scheme. Its host may end in a dot.
    https://www.rfc-editor.org/rfc/rfc6454#section-6.1
    """
    if is_origin(value):  # in the form that browsers send
        return True
    if not value.isascii():
        return False  # `lower()` makes letters of ASCII of some others
    scheme, separator, authority = value.lower().partition("://")
    if scheme == "null" and not separator:
        return True
    if scheme in DEFAULT_PORTS:
        authority = authority.removesuffix(f":{DEFAULT_PORTS[scheme]}")
        host, colon, port = authority.partition(":")
        # A browser sends the dot if it is in the address of the page.
        authority = f"{host.removesuffix('.')}{colon}{port}"
    return is_origin(f"{scheme}{separator}{authority}")


def is_entry(text: str) -> bool:
    """Return whether `text` can be declared: an origin or pattern with a host that browsers can read."""
    entry = parse_entry(text)
    if entry is None:
        return False
    return "xn--" not in text or all(map(is_readable, entry.host.split(".")))


def is_insecure(entry: str) -> bool:
    """Return whether somebody on the network can change pages of a valid `entry`.

    That is so for `http`, unless the page comes from this machine.
    https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
    """
    return entry.startswith("http://") and not is_loopback(split_entry(entry).host)


def parse_entry(text: str) -> Entry | None:
    """Return the parts of an origin or pattern; None for every other text."""
    if text == FILE:
        return Entry("file", "", "")
    if len(text) > MAX_LENGTH or not (found := _entry(text)):
        return None
    scheme, host, port = found.groups("")
    if scheme in NEVER_SENT or not (port == "*" or is_port(port, scheme)):
        return None
    # `app://.` is the origin of a web view; http and https have no such host
    if host == "." and (port or scheme in DEFAULT_PORTS):
        return None
    return Entry(scheme, host, port) if is_host(host) else None


def split_entry(entry: str) -> Entry:
    """Return the parts of an entry that is known to be valid."""
    scheme, _, rest = entry.partition("://")
    host, colon, port = rest.rpartition(":")
    # In `[::1]`, the last colon is part of the address.
    if not colon or port.endswith("]"):
        return Entry(scheme, rest, "")
    return Entry(scheme, host, port)


def is_port(port: str, scheme: str) -> bool:
    """Return whether browsers send `port` with `scheme`; they leave the default port out, which is ""."""
    if not port:
        return True
    return _is_decimal_port(port) is not None and int(port) <= 65535 and port != DEFAULT_PORTS.get(scheme)
