"""The entries of a declared collection: in a stable order, each once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set

from .fields import Star, function_name


def unique_entries(value: Collection[object]) -> Star | tuple[object, ...]:
    """Return the entries of a collection, each once; `"*"` for a collection of just that."""
    # The order of a set changes from run to run: it must not get into a header, a name or a log line.
    entries: Iterable[object] = sorted(value, key=_sort_key) if isinstance(value, Set) else value
    by_identity = {_identity(entry): entry for entry in map(_as_plain, entries)}
    unique = tuple(by_identity.values())
    return "*" if unique == ("*",) else unique


def _as_plain(entry: object) -> object:
    """Return a string of a class of its own as a plain string; other entries as they are."""
    if isinstance(entry, str):
        return str.__str__(entry)  # for a member of an Enum, str() returns its name
    return entry


def _sort_key(entry: object) -> tuple[bool, str]:
    """Return the place of an entry of a set: functions come last, by name, since their repr has an
    address."""
    if callable(entry):
        return True, function_name(entry)
    return False, repr(entry)


def _identity(entry: object) -> object:
    """Return a value that is equal for equal entries; some values that people declare cannot be hashed."""
    try:
        hash(entry)
    except TypeError:
        return id(entry) if callable(entry) else repr(entry)
    return entry
