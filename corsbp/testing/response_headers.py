"""Pure: the headers of a response: as lists of names, and those that the page can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from corsbp.spec.fetch import (
    EXPOSE_HEADERS,
    FORBIDDEN_RESPONSE_HEADERS,
    PREFIX,
    RESOURCE_POLICY,
    SAFELISTED_RESPONSE_HEADERS,
    is_token,
)
from corsbp.text import safe_repr

from .result import Answer, Step
from .short_text import format_list


def header_names(answer: Answer, name: str) -> list[str] | None:
    """Return the names that a header lists, [] if it is missing, or None if it is not a list of names.

    https://fetch.spec.whatwg.org/#extract-header-list-values
    """
    elements = [element.strip(" \t") for line in answer.lines(name) for element in line.split(",")]
    names = [element for element in elements if element]
    return names if all(map(is_token, names)) else None


def show_header(answer: Answer, name: str) -> str:
    """Return a header's value as safe text, or "missing"."""
    value = answer.get(name)
    return "missing" if value is None else safe_repr(value)


def decode_as_utf8(answer: Answer) -> Answer:
    """Read the headers as UTF-8: bytes that are not UTF-8 become U+FFFD, as an engine's page sees them."""
    decoded = [(name, value.encode("latin-1").decode(errors="replace")) for name, value in answer.headers]
    headers = tuple((name, text.encode().decode("latin-1")) for name, text in decoded)
    return replace(answer, headers=headers)


def readable_headers(answer: Answer, credentials: bool | None) -> dict[str, str]:
    """Return the headers that a page can read.

    `credentials` is whether the credentials mode is "include", or None if the response has the page's origin.
    https://fetch.spec.whatwg.org/#concept-filtered-response-cors
    """
    names = {name.lower() for name, _ in answer.headers} - FORBIDDEN_RESPONSE_HEADERS
    if credentials is not None:
        exposed = {name.lower() for name in header_names(answer, EXPOSE_HEADERS) or ()}
        # with credentials, `*` is an ordinary header name
        if credentials or "*" not in exposed:
            names &= SAFELISTED_RESPONSE_HEADERS | exposed
    return {name: f"{answer.get(name)}" for name in sorted(names)}


def hidden_headers(answer: Answer, readable: Iterable[str]) -> list[str]:
    """Return the headers that the page cannot read, without those that no page needs."""
    hidden = {name.lower() for name, _ in answer.headers} - {*readable} - FORBIDDEN_RESPONSE_HEADERS
    return sorted(name for name in hidden - _NOT_FOR_PAGES if not name.startswith(PREFIX))


def explain_hidden_headers(answer: Answer, readable: Iterable[str]) -> Iterator[Step]:
    """Yield a step that lists the headers that the page cannot read, if there are interesting ones."""
    if interesting := hidden_headers(answer, readable):
        names = format_list(interesting)
        yield Step(
            f"The page cannot read the headers {names}: they are not in {EXPOSE_HEADERS}. "
            f"With corsbp: expose_headers=[{names}]"
        )


_NOT_FOR_PAGES = frozenset(
    {
        # for the connection and for caches
        *("vary", "connection", "keep-alive", "date", "server", "transfer-encoding", "alt-svc"),
        "accept-ranges",
        # for the browser itself
        *("content-security-policy", "strict-transport-security", "permissions-policy", "referrer-policy"),
        *("x-content-type-options", "x-frame-options", "x-xss-protection"),
        *("cross-origin-opener-policy", "cross-origin-embedder-policy", RESOURCE_POLICY),
    }
)
"""Headers that no page needs to read."""
