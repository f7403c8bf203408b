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
from collections.abc import Container, Iterable, Set
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
_is_name = re.compile(_NAME).fullmatch
_is_decimal_port = re.compile(r"[1-9][0-9]{0,4}").fullmatch
_entry = re.compile(
    rf"({_SCHEME})://(\[[0-9a-f:]{{2,39}}\]|(?:\*\.)?{_NAME}|\.)(?::(\*|[1-9][0-9]{{0,4}}))?"
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
    return parse_entry(value) is not None and "*" not in value


def is_sent_origin(value: str) -> bool:
    """Return whether `value` is `null` or an origin of RFC 6454, which has more than browsers send.

    It may be in upper case, and name the default port of its scheme. Its host may end in a dot.
    https://www.rfc-editor.org/rfc/rfc6454#section-6.1
    """
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


def is_pattern(entry: str) -> bool:
    """Return whether a valid `entry` is a pattern and not a single origin."""
    return "*" in entry


def find_wider_entry(entry: str, entries: Container[str]) -> str | None:
    """Return the narrowest of `entries` that allows all that `entry` allows, and more; None without one.

    The cost grows with the labels of `entry`, not with the number of entries. A text that is not an entry is
    read like one.
    """
    host, _, port = entry.rpartition(":")
    has_port = port == "*" or port.isdigit()
    any_port = f"{host if has_port else entry}:*"
    if any_port in entries and any_port != entry:
        return any_port
    start = entry.find("://") + len("://")
    dot = entry.find(".", start)
    # from the longest domain to the shortest: the first pattern found is the narrowest
    while dot >= 0:
        for text in (entry, any_port):
            pattern = f"{entry[:start]}*{text[dot:]}"
            if pattern in entries and pattern != entry:
                return pattern
        dot = entry.find(".", dot + 1)
    return None


def is_insecure(entry: str) -> bool:
    """Return whether somebody on the network can change pages of a valid `entry`.

    That is so for `http`, unless the page comes from this machine.
    https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
    """
    return entry.startswith("http://") and not is_loopback(split_entry(entry).host)


class OriginSet:
    """A compiled set of valid origins and patterns. A look-up costs the same however many there are.

    `exact` has the origins; a caller that has separated them already passes them. `match` reads the patterns.
    """

    __slots__ = ("_any_port", "_below", "_below_any_port", "exact")

    exact: Set[str]

    def __init__(self, entries: Iterable[str], exact: Set[str] | None = None) -> None:
        entries = frozenset(entries)
        patterns = frozenset(filter(is_pattern, entries))
        self.exact = entries - patterns if exact is None else exact
        # `scheme://host` of the patterns with one host and any port
        self._any_port = frozenset(entry[:-2] for entry in patterns if "://*." not in entry)
        # by the text behind the wildcard, `example.com` or `example.com:8443`: `scheme://`
        self._below: dict[str, tuple[str, ...]] = {}
        self._below_any_port: dict[str, tuple[str, ...]] = {}
        for scheme, host, port in map(split_entry, sorted(patterns)):
            if not host.startswith("*."):
                continue
            domain = host[2:]
            if port == "*":
                tails, tail = self._below_any_port, domain
            else:
                tails, tail = self._below, f"{domain}:{port}" if port else domain
            tails[tail] = (*tails.get(tail, ()), f"{scheme}://")

    def __contains__(self, origin: str) -> bool:
        return origin in self.exact or self.match(origin)

    def match(self, origin: str) -> bool:
        """Return whether a pattern allows `origin`, which may be any text that a request can have.

        Only what `is_origin` accepts is ever allowed. The cost grows with the labels of the host, never with
        the number of patterns. No result is kept: requests could fill a cache with what they invent.
        """
        if not (self._below or self._any_port or self._below_any_port) or len(origin) > MAX_LENGTH:
            return False
        if self._below and _is_below(origin, self._below):
            return True
        if not (self._any_port or self._below_any_port):
            return False
        host, _, port = origin.rpartition(":")
        if not port.isdigit():
            host, port = origin, ""
        if host in self._any_port or _is_below(host, self._below_any_port):
            return is_port(port, host.partition("://")[0])
        return False


def _is_below(origin: str, tails: dict[str, tuple[str, ...]]) -> bool:
    """Return whether an origin is a valid name before one of these valid tails; the longest tail first."""
    tail = origin
    while tail := tail.partition(".")[2]:
        for scheme in tails.get(tail, ()):
            if origin.startswith(scheme):
                name = origin[len(scheme) : -len(tail) - 1]
                # The usual case needs no regular expression: one label of letters and digits, in an origin
                # that is too short to break any limit.
                if name.isalnum() and name.islower() and name.isascii() and len(origin) <= MAX_LABEL:
                    return True
                host = origin[len(scheme) :].partition(":")[0]
                return _is_name(name) is not None and len(host) <= MAX_NAME
    return False


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
