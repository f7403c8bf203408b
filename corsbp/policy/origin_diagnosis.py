"""What is wrong with an entry that is no origin or pattern, in words, and what was meant.

For people only: what is valid, and so what is ever allowed, is decided by the grammar in `origins`.
"""

from __future__ import annotations

import json
import re
from ipaddress import ip_network

from ..spec.hosts import is_loopback, parse_ipv6
from ..spec.origins import (
    DEFAULT_PORTS,
    FILE,
    MAX_SCHEME,
    NEVER_SENT,
    is_entry,
    is_pattern,
    is_port,
    parse_entry,
)
from .host_diagnosis import correct_host, report_unreadable_label
from .problems import Problem

_FIELD = "allow_origins"
# What is not valid must never come out as faultless, even if the diagnosis should miss why.
_UNEXPLAINED = [("origin-host-character", "is not scheme://host[:port] as browsers send it")]


def origin_problems(text: object, patterns: bool = False) -> tuple[Problem, ...]:
    """What is wrong with one origin, say one that a customer typed into a form; empty if it is good.

        for problem in origin_problems("https://shop.example/"):
            print(problem.message, problem.suggestion)  # ends in a slash … https://shop.example

    Args:
        text: the origin. What is good can stand in `allow_origins`.
        patterns: whether `https://*.shop.example` and `http://localhost:*` are good, too.

    Returns:
        All problems. They share one suggestion: the text with all of them put right, None where nobody can
        tell what was meant.
    """
    if not isinstance(text, str):
        return (_not_a_string(text, patterns),)
    diagnosis = OriginDiagnosis()
    meant = diagnosis.examine(text)
    if meant is not None and is_pattern(meant) and not patterns:
        diagnosis.note("origin-pattern", "allows many origins, where one is asked for")
        meant = None
    return tuple(Problem(id_, _FIELD, text, message, meant) for id_, message in diagnosis.faults)


def _not_a_string(value: object, patterns: bool) -> Problem:
    if isinstance(value, re.Pattern):
        message = "is a regular expression: write a pattern or a function"
        return Problem("origin-regex", _FIELD, value, message)
    message, text = f"is of type {type(value).__name__}, not a string", ""
    if isinstance(value, bytes):
        text = value.decode("latin-1")
    elif hasattr(value, "scheme"):  # the URL objects of all kinds of libraries
        geturl = getattr(value, "geturl", None)
        text = str(geturl() if callable(geturl) else value)
    faults = origin_problems(text, patterns)
    meant = faults[0].suggestion if faults else text
    return Problem("entry-type", _FIELD, value, message, meant if "://" in text else None)


