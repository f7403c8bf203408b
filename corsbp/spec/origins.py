"""The grammar of origins and patterns, and membership.

An origin is `scheme://host[:port]` as browsers serialise it (HTML, "ASCII serialization of an origin"; URL,
"host serializer"). A pattern is an origin whose leftmost label is `*`, any depth of subdomains, or whose port
is `*`, any port or none, or both. Everything is compared byte for byte.

Web views have origins of two more forms: `app://.`, of a scheme of the app's own, and `file://`, which
Chromium sends of local files where it was told to; elsewhere it sends `null`.

What a host may hold is narrower than what the URL standard lets through: letters, digits, `-` and `_` in
labels of 1 to 63 characters. That takes in the names that DNS zones really have, `_` and `xn--` included, and
leaves out what the standard merely does not forbid (quotes, braces, `;`, `,` …): no site needs it, and much
that reads headers later on trips over it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Set
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

MAX_NAME = 253  # RFC 1035, 2.3.4, without the root's dot and length
MAX_LABEL = 63
MAX_SCHEME = 32  # no standard has a limit; the longest in use has 20
MAX_LENGTH = MAX_SCHEME + len("://") + MAX_NAME + len(":65535")

DEFAULT_PORTS = {"http": "80", "https": "443"}
FILE = "file://"
# A page's origin is that of the page: a WebSocket's handshake carries an https one. The others are opaque.
NEVER_SENT = frozenset({"about", "blob", "data", "file", "ftp", "javascript", "mailto", "ws", "wss"})

# None of these can backtrack far: no character both continues a part and begins the next.
_SCHEME = rf"[a-z][a-z0-9+.-]{{0,{MAX_SCHEME - 1}}}"
_NAME = rf"[a-z0-9_-]{{1,{MAX_LABEL}}}(?:\.[a-z0-9_-]{{1,{MAX_LABEL}}})*"
_is_name = re.compile(_NAME).fullmatch
is_number = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch  # URL, "ends in a number checker"
_is_decimal_port = re.compile(r"[1-9][0-9]{0,4}").fullmatch
_entry = re.compile(
    rf"({_SCHEME})://(\[[0-9a-f:]{{2,39}}\]|(?:\*\.)?{_NAME}|\.)(?::(\*|[1-9][0-9]{{0,4}}))?"
).fullmatch


class Entry(NamedTuple):
    """A valid origin or pattern in its parts."""

    scheme: str
    host: str  # with the `*.` or the brackets
    port: str  # digits, "*" or ""


def is_origin(value: str) -> bool:
    """Whether `value` is an origin in the form in which browsers send it; `null` and patterns are not.

    The work is bounded: whatever is longer than `MAX_LENGTH` is refused unread.
    """
    return parse_entry(value) is not None and "*" not in value


def is_entry(text: str) -> bool:
    """Whether `text` can be declared: an origin or pattern of names that browsers can read."""
    entry = parse_entry(text)
    return entry is not None and ("xn--" not in text or all(map(is_readable, entry.host.split("."))))


def is_pattern(entry: str) -> bool:
    """Whether `entry`, which is valid, is a pattern rather than one origin."""
    return "*" in entry


def find_wider_entry(entry: str, entries: Container[str]) -> str | None:
    """The narrowest of `entries` that allows all that `entry` allows, and more; None if none does.

    Costs the labels of `entry` only. A text that is no entry is read as if it were one.
    """
    bare, _, port = entry.rpartition(":")
    any_port = f"{bare if port == '*' or port.isdigit() else entry}:*"
    if any_port in entries and any_port != entry:
        return any_port
    start = entry.find("://") + len("://")
    dot = entry.find(".", start)
    while dot >= 0:
        for text in (entry, any_port):
            pattern = f"{entry[:start]}*{text[dot:]}"
            if pattern in entries and pattern != entry:
                return pattern
        dot = entry.find(".", dot + 1)
    return None


def is_insecure(entry: str) -> bool:
    """Whether what is sent to pages of a valid `entry` can be read and changed on its way.

    That is `http`, unless it stays on the machine: 127.0.0.0/8, [::1], localhost and its subdomains
    (Secure Contexts, "is origin potentially trustworthy?").
    """
    return entry.startswith("http://") and not is_loopback(split_entry(entry).host)


class OriginSet:
    """Valid origins and patterns, compiled: what they allow is told without a look at each of them.

    `exact` holds the origins, which may be known apart from the patterns already; `match` knows the patterns.
    """

    __slots__ = ("_any_port", "_below", "_below_any_port", "exact")

    exact: Set[str]

    def __init__(self, entries: Iterable[str], exact: Set[str] | None = None) -> None:
        entries = frozenset(entries)
        patterns = frozenset(filter(is_pattern, entries))
        self.exact = entries - patterns if exact is None else exact
        # `scheme://host` of the patterns with one host and any port
        self._any_port = frozenset(entry[:-2] for entry in patterns if "://*." not in entry)
        # what stands behind the wildcard: `example.com` or `example.com:8443` → `https://` …
        self._below: dict[str, tuple[str, ...]] = {}
        self._below_any_port: dict[str, tuple[str, ...]] = {}
        for scheme, host, port in map(split_entry, sorted(patterns)):
            if host.startswith("*."):
                tails = self._below_any_port if port == "*" else self._below
                tail = f"{host[2:]}:{port}" if port not in ("", "*") else host[2:]
                tails[tail] = (*tails.get(tail, ()), f"{scheme}://")

    def __contains__(self, origin: str) -> bool:
        return origin in self.exact or self.match(origin)

    def match(self, origin: str) -> bool:
        """Whether one of the patterns allows `origin`, which may be anything that a request can hold.

        Only what `is_origin` says yes to is ever allowed. Costs the labels of the host, and never the number
        of patterns. Nothing of it is kept.
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
    """Whether an origin has a valid name before one of these tails, which are valid; narrow ones first."""
    tail = origin
    while tail := tail.partition(".")[2]:
        for scheme in tails.get(tail, ()):
            if origin.startswith(scheme):
                name = origin[len(scheme) : -len(tail) - 1]
                # one label of letters and digits, in an origin as short as most: no need to search
                if name.isalnum() and name.islower() and name.isascii() and len(origin) <= MAX_LABEL:
                    return True
                return _is_name(name) is not None and len(origin[len(scheme) :].partition(":")[0]) <= MAX_NAME
    return False


