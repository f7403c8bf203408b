"""A sender that passes requests on to another sender."""

from __future__ import annotations

from typing import Any

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