# Signs that somebody brought along a regular expression: `\.`, `https?://`, `//.*`, anchors and groups
_looks_like_regex = re.compile(r"\\[.dwsb/-]|s\?://|//\.[*+]|\.\+|[\^$()|]").search
_scheme_and_rest = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/*)(.*)", re.DOTALL).fullmatch
_ports = re.compile(r"(.*):[\[{]?([0-9]+(?:[,;-][0-9]+)+)[\]}]?").fullmatch


class OriginDiagnosis:
    """Reads an entry from left to right, notes what is wrong and puts right what can be.

    What cannot be put right is left standing: what comes out is then not valid either, so no suggestion.
    """

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self.several = ""
        """What one entry has in the place of several: a list of them, as JSON."""

    def note(self, problem_id: str, message: str) -> None:
        self.faults.append((problem_id, message))

    def examine(self, text: str) -> str | None:
        """Note what is wrong, and return the entry as it was probably meant; None where nobody can tell."""
        if is_entry(text):
            return text
        if (entry := parse_entry(text)) is not None:
            report_unreadable_label(entry.host, self.note)
            return None
        meant = self.read(text)
        if not self.faults:
            self.faults.extend(_UNEXPLAINED)
        return meant if meant and (meant == self.several or is_entry(meant)) else None

    def read(self, text: str) -> str | None:
        """Note what is wrong with what is not valid. Returns what may be, or several origins as JSON."""
        if text != text.strip():
            self.note("origin-whitespace", "has space around it")
            text = text.strip()
        for kind in (self._nothing, self._several, self._network, self._regex):
            if (found := kind(text)) is not None:
                return found
        if re.search(r"[\x00-\x1f\x7f]", text):
            self.note("origin-control-character", "holds a control character")
        if " " in text:
            self.note("origin-whitespace", "holds a space")
        scheme, rest = self._scheme(text)
        if scheme is None:
            return rest
        rest = self._cut_behind(rest)
        if "@" in rest:
            self.note("origin-userinfo", "holds a user's name; an origin is only scheme://host[:port]")
            rest = rest.rpartition("@")[2]
        host, port = self._host_and_port(rest)
        scheme = scheme or ("http" if is_loopback(host.lower()) else "https")
        port = self._port(port, scheme.lower())
        host = correct_host(host, scheme, self.note)
        return f"{scheme.lower()}://{host}{port}"

    # --- what is something else; each returns None if the text is not of its kind ---

    def _nothing(self, text: str) -> str | None:
        if text == "":
            self.note("origin-empty", "is no origin")
        elif text == "*":
            self.note("star-not-alone", 'means every origin: write allow_origins="*", or only the others')
        elif text.lower() == "null":
            self.note(
                "origin-null", "is what every sandboxed frame and local file sends: it would allow everyone"
            )
        else:
            return None
        return ""

    def _several(self, text: str) -> str | None:
        parts = re.split(r"[\s,;]+", text)
        if len(parts) > 1 and all("://" in part for part in parts):
            self.note("origin-several", "is several origins in one string")
        elif found := _ports(text):
            self.note("origin-several", "has several ports: write one entry for each, or :* for any")
            parts = [f"{found[1]}:{port}" for port in re.split("[,;]", found[2])]
        else:
            return None
        self.several = json.dumps(parts) if all(map(is_entry, parts)) else ""
        return self.several

    def _network(self, text: str) -> str | None:
        address, slash, bits = text.rpartition("://")[2].partition("/")
        try:
            ip_network(f"{address}/{int(bits)}", strict=False)
        except ValueError:
            return None
        message = "is a network, and an origin has one host: write a function that asks the module ipaddress"
        self.note("origin-network", message)
        return slash.strip("/")

    def _regex(self, text: str) -> str | None:
        if not _looks_like_regex(text):
            return None
        self.note("origin-regex", "looks like a regular expression: write a pattern or a function")
        return ""

    # --- an origin's parts ---

    def _scheme(self, text: str) -> tuple[str | None, str]:
        """The scheme, "" where one has to be guessed, and what follows it; None where the rest is moot."""
        before, separator, behind = text.partition("://")
        found = _scheme_and_rest(text)
        name = found[1].lower() if found else ""
        if name in NEVER_SENT:
            return self._never_sent(name, behind)
        if found and separator and len(found[1]) == len(before):
            if len(name) > MAX_SCHEME:
                self.note("origin-scheme-invalid", f"has a scheme of more than {MAX_SCHEME} characters")
            return before, behind
        if before and separator:
            if "*" not in before:
                self.note("origin-scheme-invalid", "does not begin with a scheme such as https")
                return before, behind
            message = "has * in its scheme: write one entry for each that you mean"
            self.note("origin-wildcard-place", message)
            return "https", behind
        self.note("origin-scheme-missing", "does not begin with a scheme and ://")
        if found and name in DEFAULT_PORTS:
            return name, found[3]
        return "", text.lstrip(":/")

    def _never_sent(self, name: str, behind: str) -> tuple[str | None, str]:
        """As `_scheme`, for a scheme that no page has; `behind` its `://`."""
        if name == "file":
            message = "is the address of a file: browsers send null of it, or file:// where they are told to"
            self.note("origin-file", message)
            return None, FILE
        self.note("origin-scheme-never-sent", f"has the scheme {name}:, which no page has")
        secure = {"ws": "http", "wss": "https"}.get(name)
        return (secure, behind) if behind else (None, "")

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
        if parse_ipv6(rest):
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
        if port == DEFAULT_PORTS.get(scheme):
            self.note("origin-port-default", f"names the default port of {scheme}, which browsers leave out")
            return ""
        if port != "*" and "*" in port:
            self.note("origin-wildcard-place", "has * for a part of the port; it stands for the whole of it")
        elif port != "*" and not is_port(port, scheme):
            self.note("origin-port-invalid", "has no port from 1 to 65535 without leading zeros")
            port = port.lstrip("0") if port.isdecimal() else port
        return "" if port == DEFAULT_PORTS.get(scheme) else f":{port}"
