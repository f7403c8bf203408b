"""Checks of the name of a method or header, where a policy declares one."""

from __future__ import annotations

import re

from ..spec import fetch
from . import field_ids, warning_ids
from .problems import Problem, make_problem

_media_type = re.compile(r"[\w.+-]+/[\w.+*-]+").fullmatch

# https://fetch.spec.whatwg.org/#cors-safelisted-request-header: values of these headers that need permission,
# besides those of more than 128 characters
_OTHER_LANGUAGE = "another character in it than letters, digits, spaces and *,-.;="
_EXCEPTIONS = {
    "accept": """one of "():<>?@[\\]{} in it""",
    "accept-language": _OTHER_LANGUAGE,
    "content-language": _OTHER_LANGUAGE,
}


def check_method(entry: object) -> Problem | None:
    """Return the problem of an entry of `allow_methods`, or the warning about it; None for a good one."""
    field = "allow_methods"
    if (problem := _check_name(field, entry)) is not None:
        return problem
    method = fetch.normalise_method(str(entry))
    upper = method.upper()
    if upper in fetch.FORBIDDEN_METHODS:
        return make_problem(field_ids.METHOD_FORBIDDEN, field, entry)
    if method != upper:
        return make_problem(warning_ids.METHOD_CASE, field, entry, upper, upper=upper)
    return None


def check_request_header(entry: object) -> Problem | None:
    """Return the problem of an entry of `allow_headers`, or the warning about it; None for a good one."""
    field = "allow_headers"
    if (problem := _check_name(field, entry)) is not None:
        return problem
    header = str(entry).lower()
    # Before the forbidden names, which have these: useless but harmless, and in many recipes.
    if header in fetch.SET_BY_BROWSERS:
        return make_problem(warning_ids.SET_BY_BROWSER, field, entry)
    if fetch.is_forbidden_request_header(header):
        return make_problem(field_ids.HEADER_FORBIDDEN, field, entry)
    if header in fetch.RESPONSE_ONLY_HEADERS:
        return make_problem(field_ids.HEADER_OF_RESPONSE, field, entry)
    if header in fetch.SAFELISTED_REQUEST_HEADERS:
        return make_problem(warning_ids.REQUEST_SAFELISTED, field, entry, exception=_EXCEPTIONS[header])
    return None


def check_response_header(entry: object) -> Problem | None:
    """Return the problem of an entry of `expose_headers`, or the warning about it; None for a good one."""
    field = "expose_headers"
    if (problem := _check_name(field, entry)) is not None:
        return problem
    header = str(entry).lower()
    if header in fetch.FORBIDDEN_RESPONSE_HEADERS:
        return make_problem(field_ids.HEADER_SET_COOKIE, field, entry)
    if header in fetch.REQUEST_ONLY_HEADERS:
        return make_problem(field_ids.HEADER_OF_REQUEST, field, entry)
    if header in fetch.PREFLIGHT_ONLY_HEADERS:
        return make_problem(field_ids.HEADER_OF_PREFLIGHT, field, entry)
    if header in fetch.SAFELISTED_RESPONSE_HEADERS:
        return make_problem(warning_ids.RESPONSE_SAFELISTED, field, entry)
    return None


def _check_name(field: str, entry: object) -> Problem | None:
    """Return the problem of an entry that cannot be a name; None for a name."""
    if not isinstance(entry, str):
        return make_problem(field_ids.ENTRY_TYPE, field, entry, type=type(entry).__name__)
    if entry == "*":
        return make_problem(field_ids.STAR_NOT_ALONE, field, entry, "*")
    if _media_type(entry) and field != "allow_methods":
        return make_problem(field_ids.HEADER_MEDIA_TYPE, field, entry, "content-type")
    if not fetch.is_token(entry):
        stripped = entry.strip(" \t\r\n:")
        meant = stripped if fetch.is_token(stripped) else None
        return make_problem(field_ids.NAME_NOT_TOKEN, field, entry, meant)
    # Fetch has no wildcards but the whole list: `X-Custom-*` is a token, and allows that very name
    if "*" in entry:
        return make_problem(field_ids.NAME_WILDCARD, field, entry)
    return None
