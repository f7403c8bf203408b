"""Senders that pass requests on to another sender."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from corsbp.testing import Answer, Sent
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import Sender


class ProxySender:
    """Pass each request on to another sender, and open and close that sender.

    Its subclasses look at requests and responses, or answer some requests themselves.
    """

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    async def __aenter__(self) -> ProxySender:
        await self.sender.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.sender.__aexit__(*error)

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Send a request with the other sender."""
        return await self.sender.send(sent)


class SingleHostSender(ProxySender):
    """Send requests to one host only: an app in memory is not the server that its redirects lead to.

    Without a base URL, every host gets its requests.
    """

    def __init__(self, sender: Sender, base_url: str | None = None) -> None:
        super().__init__(sender)
        self._host = urlsplit(base_url).netloc if base_url else None
        self.left_to: str | None = None
        """The URL of a redirect that leaves the app."""

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Send a request to the host, or refuse and note its URL."""
        host = urlsplit(sent.url).netloc
        if self._host is None or host == self._host:
            return await super().send(sent)
        self.left_to = sent.url
        return NoAnswer(f"{host} is not the app at {self._host}, and gets no request")
