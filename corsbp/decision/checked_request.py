"""Pure: a request that is checked, and the headers that its check has read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

from .compiled import CompiledPolicy
from .own_origin import is_own_page

if TYPE_CHECKING:
    from sanic.request import Request


class HeaderLines(Protocol):
    """The header lines of a request, by name in any case."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """Return the lines of a header."""


class CheckedRequest:
    """A request, as its check reads it."""

    def __init__(
        self, method: str, headers: HeaderLines, find_own: Callable[[], bool], find_host: Callable[[], str]
    ) -> None:
        """Take a request.

        find_own: returns whether its Origin is the server's own. Few requests need to know.
        find_host: returns the host that it was sent to, for the words of a refusal.
        """
        self.method = method
        self._names: list[str] = []
        self.find_host = find_host
        self._headers = headers
        self._find_own = find_own

    @cached_property
    def is_own(self) -> bool:
        """Whether Origin is the server's own."""
        return self._find_own()

    @property
    def names(self) -> tuple[str, ...]:
        """The headers that were read, in this order: the response varies with them."""
        return tuple(dict.fromkeys(self._names))

    def lines(self, name: str) -> Sequence[str]:
        """Return the lines of a header."""
        self._names.append(name)
        return self._headers.getall(name, ())

    def has(self, name: str, value: str) -> bool:
        """Return whether a header has exactly this value, in one line."""
        lines = self.lines(name)
        return len(lines) == 1 and lines[0] == value


def checked_request_of(request: Request, compiled: CompiledPolicy) -> CheckedRequest:
    """Return a request of Sanic's, as the check by a policy reads it."""
    find_own = partial(is_own_page, request, compiled)
    return CheckedRequest(request.method, request.headers, find_own, lambda: request.host)
