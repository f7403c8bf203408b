"""Pure: requests and responses as a generator, which yields a request and is sent its response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from typing import TypeAlias, TypeVar

from corsbp.text import safe_repr

from .result import Answer, NoAnswer, Sent, StoppedError
from .short_text import shorten

T = TypeVar("T")
Exchanges: TypeAlias = Generator[Sent, Answer | NoAnswer, T]
"""Yields requests, is sent their responses, and returns a `T`."""


async def run_exchanges(exchanges: Exchanges[T], send: Callable[[Sent], Awaitable[Answer | NoAnswer]]) -> T:
    """Send each request, and return what the generator returns."""
    try:
        sent = next(exchanges)
        while True:
            sent = exchanges.send(await send(sent))
    except StopIteration as done:
        value: T = done.value
        return value


def exchange(request: Sent, log: list[Sent]) -> Exchanges[Answer]:
    """Send a request, and add it with its response to `log`. Raises StoppedError if there is no response."""
    answer = yield request
    # the log has requests without a response too
    if isinstance(answer, NoAnswer):
        log.append(request)
        reason = safe_repr(answer.reason)
        text = f"{request.method} {shorten(request.url)} got no response: {reason}"
        raise StoppedError("no-answer", text, "This is not about CORS: is the server running?")
    log.append(replace(request, answer=answer))
    return answer
