"""What is wrong with a declared policy: all of it, in words, each field by itself and then together."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from datetime import timedelta
from functools import partial
from typing import Any, TypeGuard

from ..spec import fetch
from ..spec.origins import FILE, find_wider_entry, is_entry, is_insecure, is_pattern
from ..spec.public_suffixes import is_below_public_suffix
from . import name_checks
from .fields import (
    CHROMIUM_MAX_AGE,
    LONGEST_MAX_AGE,
    LONGEST_ORIGIN_TIMEOUT,
    AllowOrigins,
    OriginFunction,
    Star,
    function_name,
    to_seconds,
)
from .origin_diagnosis import origin_problems
from .problems import PROBLEMS, Problem


class Validator:
    """Collects what is wrong while it brings each field into the form in which it is used.

    A field that is refused comes back as something harmless, so that the others can still be looked at.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def record(self, problem: Problem) -> None:
        """Take note of what is wrong, or odd."""
        (self.problems if problem.id in PROBLEMS else self.warnings).append(problem)

    def say(self, *args: Any) -> None:
        self.record(Problem(*args))

    def check_bool(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            self.say("not-a-bool", name, value, "is neither True nor False")
        return value is True

    def check_origins(self, value: object) -> AllowOrigins:
        name = "allow_origins"
        if callable(value):
            self._check_function(value)
            return value
        if isinstance(value, re.Pattern):
            self.problems.extend(origin_problems(value))
            return ()
        entries = self._collect_entries(name, value, partial(origin_problems, patterns=True))
        if entries is None or entries == "*":
            return "*" if entries else ()
        if not entries:
            message = "allows no origin at all: name some, or leave the blueprints out of the section"
            self.say("origins-empty", name, value, message)
        good = [entry for entry in entries if self.check_entry(entry)]
        named = [entry for entry in good if isinstance(entry, str)]
        patterns = frozenset(filter(is_pattern, named))
        for entry in named if patterns else ():
            if wider := find_wider_entry(entry, patterns):
                self.say("origin-covered", name, entry, f"is already allowed by {wider!r}")
        return good[0] if len(good) == 1 and callable(good[0]) else tuple(good)  # as `["*"]` is "*"

    def check_entry(self, entry: object) -> TypeGuard[str | OriginFunction]:
        """Whether this can stand in a collection of origins; note what is wrong with it."""
        if isinstance(entry, str) and is_entry(entry):
            return True
        if callable(entry):
            self._check_function(entry)
            return True
        self.problems.extend(origin_problems(entry, patterns=True))
        return False

    def _check_function(self, function: Callable[..., object]) -> None:
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return  # Python cannot tell
        try:
            signature.bind("https://app.example", None)
        except TypeError:
            message = "cannot be called with two arguments, (origin, request)"
            self.say("origin-function-arguments", "allow_origins", function, message)

    def check_methods(self, value: object) -> Star | tuple[str, ...]:
        entries = self._check_names("allow_methods", value, name_checks.check_method)
        return "*" if entries == "*" else fetch.sort_methods(map(fetch.normalise_method, entries))

    def check_request_headers(self, value: object) -> Star | tuple[str, ...]:
        return _sort_lowercase(self._check_names("allow_headers", value, name_checks.check_request_header))

    def check_response_headers(self, value: object) -> Star | tuple[str, ...]:
        return _sort_lowercase(self._check_names("expose_headers", value, name_checks.check_response_header))

    def check_max_age(self, value: object) -> int | None:
        name = "max_age"
        if value is None:
            return None
        seconds = value
        if isinstance(value, timedelta):
            seconds, fraction = divmod(value, timedelta(seconds=1))
            if fraction:
                self.say("max-age-fraction", name, value, "is not in whole seconds", f"{seconds}")
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            message = "is neither a whole number of seconds, a timedelta nor None"
            meant = str(int(seconds)) if isinstance(seconds, float) and seconds.is_integer() else None
            self.say("max-age-type", name, value, message, meant)
            return None
        if not 0 <= seconds <= LONGEST_MAX_AGE:
            meant = "0" if seconds < 0 else str(LONGEST_MAX_AGE)
            self.say("max-age-range", name, value, f"is not from 0 to {LONGEST_MAX_AGE} seconds", meant)
        elif seconds > CHROMIUM_MAX_AGE:
            message = f"is more than the {CHROMIUM_MAX_AGE} seconds that Chromium honours"
            self.say("max-age-capped", name, value, message, str(CHROMIUM_MAX_AGE))
        return int(seconds)

    def check_origin_timeout(self, value: object) -> float:
        name = "origin_timeout"
        seconds = to_seconds(value)
        if seconds is None:
            self.say("origin-timeout-type", name, value, "is neither a number of seconds nor a timedelta")
            return LONGEST_ORIGIN_TIMEOUT
        if not 0 < seconds <= LONGEST_ORIGIN_TIMEOUT:
            meant = f"{LONGEST_ORIGIN_TIMEOUT:g}" if seconds > 0 else None
            message = f"is not above 0 and up to {LONGEST_ORIGIN_TIMEOUT:g} seconds"
            self.say("origin-timeout-range", name, value, message, meant)
            return LONGEST_ORIGIN_TIMEOUT
        return float(seconds)

    def check_credentials(self, checked: Mapping[str, object]) -> None:
        """What must not come together with credentials, among fields that are valid by themselves."""
        if not checked["allow_credentials"]:
            return
        name = "allow_origins"
        declared = checked[name]
        if declared == "*":
            message = (
                "with credentials lets every page on the web act as each of your users: name the origins"
            )
            self.say("credentials-any-origin", name, "*", message)
        for entry in declared if isinstance(declared, tuple) else ():
            if isinstance(entry, str):
                self.check_entry_with_credentials(entry, checked)
        if checked["expose_headers"] == "*":
            message = "with credentials is the name of a header for browsers: name the headers"
            self.say("credentials-any-exposed", "expose_headers", "*", message)

    def check_entry_with_credentials(self, entry: str, checked: Mapping[str, object]) -> None:
        """What must not come together with credentials, of one origin or pattern."""
        name = "allow_origins"
        if entry == FILE:
            message = "with credentials lets every file that a user opens act as that user"
            self.say("credentials-file", name, entry, message)
        if is_insecure(entry) and not checked["dangerously_allow_insecure_origins"]:
            message = "with credentials trusts whoever can change that page on its way: use https"
            meant = entry.replace("http:", "https:", 1) if entry.count(":") == 1 else None
            self.say("credentials-insecure-origin", name, entry, message, meant)
        if not checked["dangerously_allow_public_suffixes"] and is_below_public_suffix(entry):
            message = "with credentials trusts whoever registers a name there: name your own"
            self.say("credentials-public-suffix", name, entry, message)

    def _check_names(
        self, name: str, value: object, problem_of: Callable[[object], Problem | None]
    ) -> Star | tuple[str, ...]:
        """The entries of a collection of methods or headers; what is refused is left out."""
        entries = self._collect_entries(
            name, value, lambda word: [each for each in [problem_of(word)] if each]
        )
        if entries is None or entries == "*":
            return "*" if entries else ()
        good: list[str] = []
        for entry in entries:
            problem = problem_of(entry)
            if problem is not None:
                self.record(problem)
            if isinstance(entry, str) and (problem is None or problem.id not in PROBLEMS):
                good.append(entry)
        return tuple(good)

    def _collect_entries(
        self, name: str, value: object, problems_of: Callable[[str], Sequence[Problem]]
    ) -> Star | tuple[object, ...] | None:
        """The entries, each once, of what should be a collection; None if it is refused."""
        if isinstance(value, str) and value != "*":
            self._refuse_bare_string(name, value, problems_of)
            return None
        if isinstance(value, (bytes, bytearray, Mapping)) or not isinstance(value, Collection):
            kind = "an iterator, empty after one look" if isinstance(value, Iterator) else "no collection"
            message = f"is {kind}: write a list of strings"
            self.say("not-a-collection", name, value, message)
            return None
        # The order of a set changes from run to run: it must not get into anything that can be seen.
        entries = sorted(value, key=_sort_key) if isinstance(value, Set) else list(value)
        plain = [str.__str__(entry) if isinstance(entry, str) else entry for entry in entries]
        unique = tuple({_identity(entry): entry for entry in plain}.values())
        return "*" if unique == ("*",) else unique

    def _refuse_bare_string(
        self, name: str, value: str, problems_of: Callable[[str], Sequence[Problem]]
    ) -> None:
        """Refuse a string that should have been a list, and what is wrong with its words."""
        words = [word for word in re.split(r"[,;\s]+", value) if word]
        faults = {word: [each for each in problems_of(word) if each.id in PROBLEMS] for word in words}
        meant = [faults[word][0].suggestion if faults[word] else word for word in words]
        suggestion = json.dumps(list(dict.fromkeys(meant))) if meant and all(meant) else None
        message = "is one string: Python would take it as a list of characters"
        self.say("bare-string", name, value, message, suggestion)
        for each in faults.values():
            self.problems.extend(each)


def _sort_key(entry: object) -> tuple[bool, str]:
    """Where an entry of a set stands: functions, whose repr is another in each run, by name, and last."""
    if callable(entry):
        return True, function_name(entry)
    return False, repr(entry)


def _identity(entry: object) -> object:
    """What is equal for equal entries; not everything that is declared can be hashed."""
    try:
        hash(entry)
    except TypeError:
        return id(entry) if callable(entry) else repr(entry)
    return entry


def _sort_lowercase(names: Star | tuple[str, ...]) -> Star | tuple[str, ...]:
    return "*" if names == "*" else tuple(sorted({name.lower() for name in names}))
