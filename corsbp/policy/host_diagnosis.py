"""The diagnosis of the host of an entry that is not an origin or pattern: what is wrong, and what was
meant."""

from __future__ import annotations

import re
from typing import Protocol

from ..ids import Message
from ..spec.hosts import MAX_LABEL, MAX_NAME, is_host, is_ipv4, is_number, is_readable, parse_ipv6, to_ascii
from ..spec.origins import DEFAULT_PORTS
from ..spec.public_suffixes import is_public_suffix
from . import host_ids


class AddFault(Protocol):
    """A function that records a fault: a declared message, filled with `values`."""

    def __call__(self, message: Message, **values: object) -> None: ...


def correct_host(host: str, scheme: str, add: AddFault) -> str:
    """Record what is wrong with a host, and return the one that was probably meant.

    Parts that cannot be corrected stay as they are.
    """
    if not host:
        add(host_ids.HOST_MISSING)
        return host
    if not host.isascii():
        add(host_ids.UNICODE)
        # Punycode takes time that grows with the square of the length.
        if len(host) <= MAX_NAME:
            host = to_ascii(host)
    if re.search("[A-Z]", scheme + host):
        add(host_ids.UPPER_CASE)
        host = host.lower()
    name = host.removeprefix("*.")
    if name.startswith("["):
        return _correct_ip_literal(host, add)
    if "*" in name and re.fullmatch(r"[0-9.*]*[0-9][0-9.*]*", host):
        add(host_ids.WILDCARD_IN_IP)
        return host
    host = _correct_labels(_correct_wildcard(host, scheme, add), add)
    _report_name(host, add)
    report_unreadable_label(host, add)
    return host


def _report_name(host: str, add: AddFault) -> None:
    """Record what is wrong with a name as a whole, and cannot be corrected."""
    name = host.removeprefix("*.")
    if len(host) > MAX_NAME:
        add(host_ids.NAME_TOO_LONG, limit=MAX_NAME)
    if host.startswith("*.") and is_ipv4(name):
        add(host_ids.WILDCARD_IP)
    elif is_number(name.rpartition(".")[2]) and not is_ipv4(host):
        add(host_ids.IP_INVALID)
    # Spaces and control characters are recorded for the whole text.
    if characters := sorted(set(re.findall(r"[^a-z0-9_.*\x00-\x20\x7f-]", host))):
        more = " and more" if len(characters) > 5 else ""
        add(host_ids.HOST_CHARACTER, characters=f"{' '.join(characters[:5])!a}{more}")


def report_unreadable_label(host: str, add: AddFault) -> None:
    """Record the first label that begins with `xn--`, but is not an international name."""
    for label in host.split("."):
        # A label that is too long is recorded already, and would take long to read.
        if len(label) <= MAX_LABEL and not is_readable(label):
            # Without a suggestion: nobody knows the name that was meant.
            add(host_ids.PUNYCODE, label=ascii(label))
            return


def _correct_wildcard(host: str, scheme: str, add: AddFault) -> str:
    """Record a `*` in a wrong place, and return the host with it in its place where that is clear."""
    if "*" not in host.removeprefix("*."):
        return host
    # `*example.com` and `*.*.example.com` mean the subdomains of example.com
    meant = re.sub(r"^(?:\*+\.)*\*+\.?(?=[a-z0-9])", "*.", host)
    if "*" not in meant.removeprefix("*."):
        add(host_ids.WILDCARD_PLACE)
        return meant
    if host != "*":
        _suggest_function(host, scheme, add)
    elif scheme.lower() in DEFAULT_PORTS:
        add(host_ids.ANY_HOST)
    else:
        function = f'lambda origin, request: origin.startswith("{scheme.lower()}://")'
        add(host_ids.ANY_HOST_OF_SCHEME, function=function)
    return host


def _suggest_function(host: str, scheme: str, add: AddFault) -> None:
    """Record a `*` within a host, with a function that allows what was probably meant."""
    if not re.fullmatch(r"[a-z0-9_.*-]{1,253}", host):
        add(host_ids.WILDCARD_INSIDE)
        return
    suffix = re.sub(r"^[^*]*(?:\*[^.*]*\.?)+", "", host)
    is_public = bool(suffix) and is_public_suffix(suffix)
    if is_public:
        # Below vercel.app anybody can have the name app-x: a part that others cannot have tells them apart.
        host = re.sub(r"\*(?=\.|$)", "*-your-team", host)
    expression = f"{scheme.lower()}://{host}".replace(".", r"\.").replace("*", "[a-z0-9-]+")
    function = f'lambda origin, request: re.fullmatch(r"{expression}", origin) is not None'
    if is_public:
        add(host_ids.WILDCARD_INSIDE_PUBLIC, suffix=suffix, function=function)
    else:
        add(host_ids.WILDCARD_INSIDE_NAME, function=function)


def _correct_labels(host: str, add: AddFault) -> str:
    """Record labels that are empty or too long, and return the host without dots too many at its ends."""
    if host.endswith(".") and "" not in host[:-1].split("."):
        add(host_ids.DOT_AT_END)
        host = host[:-1]
    elif "" in host.split("."):
        add(host_ids.LABEL_EMPTY)
        host = host.rstrip(".")
        # Elsewhere, in cookies and in no_proxy, `.example.com` is a way to write "and its subdomains".
        if host.startswith("."):
            host = f"*{host}"
    if any(len(label) > MAX_LABEL for label in host.split(".")):
        add(host_ids.LABEL_TOO_LONG, limit=MAX_LABEL)
    return host


def _correct_ip_literal(host: str, add: AddFault) -> str:
    """Record what is wrong with a host in brackets, and return an IPv6 address as browsers send it."""
    if host.startswith("*."):
        add(host_ids.WILDCARD_IP)
        return host
    if is_host(host):
        return host
    add(host_ids.IPV6_INVALID)
    address = parse_ipv6(host.strip("[]"))
    return f"[{address}]" if address else host
