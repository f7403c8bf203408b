"""Pure: what is good in origins that come from a store, however many, without holding up the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Final

from ..policy.fields import OriginFunction
from ..policy.origin_diagnosis import origin_problems
from ..policy.policy import CorsPolicy, fields_of, origin_set, with_origins
from ..policy.problems import CorsPolicyError, Problem
from ..policy.validation import Validator
from ..spec.origins import OriginSet, is_entry, is_pattern
from ..spec.public_suffixes import is_below_public_suffix
from ..text import safe_repr

STEP: Final = 0.002
"""Seconds of work after which others have their turn."""

_A_FEW: Final = 64
"""Entries between two looks at the clock."""

_EXPLAINED: Final = 1000
"""Characters of an entry that are read to say what is wrong with it."""

_MANY: Final = 10_000
"""Entries that can go at once."""


def preload_tables() -> None:
    """Load the tables that checks may need: that would be felt later on."""
    origin_problems("https://bücher.example")
    is_below_public_suffix("https://*.example")


def collection_entries(value: object) -> list[object] | None:
    """Return the entries of a collection as a list; None for every other value.

    Unlike in a declared policy, `["*"]` is not `"*"`: where every other customer has been deleted, it would
    open the section. Only the bare string opens it.
    """
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Collection):
        return None
    return list(value)


async def apply_value(value: object, policy: CorsPolicy) -> tuple[CorsPolicy, list[object]]:
    """What becomes of a policy with this value in the place of its `allow_origins`.

    An entry that is no good is left out, and the others hold: the policy comes with those left out.

    Raises:
        CorsPolicyError: the value as a whole cannot be.
    """
    if isinstance(value, CorsPolicy):
        return value, []
    fields = fields_of(policy)
    entries = collection_entries(value)
    if entries is None:
        validator = Validator()
        allowed = validator.check_origins(value)
        validator.check_credentials({**fields, "allow_origins": allowed})
        if validator.problems:
            raise CorsPolicyError(validator.problems)
        functions = (allowed,) if callable(allowed) else ()
        return with_origins(policy, allowed, OriginSet(()), functions), []
    # What the policy has already is good, so that one more among many costs little.
    known = origin_set(policy).exact
    exact: set[str] = set()
    origins: list[str] = []
    others: list[str | OriginFunction] = []
    bad: list[object] = []
    began = time.perf_counter()
    for place, entry in enumerate(entries):
        if not place % _A_FEW and time.perf_counter() - began > STEP:
            await asyncio.sleep(0)
            began = time.perf_counter()
        if isinstance(entry, str):
            if entry in known or (is_entry(entry) and not entry_problems(entry, fields)):
                # of a class of its own, it might be another text for those who ask
                plain = str.__str__(entry)
                if is_pattern(plain):
                    others.append(plain)
                elif plain not in exact:
                    exact.add(plain)
                    origins.append(plain)
                continue
        elif callable(entry) and not entry_problems(entry, fields):
            others.append(entry)
            continue
        bad.append(entry)
    patterns = list(dict.fromkeys(each for each in others if isinstance(each, str)))
    asked = tuple(each for each in others if not isinstance(each, str))
    table = OriginSet(patterns, exact)
    return with_origins(policy, (*origins, *patterns, *asked), table, asked), bad


async def clear_in_steps(entries: list[object]) -> None:
    """Empty a list in steps: what nobody else has any more takes time to go, too."""
    while entries:
        del entries[-_MANY:]
        await asyncio.sleep(0)


def entry_problems(entry: object, fields: Mapping[str, object]) -> list[Problem]:
    """What is wrong with one entry, in a policy with these fields."""
    validator = Validator()
    if validator.check_entry(entry) and isinstance(entry, str) and fields["allow_credentials"]:
        validator.check_entry_with_credentials(entry, fields)
    return validator.problems


def explain_entry(entry: object, policy: CorsPolicy) -> str:
    """Why an entry is left out, and what was meant. What is too long is not read: that would take time."""
    if isinstance(entry, str) and len(entry) > _EXPLAINED:
        return f"{safe_repr(entry)} is too long"
    if isinstance(entry, str) and entry == "*":
        return "'*' is not an origin; the source may yield it as a string of its own [star-not-alone]"
    return "; ".join(map(str, entry_problems(entry, fields_of(policy))))
