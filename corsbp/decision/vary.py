"""The Vary header: its order, and one Vary for the names of a section and of others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

from ..spec.fetch import CACHE_CONTROL, ORIGIN, PREFIX, REQUEST_HEADERS, REQUEST_METHOD, VARY

EncodedHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""The headers that a section sends; the last is a Vary, if there is one."""

_PREFIX: Final = PREFIX.encode()
_VARY: Final = VARY.encode()
_LENGTH: Final = len(PREFIX)
_CACHE_CONTROL: Final = CACHE_CONTROL.encode()

# Sanic removes these from the names that it sends: what they hide has to be found.
_REMOVED: Final = frozenset("\r\n\0")
_INITIALS: Final = frozenset("aAvVtT") | _REMOVED
_BEGINNINGS: Final = frozenset(
    f"{first}{second}"
    for pair in ("ac", "va", "tr")
    for first in (pair[0], pair[0].upper())
    for second in (pair[1], pair[1].upper(), *_REMOVED)
)
"""How names begin that have to be compared: access-control-…, vary, transfer-encoding."""
_USUAL: Final = frozenset(
    {"alt-svc", CACHE_CONTROL, "connection", "content-length", "content-type", "etag", "set-cookie"}
)
"""The names that most responses have, none of which has to be compared."""


def vary_names(by_origin: bool, by_method: bool = False, by_headers: bool = False) -> tuple[str, ...]:
    """Return the request headers that a response depends on, in the order in which Vary names them."""
    names = {ORIGIN: by_origin, REQUEST_METHOD: by_method, REQUEST_HEADERS: by_headers}
    return tuple(name for name, is_needed in names.items() if is_needed)


def has_names_to_compare(names: Iterable[str]) -> bool:
    """Return whether header names, as the user has written them, may be those that a section sends.

    Most responses have none of them: then nothing but the first letters is looked at, if that.
    """
    if _USUAL.issuperset(names):
        return False
    for name in names:
        initial = name[:1]
        if initial in _INITIALS and (initial in _REMOVED or name[:2] in _BEGINNINGS):
            return True
    return False


def vary_by(headers: EncodedHeaders, names: tuple[str, ...]) -> EncodedHeaders:
    """Return headers of a section, with these names in their Vary."""
    if headers and headers[-1][0] == _VARY:
        return (*headers[:-1], _extend_vary(headers[-1][1], names))
    return (*headers, _extend_vary(b"", names))


@lru_cache(maxsize=64)  # a policy has one Vary, and the check of a request reads one of a few lists of names
def _extend_vary(vary: bytes, names: tuple[str, ...]) -> tuple[bytes, bytes]:
    return _VARY, merge_vary(vary.decode(), *names).encode()


def forbid_storing(others: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response that no cache may keep, whatever others have set."""
    kept = [pair for pair in others if pair[0].lower() != _CACHE_CONTROL]
    return [*kept, (_CACHE_CONTROL, b"no-store")]


def merge_headers(
    others: Iterable[tuple[bytes, bytes]], headers: EncodedHeaders, has_body: bool
) -> list[tuple[bytes, bytes]]:
    """Return the headers of others with those of a section, compared as they are sent.

    has_body: whether the status of the response allows a body.
    """
    merged: list[tuple[bytes, bytes]] = []
    vary = [value.decode() for name, value in headers if name == _VARY]
    has_vary = bool(vary)
    for name, value in others:
        key = name.lower()
        if key == _VARY and has_vary:
            vary.insert(-1, value.decode(errors="surrogateescape"))
        elif key == b"transfer-encoding" and not has_body:
            # Over HTTP/3, Sanic sends it with every response without a length, which the protocol forbids.
            # https://www.rfc-editor.org/rfc/rfc9114#section-4.2
            continue
        elif key[:_LENGTH] != _PREFIX:
            merged.append((name, value))
    merged.extend(pair for pair in headers if pair[0] != _VARY)
    if has_vary:
        merged.append((_VARY, merge_vary(*vary).encode(errors="surrogateescape")))
    return merged


def merge_vary(*lines: str) -> str:
    """Return one Vary for these lines: each name once, in any case; `*` stands for all of them.

    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5
    """
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        if token := name.strip():
            names.setdefault(token.lower(), token)
    return "*" if "*" in names else ", ".join(names.values())
