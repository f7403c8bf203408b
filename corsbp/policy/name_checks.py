"""What is wrong with the name of a method or header, where one is declared."""

from __future__ import annotations

import re

from ..spec import fetch
from .problems import Problem

_media_type = re.compile(r"[\w.+-]+/[\w.+*-]+").fullmatch

_UNLESS = {
    "accept": """one of "():<>?@[\\]{} in it""",
    "accept-language": "another character in it than letters, digits, spaces and *,-.;=",
    "content-language": "another character in it than letters, digits, spaces and *,-.;=",
}
"""What, besides its length, takes a safelisted request header's value from the list."""


def check_method(entry: object) -> Problem | None:
    """What is wrong with, or odd about, an entry of `allow_methods`."""
    field = "allow_methods"
    if (problem := _check_name(field, entry)) is not None:
        return problem
    method = fetch.normalise_method(str(entry))
    if method.upper() in fetch.FORBIDDEN_METHODS:
        return Problem("method-forbidden", field, entry, "is a method that browsers never let a page use")
    if method != method.upper():
        message = f"is not {method.upper()}: browsers send this method as the page spells it"
        return Problem("method-case", field, entry, message, method.upper())
    return None


def check_request_header(entry: object) -> Problem | None:
    """What is wrong with, or odd about, an entry of `allow_headers`."""
    field = "allow_headers"
    if (problem := _check_name(field, entry)) is not None:
        return problem
    header = str(entry).lower()
    found = None
    if header in fetch.SET_BY_BROWSERS:
        # Useless but harmless, and in every other recipe: the Sanic guide's among them.
        found = "header-set-by-browser", "is a header that browsers set themselves: no page has to ask for it"
    elif fetch.is_forbidden_request_header(header):
        found = "header-forbidden", "is a header that browsers never let a page set"
    elif header in fetch.RESPONSE_ONLY_HEADERS:
        message = "is a header of responses: a page that sets it is wrong, and need not be allowed to"
        found = "header-of-response", message
    elif header in fetch.SAFELISTED_REQUEST_HEADERS:
        unless = f"its value has more than 128 characters, or {_UNLESS[header]}"
        found = "header-safelisted", f"is a header that every page may set anyway, unless {unless}"
    return Problem(found[0], field, entry, found[1]) if found else None


def check_response_header(entry: object) -> Problem | None:
    """What is wrong with, or odd about, an entry of `expose_headers`."""
    field = "expose_headers"
    if (problem := _check_name(field, entry)) is not None:
        return problem
    header = str(entry).lower()
    found = None
    if header in fetch.FORBIDDEN_RESPONSE_HEADERS:
        found = "header-set-cookie", "is a header that browsers never show to a page"
    elif header in fetch.REQUEST_ONLY_HEADERS:
        found = "header-of-request", "is a header of requests, not of responses"
    elif header in fetch.PREFLIGHT_ONLY_HEADERS:
        found = "header-of-preflight", "is a header of answers to preflights, which no page sees"
    elif header in fetch.SAFELISTED_RESPONSE_HEADERS:
        found = "header-safelisted", "is a header that every page may read anyway"
    return Problem(found[0], field, entry, found[1]) if found else None


def _check_name(field: str, entry: object) -> Problem | None:
    """What is wrong with an entry that is no name at all."""
    if not isinstance(entry, str):
        return Problem("entry-type", field, entry, f"is of type {type(entry).__name__}, not a string")
    if entry == "*":
        return Problem("star-not-alone", field, entry, "includes all the others", "*")
    if _media_type(entry) and field != "allow_methods":
        message = "is a media type: the header that has it is content-type"
        return Problem("header-media-type", field, entry, message, "content-type")
    if not fetch.is_token(entry):
        stripped = entry.strip(" \t\r\n:")
        meant = stripped if fetch.is_token(stripped) else None
        return Problem("name-not-token", field, entry, "is no name that HTTP allows", meant)
    if "*" in entry:
        message = 'has * in it, which browsers take for a letter: write each name, or "*" alone for all'
        return Problem("name-wildcard", field, entry, message)
    return None
