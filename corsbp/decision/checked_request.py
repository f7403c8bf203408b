"""Pure: a request that is checked, and the headers that its check has read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..spec.fetch import FETCH_SITE, ORIGIN
from .compiled import CompiledPolicy
from .own_origin import is_own_page

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from sanic.request import Request


class HeadersToRead:
    """The headers of a request, and the names of those that were read."""

    __slots__ = ("_headers", "_names")

    def __init__(self, headers: CIMultiDict[str]) -> None:
        self._headers = headers
        self._names: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The headers that were read, in this order: the response varies with them."""
        return tuple(dict.fromkeys(self._names))

    def lines(self, name: str) -> Sequence[str]:
        """Return the lines of a header."""
        self._names.append(name)
        # Most requests have none: that costs less to find out than `getall` does.
        return self._headers.getall(name) if name in self._headers else ()

    def has(self, name: str, value: str) -> bool:
        """Return whether a header has exactly this value, in one line."""
        lines = self.lines(name)
        return len(lines) == 1 and lines[0] == value


class CheckedRequest(HeadersToRead):
    """A request, as the check by a policy reads it.

    origins, sites: the lines of Origin and of Sec-Fetch-Site, which every check reads.
    """

    __slots__ = ("_compiled", "method", "origins", "request", "sites")

    def __init__(self, request: Request, compiled: CompiledPolicy) -> None:
        headers = self._headers = request.headers
        self._names = [ORIGIN, FETCH_SITE]
        self.request: Request = request
        self.method: str = request.method
        self.origins: Sequence[str] = headers.getall(ORIGIN, ())
        self.sites: Sequence[str] = headers.getall(FETCH_SITE, ())
        self._compiled = compiled

    @property
    def is_own(self) -> bool:
        """Whether Origin is the server's own. Few requests need to know."""
        return is_own_page(self.request, self._compiled)
