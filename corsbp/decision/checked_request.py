"""Pure: a request that is checked, and the headers that its check has read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..spec.fetch import FETCH_SITE, ORIGIN

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from sanic.request import Request


class HeadersToRead:
    """The headers of a request, and the names of those that were read.

    names: these names, in their order, some of them twice. The response varies with them.
    """

    __slots__ = ("_headers", "names")

    def __init__(self, headers: CIMultiDict[str]) -> None:
        self._headers = headers
        self.names: list[str] = []

    def lines(self, name: str) -> Sequence[str]:
        """Return the lines of a header."""
        self.names.append(name)
        # Most requests have none: that costs less to find out than `getall` does.
        return self._headers.getall(name) if name in self._headers else ()

    def has(self, name: str, value: str) -> bool:
        """Return whether a header has exactly this value, in one line."""
        self.names.append(name)
        headers = self._headers
        # Few requests have this value: only then is it worth to count the lines.
        return name in headers and headers[name] == value and len(headers.getall(name)) == 1


class CheckedRequest(HeadersToRead):
    """A request, as the check by a policy reads it.

    origins, sites: the lines of Origin and of Sec-Fetch-Site, which every check reads.
    """

    __slots__ = ("method", "origins", "request", "sites")

    def __init__(self, request: Request) -> None:
        headers = self._headers = request.headers
        self.names: list[str] = [ORIGIN, FETCH_SITE]
        self.request: Request = request
        self.method: str = request.method
        self.origins: Sequence[str] = headers.getall(ORIGIN) if ORIGIN in headers else ()
        self.sites: Sequence[str] = headers.getall(FETCH_SITE) if FETCH_SITE in headers else ()
