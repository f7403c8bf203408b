"""The arguments of `follow()`, checked."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from inspect import iscoroutinefunction, isgeneratorfunction
from types import EllipsisType
from typing import Any, Final, TypeAlias

from ..policy.fields import Entries, OriginFunction, Star, to_seconds
from ..policy.policy import CorsPolicy, fields_of
from ..policy.problems import CorsPolicyError
from ..policy.validation import Validator

Source: TypeAlias = Callable[[Any], "AsyncIterator[Star | Entries | OriginFunction | CorsPolicy]"]
"""An async generator function: it takes the app, and yields the origins at once and after each change.

    async def origins(app):
        while True:
            yield await app.ctx.store.origins()
            await asyncio.sleep(5)
    source: Source = origins

`group.follow(source)` runs it in each worker. Requests never wait for it.
"""

LONGEST: Final = sys.float_info.max


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """The options of `follow()`. Groups that share a run of a source have the same."""

    wait: float
    """Seconds that a start waits for the first value."""

    required: bool
    """Whether the app does not start without a first value."""

    retry: float
    """Seconds, at most, until a source that failed is run again."""

    stale_after: float | None
    """Seconds without a value after which `Live.error` is set; None never sets it."""


def check_source(source: object) -> None:
    """Check that a source can be called with the app and may return an async iterator.

    Raises:
        TypeError: it cannot.
    """
    if callable(source) and not iscoroutinefunction(source) and not isgeneratorfunction(source):
        return
    meant = "async def source(app): ... yield origins"
    raise TypeError(f"follow() takes an async generator function, not {source!r}. Meant: {meant}")


def check_options(
    wait: float | timedelta,
    required: bool,
    retry: float | timedelta,
    stale_after: float | timedelta | None,
) -> FollowOptions:
    """Return the options with all times in seconds.

    Raises:
        TypeError: a time is not one, or is out of range.
    """
    # The largest float is a time too: it waits for ever. A NaN is in no range, and an int may be larger.
    patience = to_seconds(wait)
    if patience is None or not 0 <= patience <= LONGEST:
        raise TypeError(f"wait= takes a number of seconds or a timedelta, not {wait!r}")
    delay = to_seconds(retry)
    if delay is None or not 0 < delay <= LONGEST:
        raise TypeError(f"retry= takes a number of seconds above 0 or a timedelta, not {retry!r}")
    silence = to_seconds(stale_after)
    if stale_after is not None and (silence is None or not 0 < silence <= LONGEST):
        raise TypeError(
            f"stale_after= takes a number of seconds above 0, a timedelta or None, not {stale_after!r}"
        )
    return FollowOptions(float(patience), required, float(delay), silence)


def kept_entries(keep: Entries | OriginFunction | EllipsisType, policy: CorsPolicy) -> tuple[object, ...]:
    """Return the origins, patterns and functions that stay allowed beside those of the source.

    `...` keeps what the policy declares. A declared `"*"` is not kept: it would allow every origin, whatever
    the source yields.

    Raises:
        TypeError: `keep` is `"*"`.
        CorsPolicyError: an entry of `keep` is not valid, or not with credentials.
    """
    if keep is ...:
        return declared_entries(policy)
    # The same checks as for `allow_origins`: what is kept would be refused there, too.
    validator = Validator()
    allowed = validator.check_origins(keep)
    if allowed == "*":
        raise TypeError(f"keep= takes a collection of origins, patterns and functions, not {keep!r}")
    validator.check_credentials({**fields_of(policy), "allow_origins": allowed})
    # `keep=()` is the way to keep nothing, while a policy has to allow something.
    problems = [each for each in validator.problems if each.id != "origins-empty"]
    if problems:
        raise CorsPolicyError(replace(each, field="keep") for each in problems)
    return (allowed,) if callable(allowed) else allowed


def declared_entries(policy: CorsPolicy) -> tuple[object, ...]:
    """Return the origins, patterns and functions of a policy; none for `"*"`."""
    declared = policy.allow_origins
    if declared == "*":
        return ()
    return (declared,) if callable(declared) else declared
