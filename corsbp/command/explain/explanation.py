"""A call of a page, as it was typed, and what explains its result."""

from __future__ import annotations

from dataclasses import dataclass

from corsbp.app.inventory import RouteInfo
from corsbp.command.advice import PageRequest
from corsbp.testing import Result
from corsbp.testing.engines import EngineName
from corsbp.testing.fetch_arguments import EmbedderPolicy
from corsbp.testing.result import CallKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a page, as it was typed."""

    url: str
    """A URL, or a path of an app in memory."""

    method: str
    origin: str
    headers: tuple[tuple[str, str], ...]
    credentials: bool
    cookies: tuple[str, ...]
    body: str | None
    engine: EngineName
    base_url: str
    """The address of an app in memory."""

    kind: CallKind | None
    """What sends the request: a form, an image …; None for `fetch`."""

    embedder_policy: EmbedderPolicy
    """The page's `Cross-Origin-Embedder-Policy`."""

    local_network: bool
    """The user allows the page to call the local network."""

    def as_page_request(self) -> PageRequest:
        """Return what a policy can decide of the call."""
        names = tuple(name for name, _ in self.headers)
        # A beacon has the credentials mode "include": https://w3c.github.io/beacon/#sec-processing-model
        credentials = self.credentials or self.kind == "beacon"
        return PageRequest(self.origin, self.method, names, credentials, self.kind)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The result of a call or a handshake, and what explains it."""

    result: Result
    notes: tuple[str, ...] = ()
    """Sentences: the route that was reached, or what a status means."""

    changes: tuple[str, ...] = ()
    """What to change."""

    open_to_all: bool = False
    """Pages of every origin can open the WebSocket."""

    refused: str | None = None
    """The id of the reason why the server refused the request, or `"check_requests"`; None if it did not."""

    route: RouteInfo | None = None
    """The route that the call's URL leads to, in an app in memory."""
