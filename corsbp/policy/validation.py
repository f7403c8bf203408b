"""The validation of a declared policy: each field by itself, then the fields together."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeGuard

from ..ids import Message
from ..spec import fetch
from ..spec.origins import is_entry
from ..spec.wildcards import find_wider_entry, is_pattern
from . import field_ids, name_checks, origin_ids, warning_ids
from .entries import unique_entries
from .entry_checks import check_with_credentials
from .fields import (
    CHROMIUM_MAX_AGE,
    LONGEST_MAX_AGE,
    LONGEST_ORIGIN_TIMEOUT,
    AllowOrigins,
    OriginFunction,
    Star,
    bool_of_text,
    to_seconds,
    whole_number_of,
)
from .origin_diagnosis import origin_problems
from .problems import PROBLEMS, Problem, make_problem


class Validator:
    """The validator of a policy's fields: it collects all problems and warnings.

    Each method for a field returns the value in the form in which corsbp uses it. For a value that is
    refused, it returns a harmless one, so that the other fields can be checked as well.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def record(self, problem: Problem) -> None:
        """Append a problem to the problems or to the warnings, by its id."""
        (self.problems if problem.id in PROBLEMS else self.warnings).append(problem)

    def add(
        self, message: Message, field: str, value: object, suggestion: str | None = None, **values: object
    ) -> None:
        """Record a problem with a declared message, filled with `values`."""
        self.record(make_problem(message, field, value, suggestion, **values))

    def check_bool(self, field: str, value: object) -> bool:
        """Check a field that is True or False."""
        if not isinstance(value, bool):
            self.add(field_ids.NOT_A_BOOL, field, value, bool_of_text(value))
        return value is True

    def check_origins(self, value: object) -> AllowOrigins:
        """Check `allow_origins`."""
        field = "allow_origins"
        if callable(value):
            self._check_function(value)
            return value
        if isinstance(value, re.Pattern):
            self.problems.extend(origin_problems(value))
            return ()
        entries = self._collect_entries(field, value, partial(origin_problems, patterns=True))
        if entries is None:
            return ()
        if entries == "*":
            return "*"
        if not entries:
            self.add(origin_ids.ORIGINS_EMPTY, field, value)
        good = [entry for entry in entries if self.check_entry(entry)]
        self._warn_about_covered([entry for entry in good if isinstance(entry, str)])
        if len(good) == 1 and callable(good[0]):
            return good[0]  # as `["*"]` is "*"
        return tuple(good)

    def check_entry(self, entry: object) -> TypeGuard[str | OriginFunction]:
        """Return whether an entry can stand in a collection of origins; record what is wrong with it."""
        if isinstance(entry, str) and is_entry(entry):
            return True
        if callable(entry):
            self._check_function(entry)
            return True
        self.problems.extend(origin_problems(entry, patterns=True))
        return False

    def _warn_about_covered(self, entries: Sequence[str]) -> None:
        """Record a warning for each entry that a pattern among the others allows."""
        patterns = frozenset(filter(is_pattern, entries))
        if not patterns:
            return
        for entry in entries:
            if wider := find_wider_entry(entry, patterns):
                self.add(warning_ids.ORIGIN_COVERED, "allow_origins", entry, wider=wider)

    def _check_function(self, function: Callable[..., object]) -> None:
        """Record a problem for a function that cannot be called with (origin, request)."""
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return  # of some callables of C, Python does not know the signature
        try:
            signature.bind("https://app.example", None)
        except TypeError:
            self.add(origin_ids.FUNCTION_ARGUMENTS, "allow_origins", function)

    def check_methods(self, value: object) -> Star | tuple[str, ...]:
        """Check `allow_methods`."""
        entries = self._check_names("allow_methods", value, name_checks.check_method)
        if entries == "*":
            return "*"
        return fetch.sort_methods(map(fetch.normalise_method, entries))

    def check_request_headers(self, value: object) -> Star | tuple[str, ...]:
        """Check `allow_headers`."""
        return _sort_lowercase(self._check_names("allow_headers", value, name_checks.check_request_header))

    def check_response_headers(self, value: object) -> Star | tuple[str, ...]:
        """Check `expose_headers`."""
        return _sort_lowercase(self._check_names("expose_headers", value, name_checks.check_response_header))

    def check_max_age(self, value: object) -> int | None:
        """Check `max_age`."""
        field = "max_age"
        if value is None:
            return None
        seconds = value
        if isinstance(value, timedelta):
            seconds, fraction = divmod(value, timedelta(seconds=1))
            if fraction:
                self.add(field_ids.MAX_AGE_FRACTION, field, value, str(seconds))
        # in Python, True is an int
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            self.add(field_ids.MAX_AGE_TYPE, field, value, whole_number_of(seconds))
            return None
        if not 0 <= seconds <= LONGEST_MAX_AGE:
            nearest = max(0, min(seconds, LONGEST_MAX_AGE))
            self.add(field_ids.MAX_AGE_RANGE, field, value, str(nearest), limit=LONGEST_MAX_AGE)
        elif seconds > (limit := CHROMIUM_MAX_AGE):
            self.add(warning_ids.MAX_AGE_CAPPED, field, value, str(limit), limit=limit)
        return int(seconds)

    def check_origin_timeout(self, value: object) -> float:
        """Check `origin_timeout`."""
        field, limit = "origin_timeout", LONGEST_ORIGIN_TIMEOUT
        seconds = to_seconds(value)
        if seconds is None:
            self.add(field_ids.TIMEOUT_TYPE, field, value)
            return limit
        if not 0 < seconds <= limit:
            meant = f"{limit:g}" if seconds > 0 else None
            self.add(field_ids.TIMEOUT_RANGE, field, value, meant, limit=limit)
            return limit
        return float(seconds)

    def check_credentials(self, checked: Mapping[str, object]) -> None:
        """Check the fields that credentials restrict, after each was checked by itself.

        https://fetch.spec.whatwg.org/#cors-protocol-and-credentials: browsers take `*` literally then.
        """
        if not checked["allow_credentials"]:
            return
        declared = checked["allow_origins"]
        if declared == "*":
            self.add(field_ids.CREDENTIALS_ANY_ORIGIN, "allow_origins", "*")
        elif isinstance(declared, tuple):
            for entry in declared:
                if isinstance(entry, str):
                    self.check_entry_with_credentials(entry, checked)
        if checked["expose_headers"] == "*":
            self.add(field_ids.CREDENTIALS_ANY_EXPOSED, "expose_headers", "*")

    def check_entry_with_credentials(self, entry: str, checked: Mapping[str, object]) -> None:
        """Check one valid origin or pattern, whose pages may send credentials."""
        found = check_with_credentials(
            entry,
            allow_insecure=bool(checked["dangerously_allow_insecure_origins"]),
            allow_public_suffixes=bool(checked["dangerously_allow_public_suffixes"]),
        )
        for message, meant in found:
            self.add(message, "allow_origins", entry, meant)

    def _check_names(
        self, field: str, value: object, check: Callable[[object], Problem | None]
    ) -> Star | tuple[str, ...]:
        """Check a collection of methods or headers, and return its entries without those that are refused."""

        def problems_of(word: str) -> list[Problem]:
            problem = check(word)
            return [] if problem is None else [problem]

        entries = self._collect_entries(field, value, problems_of)
        if entries is None:
            return ()
        if entries == "*":
            return "*"
        good: list[str] = []
        for entry in entries:
            problem = check(entry)
            if problem is not None:
                self.record(problem)
            is_refused = problem is not None and problem.id in PROBLEMS
            if isinstance(entry, str) and not is_refused:
                good.append(entry)
        return tuple(good)

    def _collect_entries(
        self, field: str, value: object, problems_of: Callable[[str], Sequence[Problem]]
    ) -> Star | tuple[object, ...] | None:
        """Return the entries of a collection, each once; None for a value that is refused as a whole."""
        if isinstance(value, str) and value != "*":
            self._refuse_bare_string(field, value, problems_of)
            return None
        if isinstance(value, (bytes, bytearray, Mapping)) or not isinstance(value, Collection):
            is_iterator = isinstance(value, Iterator)
            self.add(field_ids.ITERATOR if is_iterator else field_ids.NOT_A_COLLECTION, field, value)
            return None
        return unique_entries(value)

    def _refuse_bare_string(
        self, field: str, value: str, problems_of: Callable[[str], Sequence[Problem]]
    ) -> None:
        """Record that a string stands where a list belongs, and the problems of its words."""
        words = [word for word in re.split(r"[,;\s]+", value) if word]
        meant: list[str | None] = []
        problems: list[Problem] = []
        for word in dict.fromkeys(words):
            of_word = [problem for problem in problems_of(word) if problem.id in PROBLEMS]
            meant.append(of_word[0].suggestion if of_word else word)
            problems.extend(of_word)
        # a list is suggested if each of its words is good or can be corrected
        is_known = bool(meant) and all(meant)
        suggestion = json.dumps(list(dict.fromkeys(meant))) if is_known else None
        self.add(field_ids.BARE_STRING, field, value, suggestion)
        self.problems.extend(problems)


def _sort_lowercase(names: Star | tuple[str, ...]) -> Star | tuple[str, ...]:
    """Return names of headers in lower case, each once, sorted."""
    if names == "*":
        return "*"
    return tuple(sorted({name.lower() for name in names}))
