"""The diagnosis of an entry that is not an origin or pattern: what is wrong, and what was meant.

For people only: the grammar in `spec.origins` decides what is valid, and so what is ever allowed.
"""

from __future__ import annotations

import json
import re
from ipaddress import ip_network

from ..ids import Message
from ..spec.hosts import is_loopback, parse_ipv6
from ..spec.origins import DEFAULT_PORTS, FILE, MAX_SCHEME, NEVER_SENT, is_entry, is_port, parse_entry
from ..spec.wildcards import is_pattern
from . import field_ids, host_ids, origin_ids
from .entry_checks import check_public, check_with_credentials
from .host_diagnosis import correct_host, report_unreadable_label
from .problems import Problem, make_problem

_FIELD = "allow_origins"


def origin_problems(
    text: object, patterns: bool = False, credentials: bool = False, public: bool = False
) -> tuple[Problem, ...]:
    """Return the problems of one origin, say one that a customer typed; an empty tuple if it is good.

        for problem in origin_problems("https://shop.example/"):
            print(problem.message, problem.suggestion)  # ends in a slash … https://shop.example

    Args:
        text: the origin. If it is good, it can be an entry of `allow_origins`.
        patterns: whether `https://*.shop.example` and `http://localhost:*` are good, too.
        credentials: whether it is for a section with `allow_credentials=True`.
        public: whether only origins of web sites on the internet are good: https, no port, and a registered
            name, not an IP address, a reserved name or a public suffix.

    Returns:
        All problems. They share one suggestion: the text with all of them corrected, or None if it is not
        clear what was meant.
    """
    if not isinstance(text, str):
        return (_not_a_string(text, patterns),)
    diagnosis = OriginDiagnosis()
    meant = diagnosis.examine(text)
    if meant is not None and is_entry(meant):
        meant = diagnosis.check(meant, credentials, public)
    if meant is not None and is_pattern(meant) and not patterns:
        diagnosis.add(origin_ids.PATTERN)
        meant = None
    return tuple(Problem(id_, _FIELD, text, message, meant) for id_, message in diagnosis.faults)


def _not_a_string(value: object, patterns: bool) -> Problem:
    """Return the problem of an entry that is not a string, with the origin that it probably stands for."""
    if isinstance(value, re.Pattern):
        return make_problem(origin_ids.REGEX, _FIELD, value)
    text = ""
    if isinstance(value, bytes):
        text = value.decode("latin-1")
    elif hasattr(value, "scheme"):  # a URL object, of whatever library
        geturl = getattr(value, "geturl", None)
        text = str(geturl() if callable(geturl) else value)
    faults = origin_problems(text, patterns)
    corrected = faults[0].suggestion if faults else text
    meant = corrected if "://" in text else None
    return make_problem(field_ids.ENTRY_TYPE, _FIELD, value, meant, type=type(value).__name__)


