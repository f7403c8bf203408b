"""The hosts of origins: domain names, IP addresses, and international names in the form that browsers send.

https://url.spec.whatwg.org/#host-representation
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from unicodedata import bidirectional

MAX_NAME = 253  # RFC 1035, 2.3.4: 255 octets, without the length of the first label and the root's
MAX_LABEL = 63  # RFC 1035, 2.3.4

# https://url.spec.whatwg.org/#ends-in-a-number-checker
is_number: Callable[[str], re.Match[str] | None] = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch


_JOINERS = "\u200c\u200d"  # RFC 5892, appendix A: invisible, but between letters of some scripts
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})  # RFC 5893, 1.4


def is_host(host: str) -> bool:
    """Return whether browsers send a host, all characters of which may stand in one."""
    if host.startswith("["):
        address = parse_ipv6(host[1:-1])
        return address is not None and host == f"[{address}]"
    if len(host) > MAX_NAME:
        return False
    # A name that ends in a number is an IPv4 address or invalid; an address has no subdomains.
    last_label = host.rpartition(".")[2]
    return not is_number(last_label) or is_ipv4(host)


def is_ipv4(host: str) -> bool:
    """Return whether a host is an IPv4 address in the form that browsers send."""
    try:
        # IPv4Address accepts that form only: four decimal numbers without leading zeros.
        IPv4Address(host)
    except ValueError:
        return False
    return True


def parse_ipv6(text: str) -> IPv6Address | None:
    """Return an IPv6 address; None for other text, and for addresses that have several forms.

    Browsers, proxies and Python write mapped (`::ffff:127.0.0.1`) and zoned (`fe80::1%eth0`) addresses in
    different ways, so that a comparison byte for byte would be wrong.
    """
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    return None if address.ipv4_mapped or address.scope_id else address


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: 127.0.0.0/8, [::1], `localhost` and its subdomains.

    https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
    """
    if host in {"localhost", "[::1]"} or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and is_ipv4(host)


@lru_cache(maxsize=1000)  # the last labels of many origins are the same
def is_readable(label: str) -> bool:
    """Return whether a label of a host is one that browsers can read.

    A label that begins with `xn--` has to be the ASCII form of a valid international name (UTS 46, 4.1), in
    the form that browsers write. That is what Firefox and WebKit read. Chromium, and the URL standard since
    June 2026, read every label of ASCII.
    """
    if not label.startswith("xn--"):
        return True
    try:
        name = label.removeprefix("xn--").encode().decode("punycode")
    except UnicodeError:
        return False
    return not name.isascii() and to_ascii(name) == label and _is_valid_name(name)


def _is_valid_name(name: str) -> bool:
    """Return whether a decoded label, which UTS 46 maps to itself, is valid by its other criteria.

    https://www.unicode.org/reports/tr46/#Validity_Criteria with CheckJoiners and CheckBidi, and without
    CheckHyphens, as in the URL standard. CheckBidi looks at this label alone: browsers disagree whether a
    label of ASCII such as `1a` may stand beside a right-to-left one.
    """
    import idna  # noqa: PLC0415, as in `to_ascii`

    # Criterion 3, for which browsers still have no check: it keeps a name from being encoded twice.
    if name.startswith("xn--"):
        return False
    joiners = [place for place, character in enumerate(name) if character in _JOINERS]
    try:
        idna.check_initial_combiner(name)
        # `check_bidi` refuses characters that are newer than Python's Unicode, left-to-right ones too
        if any(bidirectional(character) in _RIGHT_TO_LEFT for character in name):
            idna.check_bidi(name)
        return all(idna.valid_contextj(name, place) for place in joiners)
    except ValueError:  # of which idna's errors are subclasses
        return False


def to_ascii(host: str) -> str:
    """Return a host in the ASCII form that browsers send, or unchanged where it has none.

    https://url.spec.whatwg.org/#concept-domain-to-ascii. `idna.encode` is stricter than browsers are: it
    refuses `☃.net`.
    """
    if host.isascii():
        return host.lower()
    import idna  # noqa: PLC0415, because its tables take time to load and few need them

    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
        return ".".join(map(_encode_label, mapped.split(".")))
    except UnicodeError:
        return host


def _encode_label(label: str) -> str:
    """Return a label in its ASCII form. RFC 3492"""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"
