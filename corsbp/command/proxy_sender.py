"""A sender that sends through another one, for those that look at what goes by."""

from __future__ import annotations

from typing import Any

from corsbp.testing import Answer, Sent
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import Sender


class Through:
    """Sends all as the other does, which it opens and closes."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    async def __aenter__(self) -> Through:
        await self.sender.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.sender.__aexit__(*error)

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        return await self.sender.send(sent)