# Signs of a regular expression: `\.`, `https?://`, `//.*`, anchors and groups
_looks_like_regex = re.compile(r"\\[.dwsb/-]|s\?://|//\.[*+]|\.\+|[\^$()|]").search
_scheme_and_rest = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/*)(.*)", re.DOTALL).fullmatch
_ports = re.compile(r"(.*):[\[{]?([0-9]+(?:[,;-][0-9]+)+)[\]}]?").fullmatch


class OriginDiagnosis:
    """A diagnosis that reads an entry from left to right, records its faults and corrects what it can.

    Parts that cannot be corrected stay as they are. The result is then not valid, so that there is no
    suggestion.
    """

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        """The ids and messages of the faults."""
        self.several: str = ""
        """The list that was probably meant where one entry has several origins, as JSON."""

    def add(self, message: Message, **values: object) -> None:
        """Record a fault: a declared message, filled with `values`."""
        self.faults.append((message.id, message.fill(**values)))

    def check(self, entry: str, credentials: bool, public: bool) -> str | None:
        """Add what is wrong with a valid entry, and return the corrected one; None if it is not clear."""
        found: list[tuple[Message, str | None]] = []
        if credentials:
            found += check_with_credentials(entry)
        if public:
            found += check_public(entry)
        corrections = []
        for message, corrected in found:
            self.add(message)
            corrections.append(corrected)
        if None in corrections:
            return None
        # The only correction is https instead of http, so that all of them are the same.
        return corrections[0] if corrections else entry

    def examine(self, text: str) -> str | None:
        """Record the faults, and return the entry that was probably meant; None if that is not clear."""
        if is_entry(text):
            return text
        if (entry := parse_entry(text)) is not None:
            report_unreadable_label(entry.host, self.add)
            return None
        meant = self.read(text)
        if not self.faults:
            # An entry that is not valid is refused, even if the diagnosis does not find out why.
            self.add(host_ids.UNEXPLAINED)
        return meant if meant and (meant == self.several or is_entry(meant)) else None

    def read(self, text: str) -> str | None:
        """Record the faults of an invalid entry, and return a correction, or several origins as JSON."""
        if text != text.strip():
            self.add(origin_ids.WHITESPACE_AROUND)
            text = text.strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            self.add(origin_ids.QUOTES_AROUND)
            text = text[1:-1]
        kinds = (self._diagnose_word, self._diagnose_list, self._diagnose_network, self._diagnose_regex)
        for diagnose in kinds:
            if (found := diagnose(text)) is not None:
                return found
        if re.search(r"[\x00-\x1f\x7f]", text):
            self.add(origin_ids.CONTROL_CHARACTER)
        if " " in text:
            self.add(origin_ids.SPACE_INSIDE)
        scheme, rest = self._read_scheme(text)
        if scheme is None:
            return rest
        rest = self._cut_path(rest)
        if "@" in rest:
            self.add(origin_ids.USERINFO)
            rest = rest.rpartition("@")[2]
        host, port = self._split_port(rest)
        scheme = scheme or ("http" if is_loopback(host.lower()) else "https")
        port = self._correct_port(port, scheme.lower())
        host = correct_host(host, scheme, self.add)
        return f"{scheme.lower()}://{host}{port}"

    # --- entries of another kind; each method returns None if the text is not of its kind ---

    def _diagnose_word(self, text: str) -> str | None:
        """Diagnose an empty text, `*` and `null`."""
        messages = {"": origin_ids.EMPTY, "*": field_ids.STAR_IS_NOT_AN_ORIGIN, "null": origin_ids.NULL}
        message = messages.get(text.lower())
        if message is None:
            return None
        self.add(message)
        return ""

    def _diagnose_list(self, text: str) -> str | None:
        """Diagnose several origins, or several ports of one host."""
        parts = re.split(r"[\s,;]+", text)
        if len(parts) > 1 and all("://" in part for part in parts):
            self.add(origin_ids.SEVERAL)
        elif found := _ports(text):
            self.add(origin_ids.SEVERAL_PORTS)
            parts = [f"{found[1]}:{port}" for port in re.split("[,;]", found[2])]
        else:
            return None
        self.several = json.dumps(parts) if all(map(is_entry, parts)) else ""
        return self.several

    def _diagnose_network(self, text: str) -> str | None:
        """Diagnose a network: `10.0.0.0/8`."""
        address, _, bits = text.rpartition("://")[2].partition("/")
        try:
            ip_network(f"{address}/{int(bits)}", strict=False)
        except ValueError:
            return None
        self.add(origin_ids.NETWORK)
        return ""

    def _diagnose_regex(self, text: str) -> str | None:
        """Diagnose a regular expression."""
        if not _looks_like_regex(text):
            return None
        self.add(origin_ids.LOOKS_LIKE_REGEX)
        return ""

    # --- the parts of an origin ---

    def _read_scheme(self, text: str) -> tuple[str | None, str]:
        """Return the scheme, "" if it has to be guessed, and the text after it; or None and a correction."""
        before, separator, behind = text.partition("://")
        found = _scheme_and_rest(text)
        name = found[1].lower() if found else ""
        if name in NEVER_SENT:
            return self._read_scheme_never_sent(name, behind)
        if found and separator and len(found[1]) == len(before):
            if len(name) > MAX_SCHEME:
                self.add(origin_ids.SCHEME_TOO_LONG, limit=MAX_SCHEME)
            return before, behind
        if before and separator:
            if "*" in before:
                self.add(host_ids.WILDCARD_SCHEME)
                return "https", behind
            self.add(origin_ids.SCHEME_INVALID)
            return before, behind
        self.add(origin_ids.SCHEME_MISSING)
        # `https:app.example` and `https:/app.example` have a scheme; `localhost:3000` does not
        if found and name in DEFAULT_PORTS:
            return name, found[3]
        return "", text.lstrip(":/")

    def _read_scheme_never_sent(self, name: str, behind: str) -> tuple[str | None, str]:
        """Return the same as `_read_scheme`, for a scheme that no page has; `behind` is the text after
        `://`."""
        if name == "file":
            self.add(origin_ids.FILE_ADDRESS)
            return None, FILE
        self.add(origin_ids.SCHEME_NEVER_SENT, scheme=name)
        if not behind:
            return None, ""
        # a handshake carries the origin of its page, which has the scheme of http
        return {"ws": "http", "wss": "https"}.get(name), behind

    def _cut_path(self, rest: str) -> str:
        """Return `rest` without fragment, query and path."""
        rest, fragment, _ = rest.partition("#")
        if fragment:
            self.add(origin_ids.FRAGMENT)
        rest, query, _ = rest.partition("?")
        if query:
            self.add(origin_ids.QUERY)
        rest, slash, path = rest.partition("/")
        if path:
            self.add(origin_ids.PATH)
        elif slash:
            self.add(origin_ids.TRAILING_SLASH)
        return rest

    def _split_port(self, rest: str) -> tuple[str, str | None]:
        """Return the host, and the text after its colon; None if there is no colon."""
        if parse_ipv6(rest):
            self.add(host_ids.IPV6_WITHOUT_BRACKETS)
            return f"[{rest}]", None
        end = rest.rfind("]") + 1
        host, colon, port = rest[end:].partition(":")
        return rest[:end] + host, port if colon else None

    def _correct_port(self, port: str | None, scheme: str) -> str:
        """Return the port with its colon; "" for the default port, which browsers leave out."""
        if port is None:
            return ""
        default = DEFAULT_PORTS.get(scheme)
        if port == "":
            self.add(origin_ids.PORT_EMPTY)
        elif port == default:
            self.add(origin_ids.PORT_DEFAULT, scheme=scheme)
        elif port != "*" and "*" in port:
            self.add(host_ids.WILDCARD_PORT)
        elif port != "*" and not is_port(port, scheme):
            self.add(origin_ids.PORT_INVALID)
            port = (port.lstrip("0") or "0") if port.isdecimal() else port
        return "" if port in ("", default) else f":{port}"
