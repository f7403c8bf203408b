"""The grammar of origins and patterns, and membership.

An origin is `scheme://host[:port]` as browsers serialise it (HTML, "ASCII serialization of an origin"; URL,
"host serializer"). A pattern is an origin whose leftmost label is `*`, any depth of subdomains, or whose port
is `*`, any port or none, or both. Everything is compared byte for byte.

What a host may hold is narrower than what the URL standard lets through: letters, digits, `-` and `_` in
labels of 1 to 63 characters. That takes in the names that DNS zones really have, `_` and `xn--` included, and
leaves out what the standard merely does not forbid (quotes, braces, `;`, `,` …): no site needs it, and much
that reads headers later on trips over it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from corsbp.errors import Problem

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_NAME = 253  # RFC 1035, 2.3.4, without the root's dot and length
MAX_LABEL = 63
MAX_SCHEME = 32  # no standard has a limit; the longest in use has 20
MAX_LENGTH = MAX_SCHEME + len("://") + MAX_NAME + len(":65535")

_Tails: TypeAlias = list[dict[str, tuple[str, ...]]]
_FIELD = "allow_origins"
# What is not valid must never come out as faultless, even if the diagnosis should miss why.
_UNEXPLAINED = [("origin-host-character", "is not scheme://host[:port] as browsers send it")]
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# A page's origin is that of the page: a WebSocket's handshake carries an https one. The others are opaque.
_NEVER_SENT = frozenset({"about", "blob", "data", "file", "ftp", "javascript", "mailto", "ws", "wss"})

# None of these can backtrack far: no character both continues a part and begins the next.
_SCHEME = rf"[a-z][a-z0-9+.-]{{0,{MAX_SCHEME - 1}}}"
_NAME = rf"[a-z0-9_-]{{1,{MAX_LABEL}}}(?:\.[a-z0-9_-]{{1,{MAX_LABEL}}})*"
_is_scheme = re.compile(_SCHEME).fullmatch
_is_name = re.compile(_NAME).fullmatch
_is_number = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch  # URL, "ends in a number checker"
_is_decimal_port = re.compile(r"[1-9][0-9]{0,4}").fullmatch
_entry = re.compile(
    rf"({_SCHEME})://(\[[0-9a-f:]{{2,39}}\]|(?:\*\.)?{_NAME})(?::(\*|[1-9][0-9]{{0,4}}))?"
).fullmatch


class _Entry(NamedTuple):
    """A valid origin or pattern in its parts."""

    scheme: str
    host: str  # with the `*.` or the brackets
    port: str  # digits, "*" or ""


def is_origin(value: str) -> bool:
    """Whether `value` is an origin in the form in which browsers send it; `null` and patterns are not.

    The work is bounded: whatever is longer than `MAX_LENGTH` is refused unread.
    """
    return _parse(value) is not None and "*" not in value


def is_pattern(entry: str) -> bool:
    """Whether `entry`, which is valid, is a pattern rather than one origin."""
    return "*" in entry


def problems_of(entry: object) -> tuple[Problem, ...]:
    """All that is wrong with one declared origin or pattern; nothing if it is valid.

    The suggestion is the same in each: the entry with all of it put right, where that can be told.
    """
    if not isinstance(entry, str):
        return (_not_a_string(entry),)
    if _parse(entry):
        return ()
    diagnosis = _Diagnosis()
    meant: str | None = diagnosis.examine(entry)
    if diagnosis.several:
        meant = json.dumps(diagnosis.several)
    elif not _parse(meant or ""):
        meant = None
    faults = diagnosis.faults or _UNEXPLAINED
    return tuple(Problem(problem_id, _FIELD, entry, message, meant) for problem_id, message in faults)


def covers(entry: str, other: str) -> bool:
    """Whether `entry` allows all that `other` allows, and is not `other` itself; both are valid entries."""
    return entry in _wider(other)


def covering(other: str, entries: Container[str]) -> str | None:
    """The narrowest of `entries` that covers `other`, or None. Costs the labels of `other` only."""
    return next((entry for entry in _wider(other) if entry in entries), None)


def is_insecure(entry: str) -> bool:
    """Whether what is sent to pages of a valid `entry` can be read and changed on its way.

    That is `http`, unless it stays on the machine: 127.0.0.0/8, [::1], localhost and its subdomains
    (Secure Contexts, "is origin potentially trustworthy?").
    """
    scheme, host, _ = _split(entry)
    return scheme == "http" and not _is_loopback(host)


def is_below_public_suffix(entry: str) -> bool:
    """Whether a valid `entry` has a wildcard that covers names of strangers: `https://*.com`, `https://*.github.io`.

    Mozilla's list decides, with its private section and its default rule, by which any unlisted last label
    is a public suffix; `localhost` is none.
    """
    host = _split(entry).host
    return host.startswith("*.") and host != "*.localhost" and _public_suffixes().is_public(host[2:])


class Origins:
    """Valid origins and patterns, compiled: what they allow is told without a look at each of them.

    `exact` holds the origins; `match` knows the patterns. Neither stores anything about what it is asked.
    """

    __slots__ = ("_any_port", "_below", "_below_any_port", "_has_patterns", "exact")

    exact: frozenset[str]

    def __init__(self, entries: Iterable[str]) -> None:
        entries = frozenset(entries)
        patterns = frozenset(filter(is_pattern, entries))
        self.exact = entries - patterns
        self._has_patterns = bool(patterns)
        # `scheme://host` of the patterns with one host and any port
        self._any_port = frozenset(entry[:-2] for entry in patterns if "://*." not in entry)
        # for each number of labels behind the wildcard: `.example.com` or `.example.com:8443` → `https://` …
        self._below: _Tails = []
        self._below_any_port: _Tails = []
        for scheme, host, port in map(_split, sorted(patterns)):
            if host.startswith("*."):
                tail = host[1:]
                depths = self._below_any_port if port == "*" else self._below
                depths.extend({} for _ in range(tail.count(".") - len(depths)))
                tails = depths[tail.count(".") - 1]
                key = f"{tail}:{port}" if port not in ("", "*") else tail
                tails[key] = (*tails.get(key, ()), f"{scheme}://")

    def match(self, origin: str) -> bool:
        """Whether one of the patterns allows `origin`, which may be anything that a request can hold.

        Only what `is_origin` says yes to is ever allowed. Costs the labels of the host, at most as many as
        the longest pattern has, and never the number of patterns.
        """
        if not self._has_patterns or len(origin) > MAX_LENGTH:
            return False
        if _is_below(origin, self._below):
            return True
        if not (self._any_port or self._below_any_port):
            return False
        host, _, port = origin.rpartition(":")
        if not port.isdigit():
            host, port = origin, ""
        if host in self._any_port or _is_below(host, self._below_any_port):
            return _is_port(port, host.partition("://")[0])
        return False


def _is_below(origin: str, depths: _Tails) -> bool:
    """Whether an origin has a valid name below one of these tails; with a port where the tail has one."""
    cut = MAX_LENGTH
    for tails in depths:
        cut = origin.rfind(".", 0, cut)
        if cut < 0:
            return False
        if not tails:
            continue
        for scheme in tails.get(origin[cut:], ()):
            if origin.startswith(scheme):
                name = origin[len(scheme) : cut]
                if len(origin) > MAX_NAME and len(origin[len(scheme) :].partition(":")[0]) > MAX_NAME:
                    return False
                # one label of letters and digits, as most are: no need to search
                if name.isalnum() and name.islower() and name.isascii() and len(name) <= MAX_LABEL:
                    return True
                return _is_name(name) is not None
    return False


def _parse(text: str) -> _Entry | None:
    """The parts of a valid origin or pattern. This, and not the diagnosis below, decides what is valid."""
    if len(text) > MAX_LENGTH or not (found := _entry(text)):
        return None
    scheme, host, port = found.groups("")
    if scheme in _NEVER_SENT or not (port == "*" or _is_port(port, scheme)) or not _is_host(host):
        return None
    return _Entry(scheme, host, port)


def _split(entry: str) -> _Entry:
    """The parts of an entry that is known to be valid."""
    scheme, _, rest = entry.partition("://")
    host, colon, port = rest.rpartition(":")
    return _Entry(scheme, host, port) if colon and not port.endswith("]") else _Entry(scheme, rest, "")


def _is_port(port: str, scheme: str) -> bool:
    """Whether browsers send `port` with `scheme`; "" is the default port, which they leave out."""
    if not port:
        return True
    return _is_decimal_port(port) is not None and int(port) <= 65535 and port != _DEFAULT_PORTS.get(scheme)


def _is_host(host: str) -> bool:
    """Whether a host of the right characters is one that browsers send."""
    if host[0] == "[":
        address = _ipv6(host[1:-1])
        return address is not None and host == f"[{address}]"
    # A name that ends in a number is an IPv4 address or nothing, and below an address there are no names.
    return len(host) <= MAX_NAME and (not _is_number(host.rpartition(".")[2]) or _is_ipv4(host))


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)  # takes only the form that browsers send: four decimal numbers, no leading zeros
    except ValueError:
        return False
    return True


def _ipv6(text: str) -> IPv6Address | None:
    """The address, unless it is a mapped or zoned one: servers and browsers write those in several ways."""
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    return None if address.ipv4_mapped or address.scope_id else address


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "[::1]"} or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and _is_ipv4(host)


def _wider(entry: str) -> Iterator[str]:
    """Every pattern that allows all that a valid entry allows and more, narrow ones first."""
    scheme, host, port = _split(entry)
    hosts = [host]
    rest = host.removeprefix("*.")
    while "." in rest:
        rest = rest.partition(".")[2]
        hosts.append(f"*.{rest}")
    for host in hosts:
        for suffix in dict.fromkeys((f":{port}" if port else "", ":*")):
            if (pattern := f"{scheme}://{host}{suffix}") != entry:
                yield pattern


@cache
def _public_suffixes() -> PublicSuffixList:
    # Reading the list takes tens of milliseconds, so only those pay who combine wildcards with credentials.
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415, because its list takes time to load

    return PublicSuffixList()


# --- Saying why. From here on everything is for people who wrote an entry that is not valid. ---

# Signs that somebody brought along a regular expression: `\.`, `https?://`, `//.*`, anchors and groups
_looks_like_regex = re.compile(r"\\[.dwsb/-]|s\?://|//\.[*+]|\.\+|[\^$()|]").search
_scheme_and_rest = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/*)(.*)", re.DOTALL).fullmatch


def _not_a_string(entry: object) -> Problem:
    if isinstance(entry, re.Pattern):
        return Problem(
            "origin-regex", _FIELD, entry, "is a regular expression: write a pattern or a function"
        )
    text = entry.decode("latin-1") if isinstance(entry, bytes) else ""
    message = f"is of type {type(entry).__name__}, not a string"
    return Problem("entry-type", _FIELD, entry, message, text if _parse(text) else None)


class _Diagnosis:
    """Reads an invalid entry from left to right, notes what is wrong and puts right what can be.

    What cannot be put right is left standing: what comes out is then not valid either, so no suggestion.
    """

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self.several: list[str] = []

    def note(self, problem_id: str, message: str) -> None:
        self.faults.append((problem_id, message))

    def examine(self, text: str) -> str:
        """Return the entry as it was probably meant."""
        if text != text.strip():
            self.note("origin-whitespace", "has space around it")
            text = text.strip()
        if self._is_something_else(text):
            return text
        if re.search(r"[\x00-\x1f\x7f]", text):
            self.note("origin-control-character", "holds a control character")
        if " " in text:
            self.note("origin-whitespace", "holds a space")
        scheme, rest = self._scheme(text)
        if scheme is None:
            return text
        rest = self._cut_behind(rest)
        if "@" in rest:
            self.note("origin-userinfo", "holds a user's name; an origin is only scheme://host[:port]")
            rest = rest.rpartition("@")[2]
        host, port = self._host_and_port(rest)
        scheme = scheme or ("http" if _is_loopback(host.lower()) else "https")
        port = self._port(port, scheme.lower())
        host = self._host(host, scheme)
        return f"{scheme.lower()}://{host}{port}"

    def _is_something_else(self, text: str) -> bool:
        parts = re.split(r"[\s,;]+", text)
        if text == "":
            self.note("origin-empty", "is no origin")
        elif text == "*":
            self.note("star-not-alone", 'means every origin: write allow_origins="*", or only the others')
        elif text.lower() == "null":
            self.note(
                "origin-null", "is what every sandboxed frame and local file sends: it would allow everyone"
            )
        elif len(parts) > 1 and all("://" in part for part in parts):
            self.note("origin-several", "is several origins in one string")
            self.several = parts if all(map(_parse, parts)) else []
        elif _looks_like_regex(text):
            self.note("origin-regex", "looks like a regular expression: write a pattern or a function")
        else:
            return False
        return True

    def _scheme(self, text: str) -> tuple[str | None, str]:
        """The scheme, "" where one has to be guessed, None where the rest is moot; and what follows it."""
        before, separator, behind = text.partition("://")
        found = _scheme_and_rest(text)
        name = found[1].lower() if found else ""
        if name == "file":
            self.note("origin-file", "is a local file, for which browsers send null")
            return None, text
        if name in _NEVER_SENT:
            secure = {"ws": "http", "wss": "https"}.get(name)
            self.note("origin-scheme-never-sent", f"has the scheme {name}:, which no page has")
            return (secure, behind) if separator else (None, text)
        if found and separator and len(found[1]) == len(before):
            if len(name) > MAX_SCHEME:
                self.note("origin-scheme-invalid", f"has a scheme of more than {MAX_SCHEME} characters")
            return before, behind
        if before and separator:
            if "*" in before:
                self.note(
                    "origin-wildcard-place", "has * for a scheme: write one entry for each that you mean"
                )
            else:
                self.note("origin-scheme-invalid", "does not begin with a scheme such as https")
            return before, behind
        self.note("origin-scheme-missing", "does not begin with a scheme and ://")
        if found and name in _DEFAULT_PORTS:
            return name, found[3]
        return "", text.lstrip(":/")

    def _cut_behind(self, rest: str) -> str:
        """`rest` without fragment, query and path."""
        rest, fragment, _ = rest.partition("#")
        if fragment:
            self.note("origin-fragment", "has a fragment; an origin is only scheme://host[:port]")
        rest, query, _ = rest.partition("?")
        if query:
            self.note("origin-query", "has a query; an origin is only scheme://host[:port]")
        rest, slash, path = rest.partition("/")
        if path:
            self.note("origin-path", "has a path; an origin is only scheme://host[:port]")
        elif slash:
            self.note("origin-trailing-slash", "ends in a slash, which browsers do not send")
        return rest

    def _host_and_port(self, rest: str) -> tuple[str, str | None]:
        """The host, and what stands behind its colon; None if there is no colon."""
        if _ipv6(rest):
            self.note("origin-ip-invalid", "has an IPv6 address without brackets")
            return f"[{rest}]", None
        end = rest.rfind("]") + 1
        host, colon, port = rest[end:].partition(":")
        return rest[:end] + host, port if colon else None

    def _port(self, port: str | None, scheme: str) -> str:
        """The port with its colon, or ""."""
        if port is None:
            return ""
        if port == "":
            self.note("origin-port-empty", "has a colon but no port")
            return ""
        if port == _DEFAULT_PORTS.get(scheme):
            self.note("origin-port-default", f"names the default port of {scheme}, which browsers leave out")
            return ""
        if port != "*" and "*" in port:
            self.note("origin-wildcard-place", "has * for a part of the port; it stands for the whole of it")
        elif port != "*" and not _is_port(port, scheme):
            self.note("origin-port-invalid", "has no port from 1 to 65535 without leading zeros")
            port = port.lstrip("0") if port.isdecimal() else port
        return "" if port == _DEFAULT_PORTS.get(scheme) else f":{port}"

    def _host(self, host: str, scheme: str) -> str:
        if not host:
            self.note("origin-host-missing", "has no host")
            return host
        if not host.isascii():
            self.note("origin-unicode", "has an international name, which browsers send in its ASCII form")
            host = _to_ascii(host)
        if re.search("[A-Z]", scheme + host):
            self.note("origin-upper-case", "has capital letters; browsers send lower case")
            host = host.lower()
        if host.removeprefix("*.").startswith("["):
            return self._ip_literal(host)
        host = self._labels(self._wildcard(host))
        name = host.removeprefix("*.")
        if len(host) > MAX_NAME:
            self.note("origin-name-too-long", f"has a host of more than {MAX_NAME} characters")
        if host.startswith("*.") and _is_ipv4(name):
            self.note("origin-wildcard-ip", "has a wildcard before an IP address, which has no subdomains")
        elif _is_number(name.rpartition(".")[2]) and not _is_ipv4(host):
            self.note("origin-ip-invalid", "ends in a number but is no IPv4 address as browsers send it")
        if odd := sorted(set(re.findall(r"[^a-z0-9_.*\x00-\x20\x7f-]", host))):
            self.note("origin-host-character", f"has {' '.join(odd)!a} in its host")
        return host

    def _wildcard(self, host: str) -> str:
        """Note a `*` out of its place. Returns the host with it in its place where that is plain enough."""
        if "*" not in host.removeprefix("*."):
            return host
        self.note("origin-wildcard-place", "has * where it is not the whole leftmost label of a longer host")
        # Whoever writes `*example.com` or `*.*.example.com` means the subdomains.
        return re.sub(r"^(?:\*\.)*\*\.?(?=[a-z0-9])", "*.", host)

    def _labels(self, host: str) -> str:
        if "" in host.split("."):
            self.note("origin-label-empty", "has an empty label in its host: a dot too many")
            host = host.rstrip(".")
            if host.startswith("."):  # elsewhere `.example.com` is a way to write "and its subdomains"
                host = f"*{host}"
        if any(len(label) > MAX_LABEL for label in host.split(".")):
            self.note("origin-label-too-long", f"has a label of more than {MAX_LABEL} characters")
        return host

    def _ip_literal(self, host: str) -> str:
        """The host in brackets as browsers send it, where it is an address of a kind that corsbp takes."""
        if host.startswith("*."):
            self.note("origin-wildcard-ip", "has a wildcard before an IP address, which has no subdomains")
        elif not _is_host(host):
            self.note("origin-ip-invalid", "has no IPv6 address in the form that browsers send")
            address = _ipv6(host.strip("[]"))
            return f"[{address}]" if address else host
        return host


def _to_ascii(host: str) -> str:
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