def parse_entry(text: str) -> Entry | None:
    """The parts of what has the form of an origin or pattern; None for everything else."""
    if text == FILE:
        return Entry("file", "", "")
    if len(text) > MAX_LENGTH or not (found := _entry(text)):
        return None
    scheme, host, port = found.groups("")
    if scheme in NEVER_SENT or not (port == "*" or is_port(port, scheme)):
        return None
    if host == "." and (port or scheme in DEFAULT_PORTS):
        return None
    return Entry(scheme, host, port) if is_host(host) else None


def split_entry(entry: str) -> Entry:
    """The parts of an entry that is known to be valid."""
    scheme, _, rest = entry.partition("://")
    host, colon, port = rest.rpartition(":")
    return Entry(scheme, host, port) if colon and not port.endswith("]") else Entry(scheme, rest, "")


def is_port(port: str, scheme: str) -> bool:
    """Whether browsers send `port` with `scheme`; "" is the default port, which they leave out."""
    if not port:
        return True
    return _is_decimal_port(port) is not None and int(port) <= 65535 and port != DEFAULT_PORTS.get(scheme)


def is_host(host: str) -> bool:
    """Whether a host of the right characters is one that browsers send."""
    if host[0] == "[":
        address = parse_ipv6(host[1:-1])
        return address is not None and host == f"[{address}]"
    # A name that ends in a number is an IPv4 address or nothing, and below an address there are no names.
    return len(host) <= MAX_NAME and (not is_number(host.rpartition(".")[2]) or is_ipv4(host))


def is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)  # takes only the form that browsers send: four decimal numbers, no leading zeros
    except ValueError:
        return False
    return True


def parse_ipv6(text: str) -> IPv6Address | None:
    """The address, unless it is a mapped or zoned one: servers and browsers write those in several ways."""
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    return None if address.ipv4_mapped or address.scope_id else address


@lru_cache(maxsize=1000)  # of many origins, the last labels are the same
def is_readable(label: str) -> bool:
    """Whether browsers take a label of a host: one that begins with `xn--` has to be their form of a name.

    URL, "domain to ASCII"; Unicode IDNA Compatibility Processing, 4.
    """
    if not label.startswith("xn--"):
        return True
    try:
        name = label.removeprefix("xn--").encode().decode("punycode")
    except UnicodeError:
        return False
    return not name.isascii() and to_ascii(name) == label


def to_ascii(host: str) -> str:
    """The host as browsers write it (URL, "domain to ASCII"), or as it is where they would not take it.

    Not `idna.encode`, which is stricter than browsers are: they let `☃.net` pass.
    """
    import idna  # noqa: PLC0415, because its tables take time to load and few need them

    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
        labels = mapped.split(".")
        return ".".join(
            label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
        )
    except UnicodeError:
        return host


def is_loopback(host: str) -> bool:
    if host in {"localhost", "[::1]"} or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and is_ipv4(host)
