"""The checks of a valid origin or pattern: together with credentials, and as an origin of the internet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..ids import Message
from ..spec.hosts import is_ipv4
from ..spec.origins import FILE, is_insecure, split_entry
from ..spec.public_suffixes import is_below_public_suffix, registrable_domain
from . import field_ids, origin_ids

RESERVED: Final = frozenset({"localhost", "local", "internal", "test", "invalid", "onion"})
"""Last labels of names that no web site on the internet has: RFC 6761, 6762, 7686; ICANN for `internal`.

`example` is not among them: nobody can have such a name, and the documentation is full of them.
"""


def with_https(entry: str) -> str | None:
    """Return the same origin with https; None if it has a port, of which only the default ones correspond."""
    has_port = bool(split_entry(entry).port)
    return None if has_port else entry.replace("http:", "https:", 1)


def check_with_credentials(
    entry: str, *, allow_insecure: bool = False, allow_public_suffixes: bool = False
) -> Iterator[tuple[Message, str | None]]:
    """Return what is wrong if pages of a valid origin or pattern may send credentials, with corrections."""
    if entry == FILE:
        yield field_ids.CREDENTIALS_FILE, None
    if is_insecure(entry) and not allow_insecure:
        yield field_ids.CREDENTIALS_INSECURE, with_https(entry)
    if not allow_public_suffixes and is_below_public_suffix(entry):
        yield field_ids.CREDENTIALS_PUBLIC_SUFFIX, None


def check_public(entry: str) -> Iterator[tuple[Message, str | None]]:
    """Return why a valid origin or pattern is not that of a web site on the internet, with corrections."""
    scheme, host, port = split_entry(entry)
    if scheme != "https":
        yield origin_ids.NOT_PUBLIC, with_https(entry) if scheme == "http" else None
        if scheme != "http":
            return  # an origin of an app has no host and no port in this sense
    if port:
        yield origin_ids.PUBLIC_PORT, None
    name = host.removeprefix("*.")
    if name.startswith("[") or is_ipv4(name):
        yield origin_ids.PUBLIC_IP, None
    elif name.rpartition(".")[2] in RESERVED:
        yield origin_ids.PUBLIC_RESERVED, None
    elif not is_registrable(name) or is_below_public_suffix(entry):
        yield origin_ids.PUBLIC_SUFFIX, None


def is_registrable(name: str) -> bool:
    """Return whether a name is a registered one, or below one."""
    domain = registrable_domain(name)
    # A name of a DNS zone can have "_", a registered one cannot: RFC 1123, 2.1.
    return domain is not None and "_" not in domain
