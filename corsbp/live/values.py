"""The valid entries of a value, also among 100,000: the event loop is not held up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, cast

from ..policy.field_ids import STAR_NOT_ALONE
from ..policy.fields import OriginFunction
from ..policy.origin_diagnosis import origin_problems
from ..policy.policy import CorsPolicy, fields_of, origin_set, with_origins
from ..policy.problems import CorsPolicyError, Problem, make_problem
from ..policy.validation import Validator
from ..spec.origins import is_entry
from ..spec.public_suffixes import is_below_public_suffix
from ..spec.wildcards import OriginSet, is_pattern
from ..text import safe_repr

STAR_IN_COLLECTION: Final = STAR_NOT_ALONE.variant(
    "is not an origin: a source that allows every origin yields it alone, not in a collection"
)

STEP: Final = 0.002
"""Seconds of work after which other tasks have their turn."""

CHUNK: Final = 256
"""Entries between two looks at the clock."""

_MAX_EXPLAINED: Final = 1000
"""Characters of an entry that are read to explain why it is not valid."""

_MAX_SET: Final = 150_000
"""Members of a set that are compared with another set in one step: that takes some milliseconds."""

_MANY: Final = 10_000
"""Entries that can be deleted in one step."""


class AppliedValue(NamedTuple):
    """The policy that a value makes."""

    policy: CorsPolicy
    left_out: Sequence[object] = ()
    """The entries that are not valid."""

    is_empty: bool = False
    """Whether the value is a collection without a valid entry."""


def preload_tables() -> None:
    """Load the tables that validation needs: while requests are served, loading them would be felt."""
    origin_problems("https://bücher.example")
    is_below_public_suffix("https://*.example")


def unify_value(value: object) -> object:
    """Return the entries of a collection, or of a function alone; other values as they are.

    They are a copy that the source cannot change: a frozenset of a set, a list of other collections. A tuple
    or a frozenset is not copied.

    Unlike in a declared policy, `["*"]` is not `"*"`: where every other customer has been deleted, it would
    open the section. Only the bare string opens it.
    """
    if callable(value):
        return [value]
    if type(value) is set:
        return frozenset(value)
    if type(value) in (tuple, frozenset):  # not a subclass, which may be able to change
        return value
    # A string and a mapping are collections too, but nobody means their characters or keys.
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Collection):
        return value
    return list(value)


async def apply_value(value: object, policy: CorsPolicy, kept: Sequence[object] = ()) -> AppliedValue:
    """Return the policy with this value as its origins, beside those that are kept.

    `value` is as `unify_value` returns it. Entries that are not valid are left out, and the others allowed.
    A `CorsPolicy` takes the place of all fields.

    Raises:
        CorsPolicyError: the value as a whole is not valid.
    """
    if isinstance(value, CorsPolicy):
        return AppliedValue(value)
    if not isinstance(value, list | tuple | frozenset):
        return AppliedValue(_open_to_all(value, policy))
    entries = ValidEntries(policy)
    entries.add(kept)
    invalid_kept = len(entries.left_out)
    others = value
    if isinstance(value, frozenset) and len(value) <= _MAX_SET:
        # Set with set is the shortest way: only what is not in both is looked at by itself.
        others = value - entries.known
        await asyncio.sleep(0)
        # To look for removed origins takes as long again: not where the numbers show that there are none.
        has_removed = len(entries.known) + len(others) > len(value)
        removed = entries.known - value if has_removed else frozenset()
        await asyncio.sleep(0)
        entries.add_known_except(removed)
        await asyncio.sleep(0)
    rest = iter(others)
    began = time.perf_counter()
    while chunk := list(islice(rest, CHUNK)):
        if time.perf_counter() - began > STEP:
            await asyncio.sleep(0)
            began = time.perf_counter()
        entries.add(chunk)
    # An origin that is kept as well counts: the store has it.
    is_empty = len(entries.left_out) - invalid_kept == len(value)
    allowed = entries.list_allowed()
    await asyncio.sleep(0)  # each copy of 100,000 entries takes milliseconds
    return AppliedValue(entries.to_policy(allowed), entries.left_out, is_empty)


def _open_to_all(value: object, policy: CorsPolicy) -> CorsPolicy:
    """Return the policy with `"*"` as its origins.

    Raises:
        CorsPolicyError: the value is not `"*"`, or the policy allows credentials.
    """
    validator = Validator()
    allowed = validator.check_origins(value)
    validator.check_credentials({**fields_of(policy), "allow_origins": allowed})
    if validator.problems:
        raise CorsPolicyError(validator.problems)
    return with_origins(policy, allowed, OriginSet(()), ())


class ValidEntries:
    """The valid entries among those that are added, each once and in the same order."""

    def __init__(self, policy: CorsPolicy) -> None:
        self.policy = policy
        self.fields: dict[str, Any] = fields_of(policy)
        # What the policy allows already is valid: one more origin among many costs little.
        self.known: frozenset[str] = cast("frozenset[str]", origin_set(policy).exact)
        self.exact: set[str] = set()
        self.origins: list[str] | None = []
        """The same origins, in their order; None if they came as a set, which has none."""
        self.patterns: dict[str, None] = {}
        self.functions: list[OriginFunction] = []
        self.left_out: list[object] = []

    def add_known_except(self, removed: frozenset[str]) -> None:
        """Add the origins that the policy allows already, without those that are removed."""
        exact = set(self.known)
        exact -= removed
        exact.update(self.exact)
        self.exact = exact
        self.origins = None

    def add(self, entries: Sequence[object]) -> None:
        """Add a few entries."""
        # Exactly str: an instance of a subclass can be equal to one text and shown as another.
        if set(map(type, entries)) == {str} and self.known.issuperset(entries):
            self._add_origins(cast("Sequence[str]", entries))
        else:
            for entry in entries:
                self._add_one(entry)

    def _add_origins(self, origins: Sequence[str]) -> None:
        # Nearly all origins take the short way, with one step for a whole chunk.
        if not self.exact.isdisjoint(origins):
            origins = [origin for origin in origins if origin not in self.exact]
        count = len(self.exact)
        self.exact.update(origins)
        if self.origins is not None:
            has_duplicates = len(self.exact) < count + len(origins)
            self.origins += dict.fromkeys(origins) if has_duplicates else origins

    def _add_one(self, entry: object) -> None:
        if not isinstance(entry, str):
            self._add_function(entry)
            return
        text = str.__str__(entry)
        if text not in self.known and not self._is_valid(text):
            self.left_out.append(entry)
        elif is_pattern(text):
            self.patterns[text] = None
        else:
            self._add_origins([text])

    def _is_valid(self, text: str) -> bool:
        # The grammar first: it is bounded and cheap, while an explanation of what is wrong is not.
        return is_entry(text) and not entry_problems(text, self.fields)

    def _add_function(self, entry: object) -> None:
        if not callable(entry) or entry_problems(entry, self.fields):
            self.left_out.append(entry)
        elif entry not in self.functions:
            self.functions.append(entry)

    def list_allowed(self) -> tuple[str | OriginFunction, ...]:
        """Return these entries as a policy lists them: origins, patterns and functions."""
        origins = self.exact if self.origins is None else self.origins
        # Added and not unpacked: that makes a list first, and to copy 100,000 entries takes milliseconds.
        allowed: tuple[str | OriginFunction, ...] = tuple(origins) + tuple(self.patterns)
        return allowed + tuple(self.functions)

    def to_policy(self, allowed: tuple[str | OriginFunction, ...]) -> CorsPolicy:
        """Return the policy with these origins in the place of its own: `allowed` is their list."""
        table = OriginSet(self.patterns, self.exact)
        return with_origins(self.policy, allowed, table, tuple(self.functions))


async def clear_in_steps(entries: list[object]) -> None:
    """Empty a list in steps: to free 100,000 entries at once would hold up the event loop, too."""
    while entries:
        del entries[-_MANY:]
        await asyncio.sleep(0)


def entry_problems(entry: object, fields: Mapping[str, object]) -> list[Problem]:
    """Return what is wrong with one entry of a policy with these fields."""
    validator = Validator()
    if validator.check_entry(entry) and isinstance(entry, str) and fields["allow_credentials"]:
        validator.check_entry_with_credentials(entry, fields)
    return validator.problems


def explain_entry(entry: object, policy: CorsPolicy) -> str:
    """Return why an entry is left out, and what was probably meant."""
    if isinstance(entry, str) and len(entry) > _MAX_EXPLAINED:
        return f"{safe_repr(entry)} is too long"  # to read it all would hold up the event loop
    if isinstance(entry, str) and entry == "*":
        return str(make_problem(STAR_IN_COLLECTION, "allow_origins", entry))
    return "; ".join(map(str, entry_problems(entry, fields_of(policy))))
