"""The ids of problems of the host of an origin: what is wrong, what it means, and what to do."""

from __future__ import annotations

from typing import Final

from ..ids import IdTable

HOST_PROBLEMS: Final = IdTable()
"""The problems of the host of an entry of `allow_origins`."""

_declare = HOST_PROBLEMS.declare

HOST_MISSING: Final = _declare(
    "origin-host-missing",
    "has no host",
    meaning="There is no host after the scheme.",
    remedy="Add the host.",
)
HOST_CHARACTER: Final = _declare(
    "origin-host-character",
    "has {characters} in its host",
    meaning="The host has a character that no Origin header has.",
    remedy="Compare it with the address bar. Often a placeholder such as `{tenant}` was left in.",
)
UNEXPLAINED: Final = HOST_CHARACTER.variant("is not scheme://host[:port] as browsers send it")
UPPER_CASE: Final = _declare(
    "origin-upper-case",
    "has capital letters; browsers send lower case",
    meaning="Browsers send the scheme and the host in lower case.",
    remedy="Write it in lower case.",
)
UNICODE: Final = _declare(
    "origin-unicode",
    "has an international name, which browsers send in its ASCII form",
    meaning="Browsers send international names in their ASCII form (`xn--`).",
    remedy="Write the form with `xn--` that the error suggests.",
)
PUNYCODE: Final = _declare(
    "origin-punycode",
    "has the label {label}, which is not the ASCII form of a name",
    meaning="A label begins with `xn--`, but is not the ASCII form of an international name.",
    remedy="Copy the name from the address bar. Firefox and Safari do not open a site with such a label.",
)
LABEL_EMPTY: Final = _declare(
    "origin-label-empty",
    "has an empty label in its host: a dot too many",
    meaning="The host has two dots in a row, or a dot at its start or end.",
    remedy="Remove the dot. If people open the page with a dot at the end of the host, redirect them.",
)
DOT_AT_END: Final = LABEL_EMPTY.variant(
    "has a dot at its end: Chromium sends it if the page was opened with one, which is another site"
)
LABEL_TOO_LONG: Final = _declare(
    "origin-label-too-long",
    "has a label of more than {limit} characters",
    meaning="A label, the text between two dots of the host, has more than 63 characters.",
    remedy="Compare it with the address bar: no host has such a label.",
)
NAME_TOO_LONG: Final = _declare(
    "origin-name-too-long",
    "has a host of more than {limit} characters",
    meaning="The host has more than 253 characters.",
    remedy="Compare it with the address bar: no host has such a name.",
)
IP_INVALID: Final = _declare(
    "origin-ip-invalid",
    "ends in a number but is not an IPv4 address as browsers send it",
    meaning="An IP address is not in the form that browsers send, or the last label of a name is a number.",
    remedy="Write the address as the address bar shows it: `http://127.0.0.1`, `http://[::1]`.",
)
IPV6_INVALID: Final = IP_INVALID.variant("has an IPv6 address that is not in the form that browsers send")
IPV6_WITHOUT_BRACKETS: Final = IP_INVALID.variant("has an IPv6 address without brackets")
WILDCARD_PLACE: Final = _declare(
    "origin-wildcard-place",
    "has * where it is not the whole leftmost label of a longer host",
    meaning="`*` stands for whole labels at the left of a host, or for the whole port.",
    remedy="Write `*.` before the whole name, or `:*` after it. For anything else, write a function.",
)
WILDCARD_SCHEME: Final = WILDCARD_PLACE.variant("has * in its scheme: write one entry for each scheme")
WILDCARD_PORT: Final = WILDCARD_PLACE.variant("has * for a part of the port: * stands for the whole port")
ANY_HOST: Final = WILDCARD_PLACE.variant(
    'has * for its host: write allow_origins="*" for pages of any origin'
)
ANY_HOST_OF_SCHEME: Final = WILDCARD_PLACE.variant(
    "has * for its host: name each host, or write a function, such as {function}"
)
WILDCARD_INSIDE: Final = WILDCARD_PLACE.variant("has * within its host: write a function")
WILDCARD_INSIDE_NAME: Final = WILDCARD_PLACE.variant(
    "has * within its host: write a function that allows your names only, such as {function}"
)
WILDCARD_INSIDE_PUBLIC: Final = WILDCARD_PLACE.variant(
    "has * within its host, and anybody can register names below {suffix}: write a function that allows "
    "your names only, such as {function}"
)
WILDCARD_IP: Final = _declare(
    "origin-wildcard-ip",
    "has a wildcard before an IP address, which has no subdomains",
    meaning="An IP address has no subdomains.",
    remedy="Name the addresses, or write a function that compares them by the `ipaddress` module.",
)
WILDCARD_IN_IP: Final = WILDCARD_IP.variant(
    "has * in an IP address: write a function that uses the module ipaddress"
)
