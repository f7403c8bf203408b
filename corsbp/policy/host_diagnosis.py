"""What is wrong with the host of an entry that is no origin or pattern, and which was meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from ..spec.hosts import MAX_LABEL, MAX_NAME, is_host, is_ipv4, is_number, is_readable, parse_ipv6, to_ascii
from ..spec.origins import DEFAULT_PORTS
from ..spec.public_suffixes import is_public_suffix

AddFault: TypeAlias = Callable[[str, str], None]
"""Takes note of a problem: its id, and a message."""


def correct_host(host: str, scheme: str, note: AddFault) -> str:
    """Note what is wrong with a host, and return the one that was probably meant.

    What cannot be put right is left standing.
    """
    if not host:
        note("origin-host-missing", "has no host")
        return host
    if not host.isascii():
        note("origin-unicode", "has an international name, which browsers send in its ASCII form")
        if len(host) <= MAX_NAME:  # the work grows with the square of the length
            host = to_ascii(host)
    if re.search("[A-Z]", scheme + host):
        note("origin-upper-case", "has capital letters; browsers send lower case")
        host = host.lower()
    if host.removeprefix("*.").startswith("["):
        return _correct_ip_literal(host, note)
    if re.fullmatch(r"[0-9.*]*[0-9][0-9.*]*", host) and "*" in host.removeprefix("*."):
        note("origin-wildcard-ip", "has * in an IP address: write a function that asks the module ipaddress")
        return host
    host = _correct_labels(_correct_wildcard(host, scheme, note), note)
    name = host.removeprefix("*.")
    if len(host) > MAX_NAME:
        note("origin-name-too-long", f"has a host of more than {MAX_NAME} characters")
    if host.startswith("*.") and is_ipv4(name):
        note("origin-wildcard-ip", "has a wildcard before an IP address, which has no subdomains")
    elif is_number(name.rpartition(".")[2]) and not is_ipv4(host):
        note("origin-ip-invalid", "ends in a number but is no IPv4 address as browsers send it")
    if odd := sorted(set(re.findall(r"[^a-z0-9_.*\x00-\x20\x7f-]", host))):
        more = " and more" if len(odd) > 5 else ""
        note("origin-host-character", f"has {' '.join(odd[:5])!a}{more} in its host")
    report_unreadable_label(host, note)
    return host


def report_unreadable_label(host: str, note: AddFault) -> None:
    """Note a label that claims to be an international one, but is none."""
    labels = (each for each in host.split(".") if len(each) <= MAX_LABEL and not is_readable(each))
    if (label := next(labels, None)) is not None:
        # no suggestion can be made: what it was meant to say is what cannot be read
        note("origin-punycode", f"has the label {label!a}, which no browser can read")


def _correct_wildcard(host: str, scheme: str, note: AddFault) -> str:
    """Note a `*` out of its place. Returns the host with it in its place where that is plain enough."""
    if "*" not in host.removeprefix("*."):
        return host
    # Whoever writes `*example.com` or `*.*.example.com` means the subdomains.
    meant = re.sub(r"^(?:\*+\.)*\*+\.?(?=[a-z0-9])", "*.", host)
    if "*" not in meant.removeprefix("*."):
        note("origin-wildcard-place", "has * where it is not the whole leftmost label of a longer host")
        return meant
    if host == "*":
        message = 'has * for its host: write allow_origins="*" for pages of any origin'
        if scheme.lower() not in DEFAULT_PORTS:
            function = f'lambda origin, request: origin.startswith("{scheme.lower()}://")'
            message = f"has * for its host: name each, or write a function, such as {function}"
        note("origin-wildcard-place", message)
    else:
        note("origin-wildcard-place", f"has * within its host{_suggest_function(host, scheme)}")
    return host


def _suggest_function(host: str, scheme: str) -> str:
    """The rest of a sentence that says which function stands for a host with a `*` within it."""
    if not re.fullmatch(r"[a-z0-9_.*-]{1,253}", host):
        return ": write a function"
    below = re.sub(r"^[^*]*(?:\*[^.*]*\.?)+", "", host)
    theirs = bool(below) and is_public_suffix(below)
    if theirs:
        # What strangers can register, too, is told from theirs by a part that they cannot have.
        host = re.sub(r"\*(?=\.|$)", "*-your-team", host)
    expression = f"{scheme.lower()}://{host}".replace(".", r"\.").replace("*", "[a-z0-9-]+")
    function = f'lambda origin, request: re.fullmatch(r"{expression}", origin) is not None'
    who = f", and strangers register names below {below}" if theirs else ""
    return f"{who}: write a function that knows yours, such as {function}"


def _correct_labels(host: str, note: AddFault) -> str:
    if host.endswith(".") and "" not in host[:-1].split("."):
        message = "has a dot at its end: Chromium sends it if the page was opened so, as another site's"
        note("origin-label-empty", message)
        host = host[:-1]
    elif "" in host.split("."):
        note("origin-label-empty", "has an empty label in its host: a dot too many")
        host = host.rstrip(".")
        if host.startswith("."):  # elsewhere `.example.com` is a way to write "and its subdomains"
            host = f"*{host}"
    if any(len(label) > MAX_LABEL for label in host.split(".")):
        note("origin-label-too-long", f"has a label of more than {MAX_LABEL} characters")
    return host


def _correct_ip_literal(host: str, note: AddFault) -> str:
    """The host in brackets as browsers send it, where it is an address of a kind that corsbp takes."""
    if host.startswith("*."):
        note("origin-wildcard-ip", "has a wildcard before an IP address, which has no subdomains")
    elif not is_host(host):
        note("origin-ip-invalid", "has no IPv6 address in the form that browsers send")
        address = parse_ipv6(host.strip("[]"))
        return f"[{address}]" if address else host
    return host
