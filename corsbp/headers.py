"""A response's headers: the section's are put among those of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from multidict import CIMultiDict
from sanic.compat import Header
from sanic.response import BaseHTTPResponse, ResponseStream

from .decision import Headers
from .fetch import ORIGIN, PREFIX, VARY

Response: TypeAlias = BaseHTTPResponse | ResponseStream


def put(response: Response, ours: Headers) -> None:
    """Make these the only CORS headers of a response, and add to its Vary."""
    headers = response.headers
    if headers or type(headers) is not Header:
        headers = headers_of(response)
        ours = _make_room(headers, ours)
    headers.extend(ours)


def headers_of(response: Response) -> Header:
    """A response's headers, also where someone has set a plain dict in their place: Sanic sends that too."""
    if not isinstance(response.headers, Header):
        response.headers = Header(response.headers)
    return response.headers


def _make_room(headers: CIMultiDict[str], ours: Headers) -> Headers:
    """Remove every other `access-control-*`; join our Vary with the one that is there."""
    for name, _ in cors_headers(headers):
        headers.popall(name, None)
    there = headers.getall(VARY, None)
    if there is None:
        return ours
    varies = [value for name, value in ours if name == VARY]
    if varies:
        headers[VARY] = ", ".join(_tokens([*there, *varies]))
    return tuple(pair for pair in ours if pair[0] != VARY)


def cors_headers(headers: CIMultiDict[str]) -> list[tuple[str, str]]:
    """The CORS headers that a response has."""
    return [item for item in headers.items() if item[0][: len(PREFIX)].lower() == PREFIX]


def undo_vary(headers: CIMultiDict[str], cors: list[tuple[str, str]], vary: list[str]) -> None:
    """If other CORS code wrote here, its Vary goes the way of its headers: back to what was there before."""
    if cors_headers(headers) == cors:
        return
    before, after = _tokens(vary), _tokens(headers.popall(VARY, []))
    kept = _tokens([*before, *(name for name in after if name.lower() != ORIGIN)])
    if kept:
        headers[VARY] = ", ".join(kept)


def _tokens(lines: Iterable[str]) -> list[str]:
    """The names of a Vary, each once in any case; `*` stands for all of them."""
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        if token := name.strip():
            names.setdefault(token.lower(), token)
    return ["*"] if "*" in names else list(names.values())
